"""A post office of one's own: a real Postfix and a real Dovecot, in folders and on ports of theirs.

with PostOffice() as office:
    office.smtp      where it takes letters, as the setting `mail` has it
    office.mailbox() where they can be read, as the setting `mailbox` has it

`example.org` and `reader.example` have mailboxes, into which `+…` behind a name is delivered, too;
who is unknown there is refused. Letters to `gone.example` are taken and come back, because nobody
is there, and those to `full.example` because a mailbox is full.

Both need a user of their own each and the right to change to others, so whoever runs the tests must
be root (CI is); `needs_post` skips otherwise, or where they are not installed.
"""

from __future__ import annotations

import imaplib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Self

import pytest

PASSWORD = "correct-horse"  # noqa: S105
RETURNS = "returns@example.org"
"""Where bounces come to."""
BOXES = (RETURNS, "ada@reader.example", "ben@reader.example")
NOBODY = 65534
"""As whom letters are delivered and read."""
PATIENCE = 60
_PROGRAMS = ("postfix", "dovecot", "openssl")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
_reason = f"not installed: {', '.join(_missing)}" if _missing else "Postfix must be started as root"
needs_post = pytest.mark.skipif(bool(_missing) or os.geteuid() != 0, reason=_reason)

_MAIN = """
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/state
maillog_file = {place}/postfix.log
maillog_file_prefixes = {place}
myhostname = mx.example.org
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
recipient_delimiter = +
virtual_mailbox_domains = example.org, reader.example
virtual_mailbox_base = {place}/mail
virtual_mailbox_maps = texthash:{place}/boxes
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
transport_maps = texthash:{place}/transport
# Here it is known who is there; the others are found out about later.
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions = check_recipient_access texthash:{place}/known
notify_classes =
# All clients are this machine.
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""
_TRANSPORT = """
gone.example error:5.1.1 There is nobody of that name
full.example error:5.2.2 Mailbox full
"""
_KNOWN = """
example.org reject_unlisted_recipient
reader.example reject_unlisted_recipient
"""
_DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {place}/run
log_path = {place}/dovecot.log
ssl = yes
ssl_cert = <{place}/certificate.pem
ssl_key = <{place}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
mail_location = maildir:{place}/mail/%d/%n
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={nobody} gid={nobody} home={place}/mail/%d/%n
}}
"""


class PostOffice:
    """Both servers, running while the `with` block does."""

    def __init__(self) -> None:
        self._ports = _free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def smtp(self) -> str:
        """Return where letters are taken, as the setting `mail` has it."""
        return f"smtp://127.0.0.1:{self._ports[0]}"

    @property
    def smtp_port(self) -> int:
        """Return the port at which letters are taken."""
        return self._ports[0]

    def mailbox(self, box: str = RETURNS, *, tls: bool = False, folder: str = "") -> str:
        """Return where letters can be read, as the setting `mailbox` has it."""
        user = box.replace("@", "%40")
        scheme, port = ("imaps", self._ports[2]) if tls else ("imap", self._ports[1])
        return f"{scheme}://{user}@127.0.0.1:{port}{folder and '/' + folder}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Return what knows the certificate of the mailbox."""
        return ssl.create_default_context(cafile=self.place / "certificate.pem")

    def letters(
        self, box: str, folder: str = "INBOX", *, least: int = 0, which: str = "ALL"
    ) -> list[EmailMessage]:
        """Return what is in a folder of a mailbox, read over IMAP, once it is `least` letters."""
        found = self.raw(box, folder, least=least, which=which)
        return [message_from_bytes(data, policy=policy.default) for data in found]

    def raw(
        self, box: str, folder: str = "INBOX", *, least: int = 0, which: str = "ALL"
    ) -> list[bytes]:
        """Return the same, byte for byte."""
        until = time.monotonic() + PATIENCE
        while True:
            found = self._fetched(box, folder, which)
            if len(found) >= least:
                return found
            assert time.monotonic() < until, self.log
            time.sleep(0.05)

    def _fetched(self, box: str, folder: str, which: str) -> list[bytes]:
        with imaplib.IMAP4("127.0.0.1", self._ports[1], timeout=PATIENCE) as connection:
            connection.login(box, PASSWORD)
            if connection.select(f'"{folder}"', readonly=True)[0] != "OK":
                return []
            numbers = connection.search(None, which)[1][0].split()
            parts = [connection.fetch(n.decode(), "(BODY.PEEK[])")[1][0] for n in numbers]
        return [part[1] for part in parts]

    def clear(self) -> None:
        """Throw away all letters, and what waits to be delivered."""
        _run("postsuper", "-c", self.place / "postfix", "-d", "ALL")
        for folder in self.place.glob("mail/*/*/**/"):
            for file in folder.iterdir() if folder.name in {"new", "cur"} else ():
                file.unlink()

    @property
    def log(self) -> str:
        """Return what the servers told."""
        files = [self.place / "postfix.log", self.place / "dovecot.log"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.is_file())

    def __enter__(self) -> Self:
        # Short, since the address of a socket has 107 bytes at most; and others must look into it.
        self.place = Path(tempfile.mkdtemp(prefix="post-"))
        self.place.chmod(0o755)
        try:
            self._write()
            self._start("postfix", "-c", self.place / "postfix", "start-fg")
            self._start("dovecot", "-F", "-c", self.place / "dovecot.conf")
            for port in self._ports:
                self._wait_for(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The one that was started waits for another, which it made leader of a session.
        leader = self.place / "queue/pid/master.pid"
        with suppress(OSError, ValueError):
            os.kill(int(leader.read_text()), signal.SIGTERM)
        for process in self._processes[1:]:
            process.terminate()
        for process in self._processes:
            process.wait(PATIENCE)
        shutil.rmtree(self.place)

    def _write(self) -> None:
        place = self.place
        for folder in ("postfix", "queue", "state", "mail", "run"):
            (place / folder).mkdir()
        shutil.chown(place / "state", "postfix")
        os.chown(place / "mail", NOBODY, NOBODY)
        port, imap, imaps = self._ports
        boxes = "\n".join(f"{box} {'/'.join(reversed(box.split('@')))}/" for box in BOXES)
        files = {
            "postfix/main.cf": _MAIN.format(place=place, nobody=NOBODY),
            "postfix/master.cf": _MASTER.format(port=port),
            "boxes": boxes + "\n",
            "transport": _TRANSPORT.lstrip(),
            "known": _KNOWN.lstrip(),
            "dovecot.conf": _DOVECOT.format(
                place=place, port=imap, tls_port=imaps, password=PASSWORD, nobody=NOBODY
            ),
        }
        for name, text in files.items():
            (place / name).write_text(text)
        make_certificate(place / "certificate.pem", place / "key.pem")

    def _start(self, *words: object) -> None:
        with (self.place / "started.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(_found(*words), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            )

    def _wait_for(self, port: int) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    return
            told = (self.place / "started.log").read_text(errors="replace") + self.log
            assert all(process.poll() is None for process in self._processes), told
            assert time.monotonic() < until, told
            time.sleep(0.05)


def make_certificate(file: Path, key: Path) -> None:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    _run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", key, "-out", file,
    )  # fmt: skip


def _run(*words: object) -> None:
    subprocess.run(_found(*words), check=True, capture_output=True)


def _found(*words: object) -> list[str]:
    program, *rest = map(str, words)
    return [shutil.which(program, path=_PATH) or program, *rest]


def _free_ports(count: int) -> list[int]:
    asked = [socket.socket() for _ in range(count)]
    try:
        for one in asked:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in asked]
    finally:
        for one in asked:
            one.close()

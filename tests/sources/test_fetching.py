"""Links that strangers give: what is fetched, and all the ways in which nothing else is."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import BroadsheetError, RefusedError, SourceError
from broadsheet.sources import exchange
from broadsheet.sources.exchange import is_public
from broadsheet.sources.fetching import MAX_BYTES, MOST_REDIRECTS, Fetcher
from loopback import Loopback, Reply, bomb, html, json_reply, redirect

PAGE = html("<title>Kites</title>")
PRIVATE = "is not on the public internet"


@pytest.fixture
def server():
    """Give a server in real time."""
    with Loopback() as running:
        yield running


@pytest.fixture
def fetcher(server):
    """Return what may fetch from the server, and from nowhere else on this machine."""
    return Fetcher("1.2", trusted=[server.url], whole_s=3)


@pytest.fixture
def names(monkeypatch):
    """Return the addresses by name that a name server of ours gives, each time the next."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def resolve(host, port, *rest: object, **more: object):
        if host not in known:
            return ask(host, port, *rest, **more)
        found = known[host]
        place = found.pop(0) if len(found) > 1 else found[0]
        return ask(place, port, *rest, **more)

    monkeypatch.setattr(exchange.socket, "getaddrinfo", resolve)
    return known


# ------------------------------------------------------------------ what is fetched


def test_a_page_is_fetched_and_little_is_told_of_us(fetcher, server):
    """We say who we are; nobody's cookies, keys or proxies go along."""
    server.route("/a", PAGE)
    found = fetcher.fetch(f"{server.url}/a?x=ü#part")

    assert (found.url, found.body, found.is_json) == (
        f"{server.url}/a?x=ü#part", PAGE.body, False,
    )  # fmt: skip
    asked = server.log[0]
    assert asked.query == {"x": "ü"}
    assert asked.headers["user-agent"] == "Broadsheet/1.2"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_json_is_known_as_such(fetcher, server):
    """Metadata is not always on a page."""
    server.route("/a", json_reply({"name": "Kites"}))
    assert fetcher.fetch(f"{server.url}/a").is_json


def test_compressed_pages_are_read(fetcher, server):
    """As most are sent."""
    server.route("/a", html(b"<title>Kites</title>", gzip=True))
    assert fetcher.fetch(f"{server.url}/a").body == b"<title>Kites</title>"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(fetcher, server, status):
    """The answer says where it came from in the end."""
    server.route("/a", redirect("b", status))
    server.route("/b", PAGE)
    assert fetcher.fetch(f"{server.url}/a").url == f"{server.url}/b"


def test_a_name_is_sent_though_an_address_is_asked(server, names):
    """Hosts of many names must know which is meant."""
    names["kites.example"] = ["127.0.0.1"]
    server.route("/a", PAGE)
    url = f"http://kites.example:{server.port}"
    Fetcher("1", trusted=[url]).fetch(f"{url}/a")

    assert server.log[0].headers["host"] == f"kites.example:{server.port}"


def test_no_proxy_is_asked(fetcher, server, monkeypatch):
    """What resolves names for us could resolve them to anything."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    server.route("/a", PAGE)
    assert fetcher.fetch(f"{server.url}/a").body == PAGE.body


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    """Give the port of a server that shows a certificate of kites.example, which we trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kites.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("kites.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "server.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(file)
    trust = ssl.create_default_context(cafile=file)
    monkeypatch.setattr(exchange, "_certificates", lambda: trust)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer_sealed, args=(listening, own))
        thread.start()
        yield listening.getsockname()[1]
        socket.create_connection(listening.getsockname()).close()
        thread.join()


def _answer_sealed(listening: socket.socket, own: ssl.SSLContext) -> None:
    """Answer until somebody comes who says nothing."""
    body = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nok"
    while True:
        met, _ = listening.accept()
        with met:
            if not met.recv(1, socket.MSG_PEEK):
                return
            try:
                with own.wrap_socket(met, server_side=True) as line:
                    line.recv(4096)
                    line.sendall(body)
            except OSError:
                continue


def test_a_certificate_is_held_against_the_name(sealed, names):
    """Not against the address that is connected to."""
    names["kites.example"] = names["other.example"] = ["127.0.0.1"]
    urls = [f"https://{name}:{sealed}" for name in ("kites.example", "other.example")]
    fetcher = Fetcher("1", trusted=urls)

    assert fetcher.fetch(urls[0]).body == b"ok"
    with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
        fetcher.fetch(urls[1])


# ------------------------------------------------------------------ where nobody gets


HIDDEN = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0", "0.0.0.0",  # noqa: S104
    "localhost", "localhost.", "LOCALHOST", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "2852039166", "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
    "[2002:7f00:1::]", "[2001:0:1::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", HIDDEN)
def test_no_private_address_is_asked(host, monkeypatch):
    """However it is spelt; no connection is even begun."""

    def connect(*_: object) -> None:
        raise AssertionError("a connection was begun")

    monkeypatch.setattr(socket.socket, "connect", connect)
    for scheme in ("http", "https"):
        with pytest.raises(BroadsheetError, match=f"{PRIVATE}|does not resolve"):
            Fetcher("1").fetch(f"{scheme}://{host}/latest/meta-data/")


@pytest.mark.parametrize("host", HIDDEN)
def test_no_redirect_leads_to_one(fetcher, server, host):
    """Each step is looked at anew."""
    server.route("/a", redirect(f"http://{host}/latest/meta-data/"))
    with pytest.raises(BroadsheetError, match=f"{PRIVATE}|does not resolve"):
        fetcher.fetch(f"{server.url}/a")

    assert len(server.log) == 1


def test_nobody_learns_where_a_name_leads(names):
    """The answer must not be a way to look into a net that is not one's own."""
    names["intern.example"] = ["10.20.30.40"]
    with pytest.raises(RefusedError) as caught:
        Fetcher("1").fetch("http://intern.example/")

    assert PRIVATE in str(caught.value)
    assert "10.20" not in str(caught.value)


def test_a_name_of_several_addresses_must_have_only_public_ones(monkeypatch):
    """One private address among them is one too many."""
    places = [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("127.0.0.1")]
    monkeypatch.setattr(exchange, "_resolved", lambda _: places)
    with pytest.raises(RefusedError, match=PRIVATE):
        Fetcher("1").fetch("http://kites.example/")


def test_a_name_that_changes_its_mind_leads_nowhere_else(names, monkeypatch):
    """The very address that was looked at is connected to; the name is not asked again."""
    names["rebind.example"] = ["8.8.8.8", "127.0.0.1"]
    begun = []

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        begun.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(SourceError, match="cannot be reached"):
        Fetcher("1").fetch("http://rebind.example/")

    assert begun == [("8.8.8.8", 80)]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "no address of http"),
        ("gopher://127.0.0.1/", "no address of http"),
        ("ftp://kites.example/", "no address of http"),
        ("//kites.example/", "no address of http"),
        ("", "no address of http"),
        ("http://", "no address of http"),
        ("http://[", "no address of http|cannot be read"),
        ("http://a:b/", "no address of http"),
        ("http://kites.example:8080/", "at a port"),
        ("https://kites.example:80/", "at a port"),
        ("http://kites.example:22/", "at a port"),
        ("http://user:pass@kites.example/", "a name or a password"),
        ("http://kites.example@127.0.0.1/", "a name or a password"),
        ("http://kites.example/\r\nX-Evil: 1", "no address of http"),
        ("http://kites.example/" + "a" * 3000, "no address of http"),
    ],
)
def test_what_is_no_plain_address_is_refused(url, says):
    """Before any name is resolved."""
    with pytest.raises(RefusedError, match=says):
        Fetcher("1").fetch(url)


def test_a_port_of_ours_is_not_reached(server):
    """Not by its number, not by a redirect."""
    with Loopback() as other:
        server.route("/a", redirect(f"{other.url}/b"))
        with pytest.raises(RefusedError, match="at a port"):
            Fetcher("1", trusted=[server.url]).fetch(f"{server.url}/a")
        with pytest.raises(RefusedError, match="at a port"):
            Fetcher("1").fetch(f"{other.url}/b")

        assert other.log == []


@given(st.ip_addresses())
def test_no_public_address_is_one_that_python_calls_private(address):
    """Our rule is no wider than the tables of IANA."""
    assert not is_public(address) or address.is_global


# ------------------------------------------------------------------ how much, how long


def test_a_body_without_end_is_left(fetcher, server):
    """A gigabyte that is promised, and one that is simply sent."""
    server.route("/a", html(b"a" * (MAX_BYTES + 1)))
    server.route("/b", html(b"a" * (2 * MAX_BYTES), is_chunked=True))
    server.route("/c", html(b"a" * (2 * MAX_BYTES), length=10**9))
    for path in "abc":
        with pytest.raises(SourceError, match="more than 2 MB"):
            fetcher.fetch(f"{server.url}/{path}")


def test_a_bomb_does_not_go_off(fetcher, server):
    """What becomes very much is decompressed only as far as it may be."""
    server.route("/a", bomb(20))
    with pytest.raises(SourceError, match="more than 2 MB"):
        fetcher.fetch(f"{server.url}/a")


@pytest.mark.parametrize("how", [{"drip_s": 0.02}, {"drip_s": 0.02, "drip_headers": True}])
def test_an_answer_that_drips_is_left(server, how):
    """Each byte comes in time, and all of it never."""
    server.route("/a", html(b"a" * 1000, **how))
    with pytest.raises(SourceError, match=r"took longer than 0\.\d+ seconds"):
        Fetcher("1", trusted=[server.url], whole_s=0.3).fetch(f"{server.url}/a")


def test_redirects_share_one_time(server):
    """Whoever sends us around does not get more of it."""
    now = iter(range(0, 100, 4))
    server.route("/a", redirect("/a"))
    fetcher = Fetcher("1", trusted=[server.url], clock=lambda: float(next(now)))
    with pytest.raises(SourceError, match="took longer than 10 seconds"):
        fetcher.fetch(f"{server.url}/a")

    assert len(server.log) == 2


def test_redirects_end(fetcher, server):
    """A circle is left."""
    server.route("/a", redirect("/a"))
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        fetcher.fetch(f"{server.url}/a")

    assert len(server.log) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(b"%PDF-1.7", content_type="application/pdf"), "no page but application/pdf"),
        (Reply(b"x", content_type="image/png"), "no page but image/png"),
        (Reply(b"x", content_type=""), "no page but something of no kind"),
        (html("gone", 404), "answered with 404"),
        (html("no", 500), "answered with 500"),
        (html("x", headers={"Content-Encoding": "br"}), "in the encoding 'br'"),
        (html("x" * 20, headers={"Content-Encoding": "gzip"}), "damaged"),
        (html("x" * 100, cut_after=10), "broke off"),
        (html("x", hang_up=True), "broke the connection"),
        (redirect("http://[/"), "no address"),
        (redirect("file:///etc/passwd"), "no address of http"),
    ],
)
def test_what_is_no_page_is_not_taken(fetcher, server, reply, says):
    """And it is said what it was."""
    server.route("/a", reply)
    with pytest.raises((SourceError, RefusedError), match=says):
        fetcher.fetch(f"{server.url}/a")


def test_nothing_is_remembered(fetcher, server):
    """A cookie that is set is not sent."""
    server.route("/a", redirect("/b", **{"Set-Cookie": "a=1; Path=/"}))
    server.route("/b", PAGE)
    fetcher.fetch(f"{server.url}/a")
    fetcher.fetch(f"{server.url}/b")

    assert all("cookie" not in asked.headers for asked in server.log)

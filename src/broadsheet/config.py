"""The one table of settings, and how their values are found: flag, environment, file, default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import platformdirs

from broadsheet.errors import ConfigError

PREFIX = "BROADSHEET_"
FILE_NAME = "broadsheet.toml"
OPENAI = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"
MAIL_PASSWORD = "BROADSHEET_MAIL_PASSWORD"  # noqa: S105 (the name of a variable)
MAILBOX_PASSWORD = "BROADSHEET_MAILBOX_PASSWORD"  # noqa: S105 (likewise)


class Setting(NamedTuple):
    """One setting: `read` turns its text into the value, or raises ValueError saying why not.

    A value that cannot be used is not shown where it may hold what is secret (`is_shown`).
    """

    name: str
    read: Callable[[str], Any]
    default: Any
    help: str
    is_shown: bool = True


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("is empty")
    return Path(text).expanduser().absolute()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return read


def _embedder(text: str) -> str:
    kind, _, name = text.partition(":")
    if text != "static" and not (kind in {"transformers", "openai"} and name.strip()):
        raise ValueError("must be static, transformers:PATH_OR_NAME or openai:MODEL")
    return text


def _deep(text: str) -> str:
    kind, _, name = text.partition(":")
    if text and not (kind in {"onnx", "transformers"} and name.strip()):
        raise ValueError("must be onnx:FOLDER, transformers:PATH_OR_NAME, or nothing")
    return text


def _fraction(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 1:  # noqa: PLR2004 (also refuses what is no number)
        raise ValueError("must be between 0.01 and 1")
    return value


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address alone; a key belongs into an environment variable")
    return text.rstrip("/")


def _variable(text: str) -> str:
    # Keys have small letters in them; whoever writes one here should not see it in `config`.
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*|", text):
        raise ValueError("must be the NAME of an environment variable, in capitals, not the key")
    return text


def _price(text: str) -> float | str:
    if not text:
        return ""
    value = float(text)
    if not 0 <= value <= 1000:  # noqa: PLR2004 (also refuses what is no number)
        raise ValueError("must be dollars for a million tokens, or nothing if they are not known")
    return value


def _names(text: str) -> str:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
            raise ValueError(f"{name!r} is no host name; write names alone, with commas between")
    return ",".join(names)


def _contact(text: str) -> str:
    # It goes into a header, so it must be one word.
    if text and not re.fullmatch(r"[^\s@<>()\x00-\x1f]+@[A-Za-z0-9.-]+", text, re.ASCII):
        raise ValueError("must be a mail address")
    return text


def _returns(text: str) -> str:
    # With + and a token of up to 51 characters behind it a name has the 64 that RFC 5321 allows.
    if text and not re.fullmatch(r"[A-Za-z0-9._-]{1,12}@[A-Za-z0-9.-]+", text):
        raise ValueError(
            "must be a mail address, with 1 to 12 letters, digits, dots or hyphens before its @"
        )
    return text


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return text

    return read


def _address(text: str) -> str:
    return _url(text) if text else ""


def _issuer(text: str) -> str:
    # It is compared letter by letter with what the issuer says, a slash at its end included.
    if text:
        _url(text)
        if not is_protected(text):
            raise ValueError("must be an https:// address")
    return text


def is_protected(url: str) -> bool:
    """Return whether nobody on the way can read what is sent there: https, or this machine."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine."""
    is_one = re.fullmatch(r"127(\.\d{1,3}){3}", host, re.ASCII)
    return host in {"localhost", "::1"} or bool(is_one)


def _mail(text: str) -> str:
    if not text or re.fullmatch(r"(folder|sendmail):.+", text):
        return text
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError(
            "must be smtp://[USER@]HOST[:PORT], smtps://…, sendmail:PATH or folder:PATH"
        )
    if parts.password is not None or parts.fragment or parts.port == 0:
        raise ValueError("must be an address alone; the password is an environment variable's")
    if parts.query not in {"", "tls=starttls", "tls=none"} or (parts.query and text[4] == "s"):
        raise ValueError("can have ?tls=starttls or ?tls=none behind it, and smtps:// nothing")
    if parts.username and parts.query == "tls=none" and not is_loopback(parts.hostname):
        raise ValueError("sends no password unprotected to another machine: leave ?tls=none out")
    return text


def _mailbox(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username):
        raise ValueError("must be imaps://USER@HOST[:PORT][/FOLDER]")
    if parts.password is not None or parts.fragment or parts.query or (text and parts.port == 0):
        raise ValueError("must be an address alone; the password is an environment variable's")
    if parts.scheme == "imap" and not is_loopback(parts.hostname or ""):
        raise ValueError("sends no password unprotected to another machine: use imaps://")
    return text


def _sender(text: str) -> str:
    _, mark, rest = text.rpartition("<")
    if mark and (rest == ">" or not rest.endswith(">") or not text.isprintable()):
        raise ValueError("must be ADDRESS or NAME <ADDRESS>")
    _contact(rest.removesuffix(">") if mark else text)
    return text


def _switch(text: str) -> str:
    words = {"on": "on", "true": "on", "off": "off", "false": "off"}
    if text.lower() not in words:
        raise ValueError("must be on or off")
    return words[text.lower()]


SETTINGS = (
    Setting(
        "home",
        _folder,
        Path(platformdirs.user_data_dir("broadsheet", appauthor=False)),
        "The folder with the collection and its index.",
    ),
    Setting("host", str, "127.0.0.1", "The address that `serve` listens on."),
    Setting(
        "port", _whole(0, 65535), 8620, "The port that `serve` listens on; 0 takes a free one."
    ),
    Setting(
        "names",
        _names,
        "",
        "Host names, besides localhost, under which `serve` takes decisions; commas between them.",
    ),
    Setting(
        "mode",
        _one_of("hybrid", "text", "vector"),
        "hybrid",
        "How to search when nothing is said: hybrid, text or vector.",
    ),
    Setting("page_size", _whole(1, 100), 20, "How many papers a page of results shows."),
    Setting(
        "embedder",
        _embedder,
        "static",
        "What turns texts into vectors: static, transformers:PATH_OR_NAME or openai:MODEL.",
    ),
    Setting(
        "embedder_url",
        _url,
        OPENAI,
        "The address of an openai: embedder, to which /embeddings is added.",
        is_shown=False,
    ),
    Setting(
        "embedder_key_variable",
        _variable,
        OPENAI_KEY,
        "The environment variable with the key; this one is only for the default address.",
        is_shown=False,
    ),
    Setting(
        "embedder_price",
        _price,
        "",
        "What a million tokens cost, in dollars: 0 is for nothing, unset is not known.",
    ),
    Setting(
        "embedder_dimensions",
        _whole(0, 8192),
        0,
        "How many numbers a vector shall have; 0 leaves it to the model.",
    ),
    Setting(
        "embedder_longest",
        _whole(16, 1_000_000),
        8000,
        "So many tokens of a text are sent at most.",
    ),
    Setting("embedder_batch", _whole(1, 2048), 128, "So many texts are sent in a request at most."),
    Setting("embedder_requests", _whole(1, 64), 4, "So many requests are under way at a time."),
    Setting(
        "embedder_per_minute", _whole(0, 100_000), 0, "Requests a minute at most; 0 is no limit."
    ),
    Setting("embedder_timeout_s", _whole(1, 3600), 60, "Seconds until a request counts as failed."),
    Setting(
        "embedder_unasked",
        _whole(0, 1_000_000),
        1000,
        "So many papers are embedded right after they are filed, if the model is slow or paid.",
    ),
    Setting(
        "deep",
        _deep,
        "",
        "The model of the deep tier: onnx:FOLDER or transformers:PATH_OR_NAME; nothing is off.",
    ),
    Setting(
        "deep_share",
        _fraction,
        0.5,
        "How much of one core's time the deep tier may take while `serve` runs.",
    ),
    Setting(
        "contact",
        _contact,
        "",
        "Your mail address: sources are told it, so that they can write before they shut you out.",
    ),
    Setting(
        "schedule", _switch, "on", "Whether `serve` harvests the enabled sources when they are due."
    ),
    Setting("harvest_minutes", _whole(1, 1440), 30, "No harvest of a source takes longer."),
    Setting(
        "enrich_papers",
        _whole(1, 100_000),
        500,
        "About so many papers a source is asked in one run, for citations, stars and summaries.",
    ),
    Setting(
        "shared",
        _switch,
        "off",
        "Whether there are accounts: off is for one reader, without a login, on this machine.",
    ),
    Setting(
        "public", _switch, "off", "Whether everybody may read what is shared, without an account."
    ),
    Setting(
        "sign_up",
        _one_of("open", "invited", "closed"),
        "invited",
        "Who may make an account: everybody (open), those with an invitation, or nobody (closed).",
    ),
    Setting(
        "address",
        _address,
        "",
        "The address at which readers reach what is shared, for links in letters and feeds.",
    ),
    Setting(
        "mail",
        _mail,
        "",
        "What sends mail: smtp://[USER@]HOST[:PORT], smtps://…, sendmail:PATH or folder:PATH.",
        is_shown=False,
    ),
    Setting("mail_from", _sender, "", "Whom letters are from: ADDRESS or NAME <ADDRESS>."),
    Setting(
        "mail_password_variable",
        _variable,
        MAIL_PASSWORD,
        "The environment variable with the password of the user in `mail`.",
        is_shown=False,
    ),
    Setting(
        "mail_connections", _whole(1, 64), 4, "Connections to the mail server at a time, at most."
    ),
    Setting(
        "mail_per_minute", _whole(0, 1_000_000), 0, "Digests sent a minute, at most; 0 is no limit."
    ),
    Setting(
        "mail_domain_connections",
        _whole(1, 64),
        2,
        "Digests to one domain that are handed over at the same time, at most.",
    ),
    Setting(
        "mail_domain_per_minute",
        _whole(0, 1_000_000),
        0,
        "Digests sent to one domain a minute, at most; 0 is no limit.",
    ),
    Setting(
        "mail_unknown",
        _one_of("keep", "resend"),
        "keep",
        "What to do when nobody knows whether a digest was taken: keep it so, or send it again.",
    ),
    Setting(
        "mail_return",
        _returns,
        "",
        "The address that bounces and unsubscribing letters come to, with +… added to its name.",
    ),
    Setting(
        "mailbox",
        _mailbox,
        "",
        "The mailbox where they can be read: imaps://USER@HOST[:PORT][/FOLDER].",
        is_shown=False,
    ),
    Setting(
        "mailbox_password_variable",
        _variable,
        MAILBOX_PASSWORD,
        "The environment variable with the password of the user in `mailbox`.",
        is_shown=False,
    ),
    Setting("dkim_key", str, "", "A file with a private key (PEM) that digests are signed with."),
    Setting("dkim_selector", str, "", "The selector under which DNS has the public key to it."),
    Setting(
        "deliver", _switch, "on", "Whether `serve` composes and sends digests when they are due."
    ),
    Setting(
        "digest_wait_minutes",
        _whole(0, 720),
        60,
        "So long a digest waits for sources that are late, and is then sent with a notice.",
    ),
    Setting(
        "subscribe",
        _one_of("everybody", "readers"),
        "everybody",
        "Who may subscribe to digests: everybody who may read, or only those with an account.",
    ),
    Setting(
        "hooks_inside",
        _switch,
        "off",
        "Whether hooks may post to this machine and to private networks.",
    ),
    Setting("websub_hub", _address, "", "A WebSub hub that is told when a feed has changed."),
    Setting(
        "openid_issuer",
        _issuer,
        "",
        "Who else may say who a reader is: an OpenID Connect issuer, such as https://orcid.org.",
    ),
    Setting("openid_client", str, "", "The client id that the issuer knows this collection by."),
    Setting("openid_name", str, "", "What the issuer is called on the pages; else its host."),
    Setting(
        "submit_role",
        _one_of("reader", "curator"),
        "reader",
        "Who may submit papers: every reader, or every curator.",
    ),
    Setting("submit_per_day", _whole(1, 1000), 5, "Papers that a reader may submit in a day."),
    Setting(
        "submit_oldest_days",
        _whole(0, 100_000),
        0,
        "No paper announced longer ago may be submitted; 0 is no limit.",
    ),
    Setting(
        "picks_first", _switch, "on", "Whether what curators picked stands first in an edition."
    ),
    Setting(
        "state",
        _folder,
        Path(platformdirs.user_state_dir("broadsheet", appauthor=False)),
        "The folder by which all collections on a machine take turns at the hosts of sources.",
    ),
)
SOURCES = "sources"
"""The table of the file that has a table for each source: `[sources.arxiv]`."""


class Value(NamedTuple):
    """A setting's value and where it came from, in words."""

    value: Any
    origin: str


Config = dict[str, Value]


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], text: str | None = None, file: str = ""
) -> Config:
    """Return the value of every setting with its origin; the first that has one wins.

    `flags` holds what the command line said, `text` the TOML in `file`. Raises ConfigError that
    names the setting and the origin of a value that cannot be used, and unknown names in the file.
    """
    in_file = _read_file(text, file) if text is not None else {}
    return {s.name: _value(s, flags, environ, in_file, file) for s in SETTINGS}


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: str,
) -> Value:
    name, variable = setting.name, f"{PREFIX}{setting.name.upper()}"
    candidates = (
        (flags.get(name), f"--{name.replace('_', '-')}"),
        (environ.get(variable), variable),
        (in_file.get(name), file),
    )
    for raw, origin in candidates:
        if raw is not None:
            return Value(_read(setting, str(raw), origin), origin)
    return Value(setting.default, "default")


def _read(setting: Setting, raw: str, origin: str) -> Any:
    try:
        return setting.read(raw)
    except ValueError as error:
        if not setting.is_shown:
            # Nor may the text of the cause show it.
            raise ConfigError(f"{setting.name} (from {origin}): {error}") from None
        raise ConfigError(f"{setting.name} = {raw!r} (from {origin}): {error}") from error


def _read_file(text: str, file: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    # The file lies in the home, so it cannot say where the home is.
    names = [s.name for s in SETTINGS if s.name != "home"]
    unknown = sorted(set(found) - {*names, SOURCES})
    if unknown:
        known = ", ".join(names)
        raise ConfigError(f"{file}: unknown setting {unknown[0]!r}; there are {known}")
    return found


def source_tables(text: str, file: str) -> dict[str, dict[str, Any]]:
    """Return what the TOML in `file` says of each source, `[sources.NAME]`, as it stands there.

    Raises ConfigError where it is no table of tables; what is in them is for the sources to say.
    """
    found = _read_file(text, file).get(SOURCES, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: sources is no table; write [sources.arxiv]")
    for name, table in found.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: sources.{name} is no table; write [sources.{name}]")
    return found

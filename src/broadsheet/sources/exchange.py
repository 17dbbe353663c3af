"""One request and its answer, within limits: of time, of size, and of where it may go.

Nothing here waits or tries again. A connection serves one request and is closed with its answer,
so that a host never sees two of them.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from broadsheet.errors import SourceError

if TYPE_CHECKING:
    import ssl

    import httpx2

_PORTS = {"http": 80, "https": 443}
_GZIP = zlib.MAX_WBITS | 16
_HIDDEN = re.compile(
    r"key|token|secret|auth|passw|signature|credential|cookie|mailto|email|^sig$", re.IGNORECASE
)
_BROKE_OFF = "broke off in the middle of its answer"
_LONGEST_SHOWN = 120
_SHORTEST_SECRET = 4
_PLATFORM = ipaddress.ip_address("168.63.129.16")
"""Azure's own: it answers the machines of that cloud alone, though its number is a public one."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Broken(Exception):  # noqa: N818 (never leaves this package)
    """No whole answer came, which may pass: the text ends a sentence that names the host."""


class NotPublic(SourceError):  # noqa: N818 (named for what it says)
    """An address is neither on the public internet nor one that is trusted."""


class Origin(NamedTuple):
    """Host and port of an address, in small letters."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return that of a URL, or of `host:port`; raises ValueError for anything else."""
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        if not host or port is None:
            raise ValueError(f"{url!r} is no address of http or https")
        return cls(host.rstrip("."), port)


def origins(addresses: Collection[str]) -> set[Origin]:
    """Return the origins of those that are addresses; what is none cannot be asked anyway."""
    found = set()
    for address in addresses:
        with suppress(ValueError):
            found.add(Origin.of(address))
    return found


class RawAnswer(NamedTuple):
    """What came back: any status, names of headers in small letters, the body decompressed."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each step may take, how long all of it, and how long the body may be."""

    step_s: float
    whole_s: float
    max_bytes: int


class Exchange:
    """Sends requests one at a time; `trusted` are origins that need not be public.

    One that `is_direct` asks no proxy, and connects to the very address that was looked at.
    """

    def __init__(
        self,
        source: str,
        limits: Limits,
        trusted: Collection[Origin],
        *,
        is_direct: bool = False,
    ) -> None:
        self._source = source
        self._limits = limits
        self._trusted = frozenset(trusted)
        self._is_direct = is_direct
        self._transports: dict[str, httpx2.HTTPTransport] = {}

    def close(self) -> None:
        """Close what is open."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def check(self, url: str) -> None:
        """Raise SourceError if an address must not be asked, which is neither public nor trusted.

        Raises Broken if its name cannot be resolved, which may pass.
        """
        origin = self._origin(url)
        if origin in self._trusted:
            return
        if self._proxy(url) and not _is_address(origin.host):
            return  # only the proxy can resolve names
        self._addresses(url)

    def _addresses(self, url: str) -> list[_Address]:
        """Return the addresses of a URL's host, all of which may be asked; raises as `check`."""
        origin = self._origin(url)
        found = _resolved(origin)
        for address in found:
            if origin not in self._trusted and not is_public(address):
                says = f"is at {address}, not on the public internet"
                raise self._error(url, says, NotPublic)
        return found

    def _proxy(self, url: str) -> str:
        return "" if self._is_direct else _proxy(url)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> RawAnswer:
        """Return the answer to one request, redirects and refusals as they came.

        Raises Broken if none came or not all of it, SourceError if it must not be read.
        """
        import httpx2  # noqa: PLC0415 (a tenth of a second)

        watch = _Watch(self._limits.whole_s, self._guard(url))
        extensions = {
            "timeout": httpx2.Timeout(self._limits.step_s).as_dict(),
            "trace": watch.trace,
        }
        place, told = self._placed(url) if self._is_direct else (url, {})
        if told:
            extensions["sni_hostname"] = _ascii(self._origin(url).host)
        try:
            request = httpx2.Request(
                method, place, headers={**headers, **told}, content=content, extensions=extensions
            )
        except (httpx2.InvalidURL, ValueError, TypeError):
            raise self._error(
                url, "cannot be asked: the address or a header is malformed"
            ) from None
        with watch:
            try:
                return self._sent(request, url)
            except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError):
                # What it says may hold a header with a key.
                raise self._error(url, "cannot be asked: the request is malformed") from None
            except (httpx2.TransportError, zlib.error, OSError) as error:
                if watch.is_up:
                    limit = f"{self._limits.whole_s:.3g}"
                    raise Broken(f"took longer than {limit} seconds to answer") from error
                raise Broken(_reason(error)) from error

    def _placed(self, url: str) -> tuple[str, dict[str, str]]:
        """Return a URL with an address in the place of its host's name, and the header for that.

        Nobody can let the name lead elsewhere between the look and the connection.
        """
        address = min(self._addresses(url), key=lambda a: a.version)
        parts, origin = urlsplit(url), self._origin(url)
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 (IPv6)
        place = parts._replace(netloc=f"{host}:{origin.port}", fragment="")
        name = f"[{origin.host}]" if ":" in origin.host else _ascii(origin.host)
        is_usual = origin.port == _PORTS[parts.scheme]
        return urlunsplit(place), {"host": name if is_usual else f"{name}:{origin.port}"}

    def _sent(self, request: httpx2.Request, url: str) -> RawAnswer:
        transport = self._transport(self._proxy(url))
        response = transport.handle_request(request)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            url = url if self._is_direct else str(request.url)
            body = self._body(url, headers, response.iter_raw())
            return RawAnswer(url, response.status_code, headers, body)
        finally:
            response.close()

    def _body(self, url: str, headers: Mapping[str, str], pieces: Iterator[bytes]) -> bytes:
        coding = headers.get("content-encoding", "").strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip"}:
            raise self._error(url, f"answered in the encoding {coding[:40]!r}, not asked for")
        longest = self._limits.max_bytes
        inflating = Inflating(longest) if coding.endswith("gzip") else None
        body, sent = bytearray(), 0
        for piece in pieces:
            sent += len(piece)
            body += inflating.feed(piece) if inflating else piece
            if max(sent, len(body)) > longest:
                raise self._error(url, f"answered with more than {longest / 1e6:g} MB")
        if inflating and sent and not inflating.is_whole:
            raise Broken(_BROKE_OFF)
        return bytes(body)

    def _guard(self, url: str) -> Any:
        """Return what looks at the address that was really connected to."""
        origin = self._origin(url)
        is_free = origin in self._trusted or bool(self._proxy(url))

        def guard(connected: tuple[Any, ...]) -> None:
            # A name may resolve to something else the second time.
            if not is_free and not is_public(_address(str(connected[0]))):
                says = f"led to {connected[0]}, not on the public internet"
                raise self._error(url, says, NotPublic)

        return guard

    def _transport(self, proxy: str) -> httpx2.HTTPTransport:
        import httpx2  # noqa: PLC0415 (a tenth of a second)

        if proxy not in self._transports:
            limits = httpx2.Limits(max_connections=1, max_keepalive_connections=0)
            try:
                transport = httpx2.HTTPTransport(
                    verify=_certificates(), proxy=proxy or None, limits=limits
                )
            except (ImportError, ValueError) as error:
                says = f"the proxy of the environment cannot be used: {type(error).__name__}"
                raise SourceError(says, source=self._source) from None
            self._transports[proxy] = transport
        return self._transports[proxy]

    def _origin(self, url: str) -> Origin:
        if urlsplit(url).scheme not in _PORTS:
            raise self._error(url, "is no address of http or https")
        try:
            return Origin.of(url)
        except ValueError:
            raise self._error(url, "is no address of http or https") from None

    def _error(self, url: str, says: str, kind: type[SourceError] = SourceError) -> SourceError:
        return kind(f"{shown(url)} {says}", source=self._source)


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom we believe that they are who they say; reading that takes a while."""
    import httpx2  # noqa: PLC0415 (a tenth of a second)

    return httpx2.create_ssl_context()


class Inflating:
    """Decompresses gzip piece by piece, to little more than `longest` bytes in all."""

    def __init__(self, longest: int) -> None:
        self._left = longest
        self._member = zlib.decompressobj(_GZIP)
        self.is_whole = False

    def feed(self, piece: bytes) -> bytes:
        """Return what a piece becomes, cut where the limit is passed; raises zlib.error."""
        made = bytearray()
        while piece and self._left >= 0:
            if self.is_whole:
                # A further member may follow (RFC 1952); zeros are padding.
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                self._member, self.is_whole = zlib.decompressobj(_GZIP), False
            part = self._member.decompress(piece, self._left + 1)
            made += part
            self._left -= len(part)
            self.is_whole = self._member.eof
            piece = self._member.unused_data if self.is_whole else self._member.unconsumed_tail
        return bytes(made)


class _Watch:
    """Ends an exchange that takes too long altogether, however it drips, by closing its socket."""

    def __init__(self, whole_s: float, guard: Any) -> None:
        self._timer = threading.Timer(whole_s, self._end)
        self._timer.daemon = True
        self._guard = guard
        self._socket: socket.socket | None = None
        self.is_up = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._socket = None

    def trace(self, event: str, told: Mapping[str, Any]) -> None:
        """Look at each new connection before anything is sent through it."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        stream = told["return_value"]
        try:
            self._socket = stream.get_extra_info("socket")
            if event.endswith("connect_tcp.complete"):
                self._guard(stream.get_extra_info("server_addr"))
        except BaseException:
            stream.close()
            raise
        if self.is_up:
            self._end()

    def _end(self) -> None:
        self.is_up = True
        if (open_socket := self._socket) is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes away what the other thread is reading with.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


# ---------------------------------------------------------------------------- addresses


def is_public(address: _Address) -> bool:
    """Return whether an address belongs to the public internet, and not to this machine or net."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
        if address.is_site_local:
            return False
    is_special = address.is_multicast or address.is_reserved or address == _PLATFORM
    return address.is_global and not is_special


def _resolved(origin: Origin) -> list[_Address]:
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Broken("cannot be found: its name does not resolve") from error
    return [_address(str(place[4][0])) for place in found]


def _address(text: str) -> _Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _ascii(host: str) -> str:
    """Return the name of a host as it is sent (IDNA)."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _is_address(host: str) -> bool:
    try:
        _address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return True


def _proxy(url: str) -> str:
    """Return the proxy that the environment names for a URL, "" where there is none."""
    import urllib.request  # noqa: PLC0415 (slow, and only who asks needs it)

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not found or host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    if urllib.request.proxy_bypass(host):
        return ""
    return found if "://" in found else f"http://{found}"


def with_params(url: str, params: Mapping[str, str | int] | None) -> str:
    """Return a URL with more parameters, those it has kept as they are."""
    if not params:
        return url
    parts = urlsplit(url)
    more = urlencode(params, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, more]))))


# ---------------------------------------------------------------------------- what may be shown


def shown(url: str) -> str:
    """Return a URL as people may see it: without keys, addresses of people, and not too long."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    query = "&".join(
        f"{name}={'…' if is_secret(name) else quote(value, safe=':/,*')}"
        for name, value in _pairs(parts)
    )
    host = parts.netloc.rpartition("@")[2]
    whole = urlunsplit((parts.scheme, host, parts.path, query, ""))
    return whole if len(whole) <= _LONGEST_SHOWN else whole[: _LONGEST_SHOWN - 1] + "…"


def secrets_of(url: str, headers: Mapping[str, str]) -> list[str]:
    """Return the texts of a request that must never be shown, longest first."""
    told = [*_pairs(urlsplit(url)), *headers.items()]
    values = {value for name, value in told if is_secret(name)}
    words = {
        word
        for value in values
        for word in (value, *value.split())
        if len(word) >= _SHORTEST_SECRET
    }
    return sorted(words, key=len, reverse=True)


def is_secret(name: str) -> bool:
    """Return whether what a header or parameter of this name holds is nobody's business."""
    return bool(_HIDDEN.search(name))


def without(text: str, secrets: Collection[str]) -> str:
    """Return a text with all secrets blotted out."""
    for secret in secrets:
        text = text.replace(secret, "…").replace(quote(secret, safe=""), "…")
    return text


def _pairs(parts: SplitResult) -> list[tuple[str, str]]:
    return parse_qsl(parts.query, keep_blank_values=True)


def _reason(error: Exception) -> str:
    import httpx2  # noqa: PLC0415 (a tenth of a second)

    says: dict[type[Exception], str] = {
        httpx2.ConnectTimeout: "did not take the connection in time",
        httpx2.TimeoutException: "did not answer in time",
        httpx2.ProxyError: "cannot be reached through the proxy",
        httpx2.ConnectError: f"cannot be reached ({str(error)[:100]})",
        zlib.error: "sent a damaged answer",
    }
    if isinstance(error, httpx2.RemoteProtocolError) and "complete" in str(error):
        return _BROKE_OFF
    found = (words for kind, words in says.items() if isinstance(error, kind))
    return next(found, "broke the connection")

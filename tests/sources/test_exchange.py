"""One request and its answer: what is decompressed, what is public, and what may be shown."""

from __future__ import annotations

import gzip
import ipaddress
import zlib
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources.exchange import (
    Broken,
    Exchange,
    Inflating,
    Limits,
    Origin,
    is_public,
    origins,
    shown,
)
from loopback import Loopback, Reply


@given(st.binary(max_size=3000), st.integers(1, 500), st.integers(0, 4000))
def test_decompression_is_exact_and_bounded(text, size, longest):
    """In pieces of any size, all comes out, or little more than the limit."""
    packed = gzip.compress(text)
    inflating = Inflating(longest)
    made = b"".join(
        inflating.feed(packed[start : start + size]) for start in range(0, len(packed), size)
    )

    assert made == text[: longest + 1]
    assert inflating.is_whole or len(text) > longest


@given(st.binary(max_size=300))
def test_any_bytes_decompress_or_are_damaged(said):
    """Nothing but zlib's own error comes out."""
    with suppress(zlib.error):
        Inflating(1000).feed(said)


def _asked(url: str, limits: Limits) -> None:
    """Ask once, and raise Broken or SourceError."""
    with closing(Exchange("papers.test", limits, origins([url]))) as exchange:
        exchange.send("GET", f"{url}/a", {})


@pytest.mark.parametrize("is_head", [False, True])
def test_a_dripping_answer_ends(is_head):
    """Bytes that come one by one do not keep a request alive."""
    with Loopback() as server:
        server.route("/a", Reply(b"x" * 1000, drip_s=0.02, drip_headers=is_head))
        with pytest.raises(Broken, match=r"took longer than 0\.3 seconds"):
            _asked(server.url, Limits(60, 0.3, 10_000))


def test_a_slow_answer_is_given_up():
    """A host that says nothing is not waited for longer than the limit of one step."""
    with Loopback() as server:
        server.route("/a", Reply(delay_s=60))
        with pytest.raises(Broken, match="did not answer in time"):
            _asked(server.url, Limits(0.1, 60, 10_000))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),  # tells the machines of a cloud about themselves
        ("::ffff:168.63.129.16", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_what_is_public(address, expected):
    """Only addresses of the internet are public, with or without an IPv4 one inside."""
    assert is_public(ipaddress.ip_address(address)) is expected


def test_addresses_are_shown_without_what_is_secret():
    """Keys, people and passwords are left out, and long addresses cut."""
    assert shown("https://u:p@a.org/x?key=1&access_token=2&q=a%20b#f") == (
        "https://a.org/x?key=…&access_token=…&q=a%20b"
    )
    assert len(shown("https://a.org/" + "x" * 999)) == 120
    assert shown("http://[") == "an address that cannot be read"


@given(st.text(max_size=80))
def test_any_address_can_be_shown(text):
    """Showing raises nothing, and neither does refusing."""
    assert len(shown(text)) <= 200
    with suppress(ValueError):
        Origin.of(text)

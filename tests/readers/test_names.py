"""What readers may be called, and which addresses are the same."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RefusedError
from broadsheet.readers.names import as_email, as_name, as_shown

ANY = st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9@.\-_ é\u202e]{0,40}", fullmatch=True)


@pytest.mark.parametrize("name", ["ada", "a1", "3d-vision", "x" * 31, " Ada ", "ADA"])
def test_names(name):
    """Small letters, digits and hyphens; capitals are the same name."""
    assert as_name(name) == name.strip().lower()


@pytest.mark.parametrize(
    "name",
    ["", "a", "x" * 32, "-ada", "ada lovelace", "ada_l", "аdа", "ad\u200ba", "Admin", "everyone",
     "owner", "gone-12", "ada\n", "a/b", "<b>", "me"],
)  # fmt: skip
def test_no_names(name):
    """Neither what others could be taken for, nor what needs to be written in a special way."""
    if name == "ada\n":
        assert as_name(name) == "ada"
        return
    with pytest.raises(RefusedError):
        as_name(name)


@given(ANY)
def test_a_name_is_in_its_one_form(text):
    """What is taken is plain, stays the same, and is safe in an address."""
    try:
        name = as_name(text)
    except RefusedError:
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,30}", name)
    assert as_name(name) == name


@given(ANY)
def test_what_is_shown_is_one_harmless_line(text):
    """Nothing that is invisible or turns the line around, and nothing twice."""
    try:
        shown = as_shown(text)
    except RefusedError:
        assert len(text) > 80 or len(unicodedata.normalize("NFC", text)) > 80
        return
    assert as_shown(shown) == shown
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert shown.splitlines() in ([], [shown])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ada@Example.ORG", "ada@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("me@localhost", "me@localhost"),
    ],
)
def test_addresses(text, address):
    """In small letters, the domain as computers write it."""
    assert as_email(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "ada", "@example.org", "ada@", "a b@example.org", "a@b@example.org", ".a@example.org",
     "a..b@example.org", "ädä@example.org", "a@-example.org", "a@example..org", "a@[127.0.0.1]",
     "a@example.org\r\nBcc: b@example.org", "x" * 65 + "@example.org", "a@" + "x." * 200 + "org",
     '"a"@example.org', "A <a@example.org>", "a@example.org,b@example.org"],
)  # fmt: skip
def test_no_addresses(text):
    """One plain address, of a length that mail knows."""
    with pytest.raises(RefusedError):
        as_email(text)


@given(ANY)
def test_an_address_is_in_its_one_form(text):
    """What is taken is ASCII, short enough, and the same when it is read again."""
    try:
        address = as_email(text)
    except RefusedError:
        return
    assert address.isascii()
    assert len(address) <= 254
    assert as_email(address) == address
    assert len(address.split()) == 1


def test_what_is_far_too_long_is_not_even_looked_at(monkeypatch):
    """To write a long domain as computers do takes seconds, and anybody may send one."""

    def looked(domain: str) -> str:
        raise AssertionError(domain[:20])

    monkeypatch.setattr("broadsheet.readers.names._ascii", looked)
    for text in ("a@" + "\ufdfa" * 5000, "a@" * 5000 + "x.example"):
        with pytest.raises(RefusedError):
            as_email(text)

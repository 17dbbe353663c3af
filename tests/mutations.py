"""Answers that were well once: cut, repeated, overwritten, or with other words in them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<&>"), max_size=30)
_PIECES = (b"", b"<", b"&", b"&#0;", b"\xff", b"]]>", b"-->", b'"')


@st.composite
def mutated(draw: st.DrawFn, bodies: Sequence[bytes]) -> bytes:
    """Return one of the answers with some stretches cut, repeated or overwritten."""
    body = bytearray(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.integers(0, 80)))
        twice = bytes(body[at:end]) * 2
        body[at:end] = draw(st.sampled_from((twice, *_PIECES)) | st.binary(max_size=8))
    return bytes(body)


@st.composite
def reworded(draw: st.DrawFn, bodies: Sequence[bytes]) -> bytes:
    """Return one of the answers, its tags as they were, with other texts between some of them."""
    parts = draw(st.sampled_from(bodies)).decode().split(">")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(1, len(parts) - 1))
        _, opened, tag = parts[at].partition("<")
        parts[at] = draw(_WORDS) + opened + tag
    return ">".join(parts).encode()

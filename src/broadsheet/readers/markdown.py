"""What people write: Markdown in, and HTML out that no page need fear. Pure.

clean(text) -> the text as it is kept
render(text) -> HTML of a few tags, whose only attributes are `href` and `rel`
mentions(text) -> names; links(text) -> addresses

CommonMark without HTML and images. Headings are bold paragraphs, a line ends where its writer
ended it, addresses are links, and what stands between dollars is left as it is. What is rendered is
sanitised once more, by a library that knows nothing of Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

# Their libraries are imported inside the functions: most commands render no comment.

TAGS: Final = frozenset(
    {"a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"}
)
SCHEMES: Final = frozenset({"http", "https", "mailto"})
REL: Final = "nofollow ugc noopener"
MOST_MENTIONS: Final = 10

# What turns the direction of other text (Unicode TR9): marks that only concern themselves may stay.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_ENDS: Final = re.compile("\r\n?|[\x85\u2028\u2029]")
# The rule of pandoc: an opening dollar is followed by something, a closing one by no digit.
_MATH: Final = re.compile(r"\$\$.+?\$\$|\$(?!\s)[^$\n]+?(?<![\s\\])\$(?![0-9])", re.DOTALL)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+")
_MENTION: Final = re.compile(r"(?<![\w@./-])@([a-z0-9][a-z0-9-]{1,30})(?![\w@])", re.IGNORECASE)
_NOT_AT_END: Final = ".,;:!?'*_~"
_CACHED: Final = 2048


def clean(text: str) -> str:
    """Return a text without what cannot be seen and what turns the text around it.

    Empty if nothing can be seen of it.
    """
    text = "".join(c for c in _LINE_ENDS.sub("\n", text) if not _is_unwanted(c)).strip()
    return text if any(c.isprintable() and not c.isspace() for c in text) else ""


def _is_unwanted(char: str) -> bool:
    if char in "\n\t":
        return False
    return char in _TURNING or unicodedata.category(char) in {"Cc", "Cs"}


@lru_cache(maxsize=_CACHED)
def render(text: str) -> str:
    """Return the HTML of any text: nothing but `TAGS`, and addresses of `SCHEMES`."""
    made = _parser()
    return _sanitised(made.renderer.render(_tokens(made, text), made.options, {}))


def _sanitised(html: str) -> str:
    import nh3  # noqa: PLC0415

    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes={"a": {"href"}, "*": set()},
        url_schemes=set(SCHEMES),
        url_relative="deny",
        link_rel=REL,
    )


def mentions(text: str) -> tuple[str, ...]:
    """Return whom a text names (`@ada`), each once and in lower case; ten at most."""
    found = (m[1].lower() for words in _words(text) for m in _MENTION.finditer(words))
    return tuple(dict.fromkeys(found))[:MOST_MENTIONS]


def links(text: str) -> tuple[str, ...]:
    """Return the addresses that a text leads to, in order."""
    tokens = _tokens(_parser(), text)
    hrefs = (str(t.attrGet("href")) for t in _inline(tokens) if t.type == "link_open")
    return tuple(hrefs)


# ---------------------------------------------------------------------------- parsing


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415

    made = MarkdownIt("commonmark", {"html": False, "breaks": True})
    made.disable(["image", "html_block", "html_inline", "reference"])
    made.inline.ruler.before("escape", "math", _math)
    return made


def _math(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 (the parser's own contract)
    """Take what stands between dollars as it is: in TeX, `_` and a backslash mean something."""
    if state.src[state.pos] != "$":
        return False
    found = _MATH.match(state.src, state.pos, state.posMax)
    taken = found[0] if found else "$"
    if not silent:
        state.pending += taken
    state.pos += len(taken)
    return True


def _tokens(parser: MarkdownIt, text: str) -> list[Token]:
    tokens = parser.parse(text)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "p"
        if token.children is not None:
            token.children = list(_with_links(token.children))
            if before is not None and before.type == "heading_open":
                token.children = _bold(token.children)
    return tokens


def _bold(tokens: Sequence[Token]) -> list[Token]:
    from markdown_it.token import Token  # noqa: PLC0415

    return [Token("strong_open", "strong", 1), *tokens, Token("strong_close", "strong", -1)]


def _with_links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield tokens of a line, the addresses in its text made links."""
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "text" and not depth:
            yield from _linked(token.content)
        else:
            yield token


def _linked(text: str) -> Iterator[Token]:
    from markdown_it.token import Token  # noqa: PLC0415

    end = 0
    for found in _ADDRESS.finditer(text):
        address = _without_end(found[0])
        yield Token("text", "", 0, content=text[end : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": address})
        yield Token("text", "", 0, content=address)
        yield Token("link_close", "a", -1)
        end = found.start() + len(address)
    yield Token("text", "", 0, content=text[end:])


def _without_end(address: str) -> str:
    """Return an address without what ends the sentence that it stands in."""
    while address[-1] in _NOT_AT_END or (
        address[-1] in ")]" and address.count("(") + address.count("[")
        < address.count(")") + address.count("]")
    ):  # fmt: skip
        address = address[:-1]
    return address


def _inline(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def _words(text: str) -> Iterator[str]:
    """Yield what a text says itself: not code, and not addresses."""
    depth = 0
    for token in _inline(_tokens(_parser(), text)):
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "text" and not depth:
            yield token.content

"""Hostile HTML as plain lines, and as a tree that fetches nothing and runs nothing."""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree

from broadsheet.papers.text import clean
from broadsheet.sources import fields

MAX_HTML: Final = 400_000
"""Characters of one text of HTML that are looked at."""
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "li", "main", "nav", "ol", "p", "pre", "section", "sec", "table", "td", "th", "title", "tr",
    "ul",
})  # fmt: skip
_UNREAD: Final = (
    "script",
    "style",
    "noscript",
    "template",
    "iframe",
    "textarea",
    "object",
    "annotation",
)
_BREAKS = re.compile(r"[\r\n]+")
_TAG = re.compile(r"</?[a-zA-Z!]")


def prose(html: str) -> list[str]:
    """Return the lines of a text that may be HTML, as a browser would show them, without markup."""
    html = html[:MAX_HTML]
    root = tree(html.encode(errors="replace")) if _TAG.search(html) else None
    if root is None:
        return [line for line in (fields.without_markup(html),) if line]
    # Some feeds escape twice: what is left of tags is text here.
    return [line for line in map(fields.without_markup, _lines(root)) if line]


def tree(body: bytes) -> Any:
    """Return the root of the HTML in `body`, or None if there is none; nothing is fetched."""
    try:
        body.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = None  # as the page says
    parser = etree.HTMLParser(
        encoding=encoding, huge_tree=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(body.replace(b"\0", b" "), parser)
    except (etree.LxmlError, ValueError):
        return None


def _lines(root: Any) -> list[str]:
    etree.strip_elements(root, *_UNREAD, with_tail=False)
    parts: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        text = element.text if event == "start" else element.tail
        is_block = element.tag.rpartition(":")[2] in _BLOCKS
        parts += ("\n" if is_block else "", _BREAKS.sub(" ", text or ""))
    return [line for line in map(clean, "".join(parts).split("\n")) if line]

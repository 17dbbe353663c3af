"""Lists of feeds as OPML 2.0 (opml.org/spec2.opml), which all feed readers write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from lxml import etree

from broadsheet.errors import SourceError
from broadsheet.sources import fields

SOURCE: Final = "opml"
MAX_OPML: Final = 8_000_000
"""Bytes of a list; a thousand feeds take 200 kB."""
_LONGEST = 300
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Outline(NamedTuple):
    """A feed in a list; `folder` is the path of the outlines above it, as `Science/Physics`."""

    title: str
    url: str
    folder: str = ""


def parse_opml(body: bytes, *, name: str) -> list[Outline]:
    """Return the feeds of a list, in its order, none twice; only those at http(s) addresses.

    Damage is passed over where it can be. Raises SourceError if `body` is no OPML.
    """
    root = _root(body, name)
    found: dict[str, Outline] = {}
    for outline in _outlines(root):
        found.setdefault(outline.url, outline)
    return list(found.values())


def _root(body: bytes, name: str) -> Any:
    if len(body) > MAX_OPML:
        said = f"{name}: {len(body)} bytes are more than is read of OPML ({MAX_OPML})"
        raise SourceError(said, source=SOURCE)
    if b"<!ENTITY" in body.replace(b"\0", b""):
        raise SourceError(f"{name} defines entities, which no list of feeds needs", source=SOURCE)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body.lstrip(), parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError(f"{name} is no OPML: {error}", source=SOURCE) from error
    if root is None or not isinstance(root.tag, str) or _local(root) != "opml":
        raise SourceError(f"{name} is no OPML", source=SOURCE)
    return root


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _outlines(root: Any) -> Iterator[Outline]:
    """Yield the feeds; no element is deeper than libxml2 allows (256)."""
    above: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str) or _local(element) != "outline":
            continue
        if event == "end":
            above.pop()
            continue
        said = {key.rpartition("}")[2].lower(): value for key, value in element.attrib.items()}
        title = fields.text(said.get("title") or said.get("text"))[:_LONGEST]
        for _, url in fields.links(("feed", _without_scheme_of_readers(said.get("xmlurl", "")))):
            yield Outline(title or url[:_LONGEST], url, "/".join(filter(None, above)))
        above.append(title.replace("/", "-"))


def _without_scheme_of_readers(address: str) -> str:
    """Return the http address in `feed:https://…` and `feed://…`, which some readers write."""
    address = address.strip()
    if address.lower().startswith("feed://"):
        return f"https://{address[7:]}"
    return address[5:] if address.lower().startswith("feed:") else address

"""Invented issues for tests, and how tests read what becomes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from html.parser import HTMLParser
from typing import Any

from broadsheet.delivery.digest import Issue
from broadsheet.delivery.links import Links
from broadsheet.delivery.subscription import Choice, Item, Subscription, Wishes
from broadsheet.papers.types import ExternalId, Paper, PaperId

BASE = "https://papers.example.org"
HANDLE = "abcdefghijklmnop"
LINKS = Links(BASE, "ab" * 32, "returns@example.org")
ARXIV_LATE = "arXiv’s listing of 20 November was late: 41 papers will follow."


def paper(number: int, **fields: Any) -> Paper:
    """Return an invented paper with every kind of link."""
    arxiv = f"2611.{number:05}"
    told: dict[str, Any] = {
        "title": f"Tides in harbour {number}",
        "abstract": "We measure the tides. They rise by $\\alpha$ metres. Then they fall again.",
        "authors": ("Ada Example", "Berta Sample"),
        "external_ids": (ExternalId("arxiv", arxiv),),
        "links": (
            ("abs", f"https://arxiv.org/abs/{arxiv}"),
            ("pdf", f"https://arxiv.org/pdf/{arxiv}"),
            ("code", f"https://code.example.org/tides/{number}"),
        ),
    }
    return Paper(id=PaperId(number), **(told | fields))


def subscribed(**wishes: Any) -> Subscription:
    """Return a subscription to what is trending."""
    return Subscription(
        id=1, handle=HANDLE, recipient=1, channel="mail", address="ada@example.net", secret="",
        reader=None, wishes=Wishes(**{"zone": "Europe/Berlin", "at": "07:30"} | wishes),
        state="active", paused_until=None, next_due=None, made="2026-01-01T00:00:00Z",
    )  # fmt: skip


def issue(papers: Iterable[Paper], **fields: Any) -> Issue:
    """Return an issue with these papers; `fields` are those of the issue, and of its choice."""
    held = {int(p.id): p for p in papers}
    choice: dict[str, Any] = {
        "title": "Trending in cs.CL",
        "first": date(2026, 11, 19),
        "until": date(2026, 11, 20),
        "items": tuple(Item(number, ("41 upvotes",)) for number in held),
    }
    choice |= {name: fields.pop(name) for name in (*choice, "more", "more_path", "notices")
               if name in fields}  # fmt: skip
    made: dict[str, Any] = {
        "subscription": subscribed(), "number": 12, "name": "2026-11-20", "papers": held,
        "links": LINKS, "house": "Broadsheet",
    }  # fmt: skip
    return Issue(choice=Choice(**choice), **(made | fields))


class Read(HTMLParser):
    """A mail as a mailbox reads it: its words, the links in it, and its tags, all closed."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self._words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def words(self) -> str:
        """What is read, on one line."""
        return " ".join("".join(self._words).split())

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the tag that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note words."""
        if not {"style", "title"} & set(self.open):
            self._words.append(data)


def addresses(text: str) -> list[str]:
    """Return the addresses in plain text."""
    return re.findall(r"https?://\S+", text)

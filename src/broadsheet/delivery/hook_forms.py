"""What a hook is sent: an issue in the form that the place understands. Pure.

payload(issue, form) -> the body of the post and its headers

Chats get plain text that cannot format, mention or link anything by itself, as long as they take
it; what is left out for that is counted, with the address of all of it. Nothing in a post lets its
readers change the subscription, for a channel has many.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape, unescape
from typing import Any, Final, NamedTuple

import orjson

from broadsheet.delivery import dates
from broadsheet.delivery.digest import Issue, count, plain, subject, told, why
from broadsheet.delivery.subscription import HookForm, Item
from broadsheet.papers.identity import format_paper_id

SLACK_BLOCKS: Final = 50
SLACK_TEXT: Final = 3000
"""Characters of a text object (docs.slack.dev, Block Kit)."""
SLACK_ALL: Final = 12_000
"""A message with more in all its blocks is refused: `msg_blocks_too_long`, from about 13,000."""
SLACK_HEADER: Final = 150
DISCORD_TITLE: Final = 256
DISCORD_TEXT: Final = 4096
"""Characters of the description of an embed; all embeds of a message hold 6,000."""
MATTERMOST: Final = 16_383
TELEGRAM: Final = 4096
"""Characters of a message once its tags are read (core.telegram.org, sendMessage)."""
NTFY: Final = 4096
"""Bytes of a message; a longer one becomes an attachment (docs.ntfy.sh)."""

_TITLE, _LINE, _SUMMARY, _NOTICES = 200, 160, 300, 5
_HEADLINE = 200
_HERE: Final = re.compile(r"https?://(localhost|127\.|\[::1\])")
_JSON: Final = {"content-type": "application/json"}
# What Markdown, Discord's and Mattermost's, takes for more than itself.
_MARKDOWN: Final = re.compile(r"([\\`*_~|<>\[\](){}#!])")
# Slack has no escape for these, so that they become their likes.
_SLACK: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"}  # noqa: RUF001
)
# What would end an address in Markdown, HTML or Slack's own.
_IN_ADDRESS: Final = {c: f"%{ord(c):02X}" for c in " ()<>|\"'`\\*^{}[]"}
_TAG: Final = re.compile(r"<[^>]*>")


class Payload(NamedTuple):
    """What is posted: `headers` beside those that every post has, in small letters."""

    body: bytes
    headers: Mapping[str, str]


class _Line(NamedTuple):
    """A paper as a chat is told it: plain text of one line each, "" where there is none."""

    title: str
    href: str
    rest: tuple[str, ...]


def payload(issue: Issue, form: HookForm) -> Payload:
    """Return an issue in a form; the same issue makes the same bytes."""
    return _FORMS[form](issue)


# ---------------------------------------------------------------------------- what is told


def _lines(issue: Issue) -> list[_Line]:
    return [_line(issue, item) for item in issue.items]


def _line(issue: Issue, item: Item) -> _Line:
    base = issue.links.base
    said = told(issue.papers[item.paper], base)
    # A page of a collection that is only on somebody's machine is no use to a channel.
    href = (said.paper or said.page) if _HERE.match(base) else said.page
    rest = (
        _short(said.authors, _LINE),
        _short(said.summary, _SUMMARY) if said.basis == "summary" else "",
        _short(why(item), _LINE),
    )
    return _Line(_short(said.title, _TITLE), href, tuple(filter(None, rest)))


def _headline(issue: Issue, longest: int = _HEADLINE) -> str:
    day = dates.in_words(issue.day, issue.subscription.wishes.language, "medium")
    papers = count(len(issue.items)) if issue.items else "nothing new"
    return _short(f"{_short(issue.choice.title, longest // 2)} · {day} · {papers}", longest)


def _notices(issue: Issue) -> list[str]:
    notices = (_short(notice, _SUMMARY) for notice in issue.choice.notices[:_NOTICES])
    return list(filter(None, notices))


def _whole(issue: Issue) -> str:
    """Return the address of the web version; a preview has none."""
    return issue.web or issue.links.base


def _left(issue: Issue, shown: int) -> str:
    """Return how many papers there are beyond those shown, in words."""
    left = len(issue.items) - shown + issue.choice.more
    return f"{left:,} more" if left else ""


def _or_all(left: str) -> str:
    return left or "Read it all"


def _short(text: str, longest: int) -> str:
    """Return a text on one line that is no longer than so many units of UTF-16."""
    made = plain(text, longest)
    return made if _size(made) <= longest else plain(text, longest // 2)


def _size(text: str) -> int:
    """Return how long a text is, in UTF-16: no service counts more."""
    return len(text.encode("utf-16-le")) // 2


def _joined(
    issue: Issue,
    head: Sequence[str],
    parts: Sequence[str],
    last: Callable[[str], str],
    room: int,
    size: Callable[[str], int] = _size,
) -> str:
    """Return all parts in one text that fits, a line between two."""

    def fits(made: Sequence[str]) -> bool:
        return size("\n\n".join((*head, *made))) <= room

    return "\n\n".join((*head, *_fitting(issue, parts, last, fits)))


def _fitting(
    issue: Issue,
    parts: Sequence[str],
    last: Callable[[str], str],
    fits: Callable[[Sequence[str]], bool],
) -> list[str]:
    """Return as many parts as fit with the last one, which is made of how many are left."""
    for shown in range(len(parts), 0, -1):
        if fits(made := [*parts[:shown], last(_left(issue, shown))]):
            return made
    return [last(_left(issue, 0))]


def _safe(url: str) -> str:
    """Return an address that ends nothing round it before its own end."""
    return "".join(_IN_ADDRESS.get(c, c) for c in url)


# ---------------------------------------------------------------------------- JSON


def _json(issue: Issue) -> Payload:
    choice = issue.choice
    facts = {
        "issue": issue.name,
        "subscription": issue.subscription.id,
        "title": choice.title,
        "subject": subject(issue),
        "first": choice.first.isoformat(),
        "until": choice.until.isoformat(),
        "address": _whole(issue),
        "more": choice.more,
        "more_address": issue.links.base + choice.more_path if choice.more_path else "",
        "notices": list(choice.notices),
        "papers": [_paper(issue, item) for item in issue.items],
    }
    return Payload(orjson.dumps({"type": "digest", "data": facts}), _JSON)


def _paper(issue: Issue, item: Item) -> dict[str, Any]:
    paper = issue.papers[item.paper]
    return {
        "id": format_paper_id(paper.id),
        "title": paper.title,
        "authors": list(paper.authors),
        "summary": paper.summary,
        "abstract": paper.abstract,
        "day": paper.day,
        "updated": paper.updated,
        "categories": list(paper.categories),
        "external_ids": {i.namespace: i.value for i in paper.external_ids},
        "address": told(paper, issue.links.base).page,
        "links": [{"kind": kind, "url": url} for kind, url in paper.links],
        "reasons": list(item.reasons),
        "mark": item.mark,
    }


# ---------------------------------------------------------------------------- Slack


def _slack(issue: Issue) -> Payload:
    title = _headline(issue, SLACK_HEADER)
    notices = [_slack_text(notice) for notice in _notices(issue)]
    papers = [_slack_paper(line) for line in _lines(issue)]

    def fits(parts: Sequence[str]) -> bool:
        size = sum(map(_size, (title, *notices, *parts)))
        return 1 + len(notices) + len(parts) <= SLACK_BLOCKS and size <= SLACK_ALL

    parts = _fitting(issue, papers, lambda left: _slack_link(_whole(issue), _or_all(left)), fits)
    head = {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    facts = {
        # What stands in the notification.
        "text": _slack_text(title),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [head, *map(_slack_section, (*notices, *parts))],
    }
    return Payload(orjson.dumps(facts), _JSON)


def _slack_section(text: str) -> dict[str, Any]:
    # Verbatim, so that no name of a channel or a person in a title becomes a mention.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _slack_paper(line: _Line) -> str:
    link = _slack_link(line.href, line.title)
    whole = "\n".join([link, *map(_slack_text, line.rest)])
    # Escaped, a text may be five times as long.
    forms = (whole, link, _slack_text(line.title))
    return next(text for text in forms if _size(text) <= SLACK_TEXT)


def _slack_link(url: str, text: str) -> str:
    return f"<{_safe(url).replace('&', '&amp;')}|{_slack_text(text)}>"


def _slack_text(text: str) -> str:
    return text.translate(_SLACK)


# ---------------------------------------------------------------------------- Markdown


def _discord(issue: Issue) -> Payload:
    embed = {
        # Escaped it is twice as long at most.
        "title": _markdown(_headline(issue, DISCORD_TITLE // 2)),
        "url": _safe(_whole(issue)),
        "description": _markdown_list(issue, DISCORD_TEXT),
    }
    facts = {"embeds": [embed], "allowed_mentions": {"parse": []}}
    return Payload(orjson.dumps(facts), _JSON)


def _mattermost(issue: Issue) -> Payload:
    title = f"#### {_markdown(_headline(issue))}\n\n"
    text = title + _markdown_list(issue, MATTERMOST - _size(title))
    return Payload(orjson.dumps({"text": text}), _JSON)


def _markdown_list(issue: Issue, room: int) -> str:
    head = [f"*{_markdown(notice)}*" for notice in _notices(issue)]
    papers = [_markdown_paper(line) for line in _lines(issue)]
    return _joined(issue, head, papers, lambda left: _markdown_link(_whole(issue), left), room)


def _markdown_paper(line: _Line) -> str:
    link = _markdown_link(line.href, line.title)
    return "\n".join([f"**{link}**", *map(_markdown, line.rest)])


def _markdown_link(url: str, text: str) -> str:
    return f"[{_markdown(_or_all(text))}]({_safe(url)})"


def _markdown(text: str) -> str:
    # The space of no width keeps @channel from being one.
    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@\u200b")


# ---------------------------------------------------------------------------- Telegram


def _telegram(issue: Issue) -> Payload:
    head = [f"<b>{escape(_headline(issue))}</b>"]
    head += [f"<i>{escape(notice)}</i>" for notice in _notices(issue)]
    papers = [_telegram_paper(line) for line in _lines(issue)]
    text = _joined(
        issue, head, papers, lambda left: _anchor(_whole(issue), _or_all(left)), TELEGRAM, _seen
    )
    facts = {
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    return Payload(orjson.dumps(facts), _JSON)


def _telegram_paper(line: _Line) -> str:
    return "\n".join([f"<b>{_anchor(line.href, line.title)}</b>", *map(escape, line.rest)])


def _anchor(url: str, text: str) -> str:
    return f'<a href="{escape(_safe(url))}">{escape(text)}</a>'


def _seen(text: str) -> int:
    return _size(unescape(_TAG.sub("", text)))


# ---------------------------------------------------------------------------- ntfy


def _ntfy(issue: Issue) -> Payload:
    papers = ["\n".join((line.title, *line.rest)) for line in _lines(issue)]
    text = _joined(issue, _notices(issue), papers, _or_all, NTFY, _bytes)
    whole = _safe(_whole(issue))
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "title": _encoded(_headline(issue)),
        "click": whole,
        "actions": f"view, Read it all, {whole.replace(',', '%2C')}",
        "tags": "newspaper",
    }
    return Payload(text.encode(), headers)


def _bytes(text: str) -> int:
    return len(text.encode())


def _encoded(text: str) -> str:
    """Return a text as a header may hold it (RFC 2047, which ntfy reads)."""
    if text.isascii():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


_FORMS: Final[Mapping[str, Callable[[Issue], Payload]]] = {
    "json": _json,
    "slack": _slack,
    "discord": _discord,
    "mattermost": _mattermost,
    "telegram": _telegram,
    "ntfy": _ntfy,
}

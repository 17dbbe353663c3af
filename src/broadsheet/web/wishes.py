"""What somebody wishes to get, as forms ask for it and as pages say it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from broadsheet.delivery.subscription import Cadence, Channel, HookForm, Kind, WhenEmpty, Wishes
from broadsheet.errors import RefusedError
from broadsheet.web import views

KINDS: Final[Mapping[Kind, str]] = {
    "trending": "What is trending",
    "edition": "The edition",
    "search": "A search",
    "recommended": "Recommendations",
}
OFFERED: Final[Sequence[tuple[Kind, str, str]]] = (
    ("trending", KINDS["trending"], "the papers worth attention now, strongest first"),
    ("edition", KINDS["edition"], "the papers of its days, in the order of the paper"),
    ("search", KINDS["search"], "new papers that match, best first"),
)
"""What the form offers, each with what it is."""
CADENCES: Final[Mapping[Cadence, str]] = {
    "day": "every day",
    "weekdays": "Monday to Friday",
    "week": "once a week",
    "month": "once a month",
}
WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
WHEN_EMPTY: Final[Mapping[WhenEmpty, str]] = {"skip": "send nothing", "tell": "say so"}
FORMS: Final = {"html": "HTML and plain text", "text": "plain text only"}
# In their own words, as their readers look for them.
LANGUAGES: Final = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά",
    "en": "English", "en-GB": "English (UK)", "en-US": "English (US)", "es": "Español",
    "fa": "فارسی", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी",
    "hu": "Magyar", "id": "Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어",
    "nl": "Nederlands", "no": "Norsk", "pl": "Polski", "pt": "Português",
    "pt-BR": "Português (Brasil)", "ro": "Română", "ru": "Русский", "sv": "Svenska",
    "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt", "zh-Hans": "简体中文",
    "zh-Hant": "繁體中文",
}  # fmt: skip
LINKED: Final = 1000
"""Characters of a query that a link to the form fills in."""


class Zones(NamedTuple):
    """The time zones of a part of the world."""

    region: str
    names: tuple[str, ...]


@lru_cache(maxsize=1)
def zones() -> tuple[Zones, ...]:
    """Return the time zones that are named after places, by region, and UTC before all."""
    found: dict[str, list[str]] = {}
    for name in sorted(available_timezones()):
        region, _, place = name.partition("/")
        if place and region not in {"Etc", "SystemV", "US", "posix", "right"}:
            found.setdefault(region, []).append(name)
    return Zones("UTC", ("UTC",)), *(Zones(r, tuple(names)) for r, names in found.items())


def choices(channel: Channel = "mail") -> dict[str, Any]:
    """Return what the fields of the form can be: each value with its words."""
    return {
        "kinds": OFFERED,
        "cadences": list(CADENCES.items()),
        "weekdays": [(str(number), name) for number, name in enumerate(WEEKDAYS)],
        "when_empty": list(WHEN_EMPTY.items()),
        "forms": list(FORMS.items()) if channel == "mail" else [(f, f) for f in get_args(HookForm)],
        "languages": list(LANGUAGES.items()),
        "zones": zones(),
    }


# ---------------------------------------------------------------------------- forms


def fields_of(wishes: Wishes) -> dict[str, str]:
    """Return the fields of the form as they are filled in with these wishes."""
    is_weekly, is_monthly = wishes.cadence == "week", wishes.cadence == "month"
    return {
        "kind": wishes.kind, "query": wishes.query, "cadence": wishes.cadence,
        "weekday": str(wishes.on_day) if is_weekly else "0",
        "monthday": str(wishes.on_day) if is_monthly else "1",
        "at": wishes.at, "zone": wishes.zone, "longest": str(wishes.longest),
        "threshold": "" if wishes.threshold is None else f"{wishes.threshold:.15g}",
        "when_empty": wishes.when_empty, "form": wishes.form, "language": wishes.language,
    }  # fmt: skip


def wishes_of(sent: Mapping[str, str], before: Wishes | None = None) -> Wishes:
    """Return the wishes that a form says; what it leaves out stays as it was `before`.

    Raises RefusedError for what is no number where one should be; whether the rest can be had is
    for the library to say.
    """
    said = {**fields_of(before or Wishes()), **{k: v.strip() for k, v in sent.items()}}
    cadence = cast("Cadence", said["cadence"])
    on_day = {"week": "weekday", "month": "monthday"}.get(cadence)
    return replace(
        before or Wishes(),
        kind=cast("Kind", said["kind"]),
        query=said["query"],
        cadence=cadence,
        on_day=_whole(said[on_day], "The day") if on_day else 0,
        # Some browsers send seconds along.
        at=said["at"][:5],
        zone=said["zone"],
        longest=_whole(said["longest"], "The length"),
        threshold=_number(said["threshold"]) if said["threshold"] else None,
        when_empty=cast("WhenEmpty", said["when_empty"]),
        form=said["form"],
        language=said["language"],
    )


def _whole(text: str, what: str) -> int:
    try:
        return int(text[:9])
    except ValueError:
        raise RefusedError(f"{what} must be a whole number.") from None


def _number(text: str) -> float:
    try:
        return float(text[:20].replace(",", "."))
    except ValueError:
        raise RefusedError("The threshold must be a number, such as 1 or 0.5.") from None


def until_of(sent: Mapping[str, str]) -> date | None:
    """Return the last day of a pause, None for one without an end; raises RefusedError."""
    text = sent.get("until", "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise RefusedError("A pause ends on a day, such as 2026-12-31.") from None


# ---------------------------------------------------------------------------- words


def what_in_words(wishes: Wishes) -> str:
    """Return what somebody gets, but for the query."""
    return KINDS[wishes.kind]


def moment_in_words(moment: str, zone: str) -> str:
    """Return a moment (ISO, UTC) as the clocks of a zone show it."""
    local = datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return f"{views.day_in_words(local.date())}, {local:%H:%M}"


def masked(address: str, channel: Channel = "mail") -> str:
    """Return as much of an address as reminds whoever knows it: `a…@example.org`.

    Of a hook it is the host alone: whoever has its address can post there. No line is broken before
    the domain.
    """
    if channel == "hook":
        return urlsplit(address).hostname or ""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…\N{WORD JOINER}@{domain}"

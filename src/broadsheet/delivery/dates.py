"""Days in words, in the language that somebody wished for. Pure."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from babel import Locale

Form = Literal["full", "long", "medium"]
"""How much is said, as CLDR has it: with the weekday, with the month in full, or short."""

_OURS = "en-GB"
"""The English of the pages: `20 November 2026`."""


def is_known(language: str) -> bool:
    """Return whether the days of a language (BCP 47: `pt-BR`) can be said."""
    return _found(language) is not None


@lru_cache(maxsize=1024)
def in_words(day: date, language: str, form: Form = "full") -> str:
    """Return a day in words, in our English if the language is not known."""
    from babel.dates import format_date  # noqa: PLC0415 (whoever sends nothing needs none of it)

    return format_date(day, form, _locale(language))


@lru_cache(maxsize=1024)
def span(first: date, last: date, language: str) -> str:
    """Return the days from one to another in words, of one day alone if they are the same."""
    from babel.dates import format_interval  # noqa: PLC0415

    if first >= last:
        return in_words(last, language, "long")
    return format_interval(first, last, "yMMMd", locale=_locale(language), fuzzy=True)


@lru_cache(maxsize=256)
def written(language: str) -> str:
    """Return the language in which the days are said, as HTML names it."""
    return str(_locale(language)).replace("_", "-")


def _locale(language: str) -> Locale:
    # CLDR has the days of the United States under the bare name.
    found = _found(_OURS if language.lower() == "en" else language) or _found(_OURS)
    assert found is not None  # noqa: S101 (ours is known)
    return found


@lru_cache(maxsize=256)
def _found(language: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return None

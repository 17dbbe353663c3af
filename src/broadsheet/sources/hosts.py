"""Which rule holds for an address that a reader gave, so that each host is asked by its own."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from broadsheet.sources.polite import Manner

# Domains whose hosts share one rule with a source of ours, and the gap that it keeps at least.
_SHARED: Final = (("arxiv.org", "arxiv", 3.0), ("huggingface.co", "huggingface.co", 1.0))


def manner_of(url: str, like: Manner) -> Manner:
    """Return `like` for the host of `url`: what one host refuses does not keep us from another.

    All of arXiv's hosts are one, with its three seconds between requests.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return like
    if not host:
        return like
    for domain, name, gap_s in _SHARED:
        if host == domain or host.endswith(f".{domain}"):
            return like._replace(host=name, gap_s=max(gap_s, like.gap_s))
    return like._replace(host=host)

"""British and American spellings of one word: pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# What a spelling has in the one country and in the other. The rules make some words that are
# none: whether the other form is a word, the collection knows.
_RULES: Final = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        (r"(?<=[a-z]{2})our(?=(s|ed|ing|ful|less|able|al|ally|ist|ite|ites|ation|hood)?$)", "or"),
        (r"(?<=[a-z]{2})or(?=(s|ed|ing|ful|less|able|al|ally|ist|ite|ites|ation|hood)?$)", "our"),
        (r"(?<=[a-z]{2})is(?=(e|es|ed|er|ers|ing|able|ation|ations|ational)$)", "iz"),
        (r"(?<=[a-z]{2})iz(?=(e|es|ed|er|ers|ing|able|ation|ations|ational)$)", "is"),
        (r"ys(?=(e|es|ed|er|ers|ing)$)", "yz"),
        (r"yz(?=(e|es|ed|er|ers|ing)$)", "ys"),
        (r"(?<=[bt])re(?=s?$)", "er"),
        (r"(?<=[bt])er(?=s?$)", "re"),
        (r"(?<=[aeiou])ll(?=(ed|ing|er|ers|ings)$)", "l"),
        (r"(?<=[a-z][aeiou])l(?=(ed|ing|er|ers|ings)$)", "ll"),
        (r"(?<=[a-z]{2})ogue(?=s?$)", "og"),
        (r"(?<=[a-z]{2})og(?=s?$)", "ogue"),
        (r"(?<=[a-z]{2})ence(?=s?$)", "ense"),
        (r"(?<=[a-z]{2})ense(?=s?$)", "ence"),
        (r"(?<=ogram)me(?=s?$)", ""),
        (r"(?<=ogram)(?=s?$)", "me"),
        (r"^grey", "gray"),
        (r"^gray", "grey"),
        (r"^artefact", "artifact"),
        (r"^artifact", "artefact"),
        (r"^sulph", "sulf"),
        (r"^sulf", "sulph"),
        (r"^alumini", "alumin"),
        (r"^alumin(?=u)", "alumini"),
        (r"(?<=[a-z])[ao]e(?=[a-z]{2})|^[ao]e(?=[a-z]{4})", "e"),
        (r"^(h|an|p|arch|gyn|medi|orthop|encyclop|)e(?=m|s|d|o|c|v|sthet)", r"\1ae"),
        (r"e(?=mi[ac]s?$)", "ae"),
        (r"^(f|)e(?=t|st|dem|soph)", r"\1oe"),
        (r"(?<=rrh)e(?=as?$)", "oe"),
        (r"(?<=rrh)oe(?=as?$)", "e"),
    )
)


@lru_cache(maxsize=50_000)
def variants(word: str) -> tuple[str, ...]:
    """Return how `word`, in small letters, might be spelled on the other side of the Atlantic.

    One rule changes it in one kind of place; not all that comes out are words.
    """
    return tuple(sorted({pattern.sub(other, word) for pattern, other in _RULES} - {word}))

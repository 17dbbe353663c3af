"""Judged sets: queries, documents and judgements (BEIR form) as they lie in folders."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from broadsheet.errors import SourceError
from broadsheet.papers.text import clean, title_key
from broadsheet.papers.types import Record
from broadsheet.search.embedding import split_words

SOURCE = "eval"
"""The source under which the documents of a judged set are filed."""
CORPORA = {"openreview_tldr_known_item": "conferences.jsonl"}
"""Sets that come without documents, and the file of `corpus/` beside their root that has them."""
POOLED = frozenset({"csfcube"})
"""Sets that judge an order of each query's own candidates: to rank anything else is no mistake."""
_SHORTEST = 200
"""A paper whose title is searched for has an abstract of so many characters (as in the study)."""


class Topic(NamedTuple):
    """One query with its judgements; `paper` is the document that it is about, if any."""

    id: str
    text: str
    paper: str
    judged: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A judged set: its documents are read from the file `corpus`, or are `given`.

    With `pool` only the judged documents of each query are ranked. Of a corpus that is
    `only_with_text` the documents without any are left out, judged ones kept.
    """

    name: str
    topics: tuple[Topic, ...]
    corpus: Path | None = None
    given: tuple[Record, ...] = ()
    pool: bool = False
    only_with_text: bool = False

    @property
    def is_known_item(self) -> bool:
        """Whether each query looks for one document, and for none like another."""
        return all(len(t.judged) == 1 and not t.paper for t in self.topics)

    def documents(self) -> Iterator[Record]:
        """Yield the documents, to be filed; raises SourceError for a damaged file."""
        if self.corpus is None:
            yield from self.given
            return
        judged = {d for t in self.topics for d in t.judged}
        for found in objects(self.corpus):
            key = _ident(found)
            abstract = clean(str(found.get("text") or found.get("abstract") or ""))
            if abstract or not self.only_with_text or key in judged:
                yield Record(SOURCE, key, clean(str(found.get("title") or "")), abstract)

    def sample(self, size: int) -> JudgedSet:
        """Return the set with `size` of its queries, always the same ones."""
        chosen = {t.id for t in sorted(self.topics, key=lambda t: _md5(t.id))[:size]}
        return replace(self, topics=tuple(t for t in self.topics if t.id in chosen))


def read(folder: Path, corpus: Path | None = None, *, pool: bool = False) -> JudgedSet:
    """Return the judged set in `folder`; raises SourceError if a file is missing or damaged.

    Its documents are in `corpus`, else in the folder, else where `CORPORA` says.
    """
    own = _beside(folder, "corpus.jsonl")
    elsewhere = corpus or (None if own else _known_corpus(folder))
    path = elsewhere or own
    topics = tuple(_topics(folder))
    if path is None:
        raise SourceError(f"{folder} has no corpus.jsonl (or corpus.jsonl.xz)", source=str(folder))
    return JudgedSet(
        folder.name,
        topics,
        path,
        pool=pool or folder.name in POOLED,
        only_with_text=elsewhere is not None,
    )


def find(
    root: Path, corpus: Path | None = None, only: Sequence[str] = ()
) -> tuple[list[JudgedSet], dict[str, str]]:
    """Return the judged sets below `root`, and for every other folder with data why it is none.

    `corpus` has the documents of sets that come without; of all sets, those named in `only` are
    wanted, without any name all.
    """
    found, skipped = [], {}
    folders = sorted({f.parent for kind in ("jsonl", "tsv") for f in root.rglob(f"*.{kind}*")})
    for folder in folders:
        if only and folder.name not in only:
            continue
        try:
            own = _beside(folder, "corpus.jsonl")
            made = read(folder, None if own else corpus)
        except SourceError as error:
            skipped[folder.name] = str(error)
            continue
        if made.topics:
            found.append(made)
        else:
            skipped[folder.name] = "none of its queries is judged"
    return found, skipped


def titles(corpora: Path, number: int, pool: int, *, with_titles: bool = False) -> JudgedSet:
    """Return a set of `number` titles, each looking for its paper among `pool` papers.

    The documents are abstracts without their titles, unless `with_titles`. Papers are drawn from
    the JSON Lines in the folder `corpora` in an order that depends on their titles alone, those
    first that the training of our models holds out (`training/train_static.py`), so that no title
    that is searched for was trained on. Raises SourceError where there are no papers.
    """
    drawn = sorted(_titled(corpora), key=lambda r: _order(r.title))[: max(pool, number)]
    if not drawn:
        raise SourceError(f"{corpora} holds no papers with abstracts", source=str(corpora))
    asked = tuple(Topic(r.key, r.title, "", {r.key: 1.0}) for r in drawn[:number])
    kept = drawn if with_titles else [replace(r, title="") for r in drawn]
    what = "titles with" if with_titles else "titles of"
    return JudgedSet(f"{what} {len(drawn):,} abstracts", asked, given=tuple(kept))


def _titled(corpora: Path) -> Iterable[Record]:
    """Return one record for each title in a folder of JSON Lines that has an abstract."""
    found: dict[str, Record] = {}
    for path in sorted(corpora.glob("*.jsonl*")):
        for row in objects(path):
            title, abstract = clean(str(row.get("title") or "")), row.get("abstract") or ""
            key = title_key(title) if len(abstract) >= _SHORTEST else ""
            if key and key not in found:
                found[key] = Record(SOURCE, key, title, clean(abstract))
    return found.values()


def _order(title: str) -> tuple[int, str]:
    """Return where a title stands: what training holds out is the lowest of 1,000 parts."""
    return crc32(b"".join(split_words([title]))) % 1000, _md5(title)


def _md5(text: str) -> str:
    return md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


# ---------------------------------------------------------------------------- files


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON Lines; raises SourceError where a line is none."""
    for number, line in enumerate(_lines(path), start=1):
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise SourceError(f"{path}:{number}: {error}", source=str(path)) from error
        if not isinstance(found, dict):
            raise SourceError(f"{path}:{number}: this is no object", source=str(path))
        yield found


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as lines:
            yield from lines
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise SourceError(f"{path} cannot be read: {error}", source=str(path)) from error


def _beside(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.xz") if p.is_file()), None)


def _existing(folder: Path, name: str) -> Path:
    path = _beside(folder, name)
    if path is None:
        raise SourceError(f"{folder} has no {name} (or {name}.xz)", source=str(folder))
    return path


def _known_corpus(folder: Path) -> Path | None:
    name = CORPORA.get(folder.name)
    return _beside(folder.parent.parent / "corpus", name) if name else None


def _topics(folder: Path) -> Iterator[Topic]:
    queries = _existing(folder, "queries.jsonl")
    judged: dict[str, dict[str, float]] = {}
    for query, document, gain in _judgements(_existing(folder, "qrels.tsv")):
        judged.setdefault(query, {})[document] = gain
    for found in objects(queries):
        if (ident := _ident(found)) in judged:
            text = str(found.get("text") or found.get("title") or "")
            yield Topic(ident, text, str(found.get("paper_id") or ""), judged[ident])


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    for number, line in enumerate(_lines(path), start=1):
        try:
            query, document, gain = line.decode().rstrip("\r\n").split("\t")[:3]
            if query != "query-id":
                yield query, document, float(gain)
        except ValueError as error:
            raise SourceError(f"{path}:{number}: {error}", source=str(path)) from error


def _ident(found: Mapping[str, Any]) -> str:
    return str(found.get("_id", found.get("id")))

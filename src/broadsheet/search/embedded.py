"""The index of one machine: tantivy and the vector matrix, each in a folder of the home."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from tantivy import Query as Compiled

from broadsheet.errors import SearchIndexError, StoreError
from broadsheet.papers.text import spelled
from broadsheet.papers.types import Paper
from broadsheet.search import manifest
from broadsheet.search.embedding import (
    MAX_CHARACTERS,
    Embedder,
    StaticEmbedder,
    Tokens,
)
from broadsheet.search.forward import ForwardIndex, as_one, forms_of, key, keys_in, keys_of, split
from broadsheet.search.index import Facets, Meaning, Scored, Tier
from broadsheet.search.query import Query
from broadsheet.search.scoring import Lengths, Scoring, Terms
from broadsheet.search.text_index import (
    FACETS,
    FORMAT,
    TextIndex,
    conditions,
    everything,
    only,
)
from broadsheet.search.understanding import Vocabulary, Weighed
from broadsheet.search.vectors import VectorMatrix, text_marks
from broadsheet.search.vocabulary import KnownWords, WordTable

_AMONG = 10_000
"""Up to so many papers are given to the text engine as a condition; beyond, all matches are cut."""
_DEEP = "deep:"
"""Stands before the model's name with vectors that no sequence covers: they come by and by."""
_NEAREST = 1000
"""So many of the nearest papers are tried against the conditions before all matches are listed."""


class Embedded(NamedTuple):
    """Papers whose text was embedded: ids, the hash of each text, and the vectors."""

    ids: list[int]
    texts: NDArray[np.uint64]
    vectors: NDArray[np.float32]


def embedded(
    papers: Sequence[Paper],
    vectors: VectorMatrix | None,
    embedder: Embedder,
    said: Tokens | None = None,
) -> Embedded:
    """Return the vectors of those of `papers` that `vectors` lacks; raises EmbeddingError.

    Papers often change without their text, and no text is paid for twice. `said` has their words,
    if they are split already.
    """
    marks = text_marks(p.text for p in papers)
    ids = [p.id for p in papers]
    is_known = vectors.holds(ids, marks) if vectors else np.zeros(len(ids), bool)
    lacking = [p for p, known in zip(papers, is_known.tolist(), strict=True) if not known]
    if said is not None and isinstance(embedder, StaticEmbedder):
        made = embedder.embed_tokens(said.joined().only(~is_known))
        others = [i for i, p in enumerate(lacking) if not _is_split_alike(p)]
        made[others] = embedder.embed([lacking[i].text for i in others])
    else:
        made = embedder.embed([p.text for p in lacking])
    return Embedded([int(p.id) for p in lacking], marks[~is_known], made)


def _is_split_alike(paper: Paper) -> bool:
    """Whether a text has the same words as its title and its abstract, each spelled for search."""
    # A character that is spelled alike becomes four at most, so nothing of a text is cut.
    text = paper.text
    return len(text) <= MAX_CHARACTERS // 4 and (text.isascii() or spelled(text) == text)


def _split(papers: Sequence[Paper]) -> Tokens:
    return split((p.title, p.abstract or p.summary) for p in papers)


class Turn:
    """The right to do something alone: `path` keeps other processes out, a lock other threads."""

    def __init__(self, path: Path) -> None:
        self._file = FileLock(path, thread_local=False)
        self._thread = threading.Lock()

    def take(self, timeout: float = 0) -> bool:
        """Take the turn; False if another has it, `timeout` seconds long.

        Raises StoreError where this person may not write.
        """
        if not self._thread.acquire(timeout=timeout):
            return False
        try:
            self._file.acquire(timeout=timeout)
        except Timeout:
            self._thread.release()
            return False
        except PermissionError as error:
            self._thread.release()
            raise StoreError(
                f"{self._file.lock_file} cannot be written: {error.strerror}"
            ) from error
        except BaseException:
            self._thread.release()
            raise
        return True

    def give_back(self) -> None:
        """Let others take it."""
        self._file.release()
        self._thread.release()

    @property
    def is_taken(self) -> bool:
        """Whether it was taken by this object."""
        return self._file.is_locked


class Parts:
    """Text index, words in order and vector matrix, each with the sequence that it holds.

    The vectors of a fast model are written together with the words. Those of another are written
    by themselves, when it is time for them, and may be missing.
    """

    def __init__(
        self,
        folder: Path,
        vectors: Path | None,
        embedder: Embedder,
        deep: VectorMatrix | None = None,
    ) -> None:
        """Open the text in `folder` and the vectors in the folder `vectors`, empty if not there.

        `deep` are the vectors of the deep tier. Raises SearchIndexError if any are damaged.
        """
        self.path = folder
        self.text = TextIndex(folder / "text")
        self.forward = ForwardIndex(folder / "words")
        self.vectors = VectorMatrix(vectors / "vectors", model=embedder.id) if vectors else None
        self.vectors_path = vectors
        self.deep = deep
        self._embedder = embedder
        # After a crash the text index may hold more than its manifest says, so the first papers
        # applied are looked for before they are added.
        self._is_certain = False
        self._highest = 0

    @property
    def _fed(self) -> VectorMatrix | None:
        """The vectors, if they are written together with the words."""
        return self.vectors if self._embedder.pace == "fast" else None

    @property
    def sequence(self) -> int:
        """Up to where in the change log everything is held that is fed with the words."""
        words = min(self.text.sequence, self.forward.sequence)
        if self._embedder.pace != "fast":
            return words
        return min(words, self.vectors.sequence) if self.vectors else 0

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""
        fed, said = self._fed, _split(puts)
        if fed is not None and sequence > fed.sequence:
            is_whole = sequence >= self.text.sequence
            self.append(self.embed(puts, said), drops, sequence, is_whole=is_whole)
        if sequence > self.forward.sequence:
            self._append_words(puts, said, drops, sequence)
        if sequence > self.text.sequence:
            ids = [p.id for p in puts]
            if not self._is_certain:
                self._highest = self.text.highest
            is_new = self._is_certain and min(ids, default=0) > self._highest
            self.text.apply(puts, drops, is_new=is_new)
            self.text.commit(sequence)
            self._highest = max([self._highest, *ids])
            self._is_certain = True

    def _append_words(
        self, puts: Sequence[Paper], said: Tokens, drops: Sequence[int], sequence: int
    ) -> None:
        self.forward.append([p.id for p in puts], keys_in(said), drops, sequence)

    def embed(self, papers: Sequence[Paper], said: Tokens) -> Embedded:
        """Return the vectors of those of `papers` whose text has none; raises EmbeddingError."""
        return embedded(papers, self.vectors, self._embedder, said)

    def append(
        self, made: Embedded, drops: Sequence[int], sequence: int, *, is_whole: bool
    ) -> None:
        """Keep vectors; everything up to `sequence` then has one, with `is_whole` all there is."""
        if self.vectors is None:
            raise SearchIndexError("there is no place for vectors in these parts of the index")
        self.vectors.append(
            made.ids, made.vectors, drops, sequence, texts=made.texts, is_whole=is_whole
        )

    def fill(self, papers: Sequence[Paper]) -> None:
        """Add papers to parts that nobody uses yet; `finish` makes them last."""
        said = _split(papers)
        if self._fed is not None:
            made = self.embed(papers, said)
            self._fed.append(made.ids, made.vectors, [], 0, texts=made.texts)
        self._append_words(papers, said, [], 0)
        self.text.apply(papers, [], is_new=True)

    def finish(self, sequence: int) -> None:
        """Keep what was filled in; everything up to `sequence` is then held."""
        nothing = _split([])
        self._append_words([], nothing, [], sequence)
        self.text.commit(sequence)
        if self._fed is not None:
            self.append(self.embed([], nothing), [], sequence, is_whole=True)


class _Places(NamedTuple):
    """What `current.json` says: the folder of the text, and that of the vectors of each model."""

    text: str | None = None
    vectors: Mapping[str, str] = {}


class EmbeddedIndex:
    """An `Index` in the folder `path`; one process writes at a time, any number read.

    `current.json` names the folders in use. A text index of another format does not count, and
    each model has vectors of its own, so that words can be searched while vectors are made.
    """

    def __init__(self, path: Path, embedder: Embedder, deep: Embedder | None = None) -> None:
        """Take the index in `path`, which is opened when it is first asked.

        `deep` makes the vectors of the deep tier, which is off without it.
        """
        self.path = path
        self.embedder = embedder
        self.deep_embedder = deep
        path.mkdir(parents=True, exist_ok=True)
        self.words = WordTable(path / "words.json")
        self._turn = Turn(path / "writer.lock")
        self._embedding = Turn(path / "embedding.lock")
        self._deepening = Turn(path / "deepening.lock")
        self._current = path / "current.json"
        self._stamp = (-1, -1)
        self._opened: Parts | None = None
        self._opening = threading.RLock()

    @property
    def format(self) -> str:
        """What the words are indexed as."""
        return FORMAT

    def _places(self) -> _Places:
        facts = manifest.read(self._current) or {}
        if "folder" in facts:  # the first form: one folder for both
            facts |= {"text": facts["folder"], "vectors": {facts.get("model"): facts["folder"]}}
        text, vectors = facts.get("text"), facts.get("vectors")
        return _Places(
            text if isinstance(text, str) and facts.get("format") == FORMAT else None,
            vectors if isinstance(vectors, dict) else {},
        )

    @property
    def _parts(self) -> Parts | None:
        """The parts in use, opened anew when another process has replaced them."""
        if manifest.stamp(self._current) != self._stamp:
            with self._opening:
                # What is replaced again while it is opened is opened again.
                while (stamp := manifest.stamp(self._current)) != self._stamp:
                    places = self._places()
                    self._opened = self._open(places) if places.text else None
                    self._stamp = stamp
        return self._opened

    def _open(self, places: _Places) -> Parts:
        vectors = places.vectors.get(self.embedder.id)
        text = self.path / str(places.text)
        deep = self._open_deep(places.vectors.get(self._deep_name))
        return Parts(text, self.path / vectors if vectors else None, self.embedder, deep)

    def _open_deep(self, folder: str | None) -> VectorMatrix | None:
        """Return the vectors of the deep tier; what cannot be read counts as not made yet."""
        if not folder:
            return None
        with suppress(SearchIndexError):
            return VectorMatrix(self.path / folder / "vectors", model=self._deep_name)
        return None

    @property
    def _deep_name(self) -> str:
        """Under which the vectors of the deep tier are kept, which is no model's if it is off."""
        return _DEEP + self.deep_embedder.id if self.deep_embedder else ""

    def _matrix(self, tier: Tier = "main") -> VectorMatrix | None:
        """Return the vectors of a tier, if search can go by them."""
        if tier == "deep":
            return self.deep_vectors
        vectors = self._parts.vectors if self._parts else None
        return vectors if vectors is not None and vectors.is_whole else None

    @property
    def deep_vectors(self) -> VectorMatrix | None:
        """The vectors of the deep tier, of however many papers; None if there are none yet."""
        return self._parts.deep if self._parts else None

    @property
    def sequence(self) -> int:
        """Up to where in the change log everything is held that is fed with the words."""
        return self._parts.sequence if self._parts else 0

    @property
    def embedded_sequence(self) -> int:
        """Up to where in the change log every paper has a vector."""
        vectors = self._parts.vectors if self._parts else None
        return vectors.sequence if vectors is not None else 0

    @property
    def embedded_papers(self) -> NDArray[np.int64]:
        """The papers that have a vector, ascending."""
        vectors = self._parts.vectors if self._parts else None
        return vectors.ids if vectors is not None else np.empty(0, np.int64)

    @property
    def meaning(self) -> Meaning:
        """How far it can be searched by meaning; where it cannot, no vectors are found."""
        parts = self._parts
        papers = parts.text.papers if parts else 0
        made = (self.embedder.id, self.embedder.pace)
        if parts is None or parts.vectors is None:
            return Meaning(*made, 0, papers, 0, is_usable=False)
        vectors = parts.vectors
        return Meaning(*made, len(vectors.ids), papers, vectors.dim, is_usable=vectors.is_whole)

    @property
    def deep(self) -> Meaning | None:
        """How many papers have a vector of the deep tier; None where it is off."""
        if self.deep_embedder is None:
            return None
        made, vectors = self.deep_embedder, self.deep_vectors
        held, dim = (len(vectors.ids), vectors.dim) if vectors is not None else (0, 0)
        papers = self._parts.text.papers if self._parts else 0
        return Meaning(made.id, made.pace, held, papers, dim, is_usable=held > 0)

    @property
    def facts(self) -> dict[str, int | str]:
        """What the index is: format, model, and the sequence that each part holds."""
        parts = self._parts
        text = parts.text.sequence if parts else 0
        made = {"format": FORMAT, "model": self.embedder.id}
        return made | {"text": text, "vectors": self.embedded_sequence}

    @property
    def vocabulary(self) -> Vocabulary:
        """What is known of the words and names in the papers."""
        return KnownWords(self.words.forms(), self._parts.text if self._parts else None)

    # ------------------------------------------------------------------ writing

    def try_lock(self, timeout: float = 0) -> bool:
        """Become the one process that writes; False if another is, `timeout` seconds long."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._turn.take(timeout):
            return False
        with self._opening:
            self._stamp = (-1, -1)
        return True

    def unlock(self) -> None:
        """Let other processes write."""
        try:
            if self._opened:
                self._opened.text.release()
        finally:
            self._turn.give_back()

    def embedding(self) -> AbstractContextManager[bool]:
        """Be the one process that embeds by and by; False if another is."""
        return self._alone(self._embedding)

    def deepening(self) -> AbstractContextManager[bool]:
        """Be the one process that embeds for the deep tier; False if another is."""
        return self._alone(self._deepening)

    @contextmanager
    def _alone(self, turn: Turn) -> Iterator[bool]:
        self.path.mkdir(parents=True, exist_ok=True)
        is_ours = turn.take()
        try:
            yield is_ours
        finally:
            if is_ours:
                turn.give_back()

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""
        with self.told():
            parts = self.complete(with_vectors=self.embedder.pace == "fast")
            parts.apply(puts, drops, sequence)

    def embed(self, papers: Sequence[Paper]) -> Embedded:
        """Return the vectors of those of `papers` whose text has none; raises EmbeddingError."""
        vectors = self._parts.vectors if self._parts else None
        return embedded(papers, vectors, self.embedder)

    def append(
        self, made: Embedded, drops: Sequence[int], sequence: int, *, is_whole: bool
    ) -> None:
        """Keep vectors that were made beside the words; only under the lock.

        Everything up to `sequence` then has one, with `is_whole` all that there is.
        """
        with self.told():
            parts = self.complete(with_vectors=True)
            parts.append(made, drops, sequence, is_whole=is_whole)

    def append_deep(self, made: Embedded, drops: Sequence[int], sequence: int) -> None:
        """Keep vectors of the deep tier and take out `drops`; only under the lock.

        Up to `sequence` all changes of papers that have one are then taken into account.
        """
        with self.told():
            deep = self.complete(with_deep=True).deep
            if deep is not None:
                deep.append(made.ids, made.vectors, drops, sequence, texts=made.texts)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell in words what the disk refuses: the record has everything, so nothing is lost."""
        try:
            yield
        except (OSError, ValueError) as error:
            raise SearchIndexError(
                f"the index in {self.path} cannot be written ({error}); nothing is lost, and what "
                "it lacks is taken in when that is mended"
            ) from error

    def complete(self, *, with_vectors: bool = False, with_deep: bool = False) -> Parts:
        """Return the parts in use, those that are missing made empty; only under the lock.

        The vectors of one tier are made at a time.
        """
        parts = self._parts
        lacks_vectors = with_vectors and (parts is None or parts.vectors is None)
        lacks_deep = with_deep and (parts is None or parts.deep is None)
        if parts is not None and not lacks_vectors and not lacks_deep:
            return parts
        places, fresh = self._places(), self._fresh()
        vectors = self._readable_vectors()
        if with_vectors or with_deep:
            vectors.setdefault(self.embedder.id if with_vectors else self._deep_name, fresh.name)
        return self._put_in_use(_Places(places.text or fresh.name, vectors))

    def begin(self) -> Parts:
        """Return new empty parts, to be filled and then adopted; only under the lock.

        They hold vectors only if these are fed together with the words.
        """
        fresh = self._fresh()
        vectors = fresh if self.embedder.pace == "fast" else None
        return Parts(fresh, vectors, self.embedder)

    def _fresh(self) -> Path:
        """Return a folder that is not there yet."""
        if not self._turn.is_taken:
            raise SearchIndexError("the index is written only by the process that holds its lock")
        numbers = [int(p.stem[1:]) for p in self.path.glob("g*") if p.stem[1:].isdigit()]
        return self.path / f"g{max(numbers, default=0) + 1}"

    def adopt(self, parts: Parts) -> None:
        """Put filled parts in use, for readers too, and throw away what they replace.

        Vectors that the parts do not bring, and those of other models, stay unless they cannot be
        read: they may have cost money.
        """
        parts.text.release()
        vectors = self._readable_vectors()
        if parts.vectors_path is not None:
            vectors[self.embedder.id] = parts.vectors_path.name
        self._put_in_use(_Places(parts.path.name, vectors))

    def rewind(self, papers: Sequence[int]) -> None:
        """Keep the vectors of `papers` alone, to be compared with the record; under the lock."""
        if self._parts and self._parts.vectors:
            self._parts.vectors.rewind(np.asarray(papers, np.int64))

    def forget_other_models(self) -> None:
        """Throw away the vectors of all models but the chosen one; only under the lock."""
        places = self._places()
        chosen = {self.embedder.id, self._deep_name}
        own = {m: f for m, f in places.vectors.items() if m in chosen}
        if own != places.vectors:
            self._note(places._replace(vectors=own))

    def _readable_vectors(self) -> dict[str, str]:
        """Return the folder with the vectors of each model, found again where nothing names it."""
        found: dict[str, str] = {}
        for folder in sorted(self.path.glob("g*"), key=lambda f: (len(f.name), f.name)):
            with suppress(SearchIndexError):
                facts = manifest.read(folder / "vectors" / "manifest.json") or {}
                if facts.get("model") and folder.name[1:].isdigit():
                    found[str(facts["model"])] = folder.name
        with suppress(SearchIndexError):
            found |= self._places().vectors
        for model in {self.embedder.id, self._deep_name} & found.keys():
            try:
                VectorMatrix(self.path / found[model] / "vectors")
            except SearchIndexError:
                del found[model]
        return found

    def _put_in_use(self, places: _Places) -> Parts:
        with self._opening:
            if self._opened:
                self._opened.text.release()
            opened = self._open(places)
            self._note(places)
            self._opened = opened
        return opened

    def _note(self, places: _Places) -> None:
        """Write which folders are in use, and throw away all that is not."""
        facts = {"format": FORMAT, "text": places.text, "vectors": places.vectors}
        with self._opening:
            manifest.write(self._current, facts)
            self._stamp = manifest.stamp(self._current)
        with_vectors = set(places.vectors.values())
        for folder in sorted(self.path.glob("g*"), reverse=True):  # what a crash left comes first
            if folder.name not in {places.text, *with_vectors}:
                _discard(folder)
            elif folder.name != places.text:
                (folder / "text.json").unlink(missing_ok=True)
                _discard(folder / "text")
                _discard(folder / "words")
            elif folder.name not in with_vectors:
                _discard(folder / "vectors")

    # ------------------------------------------------------------------ reading

    def text(self, words: Sequence[Weighed], query: Query, k: int) -> Scored:
        """Return the `k` papers that match best in words."""
        parts = self._parts
        compiled = parts.text.compile(words, query) if parts else None
        return parts.text.top(compiled, k) if parts and compiled is not None else []

    def scoring(self, words: Sequence[Weighed], papers: Sequence[int]) -> Scoring:
        """Return how well `papers` match in words, wherever these came from."""
        parts = self._parts
        if parts is None:
            return Scoring(Terms((), {}, {}), keys_of([]), Lengths(0.0, 0.0))
        forms, pairs = forms_of(words)
        names = dict.fromkeys(stem for form in forms for stem in form.stems)
        keys = {name: key(name) for name in names}
        terms = Terms(forms, keys, as_one(parts.text.rarities(names), words), pairs)
        beside = parts.text.beside(words, papers)
        return Scoring(terms, parts.forward.read(papers), parts.forward.mean, beside)

    def vector(
        self, vector: NDArray[np.float32], query: Query, k: int, tier: Tier = "main"
    ) -> Scored:
        """Return the `k` papers nearest in meaning that fulfil the conditions, with cosines."""
        parts, matrix, condition = self._parts, self._matrix(tier), conditions(query)
        if parts is None or matrix is None or condition is None:
            return matrix.scan(vector, k) if matrix else []
        nearest = matrix.scan(vector, max(_NEAREST, 2 * k))
        fitting = _fitting(parts, condition, nearest)
        if len(fitting) >= k or len(nearest) == len(matrix.ids):
            return fitting[:k]
        return matrix.scan(vector, k, parts.text.matching(condition))

    def cosines(
        self, vector: NDArray[np.float32], papers: Sequence[int], tier: Tier = "main"
    ) -> Mapping[int, float]:
        """Return how near those of `papers` that have a vector are in meaning (-1 to 1)."""
        matrix = self._matrix(tier)
        return matrix.cosines(vector, papers) if matrix else {}

    def paper_vector(self, paper: int, tier: Tier = "main") -> NDArray[np.float32] | None:
        """Return the vector of a paper, or None if it has none."""
        matrix = self._matrix(tier)
        return matrix.vector(paper) if matrix else None

    def paper_vectors(self, papers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return those of `papers` that have a vector, ascending, and their vectors at length 1."""
        matrix = self._matrix()
        if matrix is None:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        return matrix.several(papers)

    def distinctive(self, words: Sequence[str], k: int) -> list[str]:
        """Return the `k` of `words` that say most of a text, each as often as it stands there."""
        return self._parts.text.distinctive(words, k) if self._parts else []

    def newest(self, words: Sequence[Weighed], query: Query, k: int) -> list[int]:
        """Return the `k` matches with the newest days."""
        return self._parts.text.newest(self._compiled(words, query), k) if self._parts else []

    def matching(
        self, words: Sequence[Weighed], query: Query, among: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """Return all papers, or those of `among`, that match and fulfil the conditions, ascending.

        With `words` any of them makes a match.
        """
        if not self._parts or (among is not None and not among):
            return np.empty(0, np.int64)
        compiled = self._compiled(words, query)
        if among is None:
            return self._parts.text.matching(compiled)
        if len(among) > _AMONG:
            return np.intersect1d(self._parts.text.matching(compiled), np.asarray(among, np.int64))
        return self._parts.text.matching(only(compiled, among), len(among))

    def count(
        self, words: Sequence[Weighed], query: Query, *, with_facets: bool = True
    ) -> tuple[int, Facets]:
        """Return how many papers match in words and, `with_facets`, the values among them."""
        if not self._parts or not self._parts.text.papers:
            return 0, {name: [] for name in FACETS} if with_facets else {}
        compiled, text = self._compiled(words, query), self._parts.text
        return text.count(compiled) if with_facets else (text.total(compiled), {})

    def _compiled(self, words: Sequence[Weighed], query: Query) -> Compiled:
        compiled = self._parts.text.compile(words, query) if self._parts else None
        if compiled is None:
            return Compiled.empty_query() if words else everything()
        return compiled

    # ------------------------------------------------------------------ checking

    def held(self) -> dict[str, NDArray[np.int64]]:
        """Return the ids of the papers that each part holds, ascending."""
        parts, none = self._parts, np.empty(0, np.int64)
        if parts is None:
            return {"text": none, "words": none, "vectors": none}
        text = parts.text.matching(everything())
        return {"text": text, "words": parts.forward.ids, "vectors": self.embedded_papers}

    def look(self) -> None:
        """See that the files in use are whole; raises SearchIndexError if one was cut short."""
        if self._parts:
            self._parts.text.look()
            self._parts.forward.look()
            self.meaning  # noqa: B018 (asking the vectors makes them look)

    def size(self) -> int:
        """Return the bytes on disk."""
        sizes = 0
        for file in self.path.rglob("*"):
            with suppress(FileNotFoundError):  # another process may be at work there
                sizes += file.stat().st_size if file.is_file() else 0
        return sizes

    def close(self) -> None:
        """Let go of the lock, if it is held."""
        if self._turn.is_taken:
            self.unlock()


def _discard(folder: Path) -> None:
    """Throw a folder away, in one step for readers, who find all of it or nothing."""
    if folder.exists():
        gone = folder.with_suffix(".gone")
        if gone != folder and gone.exists():
            shutil.rmtree(gone)
        shutil.rmtree(folder.rename(gone), ignore_errors=True)


def _fitting(parts: Parts, condition: Compiled, nearest: Scored) -> Scored:
    """Return those of `nearest` that fulfil the condition."""
    if not nearest:
        return []
    wanted = only(condition, [paper for paper, _ in nearest])
    fits = set(parts.text.matching(wanted, len(nearest)).tolist())
    return [(paper, cosine) for paper, cosine in nearest if paper in fits]

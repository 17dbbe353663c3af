"""The deep tier: by and by, the newest first, nothing lost, and searched with what there is."""

from __future__ import annotations

import shutil
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import orjson
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.errors import ConfigError, EmbeddingError, StoreError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import Record
from broadsheet.search.deepening import DAYS_OF_A_DOUBLING, STEP, foremost, rest_s
from broadsheet.search.embedding import Pace
from broadsheet.web.app import create_app
from endpoint import vector_of
from processes import PATIENCE, answer, called, command, ended, start
from tiny_onnx import SUBJECTS, made_model, needs_onnx

PAPERS = 100


def record(number: int, **more: object) -> Record:
    """Return an invented record, each later one newer than the one before."""
    first, second = SUBJECTS[number % 7], SUBJECTS[number * 3 % 5]
    text = f"Study {number} of {second} under {SUBJECTS[number % 4]}, with {first}."
    facts = {"submitted": f"20{10 + number // 12}-{number % 12 + 1:02}-03"} | more
    return Record("file", f"n{number}", f"On {first} and {second}, {number}", text, **facts)  # type: ignore[arg-type]


class Modelled:
    """A deep model with vectors of its own that counts what it was asked for."""

    def __init__(self, name: str = "deep", dim: int = 16) -> None:
        self.id = name
        self.pace: Pace = "slow"
        self.price: float | None = 0.0
        self.step = 10
        self.dim = dim
        self.texts: list[str] = []
        self.fault = ""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, or fail if that was planned."""
        if self.fault:
            raise EmbeddingError(self.fault)
        self.texts += texts
        rows = np.array([vector_of(t, self.dim) for t in texts], np.float32)
        rows = rows.reshape(len(texts), self.dim)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, or fail if that was planned."""
        vector: NDArray[np.float32] = self.embed([text])[0]
        return vector

    def close(self) -> None:
        """Let go of nothing."""


def put(library: Library, *records: Record) -> None:
    """File records and feed the index."""
    list(library.file(records, source="test", counts=Counter()))


def deepened(library: Library) -> list[int]:
    """Return the papers that have a vector of the deep tier."""
    vectors = library.index.deep_vectors
    return [] if vectors is None else vectors.ids.tolist()


@pytest.fixture(scope="module")
def plain(tmp_path_factory, embedder) -> Path:
    """Return a home with the papers and without a deep tier."""
    home = tmp_path_factory.mktemp("plain")
    with open_library(home, embedder=embedder) as library:
        put(library, *map(record, range(PAPERS)))
    return home


@pytest.fixture
def home(plain, tmp_path) -> Path:
    """Return a copy of that home for one test."""
    return Path(shutil.copytree(plain, tmp_path / "home"))


# ---------------------------------------------------------------------------- what comes first


def test_the_newest_and_most_read_come_first():
    """Days count, and each doubling of the readers as so many days more."""
    found = [
        (1, "2026-03-01", 0),
        (2, "2026-03-10", 0),
        (3, "2026-03-10", 0),
        (4, "", 7),
        (5, "2026-02-20", 3),
        (6, "", 0),
    ]
    assert foremost(found, 9) == [5, 3, 2, 1, 4, 6]
    assert foremost(found, 2) == [5, 3]
    assert foremost([], 5) == []
    assert DAYS_OF_A_DOUBLING == 30


@given(st.floats(0, 100), st.floats(0.01, 1))
def test_work_takes_its_share(spent: float, share: float):
    """Work and rest together are as long as makes the work the share of them."""
    assert spent == pytest.approx((spent + rest_s(spent, share)) * share, abs=1e-9)


def test_steps_are_small_and_the_newest_are_first(home, embedder):
    """After each step what is done can be searched, by other processes too."""
    model = Modelled()
    with (
        open_library(home, embedder=embedder, deep=model) as library,
        open_library(home, embedder=embedder, deep=Modelled()) as other,
    ):
        assert library.search("kilns").notice == ""
        seen = []
        for done, total in library.deepen():
            seen.append((done, total))
            assert len(deepened(other)) == done
            newest = {p.id for p in library.latest(done)}
            assert set(deepened(library)) == newest
            assert other.search("kilns at tides").hits
            state = other.deep_state()
            assert (state.embedded, state.papers) == (done, PAPERS)
            assert state.rate > 0
            assert state.left_s == pytest.approx((PAPERS - done) / state.rate)
            put(other, record(5, venue=f"Letters {done}"))  # others may write meanwhile

        assert seen == [(min(PAPERS, n * STEP), PAPERS) for n in range(1, 5)]
        assert len(model.texts) == len(set(model.texts))
        assert library.check().problems == []
        note = home / "index" / "deepening.json"
        before = note.stat().st_mtime_ns
        assert list(library.deepen()) == []
        assert note.stat().st_mtime_ns == before  # who only looks writes nothing
        assert library.deep_state().rate is None


def test_readers_make_a_paper_come_early(home, embedder):
    """An old paper that many like is embedded in the first step."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        put(library, record(0, extra={"upvotes": 2**20}))
        next(iter(library.deepen()))
        assert library.resolve("p1") in deepened(library)


# ---------------------------------------------------------------------------- nothing stale


def test_what_changes_is_embedded_again(home, embedder):
    """Another text gets another vector, what is gone goes, and nothing is embedded twice."""
    model = Modelled()
    with open_library(home, embedder=embedder, deep=model) as library:
        list(library.deepen())
        model.texts.clear()
        put(library, record(7, venue="Kiln Letters"), record(200))
        put(library, Record("file", "n9", "On copper", "Another text.", submitted="2011-01-01"))
        library.deciding.merge("p20", "p30")
        list(library.deepen())

        assert sorted(model.texts) == sorted(p.text for p in library.papers([10, 101]))
        assert deepened(library) == [n for n in range(1, 102) if n != 30]
        texts = {p.id: p.text for p in library.papers(deepened(library))}
        for paper in (10, 20, 101):
            wanted = Modelled().embed([texts[paper]])[0]
            kept = library.index.paper_vector(paper, "deep")
            assert kept == pytest.approx(wanted, abs=0.01)


def test_a_rebuild_keeps_the_vectors(home, embedder):
    """The words are made anew, and what took hours stays, also beside another model."""
    model = Modelled()
    with open_library(home, embedder=embedder, deep=model) as library:
        list(library.deepen())
        list(library.rebuild(only_this_model=True))
        assert len(deepened(library)) == PAPERS
        list(library.deepen())
    assert len(model.texts) == PAPERS
    with open_library(home, embedder=embedder, deep=Modelled("other")) as library:
        assert deepened(library) == []
        next(iter(library.deepen()))
    with open_library(home, embedder=embedder, deep=model) as library:
        assert len(deepened(library)) == PAPERS
    with open_library(home, embedder=embedder) as library:  # it is off: they go with a rebuild
        list(library.rebuild(only_this_model=True))
    with open_library(home, embedder=embedder, deep=model) as library:
        assert deepened(library) == []
        list(library.deepen())
        assert len(deepened(library)) == PAPERS


def test_the_model_of_the_tier_may_be_the_main_one_too(home, embedder):
    """Vectors that came by and by do not pass for those that a change log covers."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        next(iter(library.deepen()))
    with open_library(home, embedder=Modelled(), deep=Modelled()) as library:
        assert library.search("kilns").notice.startswith("by words only: 0 of 100")
        assert list(library.embed())[-1] == (PAPERS, PAPERS)
        assert len(deepened(library)) == STEP


def test_vectors_of_another_record_are_not_believed(home, tmp_path, embedder):
    """Where the record was put back to an earlier one, only texts that fit keep their vectors."""
    with open_library(tmp_path / "earlier", embedder=embedder) as library:
        put(library, *map(record, [*range(1, 30), 0]))
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        list(library.deepen())
    for name in ("broadsheet.db", "broadsheet.db-wal", "broadsheet.db-shm"):
        (home / name).unlink(missing_ok=True)
    (tmp_path / "earlier" / "broadsheet.db").rename(home / "broadsheet.db")

    model = Modelled()
    with open_library(home, embedder=embedder, deep=model) as library:
        list(library.deepen())
        assert deepened(library) == list(range(1, 31))
        assert library.check().problems == []
        for paper in library.papers(range(1, 31)):
            kept = library.index.paper_vector(paper.id, "deep")
            assert kept == pytest.approx(model.embed([paper.text])[0], abs=0.01)


@pytest.mark.parametrize("name", ["manifest.json", "vectors.i8"])
@pytest.mark.parametrize("is_open", [False, True])
def test_damaged_vectors_are_made_anew(home, embedder, name, is_open):
    """Search goes on without the tier, which begins anew by itself."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        list(library.deepen())
        folder = library.index.deep_vectors.path
        if is_open:
            library.search("kilns")
            (folder / name).write_bytes(b"{")
            page = library.search("kilns")
            assert page.hits
            assert "without the deep tier: " in page.notice
            assert library.deep_state().trouble
            list(library.deepen())
    (folder / name).write_bytes(b"{") if not is_open else None
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        assert library.search("kilns").notice == ""
        list(library.deepen())
        assert len(deepened(library)) == PAPERS
        assert library.check().problems == []


# ---------------------------------------------------------------------------- searching


class Knowing(Modelled):
    """A deep model that finds only what has a certain word near."""

    def __init__(self, word: str) -> None:
        super().__init__("knowing", 2)
        self.word = word

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one direction for texts with the word, and another for all others."""
        self.texts += texts
        rows = [[1.0, 0.0] if self.word in t else [0.0, 1.0] for t in texts]
        return np.array(rows, np.float32).reshape(len(texts), 2)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the direction of the word."""
        return self.embed([self.word])[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_the_tier_counts_in_the_order(home, embedder, mode):
    """What the deep model finds near comes first where words and the other model know nothing."""
    with open_library(home, embedder=embedder, deep=Knowing("lanterns")) as library:
        before = library.search("glowing", mode=mode, limit=20)
        list(library.deepen())
        found = library.search("glowing", mode=mode, limit=20)
        ranked = library.engine.rank_among(
            _parsed("glowing"), [h.paper.id for h in found.hits], mode=mode
        )

        known = ["lanterns" in h.paper.text for h in found.hits]
        assert sum(known) > sum("lanterns" in h.paper.text for h in before.hits)
        assert known[:2] == [True] * 2
        for hit in found.hits:
            assert sum(hit.made.parts.values()) == pytest.approx(hit.score, abs=1e-4)
        assert {r.kind for h in found.hits for r in h.reasons} <= {"meaning", "deep"}
        assert all(h.reasons[0].kind == "deep" for h in found.hits[:2])
        nearest = [h.paper.id for h, is_known in zip(found.hits, known, strict=True) if is_known]
        assert {r.paper for r in ranked if r.deep == pytest.approx(1, abs=0.01)} == set(nearest)


def _parsed(text: str) -> object:
    from broadsheet.search.query import parse  # noqa: PLC0415

    return parse(text)


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_pages_together_are_one_long_page(home, embedder, mode, monkeypatch):
    """Paging leaves out nothing and repeats nothing while part of the papers is embedded."""
    monkeypatch.setattr("broadsheet.search.engine.NEAREST", 15)
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        next(iter(library.deepen()))
        whole = [h.paper.id for h in library.search("kilns tides", mode=mode, limit=200).hits]
        pages, cursor = [], None
        while True:
            page = library.search("kilns tides", mode=mode, limit=7, cursor=cursor)
            pages += [h.paper.id for h in page.hits]
            if (cursor := page.next) is None:
                break
    assert pages == whole
    assert len(set(whole)) == len(whole) > 40


def test_a_model_that_fails_is_told_and_search_goes_on(home, embedder):
    """The rest is searched as without the tier, and the page says why."""
    model = Modelled()
    with open_library(home, embedder=embedder, deep=model) as library:
        before = [h.paper.id for h in library.search("kilns at tides", limit=50).hits]
        list(library.deepen())
        model.fault = "out of order"
        page = library.search("kilns at tides", limit=50)
        put(library, record(300))
        with pytest.raises(EmbeddingError, match="out of order"):
            list(library.deepen())

        assert [h.paper.id for h in page.hits] == before
        assert page.notice == "without the deep tier: out of order"
        assert library.deep_state().trouble == "out of order"
        model.fault = ""
        assert list(library.deepen()) == [(PAPERS + 1, PAPERS + 1)]
        assert library.deep_state().trouble == ""


def test_a_model_of_another_length_is_told(home, embedder):
    """Vectors that cannot be compared are not, and the page says so."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        list(library.deepen())
    with open_library(home, embedder=embedder, deep=Modelled(dim=8)) as library:
        assert "8 numbers where the index holds 16" in library.search("kilns").notice


# ---------------------------------------------------------------------------- who does it


def test_whoever_serves_embeds_and_one_does_at_a_time(home, embedder):
    """The thread takes in what is filed; another process is told that one is at it."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        library.follow(interval_s=0.01)
        _until(lambda: len(deepened(library)) == PAPERS)
        put(library, record(300))
        _until(lambda: len(deepened(library)) == PAPERS + 1)
    with (
        open_library(home, embedder=embedder, deep=Modelled("b")) as one,
        open_library(home, embedder=embedder, deep=Modelled("b")) as other,
    ):
        steps = one.deepen()
        next(iter(steps))
        with pytest.raises(StoreError, match="deep tier") as told:
            list(other.deepen())
        assert told.value.temporary
        steps.close()
        assert list(other.deepen())


def test_a_long_import_is_no_trouble(home, embedder, monkeypatch):
    """While another process writes, the tier waits for its turn and makes no noise."""
    monkeypatch.setattr("broadsheet.search.deepening.PATIENCE_S", 0.01)
    with (
        open_library(home, embedder=embedder, deep=Modelled()) as library,
        open_library(home, embedder=embedder) as other,
    ):
        with other.writing(), pytest.raises(StoreError, match="writing"):
            list(library.deepen())
        assert library.deep_state().trouble == ""
        assert list(library.deepen())[-1] == (PAPERS, PAPERS)


def _until(is_so: object) -> None:
    end = monotonic() + PATIENCE
    while not is_so():  # type: ignore[operator]
        assert monotonic() < end
        sleep(0.02)


def test_closing_ends_a_rest(home, embedder):
    """Whoever rests for long ends at once when the library is closed."""
    with open_library(home, embedder=embedder, deep=Modelled(), deep_share=1e-9) as library:
        library.follow(interval_s=0.01)
        _until(lambda: deepened(library))
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        assert len(deepened(library)) == STEP


def test_it_is_off_unless_switched_on(home, embedder):
    """Without a model there is no tier, and asking for its work says how to switch it on."""
    with open_library(home, embedder=embedder) as library:
        assert library.deep_state() is None
        assert library.status().deep is None
        with pytest.raises(ConfigError, match="broadsheet deepen --model"):
            library.deepen()
        client = TestClient(create_app(library))
        assert client.get("/api/status").json()["deep"]["is_on"] is False
        assert "Deep tier" not in client.get("/status").text


def test_the_status_tells_how_far_it_is(home, embedder):
    """The page and its JSON say what is done, how fast and how long it takes."""
    with open_library(home, embedder=embedder, deep=Modelled()) as library:
        client = TestClient(create_app(library))
        steps = library.deepen()
        next(iter(steps))
        found = client.get("/api/status").json()["deep"]
        page = client.get("/status").text
        steps.close()
        assert (found["is_on"], found["embedded"], found["papers"]) == (True, STEP, PAPERS)
        assert found["rate"] > 0
        assert found["left_s"] > 0
        assert f"{STEP} of {PAPERS} papers" in page
        assert "a second, " in page


# ---------------------------------------------------------------------------- the command


@needs_onnx
def test_the_command_switches_on_works_and_switches_off(home, tmp_path):
    """A folder is recognised, tried, kept in the settings among others, used, and let go."""
    (home / "broadsheet.toml").write_text(
        "# mine\nport = 8700\n\n[sources.arxiv]\nenabled = true\n"
    )
    folder = made_model(tmp_path / "tiny")
    off = answer("--home", home, "deepen")
    on = answer("--home", home, "deepen", "--model", folder, "--share", "0.25")
    done = answer("--home", home, "deepen", "--now")
    shown = " ".join(called("--home", home, "deepen").stdout.decode().split())
    found = answer("--home", home, "search", "study of kilns", "--mode", "vector")
    told = called("--home", home, "status").stdout.decode()
    kept = tomllib.loads((home / "broadsheet.toml").read_text())
    after = answer("--home", home, "deepen", "--off")

    assert off == {"is_on": False, **dict.fromkeys(list(on)[1:])}
    assert (on["is_on"], on["embedded"], on["share"]) == (True, 0, 0.25)
    assert on["model"].startswith("onnx:tiny-")
    assert done["embedded"] == done["papers"] == PAPERS
    assert "100 of 100 papers, onnx:tiny-" in shown
    assert "Every paper is embedded." in shown
    assert found["notice"] == ""
    assert "100 of 100 papers" in told
    assert kept == {
        "port": 8700,
        "deep": f"onnx:{folder}",
        "deep_share": 0.25,
        "sources": {"arxiv": {"enabled": True}},
    }
    assert after["is_on"] is False
    assert (home / "broadsheet.toml").read_text().startswith("# mine\n")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--off", "--now"], 2, "--off stands without"),
        (["--off", "--model", "x"], 2, "--off stands without"),
        (["--now"], 2, "the deep tier is off"),
        (["--share", "2"], 2, "share"),
        (["--model", "onnx:/none/such"], 1, "no .onnx file"),
    ],
)
def test_what_cannot_be_is_told(home, words, code, says):
    """Nothing is changed by what cannot be done."""
    refused = called("--home", home, "deepen", *words)

    assert refused.returncode == code
    assert says in refused.stderr.decode()
    assert not (home / "broadsheet.toml").exists()


def test_without_what_it_takes_search_goes_on(home):
    """A model that went away is told of once anything was embedded, and hides nothing."""
    env = {"BROADSHEET_DEEP": "onnx:/none/such"}
    assert answer("--home", home, "search", "kilns", **env)["hits"]
    refused = called("--home", home, "deepen", "--now", **env)
    assert refused.returncode == 1
    assert b"no .onnx file" in refused.stderr
    assert "no .onnx file" in answer("--home", home, "deepen", **env)["trouble"]


@needs_onnx
def test_a_killed_process_loses_one_step_at_most(home, tmp_path, embedder):
    """After SIGKILL what was told is there, and the next one goes on to the same end."""
    folder = made_model(tmp_path / "tiny")
    env = {"BROADSHEET_DEEP": f"onnx:{folder}"}
    for least in (1, 2 * STEP):
        process = start(command("--home", home, "deepen", "--now", "--share", "0.01"), **env)
        _until(lambda least=least: _told(home) >= least)
        before = _told(home)
        process.kill()
        ended(process)
        now = answer("--home", home, "deepen", **env)["embedded"]
        assert least <= before <= now
        assert now % STEP == 0 or now == PAPERS
    done = answer("--home", home, "deepen", "--now", **env)
    checked = answer("--home", home, "check", **env)

    assert done["embedded"] == PAPERS
    assert checked["ok"]


def _told(home: Path) -> int:
    """Return how many rows the vectors of the deep tier hold by their manifest."""
    for file in home.glob("index/g*/vectors/manifest.json"):
        facts = orjson.loads(file.read_bytes())
        if facts["model"].startswith("deep:"):
            return int(facts["rows"])
    return 0

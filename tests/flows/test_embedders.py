"""Changing the embedder: words meanwhile, nothing paid unasked or twice, nothing lost."""

from __future__ import annotations

import importlib.util
import os
import pty
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError, SearchIndexError, StoreError, status_of
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import Record
from broadsheet.search.embedding import Pace, StaticEmbedder
from broadsheet.search.sentences import SentenceEmbedder
from broadsheet.web.app import create_app
from endpoint import Answering, answering, vector_of
from processes import answer, called, command, ended, start, write_lines

SUBJECTS = ["tides", "moons", "kilns", "harbours", "copper", "lanterns", "rivers"]
PAPERS = 30


def record(number: int, **more: str) -> Record:
    """Return an invented record."""
    first, second = SUBJECTS[number % 7], SUBJECTS[number * 3 % 5]
    text = f"Study {number} of {second} under {SUBJECTS[number % 4]}, with {first}."
    return Record("file", f"n{number}", f"On {first} and {second}, {number}", text, **more)


RECORDS = [record(n) for n in range(PAPERS)]


class Modelled:
    """An embedder with vectors of its own that counts what it was asked for."""

    def __init__(self, name: str, pace: Pace = "slow", dim: int = 16) -> None:
        self.id = name
        self.pace = pace
        self.price = None if pace == "paid" else 0.0
        self.step = 10
        self.dim = dim
        self.texts: list[str] = []
        self.questions: list[str] = []
        self.fault = ""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, or fail if that was planned."""
        if self.fault:
            raise EmbeddingError(self.fault)
        self.texts += texts
        rows = np.array([vector_of(t, self.dim) for t in texts], np.float32)
        return rows.reshape(len(texts), self.dim) / np.float32(self.dim)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, or fail if that was planned."""
        if self.fault:
            raise EmbeddingError(self.fault)
        self.questions.append(text)
        vector = np.array(vector_of(text, self.dim), np.float32)
        return vector / np.linalg.norm(vector)

    def close(self) -> None:
        """Let go of nothing."""


def put(library: Library, *records: Record) -> None:
    """File records and feed the index."""
    list(library.file(records, source="test", counts=Counter()))


def titles(library: Library, query: str, mode: str = "hybrid") -> list[str]:
    """Return the titles of the hits."""
    return [h.paper.title for h in library.search(query, mode=mode, limit=100).hits]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain(tmp_path_factory, embedder) -> Path:
    """Return a home with the papers, embedded with the model of the package."""
    home = tmp_path_factory.mktemp("plain")
    with open_library(home, embedder=embedder) as library:
        put(library, *RECORDS)
    return home


@pytest.fixture
def home(plain, tmp_path) -> Path:
    """Return a copy of that home for one test."""
    import shutil  # noqa: PLC0415 (here alone)

    return Path(shutil.copytree(plain, tmp_path / "home"))


# ---------------------------------------------------------------------------- going by words


@pytest.mark.parametrize("pace", ["slow", "paid"])
def test_search_goes_by_words_until_the_last_paper_is_embedded(home, pace):
    """With another model search goes by words and says so, and then by meaning, for all at once."""
    model = Modelled("new", pace)
    with open_library(home, embedder=model) as library, open_library(home, embedder=model) as other:
        words = titles(library, "kilns at tides", "text")
        assert titles(library, "kilns at tides") == words
        with pytest.raises(SearchIndexError, match="0 of 30 papers are embedded with new") as told:
            library.search("kilns", mode="vector")
        assert status_of(told.value) == (503, 75)

        done = []
        for step in library.embed():
            done.append(step)
            if step[0] < PAPERS:
                for reader in (library, other):
                    page = reader.search("kilns at tides")
                    said = f"by words only: {step[0]} of 30 papers are embedded with new"
                    assert page.notice.startswith(said)
                    assert "`broadsheet rebuild --vectors`" in page.notice
                    assert titles(reader, "kilns at tides") == words
                    assert reader.similar("p3").hits

        assert done == [(10, 30), (20, 30), (30, 30)]
        assert sorted(model.texts) == sorted(p.text for p in library.papers(range(1, 31)))
        for reader in (library, other):
            page = reader.search("kilns at tides", limit=100)
            assert page.notice == ""
            assert len(page.hits) == PAPERS  # those that share no word come by meaning
            assert reader.search("kilns", mode="vector").hits
            assert reader.index_state().notice == ""
            assert reader.check().problems == []


def test_people_are_told_that_words_alone_were_searched(home):
    """The page of a search, its JSON and the terminal say it, each once."""
    said = "y words only: 0 of 30 papers are embedded with new"
    with open_library(home, embedder=Modelled("new")) as library:
        client = TestClient(create_app(library))
        assert client.get("/search", params={"q": "kilns"}).text.count(said) == 1
        assert said in client.get("/api/search", params={"q": "kilns"}).json()["notice"]
        assert said in client.get("/api/status").json()["index"]["notice"]
        assert client.get("/search", params={"q": "kilns", "mode": "vector"}).status_code == 503
        assert said not in client.get("/search", params={"q": "kilns", "mode": "text"}).text
    env = {"BROADSHEET_EMBEDDER": "transformers:none/such"}
    shown = called("--home", home, "search", "kilns", **env).stdout.decode()
    assert " ".join(shown.split()).startswith("by words only: 0 of 30 papers are embedded with")


def test_a_fast_model_is_taken_up_on_open(home):
    """A model that needs seconds is used at once, and only the vectors are made anew."""
    text = home / "index" / "g1" / "text.json"
    before = text.stat().st_mtime_ns
    model = Modelled("quick", "fast")
    told: list[tuple[int, int]] = []
    with open_library(home, embedder=model, progress=lambda *step: told.append(step)) as library:
        assert library.check().problems == []
        assert library.search("kilns").notice == ""

    assert len(model.texts) == PAPERS
    assert told[-1] == (PAPERS, PAPERS)
    assert text.stat().st_mtime_ns == before


def test_going_back_costs_nothing(home, embedder):
    """The vectors of the model before stay until a whole rebuild is for one model alone."""
    new, old = Modelled("new"), Counting(embedder)
    with open_library(home, embedder=new) as library:
        list(library.embed())
    with open_library(home, embedder=old) as library:
        assert library.search("kilns", mode="vector").notice == ""
        put(library, record(77))
    with open_library(home, embedder=new) as library:
        assert library.search("kilns").notice.startswith("1 of 31 papers are found by words only")
        list(library.embed())
        assert library.search("kilns").notice == ""

    assert len(old.texts) == 1
    assert len(new.texts) == PAPERS + 1
    with open_library(home, embedder=new) as library:
        list(library.rebuild(only_this_model=True))
        assert library.check().problems == []
    assert len(new.texts) == PAPERS + 1
    assert list(orjson.loads((home / "index" / "current.json").read_bytes())["vectors"]) == ["new"]


class Counting:
    """The model of the package, which counts what it was asked for."""

    def __init__(self, real: StaticEmbedder) -> None:
        self.id, self.pace, self.price, self.step = real.id, real.pace, real.price, real.step
        self.texts: list[str] = []
        self.embed_really, self.query = real.embed, real.query

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of the real model."""
        self.texts += texts
        return self.embed_really(texts)

    def close(self) -> None:
        """Let go of nothing."""


def test_two_models_at_once_do_not_disturb_each_other(home, embedder):
    """A process with the old model goes on with its vectors while another embeds and after."""
    with (
        open_library(home, embedder=embedder) as old,
        open_library(home, embedder=Modelled("new", "paid")) as new,
    ):
        before = titles(old, "kilns at tides", "vector")
        list(new.embed())
        assert titles(old, "kilns at tides", "vector") == before
        put(old, record(50))
        put(new, record(51))
        list(old.catch_up())
        for library in (old, new):
            assert len(titles(library, "study", "vector")) == PAPERS + 2
            assert library.search("study").notice == ""


# ---------------------------------------------------------------------------- nothing twice


def test_a_text_is_embedded_once(home):
    """Papers that change without their text, and rebuilds, ask for nothing again."""
    model = Modelled("new", "paid")
    with open_library(home, embedder=model) as library:
        list(library.embed())
        model.texts.clear()
        put(
            library,
            *(record(n, venue="Kiln Letters") for n in range(PAPERS)),
        )
        assert library.search("venue:kiln").total == PAPERS
        assert model.texts == []
        list(library.rebuild())
        list(library.embed())
        assert model.texts == []
        assert library.check().problems == []
        put(library, Record("file", "n3", "On moons and kilns, anew", "Another text."))
        assert len(model.texts) == 1


def test_papers_may_be_filed_while_others_are_embedded(home):
    """Embedding leaves room for an import between its steps, and takes in what that filed."""
    model = Modelled("new")
    with open_library(home, embedder=model) as library, open_library(home, embedder=model) as other:
        for number, _ in enumerate(library.embed()):
            if number < 3:
                put(other, record(100 + number))
            with pytest.raises(StoreError, match="embedding") as told:
                list(other.embed())
            assert told.value.temporary
        assert library.count() == PAPERS + 3
        assert len(model.texts) == library.count()
        assert library.check().problems == []


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"x'])
def test_paid_vectors_outlive_the_file_that_names_them(home, damage):
    """Where current.json is lost the vectors are found again, and nothing is paid for twice."""
    model = Modelled("new", "paid")
    with open_library(home, embedder=model) as library:
        list(library.embed())
        model.texts.clear()
    current = home / "index" / "current.json"
    current.write_bytes(damage) if damage else current.unlink()

    with open_library(home, embedder=model) as library:
        assert library.check().problems == []
        assert library.search("kilns", mode="vector").hits
    assert model.texts == []


def test_an_index_of_another_record_is_not_believed(home, tmp_path):
    """Where the record was put back to an earlier one, only texts that fit keep their vectors."""
    model = Modelled("new", "paid")
    with open_library(tmp_path / "earlier", embedder=model) as library:
        put(library, *RECORDS[5:15])
    with open_library(home, embedder=model) as library:
        list(library.embed())
        model.texts.clear()
    for name in ("broadsheet.db", "broadsheet.db-wal", "broadsheet.db-shm"):
        (home / name).unlink(missing_ok=True)
    (tmp_path / "earlier" / "broadsheet.db").rename(home / "broadsheet.db")

    with open_library(home, embedder=model) as library:
        assert library.search("study").total == 10
        assert library.search("study").notice.startswith("by words only")
        list(library.embed())
        assert library.check().problems == []
    assert len(model.texts) == 10  # p1 to p10 are other papers there


# ---------------------------------------------------------------------------- an endpoint


@pytest.fixture
def server() -> Iterator[Answering]:
    """Give a server that answers well unless it is told otherwise."""
    with answering() as made:
        yield made


def paying(server: Answering, **more: str) -> dict[str, str]:
    """Return the environment in which that server is the embedder."""
    named = {
        "EMBEDDER": "openai:tiny",
        "EMBEDDER_URL": server.url,
        "EMBEDDER_KEY_VARIABLE": "TINY_KEY",
        "EMBEDDER_BATCH": "5",
        "EMBEDDER_REQUESTS": "2",
    }
    return {f"BROADSHEET_{n}": v for n, v in (named | more).items()} | {"TINY_KEY": "sk-Secret"}


def _tree(home: Path) -> dict[str, bytes]:
    files = (f for f in (home / "index").rglob("*") if f.is_file() and f.suffix != ".lock")
    return {str(f): f.read_bytes() for f in files}


def test_no_money_is_spent_unasked(home, server):
    """Opening, searching, showing, checking and filing send no paper to a paid model."""
    env = paying(server)
    file = write_lines(home.parent / "more.jsonl", [{"id": "x1", "title": "Tin", "abstract": "A."}])
    found = [
        answer("--home", home, "search", "kilns at tides", **env),
        answer("--home", home, "similar", "p3", **env),
        answer("--home", home, "show", "p3", **env),
        answer("--home", home, "check", code=1, **env),
        answer("--home", home, "import", file, **env),
    ]
    refused = called("--home", home, "search", "kilns", "--mode", "vector", **env)

    assert server.asked == []
    assert found[0]["notice"].startswith("by words only: 0 of 30 papers are embedded with openai:")
    assert found[0]["hits"]
    assert found[1]["hits"]
    assert found[3]["problems"] == [found[0]["notice"]]
    assert found[4]["new"] == 1
    assert refused.returncode == 75
    assert b"rebuild --vectors" in refused.stderr


@pytest.mark.parametrize("option", ["--vectors", None])
def test_a_rebuild_says_its_price_and_does_nothing_without_consent(home, server, option):
    """Papers, tokens and dollars are said; without a terminal nothing is done unless agreed to."""
    words = ["--home", home, "rebuild", *([option] if option else [])]
    with open_library(home, embedder=Modelled("x")) as library:
        library.search("kilns")
    before = _tree(home)
    asked = called(*words, **paying(server, EMBEDDER_PRICE="200"))
    unpriced = called(*words, **paying(server))

    assert asked.returncode == unpriced.returncode == 2
    told = asked.stderr.decode()
    with open_library(home, embedder=Modelled("x")) as library:
        texts = [p.text for p in library.papers(range(1, 31))]
    tokens = sum(len(t) // 4 + 1 for t in texts)
    assert told.startswith(f"30 papers, about {tokens} tokens, for about ${tokens / 5000:.2f}, ")
    assert "--yes" in told
    assert "a price that is not set" in unpriced.stderr.decode()
    assert server.asked == []
    assert _tree(home) == before

    done = answer(*words, "--yes", **paying(server, EMBEDDER_PRICE="200"))
    assert (done["embedded"], done["notice"]) == (PAPERS, "")
    assert sorted(server.texts) == sorted(texts)
    assert answer("--home", home, "check", **paying(server))["ok"]
    assert called(*words, **paying(server)).returncode == 0  # nothing is left to agree to
    assert len(server.texts) == PAPERS


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_terminal_is_asked(home, server, answer, code):
    """At a terminal the question is put, and a no leaves everything as it was."""
    ours, theirs = pty.openpty()
    before = _tree(home)
    env = paying(server)
    process = start(command("--home", home, "rebuild", "--vectors"), stdin=theirs, **env)
    os.write(ours, answer)
    found, _, err = ended(process)
    os.close(ours)
    os.close(theirs)

    assert found == code
    assert "30 papers" in err
    assert "Embed them?" in err
    assert len(server.texts) == (0 if code else PAPERS)
    if code:
        assert _tree(home) == before


def test_a_killed_embedding_goes_on_where_it_was(home, server):
    """After SIGKILL what was kept is not asked for again, and words do until the end."""
    server.hold_at = 5  # the third step of two requests
    words = ("--home", home, "rebuild", "--vectors", "--yes")
    process = start(command(*words), **paying(server))
    server.wait_for(5)
    process.kill()
    ended(process)
    server.go_on.set()
    page = answer("--home", home, "search", "kilns", **paying(server))
    assert page["notice"].startswith("by words only: 20 of 30 papers")
    done = answer(*words, **paying(server))

    assert done["embedded"] == PAPERS
    kept = [t for batch in server.asked[:4] for t in batch]
    again = Counter(server.texts)
    assert len(again) == PAPERS
    assert all(again[t] == 1 for t in kept)
    assert answer("--home", home, "search", "kilns", **paying(server))["notice"] == ""
    assert answer("--home", home, "check", **paying(server))["ok"]


def test_what_is_filed_is_embedded_once_the_collection_is(home, server):
    """After the first consent an import embeds its papers, but not many more than was agreed."""
    env = paying(server, EMBEDDER_UNASKED="3")
    answer("--home", home, "rebuild", "--vectors", "--yes", **env)
    files = [
        write_lines(
            home.parent / f"{name}.jsonl",
            [
                {"id": f"{name}{n}", "title": f"{name} glaze {n}", "abstract": "A."}
                for n in range(c)
            ],
        )
        for name, c in (("celadon", 2), ("tenmoku", 4))
    ]
    few = called("--home", home, "import", files[0], **env)
    assert len(server.texts) == PAPERS + 2
    assert few.stderr == b""
    many = called("--home", home, "import", files[1], **env)

    assert few.returncode == many.returncode == 0
    assert len(server.texts) == PAPERS + 2
    assert b"4 of 36 papers are found by words only" in many.stderr
    page = answer("--home", home, "search", "tenmoku", **env)
    assert len(page["hits"]) >= 4
    assert page["notice"].startswith("4 of 36 papers are found by words only")
    assert server.texts[PAPERS + 2 :] == ["tenmoku"]  # the question


def test_an_endpoint_that_is_down_stops_nothing_else(home, server):
    """Filing and searching go on by words and say why; asking for meaning alone says it too."""
    env = paying(server)
    answer("--home", home, "rebuild", "--vectors", "--yes", **env)
    server.plan.extend(["401"] * 20)
    file = write_lines(home.parent / "more.jsonl", [{"id": "x1", "title": "Tin", "abstract": "A."}])
    filed = called("--home", home, "import", file, **env)
    page = answer("--home", home, "search", "tin", **env)
    refused = called("--home", home, "search", "tin", "--mode", "vector", **env)
    server.plan.clear()

    assert filed.returncode == 0
    assert b"wait to be embedded" in filed.stderr or b"found by words only" in filed.stderr
    assert page["hits"][0]["title"] == "Tin"
    assert "by words only" in page["notice"]
    assert refused.returncode == 1
    assert b"refuses the key in TINY_KEY" in refused.stderr
    assert not any(b"Secret" in out for out in (filed.stderr, refused.stderr))
    assert answer("--home", home, "rebuild", "--vectors", "--yes", **env)["embedded"] == 31


def test_the_key_is_not_shown(home, server):
    """Settings name the variable, and never what is in it."""
    shown = called("--home", home, "config", "--json", **paying(server))

    assert orjson.loads(shown.stdout)["embedder_key_variable"]["value"] == "TINY_KEY"
    assert b"Secret" not in shown.stdout + shown.stderr


def test_a_model_that_changed_its_length_is_not_mixed(home, server):
    """Vectors of another length under the same name are refused in words."""
    env = paying(server)
    answer("--home", home, "rebuild", "--vectors", "--yes", **env)
    server.dim = 8
    page = answer("--home", home, "search", "kilns", **env)
    refused = called("--home", home, "search", "kilns", "--mode", "vector", **env)

    assert "8 numbers where the index holds 16" in page["notice"]
    assert b"8 numbers where the index holds 16" in refused.stderr
    assert refused.returncode == 1


# ---------------------------------------------------------------------------- a real model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    """Return a folder with a real sentence-transformers model, tiny and untrained, made here."""
    missing = [n for n in ("torch", "sentence_transformers") if not importlib.util.find_spec(n)]
    if missing:
        pytest.skip(
            f"{' and '.join(missing)} not installed: pip install 'broadsheet[transformers]'"
        )
    return made_model(tmp_path_factory.mktemp("model"))


def made_model(folder: Path) -> Path:
    """Make a model with one layer and two dozen words, and save it as a real one is saved."""
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import (  # noqa: PLC0415
        Pooling,
        Transformer,
    )
    from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: PLC0415

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *SUBJECTS, "on", "and", "of", "the", "study", "under", "with", "at"]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(8620)
    BertModel(config).save_pretrained(folder / "bert")
    vocabulary = {word: number for number, word in enumerate(words)}
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder / "bert")
    bert = Transformer(str(folder / "bert"), max_seq_length=64)
    made = SentenceTransformer(modules=[bert, Pooling(32)], device="cpu")
    made.save(str(folder / "tiny"))
    return folder / "tiny"


def test_a_real_model_embeds_a_collection(home, model_folder, monkeypatch):
    """A real model in a folder embeds every paper and every question, as `rebuild` promises."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = SentenceEmbedder(str(model_folder))
    with open_library(home, embedder=model) as library:
        assert library.search("kilns").notice.startswith("by words only: 0 of 30 papers")
        assert list(library.embed())[-1] == (PAPERS, PAPERS)
        page = library.search("study of kilns with tides", mode="vector", limit=100)
        assert library.check().problems == []
        texts = {h.paper.id: h.paper.text for h in page.hits}
        state = library.index_state()

    assert (state.embedded, state.notice) == (PAPERS, "")
    vectors = model.embed(list(texts.values()))
    question = model.query("study of kilns with tides")
    assert vectors.shape == (PAPERS, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(PAPERS), abs=1e-5)
    cosines = vectors @ question
    assert [h.score for h in page.hits] == pytest.approx(cosines.tolist(), abs=0.02)
    assert sorted(cosines.tolist(), reverse=True) == pytest.approx(cosines.tolist(), abs=0.02)


def test_a_real_model_by_the_command_line(home, model_folder):
    """The setting alone chooses it, and no question is asked, for it costs nothing."""
    env = {"BROADSHEET_EMBEDDER": f"transformers:{model_folder}", "HF_HUB_OFFLINE": "1"}
    done = called("--home", home, "rebuild", "--json", **env)
    assert done.returncode == 0, done.stderr
    found = called("--home", home, "search", "kilns", "--mode", "vector", "--json", **env)

    assert orjson.loads(done.stdout)["embedded"] == PAPERS
    page = orjson.loads(found.stdout)
    assert page["notice"] == ""
    assert len(page["hits"]) == 10


def test_a_real_model_may_be_asked_by_many_threads(model_folder, monkeypatch):
    """Threads take turns, and get what one alone gets."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = SentenceEmbedder(str(model_folder))
    alone = [model.query(s) for s in SUBJECTS]
    found: dict[int, NDArray[np.float32]] = {}
    threads = [
        threading.Thread(target=lambda n=n, s=s: found.__setitem__(n, model.query(s)))
        for n, s in enumerate(SUBJECTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[n].tolist() for n in range(7)] == [v.tolist() for v in alone]
    assert model.embed(["", " "]).any() == np.False_


# ---------------------------------------------------------------------------- no model


def test_a_model_that_is_missing_is_told_in_words(home, tmp_path):
    """Without the folder, or what runs it, search goes by words and embedding says what lacks."""
    env = {"BROADSHEET_EMBEDDER": f"transformers:{tmp_path / 'none'}"}
    page = called("--home", home, "search", "kilns", "--json", **env)
    refused = called("--home", home, "rebuild", "--vectors", **env)

    assert orjson.loads(page.stdout)["hits"]
    assert "by words only" in orjson.loads(page.stdout)["notice"]
    assert refused.returncode == 1
    lacks = b"no folder" if importlib.util.find_spec("torch") else b"broadsheet[transformers]"
    assert lacks in refused.stderr or b"no folder" in refused.stderr


def test_what_a_folder_holds_names_its_model(tmp_path):
    """The name of a model changes with its weights and files, and not with where it lies."""
    weights = np.random.default_rng(1).bytes(3_000_000)
    for name in ("a", "b"):
        folder = tmp_path / name / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        (folder / ".cache").mkdir()
        (folder / ".cache" / f"{name}.json").write_text(name)
        (folder / "README.md").write_text(name)
    first, same = (SentenceEmbedder(str(tmp_path / n / "model")).id for n in ("a", "b"))
    (tmp_path / "b" / "model" / "model.safetensors").write_bytes(weights[::-1])
    tuned = SentenceEmbedder(str(tmp_path / "b" / "model")).id
    (tmp_path / "a" / "model" / "config.json").write_text('{"a": 1}')
    configured = SentenceEmbedder(str(tmp_path / "a" / "model")).id

    assert first == same
    assert first.startswith("transformers:model-")
    assert str(tmp_path) not in first
    assert len({first, tuned, configured}) == 3
    assert SentenceEmbedder("all-MiniLM-L6-v2").id == "transformers:all-MiniLM-L6-v2"

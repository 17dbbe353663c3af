"""The rules by which an endpoint is asked, and its answers believed."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.errors import ConfigError, EmbeddingError, status_of
from broadsheet.factory import load_config, make_embedder
from broadsheet.search.embedding import about_tokens
from broadsheet.search.endpoint import (
    Endpoint,
    EndpointEmbedder,
    batches,
    pause_s,
    read_answer,
    retry_after_s,
    shortened,
)
from endpoint import Answering, answering, vector_of
from loopback import nobody

# ---------------------------------------------------------------------------- batches


@given(st.lists(st.text(max_size=60), max_size=30), st.integers(1, 7), st.integers(1, 30))
def test_batches_hold_every_text_in_order_within_the_limits(
    texts: list[str], count: int, tokens: int
):
    """Nothing is lost or moved; only a text that is too long alone makes a batch too heavy."""
    made = list(batches(texts, count, tokens))

    assert [t for batch in made for t in batch] == texts
    assert all(0 < len(batch) <= count for batch in made)
    assert all(len(b) == 1 or sum(map(about_tokens, b)) <= tokens for b in made)


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_a_beginning_that_fits(text: str, tokens: int):
    """A text is cut at a whole character, and not at all if it fits."""
    made = shortened(text, tokens)

    assert about_tokens(made) <= tokens
    assert text.startswith(made)
    assert made == text or about_tokens(text) > tokens


def test_half_a_character_can_be_sent():
    """A lone surrogate, which has no UTF-8, is replaced."""
    assert orjson.dumps(shortened("a\ud800b", 10)) == b'"a?b"'


# ---------------------------------------------------------------------------- waiting


@given(st.integers(0, 40), st.floats(0, 1), st.none() | st.floats(0, 500))
def test_pauses_grow_to_a_minute_and_heed_what_was_asked(
    tries: int, dice: float, asked: float | None
):
    """A pause is at most a minute of our own, and never shorter than the endpoint asks for."""
    pause = pause_s(tries, asked, dice)

    assert 0.5 <= pause_s(tries, None, dice) <= min(2.0**tries, 60)
    assert asked is None or asked <= pause <= asked + 6


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        (formatdate(1_000_090, usegmt=True), 90),
        (formatdate(999_000, usegmt=True), 0),
        ("soon", None),
        ("", None),
        ("Tue, 99 Foo 2026", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(said: str | None, seconds: float | None):
    """Both forms of the header are read, and nonsense is no demand."""
    assert retry_after_s(said, 1_000_000) == seconds


# ---------------------------------------------------------------------------- answers


def _answer(*items: object) -> bytes:
    return orjson.dumps({"object": "list", "data": items})


def _item(index: object, embedding: object) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": embedding}


@given(st.permutations(range(5)))
def test_an_answer_is_in_the_order_of_the_texts(order: list[int]):
    """Whatever order the vectors come in, each goes to its text."""
    found = read_answer(_answer(*(_item(i, [i, 1.5]) for i in order)), 5)

    assert [v.tolist() for v in found] == [[i, 1.5] for i in range(5)]
    assert {v.dtype for v in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b"{}",
        b'{"data": null}',
        b'{"data": 3}',
        b'{"data": [3]}',
        b'{"data": {"index": 0}}',
        _answer(),
        _answer(_item(0, [1.0])),
        _answer(_item(0, [1.0]), _item(0, [1.0])),
        _answer(_item(0, [1.0]), _item(2, [1.0])),
        _answer(_item(0, [1.0]), _item(True, [1.0])),
        _answer(_item(0, [1.0]), _item("1", [1.0])),
        _answer(_item(0, [1.0]), {"index": 1}),
        _answer(_item(0, [1.0]), _item(1, [])),
        _answer(_item(0, [1.0]), _item(1, None)),
        _answer(_item(0, [1.0]), _item(1, 1.0)),
        _answer(_item(0, [1.0]), _item(1, "AAAA")),
        _answer(_item(0, [1.0]), _item(1, [None])),
        _answer(_item(0, [1.0]), _item(1, [[1.0]])),
        _answer(_item(0, [1.0]), _item(1, [1e39])),
        _answer(_item(0, [1.0]), _item(1, [1.0]), _item(2, [1.0])),
        _answer(_item(0, [1.0]), _item(1, [1.0])).replace(b"1.0", b"NaN"),
        _answer(_item(0, [1.0]), _item(1, [1.0])).replace(b"1.0", b"1e999"),
    ],
)
def test_what_is_no_good_answer_is_refused(content: bytes):
    """Two texts are answered by two vectors of finite numbers, or not at all."""
    with pytest.raises(ValueError, match=r".+"):
        read_answer(content, 2)


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(content: bytes):
    """Whatever comes, it is refused in words or was an answer."""
    with suppress(ValueError):
        assert len(read_answer(content, 1)) == 1


# ---------------------------------------------------------------------------- settings


def _made(environ: dict[str, str], **settings: str) -> EndpointEmbedder:
    named = {f"BROADSHEET_{name.upper()}": value for name, value in settings.items()}
    environ = {"BROADSHEET_EMBEDDER": "openai:tiny"} | named | environ
    values = {n: v.value for n, v in load_config({}, environ).items()}
    made = make_embedder(values, environ)
    assert isinstance(made, EndpointEmbedder)
    return made


def _headers(made: EndpointEmbedder) -> dict[str, str]:
    return dict(made._request(["text"]).header_items())


KEY = {"OPENAI_API_KEY": "sk-Very-Secret", "MY_KEY": "my-Very-Secret"}


def test_the_key_goes_to_the_default_address():
    """With nothing but the model set, OpenAI is asked with the key of the usual variable."""
    made = _made(KEY)

    assert _headers(made)["Authorization"] == "Bearer sk-Very-Secret"
    assert made._request(["text"]).full_url == "https://api.openai.com/v1/embeddings"
    assert made.id == "openai:tiny@api.openai.com/v1"
    assert (made.pace, made.price) == ("paid", None)
    assert "Secret" not in repr(made._to)


def test_the_key_of_one_place_is_not_sent_to_another():
    """Another address gets no key unless its variable is named, and then that one."""
    elsewhere = "https://models.example/v1"

    assert "Authorization" not in _headers(_made(KEY, embedder_url=elsewhere))
    named = _made(KEY, embedder_url=elsewhere, embedder_key_variable="MY_KEY")
    assert _headers(named)["Authorization"] == "Bearer my-Very-Secret"


def test_a_key_does_not_travel_unprotected():
    """A key over http:// is refused, but to this machine."""
    with pytest.raises(ConfigError, match="unprotected") as told:
        _made(KEY, embedder_url="http://models.example/v1", embedder_key_variable="MY_KEY")
    near = _made(KEY, embedder_url="http://127.0.0.1:9/v1", embedder_key_variable="MY_KEY")

    assert "Secret" not in str(told.value)
    assert _headers(near)["Authorization"] == "Bearer my-Very-Secret"
    assert "Authorization" not in _headers(_made(KEY, embedder_url="http://models.example/v1"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("embedder_key_variable", "sk-Very-Secret"),
        ("embedder_key_variable", "skVerySecret"),
        ("embedder_url", "https://user:Secret@models.example/v1"),
        ("embedder_url", "https://models.example/v1?key=Secret"),
        ("embedder_url", "file:///Secret"),
        ("embedder_url", "Secret"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(name: str, value: str):
    """A key written where its variable or the address belongs is refused without repeating it."""
    with pytest.raises(ConfigError, match=name) as told:
        _made({}, **{name: value})

    assert "Secret" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("embedder", "word2vec"),
        ("embedder", "openai:"),
        ("embedder", "transformers: "),
        ("embedder_price", "-1"),
        ("embedder_price", "nan"),
        ("embedder_price", "cheap"),
        ("embedder_batch", "0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: str):
    """Each is an error that names the setting."""
    with pytest.raises(ConfigError, match=f"{name} = "):
        load_config({}, {f"BROADSHEET_{name.upper()}": value})


def test_another_place_or_length_is_another_model():
    """Vectors are told apart by model, address and length; a price of nothing is no price."""
    ids = {
        EndpointEmbedder(Endpoint(*to, dimensions=dim)).id
        for to in (("http://a/v1", "m"), ("http://b/v1", "m"), ("http://a/v1", "n"))
        for dim in (0, 256)
    }

    assert len(ids) == 6
    assert EndpointEmbedder(Endpoint("http://a/v1/", "m")).id in ids
    assert _made({}, embedder_price="0").pace == "slow"
    assert _made({}, embedder_price="0.02").price == 0.02


# ---------------------------------------------------------------------------- a real server

TEXTS = [f"study {n} of tides and kilns" for n in range(20)]


class Clock:
    """A time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        """Return the time, in seconds."""
        return self.seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let the time pass at once."""
        if seconds > 0:
            self.seconds += seconds
            self.waits.append(seconds)
        return event.is_set()


@pytest.fixture
def server() -> Iterator[Answering]:
    """Give a server that answers well unless it is told otherwise."""
    with answering() as made:
        yield made


def _embedder(server: Answering, clock: Clock, **more: Any) -> EndpointEmbedder:
    endpoint = {"key": "sk-Very-Secret", "key_name": "MY_KEY", "batch": 8, "concurrency": 1} | more
    return EndpointEmbedder(
        Endpoint(server.url, "tiny", **endpoint), now=clock.now, wait=clock.wait
    )


def _expected(texts: Sequence[str]) -> NDArray[np.float64]:
    rows = np.array([vector_of(t) for t in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_every_text_gets_its_vector(server: Answering, concurrency: int):
    """Batches, also many at a time and in any order within, give the vectors of their texts."""
    server.plan.extend(["turned round", "well", "turned round"])
    texts = [*TEXTS, "", "  "]
    made = _embedder(server, Clock(), concurrency=concurrency).embed(texts)

    np.testing.assert_allclose(made[:20], _expected(TEXTS), atol=1e-6)
    assert not made[20:].any()
    assert sorted(map(len, server.asked)) == [4, 8, 8]
    assert set(server.keys) == {"Bearer sk-Very-Secret"}
    assert {tuple(w) for w in server.wanted} == {("model", "input")}


def test_no_text_is_no_request(server: Answering):
    """Nothing is asked for nothing."""
    made = _embedder(server, Clock()).embed(["", " "])

    assert made.shape == (2, 0)
    assert server.asked == []


def test_dimensions_are_asked_for_and_looked_at(server: Answering):
    """The wish goes with the request; another length than that is refused."""
    server.dim = 8
    assert _embedder(server, Clock(), dimensions=8).embed(TEXTS[:2]).shape == (2, 8)
    assert server.wanted[0]["dimensions"] == 8
    with pytest.raises(EmbeddingError, match="of \\[8\\] numbers where 4 were asked for"):
        _embedder(server, Clock(), dimensions=4).embed(TEXTS[:2])


@pytest.mark.parametrize("way", ["429", "500", "cut off", "hung up"])
def test_what_passes_is_tried_again(server: Answering, way: str):
    """Three failures in a row are outlived, each waited for longer or as long as was asked."""
    server.plan.extend([way] * 3)
    clock = Clock()
    made = _embedder(server, clock).embed(TEXTS[:8])

    np.testing.assert_allclose(made, _expected(TEXTS[:8]), atol=1e-6)
    assert server.asked == [TEXTS[:8]] * 4
    assert clock.seconds >= (21 if way == "429" else 0.5 + 1 + 2)


def test_a_server_that_does_not_answer_is_given_up_for_the_moment(server: Answering):
    """A request that takes too long counts as failed and is sent again."""
    server.plan.append("slow")
    clock = Clock()
    made = _embedder(server, clock, timeout_s=2).embed(TEXTS[:3])

    np.testing.assert_allclose(made, _expected(TEXTS[:3]), atol=1e-6)
    assert len(server.asked) == 2


@pytest.mark.parametrize("way", ["429", "500", "cut off", "hung up"])
def test_patience_has_an_end(server: Answering, way: str):
    """What does not pass within the patience is an error in words, and may be tried later."""
    server.plan.extend([way] * 99)
    clock = Clock()
    with pytest.raises(EmbeddingError, match=server.url) as told:
        _embedder(server, clock, patience_s=40).embed(TEXTS[:3])

    assert status_of(told.value) == (503, 75)
    assert 8 < clock.seconds <= 40  # the next pause, of up to 32 s, would have been too long
    assert 4 <= len(server.asked) <= 8


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("too few", "7 vectors"),
        ("too many", "16 vectors"),
        ("no number", "no number"),
        ("nan", "no list of embeddings"),
        ("zeros", "nothing but zeros"),
        ("longer", r"of \[16, 17\] numbers"),
        ("not json", "We will be back soon"),
        ("401", "refuses the key in MY_KEY"),
        ("404", r"no such model for Bearer \[key\]"),
        ("used up", "insufficient_quota"),
        ("429 for hours", "7,200 s"),
        ("elsewhere", "answers 302"),
    ],
)
def test_what_does_not_pass_is_told_at_once(server: Answering, way: str, told: str):
    """A wrong answer and a refusal are told in words at the first time, without the key."""
    server.plan.append(way)
    clock = Clock()
    with pytest.raises(EmbeddingError, match=told) as error:
        _embedder(server, clock).embed(TEXTS[:8])

    assert len(server.asked) == 1
    assert clock.seconds == 0
    shown = "".join(traceback.format_exception(error.value))
    assert "Secret" not in shown
    assert server.keys == ["Bearer sk-Very-Secret"]  # nobody else was asked


def test_one_failure_ends_the_others(server: Answering):
    """Batches under way at the same time do not go on when one cannot be had."""
    server.plan.extend(["401", *["500"] * 99])
    with pytest.raises(EmbeddingError):
        _embedder(server, Clock(), concurrency=3, batch=1).embed(TEXTS)

    assert len(server.asked) < 20 * 5


def test_texts_too_long_for_the_server_are_cut(server: Answering):
    """One text too long costs its batch nothing: alone it is halved until it fits."""
    server.is_strict = True
    long = "kilns and tides " * 200
    made = _embedder(server, Clock(), longest=500).embed([*TEXTS[:5], long, *TEXTS[5:7]])

    np.testing.assert_allclose(made[:5], _expected(TEXTS[:5]), atol=1e-6)
    np.testing.assert_allclose(made[6:], _expected(TEXTS[5:7]), atol=1e-6)
    assert made[5].any()
    assert max(map(len, server.texts)) < 2000  # already cut to what the setting says


def test_requests_a_minute_are_kept_to(server: Answering):
    """With thirty requests a minute each comes two seconds after the other."""
    clock = Clock()
    _embedder(server, clock, per_minute=30).embed(TEXTS)

    assert sum(clock.waits) == 4
    assert len(server.asked) == 3


def test_a_question_is_asked_once_and_never_waited_for_long(server: Answering):
    """The same question is remembered; a server in trouble is left alone for half a minute."""
    clock = Clock()
    embedder = _embedder(server, clock)
    first = embedder.query("kilns at tide")
    assert embedder.query("kilns at tide") is first
    np.testing.assert_allclose(first, _expected(["kilns at tide"])[0], atol=1e-6)
    assert len(server.asked) == 1

    server.plan.extend(["500"] * 99)
    with pytest.raises(EmbeddingError, match="answers 500"):
        embedder.query("moons")
    assert clock.seconds <= 8
    tried = len(server.asked)
    with pytest.raises(EmbeddingError, match="answers 500"):
        embedder.query("moons")
    assert len(server.asked) == tried
    server.plan.clear()
    clock.seconds += 31
    assert embedder.query("moons").any()


def test_closing_ends_the_waiting(server: Answering):
    """Whoever waits for a server in trouble is told at once when the library is closed."""
    server.plan.extend(["429"] * 9)
    embedder = EndpointEmbedder(Endpoint(server.url, "tiny"))
    closing = threading.Timer(0, lambda: (server.wait_for(1), embedder.close()))
    closing.start()
    with pytest.raises(EmbeddingError, match="not asked any longer"):
        embedder.embed(TEXTS)
    closing.join()

    assert len(server.asked) == 1


def test_nobody_there_is_told_in_words():
    """An address where nothing listens is an error in words that may pass."""
    clock = Clock()
    with nobody() as url:
        endpoint = Endpoint(f"{url}/v1", "tiny", patience_s=2)
        embedder = EndpointEmbedder(endpoint, now=clock.now, wait=clock.wait)
        with pytest.raises(EmbeddingError, match=r"does not answer: .*refused") as told:
            embedder.embed(TEXTS)

    assert told.value.temporary

"""A search from query to page: order, paging, counts, reasons, and what is refused."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import orjson
import pytest

from broadsheet.errors import PaperNotFound, QueryError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Paper, Record
from broadsheet.search.engine import FUSED, MODES, Hit, Mode, Page
from broadsheet.search.query import parse
from broadsheet.search.text_index import stems

SUBJECTS = ["tides", "moons", "kilns", "harbours", "copper", "lanterns", "rivers"]
MANY = 900
WORDED = 700
"""So many of the papers have the word that is searched for: more than are fused."""


def record(number: int) -> Record:
    """Return a tiny invented record; the last ones are about nothing that the others are."""
    first, second = SUBJECTS[number % 7], SUBJECTS[number * 3 % 5]
    about = "of harbour research" if number < WORDED else "among stars"
    extra = "again and again " * (number % 3)
    return Record(
        ("arxiv", "acl", "file")[number % 3],
        str(number),
        f"Note {number} on {first} and {second}",
        f"A study {about}, {extra}with {SUBJECTS[number % 4]}." if number % 10 else "",
        summary="" if number % 10 else f"In short: harbour {second}.",
        external_ids=(ExternalId("doi", f"10.1000/{number}"),),
        submitted=(date(2020, 1, 1) + timedelta(number // 5)).isoformat() if number % 4 else None,
        year=2018 if number % 8 == 4 else None,
        categories=(("cs.LG", "cs.CL", "math.GT")[number % 3], *(["hep-th"] * (number % 2))),
        venue=("", "ICML", "Kiln Letters")[number % 3],
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Give a library of many tiny papers that nobody writes to."""
    with open_library(tmp_path_factory.mktemp("many")) as opened:
        list(opened.file(map(record, range(MANY)), source="test", counts=Counter()))
        assert opened.count() == MANY
        yield opened


@pytest.fixture
def small(home) -> Iterator[Library]:
    """Give a library of six papers."""
    with open_library(home) as opened:
        list(opened.file(map(record, range(1, 7)), source="test", counts=Counter()))
        yield opened


def ids(hits: Sequence[Hit]) -> list[int]:
    """Return the papers of hits, in their order."""
    return [h.paper.id for h in hits]


def pages(library: Library, text: str, mode: Mode, limit: int) -> Iterator[Page]:
    """Yield the pages of a search, one after the other."""
    cursor = None
    while True:
        page = library.search(text, mode=mode, limit=limit, cursor=cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return


def forged(offset: object, text: str, mode: Mode = "hybrid") -> str:
    """Return a cursor of this search with another offset."""
    return _written([offset, _facts(text, mode)[1]])


def _facts(text: str, mode: Mode) -> list[object]:
    from broadsheet.search.engine import _write_cursor  # noqa: PLC0415 (only to forge)

    cursor = _write_cursor(1, parse(text), mode)
    return orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def _written(facts: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(facts)).decode().rstrip("=")


# ---------------------------------------------------------------------------- paging

PAGED = [
    "harbour",
    "harbour research on moons",
    "harbour cat:cs.*",
    "harbour sort:date",
    "harbours -title:tides",
    "cat:cs.LG",
    "",
    "sort:date",
    "(tides OR stars) note",
    "like:p5",
    "like:p5 cat:cs.LG",
    "like:p5 sort:date",
    "like:p5 harbour -cat:cs.LG",
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", PAGED)
def test_facets_are_counted_only_if_they_are_wanted(library: Library, text: str, mode: Mode):
    """Without them a page is the same, its total too."""
    whole = library.engine.search(parse(text), mode=mode)
    plain = library.engine.search(parse(text), mode=mode, with_facets=False)
    assert plain.facets == {}
    assert replace(plain, facets=whole.facets, took_ms=whole.took_ms) == whole


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", PAGED)
def test_pages_together_are_one_long_page(library: Library, text: str, mode: Mode):
    """Paging gives every hit once, in the order of one page that holds all of them."""
    whole = library.search(text, mode=mode, limit=1000)
    assert whole.next is None
    assert len(set(ids(whole.hits))) == len(whole.hits) > 0
    assert whole.total == len(whole.hits)
    for limit in (97, 500):
        walked = list(pages(library, text, mode, limit))
        assert [len(p.hits) for p in walked[:-1]] == [limit] * (len(walked) - 1)
        assert [i for p in walked for i in ids(p.hits)] == ids(whole.hits)
        assert [h.score for p in walked for h in p.hits] == [h.score for h in whole.hits]
        assert [p.facets for p in walked] == [whole.facets] * len(walked)
        assert {p.total for p in walked} == {whole.total}


def test_more_are_found_than_are_fused(library: Library):
    """The search by words goes on where the fused candidates end, and scores never rise."""
    page = library.search("harbour", limit=1000)
    worded = {i for i in range(MANY) if i < WORDED or i % 10 == 0 or i % 7 == 3 or i * 3 % 5 == 3}
    assert {int(h.paper.external_ids[0].value.split("/")[1]) for h in page.hits} >= worded
    assert len(page.hits) > FUSED
    scores = [h.score for h in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] <= scores[0] <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [1, 3, 40])
def test_the_total_covers_the_hits(library: Library, mode: Mode, limit: int):
    """No page promises fewer hits in all than it shows and leads to."""
    for text in PAGED:
        page = library.search(text, mode=mode, limit=limit)
        assert page.total >= len(page.hits) + (page.next is not None)
        assert len(page.hits) == min(limit, page.total)


@pytest.mark.parametrize(("limit", "expected"), [(0, 1), (-5, 1), (1, 1), (10**9, 6)])
def test_limits_are_kept_within_reason(small: Library, limit: int, expected: int):
    """A page has at least one hit and at most a thousand, whatever is asked for."""
    assert len(small.search("note", limit=limit).hits) == expected


@pytest.mark.parametrize(
    ("text", "mode"), [("moons", "hybrid"), ("tides", "text"), ("tides sort:date", "hybrid")]
)
def test_a_cursor_of_another_search_is_refused(library: Library, text: str, mode: Mode):
    """A cursor leads on only in the search that gave it."""
    cursor = library.search("tides", limit=3).next
    assert cursor is not None
    with pytest.raises(QueryError, match="another search") as caught:
        library.search(text, mode=mode, cursor=cursor)
    assert caught.value.hint
    assert library.search("  tides ", limit=3, cursor=cursor).hits


@pytest.mark.parametrize(
    "cursor",
    ["garbage", "!!", "é", "\ud800", "AAAA", _written(5), _written([1]), _written([1, 2]),
     _written({"a": 1}), _written([1, "0" * 12]), "=" * 9, "W" * 999],
)  # fmt: skip
def test_a_cursor_of_garbage_is_refused(small: Library, cursor: str):
    """A cursor that nobody gave out is an error of the query, never a crash."""
    with pytest.raises(QueryError, match="another search"):
        small.search("tides", cursor=cursor)


@pytest.mark.parametrize("offset", [6, 10**5, 10**9, 2**62])
def test_a_cursor_beyond_the_end_finds_nothing(small: Library, offset: int):
    """However far a cursor leads, the page behind the last hit is empty."""
    page = small.search("note", cursor=forged(offset, "note"))
    assert page.hits == ()
    assert page.next is None


@pytest.mark.parametrize("offset", ["1", 1.5, None, True, [1]])
def test_a_cursor_without_a_number_is_refused(small: Library, offset: object):
    """An offset that is no whole number is no cursor."""
    with pytest.raises(QueryError, match="another search"):
        small.search("note", cursor=forged(offset, "note"))


# ---------------------------------------------------------------------------- modes


def test_text_mode_finds_words_alone(library: Library):
    """Every hit of a search by words has one of the words, and no meaning as its reason."""
    page = library.search("lanterns copper", mode="text", limit=1000)
    for hit in page.hits:
        assert {"lantern", "copper"} & set(stems(f"{hit.paper.title} {_below(hit.paper)}"))
        assert {r.kind for r in hit.reasons} <= {"words", "title", "abstract", "summary"}
    matching = sum(
        bool({"lantern", "copper"} & set(stems(f"{r.title} {r.abstract or r.summary}")))
        for r in map(record, range(MANY))
    )
    assert len(page.hits) == page.total == matching


def test_text_mode_is_true_to_its_words_when_asked_for_the_like(small: Library):
    """Papers like another, by words alone, share words with it and are near in nothing else."""
    for hit in small.similar("p1", mode="text").hits:
        assert {r.kind for r in hit.reasons} <= {"words", "title", "abstract", "summary"}
        assert hit.score > 0


def test_vector_mode_ranks_everything_by_nearness(library: Library):
    """A search by meaning ranks all papers that fulfil the conditions by their cosine."""
    page = library.search("moonlight cat:cs.LG", mode="vector", limit=1000)
    assert {c for h in page.hits for c in h.paper.categories[:1]} == {"cs.LG"}
    assert len(page.hits) == page.total == MANY // 3
    scores = [h.score for h in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert {r.kind for h in page.hits for r in h.reasons} <= {"meaning"}


def test_hybrid_mode_holds_what_words_find(library: Library):
    """Everything that a search by words finds is among the hits of both together."""
    by_words = library.search("lanterns", mode="text", limit=1000)
    both = library.search("lanterns", limit=1000)
    assert set(ids(by_words.hits)) <= set(ids(both.hits))
    assert both.total == len(both.hits) > by_words.total


@pytest.mark.parametrize("mode", MODES)
def test_sorting_by_date(library: Library, mode: Mode):
    """Sorted by date the newest hits come first and those without any date last."""
    page = library.search("harbour sort:date", mode=mode, limit=1000)
    days = [_last_day(h.paper) for h in page.hits]
    assert days == sorted(days, reverse=True)
    assert days[-1] == ""
    assert page.total == len(page.hits)


@pytest.mark.parametrize("mode", MODES)
def test_filters_alone_list_the_newest(library: Library, mode: Mode):
    """A query of filters only has the newest first, no scores and no reasons."""
    page = library.search("cat:math.GT -title:tides", mode=mode, limit=1000)
    expected = [r for r in map(record, range(MANY))
                if r.categories[0] == "math.GT" and "tides" not in r.title]  # fmt: skip
    assert len(page.hits) == page.total == len(expected)
    days = [_last_day(h.paper) for h in page.hits]
    assert days == sorted(days, reverse=True)
    assert {(h.score, h.reasons) for h in page.hits} == {(0.0, ())}


@pytest.mark.parametrize("mode", ["hybrid", "text"])
def test_a_word_that_is_no_word_finds_nothing(small: Library, mode: Mode):
    """A query of signs alone has no hits, and says so in its total and its counts."""
    page = small.search("♥", mode=mode)
    assert (page.total, page.hits, page.next) == (0, (), None)
    assert not any(page.facets.values())


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_library_finds_nothing(home, mode: Mode):
    """Where there are no papers every search is an empty page."""
    with open_library(home) as library:
        for text in ("tides", "", "cat:cs.*", "sort:date"):
            page = library.search(text, mode=mode)
            assert (page.total, page.hits, page.next) == (0, (), None)


@pytest.mark.parametrize(
    "text", ["10.1000/3", "https://doi.org/10.1000/3", "id:p3", "doi:10.1000/3"]
)
def test_a_pasted_id_gives_its_paper(small: Library, text: str):
    """A pasted id or link of a paper gives that paper alone."""
    page = small.search(text)
    assert [h.paper.external_ids[0].value for h in page.hits] == ["10.1000/3"]
    assert page.total == 1


@pytest.mark.parametrize("text", ["10.1000/none", "2501.99999", "https://arxiv.org/abs/2501.99999"])
def test_a_pasted_id_that_is_not_here_gives_nothing(small: Library, text: str):
    """What is plainly an id of an absent paper is not answered with papers near to its digits."""
    page = small.search(text)
    assert (page.total, page.hits) == (0, ())


def test_p_and_a_number_are_words(small: Library):
    """`p53` is a gene: our own ids are looked for only where `id:` says so."""
    assert small.find("p3") is None
    assert [r.kind for h in small.search("p3").hits for r in h.reasons if r.kind == "words"] == []


# ---------------------------------------------------------------------------- like


@pytest.mark.parametrize("mode", MODES)
def test_like_leaves_its_paper_out(library: Library, mode: Mode):
    """Papers like one never include it, whatever else is asked for."""
    for text in ("like:p5", "like:10.1000/4 cat:cs.*", "moons like:p5 sort:date"):
        assert 5 not in ids(library.search(text, mode=mode, limit=1000).hits)
    assert 5 not in [h.paper.id for h in library.similar("p5", limit=50, mode=mode).hits]


def test_like_counts_its_paper_only_where_it_would_be(library: Library):
    """A paper that the conditions leave out anyway is not taken off the total once more."""
    for conditions in ("cat:cs.LG", "cat:cs.CL", "-title:tides", "date:2020"):
        page = library.search(f"like:p5 {conditions}", mode="text", limit=5)
        whole = library.search(f"like:p5 {conditions}", mode="text", limit=1000)
        assert page.total == len(whole.hits)


def test_the_most_alike_come_first(library: Library):
    """The papers most like one share more of its words with it than the others do."""
    own = set(stems(library.papers([5])[0].text))
    hits = library.similar("p5", limit=100).hits
    shared = [len(own & set(stems(h.paper.text))) for h in hits]
    assert sum(shared[:10]) > sum(shared[-10:])
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_like_without_a_word_in_common_goes_by_meaning(home):
    """A paper that shares no word with any other still has its nearest first."""
    texts = ["Solar ovens", "Photovoltaic furnaces", "Medieval poetry", "Sonnets"]
    with open_library(home) as library:
        records = (Record("file", t, t, submitted=f"20{n}0-01-01") for n, t in enumerate(texts, 1))
        list(library.file(records, source="test", counts=Counter()))
        hits = library.similar("p1", limit=3).hits
        assert len(hits) == 3
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        assert hits[0].score > 0
        assert {r.kind for h in hits for r in h.reasons} == {"meaning"}
        assert ids(library.search("like:p1").hits) == ids(hits)


@pytest.mark.parametrize(
    "text",
    ["like:p1 OR tides", "-like:p1", "tides (like:p1 OR moons)", "like:p1 like:p2",
     "NOT (tides like:p1)", "(-like:p1) tides"],
)  # fmt: skip
def test_like_stands_once_and_on_top(small: Library, text: str):
    """Inside OR, NOT or groups, or twice, like: is an error that shows where it stands."""
    with pytest.raises(QueryError, match="like: stands once") as caught:
        small.search(text)
    assert text[caught.value.position :].startswith("like:")


@pytest.mark.parametrize("ident", ["p99", "2501.00001", "10.1000/999", "tides"])
def test_an_unknown_like_is_not_found(small: Library, ident: str):
    """Asking for the like of a paper that is not there names it in the error."""
    with pytest.raises(PaperNotFound) as caught:
        small.search(f"like:{ident}")
    assert caught.value.id == ident


# ---------------------------------------------------------------------------- reasons, counts

REASONED = ["harbour research", "tides moons kilns", '"on copper"', "study of the rivers",
            "like:p5", "title:lanterns notes", "(again OR stars) harbours"]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", REASONED)
def test_reasons_are_true(library: Library, text: str, mode: Mode):
    """Every word that a reason names stands, by its stem, in the field that the reason names.

    Of two words that are near in meaning, the second.
    """
    named = 0
    for hit in library.search(text, mode=mode, limit=300).hits:
        title, below = set(stems(hit.paper.title)), set(stems(_below(hit.paper)))
        for reason in hit.reasons:
            words = [set(stems(w)) for w in re.findall("“(.+?)”", reason.text)]
            fields = {"words": [title, below], "title": [title]}.get(reason.kind, [below])
            if reason.kind == "meaning":
                assert 0 < reason.value <= 1
                words, fields = words[1::2], [title | below]
            else:
                assert words
                named += len(words)
            assert all(word & field for word in words for field in fields)
        for marked, source in ((hit.title, hit.paper.title), (hit.abstract, _below(hit.paper))):
            assert "".join(piece for _, piece in marked.parts()) == source
    assert (named > 0) is (mode != "vector")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [*REASONED, "harbour sort:date", "cat:cs.LG", "the of"])
def test_a_score_is_the_sum_of_what_explains_it(library: Library, text: str, mode: Mode):
    """Parts add up to the score, words to their part, and what is marked is what scored."""
    for hit in library.search(text, mode=mode, limit=FUSED + 60).hits[::5]:
        made = hit.made
        assert sum(made.parts.values()) == pytest.approx(hit.score, abs=1e-4)
        assert [w.share for w in made.words] == sorted((w.share for w in made.words), reverse=True)
        if made.words:
            assert sum(w.share for w in made.words) == pytest.approx(made.parts["words"])
            scored = {stem for w in made.words for stem in stems(w.text)}
            marked = [p for m in (hit.title, hit.abstract) for is_hit, p in m.parts() if is_hit]
            assert all(scored & set(stems(piece)) for piece in marked)
        assert (made.static is not None) or not made.parts.get("static")
        assert made.deep is None


def test_meaning_is_explained_by_what_the_texts_say(library: Library):
    """The words that bring texts near stand in them, and add no more than there is."""
    hits = library.search("boats in ports", limit=50).hits
    told = [(hit, near) for hit in hits for near in hit.made.affinities]
    assert told
    for hit, near in told:
        assert set(stems(near.said)) <= set(stems(hit.paper.text))
        assert set(stems(near.asked)) <= set(stems("boats in ports"))
        assert 0 < near.share < 1


def test_a_long_form_is_marked_only_where_it_scored(home):
    """An acronym's long form is told where it stood in for it; its single words are no marks."""
    texts = [
        ("Knots", "A graph convolutional network (GCN) unties knots."),
        ("Ropes", "Ropes are tied by a graph convolutional network."),
        ("Nets", "A network of ropes, drawn as a graph."),
        *((f"Rope {n}", "The graph convolutional network (GCN) again.") for n in range(5)),
    ]
    with open_library(home) as library:
        records = (Record("file", t, t, a) for t, a in texts)
        list(library.file(records, source="test", counts=Counter()))
        hits = {h.paper.title: h for h in library.search("GCN ropes").hits}
    told = {w.text: w for w in hits["Ropes"].made.words}
    assert told["graph convolutional network"].of == "GCN"
    assert "“graph convolutional network” (for “GCN”) in the abstract" in " ".join(
        r.text for r in hits["Ropes"].reasons
    )
    nets = hits["Nets"]
    marked = [text for is_hit, text in nets.abstract.parts() if is_hit]
    assert (marked, [w.text for w in nets.made.words]) == (["ropes"], ["ropes"])


def test_a_summary_is_not_called_an_abstract(library: Library):
    """Words found in a summary are said to be in the summary."""
    page = library.search("short", mode="text", limit=5)
    assert page.hits
    for hit in page.hits:
        assert not hit.paper.abstract
        assert all("abstract" not in r.text for r in hit.reasons)


@pytest.mark.parametrize(
    "text", ["lanterns", "harbour cat:cs.*", "cat:hep-th", "", "venue:ICML -tides", "date:2020"]
)
def test_facets_are_counted_right(library: Library, text: str):
    """The counts of sources, years, categories and venues are those of all matches in words."""
    page = library.search(text, mode="text", limit=1000)
    found = [h.paper for h in page.hits]
    assert len(found) == page.total
    years = (p.year or (p.day and int(p.day[:4])) for p in found)
    expected = {
        "source": Counter(s for p in found for s in p.sources),
        "year": Counter(str(y) for y in years if y),
        "category": Counter(c for p in found for c in p.categories),
        "venue": Counter(p.venue for p in found if p.venue),
    }
    assert {name: dict(values) for name, values in page.facets.items()} == expected
    for values in page.facets.values():
        assert [n for _, n in values] == sorted((n for _, n in values), reverse=True)


def test_counts_follow_what_is_filed(small: Library):
    """A search that was counted before is counted anew when papers come."""
    assert small.search("note", mode="text").total == 6
    list(small.file(map(record, range(7, 10)), source="test", counts=Counter()))
    assert small.search("note", mode="text").total == 9


# ---------------------------------------------------------------------------- for judging


@pytest.mark.parametrize("mode", MODES)
def test_ranking_is_searching_without_reading(library: Library, mode: Mode):
    """`rank` gives the ids of `search`, in its order and to its depth."""
    for text in ("harbour research", "cat:cs.LG", "lanterns sort:date"):
        ranked = library.engine.rank(parse(text), mode=mode, depth=30)
        hits = library.search(text, mode=mode, limit=30).hits
        assert [r.paper for r in ranked] == ids(hits)


@pytest.mark.parametrize("mode", MODES)
def test_ranking_among_some_keeps_the_order_of_all(library: Library, mode: Mode):
    """Papers ranked by themselves stand as they stand in the whole search."""
    whole = ids(library.search("lanterns on rivers", mode=mode, limit=100).hits)
    some = whole[::7]
    ranked = library.engine.rank_among(parse("lanterns on rivers"), some[::-1], mode=mode)
    assert [r.paper for r in ranked] == some


def _below(paper: Paper) -> str:
    return paper.abstract or paper.summary


def _last_day(paper: Paper) -> str:
    """Return the last day that is known of a paper, as text that sorts."""
    return (paper.day or "").ljust(10, "~") if paper.day else ""

"""The command line: each command as people and as programs use it."""

from __future__ import annotations

import json
import lzma
import re
import signal
import subprocess
import urllib.request
from math import log2
from pathlib import Path

import orjson
import pytest
import typer

from broadsheet.cli import app
from flows.invented import lines, record, written
from processes import PATIENCE, answer, broadsheet, called, command, ended, start, write_lines

COMMANDS = sorted(typer.main.get_command(app).commands)
FULL = {
    "source": "arxiv",
    "arxiv_id": "2601.01234",
    "doi": "10.5555/Whole.7",
    "title": "Whole Cheese Networks",
    "abstract": "Cheese is aged in networks of caves. Caves are cold.",
    "authors": ["Ada Lovelace", "Carl Weis"],
    "categories": ["cs.LG", "cs.CV"],
    "submitted": "2026-01-05",
    "venue": "Journal of Dairy",
}
PAPER = {"id", "title", "abstract", "authors", "year", "sources", "external_ids", "first_seen"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a home with some papers, one of them with every field, and a rejected line."""
    folder = tmp_path_factory.mktemp("filled")
    file = written(folder / "papers.jsonl", lines(60))
    whole = write_lines(folder / "whole.jsonl", [FULL])
    answer("--home", folder / "home", "import", file, whole)
    return folder / "home"


# ---------------------------------------------------------------------------- help


def test_help_names_every_command():
    """`--help` lists the commands; each has help of its own with an example of its arguments."""
    shown = broadsheet("--help")

    assert shown.returncode == 0
    assert all(re.search(rf"\b{name}\b", shown.stdout.decode()) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    """`COMMAND --help` says what it is for and what it takes, and touches no home."""
    shown = called(name, "--help", BROADSHEET_HOME="/nowhere/at/all")
    text = re.sub(r"[\s│]+", " ", shown.stdout.decode())

    assert shown.returncode == 0
    assert re.search(rf"Usage: .*broadsheet {name} \[OPTIONS\]", text)
    assert re.sub(r"\s+", " ", typer.main.get_command(app).commands[name].help)[:40] in text


def test_the_version_and_what_is_no_command():
    """`--version` prints it; nothing at all, or a wrong word, shows the way and exits 2."""
    assert re.fullmatch(rb"broadsheet \d+\.\d+\.\d+\S*\n", called("--version").stdout)
    assert broadsheet().returncode == 2
    wrong = called("serch")
    assert wrong.returncode == 2
    assert b"serch" in wrong.stderr


# ---------------------------------------------------------------------------- finding


@pytest.mark.parametrize("mode", ["hybrid", "text", "vector"])
def test_search_for_programs(mode, filled):
    """`search --json` gives the page with hits, reasons, highlights and counts."""
    found = answer("--home", filled, "search", "cheese", "caves", "--mode", mode, "-n", 3)

    told = {"query", "mode", "total", "took_ms", "hits", "facets", "next", "notice", "understood"}
    assert set(found) == told
    assert (found["query"], found["mode"]) == ("cheese caves", mode)
    hit = found["hits"][0]
    told = {"score", "reasons", "parts", "words", "cosines", "near", "highlights", "categories"}
    assert set(hit) >= (PAPER - {"year"}) | told
    assert sum(hit["parts"].values()) == pytest.approx(hit["score"], abs=1e-4)
    assert sum(w["share"] for w in hit["words"]) == pytest.approx(hit["parts"]["words"], abs=1e-4)
    assert hit["title"] == FULL["title"]
    assert hit["external_ids"] == {"arxiv": "2601.01234", "doi": "10.5555/whole.7"}
    assert [FULL["title"][s:e] for s, e in hit["highlights"]["title"]] == ["Cheese"]
    assert hit["reasons"][0]["text"]
    assert set(found["facets"]) == {"source", "year", "category", "venue"}
    assert len(found["hits"]) <= 3


def test_search_explains_scores_for_people(filled):
    """`--explain` prints what each score is made of; without it only the line stands there."""
    shown = broadsheet("--home", filled, "search", "cheese", "--explain").stdout.decode()
    assert re.search(r"\n   Words +0\.\d{3}  “cheese” 0\.\d{3}", shown)
    assert re.search(r"\n   Meaning +0\.\d{3}  cosine 0\.\d{3}", shown)
    assert "cosine" not in broadsheet("--home", filled, "search", "cheese").stdout.decode()
    alike = broadsheet("--home", filled, "similar", "arxiv:2601.01234", "--explain").stdout.decode()
    assert re.search(r"\n   Meaning +0\.\d{3}  cosine", alike)


def test_search_for_people(filled):
    """`search` prints titles, the marked text, reasons and the number of papers found."""
    shown = broadsheet("--home", filled, "search", "cheese").stdout.decode()

    assert re.match(r" 1 Whole Cheese Networks  p\d+\n", shown)
    assert "Ada Lovelace, Carl Weis · Journal of Dairy · 2026-01-05 · cs.LG cs.CV" in shown
    assert "“Cheese”" in shown or "“cheese”" in shown
    assert re.search(r"\d+ papers in [\d.]+ ms \(hybrid\)", shown)


def test_the_cursor_leads_on_without_gap_or_repeat(filled):
    """Following `next` gives every hit of the longer page once, in its order."""
    query = ("search", "source:invented", "--mode", "text")
    whole = answer("--home", filled, *query, "-n", 30)
    first = answer("--home", filled, *query, "-n", 20)
    second = answer("--home", filled, *query, "-n", 10, "--cursor", first["next"])
    wrong = called("--home", filled, "search", "other", "--cursor", first["next"])

    ids = [h["id"] for page in (first, second) for h in page["hits"]]
    assert ids == [h["id"] for h in whole["hits"]]
    assert len(set(ids)) == 30
    assert wrong.returncode == 2
    assert b"cursor" in wrong.stderr


@pytest.mark.parametrize(
    "pasted",
    [
        "2601.01234",
        "arXiv:2601.01234v2",
        "https://arxiv.org/abs/2601.01234",
        "10.5555/WHOLE.7",
        "https://doi.org/10.5555/whole.7",
    ],
)
def test_a_pasted_id_finds_its_paper_alone(pasted, filled):
    """An arXiv id, a DOI or a link to one finds the paper, and nothing beside it."""
    found = answer("--home", filled, "search", pasted)

    assert [h["title"] for h in found["hits"]] == [FULL["title"]]
    assert found["total"] == 1


def test_show_tells_all(filled):
    """`show` gives the paper, its records and places, by our id or any other."""
    found = answer("--home", filled, "show", "10.5555/whole.7")
    same = answer("--home", filled, "show", found["id"])
    shown = called("--home", filled, "show", "2601.01234").stdout.decode()

    assert found == same
    assert set(found) >= {"records", "places", "similar", "links", "venue", "submitted", "day"} - {
        "links"
    }
    assert [r["source"] for r in found["records"]] == ["arxiv"]
    assert found["records"][0]["first_seen"] == found["first_seen"]
    assert shown.startswith("Whole Cheese Networks\nAda Lovelace, Carl Weis\n")
    assert re.search(r"ids +arxiv:2601\.01234 doi:10\.5555/whole\.7", shown)


def test_similar_leaves_the_paper_itself_out(filled):
    """`similar` gives other papers with reasons, by any id."""
    found = answer("--home", filled, "similar", "2601.01234", "-n", 4)
    shown = called("--home", filled, "similar", "2601.01234", "-n", 2).stdout.decode()

    assert set(found) == {"id", "facet", "hits", "notice"}
    assert len(found["hits"]) == 4
    assert FULL["title"] not in [h["title"] for h in found["hits"]]
    assert all(h["reasons"] for h in found["hits"])
    assert re.match(r" 1 .+  p\d+\n", shown)


def test_similar_by_facet(filled):
    """`similar --facet` shows the sentence that is alike, or says why it cannot."""
    for facet in ("problem", "method", "result"):
        found = answer("--home", filled, "similar", "2601.01234", "--facet", facet, "-n", 2)
        shown = called("--home", filled, "similar", "2601.01234", "--facet", facet).stdout.decode()
        assert len(found["hits"]) == 2
        assert (found["facet"] == facet) != bool(found["notice"])
        assert f"{facet} " in shown
    wrong = called("--home", filled, "similar", "2601.01234", "--facet", "colour")
    assert wrong.returncode == 2


def test_a_file_of_references_finds_the_like(filled, tmp_path):
    """`search --like-file` takes a file, with or without words; neither of both is a mistake."""
    file = tmp_path / "refs.bib"
    file.write_text("@article{a, title={Whole Cheese Networks}}", "utf-8")
    found = answer("--home", filled, "search", "--like-file", file, "-n", 3)
    narrowed = answer("--home", filled, "search", "--like-file", file, "year:1800")
    shown = called("--home", filled, "search", "--like-file", file)

    assert found["query"].startswith("like:p")
    assert FULL["title"] not in {h["title"] for h in found["hits"]}
    assert len(found["hits"]) == 3
    assert narrowed["hits"] == []
    assert b"apers like 1 that were given; in the collection: 1" in shown.stdout
    assert called("--home", filled, "search").returncode == 2


def test_what_is_not_there_exits_1(filled):
    """An unknown paper is named in the error, in words and in JSON."""
    for name in ("show", "similar"):
        missing = called("--home", filled, name, "p4711")
        assert missing.returncode == 1
        assert missing.stderr == b"broadsheet: no paper 'p4711' in this collection\n"
    problem = called("--home", filled, "show", "p4711", "--json")
    assert orjson.loads(problem.stderr)["title"] == "PaperNotFound"
    assert problem.stdout == b""


def test_a_query_error_shows_where(filled):
    """A query that cannot be read exits 2, with a caret under the place and a hint."""
    found = called("--home", filled, "search", "graph OR year:abc")
    told = found.stderr.decode().splitlines()
    problem = orjson.loads(called("--home", filled, "search", "a year:x", "--json").stderr)

    assert found.returncode == 2
    assert told[1] == "  graph OR year:abc"
    assert told[2].strip() == "^"
    assert told[1][told[2].index("^") :].startswith(("year", "abc"))
    assert told[3].strip()
    assert set(problem) == {"type", "title", "status", "detail", "query", "position", "hint"}
    assert problem["status"] == 400


# ---------------------------------------------------------------------------- keeping


def test_import_tells_what_became_of_every_record(tmp_path, home):
    """The last line counts the records by outcome, and the counts add up."""
    file = written(tmp_path / "papers.jsonl", lines(100))
    facts = answer("--home", home, "import", file)
    again = called("--home", home, "import", file).stdout.decode().splitlines()

    names = ["read", "new", "updated", "merged", "unchanged", "rejected", "papers", "seconds"]
    assert list(facts) == names
    assert facts["read"] == 100 == sum(facts[name] for name in names[1:6])
    assert (facts["new"], facts["merged"], facts["rejected"]) == (88, 10, 2)
    assert re.fullmatch(
        r"read 100  new 0  updated 0  merged 0  unchanged 98  rejected 2  papers 88  in [\d.]+ s",
        again[0],
    )


def test_rejects_for_programs_and_people(filled):
    """`rejects` lists file, line, reason and beginning of what was set aside."""
    found = answer("--home", filled, "rejects")
    shown = called("--home", filled, "rejects").stdout.decode()

    assert found["total"] == 1
    (reject,) = found["rejects"]
    assert set(reject) == {"source", "place", "reason", "excerpt", "seen"}
    assert Path(reject["source"]).is_absolute()
    assert (Path(reject["source"]).name, reject["place"]) == ("papers.jsonl", 50)
    assert reject["reason"].startswith("not JSON")
    assert "papers.jsonl:50" in shown
    assert "1 set aside" in shown


def test_check_agrees_and_rebuild_keeps_it_so(filled):
    """`check` exits 0 when record and index agree, before and after `rebuild`."""
    before = answer("--home", filled, "check")
    rebuilt = answer("--home", filled, "rebuild")
    shown = called("--home", filled, "check")

    assert set(before) == {"ok", "papers", "records", "sequence", "held", "problems"}
    assert before["ok"] is True
    papers = before["papers"]
    assert rebuilt == {"papers": papers, "embedded": papers, "notice": ""}
    assert shown.returncode == 0
    assert shown.stdout.decode().splitlines()[-1] == "record and index agree"


def test_check_finds_what_is_missing_in_the_index(tmp_path, home):
    """`check` exits 1 and names the difference when the index lacks a paper."""
    answer("--home", home, "import", written(tmp_path / "a.jsonl", lines(40)))
    (facts,) = (home / "index").glob("g*/vectors/manifest.json")
    told = orjson.loads(facts.read_bytes())
    facts.write_bytes(orjson.dumps(told | {"rows": told["rows"] - 1}))
    found = answer("--home", home, "check", code=1)
    shown = called("--home", home, "check")

    assert found["ok"] is False
    assert "vectors index lacks 1 papers" in found["problems"][0]
    assert shown.returncode == 1
    assert b"wrong: the vectors index lacks 1 papers" in shown.stdout
    assert called("--home", home, "rebuild").returncode == 0
    assert called("--home", home, "check").returncode == 0


def test_a_damaged_record_is_an_error_in_words(home):
    """A file that is no record is refused with its name, not with a traceback."""
    home.mkdir()
    (home / "broadsheet.db").write_bytes(b"This is no database. " * 400)
    found = called("--home", home, "search", "x")

    assert found.returncode == 1
    assert b"is damaged or is not a Broadsheet record" in found.stderr


# ---------------------------------------------------------------------------- settings


def test_the_home_may_stand_before_or_after_or_in_the_environment(filled, tmp_path):
    """`--home` counts before and after the command and wins over BROADSHEET_HOME."""
    papers = answer("--home", filled, "check")["papers"]
    other = str(tmp_path / "other")

    assert answer("check", "--home", filled)["papers"] == papers
    assert answer("check", BROADSHEET_HOME=str(filled))["papers"] == papers
    assert answer("--home", filled, "check", BROADSHEET_HOME=other)["papers"] == papers
    assert not (tmp_path / "other").exists()


def test_config_tells_where_each_value_comes_from(tmp_path):
    """The flag wins over the environment, that over the file, that over the default."""
    (tmp_path / "broadsheet.toml").write_text('page_size = 7\nmode = "text"\n')
    found = answer("config", "--home", tmp_path, BROADSHEET_MODE="vector")
    shown = called("config", BROADSHEET_HOME=str(tmp_path)).stdout.decode()

    assert set(found) >= {"home", "host", "port", "mode", "page_size"}
    assert all(set(v) == {"value", "origin", "help"} for v in found.values())
    told = {name: (v["value"], v["origin"]) for name, v in found.items()}
    assert told["home"] == (str(tmp_path), "--home")
    assert told["mode"] == ("vector", "BROADSHEET_MODE")
    assert told["page_size"] == ("7", str(tmp_path / "broadsheet.toml"))
    assert told["host"] == ("127.0.0.1", "default")
    assert re.search(r"(?m)^home +.*BROADSHEET_HOME", shown)


def test_the_file_of_settings_is_used(filled):
    """A mode set in broadsheet.toml is the mode of a search that says none."""
    file = filled / "broadsheet.toml"
    file.write_text('mode = "text"\n')
    try:
        found = answer("--home", filled, "search", "cheese")
        other = answer("--home", filled, "search", "cheese", "--mode", "vector")
    finally:
        file.unlink()

    assert (found["mode"], other["mode"]) == ("text", "vector")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mode = "telepathy"', "mode = 'telepathy' (from {file}): must be hybrid, text or vector"),
        ("page_size = 0", "page_size = '0' (from {file}): must be between 1 and 100"),
        ("colour = 1", "{file}: unknown setting 'colour'; there are "),
        ("mode = ", "{file} is not valid TOML"),
    ],
)
def test_a_wrong_value_is_named_with_its_origin(text, words, home):
    """A setting that cannot be used exits 2, naming the setting and the file."""
    home.mkdir()
    file = home / "broadsheet.toml"
    file.write_text(text)
    found = called("--home", home, "config")

    assert found.returncode == 2
    assert words.format(file=file) in found.stderr.decode()


def test_a_wrong_value_in_the_environment_is_named(home):
    """A variable that cannot be used exits 2 and is named."""
    found = called("--home", home, "config", BROADSHEET_PORT="http")

    assert found.returncode == 2
    assert b"port = 'http' (from BROADSHEET_PORT)" in found.stderr


# ---------------------------------------------------------------------------- pipes


@pytest.mark.parametrize(
    "words", [["search", "source:invented", "-n", 50], ["show", "p1", "--json"]]
)
def test_a_reader_that_stops_reading_is_no_fault(words, filled):
    """Output into a pipe that is closed ends the command without a traceback."""
    process = start(command("--home", filled, *words))
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert process.wait(PATIENCE) in {0, 1, 141}
    assert err == b""


# ---------------------------------------------------------------------------- serving


def test_demo_once_needs_nothing(home):
    """`demo --once` in a fresh home prints the front page and a search, and ends."""
    shown = broadsheet("--home", home, "demo", "--once")
    told = shown.stdout.decode()

    assert shown.returncode == 0
    assert shown.stderr == b""
    assert "B R O A D S H E E T" in told
    assert "627 by the day they were filed here" in told
    assert re.search(r"\$ broadsheet search residual neural network\n\n 1 .+  p\d+\n", told)


@pytest.mark.parametrize(
    ("words", "stop"),
    [(["serve"], signal.SIGTERM), (["demo"], signal.SIGINT)],
    ids=["serve and SIGTERM", "demo and SIGINT"],
)
def test_serving_answers_and_stops_when_told(words, stop, filled, home):
    """On a free port the pages answer, and a signal ends the process in order."""
    home = filled if words == ["serve"] else home
    process = start(command("--home", home, *words, "--port", 0))
    try:
        address = _address(process)
        with urllib.request.urlopen(f"{address}healthz", timeout=PATIENCE) as reply:  # noqa: S310
            health = reply.read()
        with urllib.request.urlopen(f"{address}api/search?q=network", timeout=PATIENCE) as reply:  # noqa: S310
            found = json.load(reply)
        process.send_signal(stop)
        code, _, err = ended(process)
    finally:
        process.kill()

    assert health
    assert found["hits"]
    assert code in {0, 130, -stop}
    assert "Traceback" not in err
    assert called("--home", home, "check").returncode == 0


def _address(process: subprocess.Popen[bytes]) -> str:
    """Return the address that a serving process prints when it is ready."""
    for line in process.stdout:
        if match := re.search(rb"served at (http://\S+/)", line):
            return match[1].decode()
    raise AssertionError(process.stderr.read().decode())


def test_a_port_in_use_is_an_error_in_words(filled):
    """Serving where another listens exits 1 and names the address."""
    process = start(command("--home", filled, "serve", "--port", 0))
    try:
        port = int(_address(process).rsplit(":", 1)[1].strip("/"))
        other = broadsheet("--home", filled, "serve", "--port", port)
    finally:
        process.kill()
        process.communicate()

    assert other.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}".encode() in other.stderr


# ---------------------------------------------------------------------------- judging

# Ten words that stand nowhere else make the order certain: the more of them, the higher.
_DOCUMENTS = {
    "d1": "zebra quagga okapi",
    "d2": "zebra quagga",
    "d3": "zebra",
    "d4": "walrus",
    "d5": "walrus narwhal",
    "d6": "pangolin",
}
_QUERIES = {"q1": "zebra quagga okapi", "q2": "walrus narwhal", "q3": "axolotl"}
_JUDGED = [("q1", "d1", 0), ("q1", "d2", 2), ("q1", "d3", 1), ("q1", "d6", 1), ("q2", "d5", 1),
           ("q3", "d6", 1)]  # fmt: skip


@pytest.fixture
def judged(tmp_path):
    """Return a folder with six documents, three queries and their judgements."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    documents = [{"_id": k, "title": f"On {v}", "text": v} for k, v in _DOCUMENTS.items()]
    write_lines(folder / "corpus.jsonl", documents)
    write_lines(folder / "queries.jsonl", [{"_id": k, "text": v} for k, v in _QUERIES.items()])
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in _JUDGED)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


# q1 finds d1 d2 d3 (gains 0 2 1) of which d6 is missed, q2 finds d5 first, q3 finds nothing.
_NDCG = (2 / log2(3) + 1 / log2(4)) / (2 / log2(2) + 1 / log2(3) + 1 / log2(4))
_FIGURES = {
    "ndcg_10": (_NDCG + 1 + 0) / 3,
    "recall_100": (2 / 3 + 1 + 0) / 3,
    "map": ((1 / 2 + 2 / 3) / 3 + 1 + 0) / 3,
    "mrr_10": (1 / 2 + 1 + 0) / 3,
}


def test_eval_gives_the_figures_that_a_hand_computes(judged):
    """On six documents the four measures are those worked out on paper."""
    found = answer("eval", judged, "--mode", "text")

    assert found["set"] == "tiny"
    assert (found["docs"], found["queries"], found["mode"]) == (6, 3, "text")
    assert {k: found[k] for k in _FIGURES} == {k: round(v, 4) for k, v in _FIGURES.items()}
    assert found["ms_p99"] >= found["ms_p50"] > 0


def test_eval_ranks_only_the_pool(judged):
    """With `--pool` a query's judged documents alone are ranked, those without a match too."""
    found = answer("eval", judged, "--mode", "text", "--pool")
    shown = called("eval", judged, "--mode", "text", "--pool").stdout.decode()

    # d4 no longer matters to q2; of q1 the judged four are ranked, matching or not.
    assert found["mrr_10"] >= round(_FIGURES["mrr_10"], 4)
    assert found["recall_100"] >= round(_FIGURES["recall_100"], 4)
    assert "ndcg_10" in shown.splitlines()[0]


def test_eval_reads_compressed_sets_and_a_corpus_elsewhere(judged, tmp_path):
    """`.xz` files and `--corpus` give the same figures as plain files in the folder."""
    expected = {k: round(v, 4) for k, v in _FIGURES.items()}
    queries = judged / "queries.jsonl"
    (judged / "queries.jsonl.xz").write_bytes(lzma.compress(queries.read_bytes()))
    queries.unlink()
    elsewhere = tmp_path / "documents.jsonl.xz"
    elsewhere.write_bytes(lzma.compress((judged / "corpus.jsonl").read_bytes()))
    (judged / "corpus.jsonl").unlink()
    found = answer("eval", judged, "--mode", "text", "--corpus", elsewhere)

    assert {k: found[k] for k in expected} == expected


def test_eval_of_a_paper_asks_for_others_like_it(judged):
    """A query with a `paper_id` is about that paper, which does not count among its own hits."""
    asking = [{"_id": "q1", "text": "no word of it", "paper_id": "d1"}]
    write_lines(judged / "queries.jsonl", asking)
    (judged / "qrels.tsv").write_text("q1\td1\t1\nq1\td2\t1\n")
    found = answer("eval", judged, "--mode", "text")

    # d2 stands first; d1 is relevant too but may never be found.
    assert (found["queries"], found["mrr_10"], found["recall_100"], found["map"]) == (
        1,
        1,
        0.5,
        0.5,
    )


def test_eval_of_a_folder_that_is_none_is_an_error_in_words(tmp_path):
    """A missing file is named, and the exit code is 1."""
    found = called("eval", tmp_path)

    assert found.returncode == 1
    assert b"qrels.tsv" in found.stderr or b"queries.jsonl" in found.stderr


def test_words_of_a_record_lead_to_it(filled):
    """The title of an invented paper finds it first in every mode, through the real command."""
    found = answer("--home", filled, "search", record(30)["title"])

    assert found["hits"][0]["title"] == record(30)["title"]

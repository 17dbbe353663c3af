"""Exports over the web: the files of the command line, sent piece by piece."""

import csv
import io
from pathlib import Path

import orjson
import pytest

from broadsheet.papers.formats import FORMATS, written
from broadsheet.web.exports import exports

DOCS = Path(__file__).parents[2] / "docs" / "web.md"


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_the_file_of_the_command(client, library, name):
    """The body is what `broadsheet export` writes, offered as a file to save."""
    form = FORMATS[name]
    answer = client.get(f"/export/{name}")

    assert answer.status_code == 200
    assert answer.content == b"".join(written(library.select(), form))
    assert answer.headers["content-type"] == form.media_type
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="broadsheet.{form.suffix}"'
    )
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_export_of_a_query_has_its_papers_alone(client, library):
    """Words and conditions choose the papers; all that match are there, not a page of them."""
    answer = client.get("/export/jsonl?q=cat:cs.DM")
    found = [orjson.loads(line)["id"] for line in answer.content.splitlines()]
    expected = library.search("cat:cs.DM", limit=1000)

    assert len(found) == expected.total == 30
    assert set(found) == {f"p{h.paper.id}" for h in expected.hits}


def test_hostile_papers_do_no_harm_in_a_spreadsheet(client):
    """Every cell of the export is text to a spreadsheet, whatever the papers say."""
    text = client.get("/export/csv").content.decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))

    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@"}]


def test_a_query_that_cannot_be_read_is_told_before_anything_is_sent(client):
    """An error is a page with its own status, not half a file."""
    for query in ("nothing:x", "like:p1"):
        answer = client.get("/export/csv", params={"q": query})
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html")


def test_there_are_only_the_forms_there_are(client):
    """Another form is an address that is not there; the answer names those that are."""
    answer = client.get("/export/docx")
    assert answer.status_code == 404
    assert "jsonl, bibtex, csv" in answer.text


def test_head_tells_of_an_export_without_making_it(client, library, monkeypatch):
    """Whoever asks only for the headers gets those of the export, and no paper is read for it."""
    monkeypatch.setattr(library, "papers", None)
    monkeypatch.setattr(library, "_every_paper", lambda: iter([None]))
    answer = client.head("/export/bibtex")

    assert answer.status_code == 200
    assert answer.content == b""
    assert "attachment" in answer.headers["content-disposition"]


def test_an_empty_collection_has_an_empty_export(empty_client):
    """Nothing to export is no error: a CSV file still has its header."""
    assert empty_client.get("/export/jsonl").content == b""
    assert empty_client.get("/export/csv").content.startswith(b"id,title,")


def test_the_export_is_documented():
    """The address stands in docs/web.md, as do the forms."""
    told = DOCS.read_text(encoding="utf-8")
    assert [r.path for r in exports.routes] == ["/export/{form}"]
    assert "`/export/{form}?q=…`" in told
    assert all(name in told for name in FORMATS)

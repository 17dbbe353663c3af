"""The ACL Anthology's XML read and fetched. All papers here are invented."""

from __future__ import annotations

import lzma
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import filed, records, resumed, stage, survives
from broadsheet.errors import ConfigError, RecordError, SourceError
from broadsheet.papers.types import ExternalId
from broadsheet.sources.acl import AclAnthology, anthology_id, parse_volume
from broadsheet.sources.base import Ask, Harvested, LookedUp
from broadsheet.sources.jsonl import to_record
from loopback import conditional, xml
from mutations import mutated, reworded
from shared_data import SHARED, needs_shared

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)

PAPER = """
<paper id="1">
  <title>A <fixed-case>K</fixed-case>ite of <tex-math>\\alpha</tex-math>
    <i>Words</i><!-- no --></title>
  <author><first>Ada</first><last>Example</last><affiliation>Sample U</affiliation>
    <variant script="hani"><first>x</first><last>y</last></variant></author>
  <author id="b-sample"><first/><last>Sample</last></author>
  <pages>1-9</pages>
  <abstract>We let kites fall,
    see <url>https://kites.example/a</url>.</abstract>
  <url hash="0123abcd">2026.kites-main.1</url>
  <revision id="1" href="2026.kites-main.1v1" hash="x"/>
  <revision id="2" href="2026.kites-main.1v2" hash="y" date="2026-06-01">Corrected a sum.</revision>
  <erratum id="1" hash="z" date="2026-07-01">2026.kites-main.1e1</erratum>
  <award>Best Kite</award>
  <bibkey>example-sample-2026-kite</bibkey>
  <doi>10.18653/v1/2026.kites-main.1</doi>
  <pwccode url="https://github.com/example/kites" additional="false">example/kites</pwccode>
</paper>"""
META = """
<meta><booktitle>Proceedings of <fixed-case>K</fixed-case>ites</booktitle>
  <editor><first>Not</first><last>Author</last></editor><month>May–June</month><year>2026</year>
  <url hash="00">2026.kites-main</url><venue>kites</venue></meta>
<frontmatter><url hash="11">2026.kites-main.0</url><bibkey>kites-2026</bibkey></frontmatter>"""


def collection(papers: str = PAPER, *, name: str = "2026.kites", volume: str = "main") -> bytes:
    """Return a file of the Anthology with one volume."""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<collection id='{name}'>"
        f"<volume id='{volume}' ingest-date='2026-05-03'>{META}{papers}</volume></collection>"
    ).encode()


def simple(number: int, more: str = "") -> str:
    """Return a paper with not much in it."""
    return (
        f"<paper id='{number}'><title>Kites {number}</title>"
        f"<author><first>A</first><last>B</last></author>{more}</paper>"
    )


def read(body: bytes):
    """Return the items of a file."""
    return parse_volume(body, name="x.xml")


def test_every_field_of_a_paper_is_read():
    """Editors and front matter are no papers, and other scripts no authors."""
    (record,) = records(read(collection()))
    assert (record.source, record.key) == ("acl", "acl:2026.kites-main.1")
    assert record.title == r"A Kite of $\alpha$ Words"
    assert record.abstract == "We let kites fall, see https://kites.example/a."
    assert record.authors == ("Ada Example", "Sample")
    assert record.external_ids == (ExternalId("acl", "2026.kites-main.1"),)
    assert (record.published, record.year) == ("2026-05", 2026)
    assert record.venue == "Proceedings of Kites"
    assert record.links == (
        ("abs", "https://aclanthology.org/2026.kites-main.1/"),
        ("pdf", "https://aclanthology.org/2026.kites-main.1.pdf"),
        ("code", "https://github.com/example/kites"),
    )
    assert record.extra == {
        "bibkey": "example-sample-2026-kite",
        "pages": "1-9",
        "awards": ["Best Kite"],
        "venues": ["kites"],
        "ingested": "2026-05-03",
        "changes": [
            {"kind": "revision", "id": "1"},
            {"kind": "revision", "id": "2", "date": "2026-06-01", "says": "Corrected a sum."},
            {"kind": "erratum", "id": "1", "date": "2026-07-01"},
        ],
    }
    assert not record.withdrawn


@pytest.mark.parametrize(
    ("collection_id", "volume", "paper", "whole"),
    [
        ("2023.eacl", "main", "1", "2023.eacl-main.1"),
        ("P18", "1", "1", "P18-1001"),
        ("P18", "2", "12", "P18-2012"),
        ("W18", "1", "1", "W18-0101"),
        ("W18", "54", "7", "W18-5407"),
        ("D19", "1", "1", "D19-1001"),
        ("D19", "50", "1", "D19-5001"),
        ("D19", "5", "1", "D19-0501"),
        ("C69", "1", "2", "C69-0102"),
        ("P18", "x", "1", ""),
        ("P18", "1", "1" * 5000, ""),
    ],
)
def test_ids_are_those_of_the_anthology(collection_id, volume, paper, whole):
    """Before 2020 four digits hold volume and paper; workshops have more volumes, fewer papers."""
    assert anthology_id(collection_id, volume, paper) == whole


def test_a_retracted_paper_is_withdrawn_and_says_why():
    """So is one that was removed altogether."""
    papers = (
        simple(1, '<retracted date="2026-06-01">A sum was wrong.</retracted>')
        + simple(2, '<removed date="2026-06-01">Not theirs.</removed>')
        + simple(3)
    )
    first, second, third = records(read(collection(papers)))
    assert (first.withdrawn, first.comment) == (True, "A sum was wrong.")
    assert second.withdrawn
    assert (third.withdrawn, third.comment) == (False, "")


def test_volumes_do_not_inherit_from_each_other():
    """The second has no month; a paper may have a year of its own."""
    body = (
        "<collection id='W18'><volume id='1'><meta><booktitle>One</booktitle><month>5</month>"
        f"<year>2018</year></meta>{simple(1)}</volume><volume id='12'><meta><booktitle>Two"
        f"</booktitle><year>2019</year></meta>{simple(1, '<year>2017</year>')}</volume>"
        "</collection>"
    )
    one, two = records(read(body.encode()))
    assert (one.key, one.venue, one.published) == ("acl:W18-0101", "One", "2018-05")
    assert (two.key, two.venue, two.published, two.year) == ("acl:W18-1201", "Two", None, 2017)


def test_a_text_that_lies_elsewhere_is_linked_there():
    """Some volumes are not held by the Anthology."""
    (record,) = records(read(collection(simple(1, "<url>https://kites.example/1.pdf</url>"))))
    assert dict(record.links)["pdf"] == "https://kites.example/1.pdf"


def test_one_bad_paper_is_set_aside():
    """Places count the papers of the file."""
    papers = simple(1) + "<paper id='x y'><title>T</title></paper>" + "<paper id='3'/>" + simple(4)
    items = read(collection(papers))
    assert [type(i).__name__ for i in items] == ["Record", "RecordError", "RecordError", "Record"]
    fault = items[2]
    assert isinstance(fault, RecordError)
    assert (fault.source, fault.place, fault.reason) == ("x.xml", 3, "no title")


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE c [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY f SYSTEM
"file:///etc/passwd">]><collection id="P18"><volume id="1"><paper id="1"><title>T &d; &f;</title>
</paper></volume></collection>"""


def test_entities_are_not_expanded():
    """Neither such as grow nor such as read files."""
    (record,) = records(read(LAUGHS))
    assert "haha" not in record.title
    assert "root:" not in record.title
    assert len(record.title) < 20


@pytest.mark.parametrize("body", [b"", b"<html/>", collection()[:-30], b"{}", b"<collection/>"])
def test_what_is_no_such_file_is_said(body):
    """Nor is a file that was cut off: a part of it would look like the whole."""
    with pytest.raises(SourceError, match=r"x\.xml"):
        read(body)


@settings(max_examples=200)
@given(
    st.binary(max_size=60)
    | mutated([collection(), LAUGHS])
    | reworded([collection(PAPER + simple(2))])
)
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and whatever stands between the tags."""
    survives(read, body)


@pytest.mark.corpus
@needs_shared
def test_a_real_file_is_read_as_the_corpus_has_it():
    """Every paper has the id, title, abstract, people and month that the importer gives it."""
    body = (SHARED / "raw" / "acl_anthology_xml" / "2023.eacl.xml").read_bytes()
    papers = records(read(body))
    with lzma.open(SHARED / "corpus" / "acl.jsonl.xz") as lines:
        given_lines = (line for line in lines if b'"acl:2023.eacl-' in line)
        imported = {
            r.key: r
            for number, line in enumerate(given_lines, 1)
            for r in [to_record(orjson.loads(line), name="acl", line=number)]
        }
    assert len(papers) == len(imported) > 300
    names = ("source", "title", "authors", "external_ids", "year", "published", "venue")
    for record in papers:
        there = imported[record.key]
        assert [getattr(record, n) for n in names] == [getattr(there, n) for n in names]
        assert record.abstract.replace("$", "") == there.abstract.replace("$", "")


@settings(max_examples=30)
@given(st.data())
def test_nothing_else_comes_out_of_a_damaged_real_file(data):
    """Its middle is damaged at some places."""
    if SHARED is None:
        pytest.skip("the shared data is not there")
    body = (SHARED / "raw" / "acl_anthology_xml" / "2023.eacl.xml").read_bytes()[:20_000]
    survives(read, data.draw(mutated([body + b"</paper></volume></collection>"])))


def test_a_large_collection():
    """Two thousand papers in one volume are all read."""
    body = collection("".join(PAPER.replace('id="1"', f'id="{n}"', 1) for n in range(1, 2001)))
    assert len(read(body)) == 2000


# ------------------------------------------------------------------ fetching


def harvest_all(play, source, cursor=None):
    """Return what a harvest of the one collection files, and its cursor."""
    return filed(source.harvest(play.client(source), "2026.kites", cursor or {}, Ask(NOW)))


def test_a_collection_is_read_when_it_has_changed(tmp_path):
    """Unchanged, it is not sent again; its mark is kept with the last papers only."""
    with stage(tmp_path) as play:
        play.server.route("/2026.kites.xml", conditional(xml(collection()), etag='"one"'))
        source = AclAnthology(url=play.url, collections=("2026.kites", "P18"))
        assert isinstance(source, Harvested)
        assert source.parts(Ask(NOW)) == ("2026.kites", "P18")
        held, cursor = harvest_all(play, source)
        assert set(held) == {"acl:2026.kites-main.1"}
        assert cursor["etag"] == '"one"'
        assert harvest_all(play, source, cursor) == ({}, cursor)
        changed = collection(PAPER + simple(2))
        play.server.route("/2026.kites.xml", conditional(xml(changed), etag='"two"'))
        held, after = harvest_all(play, source, cursor)
        assert len(held) == 2
        assert after["etag"] == '"two"'


def test_a_collection_that_can_be_none_is_said():
    """Left out silently, it would look like one without papers."""
    with pytest.raises(ConfigError, match="secret"):
        AclAnthology(collections=("2026.kites", "../secret"))


def test_a_collection_that_is_not_there_yet_has_no_papers(tmp_path):
    """People configure the conference of next month."""
    with stage(tmp_path) as play:
        source = AclAnthology(url=play.url, collections=("2026.kites",))
        (batch,) = source.harvest(play.client(source), "2026.kites", {}, Ask(NOW))
        assert (batch.items, batch.cursor, batch.total) == ((), {}, 0)


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_stopped_harvest_reads_the_file_again(tmp_path, stop):
    """Nothing is lost if it stops between two batches."""
    body = collection("".join(simple(n) for n in range(1, 1201)))
    with stage(tmp_path) as play:
        play.server.route("/2026.kites.xml", conditional(xml(body), etag='"one"'))
        source = AclAnthology(url=play.url, collections=("2026.kites",))
        held = resumed(
            lambda at: source.harvest(play.client(source), "2026.kites", at, Ask(NOW)), stop
        )
    assert len(held) == 1200


def test_a_paper_is_looked_up_in_its_collection(tmp_path):
    """Each collection is fetched once; one that is not there has no such papers."""
    with stage(tmp_path) as play:
        play.server.route("/2026.kites.xml", xml(collection(PAPER + simple(2) + simple(3))))
        source = AclAnthology(url=play.url)
        assert isinstance(source, LookedUp)
        ids = [ExternalId("acl", i) for i in ("2026.kites-main.1", "2026.kites-main.3", "P18-1001")]
        found = records(source.look_up(play.client(source), [*ids, ExternalId("doi", "10.5555/x")]))
        assert [r.title for r in found] == [r"A Kite of $\alpha$ Words", "Kites 3"]
        assert play.server.targets == ["/2026.kites.xml", "/P18.xml"]


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: an element that is gone."""
    with stage(tmp_path) as play:
        source = AclAnthology(url=play.url, collections=("2026.kites",))
        play.server.route("/2026.kites.xml", xml(collection()))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        drifted = collection().replace(b"bibkey", b"citekey").replace(b"<title>", b"<name>")
        drifted = drifted.replace(b"</title>", b"</name>")
        play.server.route("/2026.kites.xml", xml(drifted))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"bibkey", "title"}

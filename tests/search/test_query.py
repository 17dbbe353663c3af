"""The query language: what each text means, what each mistake says, and what always holds."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadsheet.errors import QueryError
from broadsheet.search import query as module
from broadsheet.search.query import (
    FIELDS,
    And,
    Category,
    DateRange,
    Exact,
    Field,
    Flag,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Word,
    parse,
    plain,
    read,
)

DOCS = Path(__file__).parents[2] / "docs" / "query.md"
A, B, C, D = (Word(letter) for letter in "abcd")

MEANINGS: list[tuple[str, Node | None]] = [
    ("", None),
    ("  \n ", None),
    ("a", A),
    ("a b", And((A, B))),
    ("a AND b", And((A, B))),
    ("AND a", A),
    ("a and b", And((A, Word("and"), B))),
    ("a OR b OR c", Or((A, B, C))),
    ("a b OR c d", Or((And((A, B)), And((C, D))))),
    ("a (b OR c) d", And((A, Or((B, C)), D))),
    ("(a OR b) OR c", Or((A, B, C))),
    ("a (b (c d))", And((A, B, C, D))),
    ("((a))", A),
    ("a or not b", And((A, Word("or"), Word("not"), B))),
    ('"a  b"', Phrase("a b")),
    ("“a b”", Phrase("a b")),
    ('"a"OR"b"', Or((Phrase("a"), Phrase("b")))),
    ("-a", Not(A)),
    ("NOT a", Not(A)),
    ("a -b", And((A, Not(B)))),
    ("-a -b", And((Not(A), Not(B)))),
    ("-a OR -b", Or((Not(A), Not(B)))),
    ('-"a b"', Not(Phrase("a b"))),
    ("-(a b)", Not(And((A, B)))),
    ("-(-a)", A),
    ("NOT NOT a", A),
    ("NOT -a", A),
    ("NOT NOT NOT a", Not(A)),
    ("-cat:cs.LG", Not(Category("cs.LG"))),
    ("TO OR NOT a", Or((Word("TO"), Not(A)))),
]

FIELD_MEANINGS: list[tuple[str, Node]] = [
    ("author:hinton", Word("hinton", "author")),
    ('author:"Geoffrey Hinton"', Phrase("Geoffrey Hinton", "author")),
    ("AUTHOR:hinton,", Word("hinton", "author")),
    ("title:OR", Word("OR", "title")),
    ("title:-a", Word("-a", "title")),
    ("title:a:b", Word("a:b", "title")),
    ("title:“deep nets”", Phrase("deep nets", "title")),
    ("abstract:robust.", Word("robust", "abstract")),
    ("venue:NeurIPS", Word("NeurIPS", "venue")),
    ("cat:cs.LG", Category("cs.LG")),
    ("cat:cs.*", Category("cs.*")),
    ("cat:hep-th", Category("hep-th")),
    ("cat:cond-mat.mes-hall", Category("cond-mat.mes-hall")),
    ("id:2503.11677", Exact("id", "2503.11677")),
    ("id:arXiv:2503.11677", Exact("id", "arxiv:2503.11677")),
    ("arxiv:2503.11677", Exact("id", "arxiv:2503.11677")),
    ("arXiv:hep-th/9901001v2", Exact("id", "arxiv:hep-th/9901001v2")),
    ("acl:2020.acl-main.1", Exact("id", "acl:2020.acl-main.1")),
    ("openreview:aB-c_1", Exact("id", "openreview:aB-c_1")),
    ("s2:649def", Exact("id", "s2:649def")),
    ("pmid:31452104", Exact("id", "pmid:31452104")),
    ("hf:2503.11677", Exact("id", "hf:2503.11677")),
    ("doi:10.1234/abc.", Exact("doi", "10.1234/abc")),
    ("doi:10.1016/S0031-3203(02)00241-0", Exact("doi", "10.1016/S0031-3203(02)00241-0")),
    ("(doi:10.1234/abc)", Exact("doi", "10.1234/abc")),
    ("source:arXiv", Exact("source", "arxiv")),
    ('source:"Hugging Face"', Exact("source", "hugging face")),
    ("source://x", Exact("source", "//x")),
    ("is:withdrawn", Flag("is", "withdrawn")),
    ("has:Abstract", Flag("has", "abstract")),
    ("has:doi", Flag("has", "doi")),
    ("has:arxiv", Flag("has", "arxiv")),
    ("like:2503.11677", Like("2503.11677")),
    ("like:arXiv:2503.11677", Like("arxiv:2503.11677")),
]

RANGES: list[tuple[str, date | None, date | None]] = [
    ("date:2026", date(2026, 1, 1), date(2026, 12, 31)),
    ("date:2026-01", date(2026, 1, 1), date(2026, 1, 31)),
    ("date:2024-02", date(2024, 2, 1), date(2024, 2, 29)),
    ("date:2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ("date:2026-01-05", date(2026, 1, 5), date(2026, 1, 5)),
    ("date:2026-01-01", date(2026, 1, 1), date(2026, 1, 1)),
    ("date:2026-01..2026-03", date(2026, 1, 1), date(2026, 3, 31)),
    ("date:2024..", date(2024, 1, 1), None),
    ("date:..2020-05-01", None, date(2020, 5, 1)),
    ("date:2020..2020-05-01", date(2020, 1, 1), date(2020, 5, 1)),
    ("date:9999", date(9999, 1, 1), date(9999, 12, 31)),
    ("year:2024", date(2024, 1, 1), date(2024, 12, 31)),
    ("year:2024..", date(2024, 1, 1), None),
    ("year:..2024", None, date(2024, 12, 31)),
    ("year:2020..2022", date(2020, 1, 1), date(2022, 12, 31)),
]

CANONICAL: list[tuple[str, str]] = [
    ("  a   AND  b ", "a b"),
    ("NOT (a OR b)", "-(a OR b)"),
    ("(a b) OR c", "a b OR c"),
    ("a (b OR c)", "a (b OR c)"),
    ("“a b” title:“c d”", '"a b" title:"c d"'),
    ("sort:date a", "a sort:date"),
    ("SORT:Relevance", "sort:relevance"),
    ("id:arxiv:2503.11677", "arxiv:2503.11677"),
    ("id:2503.11677", "id:2503.11677"),
    ('id:"//x"', 'id:"//x"'),
    ('id:"arxiv:-"', "id:arxiv:-"),
    ('arxiv:"a b"', 'id:"arxiv:a b"'),
    ("doi:10.1016/S0031-3203(02)00241-0", 'doi:"10.1016/S0031-3203(02)00241-0"'),
    ("date:2026-01-01..2026-12-31", "date:2026"),
    ("date:2026-01-01..2026-03-31", "date:2026-01..2026-03"),
    ("date:2026-01-01..2026-01-31", "date:2026-01"),
    ("date:2026-01-01", "date:2026-01-01"),
    ("date:2024-01-01..", "date:2024.."),
    ("date:..2020-05-01", "date:..2020-05-01"),
    ("year:2020..2020", "year:2020"),
    ("", ""),
]

PASTED: list[tuple[str, list[str]]] = [
    ("BERT: Pre-training of Deep Nets", ["BERT", "Pre-training", "of", "Deep", "Nets"]),
    ("What is it? Attention - a survey", ["What", "is", "it", "Attention", "a", "survey"]),
    ("Cats – dogs — birds", ["Cats", "dogs", "birds"]),
    ("a -- b --c", ["a", "b", "c"]),
    ("this, that; those & these / more!", ["this", "that", "those", "these", "more"]),
    ("state-of-the-art", ["state-of-the-art"]),
    ("C++ and F# for $k$-means", ["C++", "and", "F#", "for", "$k$-means"]),
    ("a 3:1 ratio", ["a", "3:1", "ratio"]),
    ("see https://x.org/a_(b)?c=d:e.", ["see", "https://x.org/a_(b)?c=d:e"]),
    ("http://x.org", ["http://x.org"]),
    ("10.1234/abc", ["10.1234/abc"]),
    ("10.1016/S0031-3203(02)00241-0", ["10.1016/S0031-3203(02)00241-0"]),
    ("std::vector", ["std::vector"]),
    ('"Why Trust You?": Explaining', ["Why Trust You?", "Explaining"]),
    ('the "F"-score', ["the", "F", "score"]),
    ("(Multi)-task learning (extended)", ["Multi", "task", "learning", "extended"]),
    ("O(n log n)", ["O", "n", "log", "n"]),
    ("foo() [bar] {baz}", ["foo", "[bar]", "{baz}"]),
    ("author: a study of title : pages", ["author", "a", "study", "of", "title", "pages"]),
    ("ML and OR: a survey", ["ML", "and", "or", "a", "survey"]),
    ("a\x00b\x1fc\ufeff \ud800d\u202e", ["a", "b", "c", "d"]),
    ("学习: 深度 → ∞-categories", ["学习", "深度", "→", "∞-categories"]),
    ("теория:поля", ["теория:поля"]),
    ('a "" b "?" ()', ["a", "b"]),
    (".NET & node.js...", [".NET", "node.js"]),
]

MISTAKES: list[tuple[str, int, str]] = [
    ("auther:hinton", 0, "Did you mean author:?"),
    ("deep auther:hinton", 5, "Did you mean author:?"),
    ("deep -auther:hinton", 6, "author:"),
    (",auther:hinton", 1, "author:"),
    ("ti:graphs", 0, "Did you mean title:?"),
    ("zzz:x", 0, "The fields are author, title"),
    ("Re:Zero", 0, "put it in quotes"),
    ('foo:"bar"', 0, "quotes"),
    ("foo:(bar)", 0, "quotes"),
    ('a "b c', 2, '"'),
    ("a “b c", 2, '"'),
    ('author:"b', 7, '"'),
    ("a (b c", 2, ")"),
    ("(a (b)", 0, ")"),
    ("a (b", 2, ")"),
    ("a b)", 3, "("),
    (")", 0, "("),
    ('title:""', 0, "title:"),
    ('title:"?!"', 0, "title:"),
    ("a author:", 2, "author:hinton"),
    ("a author:  ", 2, "author:hinton"),
    ("(a author:)", 3, "author:hinton"),
    ("author:(a b)", 0, "author:hinton"),
    ("author:?", 0, "author:hinton"),
    ("cat:machine,learning", 4, "cat:cs.LG"),
    ("cat:cs*", 4, "cat:cs.*"),
    ("cat:3", 4, "cat:hep-th"),
    ("a date:tuesday", 7, "date:2024"),
    ("date:2026-13", 5, "2024-05-31"),
    ("date:2026-02-30", 5, "2024-05-31"),
    ("date:0000", 5, "date:2024.."),
    ("date:2026...2027", 5, "date:2024.."),
    ("date:2027..2026", 5, "date:2026..2027"),
    ("date:..", 0, "date:"),
    ("date:٢٠٢٦", 5, "date:2024"),
    ("year:2024-05", 5, "year:2020..2022"),
    ("year:>2020", 5, "year:2024.."),
    ("is:published", 3, "withdrawn"),
    ("has:legs", 4, "abstract, doi, arxiv"),
    ("sort:size", 5, "relevance, date"),
    ("sort:date a sort:date", 12, "one sort:"),
    ("a (b sort:date)", 5, "at the end"),
    ("a -sort:date", 2, "-word"),
    ("a NOT", 2, "-word"),
    ("NOT OR a", 0, "-word"),
    ("-()", 0, "-word"),
    ('-"" a', 0, "-word"),
    ("(a NOT)", 3, "-word"),
    ("-AND a", 0, "-word"),
    ("OR a", 0, "small letters"),
    ("a OR", 2, "small letters"),
    ("a OR OR b", 2, "small letters"),
    ("a (OR b)", 3, "small letters"),
    ("a OR sort:date", 2, "small letters"),
    ("a OR ()", 2, "small letters"),
    ("(" * 51 + "a", 50, "parentheses"),
    ("a " * 1_001, 2_000, "Leave some words out"),
    ("a" * 10_001, 10_000, "Leave some words out"),
    ('"a""b"' * 499 + "c" * 7_000, 9_994, "Leave some words out"),
]


def shown(value: object) -> str | None:
    """Name a case of a table by the start of its text."""
    return ascii(value[:40]) if isinstance(value, str) else None


def failure(text: str) -> QueryError:
    """Return the error that a text must give."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    return caught.value


def outcome_of(text: str) -> Query | QueryError:
    """Return the query that a text gives, or its error."""
    try:
        return parse(text)
    except QueryError as error:
        return error


@pytest.mark.parametrize(("text", "root"), MEANINGS, ids=shown)
def test_operators(text: str, root: Node | None) -> None:
    """Every operator has one meaning, and NOT binds before adjacency, adjacency before OR."""
    assert parse(text).root == root


@pytest.mark.parametrize(("text", "root"), FIELD_MEANINGS, ids=shown)
def test_fields(text: str, root: Node) -> None:
    """Every field gives its own node, whatever the case and the punctuation around it."""
    assert parse(text).root == root


@pytest.mark.parametrize(("text", "start", "end"), RANGES, ids=shown)
def test_ranges(text: str, start: date | None, end: date | None) -> None:
    """A year, a month, a day and a range of them include their first and their last day."""
    name = "year" if text.startswith("year") else "date"
    assert parse(text).root == DateRange(name, start, end)


@pytest.mark.parametrize(("text", "canonical"), CANONICAL, ids=shown)
def test_canonical_text(text: str, canonical: str) -> None:
    """A query prints in one short form, which means the same."""
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(("text", "words"), PASTED, ids=shown)
def test_pasted_titles(text: str, words: list[str]) -> None:
    """A title can be pasted: its punctuation is no syntax and all its words are asked for."""
    query = parse(text)
    assert list(query.words) == words
    assert parse(str(query)) == query


@pytest.mark.parametrize(("text", "position", "hint"), MISTAKES, ids=shown)
def test_mistakes(text: str, position: int, hint: str) -> None:
    """Every mistake is shown where it stands, with a hint that says what to write instead."""
    error = failure(text)
    assert (error.position, error.query) == (position, text[:10_000])
    assert hint in error.hint
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "text", ["has:code", "has:data", "has:summary", "has:project", "sort:trending", "sort:cited"]
)
def test_not_yet(text: str) -> None:
    """What is planned but not held is refused with a plain "not yet", never with no hits."""
    message = str(failure("a " + text))
    assert message == f"Not yet: This collection does not hold the data for {text}."


@pytest.mark.parametrize(
    ("value", "is_prefix", "stem"),
    [("cs.LG", False, "cs.LG"), ("cs.*", True, "cs"), ("hep-th", True, "hep-th")],
)
def test_category_prefix(value: str, is_prefix: bool, stem: str) -> None:
    """An archive stands for all of its categories, with and without the star."""
    category = Category(value)
    assert (category.is_prefix, category.stem) == (is_prefix, stem)


def test_sort_is_no_part_of_the_tree() -> None:
    """A sort may stand anywhere at the top level and leaves the tree as it is."""
    assert parse("sort:date a OR b") == parse("a OR b sort:date") == Query(Or((A, B)), "date")
    assert parse("a").sort is None


def test_words_are_the_bare_wanted_ones_in_order() -> None:
    """Scoring sees bare words and phrases in order: no fields, filters or negatives."""
    query = parse('c (b OR "a d") -x title:y cat:cs.LG -(p q) like:2503.11677 b')
    assert query.words == ("c", "b", "a d", "b")


def test_likes_are_the_wanted_papers() -> None:
    """Only a like: that is not negated names a paper to be near to."""
    assert parse("like:1 x (like:2 OR y) -like:3").likes == ("1", "2")


@pytest.mark.parametrize(
    ("text", "is_empty", "has_only_filters"),
    [
        ("", True, False),
        ("sort:date", True, False),
        ("cat:cs.LG", False, True),
        ("title:a author:b", False, True),
        ("-a", False, True),
        ("-a OR -b", False, True),
        ("a cat:cs.LG", False, False),
        ("like:2503.11677", False, False),
    ],
)
def test_kinds_of_query(text: str, is_empty: bool, has_only_filters: bool) -> None:
    """A query knows whether it asks for nothing, or only for what cannot be ranked."""
    query = parse(text)
    assert (query.is_empty, query.has_only_filters) == (is_empty, has_only_filters)


def test_text_is_kept_without_controls_and_does_not_count() -> None:
    """The text as typed is kept for the box, and two ways to type a query are equal."""
    typed = parse("a\x00AND\ud800b")
    assert typed.text == "a AND b"
    assert typed == parse("a b")
    assert hash(typed) == hash(parse("a b"))


def test_queries_cannot_be_changed() -> None:
    """A query is a value: it can be a key, and nobody can change it under the reader."""
    query = parse("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        query.sort = "date"  # type: ignore[misc]


def test_depth_and_terms_up_to_the_limit() -> None:
    """What is just within the limits is read and printed without complaint."""
    nested = "-(" * 50 + "a b" + ")" * 50
    assert parse(nested) == parse("a b")
    alternating = "x (y OR " * 50 + "a b" + ")" * 50
    assert parse(str(parse(alternating))) == parse(alternating)
    assert len(parse("a " * 1_000).words) == 1_000


def test_a_colon_outside_ascii_is_no_field() -> None:
    """A letter that only looks like one of ours in lower case does not open a field."""
    assert parse("li\u212ae:x").root == Word("li\u212ae:x")


def test_plain_interprets_nothing() -> None:
    """An abstract with every operator in it is just its words."""
    text = 'We (OR you) say "no -x NOT" cat:cs.LG: 3:1 see https://x.org, sort:cited 10.1/a)'
    words = "We or you say no x not cat cs.LG 3:1 see https://x.org sort cited 10.1/a"
    assert plain(text).words == tuple(words.split())


def test_plain_is_short_or_empty_without_complaint() -> None:
    """No words, one word and a whole book are all fine; a book is cut."""
    assert plain(" - ? ").is_empty
    assert plain("a").root == A
    assert len(plain("a " * 1_000_000).words) == 10_000


def test_field_names_are_unique() -> None:
    """The registry holds each field once."""
    names = [field.name for field in FIELDS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_documented(field: Field) -> None:
    """The user's reference shows every field with the help and the example of the registry."""
    assert f"| `{field.name}:` | {field.help} | `{field.example}` |" in DOCS.read_text("utf-8")


def test_documented_fields_exist() -> None:
    """The user's reference has no field that the parser does not know."""
    rows = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    named = {row.split("`")[1].removesuffix(":") for row in rows if ":` |" in row}
    assert named == {field.name for field in FIELDS}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_example_parses(field: Field) -> None:
    """The example of a field uses that field and is a query that prints back as it stands."""
    assert field.example.startswith(f"{field.name}:")
    assert str(parse(field.example)) == field.example


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.name.isalpha()])
def test_a_misspelt_field_is_recognised(name: str) -> None:
    """A field with one letter too many is answered with the right name."""
    assert failure(f"{name}q:x").hint.startswith(f"Did you mean {name}:?")


def test_documented_errors_are_the_real_ones() -> None:
    """The reference quotes each error, and its hint where it shows one, word for word."""
    table = DOCS.read_text("utf-8").partition("| mistake | answer |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    for mistake, answer in rows:
        error = failure(mistake.strip("| `"))
        assert f"{error} {error.hint}".startswith(answer.removesuffix(" |"))


def test_numbers_in_the_documentation() -> None:
    """The limits that the reference promises are the limits of the code."""
    text = DOCS.read_text("utf-8")
    for limit in (module.MAX_LENGTH, module.MAX_TERMS, module.MAX_DEPTH):
        assert f"{limit:,}" in text


# --- properties -------------------------------------------------------------------------------

often = settings(deadline=None, max_examples=300)
pieces = st.sampled_from(
    [
        *("a", "b-c", "OR", "AND", "NOT", "-", "--", "(", ")", '"', "“", ":", ",", " ", ".", "/"),
        *("author:", "cat:", "date:2024..", "id:", "arxiv:x", "like:", "sort:date", "has:doi"),
        *(
            "zz:",
            "https://",
            "//",
            "10.1234/",
            "\x00",
            "\ud800",
            "\u200d",
            "é",
            "ſ",
            "K",
            "İ",
            "🤗",
        ),
    ]
)
hostile = st.one_of(st.text(), st.lists(pieces, max_size=25).map("".join))

odd_words = ["C++", "F#", "$k$-means", "state-of-the-art", "3:1", "https://x.org/a_(b)", "学习"]
words = st.one_of(
    st.from_regex(r"[a-z][a-zA-Z0-9+#.-]{0,8}[a-z0-9]", fullmatch=True), st.sampled_from(odd_words)
)
phrases = (
    st.text("abcXYZé09 .,:;!?()-+/*'学", min_size=1, max_size=20)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: any(char.isalnum() for char in text))
)
text_fields = st.sampled_from(["author", "title", "abstract", "venue"])
days = st.none() | st.dates()


def range_of(name: Any, first: date | None, last: date | None) -> DateRange:
    """Return the range between two days in order, widened to whole years for year."""
    if first and last:
        first, last = min(first, last), max(first, last)
    if name == "year":
        first = first and first.replace(month=1, day=1)
        last = last and last.replace(month=12, day=31)
    return DateRange(name, first, last)


def joined(kind: type[And | Or], nodes: list[Node]) -> Node:
    """Return the nodes as one flat And or Or."""
    flat = [leaf for node in nodes for leaf in (node.nodes if isinstance(node, kind) else [node])]
    return kind(tuple(flat))


def negated(node: Node) -> Node:
    """Return the opposite of a node, in normal form."""
    return node.node if isinstance(node, Not) else Not(node)


leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Word, words),
    st.builds(Word, words.filter(lambda word: "(" not in word) | st.just("OR"), text_fields),
    st.builds(Phrase, phrases, st.none() | text_fields),
    st.builds(Category, st.sampled_from(["cs.LG", "cs.*", "hep-th", "cond-mat.mes-hall"])),
    st.builds(range_of, st.sampled_from(["date", "year"]), days, days).filter(
        lambda span: span.start is not None or span.end is not None
    ),
    st.builds(Exact, st.sampled_from(["id", "doi"]), phrases),
    st.builds(lambda prefix, rest: Exact("id", f"{prefix}:{rest}"), st.just("arxiv"), phrases),
    st.builds(Exact, st.just("source"), phrases.map(str.lower)),
    st.builds(Flag, st.just("has"), st.sampled_from(["abstract", "doi", "arxiv"])),
    st.just(Flag("is", "withdrawn")),
    st.builds(Like, phrases),
)
trees = st.recursive(
    leaves,
    lambda nodes: st.one_of(
        nodes.map(negated),
        st.builds(joined, st.sampled_from([And, Or]), st.lists(nodes, min_size=2, max_size=4)),
    ),
    max_leaves=12,
)
queries = st.builds(
    Query, st.none() | trees, st.sampled_from([None, "relevance", "date"]), st.text()
)


@often
@given(hostile)
@example("(((")
@example('arxiv:"-"')
@example("\ud800" * 3)
def test_any_text_gives_a_query_or_a_query_error(text: str) -> None:
    """No text raises anything but QueryError, and its position lies within the text."""
    outcome = outcome_of(text)
    if isinstance(outcome, QueryError):
        assert 0 <= outcome.position <= len(text)
        assert str(outcome)
        assert outcome.hint
    else:
        assert parse(str(outcome)) == outcome
        assert str(parse(str(outcome))) == str(outcome)


@often
@given(queries)
def test_printing_and_parsing_are_inverse(query: Query) -> None:
    """Every query can be written down, read back, and written down the same."""
    text = str(query)
    assert parse(text) == query
    assert str(parse(text)) == text


@often
@given(hostile)
def test_plain_never_raises_and_prints_back(text: str) -> None:
    """Any text is a plain query, made of bare words only, which is readable when printed."""
    query = plain(text)
    assert parse(str(query)) == query
    assert not query.has_only_filters
    assert not query.likes


@often
@given(st.lists(words, min_size=1, max_size=8))
def test_words_come_back_as_they_were_typed(typed: list[str]) -> None:
    """Ordinary words are all kept, unchanged and in order, with and without parsing."""
    kept = tuple(typed)
    assert parse(" ".join(typed)).words == kept
    assert all("(" in word for word in set(kept) - set(plain(" ".join(typed)).words))


def test_operators_of_a_shouted_text_are_words():
    """Whoever holds the shift key asks for what the same words in small letters ask for."""
    loud = read("TIDES AND HARBOURS UNDER A COPPER MOON, NOT KILNS OR RIVERS")
    quiet = read("tides and harbours under a copper moon, not kilns or rivers")
    assert [w.lower() for w in loud.words] == list(quiet.words)
    assert str(read("BERT OR GPT")) == "BERT OR GPT"
    assert str(read("BERT NOT GPT")) == "BERT -GPT"

"""Markdown: what it makes of people's text, and that hostile text makes nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as parser

from broadsheet.readers import markdown
from broadsheet.readers.markdown import MOST_MENTIONS, REL, TAGS, clean, links, mentions, render

RIGHT = f' rel="{REL}"'


def flat(text):
    """Return the HTML of a text on one line."""
    return render(text).replace("\n", "")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* and **b** and `c`", "<p><em>a</em> and <strong>b</strong> and <code>c</code></p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a", "<ol><li>a</li></ol>"),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("```py\nx = 1\n```", "<pre><code>x = 1</code></pre>"),
        ("# Big *news*\ntext", "<p><strong>Big <em>news</em></strong></p><p>text</p>"),
        ("Big\n===", "<p><strong>Big</strong></p>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("<b>x</b> & <!-- y -->", "<p>&lt;b&gt;x&lt;/b&gt; &amp; &lt;!-- y --&gt;</p>"),
    ],
)
def test_a_little_markdown_is_understood(text, html):
    """Emphasis, code, lists, quotes; headings are bold, lines end where they end, HTML is text."""
    assert flat(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[a](https://x.example/y)", f'<a href="https://x.example/y"{RIGHT}>a</a>'),
        ("<https://x.example>", f'<a href="https://x.example"{RIGHT}>https://x.example</a>'),
        ("<a@x.example>", f'<a href="mailto:a@x.example"{RIGHT}>a@x.example</a>'),
        (
            "see https://x.example/a_(b), then",
            f'see <a href="https://x.example/a_(b)"{RIGHT}>https://x.example/a_(b)</a>, then',
        ),
        (
            "(https://x.example/a.)",
            f'(<a href="https://x.example/a"{RIGHT}>https://x.example/a</a>.)',
        ),
        ("`https://x.example`", "<code>https://x.example</code>"),
        ("![a](https://x.example/y.png)", f'!<a href="https://x.example/y.png"{RIGHT}>a</a>'),
        ("[a](javascript:alert(1))", "[a](javascript:alert(1))"),
        ("[a](data:text/html,x)", "[a](data:text/html,x)"),
        ("[a](ftp://x.example/y)", f"<a{RIGHT}>a</a>"),
        ("[a](/paper/p1)", f"<a{RIGHT}>a</a>"),
        ("[a](//x.example)", f"<a{RIGHT}>a</a>"),
    ],
)
def test_links_lead_to_the_web_or_to_an_address_and_nowhere_else(text, html):
    """Bare addresses too; there are no images, and every link says that we do not vouch for it."""
    assert flat(text) == f"<p>{html}</p>"


@pytest.mark.parametrize(
    "text",
    [
        "$a_1*b*c_2$", "$\\{x\\} \\_ y$", "$$\\sum_{i}*x_i*$$", "costs $5 and $10, $ 7 and 8$",
        "a $ b", "$$x", "$x_{*a*}$ and $y_{*b*}$",
    ],
)  # fmt: skip
def test_what_stands_between_dollars_is_left_alone(text):
    """TeX has its own meaning for stars, underscores and backslashes; prices are no TeX."""
    assert flat(text) == f"<p>{text}</p>"


def test_dollars_of_prices_hide_no_emphasis():
    """A closing dollar with a digit after it closes nothing."""
    assert flat("$5 *or* $10") == "<p>$5 <em>or</em> $10</p>"


# ------------------------------------------------------------------ hostile text

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "[x](javascript:alert`1`)", "[x](JaVaScRiPt:alert(1))", "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))", "<javascript:alert(1)>", "[x](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", '[x](http://a "onmouseover=alert(1)")',
    '[x](http://a"onmouseover="alert(1))', "![x](http://a/b.png)", "![x][y]\n\n[y]: javascript:x",
    '```"><script>\nx\n```', "`<img src=x>`", "# <iframe src=//a>", "<style>*{}</style>",
    "<a href=javascript:alert(1)>x</a>", "<math><mtext></mtext></math>", "]]>", "<!--", "--!>",
    "<![CDATA[x]]>", "<?xml?>", "&lt;script&gt;", 'http://a/"><script>', "http://a/'onx='",
    "mailto:a@b", "$<script>$", "$$</p><script>$$", "\\<script>", "</p></div></body>", "@ada",
    "\u202e", "\x00", "<form action=/x>", "<input>", "<base href=//a>", "<meta http-equiv=refresh>",
    "*", "_", "`", "[", "](", ")", "<", ">", "\n", "\n\n", "    ", "> ", "- ", "1. ", '"', "'",
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=12).map("".join), st.text()
)


def assert_harmless(made):
    """See that HTML holds only the tags that are allowed, and only safe addresses."""
    body = parser.document_fromstring(f"<html><body><div>{made}</div></body></html>").body
    assert len(body) == 1
    for element in body[0].iterdescendants():
        assert element.tag in TAGS
        assert set(element.attrib) <= ({"href", "rel"} if element.tag == "a" else set())
        if "href" in element.attrib:
            assert element.attrib["href"].lower().startswith(("http:", "https:", "mailto:"))
        if element.tag == "a":
            assert element.attrib["rel"] == REL


@given(TEXTS)
def test_nothing_but_the_allowed_tags_and_addresses_ever_comes_out(text):
    """Read again by another parser, there is no other tag, attribute or scheme."""
    assert_harmless(render(text))
    assert_harmless(render(clean(text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_each_trick_alone_is_harmless(text):
    """Whatever chance leaves out above."""
    assert_harmless(render(text))


@given(st.text(max_size=200))
def test_the_sanitiser_alone_would_do(html):
    """If Markdown let anything through, this would stop it."""
    made = markdown._sanitised(html + "<script>x</script><p onclick=x><a href=javascript:x>y</a>")

    assert_harmless(made)


@given(TEXTS)
def test_what_is_clean_stays_as_it_is(text):
    """There is nothing in it that cannot be seen or that turns text around; lines stay lines."""
    once = clean(text)

    assert clean(once) == once
    assert once == once.strip()
    assert not set(once) & set("\x00\x07\x1b\r\x85\u2028\u2029\u202e\u2066\ud800")
    assert once.encode().decode() == once


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u200b", "\u202e", "\x00", "\ufeff"])
def test_what_shows_nothing_is_nothing(text):
    """An invisible comment is an empty one."""
    assert clean(text) == ""


def test_writing_from_right_to_left_is_no_trick():
    """Marks that concern only themselves stay; overrides go."""
    assert (
        clean("\u05e9\u05dc\u05d5\u05dd\u200f, a\u202eb\u202c")
        == "\u05e9\u05dc\u05d5\u05dd\u200f, ab"
    )
    assert clean("a\r\nb\rc\u2028d") == "a\nb\nc\nd"


# ------------------------------------------------------------------ what a text names


def test_mentions_are_names_in_the_text_itself():
    """Each once, in lower case; not in code, addresses or e-mail."""
    text = (
        "@ada, (@Bo-2) and @ada! `@code` <a@mail.example> https://x.example/@path "
        "me@here.example @x @_no [@linked](https://x.example)\n\n    @block\n\n**@bold** $@tex$"
    )

    assert mentions(text) == ("ada", "bo-2", "bold", "tex")


def test_so_many_mentions_are_heard_and_no_more():
    """Whoever names everybody names ten."""
    text = " ".join(f"@reader-{n}" for n in range(30))

    assert mentions(text) == tuple(f"reader-{n}" for n in range(MOST_MENTIONS))


def test_links_are_all_addresses():
    """Written as a link, bare, in angle brackets."""
    text = "[a](https://a.example) https://b.example <c@c.example> [d](/d) `https://e.example`"

    assert links(text) == ("https://a.example", "https://b.example", "mailto:c@c.example", "/d")


@given(TEXTS)
def test_any_text_can_be_asked_what_it_names(text):
    """Nothing raises."""
    assert len(mentions(text)) <= MOST_MENTIONS
    assert all(isinstance(link, str) for link in links(text))

"""The polite client and what comes back: too much, too slow, of another form, with secrets."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.sources import polite
from broadsheet.sources.exchange import Limits
from loopback import Reply, Request, bomb, html, not_acceptable
from sources.asking import MANNER

# ---------------------------------------------------------------------------- limits


def test_what_takes_too_long_is_given_up(made, server):
    """A host that says nothing is not waited for longer than the limit, and told as away."""
    server.route("/a", Reply(delay_s=60))
    client = made(MANNER._replace(timeout_s=0.1, tries=1))
    with pytest.raises(SourceUnavailable, match=r"did not answer in time|took longer than"):
        client.get(f"{server.url}/a")

    assert client._exchange._limits == Limits(0.1, 0.4, MANNER.max_bytes)


@pytest.mark.parametrize(
    "big", [Reply(b"x" * 2_000_000), Reply(b"x" * 2_000_000, is_chunked=True), bomb(2)]
)
def test_too_much_is_refused(made, server, big):
    """An answer beyond the limit is an error, whether it is long or becomes long."""
    server.route("/a", big)
    with pytest.raises(SourceError, match="more than 1 MB"):
        made(MANNER._replace(max_bytes=1_000_000)).get(f"{server.url}/a")

    assert len(server.log) == 1


def test_a_bomb_takes_no_memory(made, server):
    """A little that becomes a hundred megabytes is stopped at the limit."""
    server.route("/a", bomb(100))
    client = made(MANNER._replace(max_bytes=2_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="more than 2 MB"):
            client.get(f"{server.url}/a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 16_000_000


def test_an_encoding_not_asked_for_is_refused(client, server):
    """What cannot be undone is not taken for text."""
    server.route("/a", Reply(b"??", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceError, match="'br'"):
        client.get(f"{server.url}/a")


# ---------------------------------------------------------------------------- what came back


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html><head><title>Down for\n maintenance</title>",
        "\ufeff \n<!-- a --><!-- b --><HTML><title>Down for maintenance</title>",
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C"><title>Down for maintenance</title>',
    ],
)
def test_a_page_is_not_taken_for_an_answer(client, server, form, page):
    """A page instead of what was asked for is told with its title, whatever type it claims."""
    server.route("/a", Reply(page.encode(), content_type="application/atom+xml"))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a", form=form)

    says = f"answered with an HTML page (“Down for maintenance”) instead of {form.upper()}"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("body", "form", "says"),
    [
        (b"", "xml", "nothing at all instead of XML"),
        (b" \n", "json", "nothing at all instead of JSON"),
        (b"", "html", "nothing at all instead of HTML"),
        (b'{"a": 1}', "xml", "not XML"),
        (b"<feed/>", "json", "not JSON: '<feed/>'"),
        (b"Rate exceeded.", "xml", "not XML: Rate exceeded."),
        (b"\xff\xfeR", "json", "not JSON"),
    ],
)
def test_other_forms_are_refused(client, server, body, form, says):
    """What cannot be of the wanted form is said, in the host's words."""
    server.route("/a", html(body))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a", form=form)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"\xef\xbb\xbf <?xml version='1.0'?><feed/>", "xml"),
        ("<feed/>".encode("utf-16"), "xml"),
        (b"<html-like/>", "xml"),
        (b" [1]", "json"),
        (b"null", "json"),
        (b"<html>", "html"),
        (b"", "any"),
    ],
)
def test_what_may_be_of_the_form_is_passed_on(client, server, body, form):
    """The type a host claims does not matter, and parsers judge the rest."""
    server.route("/a", Reply(body, content_type="text/html"))

    assert client.get(f"{server.url}/a", form=form).body == body


@given(st.binary(max_size=400), st.sampled_from(["xml", "json", "html", "any"]))
def test_any_body_is_judged(body, form):
    """Whatever comes back, the judgement is a short text."""
    assert len(polite.misfit(body, form)) < 250
    assert len(polite.first_words(body)) <= 200
    assert polite.first_words(body).isprintable()


def test_what_a_host_says_of_its_refusal_is_told(client, server):
    """The first words are told, without tags and scripts."""
    page = "<style>p {}</style><script>x()</script><p>No <b>such</b> paper &amp; more" + " on" * 300
    server.route("/a", html(page, 404))
    server.route("/b", not_acceptable())
    with pytest.raises(SourceRejected) as caught:
        client.get(f"{server.url}/a")
    with pytest.raises(SourceRejected, match="Not Acceptable No, thanks") as b:
        client.get(f"{server.url}/b", form="xml")

    assert "refused with 404: No such paper & more on on" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "refused with 406: " in str(b.value)
    assert b.value.status == 406
    assert len(server.log) == 2


KEY = "sk-5ecret/value+1"


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 406, 429, 500])
def test_keys_are_never_shown(made, server, status, tmp_path):
    """No error and no file holds a key, even if the host repeats it."""

    def repeat(request: Request) -> Reply:
        return html(f"bad key {request.query['api_key']} {request.headers['x-api-key']}", status)

    server.route("/a", repeat)
    client = made(MANNER._replace(tries=1), headers={"X-Api-Key": KEY})
    for _ in range(4):
        with pytest.raises(SourceError) as caught:
            client.get(
                f"{server.url}/a",
                params={"api_key": KEY, "mailto": "me@example.org", "q": "a"},
                headers={"Authorization": f"Bearer {KEY}"},
                form="json",
            )
        told = f"{caught.value!r} {caught.value.__cause__!r}"
        assert "5ecret" not in told
        assert "me@example.org" not in told
    assert "5ecret" not in "".join(p.read_text() for p in (tmp_path / "locks").iterdir())


def test_malformed_requests_tell_no_key(client, server):
    """A key with a line break in it is refused before it is sent, and not shown."""
    for key in ("5ecret\nX: y", "5ecret☃"):
        with pytest.raises(SourceError) as caught:
            client.get(f"{server.url}/a", headers={"authorization": key})
        assert "5ecret" not in f"{caught.value!r} {caught.value.__cause__!r}"

    with pytest.raises(SourceError):
        client.get("nonsense")
    assert server.log == []

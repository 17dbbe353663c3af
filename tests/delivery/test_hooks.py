"""Hooks: forms within the limits of each chat, signatures, addresses, and what answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, date, datetime, timedelta
from email.header import decode_header, make_header
from html.parser import HTMLParser

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.collection.subscriptions import new_handle
from broadsheet.delivery import hook_forms, hooks
from broadsheet.delivery.digest import Issue
from broadsheet.delivery.hook_forms import payload
from broadsheet.delivery.hooks import FORMS, Poster, as_hook, post_id
from broadsheet.delivery.links import Links, new_key
from broadsheet.delivery.subscription import Choice, Item, Subscription, Wishes
from broadsheet.errors import HookError, RefusedError
from broadsheet.papers.types import ExternalId, Paper, PaperId
from loopback import Loopback, Reply, busy, json_reply, nobody, redirect

NOW = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
LINKS = Links("https://papers.example.org", new_key())
HANDLE = new_handle()


def issue_of(
    papers=(), *, form="json", address="https://chat.example.org/x", **more: object
) -> Issue:
    """Return an issue with these papers for a hook."""
    held = dict(enumerate(papers, 1))
    choice = {
        "title": "Trending in cs.CL",
        "first": date(2026, 11, 19),
        "until": date(2026, 11, 20),
    }
    items = tuple(Item(n, (f"{n} upvotes",)) for n in held)
    subscription = Subscription(
        7, HANDLE, 3, "hook", address, "whsec_" + base64.b64encode(b"k" * 32).decode(), 1,
        Wishes(form=form), "active", None, None, "2026-11-01T00:00:00Z",
    )  # fmt: skip
    choice |= more
    return Issue(
        subscription, 12, "2026-11-20", Choice(items=items, **choice), held, LINKS, "Broadsheet"
    )


def paper(number: int, title: str = "Of kites", **more: object) -> Paper:
    """Return an invented paper."""
    facts = {"authors": ("Ada Byron", "Ben Ray"), "abstract": "Kites fly. They do."} | more
    return Paper(PaperId(number), title, **facts)


def told(issue: Issue, form: str) -> dict:
    """Return what is posted, read as JSON."""
    return orjson.loads(payload(issue, form).body)


# ------------------------------------------------------------------ forms

HOSTILE = "<b>&*_~`|[x](javascript:1) @everyone <!channel> \u202e\x07 {} # \\ </a>"


def test_json_has_all_facts():
    """The form for programs says what the record says, unshortened, with addresses."""
    one = paper(
        1, "Kites & strings", summary="A short one.", categories=("cs.CL",),
        external_ids=(ExternalId("arxiv", "2611.00001"),), links=(("code", "https://x.test/c"),),
    )  # fmt: skip
    made = told(issue_of([one], more=3, more_path="/trending?q=x", notices=("late",)), "json")
    facts = made["data"]

    assert made["type"] == "digest"
    assert (facts["issue"], facts["subscription"]) == ("2026-11-20", 7)
    assert (facts["first"], facts["until"]) == ("2026-11-19", "2026-11-20")
    assert facts["address"] == LINKS.digest(HANDLE, 12)
    assert facts["more_address"] == "https://papers.example.org/trending?q=x"
    assert (facts["more"], facts["notices"]) == (3, ["late"])
    (held,) = facts["papers"]
    assert held["id"] == "p1"
    assert held["title"] == "Kites & strings"
    assert held["address"] == "https://papers.example.org/paper/p1"
    assert held["external_ids"] == {"arxiv": "2611.00001"}
    assert held["reasons"] == ["1 upvotes"]
    assert held["links"] == [{"kind": "code", "url": "https://x.test/c"}]


def test_slack_escapes_and_links():
    """Titles are links; nothing in them mentions anybody or formats."""
    blocks = told(issue_of([paper(1, HOSTILE)]), "slack")["blocks"]
    text = blocks[1]["text"]

    assert blocks[0]["type"] == "header"
    assert text["verbatim"] is True
    assert text["text"].startswith("<https://papers.example.org/paper/p1|")
    said = re.sub(r"<https://[^|>]+\|([^<>]*)>", r"\1", text["text"])
    assert not re.search(r"[<>*_~`]", said)
    assert "&lt;!channel&gt;" in said
    assert "\u202e" not in text["text"]


@pytest.mark.parametrize("form", ["discord", "mattermost"])
def test_markdown_is_escaped(form):
    """Of a title nothing becomes a link, a mention or a format."""
    made = told(issue_of([paper(1, HOSTILE)], notices=("@here *look*",)), form)
    text = made["text"] if form == "mattermost" else made["embeds"][0]["description"]

    assert "**[" in text
    assert "](https://papers.example.org/paper/p1)**" in text
    assert not re.search(r"@(?!\u200b)", text)
    bare = re.sub(r"\\.", "", text)
    assert "javascript:1)" not in re.findall(r"\]\((.*?)\)", bare)
    assert len(re.findall(r"(?<!\\)\]\(", text)) == 2
    if form == "discord":
        assert made["allowed_mentions"] == {"parse": []}


class _Tags(HTMLParser):
    """Reads Telegram's HTML: which tags there are, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in {"a", "b", "i"}
        self.open.append(tag)
        self.links += [value for _, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_telegram_is_escaped():
    """A title with tags is text."""
    made = told(issue_of([paper(1, HOSTILE)]), "telegram")
    read = _Tags(made["text"])

    assert made["parse_mode"] == "HTML"
    assert read.links == ["https://papers.example.org/paper/p1", LINKS.digest(HANDLE, 12)]
    assert "<!channel>" in read.text


def test_ntfy_has_plain_text_and_ascii_headers():
    """The title travels as RFC 2047 has it, whatever it is written in."""
    made = payload(issue_of([paper(1, "Über Drachen")], title="Größen"), "ntfy")

    assert "Über Drachen\nAda Byron and Ben Ray\n1 upvotes" in made.body.decode()
    assert made.headers["title"].isascii()
    assert str(make_header(decode_header(made.headers["title"]))).startswith("Größen · ")
    assert made.headers["click"] == LINKS.digest(HANDLE, 12)


def test_an_empty_issue_and_notices_are_told():
    """Who asked for it hears that there is nothing, and of troubles, in every form."""
    issue = issue_of([], notices=("arXiv's listing of 20 November was late",))
    for form in FORMS:
        made = payload(issue, form)
        whole = made.body.decode() + str(dict(made.headers))
        assert "20 November was late" in whole
        head = str(make_header(decode_header(made.headers.get("title", ""))))
        assert form == "json" or "nothing new" in whole + head


def test_a_collection_at_home_links_to_the_papers_themselves():
    """Nobody in a channel can open a page on somebody's own machine."""
    one = paper(1, external_ids=(ExternalId("arxiv", "2611.00001"),))
    issue = issue_of([one])
    home = Issue(**{**vars(issue), "links": Links("http://127.0.0.1:8620", new_key())})

    assert "https://arxiv.org/abs/2611.00001" in payload(home, "slack").body.decode()
    assert "arxiv.org" not in payload(issue, "slack").body.decode()


_text = st.text(max_size=400) | st.sampled_from([HOSTILE * 8, "&" * 900, "😀" * 700, "$\\alpha$"])


@st.composite
def issues(draw):
    """Draw issues of all sizes with texts of all kinds."""
    papers = [
        paper(n, draw(_text), authors=tuple(draw(st.lists(_text, max_size=4))),
              summary=draw(_text))
        for n in range(1, draw(st.sampled_from([0, 1, 3, 30, 100])) + 1)
    ] if draw(st.booleans()) else [paper(n, draw(_text)) for n in range(1, 8)]  # fmt: skip
    notices = tuple(draw(st.lists(_text, max_size=7)))
    return issue_of(papers, title=draw(_text), notices=notices, more=draw(st.integers(0, 9999)))


@settings(max_examples=40)
@given(issues())
def test_no_form_is_longer_than_its_place_takes(issue):
    """Whatever the texts are, every limit of every chat holds, and the markup is whole."""
    slack = told(issue, "slack")
    assert len(slack["blocks"]) <= 50
    assert hook_forms._size(slack["blocks"][0]["text"]["text"]) <= 150
    sizes = [hook_forms._size(b["text"]["text"]) for b in slack["blocks"]]
    assert all(0 < size <= 3000 for size in sizes)
    assert sum(sizes) <= 13_000

    discord = told(issue, "discord")["embeds"]
    assert len(discord) == 1
    assert hook_forms._size(discord[0]["title"]) <= 256
    assert 0 < hook_forms._size(discord[0]["description"]) <= 4096

    assert hook_forms._size(told(issue, "mattermost")["text"]) <= 16_383
    assert hook_forms._size(_Tags(told(issue, "telegram")["text"]).text) <= 4096
    ntfy = payload(issue, "ntfy")
    assert 0 < len(ntfy.body) <= 4096
    assert all(v.isascii() and v.isprintable() for v in ntfy.headers.values())


def test_what_does_not_fit_is_counted():
    """The last line says how many more there are, those beyond the choice among them."""
    papers = [paper(n, f"Kite number {n} " * 12) for n in range(1, 101)]
    for form in ("slack", "discord", "telegram", "ntfy"):
        body = payload(issue_of(papers, more=50), form).body.decode()
        shown = len(set(re.findall(r"Kite number (\d+)", body)))
        assert 5 < shown < 100
        assert f"{150 - shown} more" in body


def test_nothing_in_a_chat_changes_the_subscription():
    """Who reads a channel gets no link of the recipient's own."""
    for form in FORMS:
        made = payload(issue_of([paper(1)]), form)
        whole = made.body.decode() + str(dict(made.headers))
        for own in (LINKS.manage(HANDLE), LINKS.unsubscribe(HANDLE), "chat.example.org"):
            assert own not in whole


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "address",
    [
        "http://chat.example.org/x",
        "ftp://chat.example.org/x",
        "chat.example.org",
        "https://",
        "https://[::1",
        "https://u:p@chat.example.org/x",
        "https://chat.example.org/x#y",
        "https://chat.example.org/x y",
        "https://chat.example.org/\nx",
        "https://chät.example.org/",
        "https://chat.example.org:99999/",
        "https://chat.example.org:0/",
        "https://chat.example.org/" + "x" * 2000,
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[fe80::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://localhost/x",
        "https://printer.local/x",
        "https://router/x",
        "https://ntfy.home.arpa/x",
    ],
)
def test_addresses_that_are_refused(address):
    """Only https, only the public internet, nothing that hides where it leads."""
    with pytest.raises(RefusedError) as refused:
        as_hook(address, "json")
    assert "/x" not in str(refused.value)


def test_addresses_that_are_taken():
    """Public ones at any port; those at home if the setting allows them, even without TLS."""
    as_hook("https://hooks.slack.com/services/T0/B0/x", "slack")
    as_hook("https://mattermost.example.org:8065/hooks/x", "mattermost")
    as_hook("https://api.telegram.org/bot1:x/sendMessage?chat_id=-100", "telegram")
    as_hook("http://192.168.1.5:8080/papers", "ntfy", inside=True)
    assert as_hook(" https://localhost/x", "json", inside=True) == "https://localhost/x"
    with pytest.raises(RefusedError, match="https"):
        as_hook("http://ntfy.sh/papers", "ntfy", inside=True)
    with pytest.raises(RefusedError, match="chat_id"):
        as_hook("https://api.telegram.org/bot1:x/sendMessage", "telegram")
    with pytest.raises(RefusedError, match="no form “teams”"):
        as_hook("https://x.example.org/", "teams")


# ------------------------------------------------------------------ posting


@pytest.fixture
def server():
    """Give a server in real time."""
    with Loopback() as running:
        yield running


class _Gone(list):
    """Whose addresses said that they are gone."""

    def __call__(self, subscription: Subscription) -> None:
        self.append(subscription.id)


@pytest.fixture
def gone():
    """Return who is told of addresses that are gone."""
    return _Gone()


@pytest.fixture
def poster(gone):
    """Return what may post to this machine."""
    return Poster("1.2", gone, lambda: NOW, inside=True, whole_s=1)


def failed(poster: Poster, address: str, form: str = "json") -> HookError:
    """Post to an address, and return how it failed."""
    with pytest.raises(HookError) as caught:
        poster.post(issue_of([paper(1)], address=address, form=form))
    return caught.value


def test_a_post_is_signed(server, poster):
    """The receiver checks id, time and body with its secret, as Standard Webhooks says."""
    server.route("/hook/s3cret", json_reply({"ok": True}, 204))
    issue = issue_of([paper(1)], address=f"{server.url}/hook/s3cret?chat=7")
    assert poster.post(issue) == 204
    (request,) = server.log
    headers = request.headers

    assert request.method == "POST"
    assert request.target == "/hook/s3cret?chat=7"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == post_id(issue)
    assert "." not in headers["webhook-id"]
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(b"k" * 32, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_the_id_is_of_the_issue_alone(poster, server):
    """A second try has the id of the first; another issue, or another subscriber, has not."""
    issue = issue_of([paper(1)])
    other = Issue(**{**vars(issue), "name": "2026-11-21"})

    assert post_id(issue) == post_id(issue_of([paper(2)]))
    assert post_id(issue) != post_id(other)


def test_secrets_of_any_form_sign():
    """As the standard writes them they are read as such, else by their letters."""
    made = {hooks.signature(s, "a", 1, b"x") for s in ("plain", "whsec_?", "whsec_a2V5", "a2V5")}
    digest = hmac.new(b"key", b"a.1.x", hashlib.sha256).digest()

    assert len(made) == 4
    assert f"v1,{base64.b64encode(digest).decode()}" in made


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(server, poster, status):
    """Too often, too slow and a fault over there are temporary."""
    server.route("/hook", Reply(b"no", status))
    error = failed(poster, f"{server.url}/hook")

    assert error.temporary
    assert error.code == status
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 418])
def test_a_refusal_is_final(server, poster, gone, status):
    """What is wrong with a post will be wrong with it again."""
    server.route("/hook", Reply(b"no", status))
    error = failed(poster, f"{server.url}/hook")

    assert not error.temporary
    assert error.code == status
    assert gone == []


def test_what_is_gone_ends_the_subscription(server, poster, gone):
    """410 says: never again."""
    server.route("/hook", Reply(b"gone", 410))
    assert not failed(poster, f"{server.url}/hook").temporary
    assert gone == [7]


def test_retry_after_is_heeded(server, poster):
    """In seconds or as a date; what is neither says nothing."""
    server.route("/a", busy(90))
    server.route("/b", busy((NOW + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")))
    server.route("/c", busy("soon"))
    server.route("/d", busy("Fri, 20 Nov 2026 07:29:00 GMT"))

    waits = [failed(poster, server.url + path).retry_after for path in ("/a", "/b", "/c", "/d")]
    assert waits == [90, 30, None, 0]


def test_redirects_are_not_followed(server, poster):
    """A redirect could lead inside; who set up the hook is told."""
    server.route("/hook", redirect("/other"))
    error = failed(poster, f"{server.url}/hook")

    assert not error.temporary
    assert "no redirect" in str(error)
    assert server.targets == ["/hook"]


def test_long_and_slow_answers_end(server, poster):
    """No answer holds us up, or fills our memory."""
    server.route("/long", Reply(b"x" * 70_000))
    server.route("/slow", Reply(b"x" * 50, drip_s=0.1))
    server.route("/cut", Reply(b"x" * 50, cut_after=5))
    server.route("/bomb", Reply(bomb_mb=5))

    for path in ("/slow", "/cut"):
        error = failed(poster, server.url + path)
        assert error.temporary
        # By its id a program knows what it has.
        assert not error.is_unknown
        assert failed(poster, server.url + path, form="ntfy").is_unknown
    for path in ("/long", "/bomb"):
        assert not failed(poster, server.url + path).temporary


def test_nobody_there_is_temporary(poster):
    """Who is away may come back."""
    with nobody() as address:
        error = failed(poster, f"{address}/hook", form="ntfy")
    assert error.temporary
    assert not error.is_unknown


def test_the_address_is_never_told(server, poster, gone):
    """Errors name the host, and no more."""
    server.route("/s3cret", [Reply(b"s3cret", 500), Reply(b"x" * 70_000), redirect("/s3cret2")])
    address = f"{server.url}/s3cret?token=t0ken"
    for _ in range(3):
        error = failed(poster, address)
        whole = f"{error!r} {error.__cause__!r} {error.__context__!r}"
        assert "s3cret" not in str(error)
        assert "t0ken" not in whole
    outside = Poster("1.2", gone, lambda: NOW)
    error = failed(outside, "https://127.0.0.1/s3cret?token=t0ken")
    assert "s3cret" not in str(error)
    assert "private networks" in str(error)


def test_a_name_that_leads_inside_is_not_asked(monkeypatch, gone, server):
    """What a public name resolves to is looked at, and that very address is connected to."""
    monkeypatch.setattr(
        "broadsheet.sources.exchange.socket.getaddrinfo",
        lambda *_, **__: [(2, 1, 6, "", ("10.0.0.5", 443))],
    )
    error = failed(Poster("1.2", gone, lambda: NOW), "https://inside.example.org/hook")

    assert not error.temporary
    assert str(error) == "inside.example.org is not on the public internet"
    assert server.log == []

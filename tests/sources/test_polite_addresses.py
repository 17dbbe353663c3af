"""The polite client and where it may be led: redirects, private addresses, keys."""

from __future__ import annotations

import ipaddress
import json

import pytest

from broadsheet.errors import SourceError, SourceUnavailable
from broadsheet.sources import exchange
from loopback import Loopback, json_reply, redirect
from sources.asking import FAIR


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(client, server, status):
    """The answer says where it came from in the end."""
    server.route("/a", redirect("/b?x=1", status))
    server.route("/b", FAIR)

    assert client.get(f"{server.url}/a").url == f"{server.url}/b?x=1"


def test_a_posted_redirect_becomes_a_get_where_http_says_so(client, server):
    """307 repeats the POST, 303 asks for another page."""
    server.route("/a", redirect("/c", 303))
    server.route("/b", redirect("/c", 307))
    server.route("/c", lambda request: json_reply([request.method, len(request.body)]))

    assert json.loads(client.post(f"{server.url}/a", json=[1]).body) == ["GET", 0]
    assert json.loads(client.post(f"{server.url}/b", json=[1]).body) == ["POST", 3]


def test_redirects_end(client, server):
    """A circle is left after five steps."""
    server.route("/a", redirect("/a"))
    with pytest.raises(SourceError, match="more than 5 times"):
        client.get(f"{server.url}/a")

    assert len(server.log) == 6
    assert min(server.gaps) >= 3


def test_a_redirect_to_a_private_address_is_refused(client, server):
    """Nothing on this machine or network is asked because a host said so."""
    with Loopback() as other:
        server.route("/a", redirect(f"{other.url}/secret"))
        with pytest.raises(SourceError, match="not on the public internet"):
            client.get(f"{server.url}/a")

        assert other.log == []


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "http://localhost:1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://a:b/",
        "http://[/",
    ],
)
def test_no_other_way_in_is_open(client, server, where):
    """However a private address is spelt, it is refused; so is all that is not http."""
    server.route("/a", redirect(where))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a")

    assert not isinstance(caught.value, SourceUnavailable)
    assert len(server.log) == 1


def test_an_address_that_is_not_trusted_must_be_public(made, server):
    """Also the first address is looked at."""
    with pytest.raises(SourceError, match="not on the public internet"):
        made(trusted=()).get(f"{server.url}/a")

    assert server.log == []


def test_a_name_that_changes_its_mind_is_caught(made, server, monkeypatch):
    """What resolves to a public address and leads to a private one is sent nothing."""
    monkeypatch.setattr(exchange, "_resolved", lambda _: [ipaddress.ip_address("8.8.8.8")])
    with pytest.raises(SourceError, match=r"led to 127\.0\.0\.1"):
        made(trusted=()).get(f"http://localhost:{server.port}/a")

    assert server.log == []


def test_a_name_that_does_not_resolve_may_pass(made, monkeypatch):
    """Without a network the source is away, and no fault of ours."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(exchange.socket, "getaddrinfo", fail)
    with pytest.raises(SourceUnavailable, match="does not resolve"):
        made().get("http://papers.example/a")


def test_keys_do_not_go_to_another_host(made, server):
    """What is nobody's business stays with the host that was asked."""
    keys = {"Authorization": "Bearer abcdef", "X-Api-Key": "k" * 8, "Cookie": "c=1"}
    with Loopback() as other:
        other.route("/b", FAIR)
        server.route("/a", redirect(f"{other.url}/b"))
        server.route("/same", redirect("/b"))
        server.route("/b", FAIR)
        client = made(trusted=[server.url, f"127.0.0.1:{other.port}"], headers={"X-Plain": "1"})
        client.get(f"{server.url}/a", headers=keys | {"Zotero-Api-Key": "z" * 8})
        client.get(f"{server.url}/same", headers=keys)

        assert not {"authorization", "x-api-key", "cookie", "zotero-api-key"} & set(
            other.log[0].headers
        )
        assert other.log[0].headers["x-plain"] == "1"
        assert server.log[-1].headers["authorization"] == "Bearer abcdef"


def test_https_is_not_left(client):
    """No redirect leads from what is encrypted to what is not."""
    asked = client._asked("GET", "https://papers.example/a", {"x-api-key": "secret"})
    with pytest.raises(SourceError, match="away from https"):
        client._redirect(asked, 302, "http://papers.example/a")

    client._redirect(asked, 302, "//papers.example/b")
    assert (asked.url, "x-api-key" in asked.headers) == ("https://papers.example/b", True)
    client._redirect(asked, 302, "https://elsewhere.example/b")
    assert "x-api-key" not in asked.headers


def test_a_proxy_of_the_environment_is_used(made, server, monkeypatch):
    """Where a proxy is set, it is asked, and it alone resolves names."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.route("/a", FAIR)
    client = made()

    assert client.get("http://papers.example/a").body == b"<feed/>"
    assert server.log[0].target == "http://papers.example/a"
    with pytest.raises(SourceError, match="not on the public internet"):
        client.get("http://10.0.0.1/a")

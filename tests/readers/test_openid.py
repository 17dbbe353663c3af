"""OpenID Connect, with a real provider over HTTP: who is believed, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import config
from broadsheet.errors import ConfigError, RefusedError, SourceError, SourceUnavailable
from broadsheet.readers.openid import (
    ORCID,
    Flow,
    OpenID,
    Vouched,
    check_claims,
    signed_claims,
    vouched,
)
from broadsheet.readers.rules import OPENID_SECRET, Provider, Rules
from loopback import Reply, json_reply, nobody
from vouching import EC, OTHERS, Vouching
from web.invented import now

OURS = "https://papers.example.org"
NOW = now().timestamp()
SOMEBODY = Provider("https://id.example.org", "us", "House")
GOOD = {"iss": SOMEBODY.issuer, "aud": "us", "sub": "7", "nonce": "n", "iat": NOW, "exp": NOW + 60}


@pytest.fixture
def provider():
    """Return a provider of the same time."""
    with Vouching(now()) as made:
        yield made


@pytest.fixture
def openid(provider):
    """Return what asks it."""
    return OpenID(provider.as_known(), OURS, now)


def come(openid, provider, flow=None):
    """Go to the provider, agree, come back, and return who was vouched for."""
    flow = flow or Flow.new()
    return openid.finish(flow, provider.visit(openid.begin(flow)))


def test_the_right_way(openid, provider):
    """Whoever agrees at the provider comes back with a name and a verified address."""
    flow = Flow.new()
    address = openid.begin(flow)
    found = come(openid, provider, flow)

    assert found == Vouched(provider.url, "ada-1", "ada@example.org", "Ada L.")
    assert flow.verifier not in address
    assert f"redirect_uri={OURS.replace('/', '%2F').replace(':', '%3A')}%2Fsign-in" in address
    assert found.orcid == ""


def test_keys_on_curves_do_too(openid, provider):
    """ES256 is the other signature that is taken."""
    provider.key, provider.algorithm = EC, "ES256"

    assert come(openid, provider).subject == "ada-1"


def test_an_address_that_nobody_verified_is_none(openid, provider):
    """Whoever writes any address there must not get the account of that address here."""
    for said in (False, None, "true", 1):
        provider.claims["email_verified"] = said
        assert come(openid, provider).email == ""


def test_addresses_that_are_told_elsewhere(openid, provider):
    """Some providers tell the address at another endpoint, which must be about the same person."""
    provider.claims = {"sub": "ada-1"}
    provider.userinfo = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True,
                         "iss": "https://evil.example"}  # fmt: skip
    assert come(openid, provider) == Vouched(provider.url, "ada-1", "ada@example.org")
    provider.userinfo["sub"] = "eve-9"
    assert come(openid, provider).email == ""


@pytest.mark.parametrize(
    "change",
    [
        {"state": "guessed"},
        {"state": ""},
        {"state": "naïve"},
        {"iss": "https://evil.example"},
        {"code": ""},
        {"error": "access_denied"},
    ],
)
def test_an_answer_to_something_else_is_refused(openid, provider, change):
    """Another state, another issuer, or no code: nothing is even asked of the provider."""
    flow = Flow.new()
    answer = provider.visit(openid.begin(flow)) | change

    with pytest.raises(RefusedError):
        openid.finish(flow, answer)
    assert "/token" not in provider.targets


def test_what_the_provider_calls_its_error_is_no_markup(openid, provider):
    """Only a plain word of it is told."""
    flow = Flow.new()
    for said in ("<script>", "x" * 100):
        with pytest.raises(RefusedError, match=r"did not say who you are \(error\)"):
            openid.finish(flow, {"state": flow.state, "error": said})


def test_a_code_is_used_once(openid, provider):
    """A second time the provider refuses it, and so do we."""
    flow = Flow.new()
    answer = provider.visit(openid.begin(flow))
    openid.finish(flow, answer)

    with pytest.raises(RefusedError, match="used already"):
        openid.finish(flow, answer)


def test_a_stolen_code_is_worth_nothing(openid, provider):
    """Only the browser that began has the verifier (PKCE)."""
    mine, theirs = Flow.new(), Flow.new()
    answer = provider.visit(openid.begin(mine))

    with pytest.raises(RefusedError):
        openid.finish(theirs, answer | {"state": theirs.state})


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ({"nonce": "another"}, "answers another question"),
        ({"nonce": None}, "answers another question"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "somebody"}, "for somebody else"),
        ({"aud": ["broadsheet", "somebody"]}, "to somebody else"),
        ({"azp": "somebody"}, "to somebody else"),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": "tomorrow"}, "expired"),
        ({"exp": None}, "expired"),
        ({"iat": NOW + 3600}, "future"),
        ({"sub": None}, "who it is about"),
        ({"sub": "x" * 300}, "who it is about"),
        ({"sub": 7}, "who it is about"),
    ],
)
def test_claims_that_are_not_for_us_now(openid, provider, instead, said):
    """A token that is well signed but for another question, time or place lets nobody in."""
    provider.instead = instead

    with pytest.raises(SourceError, match=said):
        come(openid, provider)


def _forged(provider):
    provider.key = OTHERS


def _odd(provider):
    provider.token = "three.odd.words"  # noqa: S105


@pytest.mark.parametrize("wrong", [Vouching.sign_nothing, Vouching.confuse, _forged, _odd])
def test_signatures_that_are_none(openid, provider, wrong):
    """No signature, another's key, or the public key as a shared secret: none of them is one."""
    wrong(provider)

    with pytest.raises(SourceError, match="not signed with a key of its own"):
        come(openid, provider)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"issuer": "https://evil.example"}, "somebody else"),
        ({"authorization_endpoint": "http://id.example.org/authorize"}, "at an address of https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "at an address of https"),
        ({"authorization_endpoint": "https://a.example/\r\nX: y"}, "at an address of https"),
        ({"authorization_endpoint": None}, "at an address of https"),
    ],
)
def test_what_a_provider_may_not_say_of_itself(openid, provider, told, said):
    """It must be who we asked, and lead nowhere that others can listen."""
    provider.told = told

    with pytest.raises(SourceError, match=said):
        openid.begin(Flow.new())


def test_a_provider_leads_us_into_no_network_of_ours(openid, provider):
    """Where it says its keys are must be public, unless the owner has named it."""
    provider.told = {"jwks_uri": "https://169.254.169.254/keys"}

    with pytest.raises(SourceError, match="not on the public internet"):
        come(openid, provider)


@pytest.mark.parametrize(
    "answer",
    [Reply(hang_up=True), Reply(b"", 503), Reply(b"{", 200), Reply(b"[]", 200), Reply(b"", 404),
     json_reply({"keys": "none"}), Reply(bomb_mb=3)],
)  # fmt: skip
def test_a_provider_that_fails(openid, provider, answer):
    """Away, in the middle of something, or talking nonsense: told in words, whenever it happens."""
    flow = Flow.new()
    back = provider.visit(openid.begin(flow))
    provider.route("/keys", answer)

    with pytest.raises(
        (SourceError, SourceUnavailable), match=r"Vouching House|answered with more"
    ):
        openid.finish(flow, back)


def test_a_provider_that_is_away():
    """Nobody at its address: there are other ways to sign in."""
    with nobody() as address:
        away = OpenID(Provider(address, "us", "House"), OURS, now)
        with pytest.raises(SourceUnavailable, match="sign in another way"):
            away.begin(Flow.new())


def test_what_it_says_of_itself_is_asked_once_an_hour(provider):
    """Many who sign in are no many questions."""
    times = [now()]
    openid = OpenID(provider.as_known(), OURS, lambda: times[-1])
    for _ in range(3):
        openid.begin(Flow.new())
    assert len(provider.targets) == 1
    times.append(now() + timedelta(minutes=61))
    openid.begin(Flow.new())
    assert len(provider.targets) == 2


def test_only_orcid_vouches_for_its_ids():
    """The same subject from another issuer is no ORCID iD."""
    ident = "0000-0002-1825-0097"

    assert vouched({"iss": ORCID, "sub": ident, "given_name": "J.", "family_name": "C."}) == (
        Vouched(ORCID, ident, "", "J. C.")
    )
    assert Vouched(ORCID, ident).orcid == ident
    assert Vouched("https://sandbox.orcid.org", ident).orcid == ""
    assert Vouched(ORCID, "0000-0002-1825-0097\n").orcid == ""


CLAIM = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.sampled_from(sorted(GOOD)), CLAIM)
def test_any_other_claim_is_told_apart(name, value):
    """Whatever stands there instead is either as good, or refused in words."""
    check_claims(GOOD, SOMEBODY, "n", NOW)
    claims = {**GOOD, name: value}
    is_as_good = {
        "iss": value == GOOD["iss"], "aud": value in ("us", ["us"]), "nonce": value == "n",
        "sub": isinstance(value, str) and 0 < len(value) <= 255,
        "iat": _is_number(value) and value <= NOW + 60,
        "exp": _is_number(value) and value >= NOW - 60,
    }[name]  # fmt: skip
    if is_as_good:
        check_claims(claims, SOMEBODY, "n", NOW)
    else:
        with pytest.raises(ValueError, match="its ID token"):
            check_claims(claims, SOMEBODY, "n", NOW)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


@given(st.text(max_size=200), st.lists(st.dictionaries(st.text(), CLAIM) | CLAIM, max_size=3))
def test_anything_for_a_token_or_keys(token, keys):
    """Whatever a provider sends as token and keys is refused with ValueError alone."""
    known = [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-0"}]
    for these in (keys, [*keys, *known[:1]], known):
        with pytest.raises(ValueError, match=r"it has no keys|not signed with"):
            signed_claims(token, these)


# ---------------------------------------------------------------------------- settings


def settings(**more: str):
    """Return the settings, with these in the file."""
    text = "\n".join(f'{name} = "{value}"' for name, value in more.items())
    found = config.load({}, {}, text, "broadsheet.toml")
    return {name: value.value for name, value in found.items()}


def test_settings_name_the_provider():
    """Issuer, client and name come from the settings, the secret from the environment, unshown."""
    whole = settings(openid_issuer=ORCID, openid_client="APP-1", address=OURS)
    rules = Rules.of(whole, {OPENID_SECRET: "hush"})

    assert rules.provider == Provider(ORCID, "APP-1", "orcid.org", "hush")
    assert "hush" not in repr(rules)
    assert Rules.of(settings()).provider is None
    for missing in ("openid_client", "address"):
        with pytest.raises(ConfigError, match=missing):
            Rules.of(whole | {missing: ""})


@pytest.mark.parametrize("issuer", ["http://orcid.org", "orcid.org", "https://a:b@orcid.org"])
def test_issuers_that_are_none(issuer):
    """An issuer is an address of https, or of this machine."""
    with pytest.raises(ConfigError, match="openid_issuer"):
        settings(openid_issuer=issuer)
    assert settings(openid_issuer="http://127.0.0.1:99/")["openid_issuer"].endswith("99/")

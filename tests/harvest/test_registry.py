"""Which sources there are, and what may be said of them in the settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import ConfigError, SourceNotFound
from broadsheet.harvest.registry import ENABLED, KEY_VARIABLE, Registry, Setup
from broadsheet.sources.base import Enriching, Harvested, LookedUp, Searched, Source
from newsrooms import Invented

BUILT_IN = Registry({}, {}).names
Install = Callable[..., None]


def arxiv(**said: Any) -> Setup:
    """Return the setup of arXiv where the settings say this of it."""
    return Registry({"arxiv": said}, {}, "broadsheet.toml").setup("arxiv")


def invented(said: dict[str, Any] | None = None, **environ: str) -> Setup:
    """Return the setup of a source with a key, of which the settings say this."""
    registry = Registry({"keyed": said or {}}, environ, "broadsheet.toml", also={"keyed": Keyed})
    return registry.setup("keyed")


class Keyed(Invented):
    """A source with a key, and with an option of each type."""

    name = "keyed"
    key_variable = "KEYED_KEY"
    options = (
        *Invented.options,
        ENABLED._replace(name="is_deep", default=True),
        ENABLED._replace(name="pages", default=3),
        ENABLED._replace(name="share", default=0.5),
        ENABLED._replace(name="shelves", default=("a", "b")),
    )

    def __init__(self, *, colour: str, key: str, **rest: Any) -> None:
        super().__init__(colour=colour)
        self.key = key
        self.rest = rest


# ---------------------------------------------------------------------------- all that there are


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_source_can_be_made_as_it_comes(name):
    """Its name is that of its table, it says what it is, and it can do something."""
    made = Registry({}, {}).setup(name)
    source = made.source

    assert source.name == name
    assert source.title
    assert not made.is_enabled
    assert not made.has_key
    assert any(isinstance(source, kind) for kind in (Harvested, LookedUp, Searched, Enriching))
    assert source.manner.gap_s >= (3 if name == "arxiv" else 0)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_option_of_a_source_says_what_it_is_for(name):
    """Options have names for TOML, types that can be checked, and a sentence."""
    source = Registry({}, {}).setup(name).source
    names = [option.name for option in source.options]

    assert len(set(names)) == len(names)
    assert not {ENABLED.name, KEY_VARIABLE} & set(names)
    for option in source.options:
        assert re.fullmatch(r"[a-z][a-z_]*", option.name)
        assert type(option.default) in {str, int, float, bool, tuple}
        assert len(option.help) > 10


def test_names_and_titles_are_different():
    """Nobody takes one source for another; a variable with a key is that of one source."""
    sources: list[Source] = [setup.source for setup in Registry({}, {}).setups()]
    variables = [s.key_variable for s in sources if s.key_variable]

    assert len({s.title for s in sources}) == len(BUILT_IN) == len(sources)
    assert len(set(variables)) == len(variables)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", v) for v in variables)


# ---------------------------------------------------------------------------- what is wrong


def test_a_table_of_a_source_that_there_is_not():
    """The file and the names that there are stand in the message."""
    with pytest.raises(ConfigError, match=r"broadsheet\.toml: .*'arxive'; there are arxiv, hf"):
        Registry({"arxive": {}}, {}, "broadsheet.toml")


def test_a_source_that_there_is_not():
    """Asking for one by a wrong name says the right ones."""
    with pytest.raises(SourceNotFound, match="no source 'arxive'; there are arxiv, hf"):
        Registry({}, {}).setup("arxive")


def test_a_setting_that_a_source_has_not():
    """Both are named, with those that it has."""
    with pytest.raises(ConfigError, match=r"\[sources\.arxiv\] has no setting 'category'.*enabled"):
        arxiv(category="cs.LG")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"categories": "cs.LG"}, "categories = 'cs.LG': must be a list of texts"),
        ({"categories": ["cs.LG", 7]}, "must be a list of texts"),
        ({"overlap_days": "1"}, "must be a whole number"),
        ({"overlap_days": True}, "must be a whole number"),
        ({"overlap_days": 1.5}, "must be a whole number"),
        ({"oai_url": 7}, "must be text"),
        ({"enabled": "yes"}, "enabled = 'yes': must be true or false"),
        ({"enabled": 1}, "must be true or false"),
    ],
)
def test_a_value_of_another_type(said, words):
    """It is shown, with what it must be."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        arxiv(**said)


def test_a_category_that_arxiv_cannot_have():
    """What is of the right type may still be nonsense, and the source says so itself."""
    with pytest.raises(ConfigError, match="cs LG"):
        arxiv(categories=["cs LG"])


def test_enabled_is_no_matter_of_opinion():
    """A source that may or may not be enabled is not passed over in silence."""
    with pytest.raises(ConfigError, match=r"\[sources\.hf\] enabled = 'true'"):
        _ = Registry({"hf": {"enabled": "true"}}, {}).enabled


# ---------------------------------------------------------------------------- what is right


def test_values_of_all_types_arrive():
    """A whole number will do for a number, and a list of texts comes as a tuple."""
    said = {"is_deep": False, "pages": 7, "share": 2, "shelves": ["x"], "colour": "red"}
    made = invented({"enabled": True, **said})

    assert made.is_enabled
    assert made.source.colour == "red"
    rest = made.source.rest
    assert rest == {"is_deep": False, "pages": 7, "share": 2.0, "shelves": ("x",)}
    assert type(rest["share"]) is float


def test_addresses_that_settings_name_are_trusted():
    """Only those: what a host redirects to must be public."""
    made = arxiv(oai_url="http://127.0.0.1:8/oai", categories=["cs.LG"])
    assert "http://127.0.0.1:8/oai" in made.trusted
    assert "cs.LG" not in made.trusted


def test_the_enabled_ones_come_in_order_of_importance():
    """However the file has them."""
    tables = {n: {"enabled": True} for n in ("github", "hf", "arxiv", "feeds")}
    assert Registry(tables, {}).enabled == ["arxiv", "hf", "feeds", "github"]
    assert Registry({"hf": {"enabled": False}}, {}).enabled == []


@given(st.dictionaries(st.sampled_from(BUILT_IN), st.booleans()))
def test_enabled_is_what_the_tables_say(chosen):
    """For any choice of them."""
    tables = {name: {"enabled": is_on} for name, is_on in chosen.items()}
    registry = Registry(tables, {})
    assert set(registry.enabled) == {name for name, is_on in chosen.items() if is_on}
    assert [s.is_enabled for s in registry.setups()] == [chosen.get(n, False) for n in BUILT_IN]


# ---------------------------------------------------------------------------- keys


def test_a_key_comes_from_its_variable():
    """It is known then, and without its spaces."""
    assert invented().source.key == ""
    made = invented(KEYED_KEY=" secret\n")
    assert made.has_key
    assert made.source.key == "secret"


def test_another_variable_can_hold_the_key(tmp_path):
    """`key_variable` names it, and the usual one no longer counts; nothing named is no key."""
    said = {KEY_VARIABLE: "OTHER_KEY"}
    assert invented(said, OTHER_KEY="other", KEYED_KEY="usual").source.key == "other"
    assert not invented(said, KEYED_KEY="usual").has_key
    (tmp_path / "key").write_text("from nowhere")
    assert not invented({KEY_VARIABLE: ""}, KEYED_KEY="usual", _FILE=str(tmp_path / "key")).has_key


def test_a_key_can_lie_in_a_file(tmp_path):
    """The variable itself comes first; a file that cannot be read is an error that names it."""
    (tmp_path / "key").write_text("in a file\n")
    environ = {"KEYED_KEY_FILE": str(tmp_path / "key")}
    assert invented(None, **environ).source.key == "in a file"
    assert invented(None, KEYED_KEY="direct", **environ).source.key == "direct"
    with pytest.raises(ConfigError, match=r"KEYED_KEY_FILE: .*none cannot be read"):
        invented(KEYED_KEY_FILE=str(tmp_path / "none"))


@pytest.mark.parametrize("pasted", ["sk-abc123", "a key", 7])
def test_a_key_in_the_place_of_its_variable_is_not_shown(pasted):
    """Whoever writes the key itself into the file sees what is wrong, and not the key."""
    with pytest.raises(ConfigError, match="NAME of an environment variable") as told:
        invented({KEY_VARIABLE: pasted})
    assert str(pasted) not in str(told.value)


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://papers.example", True),
        ("http://papers.example", False),
        ("http://127.0.0.1:8/api", True),
        ("http://localhost:23119/api", True),
    ],
)
def test_a_key_does_not_travel_for_all_to_read(url, is_fine):
    """Without a key any address will do; with one it must be https, or on this machine."""
    assert not invented({"colour": url}).has_key
    if is_fine:
        assert invented({"colour": url}, KEYED_KEY="secret").has_key
        return
    with pytest.raises(ConfigError, match="travel unprotected") as told:
        invented({"colour": url}, KEYED_KEY="secret")
    assert "secret" not in str(told.value)


def test_a_source_without_a_key_has_no_variable_for_it():
    """Saying one is a mistake, not nothing."""
    with pytest.raises(ConfigError, match="has no setting 'key_variable'"):
        arxiv(key_variable="ARXIV_KEY")


# ---------------------------------------------------------------------------- sources of others


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give a function that installs a package with a module and entry points for sources."""

    def installed(module: str, text: str, **points: str) -> None:
        site = tmp_path / module
        folder = site / f"{module}-1.dist-info"
        folder.mkdir(parents=True)
        (site / f"{module}.py").write_text(text)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[broadsheet.sources]", *lines, ""]))
        monkeypatch.syspath_prepend(str(site))

    return installed


KITES = "from newsrooms import Invented\nclass Kites(Invented):\n    name = 'kites'\n"


def test_an_installed_source_is_there(install: Install):
    """By its entry point, after those that come with Broadsheet."""
    install("kite_papers", KITES, kites="kite_papers:Kites")
    registry = Registry({"kites": {"enabled": True, "colour": "red"}}, {})
    assert registry.names == [*BUILT_IN, "kites"]
    assert registry.enabled == ["kites"]
    assert registry.setup("kites").source.colour == "red"


def test_an_installed_source_replaces_none_of_ours(install: Install):
    """Whoever installs a package has not chosen to have arXiv read by it."""
    install("kite_arxiv", KITES, arxiv="kite_arxiv:Kites")
    assert Registry({}, {}).names == BUILT_IN
    assert Registry({}, {}).setup("arxiv").source.title == "arXiv"


@pytest.mark.parametrize(
    ("module", "text", "point", "words"),
    [
        ("kites_gone", KITES, "kites_gone:Kite", "kites_gone.*cannot be loaded: AttributeError"),
        ("kites_torn", "raise RuntimeError('torn')", "kites_torn:K", "RuntimeError: torn"),
        ("kites_none", "class K:\n    name = 'kites'\n", "kites_none:K", "lacks title, options"),
    ],
)
def test_an_installed_source_that_is_broken_says_whose_it_is(install, module, text, point, words):
    """Its package is named, and what is wrong; the other sources are not touched."""
    install(module, text, kites=point)
    registry = Registry({}, {})
    assert registry.setup("hf").source.name == "hf"
    with pytest.raises(ConfigError, match=words) as told:
        registry.setup("kites")
    assert f"package {module}" in str(told.value)


def test_an_installed_source_has_one_name(install: Install):
    """Its records and its settings could not find each other otherwise."""
    install("kites_named", KITES, wind="kites_named:Kites")
    with pytest.raises(ConfigError, match="'wind' calls itself 'kites'"):
        Registry({}, {}).setup("wind")

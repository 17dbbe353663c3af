"""The file of settings: its example, and how sources are switched in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet import config
from broadsheet.errors import ConfigError, SourceNotFound
from broadsheet.harvest.registry import ENABLED, KEY_VARIABLE, Registry
from broadsheet.harvest.setting_up import add_feeds, example, keep, switch

BUILT_IN = Registry({}, {}).names
LINES = example().splitlines()
SETTINGS = [n for n, line in enumerate(LINES) if line.startswith("#") and line[1:2].strip()]
"""The lines of the example that are settings or heads of tables, commented out."""

MINE = """\
# My paper.
port = 8700  # not 8620

[sources.arxiv]   # every day
# what I read
categories = ["cs.LG",
    "stat.ML"]    # and no more
enabled = false

[sources.hf]
days_back = 5
"""


def uncommented(chosen: set[int]) -> str:
    """Return the example with the comment marks of some lines taken away."""
    return "\n".join(line[1:] if n in chosen else line for n, line in enumerate(LINES))


def read(text: str) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Return what Broadsheet makes of a file: the settings, and the tables of sources."""
    found = config.load({}, {}, text, "example")
    return {n: v.value for n, v in found.items()}, config.source_tables(text, "example")


# ---------------------------------------------------------------------------- the example


def test_the_example_says_nothing_as_it_is():
    """All of it is commented out, so that it changes nothing where it is put."""
    assert tomllib.loads(example()) == {}
    assert read(example()) == (read("")[0], {})


def test_the_example_has_everything():
    """Uncommented it has each setting and each option of each source, and nothing else."""
    found = tomllib.loads(uncommented(set(SETTINGS)))
    tables = found.pop("sources")
    sources = {s.source.name: s.source for s in Registry({}, {}).setups()}

    assert set(found) == {s.name for s in config.SETTINGS} - {"home"}
    assert list(tables) == list(sources)
    for name, source in sources.items():
        keys = {KEY_VARIABLE} if source.key_variable else set()
        assert set(tables[name]) == {ENABLED.name, *keys, *(o.name for o in source.options)}


def test_the_example_uncommented_changes_nothing():
    """What it shows are the defaults: of the settings, and of every source."""
    found, tables = read(uncommented(set(SETTINGS)))
    assert found == read("")[0]
    registry, bare = Registry(tables, {}), Registry({}, {})
    assert registry.enabled == []
    for name in BUILT_IN:
        made, usual = registry.setup(name), bare.setup(name)
        assert {k: v for k, v in vars(made.source).items() if k != "_calendar"} == {
            k: v for k, v in vars(usual.source).items() if k != "_calendar"
        }
        assert made.trusted == usual.trusted


@settings(max_examples=30)
@given(st.sets(st.sampled_from(SETTINGS)))
def test_any_lines_of_the_settings_can_be_uncommented(chosen):
    """Each line stands for itself, as long as the head of its table is there."""
    heads = {n for n in SETTINGS if LINES[n].startswith("#[")}
    found, tables = read(uncommented(chosen | heads))
    assert found == read("")[0]
    assert all(setup for setup in Registry(tables, {}).setups())


def test_the_example_says_what_each_line_is_for():
    """A line of help stands before each setting, and the whole is no wider than a screen."""
    for n in SETTINGS:
        if not LINES[n].startswith("#["):
            assert LINES[n - 1].startswith("# ")
    assert max(map(len, LINES)) <= 160


# ---------------------------------------------------------------------------- switching


def test_a_switch_makes_the_file(tmp_path: Path):
    """There need be neither a home nor a file."""
    switch(tmp_path / "home", "hf", is_on=True)
    text = (tmp_path / "home" / "broadsheet.toml").read_text()
    assert tomllib.loads(text) == {"sources": {"hf": {"enabled": True}}}
    assert text.startswith("[sources.hf]\n")


def test_a_switch_changes_nothing_else(tmp_path: Path):
    """Comments, spaces and the form of values stay as they were."""
    file = tmp_path / "broadsheet.toml"
    file.write_text(MINE)
    switch(tmp_path, "arxiv", is_on=True)
    assert file.read_text() == MINE.replace("enabled = false", "enabled = true")
    switch(tmp_path, "github", is_on=True)
    switch(tmp_path, "github", is_on=False)
    text = file.read_text()
    assert text.startswith(MINE.replace("enabled = false", "enabled = true").rstrip())
    assert tomllib.loads(text)["sources"]["github"] == {"enabled": False}
    assert list(tmp_path.iterdir()) == [file]


FORMS = (
    "",
    MINE,
    "port = 8700\n",
    "[sources]\nhf = {enabled = false, days_back = 2}\n",
    "[sources]\n[sources.hf]\n",
)


@settings(max_examples=40)
@given(
    st.sampled_from(FORMS),
    st.lists(st.tuples(st.sampled_from(BUILT_IN), st.booleans()), min_size=1, max_size=6),
)
def test_switches_do_what_they_say(tmp_path_factory, text, switches):
    """In any order, in any form of file: these are set, and all else is as it was."""
    home = tmp_path_factory.mktemp("home")
    file = home / "broadsheet.toml"
    file.write_text(text)
    wanted = tomllib.loads(text)
    for name, is_on in switches:
        switch(home, name, is_on=is_on)
        wanted.setdefault("sources", {}).setdefault(name, {})["enabled"] = is_on
    assert tomllib.loads(file.read_text()) == wanted


@pytest.mark.parametrize(
    "text", ["", "port = 1\n", "# mine\n[sources.hf]\nenabled = true\n", 'deep = "x:y" # so\n']
)
def test_settings_are_kept_beside_all_else(tmp_path: Path, text: str):
    """A setting that is no source's is written or replaced, before the tables of sources."""
    file = tmp_path / config.FILE_NAME
    file.write_text(text)
    keep(tmp_path, {"deep": "onnx:model", "deep_share": 0.25})
    keep(tmp_path, {"deep": ""})

    wanted = tomllib.loads(text) | {"deep": "", "deep_share": 0.25}
    assert tomllib.loads(file.read_text()) == wanted
    assert all(line in file.read_text() for line in text.splitlines() if "deep" not in line)


def test_a_file_that_would_come_to_harm_is_left_alone(tmp_path: Path):
    """A table set before other settings would take them into it."""
    file, text = tmp_path / "broadsheet.toml", "sources.hf.enabled = true\nport = 8700\n"
    file.write_text(text)
    switch(tmp_path, "hf", is_on=False)
    assert file.read_text() == text.replace("true", "false")
    with pytest.raises(ConfigError, match=r"changed by hand: \[sources.arxiv\]"):
        switch(tmp_path, "arxiv", is_on=True)
    assert file.read_text() == text.replace("true", "false")


def test_a_source_that_there_is_not_is_not_switched(tmp_path: Path):
    """The file is not even made."""
    with pytest.raises(SourceNotFound, match="arxiv, hf"):
        switch(tmp_path, "arxive", is_on=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["port = ", "sources = 3\n", "[sources]\nhf = 3\n", "sources = []\n", "\xff\xfe\n"]
)
def test_a_file_that_cannot_be_changed_stays(tmp_path: Path, text: str):
    """It is named, and left as it was."""
    file = tmp_path / "broadsheet.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"broadsheet\.toml"):
        switch(tmp_path, "hf", is_on=True)
    assert file.read_bytes() == text.encode("latin-1")


def test_a_link_to_the_file_stays_a_link(tmp_path: Path):
    """Who keeps settings elsewhere goes on doing so, with the permissions that they had."""
    real = tmp_path / "settings" / "mine.toml"
    real.parent.mkdir()
    real.write_text("port = 8700\n")
    real.chmod(0o600)
    home = tmp_path / "home"
    home.mkdir()
    (home / "broadsheet.toml").symlink_to(real)
    switch(home, "hf", is_on=True)
    assert (home / "broadsheet.toml").is_symlink()
    assert tomllib.loads(real.read_text())["sources"] == {"hf": {"enabled": True}}
    assert real.stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------------------- feeds


def test_feeds_are_added_once(tmp_path: Path):
    """Those that are there stay where they are, with their comments."""
    file = tmp_path / "broadsheet.toml"
    file.write_text('[sources.feeds]\nurls = [\n    "https://a.example/",  # mine\n]\n')
    added = ["https://b.example/", "https://a.example/", "https://b.example/"]
    assert add_feeds(tmp_path, added) == 1
    assert add_feeds(tmp_path, added) == 0
    found = tomllib.loads(file.read_text())["sources"]["feeds"]
    assert found == {"urls": ["https://a.example/", "https://b.example/"]}
    assert "# mine" in file.read_text()


def test_feeds_that_are_no_list_are_not_touched(tmp_path: Path):
    """A mistake in the file is told before anything is added to it."""
    (tmp_path / "broadsheet.toml").write_text('[sources.feeds]\nurls = "https://a.example/"\n')
    with pytest.raises(ConfigError, match="urls is no list"):
        add_feeds(tmp_path, ["https://b.example/"])

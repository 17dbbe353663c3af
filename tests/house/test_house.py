"""The rules of the house: what the code promises about itself, held by tests."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import typer

import broadsheet
from broadsheet import errors
from broadsheet.cli import app
from broadsheet.config import SETTINGS
from broadsheet.search.query import FIELDS

ROOT = Path(__file__).parents[2]
PACKAGE = Path(broadsheet.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
_ALL = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = sorted(_ALL)
FOR_SOURCES = [n for n in COMMANDS if _ALL[n].callback.__module__ == "broadsheet.cli.sources"]


def _read(name: str) -> str:
    """Return a document of the repository; a test that needs it fails where it is missing."""
    path = ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text(encoding="utf-8")


# ---------------------------------------------------------------------------- shape


def test_the_floors_stand():
    """No module imports from a floor above its own, and the pure ones do no I/O."""
    linter = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stdout
    assert "2 kept, 0 broken" in found.stdout


HEAVY = {"fastapi", "lxml", "numpy", "orjson", "scipy", "simsimd", "sqlalchemy", "tantivy"}
HEAVY |= {"rich.console", "uvicorn"}


def _loaded(*words: str) -> set[str]:
    """Return which of the heavy packages Python loads when started with these words."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True
    )
    named = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines()}
    assert "broadsheet" in named
    return named & HEAVY


@pytest.mark.parametrize("module", ["broadsheet", "broadsheet.cli"])
def test_starting_is_light(module):
    """Importing the surface loads none of the heavy packages, so that it is instant."""
    assert _loaded("-c", f"import {module}") == set()


def test_help_is_instant():
    """What `--help` prints needs none of the heavy packages but the one that draws it."""
    assert _loaded("-m", "broadsheet", "--help") <= {"rich.console"}


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_are_bounded_and_functions_short():
    """No file is over 900 lines, and the median function is under ten lines."""
    long = {p.name: n for p in SOURCES if (n := len(p.read_bytes().splitlines())) > 900}
    lengths = [
        (f.end_lineno or f.lineno) - f.lineno + 1 for path in SOURCES for f in _functions(path)
    ]

    assert long == {}
    assert len(lengths) > 300
    assert statistics.median(lengths) < 10
    assert statistics.quantiles(lengths, n=10)[-1] <= 40


def test_nothing_is_left_to_do():
    """No source holds a reminder of unfinished work."""
    marks = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    found = [p.name for p in SOURCES if marks.search(p.read_text(encoding="utf-8"))]

    assert found == []


# ---------------------------------------------------------------------------- errors

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.BroadsheetError)
]
_EXAMPLES = {
    errors.QueryError: lambda: errors.QueryError("no", query="(", position=0),
    errors.RecordError: lambda: errors.RecordError("no", source="a", place=1),
    errors.SourceError: lambda: errors.SourceError("no", source="a"),
    errors.SourceNotFound: lambda: errors.SourceNotFound("no", ["a"]),
    errors.SourceRejected: lambda: errors.SourceRejected("no", source="a", status=403),
    errors.SourceUnavailable: lambda: errors.SourceUnavailable("no", source="a"),
    errors.TooOften: lambda: errors.TooOften("no", retry_after=1),
    errors.UnknownFormat: lambda: errors.UnknownFormat("no", source="a"),
}


_ENDINGS = "(?:Error|NotFound|Format|Unavailable|Rejected|SignedIn|Allowed|Often)"


def _drawn() -> dict[str, str]:
    """Return each error in the tree of the module's docstring, with the one it stands under."""
    parents, stack = {}, []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(rf"((?:│   |    )*(?:[├└]── )?)(\w+{_ENDINGS})\b", line):
            depth = len(match[1]) // 4
            stack = [*stack[:depth], match[2]]
            parents[match[2]] = stack[depth - 1] if depth else ""
    return parents


def test_the_tree_of_errors_is_as_drawn():
    """Every error stands in the drawing, under the class that it is derived from."""
    built = {
        kind.__name__: "" if kind is errors.BroadsheetError else kind.__bases__[0].__name__
        for kind in ERRORS
    }

    assert _drawn() == built


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_status(kind):
    """Each error is told to programs by an HTTP status and an exit code, and never as a bug."""
    made = _EXAMPLES.get(kind, lambda: kind("no"))()
    status = errors.status_of(made)

    assert 400 <= status.http < 600
    assert status.exit in {1, 2, 75, 77}
    assert errors.status_of(RuntimeError()) == (500, 70)


def test_what_may_pass_by_itself_says_try_again():
    """A locked record and an unreadable index are temporary; a damaged record is not."""
    locked = errors.StoreError("locked", temporary=True)

    assert errors.status_of(locked) == (503, 75)
    assert errors.status_of(errors.SearchIndexError("gone")) == (503, 75)
    assert errors.status_of(errors.StoreError("damaged")) == (500, 1)
    assert errors.status_of(errors.SourceUnavailable("busy", source="a")) == (503, 75)
    assert errors.status_of(errors.SourceRejected("no", source="a", status=403)) == (502, 1)


# ---------------------------------------------------------------------------- documents


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name):
    """Each command is named in the README or in the list of commands."""
    commands = ROOT / "docs" / "commands.md"
    told = _read("README.md") + (commands.read_text(encoding="utf-8") if commands.is_file() else "")

    assert f"broadsheet {name}" in told


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_every_setting_is_documented(setting):
    """Each setting has its row in docs/configuration.md, with its default where that is fixed."""
    told = _read("docs/configuration.md")
    rows = [line for line in told.splitlines() if line.startswith(f"| `{setting.name}`")]

    assert len(rows) == 1
    # Where folders lie depends on the machine.
    assert setting.name in {"home", "state"} or str(setting.default) in rows[0]
    assert "`BROADSHEET_" in told


@pytest.mark.parametrize("name", FOR_SOURCES)
def test_every_flag_of_the_commands_for_sources_is_documented(name):
    """Each flag of a command by which papers come in stands in its row in docs/commands.md."""
    told = _read("docs/commands.md").splitlines()
    (row,) = [line for line in told if line.startswith(f"| `broadsheet {name}")]
    options = [p for p in _ALL[name].params if isinstance(p, click.Option)]
    flags = {flag for option in options for flag in option.opts if flag.startswith("--")}

    assert sorted(f for f in flags - {"--home", "--json", "--help"} if f not in row) == []


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f.name)
def test_every_query_field_is_documented(field):
    """Each field of the query language stands in docs/query.md with its example."""
    told = _read("docs/query.md")

    assert f"`{field.name}:`" in told
    assert f"`{field.example}`" in told


def test_the_version_has_its_section_in_the_changelog():
    """What changed in this version is told under its number."""
    heading = re.compile(rf"(?m)^## \[?{re.escape(broadsheet.__version__)}\b")

    assert heading.search(_read("CHANGELOG.md"))


def test_every_command_has_help_and_every_option_says_what_it_does():
    """`--help` of each command says in a sentence what it is for; no option is left unexplained."""
    group = typer.main.get_command(app)
    context = click.Context(group)
    silent = []
    for name in COMMANDS:
        found = group.get_command(context, name)
        assert found.help.endswith(".")
        options = [p for p in found.params if isinstance(p, click.Option)]
        silent += [f"{name} {p.name}" for p in options if not p.help and p.name != "help"]

    assert len(COMMANDS) >= 12
    assert silent == []


# ---------------------------------------------------------------------------- what is shipped


def _tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout, so nothing is tracked")
    listed = subprocess.run(
        [git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [p for n in listed.stdout.split("\0") if n and (p := ROOT / n).is_file()]


def test_no_file_names_a_machine():
    """No tracked text holds a path of somebody's machine or an address of a package registry."""
    # In pieces, so that this file does not find itself.
    places = ["/wo" + "rk/", "ba" + "sh_jobs", "/ho" + "me/", "/Us" + "ers/"]
    # Tests of private paths invent some.
    invented = re.compile("(?:/ho" + "me|/Us" + "ers)/(?:ada|x|a)\\b")
    registries = ["files.python" + "hosted.org", "pypi" + ".org/simple", "registry.np" + "mjs"]
    found = []
    for path in _tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            text = invented.sub("", data.decode("utf-8", "replace"))
            found += [f"{path.name}: {w}" for w in (*places, *registries) if w in text]

    assert found == []


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "models/*.npz",
        "starter/papers.jsonl",
        "collection/migrations/versions/v*.py",
        "collection/migrations/env.py",
        "web/templates/*.html",
        "web/static/*.css",
    ],
)
def test_what_the_product_reads_lies_inside_the_package(name):
    """Model, starter, migrations, templates and styles lie in the folder of the wheel."""
    project = tomllib.loads(_read("pyproject.toml"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert [(ROOT / p).resolve() for p in wheel] == [PACKAGE.resolve()]
    assert all(p.stat().st_size for p in PACKAGE.glob(name)) or name == "py.typed"
    assert list(PACKAGE.glob(name))


def test_every_module_can_be_imported():
    """No module needs something that the product does not depend on."""
    names = [
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts)
        for p in SOURCES
        if p.name not in {"__init__.py", "__main__.py", "env.py"}
    ]

    assert len(names) > 30
    assert all(importlib.import_module(name) for name in names)

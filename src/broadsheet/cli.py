"""The command line: parses input, calls the library, prints. No rules live here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from broadsheet import __version__
from broadsheet.errors import BroadsheetError, QueryError, SourceError, UnknownFormat, status_of

if TYPE_CHECKING:
    from broadsheet.library import Library, Progress
    from broadsheet.search.engine import Mode

# Everything below the surface is imported inside the commands, so that `--help` is instant.

app = typer.Typer(
    name="broadsheet",
    help="The daily paper of research, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The folder with the collection.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many to show.")]
ModeName = Annotated[
    str | None, typer.Option("--mode", help="hybrid, text (words) or vector (meaning).")
]
Ident = Annotated[str, typer.Argument(help="p12, an arXiv id, a DOI, an ACL id or a link.")]

_home_before_command: list[Path] = []


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"broadsheet {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    home: Home = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    _home_before_command[:] = [home] if home else []


def _config(**flags: object) -> dict[str, Any]:
    from broadsheet.factory import load_config

    if flags.get("home") is None and _home_before_command:
        flags["home"] = _home_before_command[0]
    return {name: found.value for name, found in load_config(flags, os.environ).items()}


@contextmanager
def _library(home: Path | None) -> Iterator[Library]:
    from broadsheet.factory import open_library

    with open_library(_config(home=home)["home"], progress=_show_catching_up) as library:
        yield library


def _show_catching_up(done: int, total: int) -> None:
    """Say how far the index has come that has to catch up before a command can go on."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\rbringing the index up to date: {done:,} of {total:,} papers{end}")
        sys.stderr.flush()


def _mode(name: str | None, home: Path | None) -> Mode:
    found: Mode = _config(home=home, mode=name)["mode"]
    return found


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


# ---------------------------------------------------------------------------- filing


@app.command("import")
def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders; - is standard input.", allow_dash=True)
    ],
    year: Annotated[
        int | None,
        typer.Option(min=1900, max=2200, help="The year of dates that a saved page shows without."),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """File papers from saved "Daily Papers" pages and JSON Lines (plain, .gz, .xz, .zst)."""
    import time
    from collections import Counter

    from broadsheet.present import Bar
    from broadsheet.sources import files

    began, counts = time.monotonic(), Counter[str]()
    left_out: list[tuple[Path, SourceError]] = []
    with _library(home) as library, Bar("records") as bar:
        for path in files.expand(paths):
            try:
                counts += _import_one(library, path, year, bar)
            except SourceError as error:
                left_out.append((path, error))
        papers = library.count()
    names = ("new", "updated", "merged", "unchanged", "rejected")
    facts = {"read": counts.total()} | {name: counts[name] for name in names}
    facts |= {"papers": papers}
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        _print_json(facts | {"seconds": seconds})
    else:
        typer.echo("  ".join(f"{name} {n:,}" for name, n in facts.items()) + f"  in {seconds} s")
        if counts["rejected"]:
            typer.echo("`broadsheet rejects` lists what was set aside, with the reasons.")
    _tell_left_out(left_out, paths, counts.total())


def _import_one(library: Library, path: Path, year: int | None, bar: Any) -> Any:
    progress: Progress | None = None
    stdin = sys.stdin.buffer if str(path) == "-" else None
    for progress in library.import_file(path, year=year, stdin=stdin):
        bar.show(progress.name, progress.done, progress.size, progress.read)
    return progress.counts if progress else {}


def _tell_left_out(left_out: list[tuple[Path, SourceError]], named: list[Path], read: int) -> None:
    """Tell of files not imported; a file of no known format is an error if named, or if alone."""
    for _, error in left_out:
        typer.echo(f"not imported: {error}", err=True)
    for path, error in left_out:
        if path in named or not read or not isinstance(error, UnknownFormat):
            raise typer.Exit(status_of(error).exit)


@app.command()
def rejects(limit: Limit = 100, home: Home = None, as_json: AsJson = False) -> None:
    """List the records that were set aside, with file, line and reason."""
    from broadsheet import present, wire

    with _library(home) as library:
        total, found = library.rejects(limit)
    if as_json:
        _print_json({"total": total, "rejects": [wire.reject(r) for r in found]})
    else:
        present.rejects(total, found)


@app.command()
def rebuild(home: Home = None, as_json: AsJson = False) -> None:
    """Build the index anew from the record."""
    from broadsheet.present import Bar

    done = 0
    with _library(home) as library, Bar("papers") as bar:
        for done, total in library.rebuild():
            bar.show("index", done, total, done)
    if as_json:
        _print_json({"papers": done})
    else:
        typer.echo(f"index rebuilt: {done:,} papers")


@app.command()
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Compare the index with the record; exit code 0 only if they agree."""
    from broadsheet import present, wire

    with _library(home) as library:
        found = library.check()
    if as_json:
        _print_json(wire.report(found))
    else:
        present.report(found)
    if found.problems:
        raise typer.Exit(1)


# ---------------------------------------------------------------------------- finding


@app.command()
def search(
    query: Annotated[list[str], typer.Argument(help='Words, "phrases", -not, author:… year:…')],
    limit: Limit = 10,
    mode: ModeName = None,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find papers by words and by meaning, best first, with reasons."""
    from broadsheet import present, wire

    with _library(home) as library:
        page = library.search(" ".join(query), mode=_mode(mode, home), limit=limit, cursor=cursor)
    if as_json:
        _print_json(wire.page(page))
    else:
        present.page(page)


@app.command()
def similar(
    ident: Ident,
    limit: Limit = 10,
    mode: ModeName = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find the papers most like one."""
    from broadsheet import present, wire

    with _library(home) as library:
        hits = library.similar(ident, limit=limit, mode=_mode(mode, home))
    if as_json:
        _print_json({"id": ident, "hits": [wire.hit(h) for h in hits]})
    else:
        present.hits(hits)


@app.command()
def show(ident: Ident, home: Home = None, as_json: AsJson = False) -> None:
    """Show all that is known of a paper, and what each source said."""
    from broadsheet import present, wire

    with _library(home) as library:
        sheet = library.sheet(ident)
    if as_json:
        _print_json(wire.sheet(sheet))
    else:
        present.sheet(sheet)


# ---------------------------------------------------------------------------- serving


@app.command()
def config(home: Home = None, as_json: AsJson = False) -> None:
    """Show every setting, its value and where the value came from."""
    from broadsheet import present
    from broadsheet.config import SETTINGS
    from broadsheet.factory import load_config

    flags = {"home": home or next(iter(_home_before_command), None)}
    found = load_config(flags, os.environ)
    rows = [(s.name, str(found[s.name].value), found[s.name].origin, s.help) for s in SETTINGS]
    if as_json:
        _print_json({n: {"value": v, "origin": o, "help": h} for n, v, o, h in rows})
    else:
        present.settings(rows)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    home: Home = None,
) -> None:
    """Serve the web pages and the JSON API until stopped."""
    settings = _config(home=home, host=host, port=port)
    with _library(home) as library:
        _serve(library, settings)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Print and end, without serving.")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    home: Home = None,
) -> None:
    """Load the starter collection, print the front page and a search, and serve them."""
    from broadsheet import present, starter
    from broadsheet.present import Bar

    settings = _config(home=home or _demo_home(), host=host, port=port)
    with _library(settings["home"]) as library:
        with Bar("records") as bar:
            _import_one(library, starter.PAPERS, None, bar)
        present.front_page(library.latest(6), library.count())
        question = "residual neural network"
        typer.echo(f"\n$ broadsheet search {question}\n")
        present.page(library.search(question, limit=3))
        if not once:
            _serve(library, settings)


def _demo_home() -> Path | None:
    """Return a home beside the usual one, so that the demo leaves a collection alone."""
    from broadsheet.factory import load_config

    flags = {"home": next(iter(_home_before_command), None)}
    usual = load_config(flags, os.environ)["home"]
    home: Path = usual.value
    return home.with_name(f"{home.name}-demo") if usual.origin == "default" else None


def _serve(library: Library, settings: dict[str, Any]) -> None:
    import socket

    import uvicorn

    from broadsheet.web.app import create_app

    listener = socket.socket(socket.AF_INET6 if ":" in settings["host"] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings["host"], settings["port"]))
    except OSError as error:
        listener.close()
        _fail(f"cannot listen on {settings['host']}:{settings['port']}: {error.strerror}", 1)
    # From here on connections wait for the server, so the address can be told.
    listener.listen(128)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"\nBroadsheet is served at http://{shown}:{port}/  (Ctrl+C stops it)")
    pages = create_app(library, page_size=settings["page_size"], mode=settings["mode"])
    server = uvicorn.Server(uvicorn.Config(pages, log_level="warning", access_log=False))
    server.run(sockets=[listener])


# ---------------------------------------------------------------------------- measuring


@app.command("eval")
def eval_(
    folder: Annotated[Path, typer.Argument(help="A folder with queries.jsonl and qrels.tsv.")],
    corpus: Annotated[
        Path | None, typer.Option(help="The documents, if not in the folder.")
    ] = None,
    mode: ModeName = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Rank only each query's judged documents.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge search on a folder of queries with judged documents (BEIR form)."""
    from broadsheet import present
    from broadsheet.measure import quality
    from broadsheet.present import Bar

    with Bar("queries") as bar:
        found = quality.judge(
            folder, corpus=corpus, mode=_mode(mode, None), pool=pool, progress=bar.show
        )
    if as_json:
        _print_json(found)
    else:
        present.figures([found])


@app.command()
def bench(
    papers: Annotated[int, typer.Option(min=100, help="How many papers.")] = 10_000,
    corpus: Annotated[
        Path | None,
        typer.Option(help="A folder of JSON Lines with real papers; else they are generated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure import, search and start against their budgets, in a temporary home."""
    from broadsheet import present
    from broadsheet.measure import speed
    from broadsheet.present import Bar

    with Bar("papers") as bar:
        found = speed.bench(papers, corpus=corpus, progress=bar.show)
    if as_json:
        _print_json(found)
    else:
        present.budgets(found)


# ---------------------------------------------------------------------------- errors


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _tell(error: BroadsheetError) -> None:
    """Print an error in words, or as JSON where the command was asked for JSON."""
    if "--json" in sys.argv:
        import orjson

        from broadsheet import wire

        typer.echo(orjson.dumps(wire.problem(error)).decode(), err=True)
        return
    typer.echo(f"broadsheet: {error}", err=True)
    if isinstance(error, QueryError):
        shown = "".join(c if c.isprintable() else " " for c in error.query)
        start = max(error.position - 60, 0)
        typer.echo(f"  {shown[start : start + 78]}", err=True)
        typer.echo("  " + " " * (error.position - start) + "^", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)


def main() -> None:
    """Run the command line; exits with the code that `errors.status_of` gives."""
    try:
        app()
    except BroadsheetError as error:
        _tell(error)
        sys.exit(status_of(error).exit)
    except KeyboardInterrupt:
        typer.echo("stopped; what was filed so far is kept", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("BROADSHEET_DEBUG"):
            raise
        typer.echo(
            f"broadsheet: {type(error).__name__}: {error}\nThis is a fault in Broadsheet, not in "
            "what you did. BROADSHEET_DEBUG=1 shows where it happened.",
            err=True,
        )
        sys.exit(status_of(error).exit)

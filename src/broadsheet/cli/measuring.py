"""Commands that judge search and measure speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broadsheet.cli.base import AsJson, ModeName, app, mode_of, print_json


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
            folder, corpus=corpus, mode=mode_of(mode, None), pool=pool, progress=bar.show
        )
    if as_json:
        print_json(found)
    else:
        present.figures([found])


@app.command("eval-identity")
def eval_identity(
    pairs: Annotated[Path, typer.Argument(help="A table with label, id_a, id_b; may be .xz.")],
    corpora: Annotated[list[Path], typer.Argument(help="The files with the records.")],
    errors: Annotated[int, typer.Option(min=0, help="How many errors to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Judge which records become one paper on pairs that are labelled the same or different."""
    from broadsheet import present
    from broadsheet.measure import identity
    from broadsheet.present import Bar
    from broadsheet.sources import files

    with Bar("records") as bar:
        paths = list(files.expand(corpora))
        found = identity.judge(pairs, paths, progress=bar.show, errors=errors)
    if as_json:
        print_json(found)
    else:
        present.identity(found)


@app.command()
def bench(
    papers: Annotated[int, typer.Option(min=100, help="How many papers.")] = 10_000,
    corpus: Annotated[
        Path | None,
        typer.Option(help="A folder of JSON Lines with real papers; else they are generated."),
    ] = None,
    sources: Annotated[
        bool, typer.Option("--sources", help="Measure only how fast records are read.")
    ] = False,
    arxiv: Annotated[
        bool, typer.Option("--arxiv", help="Only import so many generated papers of arXiv.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure import, search and start against their budgets, in a temporary home."""
    from broadsheet import present
    from broadsheet.present import Bar

    with Bar("papers") as bar:
        if sources or arxiv:
            from broadsheet.measure import harvesting

            measured = harvesting.parse_rates if sources else harvesting.backfill
            found = measured(papers, bar.show)
        else:
            from broadsheet.measure import speed

            found = speed.bench(papers, corpus=corpus, progress=bar.show)
    if as_json:
        print_json(found)
    else:
        present.budgets(found)

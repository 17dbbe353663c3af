"""Commands that judge search and measure speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import AsJson, ModeName, app, mode_of, print_json

if TYPE_CHECKING:
    from broadsheet.measure.quality import Models
    from broadsheet.measure.remembered import Remembered


@app.command("eval")
def eval_(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder with queries.jsonl and qrels.tsv.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--all", help="Compare all tiers on every set below a folder.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="The name of a set below --all; more than once.")
    ] = None,
    titles: Annotated[
        int, typer.Option(min=0, help="Look for papers of --corpora by so many of their titles.")
    ] = 0,
    corpora: Annotated[Path | None, typer.Option(help="A folder of JSON Lines.")] = None,
    pool_size: Annotated[
        int, typer.Option(min=1, help="Among how many abstracts, without titles.")
    ] = 10_000,
    perturb: Annotated[
        bool, typer.Option("--perturb", help="Show what another wording does to known items.")
    ] = False,
    deep: Annotated[
        str | None, typer.Option(help="The model of a deep tier: onnx:… or transformers:…")
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="A model to compare with; more than once.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="A folder that keeps the vectors of these models.")
    ] = None,
    measure: Annotated[str, typer.Option(help="What the tables show.")] = "ndcg_10",
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many queries of each set, always the same.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the figures of each query.")] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="The documents, if not in the folder.")
    ] = None,
    mode: ModeName = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Rank only each query's judged documents.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge search on queries with judged documents (BEIR form), or on titles of papers."""
    from broadsheet import present
    from broadsheet.measure import judged, known, quality
    from broadsheet.present import Bar

    if measure not in quality.MEASURES:
        raise typer.BadParameter(f"{measure!r} is none of {', '.join(quality.MEASURES)}")
    if not (folder or root or titles) or (titles and corpora is None):
        raise typer.BadParameter("give a folder, --all ROOT, or --titles N with --corpora DIR")
    sets, skipped = judged.find(root, corpus, only or ()) if root else ([], {})
    if folder:
        sets.append(judged.read(folder, corpus, pool=pool))
    if titles and corpora:
        sets.append(judged.titles(corpora, titles, pool_size, with_titles=perturb))
    sets = [each.sample(limit) if limit else each for each in sets]
    search_mode = mode_of(mode, None)
    found: dict[str, Any]
    with Bar("") as bar:
        if perturb:
            found = known.perturb(sets, search_mode, progress=bar.show)
            show = present.perturbed
        elif folder:
            found = quality.judge(sets[0], mode=search_mode, progress=bar.show)
            show = present.figures
        else:
            with _models(deep, against or [], cache) as models:
                figures = quality.judge_all(sets, models, progress=bar.show)
            if out:
                quality.write_queries(figures, out)
            found = quality.report(figures, skipped, measure)
            show = present.compared
    if as_json:
        print_json(found)
    else:
        show(found)


@contextmanager
def _models(deep: str | None, against: Sequence[str], cache: Path | None) -> Iterator[Models]:
    """Give the named models, whose vectors are kept in `cache` or until the end."""
    from broadsheet.measure.quality import Models

    with TemporaryDirectory(prefix="broadsheet-eval-") as scratch:
        folder = cache or Path(scratch)
        yield Models(
            _remembered(deep, folder) if deep else None,
            {name.rpartition("/")[2]: _remembered(name, folder) for name in against},
        )


def _remembered(name: str, folder: Path) -> Remembered:
    from broadsheet.factory import make_deep
    from broadsheet.measure.remembered import Remembered

    model = make_deep({"deep": name})
    if model is None:
        raise typer.BadParameter(f"{name!r} is no model: write onnx:FOLDER or transformers:NAME")
    return Remembered(model, folder)


@app.command("eval-pages")
def eval_pages(
    pages: Annotated[Path, typer.Argument(help="A folder of saved pages.")],
    queries: Annotated[
        list[str], typer.Argument(metavar="NAME=WORDS…", help="What each page was searched for.")
    ],
    corpora: Annotated[Path, typer.Option(help="A folder of JSON Lines to search beside them.")],
    home: Annotated[
        Path | None, typer.Option(help="Where all of it is filed, or was by an earlier run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count how much of saved result pages our search brings back for the same words."""
    from broadsheet import present
    from broadsheet.measure import pages as saved
    from broadsheet.present import Bar

    words = {name: said for name, _, said in (q.partition("=") for q in queries)}
    if not all(words.values()):
        raise typer.BadParameter("write NAME=WORDS, as 000='network sharpness'")
    with Bar("records") as bar:
        found = saved.compare(pages, corpora, words, home=home, progress=bar.show)
    if as_json:
        print_json(found)
    else:
        present.saved_pages(found)


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


@app.command("eval-trending")
def eval_trending(
    corpora: Annotated[
        Path, typer.Argument(help="A folder with hf_daily.jsonl and what else has later signals.")
    ],
    as_json: AsJson = False,
) -> None:
    """Judge whether the order of new papers foretells what attention they are given later."""
    from broadsheet import present
    from broadsheet.measure import foretelling
    from broadsheet.present import Bar

    with Bar("records") as bar:
        found = foretelling.judge(corpora, progress=bar.show)
    if as_json:
        print_json(found)
    else:
        present.foretold(found)


@app.command()
def bench(
    papers: Annotated[int, typer.Option(min=100, help="How many papers.")] = 10_000,
    corpus: Annotated[
        Path | None,
        typer.Option(help="A folder of JSON Lines with real papers; else they are generated."),
    ] = None,
    deep: Annotated[
        str | None, typer.Option(help="The model of a deep tier to search with: onnx:… or a folder")
    ] = None,
    sources: Annotated[
        bool, typer.Option("--sources", help="Measure only how fast records are read.")
    ] = False,
    arxiv: Annotated[
        bool, typer.Option("--arxiv", help="Only import so many generated papers of arXiv.")
    ] = False,
    trending: Annotated[
        bool, typer.Option("--trending", help="Measure only how fast trending papers are ranked.")
    ] = False,
    voters: Annotated[
        int, typer.Option(min=0, help="Measure only votes and comments, by so many readers.")
    ] = 0,
    digests: Annotated[
        int, typer.Option(min=0, help="Measure only how fast so many digests go out.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure import, search and start against their budgets, in a temporary home."""
    from broadsheet import present
    from broadsheet.present import Bar

    with Bar("papers") as bar:
        if voters:
            from broadsheet.measure import voting

            found = voting.bench(voters, bar.show)
        elif digests:
            from broadsheet.measure import delivering

            found = delivering.bench(digests, papers, bar.show)
        elif trending:
            from broadsheet.measure import trending_speed

            found = trending_speed.bench(papers, bar.show)
        elif sources or arxiv:
            from broadsheet.measure import harvesting

            measured = harvesting.parse_rates if sources else harvesting.backfill
            found = measured(papers, bar.show)
        else:
            from broadsheet.measure import speed

            found = speed.bench(papers, corpus=corpus, deep=deep, progress=bar.show)
    if as_json:
        print_json(found)
    else:
        present.budgets(found)

"""Makes the saved home of the schema that the Broadsheet on the path has.

    python tests/homes/make.py

`tests/collection/test_upgrades.py` opens every home that lies here with today's code. A new one is
made once, just before a commit changes the schema: it is the home of whoever used Broadsheet until
then. `0001.tar.xz` was made by the code of commit 5241871, in a worktree of it:

    git worktree add --detach ../before 5241871
    PYTHONPATH=../before/src python tests/homes/make.py

Everything here is invented. Only commands are used, and tables that every schema has, so that this
script runs with the code of any commit. `expected.json`, beside the home in the archive, tells what
was there: each paper as `show --json` gave it, and the runs.
"""

from __future__ import annotations

import io
import json
import lzma
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

_PAGE = """Daily Papers
Nov 18
Kites That Learn to Land
We let kites fall until they stop falling badly. Wind is measured, string is spent, and it works.
On the Taste of Graphs
Graphs are tasted, node by node, by a network of small tongues. Some are bitter, none are cyclic.
Lighthouses as Attention
A lighthouse attends to one ship at a time. We give it many lamps and let it attend to them all.
"""

_ITEMS: tuple[dict[str, Any], ...] = (
    {
        "source": "arxiv",
        "arxiv_id": "2611.00001v2",
        "doi": "10.5555/kites.1",
        "title": "Kites That Learn to Land",
        "abstract": (
            "We let kites fall until they stop falling badly. Wind is measured, string is spent, "
            "and it works."
        ),
        "authors": ["Ada Example", "Čeněk Ňoura"],
        "categories": ["cs.RO", "cs.LG"],
        "submitted": "2026-11-14",
        "announced": "2026-11-17",
        "updated": "2026-11-19",
        "comment": "Nine pages, three kites lost",
    },
    {
        "source": "acl",
        "id": "2026.kitchen-main.3",
        "acl_id": "2026.kitchen-main.3",
        "title": "Soup before Bread: Orders of Serving",
        "abstract": "We order meals by what guests ask for last. Soup comes first.",
        "authors": ["Bo Sample", "Carl Third"],
        "year": 2026,
        "venue": "Conference on Kitchens 2026",
        "pdf": "https://kitchens.example/3.pdf",
    },
    # The same paper from another source, with a link and a summary of its own.
    {
        "source": "paperlists",
        "id": "kitchen_2026_7",
        "title": "SOUP BEFORE BREAD: orders of serving",
        "tldr": "Soup first.",
        "authors": ["Bo Sample", "Carl Third"],
        "year": 2026,
        "openreview_id": "sOup_00001",
        "keywords": ["soup", "bread"],
        "code": "https://code.example/soup",
        "seats": 40,
    },
    {
        "source": "invented",
        "id": "tide-1",
        "title": "Tides in a Teacup",
        "abstract": "Tea is drawn by the moon, a little. We measure the little.",
        "authors": ["Dora Quarto"],
        "published": "2025-06-30",
        "venue": "Journal of Small Seas",
        "doi": "10.5555/tides.2025",
    },
    {
        "source": "invented",
        "id": "tide-2",
        "title": "Tides in a Bathtub",
        "authors": ["Dora Quarto", "Ede Folio"],
        "date": "2025-07",
        "withdrawn": True,
    },
    # Two papers that the last item of `_LATER` shows to be one.
    {
        "source": "invented",
        "id": "owl-1",
        "title": "Owls Count Mice by Night",
        "abstract": "An owl counts. We count the owl counting, and lose count of the mice.",
        "authors": ["Flora Octavo"],
        "doi": "10.5555/owls.1",
    },
    {
        "source": "arxiv",
        "arxiv_id": "2611.00002",
        "title": "Nocturnal Counting in Owls",
        "abstract": "Owls are shown to count to seven. The eighth mouse escapes, every time.",
        "authors": ["Flora Octavo", "Georg Duodecimo"],
        "categories": "q-bio.NC",
        "announced": "2026-11-18",
    },
)
_BROKEN = ('{"source": "invented", "title": "broken off', '{"id": "nameless"}', "[1, 2]")
_LATER: tuple[dict[str, Any], ...] = (
    _ITEMS[3] | {"abstract": "Tea is drawn by the moon, a very little. We measure that."},
    {
        "source": "bridge",
        "id": "owls",
        "title": "Owls Count Mice by Night",
        "authors": ["Flora Octavo"],
        "doi": "10.5555/owls.1",
        "arxiv_id": "2611.00002",
    },
)


def _run(*words: object) -> bytes:
    command = [sys.executable, "-m", "broadsheet", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _fill(home: Path, files: Path) -> None:
    files.mkdir()
    page = files / "page.txt"
    page.write_text(_PAGE, encoding="utf-8")
    _run("--home", home, "import", "--year", 2026, page)
    for name, items, rest in (("papers", _ITEMS, _BROKEN), ("later", _LATER, ())):
        path = files / f"{name}.jsonl"
        path.write_text("\n".join([*map(json.dumps, items), *rest]), encoding="utf-8")
        _run("--home", home, "import", path)
    (home / "broadsheet.toml").write_text("page_size = 30\n", encoding="utf-8")


def _told(home: Path) -> dict[str, Any]:
    """Return what the home holds, in words that later code can be asked to repeat."""
    with sqlite3.connect(home / "broadsheet.db") as connection:
        numbers = connection.execute("SELECT id, merged_into FROM papers ORDER BY id").fetchall()
        runs = connection.execute("SELECT source, outcome FROM runs ORDER BY id").fetchall()
        [(schema,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    kept = [n for n, into in numbers if into is None]
    report = json.loads(_run("--home", home, "check", "--json"))
    return {
        "schema": schema,
        "papers": [json.loads(_run("--home", home, "show", f"p{n}", "--json")) for n in kept],
        "merged": {f"p{n}": f"p{into}" for n, into in numbers if into is not None},
        "rejects": json.loads(_run("--home", home, "rejects", "--json"))["rejects"],
        "runs": [[Path(source).name, outcome] for source, outcome in runs],
        "records": report["records"],
        "sequence": report["sequence"],
    }


def _packed(home: Path, told: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(home, "home", filter=_nameless)
        text = json.dumps(told, ensure_ascii=False, indent=1).encode()
        about = tarfile.TarInfo("expected.json")
        about.size = len(text)
        archive.addfile(about, io.BytesIO(text))
    return lzma.compress(out.getvalue(), preset=9)


def _nameless(about: tarfile.TarInfo) -> tarfile.TarInfo:
    about.uid = about.gid = 0
    about.uname = about.gname = ""
    return about


def main() -> None:
    """Write the home of the schema that the Broadsheet on the path has, and say where."""
    place = Path(tempfile.gettempdir()) / "broadsheet-homes"  # stands in the home: no one's path
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        _fill(place / "home", place / "files")
        told = _told(place / "home")
        packed = _packed(place / "home", told)
    finally:
        shutil.rmtree(place)
    file = HERE / f"{told['schema']}.tar.xz"
    file.write_bytes(packed)
    sys.stdout.write(f"{file.name}: {len(packed):,} bytes, {len(told['papers'])} papers\n")


if __name__ == "__main__":
    main()

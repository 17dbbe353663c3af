"""Takes the screenshots: `./dev shots [FOLDER [HOME]]`; without a folder, the README's picture.

Serves the starter collection from a temporary home, or what HOME holds, and looks at it with
Chromium: at a desk and on a phone, by day and by night.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from broadsheet import starter
from broadsheet.cli.base import opened as open_home
from broadsheet.editions.calendar import day_of, month_of, week_of
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.web.app import create_app

PICTURE = Path(__file__).parents[2] / "docs" / "front-page.png"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SEARCH = "/search?q=residual+neural+network"
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


def pages_of(library: Library) -> dict[str, str]:
    """Return what there is to look at: every kind of page, round the newest day with papers."""
    day = library.editions.newest(library.today()) or library.today()
    empty = day - timedelta(days=day.weekday() + 1)
    shown = library.editions.edition(day_of(day))
    section = next((s.name for s in shown.sections), "more")
    return {
        "front": "/",
        "day": day_of(day).path,
        "narrowed": f"{day_of(day).path}?q=network+-survey",
        "section": f"{day_of(day).path}?{urlencode({'section': section})}",
        "week": week_of(day).path,
        "month": month_of(day).path,
        "year": f"/{day.year}",
        "sunday": day_of(empty).path,
        "feeds": "/feeds",
        "search": SEARCH,
        "understood": "/search?q=difusion+GNN",
        "paper": "/paper/p1",
        "method": "/paper/p1?facet=method#similar",
        "references": "/like",
        "subscribe": "/subscribe",
        "subscriptions": "/subscriptions",
        "duplicates": "/duplicates",
        "notices": "/notices",
        "moderation": "/moderation",
        "status": "/status",
        "listings": "/status/listings",
        "language": "/about/query",
        "error": "/search?q=auther:hinton",
        "missing": "/2026/02/30",
    }


@contextmanager
def opened(home: str | None) -> Iterator[Library]:
    """Give the library in `home`, or one of the starter collection."""
    if home is not None:
        with open_home(Path(home)) as library:
            yield library
        return
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder)) as library:
        for _ in library.import_file(starter.PAPERS):
            pass
        yield library


@contextmanager
def served(library: Library) -> Iterator[str]:
    """Give the address under which a library is served."""
    server = uvicorn.Server(uvicorn.Config(create_app(library), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def take(browser: Browser, url: str, file: Path, screen: str, scheme: str) -> None:
    """Save one page as one picture."""
    width, height = SCREENS[screen]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(url)
    page.screenshot(path=file)
    context.close()


def main() -> None:
    """Take all pictures into a folder, or the README's alone."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    home = sys.argv[2] if len(sys.argv) > 2 else None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with opened(home) as library, served(library) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=FLAGS)
        if folder is None:
            for _ in range(2):  # the first search of a process loads what later ones have
                take(browser, address + SEARCH, PICTURE, "desktop", "light")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in pages_of(library).items():
                for screen in SCREENS:
                    for scheme in ("light", "dark"):
                        file = folder / f"{name}-{screen}-{scheme}.png"
                        take(browser, address + path, file, screen, scheme)
        browser.close()


if __name__ == "__main__":
    main()

"""Takes the screenshots: `./dev shots [FOLDER]`; without a folder, the README's picture anew.

Serves the starter collection from a temporary home and looks at it with Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from broadsheet import starter
from broadsheet.factory import open_library
from broadsheet.web.app import create_app

PICTURE = Path(__file__).parents[2] / "docs" / "front-page.png"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PAGES = {
    "front": "/",
    "search": "/search?q=residual+neural+network",
    "paper": "/paper/p1",
    "error": "/search?q=auther:hinton",
    "language": "/about/query",
}
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


@contextmanager
def served() -> Iterator[str]:
    """Give the address under which the starter collection is served."""
    with tempfile.TemporaryDirectory() as home, open_library(Path(home)) as library:
        for _ in library.import_file(starter.PAPERS):
            pass
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
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with served() as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=FLAGS)
        if folder is None:
            take(browser, address + PAGES["search"], PICTURE, "desktop", "light")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in PAGES.items():
                for screen in SCREENS:
                    for scheme in ("light", "dark"):
                        file = folder / f"{name}-{screen}-{scheme}.png"
                        take(browser, address + path, file, screen, scheme)
        browser.close()


if __name__ == "__main__":
    main()

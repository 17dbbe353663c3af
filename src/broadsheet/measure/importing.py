"""Imports a file into a home, and prints how far it has come: the process that is measured.

python -m broadsheet.measure.importing HOME FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from broadsheet.factory import open_library


def main() -> None:
    """Import the file, a line on standard output for every step."""
    home, file = map(Path, sys.argv[1:3])
    with open_library(home) as library:
        for step in library.import_file(file):
            sys.stdout.write(json.dumps({"done": step.read}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

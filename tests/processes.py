"""Real processes of Broadsheet: the command as a person runs it, and scripts beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

IS_LONG = os.environ.get("BROADSHEET_LONG") == "1"
"""Whether the long forms of the tests were asked for."""
PATIENCE = 120
"""Seconds after which a process counts as hung, however busy the machine is."""


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BROADSHEET_")}
    return kept | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONUTF8": "1"} | more


def command(*args: object) -> list[str]:
    """Return the words that start `broadsheet` with these arguments."""
    return [sys.executable, "-m", "broadsheet", *map(str, args)]


def broadsheet(*args: object, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, and see that it told no traceback and did not hang."""
    ended = subprocess.run(
        command(*args),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env=environment(**env),
    )
    assert b"Traceback" not in ended.stderr + ended.stdout, ended.stderr.decode()
    assert b"fault in Broadsheet" not in ended.stderr, ended.stderr.decode()
    return ended


def printed(*args: object, code: int = 0, **env: str) -> dict:
    """Run a command with `--json` and return what it printed."""
    ended = broadsheet(*args, "--json", **env)
    assert ended.returncode == code, ended.stderr.decode()
    found = orjson.loads(ended.stdout)
    assert isinstance(found, dict)
    return found


def start(
    words: Sequence[str], *, stdin: int = subprocess.DEVNULL, **env: str
) -> subprocess.Popen[bytes]:
    """Start a process and return it running."""
    return subprocess.Popen(
        words,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env),
    )


def start_script(script: str, *args: object) -> subprocess.Popen[bytes]:
    """Start a Python script of a test, which reads `args` from `sys.argv`."""
    return start([sys.executable, "-c", script, *map(str, args)])


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait until a process has ended; return its exit code and what it printed."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    return process.returncode, out.decode(), err.decode()


def write_lines(path: Path, objects: Sequence[dict | bytes]) -> Path:
    """Write JSON Lines (bytes as they are) and return the path."""
    lines = [o if isinstance(o, bytes) else orjson.dumps(o) for o in objects]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path

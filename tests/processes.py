"""The command as a person runs it: in a process of its own, or quicker, within the test's."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import orjson

from broadsheet.cli import main

IS_LONG = os.environ.get("BROADSHEET_LONG") == "1"
"""Whether the long forms of the tests were asked for."""
PATIENCE = 120
"""Seconds after which a process counts as hung, however busy the machine is."""


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests.

    What stays is the folder by which processes take turns at hosts, which `conftest` chose: the
    folder of the machine belongs to whoever works there, and to tests that run at the same time.
    """
    foreign = {k for k in os.environ if k.startswith("BROADSHEET_")} - {"BROADSHEET_STATE"}
    kept = {k: v for k, v in os.environ.items() if k not in foreign}
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


def called(*args: object, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command within this process, which saves starting one; else like `broadsheet`."""
    words = ["broadsheet", *map(str, args)]
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8") for name in ("stdout", "stderr")}
    given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    code: object = 0
    with (
        patch.multiple(sys, argv=words, stdin=given, **streams),
        patch.dict(os.environ, environment(**env), clear=True),
    ):
        try:
            main()
        except SystemExit as ending:
            code = ending.code or 0
    assert isinstance(code, int)
    out, err = (_bytes_of(stream) for stream in streams.values())
    assert b"fault in Broadsheet" not in err, err.decode()
    return subprocess.CompletedProcess(words, code, out, err)


def _bytes_of(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    return stream.buffer.getvalue()  # type: ignore[attr-defined]


def printed(*args: object, code: int = 0, **env: str) -> dict:
    """Run a command with `--json` in a process of its own and return what it printed."""
    return _object(broadsheet(*args, "--json", **env), code)


def answer(*args: object, code: int = 0, **env: str) -> dict:
    """Run a command with `--json` within this process and return what it printed."""
    return _object(called(*args, "--json", **env), code)


def _object(ended: subprocess.CompletedProcess[bytes], code: int) -> dict:
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

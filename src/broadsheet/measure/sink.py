"""An SMTP server that takes every message and keeps none, in a process of its own.

    python -m broadsheet.measure.sink

It prints its port, and once its standard input ends what it took, as JSON: `messages` and `bytes`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import orjson

_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
_LIMIT = 10_000_000


class Sink:
    """Counts what it takes."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0

    async def serve(self, lines: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        """Talk to one client until it leaves."""
        out.write(b"220 sink ESMTP\r\n")
        with suppress(OSError, EOFError):
            while (line := await lines.readline()) and line.upper().strip() != b"QUIT":
                out.write(await self._answer(line.upper(), lines, out))
                await out.drain()
            out.write(b"221 bye\r\n")
        out.close()

    async def _answer(
        self, line: bytes, lines: asyncio.StreamReader, out: asyncio.StreamWriter
    ) -> bytes:
        if line.startswith(b"EHLO"):
            return _HELLO
        if not line.startswith(b"DATA"):
            return b"250 ok\r\n"
        out.write(b"354 go on\r\n")
        # Whatever is sent ends with a line, so that this cannot stand at the beginning.
        data = await lines.readuntil(b"\r\n.\r\n")
        self.messages += 1
        self.bytes += len(data)
        return b"250 taken\r\n"


async def _main() -> None:
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=_LIMIT)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.write(orjson.dumps({"messages": sink.messages, "bytes": sink.bytes}).decode())


if __name__ == "__main__":
    asyncio.run(_main())

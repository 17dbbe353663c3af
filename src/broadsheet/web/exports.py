"""Papers to take away: the same files as those of `broadsheet export`, sent as they are made."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from broadsheet.papers.formats import FORMATS, written
from broadsheet.web.site import Here

exports = APIRouter(include_in_schema=False)

_PIECE = 1 << 16


@exports.get("/export/{form}")
def export(site: Here, request: Request, form: str, q: str = "") -> Response:
    """Return every paper that a query chooses, as a file to be saved."""
    chosen = FORMATS.get(form)
    if chosen is None:
        raise HTTPException(404, f"Papers are exported as {', '.join(FORMATS)}.")
    papers = site.library.select(q)
    headers = {"Content-Disposition": f'attachment; filename="broadsheet.{chosen.suffix}"'}
    if request.scope.get("is_head"):
        return Response(headers=headers, media_type=chosen.media_type)
    body = _gathered(written(papers, chosen))
    return StreamingResponse(body, headers=headers, media_type=chosen.media_type)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield larger pieces: each costs a change of threads."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)

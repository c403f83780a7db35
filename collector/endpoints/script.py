"""`GET /headrace.js`: the tracker's script, as its build left it."""

import gzip
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from collector.errors import StartError

SCRIPT = Path(__file__).parent.parent / "static" / "headrace.js"


class Script:
    """Serves one file, plain or compressed, with a tag that changes only with its content."""

    def __init__(self, path: Path = SCRIPT) -> None:
        try:
            self._plain = path.read_bytes()
        except OSError as error:
            raise StartError([f"{path}: {error.strerror}; build the tracker first (make tracker)"]) from error
        self._compressed = gzip.compress(self._plain, mtime=0)
        self._tag = hashlib.sha256(self._plain).hexdigest()[:32]

    async def answer(self, request: Request) -> Response:
        """Give the script, or 304 to a browser that has it."""
        is_compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            "ETag": f'"{self._tag}{"-gzip" if is_compressed else ""}"',
            "Cache-Control": "public, max-age=3600",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Origin": "*",
        }
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if is_compressed:
            headers["Content-Encoding"] = "gzip"
        return Response(self._compressed if is_compressed else self._plain, headers=headers, media_type="text/javascript")

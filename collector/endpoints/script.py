"""`GET /headrace.js` or `/divolte.js`: a build of the tracker with the settings of its source."""

import gzip
import hashlib
import posixpath
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from collector.endpoints.accept_encoding import prefers_gzip
from collector.errors import StartError
from collector.source_kind import ScriptTemplate
from collector.sources import Source

STATIC: Final = Path(__file__).parent.parent / "static"
_REMEDY: Final = "build the tracker of this version: npm run build in tracker/"


class Script:
    """Serves one build, plain or compressed, with an ETag that changes only with its content."""

    def __init__(self, source: Source, template: ScriptTemplate, folder: Path = STATIC) -> None:
        self._plain = script_of(source, template, folder)
        self._compressed = gzip.compress(self._plain, mtime=0)
        self._tag = hashlib.sha256(self._plain).hexdigest()[:32]

    async def answer(self, request: Request) -> Response:
        """Return the script, or 304 to a browser that has it."""
        is_compressed = prefers_gzip(",".join(request.headers.getlist("accept-encoding")))
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


def script_of(source: Source, template: ScriptTemplate, folder: Path = STATIC) -> bytes:
    """Return the script for the pages of a source: the build, followed by the site's own script."""
    path = folder / template.file_name
    text = _read(path, _REMEDY)
    if text.count(template.placeholder) != 1:
        raise StartError([f"{path}: {template.placeholder} must occur once; {_REMEDY}"])
    custom = _read(source.custom_script, f"it is the custom_script of [{source.name}]") if source.custom_script else ""
    return (text.replace(template.placeholder, template.value) + custom).encode()


def event_suffix(source: Source) -> str:
    """Return the path of events, relative to the script."""
    return posixpath.relpath(source.event_path, posixpath.dirname(source.script_path or "/"))


def _read(path: Path, remedy: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError([f"{path}: {getattr(error, 'strerror', None) or error}; {remedy}"]) from error

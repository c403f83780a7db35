"""`GET /headrace.js` or `/divolte.js`: a build of the tracker, told the names that its source chose."""

import gzip
import hashlib
import json
import posixpath
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from collector.endpoints.accept_encoding import prefers_gzip
from collector.errors import StartError
from collector.sources import Source

STATIC: Final = Path(__file__).parent.parent / "static"

_ENDPOINT: Final = 'new URL("h"'  # the tracker's: its name beside the script
_SETTINGS: Final = "DIVOLTE_SETTINGS"


class Script:
    """Serves one build, plain or compressed, with a tag that changes only with its content."""

    def __init__(self, source: Source, folder: Path = STATIC) -> None:
        self._plain = script_of(source, folder)
        self._compressed = gzip.compress(self._plain, mtime=0)
        self._tag = hashlib.sha256(self._plain).hexdigest()[:32]

    async def answer(self, request: Request) -> Response:
        """Give the script, or 304 to a browser that has it."""
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


def script_of(source: Source, folder: Path = STATIC) -> bytes:
    """Give what pages of a source get: the build, and the site's own script after it."""
    return (_baked(source, folder) + _custom(source)).encode()


def _baked(source: Source, folder: Path) -> str:
    """Put into the build what the source chose."""
    path = folder / _build_of(source)
    text = _read(path, "build the tracker first (make tracker)")
    script_path = source.script_path or "/"
    suffix = posixpath.relpath(source.event_path, posixpath.dirname(script_path))
    place, value = _ENDPOINT, f"new URL({json.dumps(suffix)}"
    if source.kind == "divolte_tag":
        place, value = _SETTINGS, json.dumps(_settings(source, posixpath.basename(script_path), suffix), separators=(",", ":"))
    if text.count(place) != 1:
        raise StartError([f"{path}: {place} must be in it once; build the tracker of this version (make tracker)"])
    return text.replace(place, value)


def _build_of(source: Source) -> str:
    if source.kind == "divolte_tag":
        return "divolte.js"
    return "headrace-full.js" if source.full_script else "headrace.js"


def _settings(source: Source, script_name: str, suffix: str) -> dict[str, object]:
    """Say what Divolte's tag is told, by the names that it knows."""
    return {
        "source": source.name,
        "scriptName": script_name,
        "eventSuffix": suffix,
        "partyCookie": source.party_cookie,
        "partyTimeout": source.party_timeout_seconds,
        "sessionCookie": source.session_cookie,
        "sessionTimeout": source.session_timeout_seconds,
        "cookieDomain": source.cookie_domain,
        "autoPageView": source.auto_page_view,
    }


def _custom(source: Source) -> str:
    """Give the site's own script, which comes after ours."""
    return _read(source.custom_script, f"it is the custom_script of [{source.name}]") if source.custom_script else ""


def _read(path: Path, remedy: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError([f"{path}: {getattr(error, 'strerror', None) or error}; {remedy}"]) from error

"""Access logs in Apache's combined format: a parser for their lines, and the rule for page views."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

# Quoted fields escape a quote and a backslash with a backslash and other bytes as \xhh (httpd, mod_log_config, "Custom Log Formats").
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(rf"(\S+) \S+ (?:.*?) \[([^\]]+)\] {_QUOTED} (\d{{3}}) (?:\d+|-) {_QUOTED} {_QUOTED}\s*")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "v": "\v"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_INSTANT = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{4})")

# Extensions of resources and downloads, which are not page views.
_FILES = """
    7z apk atom avi avif bmp bz2 c class conf cpp css csv deb dmg doc docx eot exe flv gem gif gz h ico jar jpeg jpg js json less log lua
    m4 map markdown md mid mjs mk mov mp3 mp4 mpeg mpg msi odt ogg otf pcap pdf pl png ppt pptx ps py pyc rar rb rpm rss rtf scss sh spec
    sql svg swf tar tex tgz tif tiff ts ttf txt wasm wav webm webmanifest webp whl woff woff2 xls xlsx xml xsl xz yaml yml zip
"""
NON_PAGE_EXTENSIONS = frozenset(_FILES.split())


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the log records it."""

    client: str  # an IP address or a host name
    occurred_at: int  # milliseconds since 1970
    method: str
    target: str
    status: int
    referrer: str | None
    user_agent: str | None


def parse_line(line: str) -> Request | None:
    """Parse one line; return None if it is not a request in combined format."""
    match = _COMBINED.fullmatch(line)
    if match is None:
        return None
    client, stamp, request, status, referrer, user_agent = match.groups()
    method, _, rest = _unescape(request).partition(" ")
    target, _, protocol = rest.rpartition(" ")
    occurred_at = _instant(stamp)
    if occurred_at is None or not target or not protocol.startswith("HTTP/"):
        return None
    return Request(client, occurred_at, method, target, int(status), _present(referrer), _present(user_agent))


def skip_reason(request: Request) -> str | None:
    """Return the reason that a request is not a page view (`method`, `status` or `extension`); None if it is one."""
    if request.method != "GET":
        return "method"
    if not (200 <= request.status <= 299 or request.status == 304):
        return "status"
    return "extension" if extension(request.target) in NON_PAGE_EXTENSIONS else None


def extension(target: str) -> str:
    """Return the extension of a request target's path, in lower case and without the dot; empty if it has none."""
    path = target.partition("?")[0]
    if not path.startswith("/") and "://" in path:  # an absolute URL: the host is not part of the path
        path = "/" + path.partition("://")[2].partition("/")[2]
    return PurePosixPath(path).suffix[1:].lower() if not path.endswith("/") else ""


def _instant(stamp: str) -> int | None:
    match = _INSTANT.fullmatch(stamp)
    if match is None or match[2] not in _MONTHS:
        return None
    day, month, year, clock, offset = match.groups()
    try:  # not strptime's %b: month names there depend on the locale
        return int(
            datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{offset[:3]}:{offset[3:]}").timestamp() * 1000
        )
    except ValueError:
        return None


def _present(field: str) -> str | None:
    return None if field in ("", "-") else _unescape(field)


def _unescape(field: str) -> str:
    if "\\" not in field:
        return field
    text = _ESCAPE.sub(lambda match: _character(match[1]), field)
    # Each escaped byte became a surrogate; together they may be UTF-8.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _character(escaped: str) -> str:
    if len(escaped) == 1:
        return _LETTERS.get(escaped, escaped)
    byte = int(escaped[1:], 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)

"""Parses the body of a query request in Druid's format."""

from typing import Any

import msgspec

from minidruid.errors import QueryError
from minidruid.formats import FORMATS, HeaderOptions, ResultFormat

MAX_QUERY_ID_LENGTH = 256


class QueryRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A query request; unknown keys are ignored, as in Druid."""

    query: str
    context: dict[str, Any] = {}
    header: bool = False
    types_header: bool = False
    sql_types_header: bool = False
    result_format: str = "object"
    parameters: list[dict[str, Any]] = []

    def format(self) -> ResultFormat:
        found = FORMATS.get(self.result_format)
        if found is None:
            raise QueryError(f"Unknown resultFormat [{self.result_format}]: {', '.join(FORMATS)} are supported")
        return found

    def header_options(self) -> HeaderOptions:
        return HeaderOptions(self.header, self.types_header, self.sql_types_header)

    def query_id(self) -> str:
        """Return the id by which the query can be cancelled; empty if it has none."""
        found = str(self.context.get("sqlQueryId") or "")
        if len(found) > MAX_QUERY_ID_LENGTH:
            raise QueryError(f"sqlQueryId has {len(found)} characters, at most {MAX_QUERY_ID_LENGTH} are allowed.")
        return found

    def timeout_seconds(self, max_seconds: float) -> float:
        """Return the timeout of the context, but at most that of the settings."""
        milliseconds = self.context.get("timeout")
        if isinstance(milliseconds, int | float) and milliseconds > 0:
            return min(max_seconds, milliseconds / 1000)
        return max_seconds


_decoder = msgspec.json.Decoder(QueryRequest)


def parse_request(body: bytes) -> QueryRequest:
    """Parse a request; raises QueryError if it is not valid."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise QueryError(f"The body must be a JSON object with a text [query]: {error}") from None

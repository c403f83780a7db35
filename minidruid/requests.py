"""Reads the body of a query as Druid takes it."""

from typing import Any

import msgspec

from minidruid.errors import QueryError
from minidruid.results import FORMATS, Format, Header

MAX_QUERY_ID = 256


class QueryRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What a client sends; keys that are not listed are ignored, as Druid ignores them."""

    query: str
    context: dict[str, Any] = {}
    header: bool = False
    types_header: bool = False
    sql_types_header: bool = False
    result_format: str = "object"
    parameters: list[dict[str, Any]] = []

    def format(self) -> Format:
        found = FORMATS.get(self.result_format)
        if found is None:
            raise QueryError(f"Unknown resultFormat [{self.result_format}]: it is one of {', '.join(FORMATS)}")
        return found

    def headers(self) -> Header:
        return Header(self.header, self.types_header, self.sql_types_header)

    def query_id(self) -> str:
        """The name by which the query can be cancelled; empty if it has none."""
        found = str(self.context.get("sqlQueryId") or "")
        if len(found) > MAX_QUERY_ID:
            raise QueryError(f"sqlQueryId has {len(found)} characters, at most {MAX_QUERY_ID} are allowed.")
        return found

    def timeout_seconds(self, most: float) -> float:
        """How long the query may take: the setting, or less if the context says so."""
        wanted = self.context.get("timeout")
        return min(most, wanted / 1000) if isinstance(wanted, int | float) and wanted > 0 else most


_decoder = msgspec.json.Decoder(QueryRequest)


def read_request(body: bytes) -> QueryRequest:
    """Read a body; raises QueryError when it is not what Druid takes."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise QueryError(f"The body must be a JSON object with a text [query]: {error}") from None

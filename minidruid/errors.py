"""The errors of minidruid.

MinidruidError
├── StoreError        the DuckDB file cannot be used
│   └── StoreFailed   a commit failed: nothing of the batch is stored, and the process must exit
└── QueryError        a statement is rejected or failed; becomes Druid's error object
"""

from dataclasses import dataclass

import msgspec

NOT_PLANNED = "Query could not be planned. A possible reason is [{}]"


def first_line(error: Exception) -> str:
    """Return the first line of an error; the others are DuckDB's advice about settings that are not available here."""
    return str(error).partition("\n")[0]


class MinidruidError(Exception):
    """Base of all errors of this service."""


class StoreError(MinidruidError):
    """The DuckDB file cannot be used."""


class StoreFailed(StoreError):
    """A commit failed: nothing of the batch is stored, and the process must exit."""


@dataclass(frozen=True, slots=True)
class ErrorType:
    """Druid's classification of an error: code, target persona, category and HTTP status."""

    code: str
    persona: str
    category: str
    status: int


INVALID = ErrorType("invalidInput", "USER", "INVALID_INPUT", 400)
UNSUPPORTED = ErrorType("general", "USER", "UNSUPPORTED", 501)
RUNTIME = ErrorType("general", "OPERATOR", "RUNTIME_FAILURE", 500)
TIMEOUT = ErrorType("legacyQueryException", "OPERATOR", "TIMEOUT", 504)
LIMIT = ErrorType("general", "OPERATOR", "RESOURCE_LIMIT_EXCEEDED", 400)
CANCELED = ErrorType("legacyQueryException", "OPERATOR", "CANCELED", 500)
CAPACITY = ErrorType("legacyQueryException", "OPERATOR", "CAPACITY_EXCEEDED", 429)


class QueryError(MinidruidError):
    """A statement is rejected or failed; the message is Druid's if Druid has one."""

    def __init__(self, message: str, error_type: ErrorType = INVALID) -> None:
        super().__init__(message)
        self.error_type = error_type


def error_body(error: QueryError) -> bytes:
    """Encode Druid's error object."""
    return msgspec.json.encode(
        {
            "error": "druidException",
            "errorCode": error.error_type.code,
            "persona": error.error_type.persona,
            "category": error.error_type.category,
            "errorMessage": str(error),
            "context": {},
        }
    )

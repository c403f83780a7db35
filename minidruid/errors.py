"""What can go wrong in minidruid.

MinidruidError
├── StoreError        the file of rows cannot be used as it is
│   └── StoreFailed   a commit failed: nothing of that batch is stored and the process must end
└── QueryError        a statement is refused or failed; becomes Druid's error object
"""

from dataclasses import dataclass


def first_line(error: Exception) -> str:
    """Return what happened, without DuckDB's advice about settings that are not to be had here."""
    return str(error).partition("\n")[0]


class MinidruidError(Exception):
    """Base of all errors of this service."""


class StoreError(MinidruidError):
    """The file of rows cannot be used as it is."""


class StoreFailed(StoreError):
    """A commit failed: nothing of that batch is stored and the process must end."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Druid's way of classing an error: code, whom it concerns, category, HTTP status."""

    code: str
    persona: str
    category: str
    status: int


INVALID = Refusal("invalidInput", "USER", "INVALID_INPUT", 400)
UNSUPPORTED = Refusal("general", "USER", "UNSUPPORTED", 501)
RUNTIME = Refusal("general", "OPERATOR", "RUNTIME_FAILURE", 500)
TIMEOUT = Refusal("legacyQueryException", "OPERATOR", "TIMEOUT", 504)
LIMIT = Refusal("general", "OPERATOR", "RESOURCE_LIMIT_EXCEEDED", 400)
CANCELED = Refusal("legacyQueryException", "OPERATOR", "CANCELED", 500)
CAPACITY = Refusal("legacyQueryException", "OPERATOR", "CAPACITY_EXCEEDED", 429)


class QueryError(MinidruidError):
    """A statement is refused or failed; the text is Druid's where Druid has one."""

    def __init__(self, message: str, refusal: Refusal = INVALID) -> None:
        super().__init__(message)
        self.refusal = refusal

"""A scalar function, and how it is defined."""

from collections.abc import Callable
from dataclasses import dataclass

from minidruid.sql.functions.casts import Arguments, common_type
from minidruid.sql.types import Fragment, SqlType


@dataclass(frozen=True, slots=True)
class Function:
    """A function's number of arguments, and its translation."""

    min_arguments: int
    max_arguments: int
    translate: Callable[[Arguments], Fragment]


def template(pattern: str, sql_type: SqlType | None = None, *, arguments: int) -> Function:
    """Define a function by a pattern of DuckDB SQL; without a type, its result has the common type of its arguments."""

    def translate(given: Arguments) -> Fragment:
        return Fragment(pattern.format(*(argument.text for argument in given)), sql_type or common_type(given))

    return Function(arguments, arguments, translate)

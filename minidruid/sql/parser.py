"""Parses Druid's SQL into sqlglot's syntax tree, in which every function keeps the name that the statement uses."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.druid import Druid
from sqlglot.errors import SqlglotError
from sqlglot.parsers.druid import DruidParser
from sqlglot.tokenizer_core import TokenType

from minidruid.errors import QueryError
from minidruid.sql.limits import MAX_NUMBER_CHARACTERS, MAX_TOKENS, check_limit

# Functions with special syntax; all others are parsed as a name and arguments.
SPECIAL_SYNTAX = ("CAST", "CEIL", "EXTRACT", "FLOOR", "JSON_VALUE", "POSITION", "SUBSTRING", "TRIM", "TRY_CAST")

EXPLAIN = re.compile(r"\s*EXPLAIN\s+PLAN\s+FOR\b", re.IGNORECASE)


class DruidSql(Druid):
    """sqlglot's Druid dialect without its functions of other engines, which the parser would rename."""

    class Tokenizer(tokens.Tokenizer):
        """A tokenizer for which DIV is a function, as in Druid."""

        KEYWORDS: ClassVar[dict[str, TokenType]] = {word: token for word, token in tokens.Tokenizer.KEYWORDS.items() if word != "DIV"}

    class Parser(DruidParser):
        """A parser that gives each parameter its index in the statement, because the tree has another order."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: parser for name, parser in DruidParser.FUNCTION_PARSERS.items() if name in SPECIAL_SYNTAX
        }
        PLACEHOLDER_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
            TokenType.PLACEHOLDER: lambda self: exp.Placeholder(this=str(self._index)),
        }


DIALECT = DruidSql()

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the statement, whose client gets an error anyway


def location(node: exp.Expr) -> str:
    """Return the line and column of a node in Druid's notation; empty if unknown."""
    meta: Mapping[str, Any] = next((found.meta for found in node.walk() if "line" in found.meta), {})
    if "line" not in meta:
        return ""
    return f" (line [{meta['line']}], column [{meta['col'] - len(str(node.name)) + 1}])"


def parse(sql: str) -> exp.Expr:
    """Parse one statement; raises QueryError for a syntax error, for several statements and for a semicolon."""
    try:
        found = DIALECT.tokenize(sql)
        check_limit(len(found), MAX_TOKENS, "words and symbols")
        for token in found:
            if token.token_type == TokenType.NUMBER:
                check_limit(len(token.text), MAX_NUMBER_CHARACTERS, "characters in a number")
            if token.token_type == TokenType.SEMICOLON:
                raise QueryError(
                    f"Received an unexpected token [;] (line [{token.line}], column [{token.col}]), acceptable options: [<EOF>]"
                )
        trees = DIALECT.parser().parse(found, sql)
    except SqlglotError as error:
        raise QueryError(_syntax_message(error)) from None
    except RecursionError:
        raise QueryError("The statement is nested too deeply.") from None
    if not trees or trees[0] is None:
        raise QueryError("Received an unexpected token [<EOF>], acceptable options: [SELECT, WITH, EXPLAIN, (]")
    return trees[0]


def _syntax_message(error: SqlglotError) -> str:
    details: list[dict[str, Any]] = getattr(error, "errors", [])
    if not details:
        return f"Incorrect syntax: {error}"
    first = details[0]
    near = f"near [{first['highlight']}] " if first.get("highlight") else ""
    return f"Incorrect syntax {near}(line [{first.get('line')}], column [{first.get('col')}]): {first['description']}"

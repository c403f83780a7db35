"""Reads Druid's SQL into a tree in which every function still has the name that was written."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.druid import Druid
from sqlglot.errors import SqlglotError
from sqlglot.parsers.druid import DruidParser
from sqlglot.tokenizer_core import TokenType

from minidruid.errors import QueryError
from minidruid.sql.limits import MAX_TOKENS, within

# Functions with a syntax of their own; all others are read as name and arguments.
WITH_OWN_SYNTAX = ("CAST", "CEIL", "EXTRACT", "FLOOR", "JSON_VALUE", "POSITION", "SUBSTRING", "TRIM", "TRY_CAST")

EXPLAIN = re.compile(r"\s*EXPLAIN\s+PLAN\s+FOR\b", re.IGNORECASE)


class DruidSql(Druid):
    """sqlglot's Druid, without its knowledge of other engines' functions: they would be renamed in reading."""

    class Tokenizer(tokens.Tokenizer):
        """DIV is a function in Druid."""

        KEYWORDS: ClassVar[dict[str, TokenType]] = {word: kind for word, kind in tokens.Tokenizer.KEYWORDS.items() if word != "DIV"}

    class Parser(DruidParser):
        """A parameter remembers where it stands, because the tree is not in the order of the text."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: parser for name, parser in DruidParser.FUNCTION_PARSERS.items() if name in WITH_OWN_SYNTAX
        }
        PLACEHOLDER_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
            TokenType.PLACEHOLDER: lambda self: exp.Placeholder(this=str(self._index)),
        }


DIALECT = DruidSql()


def place(node: exp.Expr) -> str:
    """Where in the text a node stands, as Druid says it; empty where it is not known."""
    meta: Mapping[str, Any] = next((found.meta for found in node.walk() if "line" in found.meta), {})
    if "line" not in meta:
        return ""
    return f" (line [{meta['line']}], column [{meta['col'] - len(str(node.name)) + 1}])"


def parse(sql: str) -> exp.Expr:
    """Read one statement; raises QueryError for what cannot be read, for several statements and for a semicolon."""
    try:
        found = DIALECT.tokenize(sql)
        within(len(found), MAX_TOKENS, "words and signs")
        for token in found:
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

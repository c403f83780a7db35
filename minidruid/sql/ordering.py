"""In which order Druid gives groups: by their keys where nothing else is said, which also decides what a LIMIT leaves out."""

from collections.abc import Iterable, Sequence

from sqlglot import exp

from minidruid.sql.scope import Source
from minidruid.sql.types import Fragment


def is_top_n(node: exp.Select, keys: Sequence[Fragment], sources: Sequence[Source]) -> bool:
    """Tell whether Druid plans a TopN, which puts NULL first going down its one key, and last going up anything else."""
    order = node.args.get("order")
    return bool(
        order
        and node.args.get("limit")
        and not node.args.get("offset")
        and not node.args.get("having")
        and len(keys) == len(order.expressions) == len(sources) == 1
        and sources[0].schema == "druid"
        and not any(_counts_distinct(item) for item in (*node.expressions, *order.expressions))
    )


def _counts_distinct(node: exp.Expr) -> bool:
    return node.find(exp.Distinct) is not None


def ordered_by(keys: Iterable[Fragment]) -> list[str]:
    """Write the keys as the last entries of ORDER BY."""
    return [f"{key.text} ASC NULLS FIRST" for key in keys]

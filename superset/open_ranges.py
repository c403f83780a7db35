"""Comparisons with another period in charts whose time range is open, such as "No filter"."""

from typing import Any

import pandas as pd
from flask import Flask
from superset.common.utils.time_range_utils import get_since_until_from_query_object
from superset.models.helpers import CachedTimeOffset, ExploreMixin
from superset.utils.core import TIME_COMPARISON, get_metric_names

compared = ExploreMixin.processing_time_offsets


def compared_if_closed(self: ExploreMixin, df: pd.DataFrame, query_object: Any, *arguments: Any, **options: Any) -> CachedTimeOffset:
    """Return the figures with those of the other periods, empty for an open range, for which Superset fails the whole chart."""
    if all(get_since_until_from_query_object(query_object)):
        return compared(self, df, query_object, *arguments, **options)
    empty = {
        TIME_COMPARISON.join((metric, offset)): float("nan")
        for metric in get_metric_names(query_object.metrics)
        for offset in query_object.time_offsets
    }
    return CachedTimeOffset(df=df.assign(**empty), queries=[], cache_keys=[])


def take_open_ranges(_application: Flask) -> None:
    """Make charts with a comparison work for every time range."""
    ExploreMixin.processing_time_offsets = compared_if_closed

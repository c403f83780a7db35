"""The bundle of dashboards against the contract: its columns exist, and Druid can answer its queries."""

import re
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from schemas.contract import columns, load_schema

ASSETS = Path(__file__).resolve().parents[2] / "superset" / "assets"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://headrace.example/superset")
CONTRACT = {column.name: column for column in columns(load_schema())}
FLAGS = sorted(name for name in CONTRACT if name.startswith("is_"))
DRUID_TYPES = {"timestamp": "TIMESTAMP", "string": "STRING", "long": "LONG", "double": "DOUBLE", "json": "COMPLEX<json>"}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


DATABASE = read(ASSETS / "databases" / "Druid.yaml")
DATASET = read(ASSETS / "datasets" / "Druid" / "clickstream.yaml")
DASHBOARD = read(ASSETS / "dashboards" / "clickstream.yaml")
CHARTS = {path.stem: read(path) for path in sorted((ASSETS / "charts").glob("*.yaml"))}
METRICS = {metric["metric_name"]: metric["expression"] for metric in DATASET["metrics"]}
PHYSICAL = {column["column_name"]: column for column in DATASET["columns"] if not column["expression"]}
CALCULATED = {column["column_name"]: column["expression"] for column in DATASET["columns"] if column["expression"]}
FILTERS = {each["name"]: each for each in DASHBOARD["metadata"]["native_filter_configuration"]}
SHOWN = {key: part for key, part in DASHBOARD["position"].items() if key.startswith("CHART-")}
ROWS = {key: part for key, part in DASHBOARD["position"].items() if key.startswith("ROW-")}

each_chart = pytest.mark.parametrize("name", CHARTS)
each_expression = pytest.mark.parametrize("name", METRICS | CALCULATED)


def expression(name: str) -> str:
    return str((METRICS | CALCULATED)[name])


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def names_in(chart: dict[str, Any], *keys: str) -> set[str]:
    return {name for key in keys for name in as_list(chart["params"].get(key)) if isinstance(name, str)}


def columns_of(chart: dict[str, Any]) -> set[str]:
    filtered = {each["subject"] for each in chart["params"]["adhoc_filters"] if each["expressionType"] == "SIMPLE"}
    return filtered | names_in(chart, "groupby", "all_columns", "x_axis", "entity", "columns")


def conditions_of(chart: dict[str, Any]) -> list[str]:
    return [each["sqlExpression"] for each in chart["params"]["adhoc_filters"] if each["expressionType"] == "SQL"]


def test_ids_follow_from_names_and_never_change() -> None:
    expected = {"database Druid": DATABASE, "dataset clickstream": DATASET, "dashboard clickstream": DASHBOARD}
    expected |= {f"chart {name}": chart for name, chart in CHARTS.items()}
    assert {name: each["uuid"] for name, each in expected.items()} == {name: str(uuid.uuid5(NAMESPACE, name)) for name in expected}


def test_everything_hangs_together_by_its_id() -> None:
    assert DATASET["database_uuid"] == DATABASE["uuid"]
    assert {chart["dataset_uuid"] for chart in CHARTS.values()} == {DATASET["uuid"]}
    targets = {target["datasetUuid"] for each in FILTERS.values() for target in each["targets"] if target}
    assert targets == {DATASET["uuid"]}


def test_druid_is_configured_to_count_exactly_and_in_a_way_that_it_can_order() -> None:
    context = DATABASE["extra"]["engine_params"]["connect_args"]["context"]
    assert context == {"useApproximateCountDistinct": False, "useGroupingSetForExactDistinct": True}


def test_the_dataset_has_exactly_the_columns_of_the_contract() -> None:
    assert {name: column["type"] for name, column in PHYSICAL.items()} == {name: DRUID_TYPES[c.druid] for name, c in CONTRACT.items()}


def test_only_the_time_is_a_time() -> None:
    assert [name for name, column in PHYSICAL.items() if column["is_dttm"]] == ["__time"] == [DATASET["main_dttm_col"]]


@each_chart
def test_a_chart_uses_columns_and_metrics_that_exist(name: str) -> None:
    chart = CHARTS[name]
    assert columns_of(chart) - PHYSICAL.keys() - CALCULATED.keys() == set()
    assert names_in(chart, "metric", "metrics", "secondary_metric", "timeseries_limit_metric") - METRICS.keys() == set()
    assert chart["viz_type"] == chart["params"]["viz_type"]


@each_expression
def test_an_expression_uses_columns_of_the_contract_only(name: str) -> None:
    tree = sqlglot.parse_one(expression(name), dialect="druid")
    assert {column.name for column in tree.find_all(exp.Column)} - CONTRACT.keys() == set()


@each_expression
def test_a_division_is_never_one_of_whole_numbers(name: str) -> None:
    assert ("/" in expression(name)) == ("1.0 *" in expression(name))


@pytest.mark.parametrize("path", sorted(ASSETS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_flag_is_compared_with_a_number(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"IS (NOT )?(TRUE|FALSE)", text, re.IGNORECASE)
    for flag in FLAGS:
        assert not re.search(rf"(WHERE|AND|OR|NOT|WHEN)\s+\"?{flag}\"?(?!\s*(=|<>|IN|\"|WHEN))\b", text)


def test_every_chart_is_on_the_dashboard_under_its_own_name_and_number() -> None:
    assert {part["meta"]["uuid"]: part["meta"]["sliceName"] for part in SHOWN.values()} == {
        chart["uuid"]: chart["slice_name"] for chart in CHARTS.values()
    }
    assert len({part["meta"]["chartId"] for part in SHOWN.values()}) == len(CHARTS) >= 14
    assert max(Counter(chart["slice_name"] for chart in CHARTS.values()).values()) == 1


def test_a_row_of_the_dashboard_is_full() -> None:
    positions = DASHBOARD["position"]
    assert {sum(positions[child]["meta"]["width"] for child in row["children"]) for row in ROWS.values()} == {12}
    assert {child for row in ROWS.values() for child in row["children"]} >= SHOWN.keys()


@each_chart
def test_a_chart_on_its_own_page_shows_people(name: str) -> None:
    (condition,) = conditions_of(CHARTS[name])
    assert condition == "is_bot = 0 OR '{{ filter_values(\"traffic\") | length }}' <> '0'"


def test_the_switch_for_bots_begins_with_people_and_holds_for_every_chart() -> None:
    switch = FILTERS["Traffic"]
    assert switch["defaultDataMask"]["extraFormData"]["filters"] == [{"col": "traffic", "op": "IN", "val": ["People"]}]
    assert switch["scope"] == {"rootPath": ["ROOT_ID"], "excluded": []}
    assert switch["controlValues"]["enableEmptyFilter"]


def test_the_time_range_leaves_out_what_shows_the_present() -> None:
    live = {name for name, chart in CHARTS.items() if "now" in chart["params"]["adhoc_filters"][0]["comparator"]}
    assert live == {"visitors_now", "visitors_30_minutes", "page_views_per_minute"}
    assert FILTERS["Time range"]["scope"]["excluded"] == [SHOWN[f"CHART-{name}"]["meta"]["chartId"] for name in sorted(live, reverse=True)]


def test_a_filter_asks_for_a_column_that_exists() -> None:
    targets = {name: each["targets"][0]["column"]["name"] for name, each in FILTERS.items() if name != "Time range"}
    assert targets == {"Traffic": "traffic", "Site": "site", "Country": "country", "Device": "device_type", "Channel": "session_channel"}
    assert set(targets.values()) <= PHYSICAL.keys() | CALCULATED.keys()


def test_raw_rows_are_ordered_by_time_only_as_druid_can() -> None:
    raw = [chart["params"] for chart in CHARTS.values() if chart["params"].get("query_mode") == "raw"]
    assert [params["order_by_cols"] for params in raw] == [['["__time", false]']]


def test_tables_show_texts_as_texts() -> None:
    tables = [chart["params"] for chart in CHARTS.values() if chart["viz_type"] == "table"]
    assert {params["allow_render_html"] for params in tables} == {False}


def test_the_only_url_in_the_bundle_is_that_of_the_place_data() -> None:
    texts = "\n".join(path.read_text("utf-8") for path in ASSETS.rglob("*.yaml"))
    assert set(re.findall(r"https?://[^\s)'\"]+", texts)) == {"https://db-ip.com"}
    assert "IP Geolocation by DB-IP" in DASHBOARD["position"]["MARKDOWN-notes"]["meta"]["code"]


def test_a_chart_with_a_clock_says_that_it_is_utc() -> None:
    clocks = {
        name for name, chart in CHARTS.items() if columns_of(chart) & {"hour_utc", "weekday_utc"} or names_in(chart, "x_axis") & {"__time"}
    }
    assert [name for name in clocks | {"latest_events"} if "UTC" not in CHARTS[name]["slice_name"]] == []


def test_the_dashboard_refreshes_every_ten_seconds() -> None:
    assert (DASHBOARD["slug"], DASHBOARD["metadata"]["refresh_frequency"]) == ("clickstream", 10)

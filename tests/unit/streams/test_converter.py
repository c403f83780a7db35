"""The columns of a row."""

import copy
from pathlib import Path
from typing import Any

import pytest
from support.streams.in_memory import NOON, SCHEMA, Converting, Place, a_record, plain_lookups
from support.streams.reference import DAY

from schemas.contract import columns, load_schema
from streams.conversion.converter import Converter
from streams.conversion.enricher import Lookups
from streams.dead_letters import Reason
from streams.errors import SchemaError


def a_schema(*extra: dict[str, Any], without: str | None = None) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    schema["fields"] = [field for field in schema["fields"] if field["name"] != without] + list(extra)
    return schema


def a_row(schema: dict[str, Any], **fields: Any) -> dict[str, Any]:
    converter = Converter(schema, 7 * DAY)
    return dict(converter.to_row(converter.complete(a_record(**fields)), None, False, ({}, {}), (None, None), NOON))


def test_a_row_has_the_columns_of_the_contract_in_their_order(converting: Converting) -> None:
    assert list(converting.row()) == [column.name for column in columns(load_schema())]


def test_a_field_keeps_its_value(converting: Converting) -> None:
    said = {"page_title": "Shoes", "viewport_width": 1200, "revenue": 9.5, "parameters": '{"sku": "1"}', "created_at": NOON - 7}
    assert converting.row(**said).items() >= said.items()


def test_the_time_of_a_row_is_when_it_happened(converting: Converting) -> None:
    row = converting.row(occurred_at=NOON - 5, received_at=NOON)
    assert (row["__time"], row["received_at"]) == (NOON - 5, NOON)


def test_client_ip_and_agent_are_not_in_the_row(converting: Converting) -> None:
    row = converting.row(address="192.0.2.0", user_agent="Firefox on Mars")
    assert not {"192.0.2.0", "Firefox on Mars"} & set(row.values())


@pytest.mark.parametrize(("flag", "stored"), [(True, 1), (False, 0), (None, None)])
def test_a_flag_is_0_or_1(converting: Converting, flag: bool | None, stored: int | None) -> None:
    row = converting.row(is_new_party=flag)
    assert row["is_new_party"] == stored
    assert not isinstance(row["is_new_party"], bool)


def test_a_row_has_the_time_at_which_it_was_made(converting: Converting) -> None:
    converting.clock.now = NOON + 123
    assert converting.row()["ingested_at"] == NOON + 123


@pytest.mark.parametrize(("delay", "is_late"), [(7 * DAY, 0), (7 * DAY + 1, 1)])
def test_an_event_more_than_seven_days_late_is_flagged(converting: Converting, delay: int, is_late: int) -> None:
    assert converting.row(received_at=NOON + delay)["is_late"] == is_late


def test_place_device_and_bot_are_added(converting: Converting) -> None:
    row = converting.row(user_agent="a bot")
    assert (row["country_code3"], row["city"], row["browser"], row["is_bot"], row["bot_reasons"]) == (
        "NOR",
        "Oslo",
        "Firefox",
        1,
        "crawler,headless",
    )


def test_a_person_has_no_bot_reasons(converting: Converting) -> None:
    row = converting.row()
    assert (row["is_bot"], row["bot_reasons"]) == (0, None)


def test_without_a_client_ip_there_is_no_place(converting: Converting) -> None:
    assert converting.row(address=None)["country"] is None


@pytest.mark.parametrize(("detail", "country", "city"), [("city", "Norway", "Oslo"), ("country", "Norway", None), ("off", None, None)])
def test_the_operator_says_how_much_of_a_place_is_kept(tmp_path: Path, detail: str, country: str | None, city: str | None) -> None:
    row = Converting(tmp_path, settings={"place_detail": detail}).row()
    assert (row["country"], row["city"], row["latitude"]) == (country, city, 59.9 if city else None)


def test_broken_reference_data_gives_nulls_and_is_counted(tmp_path: Path) -> None:
    def broken(*_: object) -> Any:
        raise OSError("truncated")

    converting = Converting(tmp_path, lookups=Lookups(broken, broken, broken, broken))
    row = converting.row()
    assert [row[name] for name in ("country", "browser", "device_type", "channel", "bot_reasons")] == [None] * 5
    assert (row["is_bot"], row["session_channel"], row["page_path"]) == (0, "Direct", "/")
    registry = converting.worker.metrics.registry
    for what in ("place", "device", "bots", "channels"):
        assert registry.get_sample_value("clickstream_streams_enrichment_failures_total", {"what": what}) == 1


def test_an_exchanged_place_database_is_seen(tmp_path: Path) -> None:
    plain, database = plain_lookups(), {"": Place(country="Norway")}
    lookups = Lookups(lambda _: database.get(""), plain.find_device, plain.find_bot_reasons, plain.find_channel)
    converting = Converting(tmp_path, lookups=lookups)
    assert converting.row()["country"] == "Norway"
    database[""] = Place(country="Sweden")
    assert converting.row()["country"] == "Sweden"


def test_a_schema_without_what_an_event_needs_is_refused() -> None:
    with pytest.raises(SchemaError, match="lacks event_id"):
        Converter(a_schema(without="event_id"), 0)


def test_a_field_the_operator_left_out_of_the_schema_is_not_needed() -> None:
    assert "utm_campaign" not in a_row(a_schema(without="utm_campaign"))


def test_a_field_the_operator_added_becomes_a_column() -> None:
    row = a_row(
        a_schema({"name": "tags", "type": ["null", {"type": "array", "items": "string"}]}, {"name": "raw", "type": "bytes"}),
        tags=["a"],
        raw=b"\1\2",
    )
    assert (row["tags"], row["raw"]) == ('["a"]', "0102")


def test_a_structure_that_is_absent_stays_null() -> None:
    assert a_row(a_schema({"name": "tags", "type": ["null", {"type": "array", "items": "string"}]}), tags=None)["tags"] is None


def test_a_record_of_an_older_schema_gets_the_defaults_of_the_new_one() -> None:
    converter = Converter(
        a_schema({"name": "is_paid", "type": "boolean", "default": False}, {"name": "plan", "type": "string", "default": "free"}), 0
    )
    row = converter.to_row(converter.complete(a_record()), None, False, ({}, {}), (None, None), NOON)
    assert (row["is_paid"], row["plan"]) == (0, "free")


def test_a_field_that_the_schema_no_longer_has_is_left_out() -> None:
    converter = Converter(SCHEMA, 0)
    row = converter.to_row(converter.complete(a_record(former="x")), None, False, ({}, {}), (None, None), NOON)
    assert "former" not in row


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": ""}, Reason.MISSING_FIELD),
        ({"site": None}, Reason.MISSING_FIELD),
        ({"occurred_at": None}, Reason.MISSING_FIELD),
        ({"occurred_at": -1}, Reason.TIME_OUT_OF_RANGE),
        ({"occurred_at": 253_402_300_800_000}, Reason.TIME_OUT_OF_RANGE),
        ({"parameters": "{"}, Reason.INVALID_PARAMETERS),
        ({"parameters": '{"a": "\\ud800"}'}, Reason.INVALID_PARAMETERS),
        ({"parameters": "[" * 100_000}, Reason.INVALID_PARAMETERS),
        ({"occurred_at": 0, "parameters": "{}"}, None),
    ],
)
def test_a_record_of_which_no_row_can_be_made_is_named(fields: dict[str, Any], reason: Reason | None) -> None:
    problem = Converter(SCHEMA, 0).check(a_record(**fields))
    assert (problem and problem[0]) == reason

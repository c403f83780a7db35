"""A worker put together from its settings, with the real enrichment."""

from pathlib import Path

import pytest
from support.streams.in_memory import MemoryReader, MemorySink, a_message
from support.waiting import wait_until

from enrichment import demo_places
from streams.build import build_worker
from streams.errors import SaltsError
from streams.local.worker import Worker
from streams.settings import Settings
from streams.sink import Row

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CLIENT_IP = demo_places.PLACES_PATH.read_text("utf-8").splitlines()[1].split("/")[0]


class Built:
    """A built worker and its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.sink, self.reader = MemorySink(), MemoryReader()
        settings = Settings(salts=folder / "salts.json", places=folder / "places.mmdb")
        self.worker: Worker = build_worker(lambda: {"": self.reader}, self.sink, settings)

    def row(self, **fields: str) -> Row:
        self.reader.contents.append(a_message(None, **fields))
        self.worker.step()
        return self.sink.rows[-1]

    def metric(self, name: str) -> float | None:
        return self.worker.metrics.registry.get_sample_value(f"clickstream_streams_{name}")


def test_a_row_gets_device_bot_channel_and_place(tmp_path: Path) -> None:
    demo_places.build(tmp_path / "places.mmdb")
    row = Built(tmp_path).row(address=CLIENT_IP, user_agent=FIREFOX, referrer="https://www.google.com/", referrer_host="www.google.com")
    assert (row["browser"], row["browser_version"], row["os"], row["device_type"]) == ("Firefox", "140", "Linux", "desktop")
    assert (row["is_bot"], row["channel"], row["referrer_source"], row["session_channel"]) == (
        0,
        "Organic Search",
        "Google",
        "Organic Search",
    )
    assert len(str(row["country_code3"])) == 3


def test_a_step_within_the_site_has_no_channel(tmp_path: Path) -> None:
    row = Built(tmp_path).row(referrer="https://shop.example/", referrer_host="shop.example")
    assert (row["channel"], row["referrer_source"], row["session_channel"]) == (None, None, "Direct")


def test_a_crawler_is_flagged(tmp_path: Path) -> None:
    row = Built(tmp_path).row(user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    assert (row["is_bot"], row["device_type"]) == (1, "bot")
    assert row["bot_reasons"]


def test_a_truncated_place_database_costs_places_until_a_whole_one_is_there(tmp_path: Path) -> None:
    path = tmp_path / "places.mmdb"
    demo_places.build(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    built = Built(tmp_path)
    assert built.row(address=CLIENT_IP)["country"] is None
    assert (built.metric("places_ready"), built.metric("places_failures")) == (0, 1)
    path.write_bytes(whole)
    wait_until(lambda: built.row(address=CLIENT_IP)["country"])
    assert built.metric("places_ready") == 1


def test_salts_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "salts.json").write_text("?")
    with pytest.raises(SaltsError):
        Built(tmp_path)

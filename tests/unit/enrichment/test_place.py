"""Places: both layouts, IPs without a place, and a database that is replaced while it is read."""

import csv
import shutil
from pathlib import Path
from typing import Any

import geoip2.database
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # the package carries no types
from structlog.testing import capture_logs

from enrichment import demo_places
from enrichment.place import COUNTRIES_PATH, DatabaseState, Place, Places

BERLIN = {
    "country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
    "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin"}}],
    "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    "location": {"latitude": 52.52, "longitude": 13.405, "time_zone": "Europe/Berlin"},
}
OSAKA_FLAT = {"country_code": "JP", "state1": "Osaka", "city": "Osaka", "latitude": 34.6937, "longitude": 135.502}


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write_database(path: Path, networks: dict[str, dict[str, Any]], *, kind: str = "GeoLite2-City", ip_version: int = 4) -> Path:
    writer = MMDBWriter(ip_version=ip_version, database_type=kind, ipv4_compatible=ip_version == 6, languages=["en"], description="test")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "places.mmdb"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "state" / "places.mmdb"
    assert demo_places.build(path)
    return path


def test_a_place_is_read_from_maxminds_city_layout(path: Path) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}))
    assert places.find("81.2.69.0") == Place("Germany", "DE", "DEU", "Land Berlin", "Berlin", 52.52, 13.405)


def test_a_place_is_read_from_db_ips_flat_layout(path: Path) -> None:
    places = Places(write_database(path, {"1.0.16.0/24": OSAKA_FLAT}, kind="DBIP-City-Lite (compat=City)"))
    assert places.find("1.0.16.0") == Place("Japan", "JP", "JPN", "Osaka", "Osaka", 34.6937, 135.502)


def test_a_country_database_gives_the_country_alone(path: Path) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": {"country": {"iso_code": "GB"}}}, kind="GeoLite2-Country"))
    assert places.find("81.2.69.0") == Place("United Kingdom", "GB", "GBR")


def test_an_empty_text_of_the_flat_layout_is_nothing(path: Path) -> None:
    places = Places(write_database(path, {"1.0.16.0/24": {"country_code": "JP", "state1": "", "city": ""}}, kind="DBIP-City-Lite"))
    assert places.find("1.0.16.0") == Place("Japan", "JP", "JPN")


def test_a_country_outside_the_list_keeps_the_name_of_the_database(path: Path) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": {"country": {"iso_code": "XX", "names": {"en": "Atlantis"}}}}))
    assert places.find("81.2.69.0") == Place("Atlantis", "XX", None)


def test_a_record_without_a_country_has_no_country(path: Path) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": {"continent": {"code": "EU"}}}))
    assert places.find("81.2.69.0") == Place(None, None, None)


def test_an_ipv6_is_found(path: Path) -> None:
    places = Places(write_database(path, {"2a02:2e0::/32": BERLIN}, ip_version=6))
    found = places.find("2a02:2e0:3fe::")
    assert found is not None
    assert found.city == "Berlin"


def test_an_ipv6_has_no_place_in_a_database_of_version_4(path: Path) -> None:
    assert Places(write_database(path, {"81.2.69.0/24": BERLIN})).find("2a02:2e0:3fe::") is None


@pytest.mark.parametrize("ip_version", [4, 6])
def test_an_ipv4_written_as_ipv6_is_the_same_place(path: Path, ip_version: int) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}, ip_version=ip_version))
    assert places.find("::ffff:81.2.69.0") == places.find("81.2.69.0") is not None


@pytest.mark.parametrize(
    "ip",
    [
        None,
        "",
        "shop",
        "300.1.1.1",
        "10.0.0.0",
        "172.16.4.0",
        "192.168.1.0",
        "127.0.0.1",
        "169.254.3.0",
        "0.0.0.0",
        "::1",
        "fe80::",
        "fd00::",
        "::ffff:10.0.0.0",
    ],
)
def test_an_ip_that_is_not_public_has_no_place(path: Path, ip: str | None) -> None:
    networks = {"0.0.0.0/1": BERLIN, "128.0.0.0/1": BERLIN}
    assert Places(write_database(path, networks)).find(ip) is None


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert Places(Path("no-such-folder/places.mmdb")).find(text) is None


def test_an_ip_that_is_not_in_the_database_has_no_place(path: Path) -> None:
    assert Places(write_database(path, {"81.2.69.0/24": BERLIN})).find("8.8.8.0") is None


def test_without_a_file_every_place_is_unknown_and_the_state_says_so(path: Path) -> None:
    places = Places(path)
    assert (places.find("81.2.69.0"), places.state) == (None, DatabaseState.MISSING)


def test_a_file_that_comes_later_is_taken(path: Path, clock: Clock) -> None:
    places = Places(path, monotonic=clock)
    places.find("81.2.69.0")
    write_database(path, {"81.2.69.0/24": BERLIN})
    clock.now += 1.0
    assert places.find("81.2.69.0") is not None
    assert places.state is DatabaseState.READY


@pytest.mark.parametrize("exchange", [Path.replace, shutil.copyfile], ids=["renamed over", "copied over"])
def test_an_exchanged_file_answers_without_a_restart(path: Path, tmp_path: Path, clock: Clock, exchange: Any) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}), monotonic=clock)
    places.find("81.2.69.0")
    exchange(write_database(tmp_path / "next.mmdb", {"81.2.69.0/24": OSAKA_FLAT}), path)
    clock.now += 1.0
    found = places.find("81.2.69.0")
    assert found is not None
    assert found.city == "Osaka"


def test_the_file_is_looked_at_once_a_second(path: Path, tmp_path: Path, clock: Clock) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}), monotonic=clock)
    places.find("81.2.69.0")
    write_database(tmp_path / "next.mmdb", {"81.2.69.0/24": OSAKA_FLAT}).replace(path)
    clock.now += 0.9
    found = places.find("81.2.69.0")
    assert found is not None
    assert found.city == "Berlin"


@pytest.mark.parametrize("content", [b"", b"no database at all", b"\0" * 100_000], ids=["empty", "text", "zeros"])
def test_an_unreadable_new_file_leaves_the_old_one_in_use(path: Path, clock: Clock, content: bytes) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}), monotonic=clock)
    before = places.find("81.2.69.0")
    path.write_bytes(content)
    clock.now += 1.0
    assert places.find("81.2.69.0") == before is not None
    assert (places.state, places.failed_loads) == (DatabaseState.STALE, 1)


def test_an_unreadable_file_is_tried_once_and_again_when_it_changes(path: Path, clock: Clock) -> None:
    path.write_bytes(b"no database at all")
    places = Places(path, monotonic=clock)
    for _ in range(3):
        assert places.find("81.2.69.0") is None
        clock.now += 1.0
    assert (places.state, places.failed_loads) == (DatabaseState.UNREADABLE, 1)
    write_database(path, {"81.2.69.0/24": BERLIN})
    assert places.find("81.2.69.0") is not None


def test_an_unreadable_file_is_reported_in_the_log(path: Path) -> None:
    path.write_bytes(b"no database at all")
    with capture_logs() as lines:
        Places(path).find("81.2.69.0")
    assert [(line["event"], line["path"], line["state"]) for line in lines] == [("place database not readable", str(path), "unreadable")]


def test_a_truncated_file_is_refused(path: Path, clock: Clock) -> None:
    whole = write_database(path, {"81.2.69.0/24": BERLIN}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    places = Places(path, monotonic=clock)
    assert (places.find("81.2.69.0"), places.state) == (None, DatabaseState.UNREADABLE)


def test_a_file_damaged_in_the_middle_gives_no_place_and_counts(path: Path) -> None:
    content = bytearray(write_database(path, {"81.2.69.0/24": BERLIN}).read_bytes())
    start = content.index(b"\x00" * 16) + 16  # what separates the tree from the records
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    places = Places(path)
    assert (places.find("81.2.69.0"), places.failed_lookups) == (None, 1)


def test_a_file_taken_away_leaves_no_places(path: Path, clock: Clock) -> None:
    places = Places(write_database(path, {"81.2.69.0/24": BERLIN}), monotonic=clock)
    places.find("81.2.69.0")
    path.unlink()
    clock.now += 1.0
    assert (places.find("81.2.69.0"), places.state) == (None, DatabaseState.MISSING)


def test_every_network_of_the_demo_has_its_place(demo: Path) -> None:
    places = Places(demo)
    with demo_places.PLACES_PATH.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 1419
    for row in rows:
        found = places.find(row["network"].partition("/")[0])
        assert found is not None
        assert (found.country_code, found.region, found.city) == (row["country_code"], row["region"] or None, row["city"] or None)
        assert (found.latitude, found.longitude) == (float(row["latitude"]), float(row["longitude"]))
        assert found.country
        assert found.country_code3


def test_the_database_of_the_demo_is_one_that_geoip2_reads(demo: Path) -> None:
    with geoip2.database.Reader(demo) as reader:
        city = reader.city("1.17.0.0")
    assert (city.country.iso_code, city.city.name) == ("AU", "South Brisbane")


def test_the_database_of_the_demo_is_built_only_where_there_is_none(demo: Path) -> None:
    before = demo.read_bytes()
    assert not demo_places.build(demo)
    assert demo.read_bytes() == before


def test_the_countries_are_named_once_each() -> None:
    with COUNTRIES_PATH.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 250
    for column in ("country_code", "country_code3", "country"):
        assert len({row[column] for row in rows}) == len(rows)
    assert {len(row["country_code"]) for row in rows} == {2}
    assert {len(row["country_code3"]) for row in rows} == {3}

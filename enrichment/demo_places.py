"""A small place database for the demo and the tests: 1,419 networks in the layout of MaxMind's City database."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter  # of the extra `simulator`: only demo and tests build a database
from netaddr import IPSet  # type: ignore[import-untyped]  # the package carries no types

PLACES_PATH = Path(__file__).parent / "data" / "places.csv"

# DB-IP's licence (CC BY 4.0) requires this on pages that show results.
ATTRIBUTION = "IP Geolocation by DB-IP"
ATTRIBUTION_URL = "https://db-ip.com"


def build(path: Path) -> bool:
    """Write the database unless the file exists; return whether it was written."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = MMDBWriter(
        ip_version=4, database_type="Headrace-Demo-City", languages=["en"], description={"en": ATTRIBUTION}, float_type="f64"
    )
    with PLACES_PATH.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            writer.insert_network(IPSet([line["network"]]), _record(line))
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    writer.to_db_file(str(unfinished))
    unfinished.replace(path)
    return True


def _record(line: Mapping[str, str]) -> dict[str, Any]:
    return {
        "country": {"iso_code": line["country_code"]},
        "subdivisions": [{"names": {"en": line["region"]}}] if line["region"] else [],
        "city": {"names": {"en": line["city"]}} if line["city"] else {},
        "location": {"latitude": float(line["latitude"]), "longitude": float(line["longitude"])},
    }

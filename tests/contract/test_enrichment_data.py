"""The licences of the reference data, and the code's promises about it."""

import re
from pathlib import Path

import pytest

from cleaning.click_ids import CLICK_IDS, CLICK_MARKS
from enrichment.demo_places import ATTRIBUTION, ATTRIBUTION_URL
from enrichment.referrers import load_click_ids

ROOT = Path(__file__).parents[2]
DATA = ROOT / "enrichment" / "data"
FILES = sorted(path.name for path in DATA.iterdir() if path.name not in {"README.md", "LICENSES"})
ALLOWED = ("CC BY 4.0", "Unicode-3.0", "Unlicense", "Apache-2.0", "MIT")


def lines_of_the_readme() -> dict[str, list[str]]:
    rows = re.findall(r"^\| (.+) \|$", (DATA / "README.md").read_text("utf-8"), re.MULTILINE)
    return {cells[0]: cells[1:] for cells in (row.split(" | ") for row in rows) if cells[0] != "file" and not cells[0].startswith("---")}


@pytest.mark.parametrize("name", FILES)
def test_each_file_of_data_has_a_line_with_origin_and_licence(name: str) -> None:
    content, origin, licence = lines_of_the_readme()[name]
    assert content
    assert origin
    assert any(allowed in licence for allowed in ALLOWED)


def test_the_readme_names_no_file_that_is_not_there() -> None:
    assert sorted(lines_of_the_readme()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_the_text_of_a_licence_not_ours_is_at_hand(name: str) -> None:
    is_ours = "Apache-2.0" in lines_of_the_readme()[name][2]
    assert is_ours != (f"\n{name}\n" in (DATA / "LICENSES").read_text("utf-8"))


@pytest.mark.parametrize("document", ["README.md", "enrichment/README.md", "enrichment/data/README.md"])
def test_db_ip_is_named_with_a_link_where_its_places_are_used(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    assert f"[{ATTRIBUTION}]({ATTRIBUTION_URL})" in text


def test_the_collector_keeps_exactly_the_click_ids_that_have_an_owner() -> None:
    assert {*CLICK_IDS, *CLICK_MARKS} == set(load_click_ids())

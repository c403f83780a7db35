"""The converter's settings: every one declared, all faults at once, the table in the README true."""

from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.settings import PREFIX, Settings, read_settings

README = Path(__file__).parents[2] / "streams" / "README.md"


def test_without_variables_the_defaults_hold() -> None:
    assert read_settings({"PATH": "/bin"}) == Settings()


def test_a_variable_sets_its_setting() -> None:
    assert read_settings({"HEADRACE_STREAMS_PLACE_DETAIL": "country"}).place_detail == "country"


def test_all_faults_are_told_at_once_under_the_variables_names() -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({"HEADRACE_STREAMS_BATCH_MESSAGES": "0", "HEADRACE_STREAMS_PLACE_DETAIL": "street", "HEADRACE_STREAMS_BATHC": "1"})
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "HEADRACE_STREAMS_BATHC",
        "HEADRACE_STREAMS_PLACE_DETAIL",
        "HEADRACE_STREAMS_BATCH_MESSAGES",
    ]


def test_the_readme_has_every_setting_with_its_default_and_meaning() -> None:
    rows = [line.split(" | ") for line in README.read_text("utf-8").splitlines() if line.startswith(f"| `{PREFIX}")]
    told = {name.strip("| `"): (default.strip("`"), meaning.removesuffix(" |")) for name, default, meaning in rows}
    root = Path(__file__).parents[2]
    assert told == {
        PREFIX + name.upper(): (str(field.default).removeprefix(f"{root}/"), field.description)
        for name, field in Settings.model_fields.items()
    }

"""The list of differences in minidruid's README is the one that the stack tests show on a real Druid."""

from pathlib import Path

from support.minidruid.truth import DIFFERENCES

README = (Path(__file__).resolve().parents[2] / "minidruid" / "README.md").read_text("utf-8")


def test_every_difference_of_the_readme_is_shown_and_every_one_shown_is_there() -> None:
    section = README.partition("## Where it differs from Druid 33")[2].partition("\n## ")[0]
    lines = [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ") and "---" not in line]
    assert lines[1:] == [difference.line for difference in DIFFERENCES]

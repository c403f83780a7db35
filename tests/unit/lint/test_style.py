"""Each rule of the style check reports a wrong input and accepts a right one."""

from pathlib import Path

import pytest
from lint.style import MAX_FILES_IN_FOLDER, MAX_LINES, find_all

MODULE = '"""Limits of requests."""\n'


def messages(text: str, path: str = "collector/http/limits.py") -> list[str]:
    return [message for _, _, message in find_all({Path(path): text})]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('"""Give the limits."""', '"""Return the limits."""'),
        ('"""What a request may cost."""', '"""The cost of a request."""'),
        ('def f():\n    """Say why."""', 'def f():\n    """Return the reason, if a rule says so."""'),
        ('def f():\n    """Returns the limit."""', 'def f():\n    """Return the limit."""'),
        ('def f():\n    """Return what the page told."""', 'def f():\n    """Return what the page sent, whatever `told` is."""'),
        ('"""Limits.\n\nThis is no\nURL."""', '"""Limits.\n\nThere is no\nURL; it is no longer used."""'),
        ("limit = 1  # the connection goes on", "limit = 1  # the connection goes onto the list"),
        ('raise ValueError(f"{name} is no number")', 'raise ValueError(f"{name} is not a number")'),
        ("MOST_BYTES = 1", "MAX_BYTES = 1"),
        ("SECONDS_BETWEEN_REPORTS = 1", "REPORT_INTERVAL_SECONDS = 1"),
        ("LOOK_SECONDS = 1", "CHECK_INTERVAL_SECONDS = 1"),
        ("class ToldUrls: ...", "class SentUrls: ..."),
        ("def f(repeats): ...", "def f(most_duplicates): ..."),
        ("self.address = 1", "self.client_ip = email_address"),
        ("def test_a_pixel_is_no_script(): ...", "def test_a_pixel_is_not_a_script(): ..."),
        ("def test_what_is_late_is_dropped(): ...", "def test_a_late_event_is_dropped(): ..."),
        ("def is_valid(event):\n    event.flag = 1", "def validate(event):\n    event.flag = 1"),
        ("def _has_room(self):\n    self.seen[1] = 2", "def _has_room(self):\n    seen[1] = self.seen"),
        ("def may_read(self):\n    del self.reader", "def may_read(self):\n    reader = self.reader"),
        ("def can_read(self):\n    self.count += 1", "def cancel(self):\n    self.count += 1"),
    ],
)
def test_a_rule_reports_the_wrong_text_only(wrong: str, right: str) -> None:
    assert len(messages(wrong)) == 1
    assert messages(right) == []


def test_a_finding_has_the_path_the_line_and_a_replacement() -> None:
    text = MODULE + '\n\ndef f():\n    """Return it.\n\n    Whoever asks gets it.\n    """\n'
    assert find_all({Path("collector/http/limits.py"): text}) == [
        (Path("collector/http/limits.py"), 7, "“Whoever”: write anyone who, a client that")
    ]


def test_code_in_documents_is_not_prose() -> None:
    assert messages("Read `told`.\n\n```\ntold\n```\n", "README.md") == []
    assert messages("Read `this`.\n\nIt is told.\n", "README.md") == ["“told”: write report, show, return, describe, pass"]


def test_a_published_name_stays_in_its_module() -> None:
    assert messages("def address(): ...", "mapping/dsl/inputs.py") == []
    assert messages("def address(): ...", "mapping/dsl/values.py") != []


def test_strings_of_tests_are_data() -> None:
    text = MODULE + 'TEXT = "as the page told us"\n'
    assert messages(text) != []
    assert messages(text, "tests/unit/test_limits.py") == []


@pytest.mark.parametrize("path", ["collector/http/limits.py", "tracker/src/page.js"])
def test_a_file_has_at_most_400_lines(path: str) -> None:
    assert messages("\n" * MAX_LINES, path) == []
    assert messages("\n" * (MAX_LINES + 1), path) == ["401 lines: at most 400, split the file"]


def test_a_folder_has_at_most_18_python_files() -> None:
    def find(count: int) -> list[Path]:
        files = {Path("collector", f"part{number}.py"): "" for number in range(count)}
        return [path for path, _, _ in find_all({Path("collector/README.md"): "", **files})]

    assert find(MAX_FILES_IN_FOLDER) == []
    assert find(MAX_FILES_IN_FOLDER + 1) == [Path("collector")]


def test_a_class_name_has_one_meaning_in_a_package() -> None:
    text = '"""Queries."""\n\n\nclass Query:\n    pass\n'
    apart = {Path("collector/query.py"): text, Path("minidruid/query.py"): text}
    assert find_all(apart) == []
    assert [path for path, _, _ in find_all({**apart, Path("collector/sql/query.py"): text})] == [Path("collector/sql/query.py")]

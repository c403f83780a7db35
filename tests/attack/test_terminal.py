"""Visitors' texts on a terminal: they are shown without an effect on it, and machine-readable output has the stored values."""

import io
import json
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from support.streams.in_memory import a_message
from support.topics.in_memory import fill

from headrace import options
from headrace.consoles import SafeConsole, cell
from headrace.dead_letters.command import COLUMNS, SHOWN, print_dead_letters
from headrace.processes.installation import StateFolder
from headrace.sql import print_rows
from headrace.tail import follow
from startup import logs
from startup.visible import is_hidden, visible, visible_json
from streams.sink import DeadLetterFilter

ACTING = {
    "colour": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "C1": "\x9b31mred",
    "carriage return": "harmless\rforged",
    "line": "one\nforged line",
    "backspace": "evil\x08\x08\x08\x08good",
    "override": "\u202etxt.exe\u202c",
    "isolate": "\u2066a\u2069",
    "mark": "a\u200fb\u200ec\u061cd",
    "zero width": "pay\u200bpal\u2060\ufeff",
    "joiner": "\U0001f469\u200d\U0001f466",
    "non-joiner": "\u0645\u06cc\u200c\u062e",
    "tag": "\U000e0041\U000e0042tag",
    "variation": "\u2764\ufe0f\U000e0100",
    "filler": "\u3164\u115f\uffa0",
    "separator": "a\u2028b\u2029c",
    "soft hyphen": "co\u00adop",
    "private": "\ue000\U0010fffd",
    "surrogate": "\ud800",
}
MARKUP = ("[red]x[/red]", "[link=http://evil.example]x[/link]", ":smile:", "[/]", "[[bold]]", "\\[red]")
ORDINARY = (
    *("plain", "Stra\u00dfe \u2013 \u201equoted\u201c", "\u65e5\u672c\u3000\u8a9e", "\u0645\u0631\u062d\u0628\u0627"),
    *("\U0001f389", "a\u00a0b", "e\u0301"),
)


def printed(show: Any) -> str:
    out = io.StringIO()
    show(SafeConsole(file=out, width=10_000, force_terminal=False))
    return out.getvalue()


def hidden_in(text: str) -> list[str]:
    return [sign for sign in text if is_hidden(sign) and sign != "\n"]


@pytest.mark.parametrize("text", ACTING.values(), ids=ACTING)
def test_a_row_shows_what_would_act_as_an_escape(text: str) -> None:
    out = printed(lambda console: print_rows(["page_title", text], [(text, "next")], console, as_json=False))
    assert hidden_in(out) == []
    assert out.count(visible(text)) == 2
    assert len(out.splitlines()) == 3  # header, row, count


@pytest.mark.parametrize("text", [*MARKUP, *ORDINARY])
def test_a_row_shows_other_texts_as_they_are(text: str) -> None:
    out = printed(lambda console: print_rows(["page_title", text], [(text, None)], console, as_json=False))
    assert out.count(text) == 2


@pytest.mark.parametrize("text", [*ACTING.values(), *MARKUP, *ORDINARY])
def test_json_shows_them_too_and_means_the_same(text: str) -> None:
    out = printed(lambda console: print_rows(["page_title", text], [(text, 1)], console, as_json=True))
    assert hidden_in(out) == []
    assert json.loads(out) == {"page_title": text, text: 1}


@given(st.text() | st.sampled_from([*ACTING.values()]))
def test_no_text_has_hidden_characters_left_and_json_means_the_same(text: str) -> None:
    assert not any(map(is_hidden, visible(text)))
    shown = visible_json(json.dumps(text, ensure_ascii=False))
    assert not any(map(is_hidden, shown))
    assert json.loads(shown) == text
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("text", ACTING.values(), ids=ACTING)
def test_unescaped_output_of_a_command_does_nothing_either(text: str) -> None:
    assert hidden_in(printed(lambda console: console.print(text, markup=False))) == []
    assert hidden_in(printed(lambda console: console.print(cell(text)))) == []


def test_all_commands_write_to_such_a_console() -> None:
    assert isinstance(options.console, SafeConsole)
    assert isinstance(options.errors, SafeConsole)


@pytest.mark.parametrize("as_json", [False, True])
def test_tail_shows_what_would_act_as_an_escape(tmp_path: Path, as_json: bool) -> None:
    state, out, numbers = StateFolder(tmp_path), io.StringIO(), count()
    state.topic.mkdir(parents=True)
    text = "".join(text for name, text in ACTING.items() if name != "surrogate")
    options = {"as_json": as_json, "count": 1}
    showing = threading.Thread(target=follow, args=(state, SafeConsole(file=out, width=10_000)), kwargs=options)
    showing.start()
    while showing.is_alive():
        fill(state.topic, [a_message(event_id=f"{next(numbers):032x}", page_path=text, parameters=json.dumps({"k": "[red]"}))])
        showing.join(0.1)
    assert hidden_in(out.getvalue()) == []
    assert "[red]" in out.getvalue()
    if as_json:
        assert json.loads(out.getvalue())["page_path"] == text
    else:
        assert visible(text) in out.getvalue()


class Letters:
    """Dead letters of a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def newest(self, choice: DeadLetterFilter, limit: int) -> Any:
        return 1, [dict.fromkeys(SHOWN, self._text)]

    def replay(self, choice: DeadLetterFilter) -> Any:
        return iter(())


@pytest.mark.parametrize("text", [*ACTING.values(), *MARKUP])
def test_dead_letters_show_what_would_act_as_an_escape(text: str) -> None:
    out = printed(lambda console: print_dead_letters(Letters(text), DeadLetterFilter(), 20, console, as_json=False))
    assert hidden_in(out) == []
    assert out.count(visible(text)) == len(COLUMNS)


def test_a_log_on_a_terminal_shows_what_would_act_as_an_escape() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    logs.configure(out)
    try:
        structlog.get_logger("collector").warning("server", text="\x1b]0;owned\x07\u202etxt.exe")
    finally:
        structlog.reset_defaults()
    assert "\x07" not in out.getvalue()
    assert "\u202e" not in out.getvalue()
    assert "\\x1b]0;owned\\x07\\u202etxt.exe" in out.getvalue()

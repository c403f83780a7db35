"""The ledger: every message counted once, in its minute, under its source."""

from pathlib import Path

import pytest
from support.topics.in_memory import MINUTE, a_message, a_rejection

from topics.ledger import KEPT_MS, Ledger, Received, load, save


def a_ledger() -> Ledger:
    ledger = Ledger()
    ledger.add_messages(
        [
            a_message(received_at=MINUTE),
            a_message(received_at=MINUTE + 59_999),
            a_rejection("invalid_text", received_at=MINUTE + 1),
            a_rejection("invalid_text", received_at=MINUTE + 2),
            a_rejection("invalid_event_id", received_at=MINUTE + 60_000),
            a_message(source="replay"),
        ]
    )
    return ledger


def test_messages_are_counted_by_minute_and_source_and_rejections_by_reason() -> None:
    assert a_ledger().minutes == {
        (MINUTE, "browser"): Received(4, {"invalid_text": 2}),
        (MINUTE + 60_000, "browser"): Received(1, {"invalid_event_id": 1}),
        (MINUTE, "replay"): Received(1),
    }


def test_totals_outlive_the_minutes() -> None:
    ledger = a_ledger()
    ledger.forget_before(MINUTE + KEPT_MS)
    assert ledger.minutes == {}
    assert ledger.totals == {"browser": Received(5, {"invalid_text": 2, "invalid_event_id": 1}), "replay": Received(1)}


def test_a_saved_ledger_is_read_back_whole(tmp_path: Path) -> None:
    ledger = a_ledger()
    save(tmp_path / "ledger.json", ledger, 4711)
    restored = load(tmp_path / "ledger.json")
    assert restored
    assert (restored[0].minutes, restored[0].totals, restored[1]) == (ledger.minutes, ledger.totals, 4711)


def test_there_is_no_ledger_before_the_first_is_saved(tmp_path: Path) -> None:
    assert load(tmp_path / "ledger.json") is None


def test_a_ledger_changed_in_any_byte_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    save(path, a_ledger(), 4711)
    content = path.read_bytes()
    for place in range(len(content) - 1):  # all but the line's end
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert load(path) is None, place


@pytest.mark.parametrize("content", [b"", b"\n", b"zz\n{}\n", b"00000000\n"])
def test_a_file_that_is_not_a_ledger_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.json").write_bytes(content)
    assert load(tmp_path / "ledger.json") is None

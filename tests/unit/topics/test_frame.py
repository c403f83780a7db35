"""Frames are decoded as they were encoded, unless they are damaged."""

import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st
from support.topics.in_memory import a_message, a_rejection

from topics.local.frame import MAX_LENGTH, claimed_bytes, decode, encode, find_frame
from topics.topic import Kind, Message

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
any_message = st.builds(
    Message,
    kind=st.sampled_from([Kind.EVENT, Kind.REJECTION]),
    received_at=st.integers(-(2**63), 2**63 - 1),
    source=texts,
    key=st.binary(max_size=255),
    event_id=texts,
    value=st.binary(max_size=500),
)


@given(st.lists(any_message, max_size=5), st.binary(max_size=20))
def test_frames_in_a_row_are_read_as_they_were_written(messages: list[Message], before: bytes) -> None:
    frames = [encode(message) for message in messages]
    entries = decode(before + b"".join(frames), len(before), 1000, 10)
    assert [entry.message for entry in entries] == messages
    assert [entry.next_position - entry.position for entry in entries] == [len(frame) for frame in frames]
    assert not entries or entries[0].position == 1000 + len(before)


def test_a_frame_is_laid_out_as_documented() -> None:
    body = (1).to_bytes(8, "little") + bytes([1, 7, 6, 2]) + b"browser" + b"reason" + b"id" + b"{}"
    message = Message(Kind.REJECTION, 1, "browser", b"reason", "id", b"{}")
    assert encode(message) == len(body).to_bytes(4, "little") + crc32c(body).to_bytes(4, "little") + body


def test_the_checksum_is_crc_32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 3720's polynomial


@given(any_message, st.data())
def test_no_changed_frame_is_taken_for_a_message(message: Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(frame), 0, 0, 1) == []


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 100, b"\x0c" + b"\x00" * 40])
def test_bytes_that_are_not_a_frame_give_nothing(content: bytes) -> None:
    assert decode(content, 0, 0, 10) == []
    assert find_frame(content, 0) is None


def test_no_more_frames_are_given_than_asked_for() -> None:
    assert len(decode(encode(a_message()) * 5, 0, 0, 3)) == 3


def test_the_next_whole_frame_is_found_behind_damage() -> None:
    damaged = encode(a_message())[:-3] + b"???"
    assert find_frame(damaged + encode(a_rejection()), 1) == len(damaged)


def test_a_frame_says_how_long_it_is() -> None:
    frame = encode(a_message())
    assert claimed_bytes(b"..." + frame, 3) == len(frame)
    assert claimed_bytes(frame[:19], 0) == 20


@pytest.mark.parametrize(
    "message",
    [
        a_message(key=b"k" * 256),
        a_message("e" * 256),
        a_message(source="ü" * 128),
        a_message("\ud800"),
        a_message(value=bytes(MAX_LENGTH)),
        a_message(received_at=2**63),
    ],
    ids=["key", "event id", "source", "surrogate", "value", "instant"],
)
def test_a_message_too_large_for_a_frame_is_rejected(message: Message) -> None:
    with pytest.raises(ValueError, match=r"255 bytes|at most|surrogates"):
        encode(message)

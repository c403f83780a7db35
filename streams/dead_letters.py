"""Dead letters: messages that could not become rows, kept whole with reason and origin."""

from enum import StrEnum

from streams.sink import DeadLetter
from topics.topic import Damage, Entry


class Reason(StrEnum):
    """The reason that a message did not become a row."""

    DAMAGED_FRAME = "damaged_frame"
    NOT_SINGLE_OBJECT = "not_single_object"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNDECODABLE = "undecodable"
    MISSING_FIELD = "missing_field"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    INVALID_PARAMETERS = "invalid_parameters"
    ID_CONFLICT = "id_conflict"


# No fix turns damage into a message. A conflicting event would be a second row of its id once the first has left the converter's state.
NEVER_REPLAYED = frozenset({Reason.DAMAGED_FRAME, Reason.ID_CONFLICT})

STAGES = {
    Reason.DAMAGED_FRAME: "read",
    Reason.NOT_SINGLE_OBJECT: "decode",
    Reason.UNKNOWN_SCHEMA: "decode",
    Reason.UNDECODABLE: "decode",
    Reason.MISSING_FIELD: "check",
    Reason.TIME_OUT_OF_RANGE: "check",
    Reason.INVALID_PARAMETERS: "check",
    Reason.ID_CONFLICT: "identify",
}


def dead_letter(topic: str, entry: Entry, reason: Reason, text: str, failed_at: int) -> DeadLetter:
    """Return the dead letter of a message."""
    message = entry.message
    return DeadLetter(
        topic=topic,
        position=entry.position,
        stage=STAGES[reason],
        reason=reason,
        text=text,
        source=message.source,
        event_id=message.event_id,
        received_at=message.received_at,
        failed_at=failed_at,
        content=message.value,
        key=message.key,
        spool=message.spool,
    )


def damaged(topic: str, damage: Damage, failed_at: int) -> DeadLetter:
    """Return the dead letter of damage, whose source and time of receipt are unknown."""
    content, text = damage.truncated()
    return DeadLetter(
        topic=topic,
        position=damage.position,
        stage=STAGES[Reason.DAMAGED_FRAME],
        reason=Reason.DAMAGED_FRAME,
        text=text,
        source="",
        event_id="",
        received_at=0,
        failed_at=failed_at,
        content=content,
    )

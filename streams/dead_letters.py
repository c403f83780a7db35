"""Messages that become no row: kept whole, with the reason and their origin."""

from enum import StrEnum

from streams.sink import DeadLetter
from topics.topic import Damage, Entry

# A damaged stretch can be as long as a segment; so much of it is kept, the text tells the rest.
MOST_BYTES = 1 << 20


class Reason(StrEnum):
    """Why a message became no row."""

    DAMAGED_FRAME = "damaged_frame"
    NOT_SINGLE_OBJECT = "not_single_object"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNDECODABLE = "undecodable"
    MISSING_FIELD = "missing_field"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    INVALID_PARAMETERS = "invalid_parameters"
    ID_CONFLICT = "id_conflict"


# No fix makes a message of the one. The other would be a second row of its id where the first has left the converter's memory.
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
    """Make the dead letter of a message."""
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
    """Make the dead letter of bytes that are no frame; when they came and from where is not known."""
    length = len(damage.content)
    text = damage.reason if length <= MOST_BYTES else f"{damage.reason}; the first {MOST_BYTES} of {length} bytes"
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
        content=damage.content[:MOST_BYTES],
    )

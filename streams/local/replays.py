"""Replays of dead letters on one machine, as jobs of the converter."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

from streams.dead_letters import NEVER_REPLAYED
from streams.local.jobs import Jobs
from streams.sink import Batch, DeadLetter, DeadLetterFilter, Sink
from topics.topic import Entry, Kind, Message

MAX_LETTERS: Final = 200  # per job: a message has up to 1 MiB, and the topic waits

Origin: TypeAlias = tuple[str, int]  # topic and position
BEGINNING: Final[Origin] = ("", -1)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome of a replay."""

    brought_in: int  # dead letters whose events are rows now
    failed_again: Mapping[str, int]  # still dead letters, by reason
    last: Origin | None = None  # of the last dead letter; None if it was the last of all


class Replays:
    """Replays dead letters; `commit(topic, entries, replayed)` commits a batch that replaces the dead letters at these positions."""

    def __init__(self, topic: str, sink: Sink, commit: Callable[[str, Sequence[Entry], Sequence[int]], Batch], jobs: Jobs) -> None:
        self._topic, self._sink, self._commit, self._jobs = topic, sink, commit, jobs

    def submit(self, choice: DeadLetterFilter, after: Origin) -> "Future[Replayed]":
        """Submit a replay of the first matching dead letters after an origin, spool by spool."""
        return self._jobs.submit(lambda: self._replay(choice, after))

    def _replay(self, choice: DeadLetterFilter, after: Origin) -> Replayed:
        letters = [DeadLetter(**found) for found in self._sink.dead_letters_after(self._topic, *after, MAX_LETTERS, choice)]
        failed = Counter(letter.reason for letter in letters if letter.reason in NEVER_REPLAYED)
        for topic, of_topic in groupby(letters, lambda letter: letter.topic):
            if entries := [_to_entry(letter) for letter in of_topic if letter.reason not in NEVER_REPLAYED]:
                batch = self._commit(topic, entries, [entry.position for entry in entries])
                failed.update(letter.reason for letter in batch.dead_letters)
        last = (letters[-1].topic, letters[-1].position) if len(letters) == MAX_LETTERS else None
        return Replayed(len(letters) - failed.total(), dict(failed), last)


def _to_entry(letter: DeadLetter) -> Entry:
    message = Message(Kind.REPLAY, letter.received_at, letter.source, letter.key, letter.event_id, letter.content)
    return Entry(letter.position, letter.position, message)

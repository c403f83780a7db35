"""Dead letters dealt with once more on one machine, as a job of the converter's."""

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

AT_ONCE: Final = 200  # a message has up to 1 MiB, and the stream waits meanwhile

Place: TypeAlias = tuple[str, int]  # topic and position
BEGINNING: Final[Place] = ("", -1)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of dead letters that were to be replayed."""

    brought_in: int  # their events are rows, now or since before
    failed_again: Mapping[str, int]  # dead letters still, by reason
    last: Place | None = None  # of the last one; None where no more can follow


class Replays:
    """Replays what it is asked to; `commit(topic, entries, replayed)` makes and stores a batch in which dead letters are gone."""

    def __init__(self, topic: str, sink: Sink, commit: Callable[[str, Sequence[Entry], Sequence[int]], Batch], jobs: Jobs) -> None:
        self._topic, self._sink, self._commit, self._jobs = topic, sink, commit, jobs

    def ask(self, choice: DeadLetterFilter, after: Place) -> "Future[Replayed]":
        """Have the first of the chosen dead letters behind a place replayed, spool by spool."""
        return self._jobs.ask(lambda: self._replay(choice, after))

    def _replay(self, choice: DeadLetterFilter, after: Place) -> Replayed:
        letters = [DeadLetter(**found) for found in self._sink.dead_letters_after(self._topic, *after, AT_ONCE, choice)]
        failed = Counter(letter.reason for letter in letters if letter.reason in NEVER_REPLAYED)
        for topic, of_topic in groupby(letters, lambda letter: letter.topic):
            if entries := [_to_entry(letter) for letter in of_topic if letter.reason not in NEVER_REPLAYED]:
                batch = self._commit(topic, entries, [entry.position for entry in entries])
                failed.update(letter.reason for letter in batch.dead_letters)
        last = (letters[-1].topic, letters[-1].position) if len(letters) == AT_ONCE else None
        return Replayed(len(letters) - failed.total(), dict(failed), last)


def _to_entry(letter: DeadLetter) -> Entry:
    message = Message(Kind.REPLAY, letter.received_at, letter.source, letter.key, letter.event_id, letter.content)
    return Entry(letter.position, letter.position, message)

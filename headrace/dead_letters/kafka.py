"""The dead letters on Kafka: read from their topic, and sent to the converters again."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Final

from headrace.dead_letters.command import Letter, to_json
from headrace.errors import CommandError
from startup.settings import SettingsError
from streams.dead_letters import NEVER_REPLAYED
from streams.kafka.messages import replay_output, to_dead_letter
from streams.local.replays import Replayed
from streams.sink import DeadLetter, DeadLetterFilter
from topics.kafka.compacted import CompactedTopic
from topics.kafka.delivery import deliver
from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import Fetched, Output
from topics.topic import TopicError

QUIET_SECONDS: Final = 30.0  # without a result for this long, no converter is assumed to run


class KafkaDeadLetters:
    """The dead letters of a topic prefix; raises CommandError if Kafka does not respond."""

    def __init__(self, settings: KafkaSettings, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._settings, self._quiet_seconds = settings, quiet_seconds
        self._topic = CompactedTopic(settings, "dead-letters")

    def newest(self, selection: DeadLetterFilter, limit: int) -> tuple[int, Sequence[Letter]]:
        """Return the number of selected dead letters, and the newest `limit` of them."""
        total, newest = 0, deque[DeadLetter](maxlen=limit)
        try:
            for letter in self._selected(selection):
                total += 1
                newest.appendleft(letter)
        except (TopicError, SettingsError) as error:
            raise CommandError(str(error)) from error
        return total, [to_json(asdict(letter)) for letter in newest]

    def replay(self, selection: DeadLetterFilter) -> Iterator[Replayed]:
        """Send the selected dead letters to the converters, and return the result of each; raises CommandError if none comes."""
        waiting: set[bytes] = set()
        left: list[str] = []  # reasons of those that can never become rows

        def outputs() -> Iterator[Output]:
            for letter in self._selected(selection):
                if letter.reason in NEVER_REPLAYED:
                    left.append(letter.reason)
                else:
                    waiting.add(letter.origin.encode())
                    yield replay_output(letter)

        try:
            deliver(self._settings, outputs())
            yield from (Replayed(0, {reason: 1}) for reason in left)
            yield from self._outcomes(waiting)
        except (TopicError, SettingsError) as error:
            raise CommandError(str(error)) from error

    def _outcomes(self, waiting: set[bytes]) -> Iterator[Replayed]:
        with closing(self._topic.changes(self._quiet_seconds)) as changes:
            while waiting:
                found = next(changes, None)
                if found is None:
                    raise CommandError(
                        f"{len(waiting)} messages were sent, but no converter has processed any for {self._quiet_seconds:.0f} seconds; "
                        "start one (`headrace kafka status` shows its lag), then replay again if needed, which makes no duplicates"
                    )
                if found.key in waiting:
                    waiting.remove(found.key)
                    yield _outcome(found)

    def _selected(self, selection: DeadLetterFilter) -> Iterator[DeadLetter]:
        return filter(selection.includes, map(to_dead_letter, self._topic.values()))


def _outcome(found: Fetched) -> Replayed:
    return Replayed(1, {}) if found.value is None else Replayed(0, {to_dead_letter(found).reason: 1})

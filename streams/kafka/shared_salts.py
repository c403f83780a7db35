"""Salts shared by several converters in a topic: the first salt of a day counts for all. The topic keeps them for 48 hours."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from streams.sessions.salts import Instant, Salt, SecretText


class Values(Protocol):
    """A small topic that all processes read in the same order."""

    def append(self, values: Sequence[tuple[bytes, bytes]]) -> None: ...

    def read(self) -> Sequence["Value"]: ...


class Value(Protocol):
    """A value in the topic."""

    @property
    def value(self) -> bytes | None: ...


class _SharedSalt(msgspec.Struct, frozen=True):
    day: int
    secret: SecretText
    made_at: Instant


class SharedSalts:
    """Stores salts in the topic. If two converters create one for the same day, both use the one that was written first."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def load(self) -> dict[int, Salt]:
        """Read the stored salts."""
        return self._with_first({})

    def save(self, salts: Mapping[int, Salt], created: Mapping[int, Salt]) -> dict[int, Salt]:
        """Write the created salts, then use those that were written first."""
        if created:
            shared = (_SharedSalt(day, salt.secret.hex(), salt.made_at) for day, salt in created.items())
            self._values.append([(str(salt.day).encode(), msgspec.json.encode(salt)) for salt in shared])
        return self._with_first({day: salt for day, salt in salts.items() if day not in created})

    def _with_first(self, salts: Mapping[int, Salt]) -> dict[int, Salt]:
        valid = dict(salts)
        for found in self._values.read():
            try:
                shared = msgspec.json.decode(found.value or b"", type=_SharedSalt)
            except msgspec.DecodeError:
                continue  # not a valid salt for any converter: the next one counts
            before = valid.get(shared.day)
            if before is None or not before.is_valid(shared.made_at):
                valid[shared.day] = Salt(bytes.fromhex(shared.secret), shared.made_at)
        return valid

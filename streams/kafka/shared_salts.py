"""The salts that several converters share: a topic in which the first salt of a day counts for all, and which forgets after 48 hours."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from streams.sessions.salts import Instant, Salt, SecretText


class Values(Protocol):
    """A topic of few values, read by all in one order."""

    def append(self, values: Sequence[tuple[bytes, bytes]]) -> None: ...

    def read(self) -> Sequence["Value"]: ...


class Value(Protocol):
    """One of them."""

    @property
    def value(self) -> bytes | None: ...


class _Told(msgspec.Struct, frozen=True):
    day: int
    secret: SecretText
    made_at: Instant


class SharedSalts:
    """Keeps salts in the topic. Where two converters made one for the same day, both take the one that was written first."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def load(self) -> dict[int, Salt]:
        """Read what is there; of a day's salts the first that is not too old comes later, in `keep`."""
        return self._with_first({})

    def keep(self, salts: Mapping[int, Salt], made: Mapping[int, Salt]) -> dict[int, Salt]:
        """Write what was made, then take what was written first."""
        if made:
            told = (_Told(day, salt.secret.hex(), salt.made_at) for day, salt in made.items())
            self._values.append([(str(one.day).encode(), msgspec.json.encode(one)) for one in told])
        return self._with_first({day: salt for day, salt in salts.items() if day not in made})

    def _with_first(self, salts: Mapping[int, Salt]) -> dict[int, Salt]:
        standing = dict(salts)
        for found in self._values.read():
            try:
                one = msgspec.json.decode(found.value or b"", type=_Told)
            except msgspec.DecodeError:
                continue  # no salt, for whoever reads it: the next one counts
            before = standing.get(one.day)
            if before is None or not before.stands(one.made_at):
                standing[one.day] = Salt(bytes.fromhex(one.secret), one.made_at)
        return standing

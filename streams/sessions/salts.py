"""The secret of each day that private party ids are made with: made when first needed, destroyed 48 hours later."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, Self, TypeAlias

import msgspec
from msgspec import Meta

from startup.atomic_files import close_file, write_whole
from streams.errors import SaltsError

DAY_MS = 86_400_000
LIFETIME_MS = 2 * DAY_MS
CLOCKS_MS = 60_000  # so far apart may the clocks of several converters be
SALT_BYTES = 32

# A page can name any day as that of its events. Eleven years of days are enough for any replay; beyond that the salts of the days
# farthest from today go early, so that nobody can drive out today's.
MOST_SALTS = 4000


SecretText: TypeAlias = Annotated[str, Meta(pattern=f"^[0-9a-f]{{{2 * SALT_BYTES}}}$")]  # hexadecimal
Instant: TypeAlias = Annotated[int, Meta(ge=0)]  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Salt:
    """The secret of one day and when it was made."""

    secret: bytes
    made_at: int  # milliseconds since 1970

    def stands(self, now: int) -> bool:
        """Whether it may be used: one made under a clock that was ahead would outlive its 48 hours, so it may not."""
        return -CLOCKS_MS <= now - self.made_at < LIFETIME_MS


class SaltKeeper(Protocol):
    """Where salts outlive the process."""

    def load(self) -> dict[int, Salt]:
        """Give the salts by day; raises SaltsError."""

    def keep(self, salts: Mapping[int, Salt], made: Mapping[int, Salt]) -> dict[int, Salt]:
        """Make durable what was made beside the other salts; give those that stand, which may be another's where two made one."""


class Salts:
    """The salts that exist now, always as they are kept.

    Days are counted from 1970-01-01 UTC. `generation` changes with every salt made or destroyed: what was derived from them must go then.
    """

    def __init__(self, keeper: SaltKeeper, make: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES)) -> None:
        self._keeper = keeper
        self._salts = keeper.load()
        self._make = make
        self.generation = 0

    @classmethod
    def open(cls, path: Path, make: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES)) -> Self:
        """Read the salts of one machine, or begin without where there is no file; raises SaltsError."""
        return cls(SaltsFile(path), make)

    def of(self, day: int) -> bytes | None:
        """Give the secret of a day, None where there is none or none any more."""
        salt = self._salts.get(day)
        return None if salt is None else salt.secret

    def renew(self, days: Iterable[int], now: int) -> None:
        """Destroy what is 48 hours old, or made later than now, and make what these days lack; on return what is kept says the same."""
        kept = {day: salt for day, salt in self._salts.items() if salt.stands(now)}
        missing = sorted(set(days) - kept.keys())
        if not missing and len(kept) == len(self._salts):
            return
        made = {day: Salt(self._make(), now) for day in missing}
        today = now // DAY_MS
        nearest = sorted((kept | made).items(), key=lambda item: abs(item[0] - today))[:MOST_SALTS]
        # The days of this batch must have theirs, whatever the bound says.
        self._salts = self._keeper.keep(dict(nearest) | made, made)
        self.generation += 1


class _Kept(msgspec.Struct, frozen=True):
    secret: SecretText
    made_at: Instant


class SaltsFile:
    """The salts of one machine in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[int, Salt]:
        """Read the file; raises SaltsError."""
        try:
            content = self._path.read_bytes()
            close_file(self._path)
        except FileNotFoundError:
            return {}
        try:
            kept = msgspec.json.decode(content, type=dict[int, _Kept])
            return {day: Salt(bytes.fromhex(salt.secret), salt.made_at) for day, salt in kept.items()}
        except msgspec.DecodeError as error:
            raise SaltsError(
                f"{self._path}: not a file of salts ({error}); put a good one there, or delete it: private visitors then count anew"
            ) from error

    def keep(self, salts: Mapping[int, Salt], made: Mapping[int, Salt]) -> dict[int, Salt]:  # noqa: ARG002  (one machine: nobody else makes any)
        """Put the salts in place of those in the file: after a power cut it is the old file or the new one."""
        content = {str(day): {"secret": salt.secret.hex(), "made_at": salt.made_at} for day, salt in sorted(salts.items())}
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(content, indent=1).encode())
        return dict(salts)

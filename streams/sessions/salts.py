"""Salts: the secret of each day that private party ids are derived from; created when first needed, destroyed 48 hours later."""

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
MAX_CLOCK_SKEW_MS = 60_000  # between the clocks of several converters
SALT_BYTES = 32

# A page can choose any day for its events. Eleven years of days are enough for any replay; beyond that, the salts of the days farthest
# from today are destroyed early, so that no page can displace today's.
MAX_SALTS = 4000


SecretText: TypeAlias = Annotated[str, Meta(pattern=f"^[0-9a-f]{{{2 * SALT_BYTES}}}$")]  # hexadecimal
Instant: TypeAlias = Annotated[int, Meta(ge=0)]  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Salt:
    """The secret of one day, and when it was created."""

    secret: bytes
    made_at: int  # milliseconds since 1970

    def is_valid(self, now: int) -> bool:
        """Whether the salt may be used. A salt from a clock that was ahead may not: it would outlive its 48 hours."""
        return -MAX_CLOCK_SKEW_MS <= now - self.made_at < LIFETIME_MS


class SaltStorage(Protocol):
    """Durable storage of salts."""

    def load(self) -> dict[int, Salt]:
        """Return the salts by day; raises SaltsError."""

    def save(self, salts: Mapping[int, Salt], created: Mapping[int, Salt]) -> dict[int, Salt]:
        """Store the salts, of which some were just created; return the valid ones, which another converter may have created first."""


class Salts:
    """The current salts, always as they are stored.

    Days are counted from 1970-01-01 UTC. `generation` changes when a salt is created or destroyed; then caches of derived
    values must be emptied.
    """

    def __init__(self, storage: SaltStorage, create: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES)) -> None:
        self._storage = storage
        self._salts = storage.load()
        self._create = create
        self.generation = 0

    @classmethod
    def open(cls, path: Path, create: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES)) -> Self:
        """Read the salts of one machine; without a file, start with none. Raises SaltsError."""
        return cls(SaltsFile(path), create)

    def of(self, day: int) -> bytes | None:
        """Return the secret of a day, or None if it does not exist or no longer exists."""
        salt = self._salts.get(day)
        return None if salt is None else salt.secret

    def renew(self, days: Iterable[int], now: int) -> None:
        """Destroy salts that are no longer valid, create those that these days lack, and store the result before returning."""
        kept = {day: salt for day, salt in self._salts.items() if salt.is_valid(now)}
        missing = sorted(set(days) - kept.keys())
        if not missing and len(kept) == len(self._salts):
            return
        created = {day: Salt(self._create(), now) for day in missing}
        today = now // DAY_MS
        nearest = sorted((kept | created).items(), key=lambda item: abs(item[0] - today))[:MAX_SALTS]
        # The days of this batch need their salts, whatever the bound says.
        self._salts = self._storage.save(dict(nearest) | created, created)
        self.generation += 1


class _Kept(msgspec.Struct, frozen=True):
    secret: SecretText
    made_at: Instant


class SaltsFile:
    """Stores the salts of one machine in a file that only its owner can read."""

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
                f"{self._path}: not a valid file of salts ({error}); restore a good copy, or delete it: private visitors then count as new"
            ) from error

    def save(self, salts: Mapping[int, Salt], created: Mapping[int, Salt]) -> dict[int, Salt]:  # noqa: ARG002  (on one machine, no other process creates salts)
        """Replace the file atomically, also in a power cut."""
        content = {str(day): {"secret": salt.secret.hex(), "made_at": salt.made_at} for day, salt in sorted(salts.items())}
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(content, indent=1).encode())
        return dict(salts)

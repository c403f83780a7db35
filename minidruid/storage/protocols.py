"""What the store takes from the converter and the contract, without knowing either."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ColumnProtocol(Protocol):
    """A column of the contract, as far as the store cares."""

    @property
    def name(self) -> str: ...
    @property
    def duckdb(self) -> str: ...


class LetterFilterProtocol(Protocol):
    """Which dead letters are meant; what is empty excludes none."""

    @property
    def reason(self) -> str: ...
    @property
    def origins(self) -> Sequence[str]: ...


class BatchProtocol(Protocol):
    """All that follows from the messages of a topic up to a position; the fields are those of the converter's batch."""

    @property
    def topic(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def made_at(self) -> int: ...  # milliseconds since 1970
    @property
    def rows(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def dead_letters(self) -> Sequence[Any]: ...
    @property
    def events(self) -> Sequence[Any]: ...
    @property
    def sessions(self) -> Sequence[Any]: ...
    @property
    def new_sessions(self) -> Sequence[Any]: ...
    @property
    def ledger(self) -> Mapping[tuple[int, str], Any]: ...
    @property
    def replayed(self) -> Sequence[int]: ...

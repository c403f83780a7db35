"""Types of the converter and the contract that the store uses, without importing either."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ColumnProtocol(Protocol):
    """A column of the contract."""

    @property
    def name(self) -> str: ...
    @property
    def duckdb(self) -> str: ...


class LetterFilterProtocol(Protocol):
    """A filter of dead letters; an empty field matches all."""

    @property
    def reason(self) -> str: ...
    @property
    def origins(self) -> Sequence[str]: ...


class BatchProtocol(Protocol):
    """A batch of the converter: the results of all messages of a topic up to a position."""

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

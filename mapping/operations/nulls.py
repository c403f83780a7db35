"""JSON's null as a value, to distinguish it from None for an absent value."""

from typing import Final


class Null:
    """The type of NULL."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NULL"


NULL: Final = Null()

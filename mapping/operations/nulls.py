"""JSON's null as a value that is there, beside None for what is not."""

from typing import Final


class Null:
    """The value of which there is one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NULL"


NULL: Final = Null()

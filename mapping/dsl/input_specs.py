"""The definition of an input: its type, range and description, and the code that reads it from each kind of event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from mapping.dsl.expressions import Call, Expression, Input, Type
from mapping.dsl.values import Boolean, Number, Text, Value

# The parameters of the generated function, in order. `event` depends on the event kind: an Event of the tracker, the first value of each
# query parameter of Divolte's tag, or a JsonEvent (collector.events.event, collector.divolte.json_body).
ARGUMENTS: Final = (
    "event",
    "site",
    "source",
    "received_at",
    "occurred_at",
    "created_at",
    "party_kind",
    "party_id",
    "session_id",
    "address",
    "user_agent",
    "is_skewed",
    "is_cleaned",
    "parameters",
    "parameters_text",
    "event_key",
    "remote_host",
    "headers",
    "is_corrupt",
    "is_duplicate",
)
EVENT_KINDS: Final = ("tracker", "divolte_tag", "divolte_json")

AnyValue = TypeVar("AnyValue", bound=Value)


class Range(NamedTuple):
    """The numbers from `low` to `high`, inclusive."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Access:
    """The Python expression that reads an input from one kind of event."""

    expression: str
    never_null: bool = False
    is_cached: bool = False  # events share a few values, so that results which depend on nothing else are worth caching
    decoder: str = ""  # an operation on the expression

    def code(self, expression: str = "") -> str:
        """Return the code for the decoded value; `expression` replaces its own."""
        return f"{self.decoder}({expression or self.expression})" if self.decoder else expression or self.expression


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input. An event kind without an access has no such value."""

    name: str
    type: Type
    function: str  # its name in the language; empty if mappings read it in other ways
    doc: str
    accesses: Mapping[str, Access]
    range: Range | None = None
    is_instant: bool = False


INPUTS: Final[dict[str, InputSpec]] = {}


def plausible(number: Expression, name: str, *, is_whole: bool = False) -> Call:
    """Limit a number to the range of the input of that name; `is_whole` cuts off its fraction."""
    limits = INPUTS[name].range
    assert limits is not None
    return Call("plausible", (number, *limits, name, is_whole), number.type)


def define(spec: InputSpec, make: Callable[[Expression], AnyValue]) -> Callable[[], AnyValue]:
    """Register an input and return its function in the language."""
    INPUTS[spec.name] = spec

    def function() -> AnyValue:
        return make(Input(spec.name, spec.type))

    function.__name__, function.__doc__ = spec.function, spec.doc
    return function


def text(
    function: str, doc: str, accesses: Mapping[str, Access], *, name: str = "", operation: str = "", max_length: int = 0
) -> Callable[[], Text]:
    """Define a text; the function applies an operation to it and cuts it to a number of characters."""

    def make(value: Expression) -> Text:
        if operation:
            value = Call(operation, (value,), Type.TEXT)
        return Text(Call("cut", (value, max_length), Type.TEXT) if max_length else value)

    return define(InputSpec(name or function, Type.TEXT, function, doc, accesses), make)


def flag(function: str, doc: str, accesses: Mapping[str, Access]) -> Callable[[], Boolean]:
    """Define a boolean."""
    return define(InputSpec(function, Type.BOOLEAN, function, doc, accesses), Boolean)


def instant(function: str, doc: str, accesses: Mapping[str, Access]) -> Callable[[], Number]:
    """Define a time in milliseconds since 1970."""
    return define(InputSpec(function, Type.INT64, function, doc, accesses, is_instant=True), Number)


def number(
    function: str, doc: str, accesses: Mapping[str, Access], limits: Range, number_type: Type, *, is_whole: bool = False
) -> Callable[[], Number]:
    """Define a number with a range."""
    spec = InputSpec(function, number_type, function, doc, accesses, limits)
    return define(spec, lambda value: Number(plausible(value, function, is_whole=is_whole)))


def whole(function: str, doc: str, accesses: Mapping[str, Access], limits: Range, number_type: Type = Type.INT32) -> Callable[[], Number]:
    """Define a number with a range, without the fraction that pages may report."""
    return number(function, doc, accesses, limits, number_type, is_whole=True)


def argument(name: str, *, never_null: bool = False, is_cached: bool = False) -> dict[str, Access]:
    """Return the access to a parameter of the generated function, the same for every event kind."""
    return dict.fromkeys(EVENT_KINDS, Access(name, never_null, is_cached))


def by_kind(tracker: Access | None = None, divolte_tag: Access | None = None, divolte_json: Access | None = None) -> dict[str, Access]:
    """Return the accesses of the event kinds that have an input."""
    accesses = {"tracker": tracker, "divolte_tag": divolte_tag, "divolte_json": divolte_json}
    return {kind: access for kind, access in accesses.items() if access is not None}


def field(name: str, *, never_null: bool = False, is_cached: bool = False, decoder: str = "") -> Access:
    """Return the access to an attribute of the event."""
    return Access(f"event.{name}", never_null, is_cached, decoder)


def query(name: str, *, is_cached: bool = False, decoder: str = "") -> Access:
    """Return the access to an optional query parameter of Divolte's tag."""
    return Access(f'event.get("{name}")', is_cached=is_cached, decoder=decoder)


def required_query(name: str) -> Access:
    """Return the access to a query parameter that every event of Divolte's tag has."""
    return Access(f'event["{name}"]', never_null=True)

"""The values of the mapping language: what each offers to derive from it and to ask of it."""

import re
from typing import ClassVar, NoReturn

from collector.mapping.expressions import Call, Constant, Expression, Input, Literal, Type
from collector.mapping.inputs import FACTS

Plain = str | bool | int | float


class Value:
    """Something an event may have; absent where it does not, and so is all that is derived from it."""

    __slots__ = ("expression",)
    __hash__ = None  # type: ignore[assignment]  # comparing is equal_to(); see __eq__

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def is_present(self) -> "Boolean":
        """Ask whether the event has it."""
        return Boolean(Call("is_present", (self.expression,), Type.BOOLEAN, is_always=True))

    def is_absent(self) -> "Boolean":
        """Ask whether the event lacks it."""
        return Boolean(Call("is_absent", (self.expression,), Type.BOOLEAN, is_always=True))

    def equal_to(self, other: "Value | Plain") -> "Boolean":
        """Ask whether both are the same; so are two values that are both absent."""
        right = as_value(other)
        if not _comparable(self.expression.type, right.expression.type):
            raise TypeError(f"a {self.expression.type.value} never equals a {right.expression.type.value}")
        return Boolean(Call("equal", (self.expression, right.expression), Type.BOOLEAN, is_always=True))

    def __bool__(self) -> NoReturn:
        raise TypeError("a mapping is written before there is an event: use when(...), and_(), or_() and negate(), not if, and, or, not")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a mapping is written before there is an event: use equal_to(...), not ==")


def _comparable(left: Type, right: Type) -> bool:
    numbers = {Type.INT32, Type.INT64, Type.FP32, Type.FP64}
    return left is right or {left, right} <= numbers


class Boolean(Value):
    """A value that is true or false: also a condition."""

    __slots__ = ()

    def and_(self, other: "Boolean") -> "Boolean":
        """Ask whether both hold; absent if either is."""
        return self._with("and", other)

    def or_(self, other: "Boolean") -> "Boolean":
        """Ask whether one of them holds; absent if either is."""
        return self._with("or", other)

    def negate(self) -> "Boolean":
        """Ask whether it does not hold."""
        return Boolean(Call("not", (self.expression,), Type.BOOLEAN, self.expression.is_always))

    def _with(self, operation: str, other: "Boolean") -> "Boolean":
        if not isinstance(other, Boolean):
            raise TypeError(f"a condition is joined with another condition, not with {other!r}")
        is_always = self.expression.is_always and other.expression.is_always
        return Boolean(Call(operation, (self.expression, other.expression), Type.BOOLEAN, is_always))


class Text(Value):
    """A text."""

    __slots__ = ()

    def uri(self) -> "Uri":
        """Take it apart as an address; the same as parse(...).to_uri()."""
        return Uri(Call("uri", (self.expression,), Type.URI))


class Number(Value):
    """A number of one of Avro's four kinds."""

    __slots__ = ()


class Uri(Value):
    """An address taken apart. Map one of its parts."""

    __slots__ = ()

    def scheme(self) -> Text:
        return self._part("uri_scheme")

    def host(self) -> Text:
        return self._part("uri_host")

    def port(self) -> Number:
        return Number(Call("uri_port", (self.expression,), Type.INT32))

    def path(self) -> Text:
        """The path with its percent escapes resolved."""
        return self._part("uri_path")

    def raw_path(self) -> Text:
        return self._part("uri_raw_path")

    def raw_query_string(self) -> Text:
        return self._part("uri_raw_query")

    def decoded_query_string(self) -> Text:
        return self._part("uri_decoded_query")

    def raw_fragment(self) -> Text:
        return self._part("uri_raw_fragment")

    def decoded_fragment(self) -> Text:
        return self._part("uri_decoded_fragment")

    def query(self) -> "Query":
        return Query(Call("uri_query", (self.expression,), Type.QUERY))

    def _part(self, operation: str) -> Text:
        return Text(Call(operation, (self.expression,), Type.TEXT))


class Query(Value):
    """Names and values of an address. Map one of the values."""

    __slots__ = ()

    def value(self, name: str) -> Text:
        """The first value of that name, form-decoded."""
        return Text(Call("query_value", (self.expression, name), Type.TEXT))

    def first_of(self, *names: str) -> Text:
        """The first pair whose name is one of those, as name:value."""
        return Text(Call("query_first_of", (self.expression, names), Type.TEXT))


class Json(Value):
    """A JSON value: the event parameters or a part of them. What it fits is seen event by event; what does not fit is not written."""

    __slots__ = ()
    _STEP: ClassVar = re.compile(r"""\.([^.\[\]'"*?@()\s]+)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")

    def path(self, path: str) -> "Json":
        """The part at a definite JSONPath, such as $.basket.items[0].sku."""
        steps: list[str | int] = []
        at = 1
        while at < len(path) and (step := self._STEP.match(path, at)):
            steps.append(int(step[2]) if step[2] else step[1] or step[3] or step[4] or "")
            at = step.end()
        if not path.startswith("$") or at != len(path):
            raise ValueError(f"{path!r} is no definite path: write $, then .name, ['name'] or [number] for each step")
        return Json(Call("json_path", (self.expression, tuple(steps)), Type.JSON))

    def value(self, name: str) -> Text:
        """The text of a property; absent where it is missing or is a list or an object."""
        return Text(Call("json_text_of", (self.path(f'$["{name}"]').expression,), Type.TEXT))


def value_of(name: str) -> Value:
    """Give the value of an input."""
    fact = FACTS[name]
    return _CLASSES[fact.type](Input(name, fact.type, fact.is_always))


def text_of(name: str, most: int) -> Text:
    """Give the text of an input, cut to so many characters."""
    expression = value_of(name).expression
    return Text(Call("cut", (expression, most), Type.TEXT, expression.is_always))


def as_value(value: "Value | Plain") -> Value:
    """Give a value for a literal of Python."""
    if isinstance(value, Value):
        return value
    if isinstance(value, bool):
        return Boolean(Literal(value, Type.BOOLEAN))
    if isinstance(value, int):
        return Number(Literal(value, Type.INT32 if -(2**31) <= value < 2**31 else Type.INT64))
    if isinstance(value, float):
        return Number(Literal(value, Type.FP64))
    if isinstance(value, str):
        return Text(Literal(value, Type.TEXT))
    raise TypeError(f"{value!r} is neither a value of an event nor a text, number or boolean")


class Parsed:
    """A text on its way to a type."""

    def __init__(self, value: Value) -> None:
        if not isinstance(value, Text):
            raise TypeError(f"parse takes a text, not a {type(value).__name__.lower()}")
        self._text = value

    def to_int32(self) -> Number:
        return Number(self._call("parse_int32", Type.INT32))

    def to_int64(self) -> Number:
        return Number(self._call("parse_int64", Type.INT64))

    def to_fp32(self) -> Number:
        return Number(self._call("parse_fp", Type.FP32))

    def to_fp64(self) -> Number:
        return Number(self._call("parse_fp", Type.FP64))

    def to_bool(self) -> Boolean:
        return Boolean(self._call("parse_bool", Type.BOOLEAN))

    def to_uri(self) -> Uri:
        return self._text.uri()

    def _call(self, operation: str, result: Type) -> Call:
        arguments: tuple[Expression | Constant, ...] = (self._text.expression,)
        return Call(operation, arguments, result)


_CLASSES: dict[Type, type[Value]] = {
    Type.TEXT: Text,
    Type.BOOLEAN: Boolean,
    Type.INT32: Number,
    Type.INT64: Number,
    Type.FP32: Number,
    Type.FP64: Number,
    Type.JSON: Json,
    Type.URI: Uri,
    Type.QUERY: Query,
}

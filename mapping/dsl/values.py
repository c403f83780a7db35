"""The values of the mapping language: what each offers to derive from it and to ask of it."""

import math
from typing import NoReturn, TypeAlias

from mapping.dsl.expressions import Call, Constant, Expression, Literal, Type
from mapping.operations import paths, patterns

Plain: TypeAlias = str | bool | int | float


class Value:
    """Something an event may have; absent where it does not, and so is all that is derived from it."""

    __slots__ = ("expression",)
    __hash__ = None  # type: ignore[assignment]  # comparing is equal_to(); see __eq__

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def is_present(self) -> "Boolean":
        """Ask whether the event has it."""
        return Boolean(Call("is_present", (self.expression,), Type.BOOLEAN))

    def is_absent(self) -> "Boolean":
        """Ask whether the event lacks it."""
        return Boolean(Call("is_absent", (self.expression,), Type.BOOLEAN))

    def equal_to(self, other: "Value | Plain") -> "Boolean":
        """Ask whether both are the same; so are two values that are both absent."""
        right = as_value(other)
        if not _comparable(self.expression.type, right.expression.type):
            raise TypeError(f"{a(self.expression.type)} never equals {a(right.expression.type)}")
        return Boolean(Call("equal", (self.expression, right.expression), Type.BOOLEAN))

    def __bool__(self) -> NoReturn:
        raise TypeError("a mapping is written before there is an event: use when(...), and_(), or_() and negate(), not if, and, or, not")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a mapping is written before there is an event: use equal_to(...), not ==")

    def _text(self, operation: str, *constants: Constant) -> "Text":
        return Text(Call(operation, (self.expression, *constants), Type.TEXT))


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
        return Boolean(Call("not", (self.expression,), Type.BOOLEAN))

    def _with(self, operation: str, other: "Boolean") -> "Boolean":
        if not isinstance(other, Boolean):
            raise TypeError(f"a condition is joined with another condition, not with {told(other)}")
        return Boolean(Call(operation, (self.expression, other.expression), Type.BOOLEAN))


class Text(Value):
    """A text."""

    __slots__ = ()

    def uri(self) -> "Uri":
        """Take it apart as an address; the same as parse(...).to_uri()."""
        return Uri(Call("uri", (self.expression,), Type.URI))


class Number(Value):
    """A number of one of Avro's four kinds."""

    __slots__ = ()

    def within(self, low: float, high: float) -> "Number":
        """The number where it is from low to high; otherwise it is absent, and the event is flagged by is_implausible()."""
        for bound in (low, high):
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
                raise TypeError(f"within takes two numbers, the lowest and the highest, not {told(bound)}")
        if low > high:
            raise ValueError(f"within takes the lowest number first, not {low!r} before {high!r}")
        return Number(Call("within", (self.expression, low, high, "", False), self.expression.type))


class Texts(Value):
    """Several texts, in order: for a field that is an array."""

    __slots__ = ()


class Integers(Value):
    """Several whole numbers, in order: for a field that is an array."""

    __slots__ = ()


class Header(Texts):
    """The values of a request's header: all lines of that name, taken apart at commas."""

    __slots__ = ()

    def first(self) -> Text:
        """The first value."""
        return self.get(0)

    def last(self) -> Text:
        """The last value."""
        return self.get(-1)

    def get(self, number: int) -> Text:
        """One of the values: from 0 on, or from -1 on backwards."""
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"get takes a whole number: 0 for the first value, -1 for the last, not {told(number)}")
        return self._text("item", number)

    def comma_separated(self) -> Text:
        """All values, joined with commas."""
        return self._text("joined")


class Uri(Value):
    """An address taken apart. Map one of its parts."""

    __slots__ = ()

    def scheme(self) -> Text:
        """What stands before the first colon."""
        return self._text("uri_scheme")

    def host(self) -> Text:
        """The name or number of the machine."""
        return self._text("uri_host")

    def port(self) -> Number:
        """The port, where one is written."""
        return Number(Call("uri_port", (self.expression,), Type.INT32))

    def path(self) -> Text:
        """The path with its percent escapes resolved."""
        return self._text("uri_path")

    def raw_path(self) -> Text:
        """The path as it is written."""
        return self._text("uri_raw_path")

    def raw_query_string(self) -> Text:
        """The query as it is written."""
        return self._text("uri_raw_query")

    def decoded_query_string(self) -> Text:
        """The query with its percent escapes resolved; a plus stays one."""
        return self._text("uri_decoded_query")

    def raw_fragment(self) -> Text:
        """The fragment as it is written."""
        return self._text("uri_raw_fragment")

    def decoded_fragment(self) -> Text:
        """The fragment with its percent escapes resolved."""
        return self._text("uri_decoded_fragment")

    def query(self) -> "Query":
        """The names and values of the query, form-decoded."""
        return Query(Call("uri_query", (self.expression,), Type.QUERY))


class Query(Value):
    """Names and values of an address: for a field that is a map of arrays of texts."""

    __slots__ = ()

    def value(self, name: str) -> Text:
        """The first value of that name, form-decoded."""
        return self._text("query_value", name_of(name))

    def value_list(self, name: str) -> Texts:
        """All values of that name, form-decoded."""
        return Texts(Call("query_values", (self.expression, name_of(name)), Type.TEXTS))

    def first_of(self, *names: str) -> Text:
        """The first pair whose name is one of those, as name:value; the name alone where none has a value."""
        return self._text("query_first_of", tuple(map(name_of, names)))


class Matcher(Value):
    """A text compared with a regular expression. Ask whether it .matches(), or map a .group()."""

    __slots__ = ("_pattern",)

    def __init__(self, expression: Expression, pattern: str) -> None:
        super().__init__(expression)
        self._pattern = pattern

    def matches(self) -> Boolean:
        """Ask whether the whole text matches."""
        assert isinstance(self.expression, Call)
        return Boolean(Call("matches", self.expression.arguments, Type.BOOLEAN))

    def group(self, which: int | str) -> Text:
        """What a group caught, by number or name; 0 is all."""
        return self._text("group", patterns.group_of(self._pattern, which))


class Match:
    """A regular expression on its way to a text."""

    def __init__(self, pattern: str) -> None:
        self._pattern = patterns.read(pattern)

    def against(self, value: Text) -> Matcher:
        """Compare the whole of a text with it."""
        return Matcher(Call("matcher", (_text(value, "against").expression, self._pattern), Type.MATCHER), self._pattern)


class Json(Value):
    """A JSON value: the event parameters or a part of them. What it fits is seen event by event; what does not fit is not written."""

    __slots__ = ()

    def path(self, path: str) -> "Json":
        """The part at a JSONPath; one that may find several parts, such as $.items[*].sku, gives a list."""
        match paths.read(path):
            case (paths.DEFINITE, None, str(name)):
                return Json(Call("json_member", (self.expression, name), Type.JSON))
            case steps:
                return Json(Call("json_path", (self.expression, steps), Type.JSON))

    def value(self, name: str) -> Text:
        """The text of a property that is a text, a number or a boolean."""
        return self._text("json_value", name_of(name))


class Bytes(Value):
    """The result of a digest: bytes, or their text."""

    __slots__ = ()

    def to_hex_lower(self) -> Text:
        """Hexadecimal digits with small letters."""
        return self._text("to_hex_lower")

    def to_hex_upper(self) -> Text:
        """Hexadecimal digits with capitals."""
        return self._text("to_hex_upper")

    def to_base64(self) -> Text:
        """Base64, padded."""
        return self._text("to_base64")


class Digest:
    """A digest on its way: .add(...) what is to be digested, then take its .result()."""

    def __init__(self, recipe: tuple[str, str | None], parts: tuple[Expression, ...] = ()) -> None:
        self._recipe, self._parts = recipe, parts

    def add(self, value: "Text | Bytes | Json | str") -> "Digest":
        """Append a text, the bytes of another digest, or the text of a JSON value that has one; what is absent adds nothing."""
        part = as_value(value)
        if not isinstance(part, Text | Bytes | Json):
            raise TypeError(f"a digest takes a text, another digest's result or a JSON value, not {told(value)}")
        expression = part.expression
        added = Call("digested_text", (expression,), Type.TEXT) if isinstance(part, Json) else expression
        return Digest(self._recipe, (*self._parts, added))

    def result(self) -> Bytes:
        """End it."""
        return Bytes(Call("digest", (self._recipe, *self._parts), Type.BYTES))


def as_value(value: object) -> Value:
    """Give a value for a literal of Python."""
    if isinstance(value, Value):
        return value
    if isinstance(value, bool):
        return Boolean(Literal(value, Type.BOOLEAN))
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return Number(Literal(value, Type.INT32 if -(2**31) <= value < 2**31 else Type.INT64))
    if isinstance(value, float):
        return Number(Literal(value, Type.FP64))
    if isinstance(value, str):
        return Text(Literal(value, Type.TEXT))
    raise TypeError(f"{told(value)} is neither a value of an event nor a text, number or boolean")


def a(kind: Type) -> str:
    """Name a type with its article."""
    return kind.value if kind is Type.BYTES else f"{'an' if kind.value[0] == 'i' else 'a'} {kind.value}"


def told(value: object) -> str:
    """Name what stands where it does not belong, with what was probably meant."""
    if isinstance(value, Value):
        return a(value.expression.type)
    if isinstance(value, Digest):
        return "a digest without .result()"
    if isinstance(value, Match):
        return "a match(...) without .against(...)"
    if isinstance(value, Parsed):
        return "a parse(...) without .to_int32() or its like"
    if callable(value):
        return f"{getattr(value, '__name__', value)} without ()"
    return repr(value)


def name_of(name: object) -> str:
    """Check that a name is a text of the mapping's, known before there is an event."""
    if not isinstance(name, str):
        raise TypeError(f"a name is a constant text, not {told(name)}{' of the event' if isinstance(name, Value) else ''}")
    return name


def _text(value: object, what: str) -> Text:
    if not isinstance(value, Text):
        raise TypeError(f"{what} takes a text of the event, not {told(value)}")
    return value


class Parsed:
    """A text on its way to a type."""

    def __init__(self, value: Value) -> None:
        self._text = _text(value, "parse")

    def to_int32(self) -> Number:
        """A whole number of 32 bits."""
        return Number(self._call("parse_int32", Type.INT32))

    def to_int64(self) -> Number:
        """A whole number of 64 bits."""
        return Number(self._call("parse_int64", Type.INT64))

    def to_fp32(self) -> Number:
        """A number of 32 bits."""
        return Number(self._call("parse_fp", Type.FP32))

    def to_fp64(self) -> Number:
        """A number of 64 bits."""
        return Number(self._call("parse_fp", Type.FP64))

    def to_bool(self) -> Boolean:
        """True if the text is true in any case of letters, else false."""
        return Boolean(self._call("parse_bool", Type.BOOLEAN))

    def to_uri(self) -> Uri:
        """An address, to take its parts."""
        return self._text.uri()

    def _call(self, operation: str, result: Type) -> Call:
        return Call(operation, (self._text.expression,), result)

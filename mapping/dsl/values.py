"""The values of the mapping language, with the values and conditions that can be derived from each."""

import math
from typing import NoReturn, TypeAlias

from mapping.dsl.expressions import Call, Constant, Expression, Literal, Type
from mapping.operations import paths, patterns

Plain: TypeAlias = str | bool | int | float


class Value:
    """A value that events may lack. Where it is absent, every value derived from it is absent."""

    __slots__ = ("expression",)
    __hash__ = None  # type: ignore[assignment]  # values are compared with equal_to()

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def is_present(self) -> "Boolean":
        """Return whether the event has the value."""
        return Boolean(Call("is_present", (self.expression,), Type.BOOLEAN))

    def is_absent(self) -> "Boolean":
        """Return whether the event lacks the value."""
        return Boolean(Call("is_absent", (self.expression,), Type.BOOLEAN))

    def equal_to(self, other: "Value | Plain") -> "Boolean":
        """Return whether both values are equal; two absent values are."""
        right = as_value(other)
        if not _comparable(self.expression.type, right.expression.type):
            raise TypeError(f"{with_article(self.expression.type)} never equals {with_article(right.expression.type)}")
        return Boolean(Call("equal", (self.expression, right.expression), Type.BOOLEAN))

    def __bool__(self) -> NoReturn:
        raise TypeError("a mapping runs before there are events: use when(...), and_(), or_() and negate() instead of if, and, or and not")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a mapping runs before there are events: use equal_to(...) instead of ==")

    def _text(self, operation: str, *constants: Constant) -> "Text":
        return Text(Call(operation, (self.expression, *constants), Type.TEXT))


def _comparable(left: Type, right: Type) -> bool:
    numbers = {Type.INT32, Type.INT64, Type.FP32, Type.FP64}
    return left is right or {left, right} <= numbers


class Boolean(Value):
    """A value that is true or false; also a condition."""

    __slots__ = ()

    def and_(self, other: "Boolean") -> "Boolean":
        """Return whether both conditions hold; absent if either is."""
        return self._join("and", other)

    def or_(self, other: "Boolean") -> "Boolean":
        """Return whether one of the conditions holds; absent if either is."""
        return self._join("or", other)

    def negate(self) -> "Boolean":
        """Return whether the condition does not hold."""
        return Boolean(Call("not", (self.expression,), Type.BOOLEAN))

    def _join(self, operation: str, other: "Boolean") -> "Boolean":
        if not isinstance(other, Boolean):
            raise TypeError(f"{operation}_ takes a condition, not {describe(other)}")
        return Boolean(Call(operation, (self.expression, other.expression), Type.BOOLEAN))


class Text(Value):
    """A text."""

    __slots__ = ()

    def uri(self) -> "Uri":
        """Parse the text as a URL; the same as parse(...).to_uri()."""
        return Uri(Call("uri", (self.expression,), Type.URI))


class Number(Value):
    """A number: int, long, float or double of Avro."""

    __slots__ = ()

    def within(self, low: float, high: float) -> "Number":
        """Limit the number to a range. Outside of it, the value is absent and is_implausible() flags the event."""
        for bound in (low, high):
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
                raise TypeError(f"within takes two numbers, the lowest and the highest, not {describe(bound)}")
        if low > high:
            raise ValueError(f"within takes the lowest number first, not {low!r} before {high!r}")
        return Number(Call("within", (self.expression, low, high, "", False), self.expression.type))


class Texts(Value):
    """A list of texts, for a field that is an array."""

    __slots__ = ()


class Integers(Value):
    """A list of whole numbers, for a field that is an array."""

    __slots__ = ()


class Header(Texts):
    """The values of a request header: all lines of that name, split at commas."""

    __slots__ = ()

    def first(self) -> Text:
        """Return the first value."""
        return self.get(0)

    def last(self) -> Text:
        """Return the last value."""
        return self.get(-1)

    def get(self, index: int) -> Text:
        """Return a value by its index: 0 is the first, -1 the last."""
        if isinstance(index, bool) or not isinstance(index, int):
            raise TypeError(f"get takes a whole number, such as 0 for the first value or -1 for the last, not {describe(index)}")
        return self._text("item", index)

    def comma_separated(self) -> Text:
        """Return all values, joined with commas."""
        return self._text("joined")


class Uri(Value):
    """A parsed URL. Map one of its parts."""

    __slots__ = ()

    def scheme(self) -> Text:
        """Return the scheme, such as https."""
        return self._text("uri_scheme")

    def host(self) -> Text:
        """Return the host name or IP address."""
        return self._text("uri_host")

    def port(self) -> Number:
        """Return the port; absent if the URL has none."""
        return Number(Call("uri_port", (self.expression,), Type.INT32))

    def path(self) -> Text:
        """Return the path, percent-decoded."""
        return self._text("uri_path")

    def raw_path(self) -> Text:
        """Return the path, not decoded."""
        return self._text("uri_raw_path")

    def raw_query_string(self) -> Text:
        """Return the query, not decoded."""
        return self._text("uri_raw_query")

    def decoded_query_string(self) -> Text:
        """Return the query, percent-decoded; a plus sign stays."""
        return self._text("uri_decoded_query")

    def raw_fragment(self) -> Text:
        """Return the fragment, not decoded."""
        return self._text("uri_raw_fragment")

    def decoded_fragment(self) -> Text:
        """Return the fragment, percent-decoded."""
        return self._text("uri_decoded_fragment")

    def query(self) -> "Query":
        """Return the parameters of the query, form-decoded."""
        return Query(Call("uri_query", (self.expression,), Type.QUERY))


class Query(Value):
    """The parameters of a query: their values by name, for a field that is a map of arrays of texts."""

    __slots__ = ()

    def value(self, name: str) -> Text:
        """Return the first value of a parameter."""
        return self._text("query_value", name_of(name))

    def value_list(self, name: str) -> Texts:
        """Return all values of a parameter."""
        return Texts(Call("query_values", (self.expression, name_of(name)), Type.TEXTS))

    def first_of(self, *names: str) -> Text:
        """Return the first of these parameters that has a value, as name:value; the name alone if none has a value."""
        return self._text("query_first_of", tuple(map(name_of, names)))


class Matcher(Value):
    """A text and a regular expression: .matches() is a condition, .group() a text."""

    __slots__ = ("_pattern",)

    def __init__(self, expression: Expression, pattern: str) -> None:
        super().__init__(expression)
        self._pattern = pattern

    def matches(self) -> Boolean:
        """Return whether the whole text matches."""
        assert isinstance(self.expression, Call)
        return Boolean(Call("matches", self.expression.arguments, Type.BOOLEAN))

    def group(self, group: int | str) -> Text:
        """Return the text of a group, by number or name; 0 is the whole match."""
        return self._text("group", patterns.check_group(self._pattern, group))


class Match:
    """A regular expression that still needs a text: .against(...)."""

    def __init__(self, pattern: str) -> None:
        self._pattern = patterns.translate(pattern)

    def against(self, value: Text) -> Matcher:
        """Match the whole text."""
        return Matcher(Call("matcher", (_text(value, "against").expression, self._pattern), Type.MATCHER), self._pattern)


class Json(Value):
    """A JSON value: the event parameters or a part of them. Where it does not fit its field, it is not written."""

    __slots__ = ()

    def path(self, path: str) -> "Json":
        """Return the part at a JSONPath; a list if the path may find several, such as $.items[*].sku."""
        match paths.parse(path):
            case (paths.DEFINITE, None, str(name)):
                return Json(Call("json_member", (self.expression, name), Type.JSON))
            case steps:
                return Json(Call("json_path", (self.expression, steps), Type.JSON))

    def value(self, name: str) -> Text:
        """Return the text of a property that is a text, a number or a boolean."""
        return self._text("json_value", name_of(name))


class Bytes(Value):
    """The result of a digest: bytes, or their text in hexadecimal or Base64."""

    __slots__ = ()

    def to_hex_lower(self) -> Text:
        """Return hexadecimal digits in lower case."""
        return self._text("to_hex_lower")

    def to_hex_upper(self) -> Text:
        """Return hexadecimal digits in upper case."""
        return self._text("to_hex_upper")

    def to_base64(self) -> Text:
        """Return Base64 with padding."""
        return self._text("to_base64")


class Digest:
    """A digest that collects its input with .add(...) until .result()."""

    def __init__(self, algorithm: tuple[str, str | None], parts: tuple[Expression, ...] = ()) -> None:
        self._algorithm, self._parts = algorithm, parts

    def add(self, value: "Text | Bytes | Json | str") -> "Digest":
        """Append a text, the bytes of another digest, or the text of a JSON value; an absent value adds nothing."""
        part = as_value(value)
        if not isinstance(part, Text | Bytes | Json):
            raise TypeError(f"a digest takes a text, another digest's result or a JSON value, not {describe(value)}")
        expression = part.expression
        added = Call("digested_text", (expression,), Type.TEXT) if isinstance(part, Json) else expression
        return Digest(self._algorithm, (*self._parts, added))

    def result(self) -> Bytes:
        """Return the digest of everything added."""
        return Bytes(Call("digest", (self._algorithm, *self._parts), Type.BYTES))


def as_value(value: object) -> Value:
    """Return a value, or the value of a Python literal."""
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
    raise TypeError(f"not a valid value: {describe(value)}; use a value of the event, a text, a number or a boolean")


def with_article(value_type: Type) -> str:
    """Return the name of a type with its article."""
    return value_type.value if value_type is Type.BYTES else f"{'an' if value_type.value[0] == 'i' else 'a'} {value_type.value}"


def describe(value: object) -> str:
    """Describe a value in an error message, with the part that it probably lacks."""
    if isinstance(value, Value):
        return with_article(value.expression.type)
    if isinstance(value, Digest):
        return "a digest without .result()"
    if isinstance(value, Match):
        return "a match(...) without .against(...)"
    if isinstance(value, Parsed):
        return "a parse(...) without a type, such as .to_int32()"
    if callable(value):
        return f"{getattr(value, '__name__', value)} without ()"
    return repr(value)


def name_of(name: object) -> str:
    """Return a name; raise TypeError unless it is a constant text."""
    if not isinstance(name, str):
        raise TypeError(f"a name must be a constant text, not {describe(name)}{' of the event' if isinstance(name, Value) else ''}")
    return name


def _text(value: object, function: str) -> Text:
    if not isinstance(value, Text):
        raise TypeError(f"{function} takes a text of the event, not {describe(value)}")
    return value


class Parsed:
    """A text that still needs a type, such as .to_int32()."""

    def __init__(self, value: Value) -> None:
        self._text = _text(value, "parse")

    def to_int32(self) -> Number:
        """Parse a whole number of 32 bits."""
        return Number(self._call("parse_int32", Type.INT32))

    def to_int64(self) -> Number:
        """Parse a whole number of 64 bits."""
        return Number(self._call("parse_int64", Type.INT64))

    def to_fp32(self) -> Number:
        """Parse a floating-point number of 32 bits."""
        return Number(self._call("parse_fp", Type.FP32))

    def to_fp64(self) -> Number:
        """Parse a floating-point number of 64 bits."""
        return Number(self._call("parse_fp", Type.FP64))

    def to_bool(self) -> Boolean:
        """Parse a boolean: true for true in any case, otherwise false."""
        return Boolean(self._call("parse_bool", Type.BOOLEAN))

    def to_uri(self) -> Uri:
        """Parse a URL."""
        return self._text.uri()

    def _call(self, operation: str, result: Type) -> Call:
        return Call(operation, (self._text.expression,), result)

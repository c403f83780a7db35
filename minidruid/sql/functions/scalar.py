"""The scalar functions of Druid 33 that minidruid knows, each with what DuckDB calls it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minidruid.errors import RUNTIME, QueryError
from minidruid.sql.functions import strings, times
from minidruid.sql.functions.json_paths import json_path
from minidruid.sql.functions.strings import Arguments, as_text, constant, is_text
from minidruid.sql.limits import copied
from minidruid.sql.types import INSTANTS, NUMBERS, Fragment, Kind, instant, null, string, text


@dataclass(frozen=True, slots=True)
class Function:
    """How many arguments a function takes, and what is written for it."""

    least: int
    most: int
    write: Callable[[Arguments], Fragment]


def template(pattern: str, kind: Kind | None = None, *, least: int, most: int | None = None) -> Function:
    """A function that DuckDB has under another name; without a kind its value is of the first argument's."""

    def write(arguments: Arguments) -> Fragment:
        texts = [argument.text for argument in arguments]
        return Fragment(pattern.format(*texts, all=", ".join(texts)), kind or _common(arguments))

    return Function(least, least if most is None else most, write)


def _common(arguments: Arguments) -> Kind:
    kinds = {argument.kind for argument in arguments} - {Kind.NULL}
    if len(kinds) == 1:
        return kinds.pop()
    if kinds and kinds <= NUMBERS:
        return Kind.DOUBLE
    if kinds and kinds <= INSTANTS:
        return Kind.TIMESTAMP
    return Kind.VARCHAR if kinds else Kind.NULL


def unify(arguments: Arguments) -> tuple[list[str], Kind]:
    """Write values of several kinds as values of one, and tell which."""
    kind = _common(arguments)
    as_texts = kind is Kind.VARCHAR
    return [as_text(value) if as_texts and value.kind is not Kind.NULL else value.text for value in arguments], kind


def as_instant(value: Fragment) -> str:
    """Write a value as an instant: a text is read as ISO 8601, a number is milliseconds."""
    if value.kind is Kind.TIMESTAMP:
        return value.text
    if value.kind is Kind.BIGINT:
        return f"make_timestamp_ms({value.text})"
    if value.literal is not None:
        found = times.parse_instant(value.literal)
        return instant(found).text if found else null(Kind.TIMESTAMP).text
    return f"TRY_CAST({value.text} AS TIMESTAMP)"


def divide(left: Fragment, right: Fragment) -> Fragment:
    """Write a division: of two integers it is one."""
    if left.kind is Kind.BIGINT and right.kind is Kind.BIGINT:
        return Fragment(f"({left.text} // {right.text})", Kind.BIGINT)
    return Fragment(f"({left.text} / {right.text})", Kind.DOUBLE)


def _texts(pattern: str, kind: Kind = Kind.VARCHAR, *, least: int, most: int | None = None, texts: int = 1) -> Function:
    """A function of texts: the first `texts` arguments may be of any plain kind."""

    def write(arguments: Arguments) -> Fragment:
        for argument in arguments[:texts]:
            is_text(argument)
        written = [as_text(argument) if at < texts else argument.text for at, argument in enumerate(arguments)]
        found = pattern.format(*written, all=", ".join(written))
        return Fragment(copied(found) if kind is Kind.VARCHAR else found, kind)

    return Function(least, least if most is None else most, write)


def _folded(name: str, fold: Callable[[str], str]) -> Function:
    """A function of letters; of a literal it is one, because Superset writes LIKE LOWER('%x%')."""
    plain = _texts(f"{name.lower()}({{0}})", least=1)

    def write(arguments: Arguments) -> Fragment:
        literal = arguments[0].literal if arguments[0].kind is Kind.VARCHAR else None
        return string(fold(literal)) if literal is not None else plain.write(arguments)

    return Function(1, 1, write)


def _optional(short: str, long: str, kind: Kind, count: int, *, texts: int = 1) -> Function:
    """A function with one argument that may be left out."""
    forms = {count: _texts(short, kind, least=count, texts=texts), count + 1: _texts(long, kind, least=count + 1, texts=texts)}
    return Function(count, count + 1, lambda arguments: forms[len(arguments)].write(arguments))


def _of_one_kind(name: str) -> Callable[[Arguments], Fragment]:
    """A function whose arguments must be of one kind, which is also that of its value."""

    def write(arguments: Arguments) -> Fragment:
        texts, kind = unify(arguments)
        return Fragment(f"{name}({', '.join(texts)})", kind)

    return write


def _safe_divide(arguments: Arguments) -> Fragment:
    left, right = arguments
    by = f"NULLIF({right.text}, 0)"
    return divide(left, Fragment(by, right.kind))


def _truncate(arguments: Arguments) -> Fragment:
    value = arguments[0]
    if len(arguments) == 1:
        return Fragment(f"trunc({value.text})", value.kind)
    scale = f"power(10, {arguments[1].text})"
    return Fragment(f"(trunc({value.text} * {scale}) / {scale})", Kind.DOUBLE)


def _round(arguments: Arguments) -> Fragment:
    value = arguments[0]
    digits = arguments[1].text if len(arguments) > 1 else "0"
    return Fragment(f"round({value.text}, {digits})", value.kind)


def _zone(arguments: Arguments, at: int) -> str | None:
    """The time zone among the arguments; None for UTC, which is also what an unknown one means (the translator sees to that)."""
    if len(arguments) <= at or arguments[at].kind is Kind.NULL:
        return None
    return constant(arguments[at], "time zone")


def _origin(arguments: Arguments, at: int) -> str | None:
    if len(arguments) <= at or arguments[at].kind is Kind.NULL:
        return None
    return as_instant(arguments[at])


def _period(argument: Fragment, function: str) -> times.Period:
    return times.Period.parse(constant(argument, function))


def _time_floor(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_FLOOR")
    return Fragment(times.floor(as_instant(arguments[0]), period, _zone(arguments, 3), _origin(arguments, 2)), Kind.TIMESTAMP)


def _time_ceil(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_CEIL")
    return Fragment(times.ceil(as_instant(arguments[0]), period, _zone(arguments, 3), _origin(arguments, 2)), Kind.TIMESTAMP)


def _time_shift(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_SHIFT")
    return Fragment(times.shift(as_instant(arguments[0]), period, arguments[2].text, _zone(arguments, 3)), Kind.TIMESTAMP)


def _time_extract(arguments: Arguments) -> Fragment:
    unit = constant(arguments[1], "TIME_EXTRACT") if len(arguments) > 1 else "EPOCH"
    zone = _zone(arguments, 2)
    value = as_instant(arguments[0])
    return times.part(unit, times.to_zone(value, zone) if zone and unit.upper() != "EPOCH" else value)


def _time_parse(arguments: Arguments) -> Fragment:
    value, zone = arguments[0], _zone(arguments, 2)
    if len(arguments) > 1 and arguments[1].kind is not Kind.NULL:
        written = f"try_strptime({as_text(value)}, {text(times.strftime(constant(arguments[1], 'TIME_PARSE')))})"
    elif value.literal is not None and times.parse_instant(value.literal) is None:
        raise QueryError(f"TIME_PARSE: [{value.literal}] is no timestamp, such as '2000-01-02T03:04:05'.", RUNTIME)
    else:
        written = as_instant(Fragment(as_text(value), Kind.VARCHAR, value.literal))
    return Fragment(times.from_zone(written, zone) if zone else written, Kind.TIMESTAMP)


def _time_format(arguments: Arguments) -> Fragment:
    value, zone = as_instant(arguments[0]), _zone(arguments, 2)
    shown = times.to_zone(value, zone) if zone else value
    if len(arguments) > 1 and arguments[1].kind is not Kind.NULL:
        return Fragment(f"strftime({shown}, {text(times.strftime(constant(arguments[1], 'TIME_FORMAT')))})", Kind.VARCHAR)
    plain = f"strftime({shown}, {text(times.strftime(times.ISO_PATTERN))})"
    return Fragment(f"({plain} || {times.offset(value, shown) if zone else text('+00:00')})", Kind.VARCHAR)


def _time_in_interval(arguments: Arguments) -> Fragment:
    interval = constant(arguments[1], "TIME_IN_INTERVAL")
    begin, _, end = (times.parse_instant(side) if side != "/" else None for side in interval.partition("/"))
    if begin is None or end is None:
        raise QueryError(f"TIME_IN_INTERVAL: [{interval}] is no interval, such as '2000-01-01/2000-02-01'.")
    value = as_instant(arguments[0])
    return Fragment(f"({value} >= {instant(begin).text} AND {value} < {instant(end).text})", Kind.BOOLEAN)


def _date_trunc(arguments: Arguments) -> Fragment:
    unit = times.unit(constant(arguments[0], "DATE_TRUNC"))
    return Fragment(f"date_trunc('{unit}', {as_instant(arguments[1])})", Kind.TIMESTAMP)


def _timestamp_add(arguments: Arguments) -> Fragment:
    unit = times.unit(arguments[0].text)
    return Fragment(f"({as_instant(arguments[2])} + ({arguments[1].text}) * INTERVAL 1 {unit})", Kind.TIMESTAMP)


def _timestamp_diff(arguments: Arguments) -> Fragment:
    unit = times.unit(arguments[0].text)
    return Fragment(f"date_sub('{unit}', {as_instant(arguments[1])}, {as_instant(arguments[2])})", Kind.BIGINT)


def json_value(value: Fragment, path: str, returning: Kind) -> Fragment:
    """Write the scalar at a path; NULL for an object, an array, and for anything that is not a nested column."""
    if value.kind is not Kind.JSON:
        return null(returning)
    place = text(json_path(path))
    found = copied(f"json_extract_string({value.text}, {place})")
    found = f"CASE WHEN json_type({value.text}, {place}) NOT IN ('OBJECT', 'ARRAY') THEN {found} END"
    if returning is Kind.VARCHAR:
        return Fragment(found, returning)
    return cast(Fragment(found, Kind.VARCHAR), returning)


def _json_query(arguments: Arguments) -> Fragment:
    value = arguments[0]
    if value.kind is not Kind.JSON:
        return null(Kind.JSON)
    return Fragment(copied(f"json_extract({value.text}, {text(json_path(constant(arguments[1], 'JSON_QUERY')))})"), Kind.JSON)


def _json_keys(arguments: Arguments) -> Fragment:
    value = arguments[0]
    if value.kind is not Kind.JSON:
        return null(Kind.ARRAY)
    return Fragment(copied(f"json_keys({value.text}, {text(json_path(constant(arguments[1], 'JSON_KEYS')))})"), Kind.ARRAY)


def cast(value: Fragment, kind: Kind) -> Fragment:
    """Write a value as another kind; what cannot be read as it is NULL."""
    if kind is Kind.VARCHAR:
        return Fragment(as_text(value), kind, value.literal if value.kind is Kind.VARCHAR else None)
    if kind is Kind.TIMESTAMP:
        if value.kind is Kind.VARCHAR and value.literal is not None and times.parse_instant(value.literal) is None:
            raise QueryError(f"Illegal TIMESTAMP constant [{value.literal}]")
        return Fragment(as_instant(value), kind)
    if kind is Kind.DATE:
        return Fragment(f"CAST({as_instant(value)} AS DATE)", kind)
    if kind is Kind.BIGINT:
        return Fragment(_as_integer(value), kind)
    return Fragment(f"TRY_CAST({value.text} AS {kind})", kind)


def _as_integer(value: Fragment) -> str:
    if value.kind in INSTANTS:
        return f"epoch_ms({value.text})"
    if value.kind is Kind.DOUBLE:
        return f"TRY_CAST(trunc({value.text}) AS BIGINT)"
    if value.kind is Kind.VARCHAR:
        return f"TRY_CAST(trunc(TRY_CAST({value.text} AS DECIMAL(38, 6))) AS BIGINT)"
    return f"TRY_CAST({value.text} AS BIGINT)"


_NUMERIC = ("SQRT", "LN", "EXP", "LOG10", "SIN", "COS", "TAN", "COT", "ASIN", "ACOS", "ATAN", "DEGREES", "RADIANS")

FUNCTIONS: Mapping[str, Function] = {
    **{name: template(f"{name.lower()}({{0}})", Kind.DOUBLE, least=1) for name in _NUMERIC},
    "ABS": template("abs({0})", least=1),
    "ATAN2": template("atan2({0}, {1})", Kind.DOUBLE, least=2),
    "CEILING": template("ceil({0})", least=1),
    "DIV": template("CAST(trunc({0} / {1}) AS BIGINT)", Kind.BIGINT, least=2),
    "MOD": template("({0} % {1})", least=2),
    "PI": template("pi()", Kind.DOUBLE, least=0),
    "POWER": template("power({0}, {1})", Kind.DOUBLE, least=2),
    "ROUND": Function(1, 2, _round),
    "SAFE_DIVIDE": Function(2, 2, _safe_divide),
    "TRUNCATE": Function(1, 2, _truncate),
    "TRUNC": Function(1, 2, _truncate),
    "BITWISE_AND": template("({0} & {1})", Kind.BIGINT, least=2),
    "BITWISE_OR": template("({0} | {1})", Kind.BIGINT, least=2),
    "BITWISE_XOR": template("xor({0}, {1})", Kind.BIGINT, least=2),
    "BITWISE_COMPLEMENT": template("(~{0})", Kind.BIGINT, least=1),
    "BITWISE_SHIFT_LEFT": template("({0} << {1})", Kind.BIGINT, least=2),
    "BITWISE_SHIFT_RIGHT": template("({0} >> {1})", Kind.BIGINT, least=2),
    "COALESCE": Function(1, 50, _of_one_kind("COALESCE")),
    "NVL": Function(2, 2, _of_one_kind("COALESCE")),
    "NULLIF": Function(2, 2, _of_one_kind("NULLIF")),
    "GREATEST": Function(1, 50, _of_one_kind("greatest")),
    "LEAST": Function(1, 50, _of_one_kind("least")),
    "CONCAT": Function(1, 50, strings.concatenate),
    "TEXTCAT": Function(2, 2, strings.concatenate),
    "LOWER": _folded("LOWER", str.lower),
    "UPPER": _folded("UPPER", str.upper),
    "REVERSE": _texts("reverse({0})", least=1),
    "REPEAT": Function(2, 2, strings.repeat),
    "REPLACE": Function(3, 3, strings.replace),
    "LEFT": _texts("left({0}, {1})", least=2),
    "RIGHT": _texts("right({0}, {1})", least=2),
    "LPAD": Function(2, 3, lambda arguments: strings.pad("LPAD", arguments)),
    "RPAD": Function(2, 3, lambda arguments: strings.pad("RPAD", arguments)),
    "SUBSTR": _optional("substring({0}, {1})", "substring({0}, {1}, {2})", Kind.VARCHAR, 2),
    "BTRIM": _optional("trim({0})", "trim({0}, {1})", Kind.VARCHAR, 1),
    "LTRIM": _optional("ltrim({0})", "ltrim({0}, {1})", Kind.VARCHAR, 1),
    "RTRIM": _optional("rtrim({0})", "rtrim({0}, {1})", Kind.VARCHAR, 1),
    **dict.fromkeys(("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "STRLEN"), _texts("length({0})", Kind.BIGINT, least=1)),
    "STRPOS": _texts("strpos({0}, {1})", Kind.BIGINT, least=2, texts=2),
    "CONTAINS_STRING": _texts("contains({0}, {1})", Kind.BOOLEAN, least=2, texts=2),
    "ICONTAINS_STRING": _texts("contains(lower({0}), lower({1}))", Kind.BOOLEAN, least=2, texts=2),
    "REGEXP_LIKE": Function(2, 2, strings.regexp_like),
    "REGEXP_REPLACE": Function(3, 3, strings.regexp_replace),
    "REGEXP_EXTRACT": Function(2, 3, strings.regexp_extract),
    "STRING_FORMAT": Function(1, 20, strings.format_text),
    "DECODE_BASE64_UTF8": _texts("decode(from_base64({0}))", least=1),
    "PARSE_LONG": Function(1, 1, lambda arguments: cast(arguments[0], Kind.BIGINT)),
    "TIME_FLOOR": Function(2, 4, _time_floor),
    "TIME_CEIL": Function(2, 4, _time_ceil),
    "TIME_SHIFT": Function(3, 4, _time_shift),
    "TIME_EXTRACT": Function(1, 3, _time_extract),
    "TIME_PARSE": Function(1, 3, _time_parse),
    "TIME_FORMAT": Function(1, 3, _time_format),
    "TIME_IN_INTERVAL": Function(2, 2, _time_in_interval),
    "DATE_TRUNC": Function(2, 2, _date_trunc),
    "TIMESTAMPADD": Function(3, 3, _timestamp_add),
    "TIMESTAMPDIFF": Function(3, 3, _timestamp_diff),
    "MILLIS_TO_TIMESTAMP": template("make_timestamp_ms(CAST({0} AS BIGINT))", Kind.TIMESTAMP, least=1),
    "TIMESTAMP_TO_MILLIS": Function(1, 1, lambda arguments: Fragment(f"epoch_ms({as_instant(arguments[0])})", Kind.BIGINT)),
    "JSON_QUERY": Function(2, 2, _json_query),
    "JSON_KEYS": Function(2, 2, _json_keys),
    "PARSE_JSON": template(copied("CAST({0} AS JSON)"), Kind.JSON, least=1),
    "TRY_PARSE_JSON": template(copied("TRY_CAST({0} AS JSON)"), Kind.JSON, least=1),
    "TO_JSON_STRING": Function(1, 1, strings.to_json),
    "STRING_TO_ARRAY": Function(2, 2, strings.split),
    "ARRAY_TO_STRING": Function(2, 2, strings.join),
    "ARRAY_LENGTH": template("len({0})", Kind.BIGINT, least=1),
    "ARRAY_CONTAINS": template("list_contains({0}, {1})", Kind.BOOLEAN, least=2),
}

"""The scalar functions of Druid 33 that minidruid supports, with their translations to DuckDB SQL."""

from collections.abc import Callable, Mapping

from minidruid.sql.functions import strings
from minidruid.sql.functions.casts import Arguments, as_text, cast, divide, to_common_type
from minidruid.sql.functions.function import Function, template
from minidruid.sql.functions.nested import NESTED_FUNCTIONS
from minidruid.sql.functions.time_functions import TIME_FUNCTIONS
from minidruid.sql.limits import counted
from minidruid.sql.types import Fragment, SqlType, text_fragment


def _text_template(pattern: str, sql_type: SqlType = SqlType.VARCHAR, *, arguments: int, texts: int = 1) -> Function:
    """Define a function by a pattern; its first `texts` arguments are converted to text."""

    def translate(given: Arguments) -> Fragment:
        for argument in given[:texts]:
            strings.require_text(argument)
        found = pattern.format(*(as_text(argument) if at < texts else argument.text for at, argument in enumerate(given)))
        return Fragment(counted(found) if sql_type is SqlType.VARCHAR else found, sql_type)

    return Function(arguments, arguments, translate)


def _letter_case(name: str, convert: Callable[[str], str]) -> Function:
    """Define LOWER or UPPER; of a literal it is a literal, because Superset writes LIKE LOWER('%x%')."""
    of_any = _text_template(f"{name.lower()}({{0}})", arguments=1)

    def translate(arguments: Arguments) -> Fragment:
        literal = arguments[0].literal if arguments[0].type is SqlType.VARCHAR else None
        return text_fragment(convert(literal)) if literal is not None else of_any.translate(arguments)

    return Function(1, 1, translate)


def _with_optional(short: str, long: str, arguments: int) -> Function:
    """Define a function whose last argument is optional."""
    forms = {arguments: _text_template(short, arguments=arguments), arguments + 1: _text_template(long, arguments=arguments + 1)}
    return Function(arguments, arguments + 1, lambda given: forms[len(given)].translate(given))


def _of_common_type(name: str, min_arguments: int, max_arguments: int) -> Function:
    """Define a function whose arguments are converted to their common type, which is that of the result."""

    def translate(arguments: Arguments) -> Fragment:
        texts, sql_type = to_common_type(arguments)
        return Fragment(f"{name}({', '.join(texts)})", sql_type)

    return Function(min_arguments, max_arguments, translate)


def _safe_divide(arguments: Arguments) -> Fragment:
    left, right = arguments
    return divide(left, Fragment(f"NULLIF({right.text}, 0)", right.type))


def _truncate(arguments: Arguments) -> Fragment:
    value = arguments[0]
    if len(arguments) == 1:
        return Fragment(f"trunc({value.text})", value.type)
    scale = f"power(10, {arguments[1].text})"
    return Fragment(f"(trunc({value.text} * {scale}) / {scale})", SqlType.DOUBLE)


def _round(arguments: Arguments) -> Fragment:
    value = arguments[0]
    digits = arguments[1].text if len(arguments) > 1 else "0"
    return Fragment(f"round({value.text}, {digits})", value.type)


_OF_ONE_NUMBER = ("SQRT", "LN", "EXP", "LOG10", "SIN", "COS", "TAN", "COT", "ASIN", "ACOS", "ATAN", "DEGREES", "RADIANS")

FUNCTIONS: Mapping[str, Function] = {
    **{name: template(f"{name.lower()}({{0}})", SqlType.DOUBLE, arguments=1) for name in _OF_ONE_NUMBER},
    "ABS": template("abs({0})", arguments=1),
    "ATAN2": template("atan2({0}, {1})", SqlType.DOUBLE, arguments=2),
    "CEILING": template("ceil({0})", arguments=1),
    "DIV": template("CAST(trunc({0} / {1}) AS BIGINT)", SqlType.BIGINT, arguments=2),
    "MOD": template("({0} % {1})", arguments=2),
    "PI": template("pi()", SqlType.DOUBLE, arguments=0),
    "POWER": template("power({0}, {1})", SqlType.DOUBLE, arguments=2),
    "ROUND": Function(1, 2, _round),
    "SAFE_DIVIDE": Function(2, 2, _safe_divide),
    "TRUNCATE": Function(1, 2, _truncate),
    "TRUNC": Function(1, 2, _truncate),
    "BITWISE_AND": template("({0} & {1})", SqlType.BIGINT, arguments=2),
    "BITWISE_OR": template("({0} | {1})", SqlType.BIGINT, arguments=2),
    "BITWISE_XOR": template("xor({0}, {1})", SqlType.BIGINT, arguments=2),
    "BITWISE_COMPLEMENT": template("(~{0})", SqlType.BIGINT, arguments=1),
    "BITWISE_SHIFT_LEFT": template("({0} << {1})", SqlType.BIGINT, arguments=2),
    "BITWISE_SHIFT_RIGHT": template("({0} >> {1})", SqlType.BIGINT, arguments=2),
    "COALESCE": _of_common_type("COALESCE", 1, 50),
    "NVL": _of_common_type("COALESCE", 2, 2),
    "NULLIF": _of_common_type("NULLIF", 2, 2),
    "GREATEST": _of_common_type("greatest", 1, 50),
    "LEAST": _of_common_type("least", 1, 50),
    "CONCAT": Function(1, 50, strings.concatenate),
    "TEXTCAT": Function(2, 2, strings.concatenate),
    "LOWER": _letter_case("LOWER", str.lower),
    "UPPER": _letter_case("UPPER", str.upper),
    "REVERSE": _text_template("reverse({0})", arguments=1),
    "REPEAT": Function(2, 2, strings.repeat),
    "REPLACE": Function(3, 3, strings.replace),
    "LEFT": _text_template("left({0}, {1})", arguments=2),
    "RIGHT": _text_template("right({0}, {1})", arguments=2),
    "LPAD": Function(2, 3, lambda arguments: strings.pad("LPAD", arguments)),
    "RPAD": Function(2, 3, lambda arguments: strings.pad("RPAD", arguments)),
    "SUBSTR": _with_optional("substring({0}, {1})", "substring({0}, {1}, {2})", 2),
    "BTRIM": _with_optional("trim({0})", "trim({0}, {1})", 1),
    "LTRIM": _with_optional("ltrim({0})", "ltrim({0}, {1})", 1),
    "RTRIM": _with_optional("rtrim({0})", "rtrim({0}, {1})", 1),
    **dict.fromkeys(("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "STRLEN"), _text_template("length({0})", SqlType.BIGINT, arguments=1)),
    "STRPOS": _text_template("strpos({0}, {1})", SqlType.BIGINT, arguments=2, texts=2),
    "CONTAINS_STRING": _text_template("contains({0}, {1})", SqlType.BOOLEAN, arguments=2, texts=2),
    "ICONTAINS_STRING": _text_template("contains(lower({0}), lower({1}))", SqlType.BOOLEAN, arguments=2, texts=2),
    "REGEXP_LIKE": Function(2, 2, strings.regexp_like),
    "REGEXP_REPLACE": Function(3, 3, strings.regexp_replace),
    "REGEXP_EXTRACT": Function(2, 3, strings.regexp_extract),
    "STRING_FORMAT": Function(1, 20, strings.format_text),
    "DECODE_BASE64_UTF8": _text_template("decode(from_base64({0}))", arguments=1),
    "PARSE_LONG": Function(1, 1, lambda arguments: cast(arguments[0], SqlType.BIGINT)),
    **TIME_FUNCTIONS,
    **NESTED_FUNCTIONS,
    "TO_JSON_STRING": Function(1, 1, strings.to_json),
    "STRING_TO_ARRAY": Function(2, 2, strings.split),
    "ARRAY_TO_STRING": Function(2, 2, strings.join),
    "ARRAY_LENGTH": template("len({0})", SqlType.BIGINT, arguments=1),
    "ARRAY_CONTAINS": template("list_contains({0}, {1})", SqlType.BOOLEAN, arguments=2),
}

"""The operations of the language by name. Each takes values that are present, and returns None if it has no result."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from cleaning.emails import mask, masked_json, may_hold
from cleaning.urls import UrlRules
from mapping.operations import digests, headers, mincode, paths, patterns, scalars, uris
from mapping.operations.base36 import INT32, number36
from mapping.operations.nulls import NULL

Functions: TypeAlias = Mapping[str, Callable[..., Any]]
FindPlace: TypeAlias = Callable[[str], object]  # enrichment.place.Places.find

ANY_SIZE: Final = 10**300  # of a number whose range is checked later; a double can represent it

# Operations that are inline expressions. They are computed even if a value is absent.
INLINE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "is_present": "({0} is not None)",
        "is_absent": "({0} is None)",
        "equal": "({0} == {1})",
        "and": "(None if {0} is None or {1} is None else {0} and {1})",
        "or": "(None if {0} is None or {1} is None else {0} or {1})",
        "not": "(None if {0} is None else not {0})",
    }
)
# Operations that limit a number to a range: outside of it, the number is absent and the event is flagged.
RANGED: Final = frozenset({"plausible", "within"})
# Operations whose result may change while the collector runs, so that it cannot be cached.
CHANGING: Final = frozenset({"place"})

_encode = msgspec.json.Encoder(decimal_format="number").encode


def json_encode(value: object) -> bytes | None:
    """Encode a JSON value; None for a null."""
    return None if value is NULL else _encode(value)


def whole_ratio(ratio: float | None) -> int | None:
    """Return a ratio that has no fraction."""
    return int(ratio) if ratio is not None and -INT32 <= ratio < INT32 and ratio == int(ratio) else None


def flag(text: str | None) -> bool | None:
    """Parse a boolean as Divolte's tracker writes it."""
    return None if text is None else text == "t"


def ratio36(text: str | None) -> float | None:
    """Parse a number in base 36 that may have a fraction, to the precision of a double."""
    whole, _, fraction = (text or "").partition(".")
    digits = fraction[:12]
    numerator = number36(whole + digits, ANY_SIZE)
    return None if numerator is None else numerator / 36 ** len(digits)


def mincode_value(text: str | None, is_strict: bool, mask_parameters: bool = False) -> object:
    """Decode the parameters of an event; None if it has none, NULL if they are null."""
    value = mincode.decode(text, is_strict)
    if value is None:
        return NULL if text and text.lstrip(mincode.WITHOUT_CLICK_IDS)[:1] == "n" else None
    return masked_json(value) if mask_parameters and text and may_hold(text) else value


def agent_part(user_agent: str, name: str, is_strict: bool) -> str | None:
    """Return one part of a user agent."""
    from mapping.operations import user_agents  # noqa: PLC0415 - large tables that most collectors do not need

    return user_agents.part(user_agent, name, is_strict=is_strict)


def place_part(place: Any, name: str) -> str | float | list[str] | None:
    """Return one part of a place."""
    if name == "regions":
        return [place.region] if place.region else None
    part: str | float | None = getattr(place, name)
    return part


_COMMON: Final[Functions] = MappingProxyType(
    {
        "cut": lambda text, max_length: text[:max_length],
        "uri_scheme": lambda uri: uri.scheme,
        "uri_host": lambda uri: uri.host,
        "uri_port": lambda uri: uri.port,
        "uri_raw_path": lambda uri: uri.path,
        "uri_raw_query": lambda uri: uri.query,
        "uri_raw_fragment": lambda uri: uri.fragment,
        "uri_query": lambda uri: uris.pairs(uri.query),
        "query_value": uris.value,
        "query_values": uris.values,
        "query_first_of": uris.first_of,
        "query_by_name": uris.by_name,
        "header": headers.values,
        "item": headers.item,
        "joined": ",".join,
        "matcher": lambda text, pattern: patterns.compiled(pattern).fullmatch(text),
        "matches": lambda text, pattern: patterns.compiled(pattern).fullmatch(text) is not None,
        "group": lambda match, group: match[group],
        "digest": digests.digest,
        "to_hex_lower": bytes.hex,
        "to_hex_upper": lambda content: content.hex().upper(),
        "to_base64": digests.to_base64,
        "place_part": place_part,
        "json_member": paths.member,
        "json_path": paths.find,
        "json_int32": lambda value: scalars.json_integer(value, 32),
        "json_int64": lambda value: scalars.json_integer(value, 64),
        "json_floating": scalars.json_floating,
        "json_number": scalars.json_number,
        "json_whole_number": partial(scalars.json_number, is_whole=True),
        "json_boolean": scalars.json_boolean,
        "json_encode": json_encode,
        "parse_int32": lambda text: scalars.parse_integer(text, 32),
        "parse_int64": lambda text: scalars.parse_integer(text, 64),
        "parse_bool": lambda text: text.lower() == "true",
        "to_single": scalars.to_single,
        "whole_ratio": whole_ratio,
        "flag": flag,
    }
)


def functions(rules: UrlRules, *, is_strict: bool = False, find_place: FindPlace | None = None) -> Functions:
    """Return every operation by its name."""
    decoded = uris.decoded if is_strict else uris.decoded_leniently
    mask_parameters = rules.mask_parameters and not is_strict
    return {
        **_COMMON,
        "page_address": rules.page,
        "referrer_address": rules.referrer,
        "masked_title": mask if rules.mask_titles and not is_strict else str,
        "masked_text": mask if mask_parameters else str,
        "place": find_place or (lambda _client_ip: None),
        "uri": uris.strict if is_strict else uris.lenient,
        "uri_path": lambda uri: decoded(uri.path),
        "uri_decoded_query": lambda uri: decoded(uri.query),
        "uri_decoded_fragment": lambda uri: decoded(uri.fragment),
        "cookie": partial(headers.cookie, is_strict=is_strict),
        "agent_part": partial(agent_part, is_strict=is_strict),
        "json_value": partial(scalars.json_value, is_strict=is_strict),
        "json_text": partial(scalars.json_text, is_strict=is_strict),
        "digested_text": partial(scalars.digested_text, is_strict=is_strict),
        "json_parameters": (lambda value: NULL if value is None else value) if is_strict else (lambda value: value),
        "mincode_value": partial(mincode_value, is_strict=is_strict, mask_parameters=mask_parameters),
        "ratio36": (lambda text: number36(text, INT32)) if is_strict else ratio36,
        "number36": partial(number36, bound=INT32 if is_strict else ANY_SIZE),
        "parse_fp": scalars.parse_floating_strictly if is_strict else scalars.parse_floating,
    }

"""Sample events that verify a generated encoder: what fastavro decodes from its bytes must encode to the same bytes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from collector.divolte.json_body import JsonEvent
from collector.errors import MappingError
from collector.events.event import Event
from mapping.compilation.compiler import Encoder
from mapping.dsl.expressions import Type
from mapping.dsl.input_specs import ARGUMENTS, INPUTS
from mapping.dsl.inputs import ACCESSES
from schemas.codec import CodecError, Decoder, encode

_ID = "0123456789abcdef" * 2
_NOW = 1_767_225_600_000


def arguments(event: object, **inputs: object) -> dict[str, object]:
    """Return the arguments of an encoder for an event; inputs that are not given have plain values."""
    plain = {
        "event": event,
        "site": "sample",
        "source": "browser",
        "received_at": _NOW,
        "occurred_at": _NOW - 1000,
        "created_at": _NOW - 1000,
        "party_kind": "private",
        "is_skewed": False,
        "is_cleaned": False,
        "parameters": getattr(event, "parameters", None),
        "event_key": getattr(event, "id", _ID),
        "headers": (),
        "is_corrupt": False,
        "is_duplicate": False,
    }
    return dict.fromkeys(ARGUMENTS) | plain | inputs


_PARAMETERS: Final[dict[str, object]] = {
    "revenue": "1e3",
    "quantity": [2],
    "currency": 5,
    "product_id": None,
    "items": [{"sku": "a", "price": 1.5}, {"sku": None}],
    "tags": ["a", "b"],
}
_FULL: Final[dict[str, Any]] = {
    "party_id": _ID,
    "session_id": _ID,
    "address": "192.0.2.0",
    "remote_host": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "is_skewed": True,
    "is_cleaned": True,
    "headers": [(b"accept-language", b"de, en;q=0.5"), (b"cookie", b"a=1; b=2")],
}
_URL: Final = "https://example.com/a%20b/c?utm_source=x&utm_medium=y&utm_campaign=z&utm_term=%C3%A9&utm_content=w&gclid=1#/d?e=f"


_SAMPLE_VALUES: Final[dict[Type, Any]] = {
    Type.TEXT: "https://example.org/",
    Type.BOOLEAN: True,
    Type.INT32: 100,
    Type.INT64: 100,
    Type.FP64: 0.5,
}


def _full_event() -> Event:
    """Return an event of the tracker that has every input."""
    expressions = {access.expression: INPUTS[name].type for name, access in ACCESSES["tracker"].items()}
    keys = {
        expression.removeprefix("event."): _SAMPLE_VALUES[input_type]
        for expression, input_type in expressions.items()
        if expression.startswith("event.")
    }
    edge_cases = {
        "id": _ID,
        "is_first_in_session": False,
        "url": _URL,
        "title": "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}" * 5000,
        "viewport_width": 0,
        "viewport_height": 2**31 - 1,
        "device_pixel_ratio": 1.5,
        "engagement_ms": 12_345.6,
        "x": -5,
        "y": 2.5,
        "revenue": -0.1,
    }
    return Event(**keys | edge_cases, parameters=_PARAMETERS)


def _of_tracker() -> Iterator[dict[str, object]]:
    yield arguments(Event(id=_ID, type="pageView"))
    yield arguments(
        Event(id=_ID, type="a", url="no address", referrer="", title="", is_new_party=False, parameters={}), parameters_text=b"{}"
    )
    yield arguments(_full_event(), created_at=None, occurred_at=0, parameters_text=b'{"revenue":"1e3"}', **_FULL)


def _of_divolte_tag() -> Iterator[dict[str, object]]:
    yield arguments({"v": _ID, "e": _ID})
    numbers = {"w": "zik0zj", "h": "0", "i": "-1", "j": "x y", "k": "1.i"}
    full = {"v": _ID, "e": _ID, "n": "t", "f": "f", "l": _URL, "r": "", "t": "a", "u": "(srevenue!1e3!aitems!(ssku!a!)(nsku!).)", **numbers}
    yield arguments(full, **_FULL)


def _of_divolte_json() -> Iterator[dict[str, object]]:
    yield arguments(JsonEvent(event_id="e"))
    event = JsonEvent(event_id="e", event_type="a", is_new_party=True, is_new_session=False, parameters=_PARAMETERS)
    yield arguments(event, parameters_text=b"{}", **_FULL)


_SAMPLES: Final = {"tracker": _of_tracker, "divolte_tag": _of_divolte_tag, "divolte_json": _of_divolte_json}


def verify(encoder: Encoder, schema: Mapping[str, Any], kind: str = "tracker") -> None:
    """Raise MappingError if generated code does not follow the schema: a bug of the compiler, found before the first event."""
    decoder = Decoder([schema])
    for sample in _SAMPLES[kind]():
        message = encoder(*sample.values())
        try:
            reference = encode(schema, decoder.decode(message))
        except (CodecError, ValueError, TypeError) as error:
            raise MappingError(
                [f"the code generated from the mapping does not write a valid {schema['name']}: {error}; please report this"]
            ) from error
        if reference != message:
            raise MappingError(
                [f"the code generated from the mapping encodes {schema['name']} differently from fastavro; please report this"]
            )

"""Recorded requests of Divolte's tracker, and the events that its collector made of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import mmh3
import msgspec
from support.collector.collectors import NOW, Answer, LocalCollector

from collector.source_kind import EncoderKey, Encoders
from collector.source_registry import SOURCE_KINDS
from collector.sources import TRUSTED, Source
from mapping.dsl.input_specs import ARGUMENTS
from mapping.operations.base36 import text36
from topics.topic import Kind

DATA = Path(__file__).parents[2] / "data" / "divolte"
PARTY = "0:loyw3v28:q0tOajHKqxhqXRpy2MGYsV~0PSrafXF6"
SESSION = "0:loyw3v28:Dy6t6B~kGk1v2HrAriLwY5iDFu_96TiD"
PAGE_VIEW = "0:roTlEAJfQ8O4kt7HMTyu8btfAZbAfRRJ"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_"
UNESCAPED = "!'()*-._~"  # by encodeURIComponent, besides letters and digits


def vectors(name: str) -> list[dict[str, Any]]:
    """Read a file of vectors."""
    found: list[dict[str, Any]] = json.loads((DATA / name).read_text("utf-8"))
    return found


def inputs_as_json(*inputs: object) -> bytes:
    """Encode an event as all that is known of it."""
    named: dict[str, Any] = dict(zip(ARGUMENTS, inputs, strict=True))
    named["headers"] = [[name.decode(), value.decode("latin-1")] for name, value in named["headers"]]
    named["parameters_text"] = named["parameters_text"] and named["parameters_text"].decode()
    return msgspec.json.encode(named)


def a_query(**changes: str | None) -> str:
    """The signed query of a page view; a change to None leaves the parameter out."""
    parameters = {
        "p": PARTY,
        "s": SESSION,
        "v": PAGE_VIEW,
        "e": PAGE_VIEW + "0",
        "c": text36(NOW - 1000),
        "n": "t",
        "f": "t",
        "l": "https://shop.example/shoes?size=9",
        "i": "1hc",
        "j": "sw",
        "k": "1",
        "w": "140",
        "h": "p0",
        "t": "pageView",
    }
    return signed({name: value for name, value in (parameters | changes).items() if value is not None})


def signed(parameters: Mapping[str, str]) -> str:
    """Write a query as the tracker does: each value through encodeURIComponent, the checksum last."""
    text = "".join(f"{name}={parameters[name]},;" for name in sorted(parameters, key=lambda name: name.encode("utf-16-be")) if name != "x")
    with_checksum = {"x": text36(mmh3.hash(text, signed=True)), **parameters}
    ordered = {name: value for name, value in with_checksum.items() if name != "x"} | {"x": with_checksum["x"]}
    return "&".join(f"{name}={quote(value, safe=UNESCAPED)}" for name, value in ordered.items())


def a_source(kind: str = "divolte_tag", **keys: Any) -> Source:
    """A source as a file describes it."""
    return Source.model_validate({"name": "divolte", "site": "shop", "kind": kind, "event_path": "/csc-event"} | keys)


class DivolteCollector(LocalCollector):
    """A collector with one source of Divolte's, whose records are all that is known of an event, as JSON."""

    def __init__(self, kind: str = "divolte_tag", **keys: Any) -> None:
        source = a_source(kind, **keys)
        event_kinds = SOURCE_KINDS[kind].event_kinds
        uses = [EncoderKey(source.name, one, is_copy) for one in event_kinds for is_copy in {False, source.copy_to is not None}]
        super().__init__(sources=[source], encoders=Encoders(dict.fromkeys([*uses, EncoderKey(TRUSTED, "tracker")], inputs_as_json)))

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(message.value) for message in self.topic.messages if message.kind is Kind.EVENT]

    def get(self, query: str | None = None, **more: Any) -> Answer:
        """Send an event as the tracker does."""
        return self.send(method="GET", path="/csc-event", query=a_query() if query is None else query, **more)

    def post(self, body: Any, party: str | None = PARTY, kind: str | None = "application/json", **more: Any) -> Answer:
        """Send an event as a server does."""
        headers = [("Content-Type", kind)] if kind else []
        query = f"p={quote(party)}" if party is not None else ""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.send(content, path="/csc-event", query=query, headers=[*headers, *more.pop("headers", ())], **more)


def a_json_event(**changes: Any) -> dict[str, Any]:
    """An event as servers send it; a change to None leaves the key out."""
    event = {
        "session_id": SESSION,
        "event_id": "e-1",
        "is_new_party": True,
        "is_new_session": False,
        "client_timestamp_iso": "2025-12-31T23:59:59.250Z",
        "event_type": "screenView",
        "parameters": {"screen": "home", "n": 3},
    }
    return {key: value for key, value in (event | changes).items() if value is not None}


class Page:
    """A page with Divolte's tag: the request of the tag for each signal."""

    def __init__(self, random: Random) -> None:
        self._random, self._count = random, 0
        loaded_at = text36(NOW - random.randrange(10_000))
        self.party_id = f"0:{loaded_at}:{self._unique()}"
        self.session_id = f"0:{loaded_at}:{self._unique()}"
        self._page_view_id = f"0:{self._unique()}"

    def signal(self, event_type: str) -> str:
        """Return the query of one event; the first of a page has the flags of a new party and session."""
        texts = ["", "a b", "50% off!", "~", "été", "👍 = 👎", "a&b=c#d;e,f+g", "'()*", "\u2028"]
        pick = self._random.choice
        parameters = {
            "p": self.party_id,
            "s": self.session_id,
            "v": self._page_view_id,
            "e": f"{self._page_view_id}{self._count:x}",
            "c": text36(NOW + self._count),
            "n": "f" if self._count else "t",
            "f": "f" if self._count else "t",
            "l": f"https://shop.example/{quote(pick(texts))}?q={quote(pick(texts))}&r={pick(texts)}#{pick(texts)}",
            "r": pick([f"https://www.example.org/?q={pick(texts)}", ""]),
            "i": text36(self._random.randrange(300, 4000)),
            "j": text36(self._random.randrange(300, 4000)),
            "k": pick(["1", "2", "1.i", "2.mi"]),
            "w": text36(self._random.randrange(300, 4000)),
            "h": text36(self._random.randrange(300, 4000)),
            "t": event_type,
            "u": mincode_of({pick(texts): pick(texts), "n": self._random.randrange(10**9), "list": [True, None, {"x": pick(texts)}]}),
        }
        if not self._count:
            del parameters["u"]
        if not parameters["r"]:
            del parameters["r"]
        self._count += 1
        return signed(parameters)

    def _unique(self) -> str:
        return "".join(self._random.choices(ALPHABET, k=32))


def mincode_of(value: object) -> str:
    """Write a value as the tag does."""
    letter, payload = _record(value)
    return letter + payload


def _record(value: object) -> tuple[str, str]:
    if isinstance(value, bool) or value is None:
        return {True: "t", False: "f", None: "n"}[value], ""
    if isinstance(value, int):
        return "d", text36(value) + "!"
    if isinstance(value, dict):
        members = ((*_record(member), _escaped(name)) for name, member in value.items())
        return "(", "".join(letter + name + payload for letter, payload, name in members) + ")"
    if isinstance(value, list):
        return "a", "".join(map(mincode_of, value)) + "."
    return "s", _escaped(str(value))


def _escaped(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!") + "!"

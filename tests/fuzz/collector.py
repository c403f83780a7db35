"""A coverage-guided fuzzer for the collector's sources, which runs a number of inputs, or until one breaks a guarantee.

`python tests/fuzz/collector.py [-runs=N]`, or `make fuzz`. The promises: nothing raises, no answer says that it is our fault, what is
taken fits a frame and decodes by its schema, what is refused has a reason of the closed set, and memory stays flat.
"""

import random
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import atheris
import mmh3
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

with atheris.instrument_imports(include=["collector"]):
    from collector.app import load_encoders
    from collector.divolte.checksum import canonical_text
    from collector.divolte.query import read_query
    from collector.events.duplicates import DuplicateMemory
    from collector.events.event import RejectReason
    from collector.events.identifiers import partition_key_function
    from collector.requests.client_ip import ClientIpResolver
    from collector.requests.http_types import EventSource, Outcome, Request
    from collector.settings import Settings
    from collector.source_kind import SourceContext
    from collector.source_registry import SOURCE_KINDS
    from collector.sources import Source
    from mapping.operations.base36 import text36

from schemas.codec import Decoder
from schemas.contract import load_schema
from topics.local.frame import encode as frame
from topics.topic import Kind

NOW = 1_767_225_600_000
REPORT_EVERY = 50_000
MAX_GROWTH_BYTES = 64 << 20  # a leak of a hundred bytes an input would be 100 MB

SETTINGS = Settings()
SOURCES = {
    source.name: source
    for source in (
        Source(name="tracker", kind="tracker", event_path="/h"),
        Source(name="corrected", kind="divolte_tag", event_path="/b", event_prefix="p:"),
        Source(name="strict", kind="divolte_tag", event_path="/s", compatibility="strict"),
        Source(name="json", kind="divolte_json", event_path="/j"),
        Source(name="old", kind="divolte_json", event_path="/o", compatibility="strict"),
    )
}
CLIENT_IPS = ClientIpResolver(SETTINGS.trusted_proxies)
DECODER = Decoder([load_schema()])
REASONS = {reason.value for reason in RejectReason}
WHO = b"p=0%3Aloyw3v28%3Aq0tO&s=0%3Aloyw3v28%3ADy6t&v=0%3AroTl&e=0%3AroTl0&c=loyw3wvd&n=f&f=f"


def made_sources() -> dict[str, EventSource]:
    """Every source, with the default mapping."""
    encoders = load_encoders(SETTINGS, tuple(SOURCES.values()))
    context = SourceContext(encoders, partition_key_function(b"secret"), DuplicateMemory(1000))
    return {name: SOURCE_KINDS[source.kind].make(source, context) for name, source in SOURCES.items()}


def with_checksum(query: bytes) -> bytes:
    """A query with the checksum that makes it whole."""
    return query + b"&x=" + text36(mmh3.hash(canonical_text(read_query(query)), signed=True)).encode()


def get(query: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> Request:
    request = Request.of("GET", "/", query, headers, "127.0.0.1", b"")
    request.client_ip = CLIENT_IPS.resolve("127.0.0.1", request.fields.get(b"x-forwarded-for", b""))
    return request


def post(body: bytes, query: bytes = WHO) -> Request:
    return Request.of("POST", "/", query, [(b"content-type", b"application/json")], "192.0.2.1", body)


def any_query(text: bytes) -> Request:
    return get(text)


def any_value(text: bytes) -> Request:
    """One parameter after those that every event needs."""
    return get(with_checksum(WHO + b"&l=" + quote(text).encode()))


def any_parameters(text: bytes) -> Request:
    return get(with_checksum(WHO + b"&t=buy&u=" + quote(text).encode()))


def any_headers(text: bytes) -> Request:
    names = (b"cookie", b"x-forwarded-for", b"user-agent", b"if-none-match", b"sec-gpc", b"content-type")
    return get(WHO, [(names[number % len(names)], line) for number, line in enumerate(text.split(b"\n"))])


def any_body(text: bytes) -> Request:
    return post(text)


def any_event(text: bytes) -> Request:
    """Values for the parameters of an otherwise well-formed event."""
    event = (
        b'{"session_id":"0:1:s","event_id":"1","is_new_party":false,"is_new_session":true,"client_timestamp_iso":"2026-01-01T00:00:00Z",'
    )
    return post(b"[" + event + b'"parameters":' + text + b"}]")


def any_batch(text: bytes) -> Request:
    event = b'{"id":"4bf92f3577b34da6a3ce929d0e0e4736","type":"pageView","created_at":1767225600000,'
    return post(b'{"version":1,"site":"shop","sent_at":1767225600500,"events":[' + event + text + b"}]}")


CASES: Sequence[tuple[str, Callable[[bytes], Request]]] = (
    ("corrected", any_query),
    ("strict", any_query),
    ("corrected", any_value),
    ("strict", any_value),
    ("corrected", any_parameters),
    ("strict", any_parameters),
    ("corrected", any_headers),
    ("json", any_body),
    ("old", any_body),
    ("json", any_event),
    ("tracker", any_body),
    ("tracker", any_batch),
    ("corrected", any_batch),
)


def check(outcome: Outcome) -> None:
    """Check an outcome against the guarantees."""
    assert outcome.response.status < 500, outcome.response
    for message in outcome.messages:
        frame(message)
        if message.kind is Kind.EVENT:
            DECODER.decode(message.value)
        else:
            assert message.key.decode() in REASONS, message


class Fuzzing:
    """Counts the inputs, and checks the memory."""

    def __init__(self) -> None:
        self._sources = made_sources()
        self._count = 0
        self._taken = 0
        self._rss_bytes = 0

    def try_input(self, content: bytes) -> None:
        """Run one input; its first byte selects the source and the place."""
        name, build = CASES[(content[0] if content else 0) % len(CASES)]
        outcome = self._sources[name].handle(build(content[1:]), NOW)
        check(outcome)
        self._count += 1
        self._taken += any(message.kind is Kind.EVENT for message in outcome.messages)
        if self._count % REPORT_EVERY == 0:
            self._report()

    def _report(self) -> None:
        rss = psutil.Process().memory_info().rss
        print(f"{self._count:,} inputs, {self._taken:,} of them taken as events, {rss / 1e6:.0f} MB", flush=True)
        if self._count == 4 * REPORT_EVERY:  # caches are full by then
            self._rss_bytes = rss
        assert not self._rss_bytes or rss - self._rss_bytes < MAX_GROWTH_BYTES, "memory is not flat"


def seeds() -> list[bytes]:
    """Inputs to begin with: well-formed ones of every case."""
    texts = [
        with_checksum(WHO + b"&l=https%3A%2F%2Fshop.example%2F%3Fq%3D1&t=pageView&w=140&k=1.i"),
        "https://shop.example/é?utm_source=a&b=%zz#x".encode(),
        b"(ssku!B-17!dqty!2!jprice!19.99!(options!ssize!M!fgift!nengraving!)abundle!sA-1!sA-2!.)",
        b"a=1; b=2\n10.0.0.1, ::1\nMozilla/5.0",
        b'{"session_id":"0:1:s","event_id":"1","is_new_party":false,"is_new_session":true,"client_timestamp_iso":"2026-01-01T00:00Z"}',
        b'{"a":[1,2.5,null,"\\u00e9"]}',
        b'"url":"https://shop.example/","title":"T","parameters":{"a":1}',
    ]
    return [bytes([case]) + text for case in range(len(CASES)) for text in texts]


def main() -> None:
    """Fuzz with a corpus in a folder of its own; every find is a file that can be given as an argument."""
    folder = ROOT / "var" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (folder / f"{zlib.crc32(seed):08x}").write_bytes(seed)
    options = [
        "-max_len=2048",
        f"-artifact_prefix={folder}/",
        f"-seed={random.randrange(1 << 31)}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    given = sys.argv[1:] or ["-runs=1000000"]
    atheris.Setup(
        [sys.argv[0], *options, *given, *([] if any(Path(one).is_file() for one in given) else [str(folder)])], Fuzzing().try_input
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""docs/privacy.md against the stored data: unique marks in every field and header, for each consent, searched in everything on disk."""

import json
import os
import re
import secrets
import time
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from support.collector.divolte import a_query
from support.collector.events import a_batch, an_event
from support.headrace.installation import Installation
from support.waiting import wait_until

from mapping.operations.base36 import text36
from schemas.codec import Decoder
from schemas.contract import NOT_IN_ROW, columns, load_schema
from topics.local.reader import tail
from topics.local.spools import recover_spool
from topics.topic import Entry, Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text("utf-8")
STATES = ("private", "consented", "denied", "strict")
PLACES: Mapping[str, set[str]] = {"nowhere": set(), "spool": {"spool"}, "rows": {"spool", "rows"}}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
SOURCES = """
[browser]
kind = "tracker"
event_path = "/h"
[divolte]
kind = "divolte_tag"
event_path = "/csc-event"
[strict]
kind = "divolte_tag"
event_path = "/strict"
compatibility = "strict"
"""


def table_of(heading: str, text: str = PAGE) -> list[dict[str, str]]:
    """Read the table below a heading of the page."""
    lines = [line for line in text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, cells, strict=True)) for cells in body]


HELD = {row["what"]: row for row in table_of("What a request contains")}
FIELDS = [(re.findall(r"`(\w+)`", row["fields"]), row) for row in table_of("Field by field")]


@dataclass
class Marks:
    """The marks of one request, by the line of the page that they represent."""

    of: str  # the state
    made: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __call__(self, what: str, mark: str = "") -> str:
        """Create a mark for a line of the page."""
        assert what in HELD, what
        made = mark or f"mark{secrets.token_hex(6)}"
        self.made[what].append(made)
        return made

    def hexadecimal(self, what: str) -> str:
        return self(what, secrets.token_hex(16))


CLIENT_IP = "full client IP, from the connection or a trusted `X-Forwarded-For`"
AGENTS, OTHER, UNKNOWN = "`User-Agent`", "`Referer` and other headers", "unknown keys"
PATH, SECRET, REFUSED = "path of the page", "session secret in a path (`;jsessionid=…`)", "any text of a rejected event"
EMAIL, PARAMETERS = "e-mail address in a path, in any encoding", "event parameters, names and values"
NOT_SENT = "\u2013"
numbers = iter(range(1, 250))


def a_header(marks: Marks) -> dict[str, str]:
    client_ip = f"198.51.{next(numbers)}.{secrets.randbelow(200) + 20}"
    cut = client_ip.rpartition(".")[0] + ".0"
    return {
        "x-forwarded-for": marks(CLIENT_IP, client_ip) if marks("client IP truncated to /24 or /48", cut) else "",
        "user-agent": f"{AGENT} {marks(AGENTS)}",
        "cookie": f"a={marks('`Cookie`')}; _dvp={marks('`Cookie`')}",
        "referer": f"https://shop.example/?{marks(OTHER)}",
        "authorization": f"Bearer {marks(OTHER)}",
        "accept-language": marks(OTHER),
        "x-custom": marks(OTHER),
        "x-real-ip": marks(OTHER, f"198.18.{next(numbers)}.{secrets.randbelow(200) + 20}"),
    }


def a_url(marks: Marks) -> str:
    """The URL of a page with every possible part."""
    secret, email = f"{marks(PATH)};jsessionid={marks(SECRET)}", f"{marks(EMAIL)}%2540mail.example"
    user = f"{marks('user and password in a URL')}:{marks('user and password in a URL')}"
    query = f"utm_content={marks('`utm_*` in a URL')}&gclid={marks('value of a click id in a URL')}"
    rest = f"q={marks('other query parameters')}&token={marks('other query parameters')}#{marks('fragment')}"
    return f"https://{user}@shop.example/{secret}/{email}?{query}&{rest}"


def a_referrer(marks: Marks) -> str:
    return f"https://ref.example/{marks('path of the referring page')}?q={marks('query of the referring page')}"


def parameters_of(marks: Marks) -> dict[str, Any]:
    return {
        marks(PARAMETERS): [{"deep": marks(PARAMETERS)}],
        "mail": f"to {marks('e-mail address in event parameters')}@mail.example",
        "fbclid": marks("value of a click id in event parameters"),
    }


def a_page_view(marks: Marks) -> dict[str, Any]:
    """An event of the tracker with marks in all its texts."""
    some = "language, time zone, currency, product"
    event = an_event(
        marks.hexadecimal("event id"),
        page_view_id=marks.hexadecimal("page view id"),
        url=a_url(marks),
        referrer=a_referrer(marks),
        target=f"https://out.example/{marks('path of a followed link')}?q={marks('query of a followed link')}",
        title=f"{marks('title')} {marks('e-mail address in a title')}@mail.example",
        **{name: marks(some) for name in ("language", "time_zone", "currency", "product_id")},
        parameters=parameters_of(marks),
    )
    if marks.of in ("consented", "denied"):
        ids = {name: marks.hexadecimal(f"{name.removesuffix('_id')} id of the page") for name in ("party_id", "session_id")}
        event |= ids | {"is_new_party": True, "is_first_in_session": True}
    return event | {marks(UNKNOWN): marks(UNKNOWN)}


def a_pixel(marks: Marks) -> str:
    """The query of Divolte's tag with marks in all its texts."""
    names = {"p": "party id of the page", "s": "session id of the page"}
    ids = {name: f"0:{text36(int(time.time() * 1000))}:{marks(what)}" for name, what in names.items()}
    (name, (deep, *_)), (_, email), (_, click) = parameters_of(marks).items()
    parameters = "(" + "".join(f"s{key}!{value}!" for key, value in ((name, deep["deep"]), ("mail", email), ("fbclid", click))) + ")"
    return a_query(
        **ids,
        v=marks("page view id"),
        e=secrets.token_hex(16),
        c=text36(int(time.time() * 1000)),
        l=a_url(marks),
        r=a_referrer(marks),
        u=parameters,
        zz=marks(UNKNOWN),
    )


REQUESTS: Mapping[str, tuple[str, str, Mapping[str, str], Mapping[str, Any]]] = {
    # state, path, headers, changes of the event
    "nothing was said": ("private", "/h", {}, {}),
    "consent": ("consented", "/h", {}, {}),
    "denial": ("denied", "/h", {}, {"is_private": True}),
    "GPC": ("denied", "/h", {"sec-gpc": "1"}, {}),
    "DNT": ("denied", "/h", {"dnt": "1"}, {}),
    "pixel": ("consented", "/csc-event", {}, {}),
    "pixel with GPC": ("denied", "/csc-event", {"sec-gpc": "1"}, {}),
    "batch of a source for pixels, with DNT": ("denied", "/csc-event POST", {"dnt": "1"}, {}),
    "strict pixel with GPC": ("strict", "/strict", {"sec-gpc": "1", "dnt": "1"}, {}),
}


@dataclass
class Stored:
    """The data that was sent, and everything that was found on disk."""

    sent: dict[str, Marks]
    refused: Marks
    conflicting: Marks
    records: list[dict[str, Any]]
    spool: str
    rows: list[dict[str, Any]]
    database: str
    dead_letters: str
    database_file: str
    others: dict[str, str]
    after_reading: str


def send(url: str, marks: Marks, path: str, headers: Mapping[str, str], changes: Mapping[str, Any]) -> None:
    with httpx.Client(trust_env=False, timeout=10, headers=a_header(marks) | dict(headers)) as client:
        if path.endswith("POST") or path == "/h":
            answer = client.post(f"{url}{path.removesuffix(' POST')}?{marks(OTHER)}", content=a_batch(a_page_view(marks) | dict(changes)))
            assert answer.json()["results"] == ["ok"]
        else:
            answer = client.get(f"{url}{path}?{a_pixel(marks)}")
            assert (answer.status_code, answer.headers.get("x-event-rejected")) == (200, None)


def send_refused(url: str, marks: Marks) -> None:
    """Send rejected events in several forms."""
    bad = Marks("private")
    texts = [an_event(type=f"no type {marks(REFUSED)}", title=marks(REFUSED), url=f"https://a.example/{marks(REFUSED)}")]
    texts += [
        an_event(title=f"\0{marks(REFUSED)}"),
        an_event(title=marks(REFUSED), created_at=-1),
        an_event(parameters={marks(REFUSED): [[[[[[[[[1]]]]]]]]]}),
        an_event(party_id=marks(REFUSED)),
        an_event(marks(REFUSED)),
        an_event(title=5, target=marks(REFUSED)),
    ]
    headers = a_header(bad)
    marks.made[CLIENT_IP] += bad.made[CLIENT_IP]
    marks.made[REFUSED] += [*bad.made[AGENTS], *bad.made[OTHER]]
    with httpx.Client(trust_env=False, timeout=10, headers=headers) as client:
        assert client.post(f"{url}/h", content=a_batch(*texts)).status_code == 422
        for body in (f'{{"version": 1, "{marks(REFUSED)}', f"\xff{marks(REFUSED)}", a_batch(an_event(), site=f"no site {marks(REFUSED)}")):
            assert client.post(f"{url}/h", content=body).status_code == 400
        assert client.get(f"{url}/csc-event?{a_query(p=marks(REFUSED), l=marks(REFUSED))}").headers["x-event-rejected"]
        assert client.get(f"{url}/{marks(REFUSED)}").status_code == 404


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    state = tmp_path_factory.mktemp("state")
    sources = state.parent / "sources.toml"
    sources.write_text(SOURCES)
    os.environ["HEADRACE_COLLECTOR_SOURCES_FILE"] = str(sources)
    try:
        running = Installation.start(state, "--no-dashboards", "--no-visits")
    finally:
        del os.environ["HEADRACE_COLLECTOR_SOURCES_FILE"]
    url = f"http://127.0.0.1:{running.collector_port}"
    sent = {name: Marks(request[0]) for name, request in REQUESTS.items()}
    for name, marks in sent.items():
        send(url, marks, *REQUESTS[name][1:])
    refused = Marks("private")
    send_refused(url, refused)
    first, conflicting = Marks("private"), Marks("private")
    send(url, first, "/h", {}, {})
    send(url, conflicting, "/h", {}, {"id": first.made["event id"][0]})
    wait_until(lambda: running.count() == len(sent) + 1 and running.ledger()["dead_letters"] == 1)
    assert running.stop() == 0
    return read(state, sent, refused, conflicting)


def read(state: Path, sent: dict[str, Marks], refused: Marks, conflicting: Marks) -> Stored:
    """Read everything: messages decoded, tables as texts, and the bytes of all other files."""
    topic = state / "topics" / "clickstream-avro"
    decoder, records = Decoder([load_schema()]), []
    reader = tail(topic)
    messages = [entry.message for entry in reader.read(0, 1000) if isinstance(entry, Entry)]
    reader.close()
    records = [decoder.decode(message.value) for message in messages if message.kind is Kind.EVENT]
    spool = json.dumps(records) + repr(messages) + text_of(*topic.rglob("*"))
    file = state / "store" / "clickstream.duckdb"
    with duckdb.connect(str(file), read_only=True) as database:
        rows = [
            dict(zip([one[0] for one in found.description], row, strict=True))
            for found in [database.execute("FROM druid.clickstream")]
            for row in found.fetchall()
        ]
        names = [
            name for (name,) in database.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'state'").fetchall()
        ]
        tables = {name: repr(database.execute(f"FROM state.{name}").fetchall()) for name in names}
    letters = tables.pop("dead_letters")
    others = {str(path): text_of(path) for path in state.rglob("*") if topic not in path.parents and file.parent not in path.parents}
    recover_spool(topic)
    after_reading, raw = text_of(*topic.rglob("*")), text_of(*file.parent.rglob("*"))
    return Stored(sent, refused, conflicting, records, spool, rows, repr(rows) + repr(tables), letters, raw, others, after_reading)


def text_of(*paths: Path) -> str:
    return "\n".join(path.read_bytes().decode("latin-1") for path in paths if path.is_file())


def places_of(stored: Stored, mark: str) -> set[str]:
    return {name for name, text in (("spool", stored.spool), ("rows", stored.database), ("letters", stored.dead_letters)) if mark in text}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("what", HELD)
def test_the_data_of_a_request_is_where_the_page_says_and_nowhere_else(stored: Stored, name: str, what: str) -> None:
    marks = stored.sent[name]
    promised = HELD[what][marks.of]
    for mark in marks.made.get(what, ()):
        assert places_of(stored, mark) == PLACES[promised], (what, promised, mark)
        assert promised == "rows" or mark not in stored.database_file
        assert [path for path, text in stored.others.items() if mark in text] == []


@pytest.mark.parametrize("what", HELD)
def test_every_line_of_the_page_is_tried_under_each_consent(stored: Stored, what: str) -> None:
    if what == REFUSED:
        return
    for state in STATES:
        tried = any(what in marks.made for marks in stored.sent.values() if marks.of == state)
        assert tried == (HELD[what][state] != NOT_SENT), (what, state)


def test_no_part_of_a_rejected_event_is_stored(stored: Stored) -> None:
    assert len(stored.refused.made[REFUSED]) > 15
    for what, marks in stored.refused.made.items():
        for mark in marks:
            assert places_of(stored, mark) == set(), (what, mark)
            assert mark not in stored.database_file
            assert [path for path, text in stored.others.items() if mark in text] == []


def test_a_dead_letter_holds_the_record_and_no_more(stored: Stored) -> None:
    for what, marks in stored.conflicting.made.items():
        for mark in marks if what != "event id" else ():
            assert ("letters" in places_of(stored, mark)) == (HELD[what]["private"] != "nowhere"), (what, mark)
            assert "rows" not in places_of(stored, mark)


def test_once_it_is_read_the_spool_holds_nothing_of_anybody(stored: Stored) -> None:
    assert [mark for marks in stored.sent.values() for made in marks.made.values() for mark in made if mark in stored.after_reading] == []


@pytest.mark.parametrize(("state", "kind"), [("private", "private"), ("consented", "consented"), ("denied", "none")])
def test_columns_that_the_page_calls_null_are_null_and_the_kept_ones_may_have_values(stored: Stored, state: str, kind: str) -> None:
    found = {"record": stored.records, "row": stored.rows}
    for names, line in FIELDS:
        for place in line["in"].split(", "):
            of_state = [one for one in found[place] if one["party_kind"] == kind]
            assert of_state
            kept = {name for name in names for one in of_state if one[name] is not None}
            assert line[state] == "yes" or kept == set(), (names, place, state)


def test_the_page_has_every_field_of_a_record_and_every_column_of_a_row() -> None:
    documented: dict[str, Sequence[str]] = {
        place: sorted(name for names, line in FIELDS if place in line["in"].split(", ") for name in names) for place in ("record", "row")
    }
    schema = load_schema()
    assert documented["record"] == sorted(one["name"] for one in schema["fields"])
    assert documented["row"] == sorted(column.name for column in columns(schema))
    assert not NOT_IN_ROW & set(documented["row"])


def test_the_page_has_the_times_that_kafka_keeps_topics_for() -> None:
    topics = tomllib.loads((ROOT / "topics" / "topics.toml").read_text("utf-8"))
    documented = dict(re.findall(r"^\| `…-([a-z-]+)` \|.*\| (\d+) days \|$", PAGE, re.MULTILINE))
    assert {name: int(days) * 86_400_000 for name, days in documented.items()} == {
        name: topic["retention.ms"] for name, topic in topics.items()
    }


def test_the_page_has_everything_in_the_state_folder(stored: Stored) -> None:
    documented = PAGE.partition("\n## Retention\n")[2]
    names = {Path(path).name if Path(path).is_file() else "" for path in stored.others} - {"", "up.log"}
    assert [name for name in names if f"`{name}`" not in documented and f"/{name}`" not in documented and not name.endswith(".log")] == []

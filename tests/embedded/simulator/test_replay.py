import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from support.simulator import ROOT, StandIn

from simulator.errors import LogDamaged
from simulator.replay import CACHED_LINES, LineIds, Summary, replay
from simulator.trusted_source import TrustedSource

LOG = ROOT / "simulator" / "data" / "access.log.gz"
PAGE = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /page HTTP/1.1" 200 1 "https://example.org/from" "Mozilla/5.0 (X11)"'
STYLE = PAGE.replace("/page", "/page.css")


def a_log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "access.log"
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def test_a_page_line_is_an_event_with_its_own_time_client_ip_and_agent(tmp_path: Path, collector: StandIn) -> None:
    replay(a_log(tmp_path, PAGE), collector.url, site="example")
    (event,) = collector.events
    assert len(event.pop("id")) == 32
    assert event == {
        "type": "pageView",
        "occurred_at": 1431857103000,
        "address": "192.0.2.1",
        "url": "https://example/page",
        "user_agent": "Mozilla/5.0 (X11)",
        "referrer": "https://example.org/from",
    }
    assert collector.requests[0].envelope["site"] == "example"


def test_every_line_of_the_real_log_is_accounted_for(collector: StandIn) -> None:
    summary = replay(LOG, collector.url, site="example")
    assert summary.is_exact
    assert (summary.lines, summary.ok, dict(summary.no_pages)) == (5000, 2079, {"extension": 2678, "status": 223, "method": 20})
    assert len(collector.events) == len({event["id"] for event in collector.events}) == 2079


def test_a_batch_has_at_most_fifty_events(collector: StandIn) -> None:
    replay(LOG, collector.url, site="example")
    assert [len(request.envelope["events"]) for request in collector.requests] == [50] * 41 + [29]


def test_the_same_log_gives_the_same_ids_again(collector: StandIn) -> None:
    replay(LOG, collector.url, site="example")
    replay(LOG, collector.url, site="example")
    ids = [event["id"] for event in collector.events]
    assert ids[:2079] == ids[2079:]


def test_two_equal_lines_are_two_events(tmp_path: Path, collector: StandIn) -> None:
    replay(a_log(tmp_path, PAGE, STYLE, PAGE), collector.url, site="example")
    first, second = collector.events
    assert first["id"] != second["id"]
    assert first | {"id": ""} == second | {"id": ""}


def test_lines_that_are_appended_do_not_change_the_ids_before_them(tmp_path: Path, collector: StandIn) -> None:
    replay(a_log(tmp_path, PAGE, PAGE), collector.url, site="example")
    replay(a_log(tmp_path, PAGE, PAGE, PAGE), collector.url, site="example")
    ids = [event["id"] for event in collector.events]
    assert ids[:2] == ids[2:4]


def test_the_ids_of_far_lines_are_forgotten_but_not_those_of_near_ones() -> None:
    ids = LineIds()
    first = ids.next_id(b"first")
    for number in range(CACHED_LINES):
        ids.next_id(b"%d" % number)
    assert ids.next_id(b"first") == first
    assert ids.next_id(b"first") != first


def test_lines_are_counted_by_what_they_are(tmp_path: Path, collector: StandIn) -> None:
    post, missing = PAGE.replace("GET", "POST"), PAGE.replace("200", "404")
    summary = replay(a_log(tmp_path, PAGE, STYLE, "oops", post, "", missing), collector.url, site="example")
    assert (summary.lines, summary.ok, summary.unreadable, summary.unreadable_lines) == (6, 1, 2, [3, 5])
    assert dict(summary.no_pages) == {"extension": 1, "method": 1, "status": 1}
    assert summary.is_exact


def test_rejections_are_counted_by_reason(tmp_path: Path, collector: StandIn) -> None:
    collector.answers = [
        (200, {}, b'{"results":["ok","duplicate","invalid_text"]}'),
        (422, {}, b'{"reason":"invalid_text","results":["invalid_text"]}'),
    ]
    summary = replay(a_log(tmp_path, PAGE, PAGE, PAGE), collector.url, site="example")
    assert (summary.ok, summary.duplicates, dict(summary.refused), summary.is_exact) == (1, 1, {"invalid_text": 1}, True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((400, {}, b'{"reason":"unreadable"}'), "unreadable"), ((404, {}, b"<p>"), "status_404"), ((403, {}, b"[]"), "status_403")],
)
def test_a_refused_batch_is_counted_whole(
    tmp_path: Path, collector: StandIn, answer: tuple[int, dict[str, str], bytes], reason: str
) -> None:
    collector.answers = [answer]
    summary = replay(a_log(tmp_path, PAGE, PAGE), collector.url, site="example")
    assert (dict(summary.refused), summary.pages, summary.is_exact) == ({reason: 2}, 2, True)


def test_a_file_that_is_not_compressed_is_read_too(tmp_path: Path, collector: StandIn) -> None:
    path = tmp_path / "whatever"
    path.write_bytes(gzip.decompress(LOG.read_bytes()))
    assert replay(path, collector.url, site="example").ok == 2079


def test_the_origin_of_the_pages_may_be_given(tmp_path: Path, collector: StandIn) -> None:
    replay(a_log(tmp_path, PAGE), collector.url, site="example", origin="http://www.example.org")
    assert collector.events[0]["url"] == "http://www.example.org/page"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("//evil.example/x", "https://example//evil.example/x"),
        ("http://other.example/x", "http://other.example/x"),
        ("http://[oops", "https://example/"),
        ('/?q=\\"', 'https://example/?q="'),
    ],
)
def test_odd_targets_give_a_url_of_the_site_or_their_own(tmp_path: Path, collector: StandIn, target: str, url: str) -> None:
    replay(a_log(tmp_path, PAGE.replace("/page", target)), collector.url, site="example")
    assert collector.events[0]["url"] == url


def test_progress_ends_with_the_whole_file(collector: StandIn) -> None:
    seen: list[tuple[int, int]] = []
    replay(LOG, collector.url, site="example", progress=lambda read, size: seen.append((read, size)))
    size = LOG.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)
    assert len(seen) == 42


def test_a_line_without_end_is_cut_and_its_rest_is_not_a_line(tmp_path: Path, collector: StandIn) -> None:
    summary = replay(a_log(tmp_path, "x" * 1_000_000, PAGE), collector.url, site="example")
    assert (summary.lines, summary.ok, summary.unreadable_lines) == (2, 1, [1])


def test_an_empty_log_sends_nothing(tmp_path: Path, collector: StandIn) -> None:
    assert replay(a_log(tmp_path), collector.url, site="example") == Summary()
    assert collector.requests == []


def test_only_the_first_unreadable_lines_are_listed(tmp_path: Path, collector: StandIn) -> None:
    summary = replay(a_log(tmp_path, *["oops"] * 150), collector.url, site="example")
    assert (summary.unreadable, len(summary.unreadable_lines)) == (150, 100)


def test_a_batch_that_would_be_too_large_is_sent_in_parts(collector: StandIn) -> None:
    with TrustedSource(collector.url, "example") as source:
        results = source.send([{"title": "x" * 100_000} for _ in range(4)])
    assert results == ["ok"] * 4
    assert [len(request.envelope["events"]) for request in collector.requests] == [1, 1, 1, 1]


@pytest.mark.parametrize("damage", [lambda content: content[:60_000], lambda content: content[:60_000] + bytes(1000) + content[61_000:]])
def test_a_damaged_log_is_reported_after_what_could_be_read_was_sent(
    tmp_path: Path, collector: StandIn, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "access.log.gz"
    path.write_bytes(damage(LOG.read_bytes()))
    with pytest.raises(LogDamaged, match=r"beyond line \d+: .*is the file complete\?"):
        replay(path, collector.url, site="example")
    assert len(collector.events) > 500

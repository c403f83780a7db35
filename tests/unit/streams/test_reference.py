"""The converter against the plain reference: 10,000 sessions, no difference."""

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.streams.in_memory import Converting, a_message
from support.streams.reference import DAY, Reference
from support.streams.visits import Visits, batches

pytestmark = pytest.mark.usefixtures("only_warnings")

COMPARED = ("event_id", "session_id", "is_session_start", "session_page_number", "session_engagement_ms", "session_channel")
PATHS = ("previous_page_path", "landing_page_path")


def compare(seed: int, folder: Path, most_in_batch: int, remembered: int) -> Counter[str]:
    """Run one stream through both, with restarts; return the content of the stream."""
    visits = Visits(seed)
    reference, converting = Reference(), Converting(folder, settings={"remembered_sessions": remembered})
    sizes = random.Random(seed)
    parties: dict[Any, Any] = {}
    seen: Counter[str] = Counter()
    for batch in batches(visits.records, sizes, most_in_batch):
        now = converting.clock.now = batch[-1]["received_at"]
        if sizes.random() < 0.1:
            converting.restart()
            seen["restarts"] += 1
        rows = converting.take(*(a_message(record) for record in batch))
        expected = [row for record in batch if (row := reference.take(record, now)) is not None]
        assert [[row[name] for name in COMPARED] for row in rows] == [[row[name] for name in COMPARED] for row in expected]
        assert [[row[name] for name in PATHS] for row in rows] == [[row.get(name) for name in PATHS] for row in expected]
        for row, wanted in zip(rows, expected, strict=True):
            assert parties.setdefault(row["party_id"], wanted["party"]) == wanted["party"], "one party id, one party"
    assert len(set(parties.values())) == len(parties), "one party, one party id"
    accounts = converting.accounts()
    assert (accounts["duplicates"], accounts["dead_letters"]) == (reference.duplicates, reference.conflicts)
    return seen + contents(visits, reference)


def contents(visits: Visits, reference: Reference) -> Counter[str]:
    """Count the features of a stream."""
    spans = [{event["occurred_at"] // DAY for event in session.events} for session in reference.sessions if session.party[0] == "private"]
    times = [record["occurred_at"] for record in reference.taken]
    return Counter(
        sessions=len(reference.sessions),
        over_midnight=sum(len(days) > 1 for days in spans),
        consented=sum(session.party[0] == "consented" for session in reference.sessions),
        none=sum(record["party_kind"] == "none" for record in reference.taken),
        duplicates=reference.duplicates,
        conflicts=reference.conflicts,
        late=sum(record["received_at"] - record["occurred_at"] > 7 * DAY for record in reference.taken),
        out_of_order=sum(after < before for before, after in pairwise(times)),
        salts=reference.salts_made,
        salts_made_anew=reference.salts_made
        - len({record["occurred_at"] // DAY for record in reference.taken if record["party_kind"] == "private"}),
    )


# The minimum number of each kind in a stream of about 55 sessions; over 10,000 sessions in all.
MIN_COUNTS = {
    "sessions": 50,
    "over_midnight": 2,
    "consented": 8,
    "none": 10,
    "duplicates": 6,
    "conflicts": 1,
    "late": 0.8,
    "out_of_order": 6,
}


@pytest.mark.parametrize(("streams", "most_in_batch", "remembered"), [(20, 1, 50_000), (30, 7, 10), (75, 50, 50_000), (75, 400, 1)])
def test_no_difference_to_the_plain_reference(tmp_path: Path, streams: int, most_in_batch: int, remembered: int) -> None:
    seen: Counter[str] = Counter()
    for number in range(streams):
        seen += compare(most_in_batch * 1000 + number, tmp_path / str(number), most_in_batch, remembered)
    assert all(seen[name] > least * streams for name, least in MIN_COUNTS.items()), seen
    assert seen["salts_made_anew"] > 20
    assert seen["restarts"] > 10

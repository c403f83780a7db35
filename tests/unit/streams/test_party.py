"""The party of an event."""

from pathlib import Path

import pytest
from support.streams.in_memory import NOON, a_record
from support.streams.reference import DAY, MINUTE

from schemas.codec import Record
from streams.sessions.party import MAX_CACHED, Identity, Parties
from streams.sessions.salts import LIFETIME_MS, Salts

TODAY = NOON // DAY


@pytest.fixture
def salts(tmp_path: Path) -> Salts:
    salts = Salts.open(tmp_path / "salts.json")
    salts.renew([TODAY], NOON)
    return salts


def identify(salts: Salts, record: Record) -> Identity:
    identity = Parties(salts).identify(record)
    assert identity is not None
    return identity


def test_a_private_party_id_is_16_hexadecimal_digits(salts: Salts) -> None:
    [(site, party)] = identify(salts, a_record()).parties
    assert (site, len(bytes.fromhex(party))) == ("shop", 8)


@pytest.mark.parametrize(
    "change", [{"site": "blog"}, {"address": "198.51.100.0"}, {"address": None}, {"user_agent": "Chrome"}, {"user_agent": None}]
)
def test_another_site_client_ip_or_agent_is_another_party(salts: Salts, change: dict[str, str | None]) -> None:
    assert identify(salts, a_record()).parties != identify(salts, a_record(**change)).parties


def test_the_same_browser_is_the_same_party_all_day(salts: Salts) -> None:
    parties = Parties(salts)
    assert parties.identify(a_record(at=NOON - DAY // 2)) == parties.identify(a_record(at=NOON + DAY // 2 - 1))


def test_the_days_around_count_while_their_salts_exist(salts: Salts) -> None:
    parties = Parties(salts)
    [today] = identify(salts, a_record()).parties
    assert parties.identify(a_record()) == Identity((today,))
    salts.renew([TODAY - 1, TODAY + 1], NOON)
    found = parties.identify(a_record())
    assert found is not None
    assert found.parties[0] == today
    assert len(set(found.parties)) == 3


def test_hashes_of_a_destroyed_salt_are_forgotten(salts: Salts) -> None:
    parties = Parties(salts)
    before = parties.identify(a_record())
    salts.renew([TODAY], NOON + LIFETIME_MS)
    assert parties.identify(a_record()) != before


def test_the_cache_is_bounded(salts: Salts) -> None:
    parties = Parties(salts)
    for number in range(MAX_CACHED + 2):
        parties.identify({"party_kind": "private", "occurred_at": NOON, "site": "shop", "address": None, "user_agent": str(number)})
    assert len(parties._cache) == 2


def test_with_consent_the_page_sends_its_party(salts: Salts) -> None:
    record = a_record(party_kind="consented", party_id="p", session_id="s")
    assert identify(salts, record) == Identity((("shop", "p"),), "s")


@pytest.mark.parametrize("kind", [{"party_kind": "none", "party_id": "p"}, {"party_kind": "consented"}, {"party_kind": "whatever"}])
def test_where_the_visitor_says_no_there_is_no_party(salts: Salts, kind: dict[str, str]) -> None:
    assert Parties(salts).identify(a_record(**kind)) is None


def test_a_minute_over_midnight_is_another_day(salts: Salts) -> None:
    midnight = (TODAY + 1) * DAY
    salts.renew([TODAY + 1], NOON)
    before, after = identify(salts, a_record(at=midnight - 1)), identify(salts, a_record(at=midnight + MINUTE))
    assert before.parties[0] != after.parties[0]
    assert set(before.parties) == set(after.parties)

"""The salts: made when needed, on disk before use, closed to others, gone after 48 hours."""

import json
from pathlib import Path

import pytest

from streams.errors import SaltsError
from streams.sessions.salts import LIFETIME_MS, MAX_SALTS, Salts

NOW = 1_795_003_200_000
DAY = 20_775


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "salts.json"


def test_a_day_has_no_salt_before_it_needs_one(path: Path) -> None:
    assert Salts.open(path).of(DAY) is None
    assert not path.exists()


def test_a_salt_outlives_the_process(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY], NOW)
    assert salts.of(DAY) is not None
    assert Salts.open(path).of(DAY) == salts.of(DAY)


def test_each_day_has_another_salt(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY, DAY + 1], NOW)
    assert salts.of(DAY) != salts.of(DAY + 1)


def test_a_salt_that_is_there_stays(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY], NOW)
    before, generation = salts.of(DAY), salts.generation
    salts.renew([DAY], NOW + LIFETIME_MS - 1)
    assert (salts.of(DAY), salts.generation) == (before, generation)


def test_nobody_else_may_read_the_file(path: Path) -> None:
    Salts.open(path).renew([DAY], NOW)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_file_that_others_could_read_is_closed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o644)
    Salts.open(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_salt_is_destroyed_48_hours_after_it_was_made(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY], NOW)
    salts.renew([], NOW + LIFETIME_MS)
    assert salts.of(DAY) is None
    assert json.loads(path.read_text()) == {}


def test_a_destroyed_salt_is_not_made_again_the_same(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY], NOW)
    before = salts.of(DAY)
    salts.renew([DAY], NOW + LIFETIME_MS)
    assert salts.of(DAY) not in (None, before)


def test_when_there_are_too_many_those_far_from_today_go_and_todays_stays(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew([DAY], NOW)
    salts.renew(range(MAX_SALTS), NOW + 1)
    salts.renew([MAX_SALTS], NOW + 2)
    assert salts.of(DAY) is not None
    assert salts.of(MAX_SALTS) is not None
    assert salts.of(0) is None
    assert len(json.loads(path.read_text())) == MAX_SALTS


def test_the_days_of_a_batch_have_their_salts_however_many_there_are(path: Path) -> None:
    salts = Salts.open(path)
    salts.renew(range(MAX_SALTS + 5), NOW)
    assert salts.of(0) is not None


@pytest.mark.parametrize("content", ["", "[]", '{"20775": {}}', '{"monday": 1}', '{"1": {"secret": "xyz", "made_at": 1}}', "\x00" * 100])
def test_a_file_that_holds_no_salts_is_an_error_with_a_way_out(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SaltsError, match=r"salts\.json: not a valid file of salts .* delete it"):
        Salts.open(path)

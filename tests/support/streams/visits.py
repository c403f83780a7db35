"""Makes streams of records as they arrive: sessions over midnights, late, repeated, out of order, in all party kinds; by a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.streams.in_memory import NOON, a_record
from support.streams.reference import DAY, MINUTE

from schemas.codec import Record

HALF_AN_HOUR = 30 * MINUTE
GAPS = (0, 1, 20_000, 5 * MINUTE, HALF_AN_HOUR - 1, HALF_AN_HOUR, HALF_AN_HOUR + 1, 45 * MINUTE)
DELAYS = (0, 30, 2 * MINUTE, 40 * MINUTE, 5 * 60 * MINUTE, DAY, 2 * DAY + MINUTE, 8 * DAY)
MIDNIGHT = NOON + DAY // 2


@dataclass(frozen=True)
class Visitor:
    site: str
    client_ip: str
    user_agent: str
    party_kind: str
    party_id: str | None


@dataclass
class Visits:
    """A stream of about `count` sessions by a dozen visitors in a week."""

    seed: int
    sessions: int = 60
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        visitors = [self._visitor(number) for number in range(10)]
        for number in range(self.sessions):
            self.records += self._session(self.random.choice(visitors), number)
        self.records += list(self._retries())
        self.records.sort(key=lambda record: record["received_at"])

    def _visitor(self, number: int) -> Visitor:
        choose = self.random.choice
        kind = choose(("private", "private", "private", "consented", "none"))
        party_id = f"{number:032x}" if kind == "consented" else None
        return Visitor(
            choose(("shop", "blog")), choose(("192.0.2.0", "198.51.100.0")), choose(("Firefox", "Chrome", "Safari")), kind, party_id
        )

    def _session(self, visitor: Visitor, number: int) -> Iterator[Record]:
        choose = self.random.choice
        day = choose(range(7)) * DAY
        # Half of them near midnight; on the third day nobody comes, so that salts are destroyed unused.
        at = (
            MIDNIGHT
            + day
            + (self.random.randrange(-HALF_AN_HOUR, HALF_AN_HOUR) if self.random.random() < 0.5 else self.random.randrange(DAY))
        )
        # A page may name its session; now and then it forgets to.
        session_id = f"{self.seed:016x}{number:016x}" if visitor.party_kind == "consented" else None
        is_late = self.random.random() < 0.1
        for _ in range(self.random.randrange(1, 9)):
            at += choose(GAPS[:5]) if self.random.random() < 0.8 else choose(GAPS)
            delay = choose(DELAYS) if is_late or self.random.random() < 0.05 else choose(DELAYS[:2])
            yield self._event(visitor, at, at + delay, session_id if self.random.random() < 0.8 else None)

    def _event(self, visitor: Visitor, at: int, received_at: int, session_id: str | None) -> Record:
        choose = self.random.choice
        kind = choose(("pageView", "pageView", "pageLeave", "download"))
        referrer_host = choose((None, None, "news.example", "shop.example"))
        return a_record(
            event_id=f"{self.random.getrandbits(128):032x}",
            event_type=kind,
            at=at,
            received_at=received_at,
            site=visitor.site,
            address=visitor.client_ip,
            user_agent=visitor.user_agent,
            party_kind=visitor.party_kind,
            party_id=visitor.party_id,
            session_id=session_id,
            page_path=choose(("/", "/a", "/b", "/c", None)),
            referrer_host=referrer_host,
            referrer=referrer_host and f"https://{referrer_host}/",
            utm_source=choose((None, None, None, "letter")),
            engagement_ms=choose((None, 500, 12_000, -5)) if kind == "pageLeave" else None,
        )

    def _retries(self) -> Iterator[Record]:
        """Yield retries: recorded again, later, perhaps from another network; and sometimes another event with a used id."""
        for record in self.random.sample(self.records, len(self.records) // 12):
            later = record["received_at"] + self.random.choice(DELAYS)
            again = record | {
                "received_at": later,
                "occurred_at": record["occurred_at"] + 7,
                "address": "203.0.113.0",
                "is_duplicate": True,
            }
            yield again | {"page_path": "/other"} if self.random.random() < 0.2 else again


def batches(records: list[Record], sizes: random.Random, most: int) -> Iterator[list[Record]]:
    """Cut the stream into batches of random size."""
    start = 0
    while start < len(records):
        size = sizes.randrange(1, most + 1)
        yield records[start : start + size]
        start += size

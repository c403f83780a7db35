"""A reference implementation of duplicates, parties and sessions: plain lists in arrival order, no caches, no batches."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

from schemas.codec import Record

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

Party: TypeAlias = tuple[Any, ...]
SAID_ABOUT_THE_EVENT = (
    "event_type",
    "created_at",
    "page_view_id",
    "page_url",
    "page_host",
    "page_path",
    "referrer",
    "utm_source",
    "engagement_ms",
)


@dataclass
class ReferenceSession:
    site: str
    party: Party
    session_id: str
    channel: str
    events: list[Record] = field(default_factory=list)

    def distance(self, at: int) -> int:
        times: list[int] = [event["occurred_at"] for event in self.events]
        return max(min(times) - at, at - max(times), 0)

    def columns(self) -> dict[str, Any]:
        views = [event["page_path"] for event in self.events if event["event_type"] == "pageView"]
        opener = self.events[0]
        pages = views if opener["event_type"] == "pageView" else [opener["page_path"], *views]
        return {
            "session_page_number": len(views),
            "previous_page_path": pages[-2] if len(pages) > 1 else None,
            "landing_page_path": next((page for page in pages if page is not None), None),
            "session_engagement_ms": sum(max(event["engagement_ms"] or 0, 0) for event in self.events),
            "session_channel": self.channel,
        }


@dataclass
class Reference:
    """Receives records one by one and returns the expected columns of each row; None for a record without a row."""

    taken: list[Record] = field(default_factory=list)
    sessions: list[ReferenceSession] = field(default_factory=list)
    salts: dict[int, tuple[int, int]] = field(default_factory=dict)  # day to (number of the salt, made at)
    salts_made: int = 0
    duplicates: int = 0
    conflicts: int = 0

    def take(self, record: Record, now: int) -> dict[str, Any] | None:
        for before in self.taken:
            if (before["site"], before["event_id"]) == (record["site"], record["event_id"]):
                is_same = all(before[name] == record[name] for name in SAID_ABOUT_THE_EVENT)
                self.duplicates += is_same
                self.conflicts += not is_same
                return None
        self.taken.append(record)
        self.salts = {day: salt for day, salt in self.salts.items() if now - salt[1] < 2 * DAY}
        return {"event_id": record["event_id"], "is_session_start": 0} | self._session(record, now)

    def _session(self, record: Record, now: int) -> dict[str, Any]:
        if record["party_kind"] == "none":
            return {"party": None, "session_id": None, "session_page_number": None, "session_channel": None, "session_engagement_ms": None}
        parties = self._parties(record, now)
        mine = [session for session in self.sessions if session.site == record["site"] and session.party in parties]
        if record["session_id"]:
            found = [session for session in mine if session.session_id == record["session_id"]]
        else:
            at = record["occurred_at"]
            found = [session for session in mine if session.distance(at) <= 30 * MINUTE]
            found.sort(
                key=lambda session: (session.distance(at), min(event["occurred_at"] for event in session.events), session.session_id)
            )
        session = found[0] if found else self._open(record, parties[0])
        session.events.append(record)
        return {"party": session.party, "session_id": session.session_id, "is_session_start": int(not found)} | session.columns()

    def _open(self, record: Record, party: Party) -> ReferenceSession:
        site, event_id = record["site"], record["event_id"]
        hashed = blake2b(f"{len(site)}:{site}{event_id}".encode(), digest_size=16).hexdigest()[:16]
        is_internal = record["referrer_host"] == record["page_host"]
        channel = "Email" if record["utm_source"] else "Referral" if record["referrer_host"] and not is_internal else "Direct"
        session = ReferenceSession(site, party, record["session_id"] or hashed, channel)
        self.sessions.append(session)
        return session

    def _parties(self, record: Record, now: int) -> list[Party]:
        if record["party_kind"] == "consented":
            return [("consented", record["party_id"])]
        day = record["occurred_at"] // DAY
        if day not in self.salts:
            self.salts_made += 1
            self.salts[day] = (self.salts_made, now)
        salts = [self.salts[near][0] for near in (day, day - 1, day + 1) if near in self.salts]
        return [("private", salt, record["site"], record["address"], record["user_agent"]) for salt in salts]

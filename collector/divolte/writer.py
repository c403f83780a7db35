"""The last steps of an event in Divolte's form: known already? to whom? then mapped, encoded, and a message."""

from collections.abc import Sequence

import msgspec

from collector.events.duplicates import REPEATED, DuplicateMemory, event_digest
from collector.events.event import Rejection, RejectReason
from collector.pipeline import SKEW_MS, ClientFingerprint, PartitionKey
from collector.requests.client import ClientInfo
from collector.sources import Source
from mapping.avro import BoundedCache
from mapping.compilation.compiler import Encoder
from topics.topic import Kind, Message

_CORRUPT = "the checksum does not match; the source drops such events"


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What tells one event from all others: the identifiers of party and session in canonical form."""

    party_id: str
    session_id: str
    event_id: str


class EventWriter:
    """Makes messages of the checked events of one source."""

    def __init__(
        self, source: Source, encode: Encoder, encode_copy: Encoder | None, partition_key: PartitionKey, memory: DuplicateMemory
    ) -> None:
        self._encode: Encoder = encode
        self._encode_copy: Encoder | None = encode_copy
        self._name, self._site = source.name, source.site
        self._drops_corrupted, self._drops_duplicates = source.drop_corrupted, source.drop_duplicates
        self._keys = BoundedCache[ClientFingerprint, bytes](partition_key)
        self._memory = memory

    def write(
        self,
        event: object,
        identity: Identity,
        client: ClientInfo,
        received_at: int,
        created_at: int,
        is_corrupt: bool,
        is_cleaned: bool,
        parameters: object = None,
        parameters_text: bytes | None = None,
    ) -> tuple[Message, ...] | Rejection:
        """Make the message of an event, with the one for the source's copy if there is one; or say why it is dropped."""
        digest = event_digest(identity.party_id, identity.session_id, identity.event_id)
        event_key = digest.hex()
        if is_corrupt and self._drops_corrupted:
            return Rejection(RejectReason.CORRUPT, _CORRUPT, event_key)
        is_repeat = self._memory.is_repeat(digest)
        if is_repeat and self._drops_duplicates:
            return Rejection(RejectReason.DUPLICATE, REPEATED, event_key)
        party_kind, party_id, session_id = (
            ("none", None, None) if client.has_opted_out else ("consented", identity.party_id, identity.session_id)
        )
        if client.visitor is not None:
            party_id = client.visitor.party_for(party_kind, party_id)
        facts = (
            event,
            self._site,
            self._name,
            received_at,
            received_at,  # this form does not say when a request was sent, so that its clock cannot be corrected
            created_at,
            party_kind,
            party_id,
            session_id,
            client.ip,
            client.user_agent,
            not -SKEW_MS <= received_at - created_at <= SKEW_MS,
            is_cleaned,
            parameters,
            parameters_text,
            event_key,
            client.remote_host,
            client.headers,
            is_corrupt,
            is_repeat,
        )
        key = self._key(client) if party_id is None else party_id.encode()
        message = Message(Kind.EVENT, received_at, self._name, key, event_key, self._encode(*facts))
        if self._encode_copy is None:
            return (message,)
        return (message, Message(Kind.EVENT, received_at, self._name, key, event_key, self._encode_copy(*facts)))

    def rejected(self, refusal: Rejection, received_at: int) -> Message:
        """Make the message that tells of a refusal."""
        detail = msgspec.json.encode({"message": refusal.message})
        return Message(Kind.REJECTION, received_at, self._name, refusal.reason.encode(), refusal.event_id, detail)

    def forget(self, messages: Sequence[Message]) -> None:
        """Forget events that were not stored after all: they come again, and are no repeats then."""
        for message in messages:
            if message.kind is Kind.EVENT:
                self._memory.forget(bytes.fromhex(message.event_id))

    def _key(self, client: ClientInfo) -> bytes:
        fingerprint = (self._site, client.ip, client.user_agent)
        return self._keys.entries.get(fingerprint) or self._keys.compute(fingerprint)

"""The last steps of an event, the same for every source: deduplicate, find the party, map and encode, and make its message."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from collector.events.duplicates import DuplicateMemory
from collector.events.event import Rejection, RejectReason
from collector.requests.client import ClientInfo
from mapping.avro import BoundedCache
from mapping.compilation.compiler import Encoder
from mapping.operations.headers import AnonymousHeaders
from topics.topic import Kind, Message

ClientFingerprint: TypeAlias = tuple[str, str | None, str | None]  # site, truncated client IP, user agent
PartitionKey: TypeAlias = Callable[[ClientFingerprint], bytes]

SKEW_MS: Final = 24 * 60 * 60 * 1000  # a clock that differs more from ours is skewed
_SEEN_BEFORE: Final = "an event with this id was received before; the source drops duplicates"
_encode_json = msgspec.json.Encoder().encode


class RecordWriter:
    """Writes the events and rejections of one source as messages for its topic."""

    def __init__(
        self,
        source: str,
        encode: Encoder,
        encode_copy: Encoder | None,
        partition_key: PartitionKey,
        memory: DuplicateMemory,
        *,
        drops_duplicates: bool = False,
    ) -> None:
        self._source = source
        self._encode: Encoder = encode
        self._encode_copy: Encoder | None = encode_copy
        self._keys = BoundedCache[ClientFingerprint, bytes](partition_key)
        self._memory, self._drops_duplicates = memory, drops_duplicates

    def write(
        self,
        event: object,
        event_key: str,
        digest: bytes | None,
        site: str,
        client: ClientInfo,
        received_at: int,
        occurred_at: int,
        created_at: int | None,
        party_id: str | None,
        session_id: str | None,
        is_anonymous: bool | None,
        is_skewed: bool,
        is_cleaned: bool,
        is_corrupt: bool,
        parameters: object,
        parameters_text: bytes | None,
        copies: list[Message],
    ) -> Message | Rejection:
        """Return the message of a valid event, or its rejection as a duplicate; append its copy, if the source has one, to `copies`.

        `digest` is what the memory of duplicates knows the event by. Without one, only the converter detects duplicates.
        """
        is_duplicate = digest is not None and self._memory.check_and_add(digest)
        if is_duplicate and self._drops_duplicates:
            return Rejection(RejectReason.DUPLICATE, _SEEN_BEFORE, event_key)
        client_ip, user_agent, headers = client.ip, client.user_agent, client.headers
        if is_anonymous:
            party_kind, party_id, session_id, headers = "none", None, None, AnonymousHeaders(headers)
        elif party_id is None:
            party_kind, session_id = "private", None
        else:
            party_kind = "consented"
        if client.visitor is not None:
            party_id = client.visitor.party_for(party_kind, party_id)
        if party_id is not None:
            key = party_id.encode()
        else:
            fingerprint = (site, client_ip, user_agent)
            key = self._keys.entries.get(fingerprint) or self._keys.compute(fingerprint)
        inputs = (  # in the order of the ARGUMENTS of mapping.dsl.input_specs
            event,
            site,
            self._source,
            received_at,
            occurred_at,
            created_at,
            party_kind,
            party_id,
            session_id,
            client_ip,
            user_agent,
            is_skewed,
            is_cleaned,
            parameters,
            parameters_text,
            event_key,
            client.remote_host,
            headers,
            is_corrupt,
            is_duplicate,
        )
        if self._encode_copy is not None:
            copies.append(Message(Kind.EVENT, received_at, self._source, key, event_key, self._encode_copy(*inputs)))
        return Message(Kind.EVENT, received_at, self._source, key, event_key, self._encode(*inputs))

    def reject(self, rejection: Rejection, received_at: int) -> Message:
        """Return the message of a rejection."""
        detail = _encode_json({"message": rejection.message})
        return Message(Kind.REJECTION, received_at, self._source, rejection.reason.encode(), rejection.event_id, detail)

    def forget(self, messages: Sequence[Message]) -> None:
        """Forget events that were not stored: when they are sent again, they are not duplicates."""
        for message in messages:
            if message.kind is Kind.EVENT:
                self._memory.forget(bytes.fromhex(message.event_id))

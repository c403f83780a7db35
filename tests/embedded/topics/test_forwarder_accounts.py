"""The accounts of a forwarder: its own, and those of the converter."""

import json
from pathlib import Path

from support.topics.forwarders import a_forwarder, outcome, wait_until_released
from support.topics.in_memory import MINUTE, a_message, a_rejection, fill, messages, read_entries
from support.topics.kafka import (
    MockKafka,
    header,
    read_topic,
    write_topic,
)
from support.waiting import wait_until

from topics.forwarder.forwarder import READER
from topics.local.consumers import consumer_accounts
from topics.local.segments import segment_bases, segment_path
from topics.local.spool_id import spool_id


def account_key(spool: bytes, kind: str = "account") -> bytes:
    return json.dumps([kind, spool.hex(), MINUTE, "browser"]).encode()


def account(kafka: MockKafka, spool: bytes, counts: dict[str, int], *, partition: int) -> None:
    write_topic(kafka.settings, "ledger", account_key(spool), json.dumps(counts).encode(), partition=partition)


def test_rejections_stay_here_and_are_accounted_for(spool: Path, kafka: MockKafka) -> None:
    fill(spool, [a_rejection(), a_rejection("duplicate"), a_message(), a_rejection(source="json")])
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    assert len(read_topic(kafka.settings, "avro")) == 1
    accounts = consumer_accounts(spool)[READER]
    assert (accounts[MINUTE, "browser"]["rejected"], accounts[MINUTE, "browser"]["duplicates"]) == (1, 1)
    assert accounts[MINUTE, "json"]["rejected"] == 1


def test_damage_is_a_dead_letter_and_accounted_for(spool: Path, kafka: MockKafka) -> None:
    fill(spool, messages(3))
    broken = read_entries(spool)[1]
    base = segment_bases(spool)[0]
    with segment_path(spool, base).open("r+b") as file:
        file.seek(broken.position - base + 12)
        file.write(b"\xff\xff")
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    assert len(read_topic(kafka.settings, "avro")) == 2
    (letter,) = read_topic(kafka.settings, "dead-letters")
    assert letter.key() == f"spool/{spool_id(spool).hex()}/{broken.position}".encode()
    assert len(letter.value() or b"") == broken.next_position - broken.position
    headers = [header(letter, name) for name in ("stage", "reason", "failed-at")]
    assert headers == [b"read", b"damaged_frame", str(MINUTE).encode()]
    assert consumer_accounts(spool)[READER][MINUTE, ""]["dead_letters"] == 1


def test_the_converters_accounts_join_its_own(spool: Path, kafka: MockKafka) -> None:
    fill(spool, [a_message(), a_rejection("duplicate")])
    account(kafka, spool_id(spool), {"stored": 5, "duplicates": 1, "dead_letters": 2}, partition=0)
    with a_forwarder(spool, kafka.settings):
        account(kafka, spool_id(spool), {"stored": 3, "duplicates": 0, "dead_letters": 0}, partition=3)
        account(kafka, b"8 others", {"stored": 99, "duplicates": 0, "dead_letters": 0}, partition=3)
        write_topic(kafka.settings, "ledger", b"no JSON", b"1")
        write_topic(kafka.settings, "ledger", account_key(spool_id(spool)), None, partition=2)
        account(kafka, spool_id(spool), {"stored": 4, "duplicates": 0, "dead_letters": 0}, partition=3)
        wait_until(lambda: consumer_accounts(spool)[READER].get((MINUTE, "browser"), {}).get("stored") == 9)
    assert outcome(spool) == {"stored": 9, "duplicates": 2, "rejected": 0, "dead_letters": 2}
    with a_forwarder(spool, kafka.settings):  # the next run begins with these
        fill(spool, [a_rejection("duplicate"), a_rejection()])
        wait_until_released(spool)
    assert outcome(spool) == {"stored": 9, "duplicates": 3, "rejected": 1, "dead_letters": 2}


def test_rows_deleted_since_are_reported_with_what_was_stored(spool: Path, kafka: MockKafka) -> None:
    fill(spool, [a_message()])
    account(kafka, spool_id(spool), {"stored": 5, "duplicates": 0, "dead_letters": 0}, partition=0)
    with a_forwarder(spool, kafka.settings):
        for count, partition in ((1, 0), (2, 1), (3, 0)):  # whole sums, those of a partition in place of each other
            write_topic(kafka.settings, "ledger", account_key(spool_id(spool), "deleted"), b'{"deleted":%d}' % count, partition=partition)
        write_topic(kafka.settings, "ledger", account_key(b"8 others", "deleted"), b'{"deleted":9}')
        wait_until(lambda: consumer_accounts(spool)[READER].get((MINUTE, "browser"), {}).get("deleted") == 5)
    assert outcome(spool)["stored"] == 5

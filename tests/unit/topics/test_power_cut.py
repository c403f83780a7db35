"""A power cut during any sync, which loses any part of the unsynced data, loses nothing that was acknowledged."""

import asyncio
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.topics.in_memory import MINUTE, fill, messages, no_failure, read_from, whole

from topics.ledger import Received
from topics.local.high_watermark import HighWatermark
from topics.local.log import REAL_DISK, Disk
from topics.local.reader import LocalReader
from topics.local.writer import LocalTopic
from topics.topic import Message

SECTOR = 512


class PoweredDisk:
    """A disk that loses power during its last sync: any unsynced sectors may have been written."""

    def __init__(self, topic: Path, remains: Path, syncs: int, chance: random.Random) -> None:
        self.topic, self.remains, self.syncs, self.chance = topic, remains, syncs, chance
        self.synced: dict[str, int] = {}
        self.ends = [0]

    def sync(self, fd: int) -> None:
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        end = HighWatermark(self.topic)
        self.ends.append(end.read())
        end.close()
        self.syncs -= 1
        if self.syncs == 0:
            self._lose_power(name)
        os.fdatasync(fd)
        self.synced[name] = os.fstat(fd).st_size

    def _lose_power(self, name: str) -> None:
        shutil.copytree(self.topic, self.remains)
        end = HighWatermark(self.remains, create=True)
        end.write(self.chance.choice(self.ends))
        end.close()
        content, kept = bytearray((self.topic / name).read_bytes()), self.synced.get(name, 0)
        for sector in range(kept // SECTOR, len(content) // SECTOR + 1):
            if self.chance.random() < 0.5:
                place = slice(max(kept, sector * SECTOR), min(len(content), (sector + 1) * SECTOR))
                content[place] = bytes(place.stop - place.start)
        (self.remains / name).write_bytes(content[: self.chance.randint(kept, len(content))])


def a_topic(path: Path, disk: Disk = REAL_DISK) -> LocalTopic:
    return LocalTopic.open(path, segment_bytes=6000, on_failure=no_failure, disk=disk, now=lambda: MINUTE / 1000)


@pytest.mark.parametrize("seed", range(40))
def test_a_power_cut_costs_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path, remains = tmp_path / "topic", tmp_path / "remains"
    disk = PoweredDisk(path, remains, chance.randint(1, 12), chance)
    acknowledged: list[Message] = []

    async def write(groups: Sequence[list[Message]]) -> None:
        topic = a_topic(path, Disk(sync=disk.sync))
        for group in groups:
            await topic.append(group)
            if disk.syncs > 0:
                acknowledged.extend(group)
        topic.close()

    sent = messages(300, value=bytes(range(100)))
    asyncio.run(write([sent[place : place + 10] for place in range(0, 300, 10)]))
    topic = a_topic(remains)
    reader = LocalReader.open(remains, "converter")
    found = read_from(reader, 0)
    assert topic.totals().get("browser", Received()).received == len(whole(found))
    assert reader.damaged == topic.recovered.damaged
    topic.close()
    assert whole(found)[: len(acknowledged)] == acknowledged
    assert all(message in sent for message in whole(found))
    fill(remains, messages(3))
    assert whole(read_from(reader, found[-1].next_position if found else 0)) == messages(3)

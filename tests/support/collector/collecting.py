"""Events of a page that are passed to a collector afterwards."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.browser.recorder import Batch
from support.collector.collectors import Answer, LocalCollector


def collected(batches: Iterable[Batch], **request: Any) -> tuple[LocalCollector, list[Answer]]:
    """Send these batches one after the other, in a thread: the browser's driver has the loop of this one."""
    collector = LocalCollector()
    with ThreadPoolExecutor(1) as pool:
        return collector, [pool.submit(collector.send, batch.body, path=batch.path, **request).result() for batch in batches]

"""Requests at a steady rate from several senders; none is ever sent again, so each one that fails is known."""

import http.client
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from support.collector.collectors import a_body, an_event, milliseconds


@dataclass
class Load:
    """Sends one event per request until the block ends; some senders keep their connection, others open one per request."""

    port: int
    keeping: int = 3
    fresh: int = 3
    per_second: int = 50  # of each sender
    acknowledged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # that each answer took

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        kinds = [True] * self.keeping + [False] * self.fresh
        self._threads = [threading.Thread(target=self._send_all, args=(n, keeps)) for n, keeps in enumerate(kinds)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self, sender: int, keeps: bool) -> None:
        connection, number = self._connection(), 0
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += 1 / self.per_second
            began = time.monotonic()
            number += 1
            try:
                self._send(connection, f"{sender << 64 | number:032x}")
                self.seconds.append(time.monotonic() - began)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not keeps:
                connection.close()
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, event_id: str) -> None:
        now = milliseconds()
        event = an_event(id=event_id, created_at=now, page_view_id=event_id)
        connection.request("POST", "/h", a_body(event, sent_at=now))
        answer = connection.getresponse()
        content = answer.read()
        if (answer.status, content) == (200, b'{"results":["ok"]}'):
            self.acknowledged.append(event_id)
        else:
            self.failures.append(f"{answer.status} {content!r}")

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

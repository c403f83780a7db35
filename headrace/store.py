"""`python -m headrace.store`: converter and minidruid in one process, because a DuckDB file allows one writing process."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.dead_letters.store import dead_letter_routes
from headrace.rows.store import deletion_route
from headrace.store_settings import StoreSettings
from minidruid.access import read_token
from minidruid.app import create_app
from minidruid.errors import MinidruidError
from minidruid.settings import Settings as SqlSettings
from minidruid.storage.store import Store
from schemas.contract import columns, load_schema
from startup.atomic_files import keep_private
from startup.gc_tuning import freeze_gc
from startup.logs import configure
from startup.probes import readiness
from startup.refused_requests import RefusedRequests
from startup.settings import SettingsError
from streams.build import GARBAGE_THRESHOLDS, build_worker
from streams.dead_letters import NEVER_REPLAYED
from streams.errors import StreamsError
from streams.local.worker import Worker
from streams.settings import Settings as ConverterSettings
from streams.sink import Session
from topics.accounts import Account
from topics.local.spools import SpoolConsumers
from topics.topic import TopicError

CONSUMER = "converter"
DRAIN_SECONDS = 5  # time for open queries to finish when the store stops
log = structlog.get_logger("store")


class StoreServer(uvicorn.Server):
    """Server of queries, which stops at a signal or when the converter ends."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker
        self._stop = threading.Event()
        self._converter = threading.Thread(target=self._convert, name="converter")
        self.failure: Exception | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal without raising it again afterwards, as uvicorn does: that would kill the converter in the middle of a batch."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    def not_ready_reason(self) -> str:
        """Return the not-ready reason; empty when the store is ready."""
        return _describe(self.failure) if self.failure else self._worker.not_ready_reason()

    def run_with_converter(self) -> None:
        """Run both until they stop; the current batch is committed before this returns."""
        self._converter.start()
        try:
            self.run()
        finally:
            self._stop.set()
            self._converter.join()

    def _convert(self) -> None:
        try:
            self._worker.run(self._stop)
        except Exception as error:
            self.failure = error  # set first, because on a full disk the log fails too
            log.exception("converter failed")
        finally:
            self.should_exit = True


def main() -> int:
    """Run until SIGTERM; return 0 after a clean stop, 1 if the converter failed, 2 if the settings or the state are invalid."""
    keep_private()
    configure()
    try:
        converter = ConverterSettings.read(os.environ)
        sql = SqlSettings.read(os.environ)
        token = read_token(sql)
        consumers = SpoolConsumers(StoreSettings.read(os.environ).topics / converter.topic, CONSUMER)
        store = Store.open(
            sql.store,
            columns(load_schema(converter.schema_path)),
            session=Session,
            account=Account,
            never_replayed=NEVER_REPLAYED,
            memory_limit=sql.memory_limit,
            threads=sql.threads,
        )
        worker = build_worker(consumers, store, converter)
    except (SettingsError, StreamsError, MinidruidError, TopicError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the operator
        return 2
    refused = RefusedRequests()
    worker.metrics.registry.register(refused)

    def not_ready_reason() -> str:
        return server.not_ready_reason()

    async def ready(_request: Request) -> Response:
        status, media_type, content = readiness(not_ready_reason())
        return Response(content, status, media_type=media_type)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(worker.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app = create_app(store, sql, token=token, count=refused.count, not_ready_reason=not_ready_reason)
    app.routes.extend(
        (
            Route("/health/ready", ready),
            Route("/metrics", metrics),
            *dead_letter_routes(store.dead_letters, worker.replays.submit),
            deletion_route(worker.delete),
        )
    )
    freeze_gc(*GARBAGE_THRESHOLDS)
    server = StoreServer(
        uvicorn.Config(
            app,
            host=sql.host,
            port=sql.port,
            log_level="error",  # warnings would let anyone write to the log with invalid requests
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        ),
        worker,
    )
    try:
        server.run_with_converter()
    finally:
        store.close()
        consumers.close()
    if server.failure:
        print(_describe(server.failure), file=sys.stderr)  # noqa: T201 - the last line of the log is what the operator reads
    return 1 if server.failure or not server.started else 0


def _describe(error: Exception) -> str:
    """Return an error as one line, with its type unless it is one of ours."""
    text = str(error).partition("\n")[0]
    return text if isinstance(error, StreamsError | MinidruidError | TopicError) else f"{type(error).__name__}: {text}"


if __name__ == "__main__":
    sys.exit(main())

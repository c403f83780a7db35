"""A stand-in for Druid's coordinator and overlord on a real port: it stores specs as Druid does, for tests without rows."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from support.waiting import wait_until

# What Druid 33 fills in and how it writes what it was given, as far as our files touch it.
READING = {"autoScalerConfig": None, "lateMessageRejectionPeriod": None, "stopTaskCount": None, "emitTimeLagMetrics": False}
TUNING = {"maxRowsInMemory": 150000, "handoffConditionTimeout": 900000, "reportParseExceptions": False, "workerThreads": None}
DIMENSION = {"multiValueHandling": "SORTED_ARRAY", "createBitmapIndex": True}
DURATIONS = {"PT1H": "PT3600S", "PT1M": "PT60S", "PT30M": "PT1800S", "PT0.5S": "PT0.500S", "PT1S": "PT1S", "PT2S": "PT2S", "PT60S": "PT60S"}


@dataclass
class DruidStandIn:
    """The requests to the stand-in, and its prepared responses."""

    url: str = ""
    supervisors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # every version, the newest last
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    compaction: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    rejection: str = ""  # the reason to reject a new supervisor
    said: dict[str, Any] = field(default_factory=dict)  # laid over a supervisor's status
    completed: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    reports: dict[str, Any] = field(default_factory=dict)
    rewritten: list[dict[str, Any]] = field(default_factory=list)  # tasks that leave rows out, oldest first
    task_failure: str = ""  # the reason that such a task fails with
    has_unpublished: bool = False  # whether reading tasks hold rows
    handoffs: int = 0
    left: list[int] = field(default_factory=list)  # how many of the rows are in its next answers

    def newest(self, datasource: str = "clickstream") -> dict[str, Any]:
        return self.supervisors[datasource][-1]

    def fail_task(self, error: str, *, ended_at: datetime | None = None, detail: str = "") -> None:
        """Set up a failed task, with a report of the row that did not fit."""
        name, at = f"index_kafka_failed_{len(self.completed)}", (ended_at or datetime.now(UTC)).isoformat()
        task = {"id": name, "createdTime": at, "duration": 0, "statusCode": "FAILED", "errorMsg": f"{error}\n\tat org.apache.druid.X"}
        self.completed.append(task)
        if detail:
            event = {"input": "{party_id=secret}", "details": [detail]}
            self.reports[name] = {"ingestionStatsAndErrors": {"payload": {"unparseableEvents": {"buildSegments": [event]}}}}

    def tasks(self, datasource: str, state: str) -> list[dict[str, Any]]:
        waiting = {task["id"] for task in self.pending}
        running = [task for task in self._active(datasource) if task["id"] not in waiting]
        return {"running": running, "pending": self.pending, "complete": self.completed}.get(state, [])

    def _active(self, datasource: str) -> list[dict[str, Any]]:
        if datasource not in self.supervisors or self.newest(datasource)["suspended"]:
            return []
        count = self.newest(datasource)["spec"]["ioConfig"]["taskCount"]
        handoffs = f"_{self.handoffs}" if self.handoffs else ""
        return [{"id": f"index_kafka_{datasource}_{number}{handoffs}", "currentOffsets": {"0": 7}} for number in range(count)]

    def status(self, datasource: str) -> dict[str, Any]:
        suspended: bool = self.newest(datasource)["suspended"]
        usual: dict[str, Any] = {
            "dataSource": datasource,
            "state": "SUSPENDED" if suspended else "RUNNING",
            "detailedState": "SUSPENDED" if suspended else "RUNNING",
            "healthy": True,
            "suspended": suspended,
            "activeTasks": self._active(datasource),
            "publishingTasks": [],
            "minimumLag": {"0": 3, "1": 4},
            "aggregateLag": 7,
            "recentErrors": [],
        }
        return usual | self.said

    def add_supervisor(self, spec: dict[str, Any]) -> None:
        datasource = spec["spec"]["dataSchema"]["dataSource"]
        self.supervisors.setdefault(datasource, []).append(spec)


def kept(given: dict[str, Any]) -> dict[str, Any]:
    """Return a supervisor spec as Druid does: with defaults, without unknown keys (of the input format), durations in seconds."""
    spec = deepcopy(given)
    schema, reading, tuning = (spec["spec"][name] for name in ("dataSchema", "ioConfig", "tuningConfig"))
    schema["granularitySpec"]["queryGranularity"] = {"type": "none"}
    schema["granularitySpec"]["intervals"] = []
    schema["metricsSpec"] = []
    schema["dimensionsSpec"] = {
        "dimensions": [DIMENSION | dimension for dimension in schema["dimensionsSpec"]["dimensions"]],
        "dimensionExclusions": ["__time"],
    }
    spec["spec"]["ioConfig"] = READING | {
        key: DURATIONS.get(value, value) if isinstance(value, str) else value for key, value in reading.items()
    }
    spec["spec"]["tuningConfig"] = TUNING | tuning
    spec["spec"]["ioConfig"]["inputFormat"] = {"type": reading["inputFormat"]["type"]}
    return {"type": "kafka", "context": spec.get("context"), "suspended": spec.get("suspended", False), "spec": spec["spec"]}


def _supervisor_routes(druid: DruidStandIn) -> list[Route]:
    async def submit(request: Request) -> Response:
        druid.posts.append(request.url.path)
        if druid.rejection:
            return JSONResponse({"error": druid.rejection}, 400)
        spec = kept(await request.json())
        druid.add_supervisor(spec)
        return JSONResponse({"id": spec["spec"]["dataSchema"]["dataSource"]})

    async def look(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in druid.supervisors:
            return PlainTextResponse(f"Cannot find any supervisor with id: [{name}]", 404)
        is_status = request.url.path.endswith("/status")
        return JSONResponse({"id": name, "payload": druid.status(name)} if is_status else druid.newest(name))

    async def order(request: Request) -> Response:
        druid.posts.append(request.url.path)
        name, word = request.path_params["name"], request.path_params["word"]
        druid.add_supervisor(druid.newest(name) | {"suspended": word == "suspend"})
        return JSONResponse({"id": name})

    async def tasks(request: Request) -> Response:
        return JSONResponse(druid.tasks(request.query_params["datasource"], request.query_params["state"]))

    async def reports(request: Request) -> Response:
        found = druid.reports.get(request.path_params["name"])
        return JSONResponse(found) if found else PlainTextResponse("No task reports were found", 404)

    return [
        Route("/druid/indexer/v1/supervisor", submit, methods=["POST"]),
        Route("/druid/indexer/v1/supervisor/{name}", look),
        Route("/druid/indexer/v1/supervisor/{name}/status", look),
        Route("/druid/indexer/v1/supervisor/{name}/{word}", order, methods=["POST"]),
        Route("/druid/indexer/v1/tasks", tasks),
        Route("/druid/indexer/v1/task/{name}/reports", reports),
    ]


def _row_routes(druid: DruidStandIn) -> list[Route]:
    """Return the routes for the deletion of rows: tasks, hand-offs, native counts, and the SQL query for unpublished segments."""

    async def submit(request: Request) -> Response:
        druid.rewritten.append(await request.json())
        return JSONResponse({"task": f"compact_{len(druid.rewritten)}"})

    looks = count()

    async def look(request: Request) -> Response:
        done = {"statusCode": "FAILED", "errorMsg": druid.task_failure} if druid.task_failure else {"statusCode": "SUCCESS"}
        name = request.path_params["name"]
        return JSONResponse({"task": name, "status": done if next(looks) % 2 else {"statusCode": "RUNNING"}})

    async def hand_off(request: Request) -> Response:
        druid.posts.append(request.url.path)
        druid.handoffs, druid.has_unpublished = druid.handoffs + 1, False
        return Response(media_type="application/json")

    async def native(_request: Request) -> Response:
        return JSONResponse([{"timestamp": "2026-01-01T00:00:00.000Z", "result": {"n": druid.left.pop(0)}}] if druid.left else [])

    async def sql(_request: Request) -> Response:
        return JSONResponse([{"segment_id": None}, *([{"segment_id": "clickstream_1"}] if druid.has_unpublished else [])])

    return [
        Route("/druid/indexer/v1/task", submit, methods=["POST"]),
        Route("/druid/indexer/v1/task/{name}/status", look),
        Route("/druid/indexer/v1/supervisor/{name}/taskGroups/handoff", hand_off, methods=["POST"]),
        Route("/druid/v2", native, methods=["POST"]),
        Route("/druid/v2/sql", sql, methods=["POST"]),
    ]


def _coordinator_routes(druid: DruidStandIn) -> list[Route]:
    async def rules(request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "POST":
            druid.posts.append(request.url.path)
            druid.rules[name] = [{"useDefaultTierForNull": True} | rule for rule in await request.json()]
            return Response()
        return JSONResponse(druid.rules.get(name, []))

    async def compact(request: Request) -> Response:
        druid.posts.append(request.url.path)
        content = await request.json()
        druid.compaction[content["dataSource"]] = {"taskPriority": 25, "type": "inline"} | content
        return JSONResponse({"success": True})

    async def compaction(request: Request) -> Response:
        found = druid.compaction.get(request.path_params["name"])
        return JSONResponse(found) if found else JSONResponse({"errorMessage": "Datasource compaction config does not exist"}, 404)

    return [
        Route("/druid/coordinator/v1/rules/{name}", rules, methods=["GET", "POST"]),
        Route("/druid/coordinator/v1/config/compaction", compact, methods=["POST"]),
        Route("/druid/coordinator/v1/config/compaction/{name}", compaction),
    ]


@contextmanager
def druid_running() -> Iterator[DruidStandIn]:
    """Serve a stand-in without any spec until the block ends."""
    druid = DruidStandIn()
    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[*_row_routes(druid), *_supervisor_routes(druid), *_coordinator_routes(druid)]),
            host="127.0.0.1",
            port=0,
            log_level="warning",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    druid.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield druid
    finally:
        server.should_exit = True
        thread.join(10)

"""An ASGI application behind the rules of its port."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from startup.port_guard import Denial, RequestHead

Check: TypeAlias = Callable[[RequestHead], Denial | None]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class GuardedApp:
    """Middleware that responds to requests which the guard denies."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        check: Check,
        count: Callable[[Denial], object] = bool,
        body: Callable[[Denial], bytes] = Denial.to_json,
    ) -> None:
        self._app, self._check, self._count, self._body = app, check, count, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request to the application, or deny it."""
        denial = None
        if scope["type"] == "http":
            denial = self._check(RequestHead(scope["method"], scope["path"], scope["http_version"], scope["headers"]))
        if denial is None:
            await self._app(scope, receive, send)
            return
        self._count(denial)
        body = self._body(denial)
        fixed = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"connection", b"close"))
        await send({"type": "http.response.start", "status": denial.status, "headers": [*fixed, *denial.headers]})
        await send({"type": "http.response.body", "body": body})

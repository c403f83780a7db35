"""The shop's proxy to the collector: it forwards POST /h and GET /headrace.js with the client IP."""

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from startup.bounded_body import read_bounded

MAX_BODY_BYTES = 256 * 1024  # the collector's own limit
TIMEOUT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5

_REQUEST_HEADERS = (
    "content-type", "user-agent", "sec-gpc", "dnt", "origin", "if-none-match", "accept-encoding",
    "access-control-request-method", "access-control-request-headers",
)  # fmt: skip
_RESPONSE_HEADERS = (
    "content-type", "content-encoding", "cache-control", "etag", "vary", "allow", "retry-after", "x-content-type-options",
    "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
    "access-control-expose-headers", "cross-origin-resource-policy",
)  # fmt: skip
# A page of another origin that uses the shop's tracker must be able to read an error too.
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}


class CollectorProxy:
    """Reverse proxy for one collector; it changes nothing but hop-by-hop headers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, request: Request) -> Response:
        """Forward one request; respond 503 with Retry-After while the collector is unavailable."""
        try:
            body = await read_bounded(request.stream(), MAX_BODY_BYTES)
        except ClientDisconnect:
            return Response(status_code=400)  # the client has disconnected
        if body is None:
            text = f"the body is larger than {MAX_BODY_BYTES} bytes; send fewer events at a time"
            return JSONResponse({"reason": "body_too_large", "message": text}, 413, _CORS)
        forwarded = self._client.build_request(request.method, request.url.path, content=body or None, headers=_forwarded_headers(request))
        try:
            # The raw body: a compressed response stays compressed.
            answer = await self._client.send(forwarded, stream=True)
            try:
                content = b"".join([chunk async for chunk in answer.aiter_raw()])
            finally:
                await answer.aclose()
        except httpx.TransportError:
            return unavailable()
        return Response(content, answer.status_code, {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers})


def unavailable() -> Response:
    """Return the response while the collector is unavailable."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store", **_CORS}
    return JSONResponse({"reason": "collector_away", "message": "the collector does not answer; try again later"}, 503, headers)


def _forwarded_headers(request: Request) -> dict[str, str]:
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    # Otherwise httpx would add its own.
    headers.setdefault("user-agent", "")
    headers.setdefault("accept-encoding", "identity")
    peer = request.client.host if request.client else "unknown"
    headers["x-forwarded-for"] = ", ".join([*request.headers.getlist("x-forwarded-for"), peer])
    return headers

"""The shop as a Starlette application: its pages, its files and the proxy to the collector."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.settings import ShopSettings
from simulator.shop import pages
from simulator.shop.articles import load_articles
from simulator.shop.collector_proxy import TIMEOUT_SECONDS, CollectorProxy
from simulator.shop.products import CURRENCY, Catalogue, load_catalogue
from startup.guarded_app import GuardedApp
from startup.port_guard import malformed

# No scripts, images or requests from other origins.
_PAGE_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-content-type-options", b"nosniff"),
)
_PLAIN_PAGES = {
    "/about": ("about", "About"),
    "/basket": ("basket", "Basket"),
    "/checkout": ("checkout", "Checkout"),
    "/thanks": ("thanks", "Thank you"),
}


class PageHeaders:
    """Middleware that adds security headers which the response does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in _PAGE_HEADERS if header[0] not in given)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def create_app(settings: ShopSettings) -> Starlette:
    """Create the application."""
    catalogue = load_catalogue()
    # The collector on this machine is not behind the proxy in the environment.
    client = httpx.AsyncClient(base_url=settings.collector_url, timeout=TIMEOUT_SECONDS, trust_env=False)
    proxy = CollectorProxy(client)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    routes = [
        *_page_routes(catalogue),
        Route("/downloads/catalogue.csv", _file(_price_list(catalogue), "text/csv; charset=utf-8")),
        Route("/health/live", _file("ok\n", "text/plain; charset=utf-8")),
        Route("/h", proxy.__call__, methods=["POST", "OPTIONS"]),
        Route("/headrace.js", proxy.__call__, methods=["GET"]),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    middleware = [Middleware(GuardedApp, check=malformed), Middleware(PageHeaders)]
    shop = Starlette(routes=routes, lifespan=lifespan, middleware=middleware, exception_handlers={404: _missing})
    shop.router.redirect_slashes = False  # it would redirect visitors to any host that they send
    return shop


def _page_routes(catalogue: Catalogue) -> list[Route]:
    async def category(request: Request) -> Response:
        chosen = catalogue.categories.get(request.path_params["slug"])
        return HTMLResponse(pages.category(chosen)) if chosen else _missing_page()

    async def product(request: Request) -> Response:
        chosen = catalogue.products.get(request.path_params["id"])
        return HTMLResponse(pages.product(chosen, catalogue.categories[chosen.category], catalogue)) if chosen else _missing_page()

    async def article(request: Request) -> Response:
        chosen = load_articles().get(request.path_params["slug"])
        return HTMLResponse(pages.article(chosen)) if chosen else _missing_page()

    async def shelf(request: Request) -> Response:
        return HTMLResponse(pages.catalogue(catalogue)) if request.path_params["slug"] in catalogue.categories else _missing_page()

    html = "text/html; charset=utf-8"
    return [
        Route("/", _file(pages.home(catalogue), html)),
        Route("/catalogue", _file(pages.catalogue(catalogue), html)),
        Route("/catalogue/{slug}", shelf),
        Route("/category/{slug}", category),
        Route("/product/{id}", product),
        Route("/journal", _file(pages.journal(), html)),
        Route("/journal/{slug}", article),
        *(Route(path, _file(pages.plain(name, title), html)) for path, (name, title) in _PLAIN_PAGES.items()),
    ]


def _file(content: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


def _price_list(catalogue: Catalogue) -> str:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["product_id", "category", "title", "price", "currency"])
    lines.writerows(
        [product.id, product.category, product.title, f"{product.price:.2f}", CURRENCY] for product in catalogue.products.values()
    )
    return text.getvalue()


async def _missing(_: Request, __: Exception) -> Response:
    return _missing_page()


def _missing_page() -> Response:
    return HTMLResponse(pages.plain("missing", "Not found"), 404)

"""A visitor's journey: a small Markov chain of pages, with the actions on each page."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from simulator.shop.articles import load_articles
from simulator.shop.products import CURRENCY, Catalogue, Product, load_catalogue
from simulator.visits.sources import LANDINGS, Source

MAX_PAGES = 40
BOUNCE_RATE = 0.28
DOWNLOAD_PATH = "/downloads/catalogue.csv"
TITLE_SUFFIX = " · The Mill Shop"
FIXED_PAGES = {
    "home": ("/", "Good things, few of them"),
    "catalogue": ("/catalogue", "Catalogue"),
    "journal": ("/journal", "Journal"),
    "about": ("/about", "About"),
    "basket": ("/basket", "Basket"),
    "checkout": ("/checkout", "Checkout"),
    "thanks": ("/thanks", "Thank you"),
}

# Page kind → percentage of visitors for each next page; the rest leave the shop.
NEXT_PAGES: dict[str, dict[str, int]] = {
    "home": {"category": 34, "product": 24, "catalogue": 16, "journal": 5, "about": 3},
    "category": {"product": 62, "category": 12, "home": 4},
    "product": {"product": 26, "category": 22, "catalogue": 6},
    "catalogue": {"shelf": 52, "product": 32},
    "shelf": {"shelf": 28, "product": 50},
    "journal": {"article": 74, "home": 10},
    "article": {"category": 24, "product": 12, "journal": 12},
    "about": {"home": 20, "journal": 18, "catalogue": 12},
    "basket": {"checkout": 58, "product": 14, "catalogue": 4},
    "checkout": {"thanks": 66, "basket": 8},
    "thanks": {"home": 12},
}
MEDIAN_STAY_SECONDS = {"article": 75, "about": 35, "product": 24, "basket": 14, "checkout": 32, "thanks": 9, "shelf": 12}
ADD_SHARE = 0.17  # share of product pages on which the product is added to the basket
REMOVE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Action:
    """An action on a page, at a time after the page was shown."""

    after_ms: int
    type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page view of a visit."""

    kind: str
    path: str
    query: str
    title: str
    stay_ms: int
    engagement_ms: int
    scroll_percent: int
    is_route: bool  # a route of a single-page application, shown without a request
    actions: tuple[Action, ...]


@dataclass
class Walker:
    """A simulated visitor with a basket."""

    random: Random
    catalogue: Catalogue = field(default_factory=load_catalogue)
    basket: list[tuple[Product, int]] = field(default_factory=list)

    def walk(self, source: Source, query: str) -> list[Page]:
        """Return the pages of a person's visit, which begins on a landing page of the source."""
        kind = self.random.choices(LANDINGS, source.landings)[0]
        pages = [self.page(kind, query)]
        if self.random.random() < BOUNCE_RATE:
            return pages
        while (following := self._next_kind(pages[-1])) and len(pages) < MAX_PAGES:
            order = ""
            if following == "thanks":
                pages[-1], order = self._buy(pages[-1])
            pages.append(self.page(following, order))
        return pages

    def page(self, kind: str, query: str = "") -> Page:
        """Visit one page of a kind and perform its actions."""
        path, title = self._choose_page(kind)
        if kind == "shelf" and self.random.random() < 0.3:
            query = "sort=price"
        stay_ms = self._stay_ms(kind)
        actions = _ACTIONS.get(kind, _nothing)(self, path.rpartition("/")[2], stay_ms)
        return Page(
            kind=kind,
            path=path,
            query=query,
            title=title + TITLE_SUFFIX,
            stay_ms=stay_ms,
            engagement_ms=max(100, int(stay_ms * self.random.uniform(0.5, 0.98))),
            scroll_percent=min(100, 20 + int(self.random.triangular(5, 95, 60))),
            is_route=kind == "shelf",
            actions=tuple(actions),
        )

    def _next_kind(self, page: Page) -> str | None:
        if any(action.type == "addToBasket" for action in page.actions) and self.random.random() < 0.6:
            return "basket"
        if page.kind == "basket" and not self.basket:
            return None
        choices = NEXT_PAGES[page.kind]
        return self.random.choices([*choices, None], [*choices.values(), 100 - sum(choices.values())])[0]

    def _choose_page(self, kind: str) -> tuple[str, str]:
        if kind in FIXED_PAGES:
            return FIXED_PAGES[kind]
        if kind == "product":
            product = self.random.choice(list(self.catalogue.products.values()))
            return f"/product/{product.id}", product.title
        if kind == "article":
            article = self.random.choice(list(load_articles().values()))
            return f"/journal/{article.slug}", article.title
        shelf = self.random.choice(list(self.catalogue.categories.values()))
        return (
            (f"/catalogue/{shelf.slug}", f"{shelf.name} in the catalogue") if kind == "shelf" else (f"/category/{shelf.slug}", shelf.name)
        )

    def _stay_ms(self, kind: str) -> int:
        seconds = MEDIAN_STAY_SECONDS.get(kind, 16) * self.random.lognormvariate(0, 0.8)
        return int(1000 * min(600.0, max(1.5, seconds)))

    def _buy(self, checkout: Page) -> tuple[Page, str]:
        order = f"{self.random.getrandbits(32):08x}"
        lines = [{"product_id": product.id, "quantity": quantity, "price": product.price} for product, quantity in self.basket]
        parameters = {"order": order, "revenue": self._total(), **self._pieces(), "product_id": lines[0]["product_id"], "products": lines}
        self.basket.clear()
        purchase = Action(int(checkout.stay_ms * 0.97), "purchase", {"parameters": parameters})
        return replace(checkout, actions=(*checkout.actions, purchase)), f"order={order}"

    def begin_checkout(self) -> Action:
        """Return the event of the checkout, with the contents of the basket."""
        return Action(60, "beginCheckout", {"parameters": {"value": self._total(), **self._pieces()}})

    def _total(self) -> float:
        return round(sum(product.price * quantity for product, quantity in self.basket), 2)

    def _pieces(self) -> dict[str, Any]:
        return {"currency": CURRENCY, "quantity": sum(quantity for _, quantity in self.basket)}


def walk_as_bot(random: Random) -> list[Page]:
    """Return the pages of a bot's visit: many, in quick succession, without actions."""
    walker = Walker(random)
    kinds = ["home", *random.choices(("category", "product", "article"), (3, 6, 1), k=random.randint(1, 14))]
    return [_seen_by_bot(walker.page(kind), random) for kind in kinds]


def _seen_by_bot(page: Page, random: Random) -> Page:
    return Page(page.kind, page.path, page.query, page.title, random.randint(800, 3000), 0, 0, False, ())


def _on_product(walker: Walker, product_id: str, stay_ms: int) -> list[Action]:
    product = walker.catalogue.products[product_id]
    actions = [Action(50, "viewProduct", _parameters(product))]
    if walker.random.random() < ADD_SHARE:
        quantity = walker.random.choices((1, 2, 3), (80, 15, 5))[0]
        walker.basket.append((product, quantity))
        actions.append(Action(int(stay_ms * 0.8), "addToBasket", _parameters(product, quantity)))
    return actions


def _on_basket(walker: Walker, _: str, stay_ms: int) -> list[Action]:
    if not walker.basket or walker.random.random() > REMOVE_SHARE:
        return []
    product, quantity = walker.basket.pop(walker.random.randrange(len(walker.basket)))
    return [Action(int(stay_ms * 0.6), "removeFromBasket", _parameters(product, quantity))]


def _on_checkout(walker: Walker, _: str, __: int) -> list[Action]:
    return [walker.begin_checkout()]


def _on_article(walker: Walker, slug: str, stay_ms: int) -> list[Action]:
    return [Action(int(stay_ms * 0.9), "outboundClick", {"target": f"https://example.org/{slug}"})] if walker.random.random() < 0.12 else []


def _on_about(walker: Walker, _: str, stay_ms: int) -> list[Action]:
    chance = walker.random.random()
    if chance < 0.3:
        return [Action(int(stay_ms * 0.7), "download", {"target": DOWNLOAD_PATH})]
    return [Action(int(stay_ms * 0.9), "outboundClick", {"target": "https://example.org/demo-shops"})] if chance < 0.45 else []


def _nothing(_walker: Walker, _subject: str, _stay_ms: int) -> list[Action]:
    return []


# The actions on each kind of page, given its subject: the id of a product, the slug of an article.
_ACTIONS: dict[str, Callable[[Walker, str, int], list[Action]]] = {
    "product": _on_product,
    "basket": _on_basket,
    "checkout": _on_checkout,
    "article": _on_article,
    "about": _on_about,
}


def _parameters(product: Product, quantity: int | None = None) -> dict[str, Any]:
    parameters = {"product_id": product.id, "price": product.price, "currency": CURRENCY, "category": product.category}
    return {"parameters": parameters if quantity is None else {**parameters, "quantity": quantity}}

"""The shop's pages as HTML: templates from pages/, filled from the catalogue."""

import json
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from simulator.shop.articles import Article, load_articles
from simulator.shop.products import CURRENCY, Catalogue, Category, Product

_TEMPLATES = Path(__file__).parent / "pages"
_CATALOGUE_SCRIPT = '\n  <script src="/static/catalogue.js" defer></script>'
FAVOURITES = 8
RELATED = 4


def home(catalogue: Catalogue) -> str:
    """The home page: categories and favourites."""
    favourites = [category.products[0] for category in catalogue.categories.values()][:FAVOURITES]
    shelves = "\n".join(_shelf(category) for category in catalogue.categories.values())
    return _page("Good things, few of them", _fill("home", categories=shelves, products=_cards(favourites)))


def category(chosen: Category) -> str:
    """One category with its products."""
    return _page(chosen.name, _fill("category", name=escape(chosen.name), products=_cards(chosen.products)))


def product(chosen: Product, shelf: Category, everything: Catalogue) -> str:
    """One product with related ones, first of its category."""
    others = [*shelf.products, *everything.products.values()]
    related = [other for other in dict.fromkeys(others) if other is not chosen][:RELATED]
    fields = {"id": chosen.id, "title": chosen.title, "price": chosen.price, "category": chosen.category}
    content = _fill(
        "product",
        id=escape(chosen.id),
        title=escape(chosen.title),
        price=f"{chosen.price:.2f}",
        description=escape(chosen.description),
        category=escape(shelf.slug),
        category_name=escape(shelf.name),
        products=_cards(related),
    )
    return _page(chosen.title, content, attributes=f' data-product="{escape(json.dumps(fields))}"')


def catalogue(everything: Catalogue) -> str:
    """All products; a script in the page applies the category and the filters of the URL."""
    options = "".join(f'<option value="{escape(shelf.slug)}">{escape(shelf.name)}</option>' for shelf in everything.categories.values())
    content = _fill("catalogue", options=options, products=_cards(everything.products.values()))
    return _page("Catalogue", content, scripts=_CATALOGUE_SCRIPT)


def journal() -> str:
    """The list of articles."""
    entries = (
        f'        <li><h2><a href="/journal/{one.slug}">{escape(one.title)}</a></h2><p>{escape(one.lead)}</p></li>'
        for one in load_articles().values()
    )
    return _page("Journal", _fill("journal", articles="\n".join(entries)))


def article(chosen: Article) -> str:
    """One article."""
    sections = "\n".join(
        f"      <h2>{escape(section.heading)}</h2>\n" + "\n".join(f"      <p>{escape(text)}</p>" for text in section.paragraphs)
        for section in chosen.sections
    )
    content = _fill(
        "article", title=escape(chosen.title), lead=escape(chosen.lead), slug=chosen.slug, category=chosen.category, sections=sections
    )
    return _page(chosen.title, content)


def plain(name: str, title: str) -> str:
    """A static page: about, basket, checkout, thanks or missing."""
    return _page(title, _fill(name))


def _page(title: str, content: str, *, attributes: str = "", scripts: str = "") -> str:
    attributes = f' data-currency="{CURRENCY}"{attributes}'
    return _fill("layout", title=escape(title), content=content, attributes=attributes, scripts=scripts)


def _shelf(category: Category) -> str:
    icon = f'<svg viewBox="0 0 64 64" aria-hidden="true"><use href="/static/icons.svg#{category.slug}"></use></svg>'
    return f'        <li><a href="/category/{category.slug}">{icon}{escape(category.name)}</a></li>'


def _cards(products: Iterable[Product]) -> str:
    return "\n".join(_card(product) for product in products)


def _card(product: Product) -> str:
    icon = f'<svg viewBox="0 0 64 64" aria-hidden="true"><use href="/static/icons.svg#{product.category}"></use></svg>'
    keys = f'data-category="{product.category}" data-price="{product.price}" data-title="{escape(product.title)}"'
    link = f'<h3><a href="/product/{product.id}">{escape(product.title)}</a></h3>'
    price = f'<p class="price">€ {product.price:.2f}</p>'
    return f'        <li {keys}><div class="picture {product.category}">{icon}</div><div class="text">{link}{price}</div></li>'


def _fill(name: str, /, **values: str) -> str:
    return _template(name).substitute(values)


@cache
def _template(name: str) -> Template:
    return Template((_TEMPLATES / f"{name}.html").read_text("utf-8"))

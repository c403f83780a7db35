"""The catalogue of the shop: the products of data/products.json and their categories."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CURRENCY = "EUR"
_FILE = Path(__file__).parents[1] / "data" / "products.json"


@dataclass(frozen=True, slots=True)
class Product:
    """One product on sale."""

    id: str
    title: str
    description: str
    category: str  # slug
    price: float


@dataclass(frozen=True, slots=True)
class Category:
    """A category of products, with its slug in URLs."""

    slug: str
    name: str
    products: tuple[Product, ...]


@dataclass(frozen=True)
class Catalogue:
    """All products by id and all categories by slug."""

    products: dict[str, Product]
    categories: dict[str, Category]


@cache
def load_catalogue() -> Catalogue:
    """Load the catalogue from data/products.json."""
    rows = json.loads(_FILE.read_text("utf-8"))
    products = {row["id"]: Product(row["id"], row["title"], row["description"], _slug(row["category"]), row["price"]) for row in rows}
    names = {_slug(row["category"]): row["category"].replace("&", " & ").capitalize() for row in rows}
    categories = {
        slug: Category(slug, names[slug], tuple(product for product in products.values() if product.category == slug))
        for slug in sorted(names)
    }
    return Catalogue(products, categories)


def _slug(category: str) -> str:
    return category.replace("&", "-")

"""What the shop sells: the products of data/products.json and their categories."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CURRENCY = "EUR"
_FILE = Path(__file__).parents[1] / "data" / "products.json"


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale."""

    id: str
    title: str
    description: str
    category: str  # slug
    price: float


@dataclass(frozen=True, slots=True)
class Category:
    """Products of one sort, under the slug its address carries."""

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
    """Read the catalogue from the file beside the package."""
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

"""The shop's journal: articles that are long enough to scroll, from articles.json in this folder."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an article under its own heading."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """One article of the journal."""

    slug: str
    title: str
    lead: str
    category: str  # slug of the category that it is about
    sections: tuple[Section, ...]


@cache
def load_articles() -> dict[str, Article]:
    """Load all articles, by slug."""
    rows = json.loads(Path(__file__).with_name("articles.json").read_text("utf-8"))
    return {row["slug"]: _article(row) for row in rows}


def _article(row: dict[str, object]) -> Article:
    sections = row.pop("sections")
    assert isinstance(sections, list)
    texts = {key: str(value) for key, value in row.items()}
    return Article(**texts, sections=tuple(Section(section["heading"], tuple(section["paragraphs"])) for section in sections))

"""Pieces of Groovy mappings, translated."""

import re

from mapping.migrate import Migration, migrate


def migrated(body: str) -> Migration:
    return migrate(f"mapping {{\n{body}\n}}\n", "m.groovy")


def rules(migration: Migration) -> str:
    """The mapping without its imports and the word about them."""
    text = re.sub(r"\Afrom mapping import (\(\n[^)]*\)|[^\n]*)\n+", "", migration.text)
    return re.sub(r"\A# [^\n]*: personal data;[^\n]*\n+", "", text).rstrip("\n")


def python_of(body: str) -> str:
    migration = migrated(body)
    assert migration.faults == ()
    return rules(migration)


def faults_of(body: str) -> list[str]:
    return [fault.removeprefix("m.groovy:") for fault in migrated(body).faults]

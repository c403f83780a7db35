"""The stand-in for Druid's Postgres extension: compiled with Maven, once per version of its sources."""

import shutil
from pathlib import Path
from typing import Final

from support.hosts.folders import HERE, cached
from support.hosts.processes import run

NAME: Final = "postgresql-metadata-storage"
SOURCES: Final = HERE / "images" / NAME


def postgres_extension() -> Path:
    """Return the folder with the jars of the extension and of Postgres' driver."""
    texts = [path.read_bytes() for path in sorted(SOURCES.rglob("*")) if path.is_file()]
    return cached(NAME, b"".join(texts), _compile)


def _compile(folder: Path) -> None:
    target = folder / "target"
    run("mvn", "--quiet", "--batch-mode", "--file", SOURCES, "package", "dependency:copy-dependencies", f"-Doutput={target}")
    for jar in target.glob("*.jar"):
        jar.rename(folder / jar.name)
    shutil.rmtree(target)

"""The stand-in for Druid's Postgres extension: compiled with Maven, once per version of its sources."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from support.hosts.folders import CACHE, HERE
from support.hosts.processes import run

NAME: Final = "postgresql-metadata-storage"
SOURCES: Final = HERE / "images" / NAME


def postgres_extension() -> Path:
    """Return the folder with the jars of the extension and of Postgres' driver."""
    texts = [path.read_bytes() for path in sorted(SOURCES.rglob("*")) if path.is_file()]
    folder = CACHE / f"{NAME}-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        run("mvn", "--quiet", "--batch-mode", "--file", SOURCES, "package", "dependency:copy-dependencies", f"-Doutput={unfinished}/target")
        for jar in (unfinished / "target").glob("*.jar"):
            jar.rename(unfinished / jar.name)
        shutil.rmtree(unfinished / "target")
        unfinished.rename(folder)
    return folder

"""The jars of Kafka and Druid: downloaded with Maven, once per version of the POM files."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.status import Status

from headrace.errors import CommandError

PROJECT: Final = Path(__file__).resolve().parents[2]
POMS: Final = PROJECT / "engines"
STORE: Final = PROJECT / ".engines"
EXTENSIONS: Final = ("druid-kafka-indexing-service", "druid-datasketches")
MIN_JAVA: Final = 17
INSTALL: Final = "on Debian: apt-get install maven default-jre-headless"
ERROR_LINES_SHOWN: Final = 15


def find_java() -> str:
    """Return the path of Java; raises CommandError if there is none of version 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        where = f"in JAVA_HOME ({home})" if home else "in PATH"
        raise CommandError(f"Kafka and Druid need Java {MIN_JAVA} or newer, but there is none {where}; {INSTALL}")
    output = subprocess.run((found, "-version"), capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < MIN_JAVA:
        what = f"is version {version[1]}" if version else "does not report its version"
        raise CommandError(f"Kafka and Druid need Java {MIN_JAVA} or newer; {found} {what}; {INSTALL}, or set another one in JAVA_HOME")
    return found


def stamp(poms: Path = POMS) -> str:
    """Return a hash of the POM files."""
    texts = [path.read_bytes() for path in sorted(poms.rglob("pom.xml"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def fetch(console: Console, *, poms: Path = POMS, store: Path = STORE) -> Path:
    """Return the folder of the jars, and download them if it is missing; a killed download leaves no incomplete folder."""
    jars = store / stamp(poms)
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError(f"Maven, which downloads Kafka and Druid, is not installed; {INSTALL}")
    store.mkdir(exist_ok=True)
    with console.status("downloading Kafka and Druid") as status, _locked(store):
        if not jars.is_dir():
            _fetch(maven, poms, jars, status)
    return jars


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in store.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _fetch(maven: str, poms: Path, jars: Path, status: Status) -> None:
    new = Path(tempfile.mkdtemp(prefix="new-", dir=jars.parent))
    try:
        _copy(maven, poms, new, status)
        for extension in EXTENSIONS:
            _remove_druids_jars(new / extension, new / "druid")
        new.rename(jars)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy(maven: str, poms: Path, folder: Path, status: Status) -> None:
    command = (maven, "--batch-mode", "--file", poms, "dependency:copy-dependencies", f"-Djars={folder}")
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line.rstrip())
            if "Downloaded from" in line:
                count = sum("Downloaded from" in one for one in lines)
                status.update(f"downloading Kafka and Druid: {count} files, {line.split('/')[-1].strip()}")
    if process.returncode:
        faults = [line for line in lines if line.startswith("[ERROR]")] or lines
        raise CommandError("\n  ".join(("Maven could not download Kafka and Druid:", *faults[:ERROR_LINES_SHOWN])))


def _remove_druids_jars(extension: Path, druid: Path) -> None:
    """Remove jars of libraries that Druid itself has: an extension also sees those, and a second version would hide them."""
    existing = {_library(jar) for jar in druid.glob("*.jar")}
    for jar in extension.glob("*.jar"):
        if _library(jar) in existing:
            jar.unlink()


def _library(jar: Path) -> str:
    return re.sub(r"-\d[\w.]*(-\w+)?\.jar$", "", jar.name)

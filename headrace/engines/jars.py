"""The jars of Kafka and Druid: fetched with Maven, once for each state of the poms."""

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
LEAST_JAVA: Final = 17
INSTALL: Final = "on Debian: apt-get install maven default-jre-headless"
ERROR_LINES_SHOWN: Final = 15


def find_java() -> str:
    """Give the Java to run; raises CommandError when there is none of version 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        where = f"in JAVA_HOME ({home})" if home else "here"
        raise CommandError(f"Kafka and Druid need Java {LEAST_JAVA} or newer, and there is none {where}; {INSTALL}")
    said = subprocess.run((found, "-version"), capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < LEAST_JAVA:
        what = f"is {version[1]}" if version else "does not say which it is"
        raise CommandError(f"Kafka and Druid need Java {LEAST_JAVA} or newer; {found} {what}; {INSTALL}, or name another in JAVA_HOME")
    return found


def stamp(poms: Path = POMS) -> str:
    """Give the name of what the poms ask for: it changes with them."""
    texts = [path.read_bytes() for path in sorted(poms.rglob("pom.xml"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def fetch(console: Console, *, poms: Path = POMS, store: Path = STORE) -> Path:
    """Give the folder of the jars, fetched if they are not there; one that is killed leaves nothing half."""
    jars = store / stamp(poms)
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError(f"the jars of Kafka and Druid are fetched with Maven, and there is none here; {INSTALL}")
    store.mkdir(exist_ok=True)
    with console.status("fetching Kafka and Druid") as status, _alone(store):
        if not jars.is_dir():
            _fetch(maven, poms, jars, status)
    return jars


@contextmanager
def _alone(store: Path) -> Iterator[None]:
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
            _drop_what_druid_has(new / extension, new / "druid")
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
                status.update(f"fetching Kafka and Druid: {count} files, {line.split('/')[-1].strip()}")
    if process.returncode:
        faults = [line for line in lines if line.startswith("[ERROR]")] or lines
        raise CommandError("\n  ".join(("Maven could not fetch Kafka and Druid:", *faults[:ERROR_LINES_SHOWN])))


def _drop_what_druid_has(extension: Path, druid: Path) -> None:
    """An extension sees Druid's jars: a second one of the same library would hide it, in another version."""
    there = {_library(jar) for jar in druid.glob("*.jar")}
    for jar in extension.glob("*.jar"):
        if _library(jar) in there:
            jar.unlink()


def _library(jar: Path) -> str:
    return re.sub(r"-\d[\w.]*(-\w+)?\.jar$", "", jar.name)

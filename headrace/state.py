"""The state folder of one installation: where everything lies, who runs on it, its secrets."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from headrace.errors import CommandError

DEFAULT = Path("var")
MIN_FREE_BYTES = 256 * 1024 * 1024
LOOPBACK = "127.0.0.1"
PUBLIC = ("collector", "dashboards", "shop")  # where --host says; all else stays on this machine


def address(name: str, host: str, ports: dict[str, int]) -> str:
    """Give the base address at which this machine reaches a service, by the name of its port."""
    if name not in PUBLIC or host in ("0.0.0.0", "::"):  # noqa: S104  # not binding: naming what was bound
        host = LOOPBACK
    return f"http://{host}:{ports[name]}"


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """One process of a running installation; `created` tells it from a later one with the same pid."""

    pid: int
    created: float  # seconds since 1970, as the operating system says


@dataclass(frozen=True, slots=True)
class Run:
    """What `headrace up` has started: written to run.json, read by every other command."""

    supervisor: RunningProcess
    host: str
    ports: dict[str, int]
    processes: dict[str, RunningProcess] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises ValueError, KeyError or TypeError on anything else."""
        content = json.loads(text)
        processes = {name: RunningProcess(**process) for name, process in content["processes"].items()}
        return cls(RunningProcess(**content["supervisor"]), content["host"], dict(content["ports"]), processes)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def url(self, name: str) -> str:
        """Give the base address of a service by the name of its port."""
        return address(name, self.host, self.ports)


@dataclass(frozen=True, slots=True)
class State:
    """The folder and the paths in it."""

    root: Path

    @property
    def topic(self) -> Path:
        return self.root / "topics" / "clickstream-avro"

    @property
    def database(self) -> Path:
        return self.root / "store" / "clickstream.duckdb"

    @property
    def places(self) -> Path:
        return self.root / "places.mmdb"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def superset(self) -> Path:
        return self.root / "superset"

    @property
    def engines(self) -> Path:
        return self.root / "engines"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    def prepare(self, min_free_bytes: int = MIN_FREE_BYTES) -> None:
        """Make the folders; raises CommandError where that cannot be done or the disk is nearly full."""
        try:
            for folder in (self.topic, self.database.parent, self.superset, self.logs, self.secrets):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.chmod(0o700)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"x")
                probe.flush()
        except (NotADirectoryError, FileExistsError) as error:
            raise CommandError(
                f"the state folder {self.root} is broken: {error.filename} is a file where a folder belongs; move it away"
            ) from error
        except OSError as error:
            raise CommandError(
                f"the state folder {self.root} cannot be written: {error.strerror}; give another with --state DIR, or mend it"
            ) from error
        free = shutil.disk_usage(self.root).free
        if free < min_free_bytes:
            raise CommandError(
                f"the disk of the state folder {self.root} has {free // 2**20} MiB free; at least {min_free_bytes // 2**20} MiB are needed"
            )

    def lock(self) -> int:
        """Take the folder for this process until it ends; raises CommandError if another one runs on it."""
        descriptor = os.open(self.root / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode().strip()
            os.close(descriptor)
            raise CommandError(
                f"headrace is already up on {self.root} (process {holder}); stop it, or give another folder with --state DIR"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def secret(self, name: str) -> str:
        """Read a generated secret, made at first use with mode 600."""
        path = self.secrets / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text("ascii").strip()
        with os.fdopen(descriptor, "w") as file:
            value = secrets.token_urlsafe(24)
            file.write(value + "\n")
        return value

    def write_run(self, run: Run) -> None:
        """Replace run.json in one step."""
        temporary = self.run_file.with_suffix(".new")
        temporary.write_text(run.to_json())
        temporary.replace(self.run_file)

    def read_run(self) -> Run | None:
        """Say what was started last, None if nothing is known; raises CommandError on a damaged file."""
        try:
            text = self.run_file.read_text()
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise CommandError(f"the state folder {self.root} is a file; give a folder with --state DIR") from error
        try:
            return Run.from_json(text)
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f"{self.run_file} is damaged ({error}); stop headrace and delete it, it is written anew at the next start"
            ) from error

    def running(self) -> Run:
        """Say what runs; raises CommandError when nothing was started on this folder."""
        run = self.read_run()
        if run is None:
            raise CommandError(f"nothing was started on {self.root}; start it with `headrace up`, or give the folder with --state DIR")
        return run

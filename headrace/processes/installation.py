"""The state folder of one installation: its paths, its running processes, its secrets."""

import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self, TypeAlias

import msgspec
from msgspec import Meta

from headrace.errors import CommandError
from headrace.processes.ports import base_url
from startup.atomic_files import OTHERS, close_file, close_folder, write_whole
from startup.lock_file import LockHeld, acquire
from startup.secret_file import PASSWORD, SecretError, read_or_make_secret

DEFAULT = Path("var")
MIN_FREE_BYTES = 256 * 1024 * 1024

ProcessId: TypeAlias = Annotated[int, Meta(gt=0, lt=1 << 31)]
Port: TypeAlias = Annotated[int, Meta(gt=0, lt=1 << 16)]


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """One process of a running installation; `created` distinguishes it from a later process with the same pid."""

    pid: ProcessId
    created: Annotated[float, Meta(ge=0)]  # seconds since 1970, from the operating system
    last_end: str = ""  # how the process, or the one before it, ended without being asked to
    backoff_seconds: Annotated[float, Meta(ge=0)] = 0  # a process is ready only if it has lived longer than this


@dataclass(frozen=True, slots=True)
class Run:
    """The processes that `headrace up` has started: written to run.json, read by all other commands."""

    supervisor: RunningProcess
    host: Annotated[str, Meta(min_length=1)]
    ports: dict[str, Port]
    processes: dict[str, RunningProcess] = field(default_factory=dict)
    sql_token_file: str = ""

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Parse the output of `to_json`; raises msgspec.DecodeError, which names the invalid field."""
        return msgspec.json.decode(text, type=cls)

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"

    def url(self, name: str) -> str:
        """Return the URL of a service by the name of its port; raises CommandError if run.json has no such port."""
        try:
            return base_url(name, self.host, self.ports)
        except KeyError as error:
            raise CommandError(f"run.json has no port for {name}; restart headrace, which writes the file again") from error


@dataclass(frozen=True, slots=True)
class StateFolder:
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
        """Create the folders; raises CommandError if that fails or the disk is nearly full."""
        try:
            self._close()
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"x")
                probe.flush()
        except (NotADirectoryError, FileExistsError) as error:
            raise CommandError(
                f"the state folder {self.root} is broken: {error.filename} is a file, but must be a folder; move the file away"
            ) from error
        except OSError as error:
            raise CommandError(
                f"the state folder {self.root} cannot be written: {error.strerror}; fix that, or select another folder with --state DIR"
            ) from error
        free = shutil.disk_usage(self.root).free
        if free < min_free_bytes:
            raise CommandError(
                f"the disk of the state folder {self.root} has {free // 2**20} MiB free, but at least {min_free_bytes // 2**20} are needed"
            )

    def _close(self) -> None:
        """Make the folder and its content private to its owner, also those that an earlier release left open."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(self.root.stat().st_mode)
        if mode & stat.S_ISVTX:
            raise CommandError(f"{self.root} is shared by all users of this machine; select a private folder with --state DIR")
        if mode & OTHERS:
            self.root.chmod(mode & ~OTHERS)
        for path in self.root.iterdir():
            if path.is_file():
                close_file(path)
        for folder in (self.topic.parent, self.topic, self.database.parent, self.superset, self.logs, self.secrets):
            close_folder(folder)

    def lock(self) -> int:
        """Lock the folder until this process ends; raises CommandError if another process holds it."""
        try:
            return acquire(self.root / "up.lock")
        except LockHeld as holder:
            raise CommandError(
                f"headrace is already up on {self.root} (process {holder}); stop it, or select another folder with --state DIR"
            ) from holder

    def secret(self, name: str) -> str:
        """Return a secret of this installation, which is created at first use; raises CommandError."""
        try:
            return read_or_make_secret(self.secrets / name, PASSWORD)
        except SecretError as error:
            raise CommandError(str(error)) from error

    def write_run(self, run: Run) -> None:
        """Replace run.json atomically."""
        write_whole(self.run_file, run.to_json())

    def read_run(self) -> Run | None:
        """Return the last run, or None if there was none; raises CommandError if run.json is damaged."""
        try:
            text = self.run_file.read_bytes()
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise CommandError(f"the state folder {self.root} is a file; select a folder with --state DIR") from error
        except OSError as error:
            raise CommandError(
                f"{self.run_file} cannot be read: {error.strerror}; only the user who started headrace may read it"
            ) from error
        try:
            return Run.from_json(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CommandError(
                f"{self.run_file} is damaged ({error}); stop headrace and delete it; the next start writes it again"
            ) from error

    def running(self) -> Run:
        """Return the last run; raises CommandError if nothing was started on this folder."""
        run = self.read_run()
        if run is None:
            raise CommandError(
                f"nothing was started on {self.root}; start it with `headrace up`, or select the right folder with --state DIR"
            )
        return run

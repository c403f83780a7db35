"""Processes that never outlive the run: the kernel kills them when this process ends, however it ends."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

NAMESPACES = "/run/netns"


def in_network(namespace: str | None) -> tuple[str, ...]:
    """Return the prefix of a command that runs in this network namespace; None: in the network of the machine."""
    return ("nsenter", f"--net={NAMESPACES}/{namespace}") if namespace else ()


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process; only from the main thread, because the end of the thread that starts a process is what kills it."""
    with log.open("wb") as output:
        return subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", *in_network(namespace), *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def run(
    *command: str | Path,
    namespace: str | None = None,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    timeout_seconds: float = 600,
) -> str:
    """Return the output of a command; raise AssertionError with all that it printed if it fails."""
    result = subprocess.run(
        (*in_network(namespace), *command),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=timeout_seconds,
    )
    failure = f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-6000:]}\n{result.stderr[-6000:]}"
    assert not check or result.returncode == 0, failure
    return result.stdout


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and wait for its end; what it started in a PID namespace of its own ends with it."""
    process.kill()
    process.wait(20)

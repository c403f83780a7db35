"""Engines for tests of their composition: their Java formats Kafka's storage on request, and exits at once instead of running."""

import sys
from pathlib import Path

from support.ports import free_engine_ports

from headrace.engines.services import Engines

JAVA = """
import pathlib, sys
if "format" not in sys.argv:
    sys.exit("the port is taken")
configuration = pathlib.Path(sys.argv[-1].removeprefix("--config=")).read_text()
storage = pathlib.Path(dict(line.split("=", 1) for line in configuration.splitlines() if "=" in line)["log.dirs"])
if (storage / "full").exists():
    sys.exit("no space left")
(storage / "meta.properties").open("x")
"""


def engines_without_jars(folder: Path) -> Engines:
    """Make engines that can be composed, in the state folder `state` below this one."""
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!{sys.executable}\n{JAVA}")
    java.chmod(0o755)
    return Engines(str(java), folder / "jars", folder / "state" / "engines", free_engine_ports())

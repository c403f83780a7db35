"""What several commands share: their options, and where they print."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.consoles import SafeConsole

StateOption = Annotated[Path, typer.Option("--state", help="Folder that holds everything headrace keeps on this machine.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one a line.")]
DruidOption = Annotated[str, typer.Option("--url", help="Address of Druid's coordinator and overlord, or of a router before them.")]
DatasourceOption = Annotated[str, typer.Option(help="Table in Druid.")]

DRUID: Final = "http://127.0.0.1:8081"
DATASOURCE: Final = "clickstream"
PIPE_WIDTH: Final = 10_000  # whoever reads a pipe wants a row on a line
console: Final = SafeConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors: Final = SafeConsole(stderr=True)

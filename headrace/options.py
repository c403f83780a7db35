"""Options that several commands share, and the consoles that commands print to."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.consoles import SafeConsole

StateOption = Annotated[Path, typer.Option("--state", help="State folder of the installation.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one per line.")]
DruidOption = Annotated[str, typer.Option("--url", help="URL of Druid's coordinator and overlord, or of a router in front of them.")]
DatasourceOption = Annotated[str, typer.Option(help="Datasource in Druid.")]

DRUID: Final = "http://127.0.0.1:8081"
DATASOURCE: Final = "clickstream"
PIPE_WIDTH: Final = 10_000  # in a pipe, each row stays on one line
console: Final = SafeConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors: Final = SafeConsole(stderr=True)

"""The token of Druid's SQL port: sent with each statement to the bundle's database, and stored in no table of Superset."""

import os
from pathlib import Path
from typing import Any

from secret_file import TOKEN, read_secret
from sqlalchemy.engine import URL, make_url

DEFAULT_DRUID_URI = "druid://127.0.0.1:8888/druid/v2/sql?header=true"


def druid_uri() -> str:
    """Return the URI of the bundle's database."""
    return os.environ.get("DRUID_URI", DEFAULT_DRUID_URI)


def read_token() -> str:
    """Return the token; empty if none is set. Raises SecretError."""
    return read_secret(Path(os.environ["DRUID_TOKEN_FILE"]), TOKEN) if "DRUID_TOKEN_FILE" in os.environ else ""


def with_token(uri: URL, parameters: dict[str, Any], *_: object) -> tuple[URL, dict[str, Any]]:
    """Add the token to a connection to the bundle's database; Superset calls this before each one."""
    druid, token = make_url(druid_uri()), read_token()
    if token and (uri.drivername, uri.host, uri.port) == (druid.drivername, druid.host, druid.port):
        parameters["connect_args"] = parameters.get("connect_args", {}) | {"jwt": token}
    return uri, parameters

"""All HEADRACE_MINIDRUID_* variables: type, default, description."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from minidruid.sizes import parse_size
from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_MINIDRUID_"


class Settings(ServiceSettings):
    """Settings of minidruid."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: Annotated[str, Field(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 picks a free one.")] = 8888
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    token_file: Annotated[
        Path | None,
        Field(
            description="File of the bearer token for requests, created at the first start; without it the port listens on loopback only."
        ),
    ] = None
    store: Annotated[Path, Field(description="DuckDB file with rows and state.")] = Path("var/store/clickstream.duckdb")
    memory_limit: Annotated[
        str,
        Field(
            pattern=r"^\d+(\.\d+)?\s*(MB|GB|MiB|GiB)$",
            description="Memory limit of DuckDB; beyond it, data spills to disk beside the file.",
        ),
    ] = "256MB"
    threads: Annotated[int, Field(gt=0, le=64, description="Threads of DuckDB, shared by all queries.")] = 2
    concurrent_queries: Annotated[int, Field(gt=0, le=64, description="Maximum concurrent queries; others wait.")] = 4
    waiting_queries: Annotated[int, Field(ge=0, description="Maximum waiting queries; one more gets 429.")] = 100
    query_timeout_seconds: Annotated[float, Field(gt=0, description="Maximum time of a query, waiting included; beyond it, 504.")] = 30
    max_rows: Annotated[
        int, Field(gt=0, description="Maximum rows of a result; a larger result is an error, never truncated silently.")
    ] = 100_000
    max_result_bytes: Annotated[int, Field(gt=0, description="Maximum bytes of a result.")] = 64 * 1024 * 1024
    max_body_bytes: Annotated[int, Field(gt=0, description="Maximum bytes of a request.")] = 128 * 1024

    @property
    def memory_bytes(self) -> int:
        """Return the memory limit of DuckDB in bytes."""
        return parse_size(self.memory_limit)

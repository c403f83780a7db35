"""Every HEADRACE_MINIDRUID_* variable: type, default, meaning."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from minidruid.memory import bytes_of
from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_MINIDRUID_"


class Settings(ServiceSettings):
    """What the operator may decide about minidruid."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: Annotated[str, Field(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8888
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    token_file: Annotated[
        Path | None,
        Field(
            description="File of the token that requests must bear, made at the first start; without it the port listens on loopback only."
        ),
    ] = None
    store: Annotated[Path, Field(description="DuckDB file of rows and state.")] = Path("var/store/clickstream.duckdb")
    memory_limit: Annotated[
        str, Field(pattern=r"^\d+(\.\d+)?\s*(MB|GB|MiB|GiB)$", description="What DuckDB may use; more goes to disk beside the file.")
    ] = "256MB"
    threads: Annotated[int, Field(gt=0, le=64, description="Threads of DuckDB, over all queries.")] = 2
    concurrent_queries: Annotated[int, Field(gt=0, le=64, description="Queries that run at a time; others wait.")] = 4
    waiting_queries: Annotated[int, Field(ge=0, description="Queries that may wait; one more is answered 429.")] = 100
    query_timeout_seconds: Annotated[float, Field(gt=0, description="A query that takes longer, waiting included, is answered 504.")] = 30
    max_rows: Annotated[int, Field(gt=0, description="Most rows of an answer; more are refused, never cut off silently.")] = 100_000
    max_result_bytes: Annotated[int, Field(gt=0, description="Most bytes of an answer.")] = 64 * 1024 * 1024
    max_body_bytes: Annotated[int, Field(gt=0, description="Most bytes of a request.")] = 128 * 1024

    @property
    def memory_bytes(self) -> int:
        """What DuckDB may use, as a number."""
        return bytes_of(self.memory_limit)

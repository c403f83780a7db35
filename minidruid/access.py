"""Access to the SQL port."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from minidruid.errors import ErrorType, QueryError, error_body
from minidruid.settings import PREFIX, Settings
from startup.port_guard import Denial, PortGuard
from startup.secret_file import TOKEN, SecretError, read_or_make_secret
from startup.settings import SettingsError

OPEN_PATHS: Final = ("/status/health", "/health/ready")  # without a token, the first as in Druid
CATEGORIES: Final[Mapping[int, str]] = {400: "INVALID_INPUT", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 415: "INVALID_INPUT"}


def read_token(settings: Settings) -> str:
    """Return the token that requests need; empty if they need none. Raises SettingsError if it is missing or not valid."""
    if settings.token_file is None and not _is_loopback(settings.host):
        where = f"{PREFIX}HOST is {settings.host}, which other machines reach"
        raise SettingsError([f"{PREFIX}TOKEN_FILE: required while {where}: name a file; the first start creates the token"])
    try:
        return read_or_make_secret(settings.token_file, TOKEN) if settings.token_file else ""
    except SecretError as error:
        raise SettingsError([f"{PREFIX}TOKEN_FILE: {error}"]) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def port_guard(settings: Settings, token: str = "") -> PortGuard:
    """Return the access rules of the SQL port."""
    return PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts, is_json_only=True, token=token, open_paths=OPEN_PATHS)


def denial_body(denial: Denial) -> bytes:
    """Return the response body of a denied request: Druid's error object, which its clients show."""
    return error_body(QueryError(denial.message, ErrorType(denial.reason, "USER", CATEGORIES[denial.status], denial.status)))

"""Who may use the SQL port."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from minidruid.errors import QueryError, Refusal
from minidruid.results import error_content
from minidruid.settings import PREFIX, Settings
from startup.port_guard import Denial, PortGuard
from startup.secret_file import TOKEN, SecretError, read_or_make_secret
from startup.settings import SettingsError

OPEN_PATHS: Final = ("/status/health", "/health/ready")  # the first as in Druid
CATEGORIES: Final[Mapping[int, str]] = {400: "INVALID_INPUT", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 415: "INVALID_INPUT"}


def read_token(settings: Settings) -> str:
    """Return the token that requests must bear, empty if they need none; raises SettingsError where one is required or not valid."""
    if settings.token_file is None and not _is_loopback(settings.host):
        where = f"{PREFIX}HOST is {settings.host}, which others reach"
        raise SettingsError([f"{PREFIX}TOKEN_FILE: required while {where}: name a file, the token is made at the first start"])
    try:
        return read_or_make_secret(settings.token_file, TOKEN) if settings.token_file else ""
    except SecretError as error:
        raise SettingsError([f"{PREFIX}TOKEN_FILE: {error}"]) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def guard(settings: Settings, token: str = "") -> PortGuard:
    """Return the rules of the SQL port."""
    return PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts, is_json_only=True, token=token, open_paths=OPEN_PATHS)


def denial_content(denial: Denial) -> bytes:
    """Return the response body of a denied request: Druid's error object, which its clients show."""
    return error_content(QueryError(denial.message, Refusal(denial.reason, "USER", CATEGORIES[denial.status], denial.status)))

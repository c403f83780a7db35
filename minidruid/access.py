"""Who may use the SQL port."""

from collections.abc import Mapping
from typing import Final

from minidruid.answers import error_content
from minidruid.errors import QueryError
from minidruid.errors import Refusal as DruidRefusal
from minidruid.settings import PREFIX, Settings
from startup.port_guard import PortGuard, Refusal

OPEN_PATHS: Final = ("/status/health",)  # as in Druid
CATEGORIES: Final[Mapping[int, str]] = {400: "INVALID_INPUT", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 415: "INVALID_INPUT"}


def guard(settings: Settings, token: str = "") -> PortGuard:
    """Return the rules of the SQL port."""
    return PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts, is_json_only=True, token=token, open_paths=OPEN_PATHS)


def refusal_content(refusal: Refusal) -> bytes:
    """Return a refusal of the port as Druid's error object, which its clients show."""
    return error_content(QueryError(refusal.message, DruidRefusal(refusal.reason, "USER", CATEGORIES[refusal.status], refusal.status)))

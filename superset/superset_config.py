"""Superset's settings: one process, live figures, no requests to other hosts. Superset imports this file by name."""

import logging
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import druid_token
import hardening
from druid_dialect import DruidSql
from flask import Flask
from secret_file import PASSWORD, TOKEN, read_or_make_secret, read_secret
from superset.config import TALISMAN_CONFIG as DEFAULT_TALISMAN_CONFIG
from superset.utils.log import AbstractEventLogger

HOME = Path(os.environ["SUPERSET_HOME"]).resolve()
HOME.mkdir(mode=0o700, parents=True, exist_ok=True)

APP_NAME = "headrace"
SECRET_KEY = read_or_make_secret(Path(os.environ.get("SUPERSET_SECRET_KEY_FILE", HOME / "superset-secret-key")), TOKEN)
SQLALCHEMY_DATABASE_URI = os.environ.get("SUPERSET_DATABASE_URI", f"sqlite:///{HOME / 'superset.db'}?check_same_thread=false")
if "SUPERSET_DATABASE_PASSWORD_FILE" in os.environ:
    # Passed to libpq only: Superset logs the URI of its database when that does not respond.
    os.environ["PGPASSWORD"] = read_secret(Path(os.environ["SUPERSET_DATABASE_PASSWORD_FILE"]), PASSWORD)
druid_token.read_token()  # a missing or malformed token stops the startup
DB_CONNECTION_MUTATOR = druid_token.with_token
LOGO_TARGET_PATH = "/superset/dashboard/clickstream/"

# Logins are rate-limited by client IP, in the memory of the one worker; other requests are not.
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
RATELIMIT_APPLICATION = None
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = hardening.LOGIN_RATE
# The number of proxies in front whose X-Forwarded-For is trusted.
PROXIES = int(os.environ.get("SUPERSET_PROXIES", "0"))
ENABLE_PROXY_FIX = PROXIES > 0
PROXY_FIX_CONFIG = {"x_for": PROXIES, "x_proto": 0, "x_host": 0, "x_port": 0, "x_prefix": 0}

SESSION_COOKIE_SECURE = REMEMBER_COOKIE_SECURE = os.environ.get("SUPERSET_TLS", "0") == "1"
SESSION_COOKIE_HTTPONLY = REMEMBER_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = REMEMBER_COOKIE_SAMESITE = "Lax"
ENABLE_CORS = False  # Superset enables it for map servers
ADDITIONAL_MIDDLEWARE = [hardening.RelativeRedirects]
globals().update(hardening.new_secrets("GUEST_TOKEN_JWT_SECRET", "GLOBAL_ASYNC_QUERIES_JWT_SECRET"))

# Superset's own default ends relative ranges at midnight: "Last week" would hide today, "Last hour" would fail.
DEFAULT_RELATIVE_START_TIME = "now"
DEFAULT_RELATIVE_END_TIME = "now"

# Warnings of pandas, and of the world map for its old endpoint, would log a line per chart and refresh.
LOG_LEVEL = logging.WARNING
logging.getLogger("py.warnings").setLevel(logging.ERROR)
logging.getLogger("superset.views.base").setLevel(logging.ERROR)
logging.getLogger("superset.views.error_handling").setLevel(logging.ERROR)  # a traceback for each bad request, which anyone can send

FEATURE_FLAGS = {
    "CHART_PLUGINS_EXPERIMENTAL": True,  # the big number with its change (pop_kpi)
    "ENABLE_TEMPLATE_PROCESSING": True,  # charts show people unless the filter Traffic says otherwise
    "ESCAPE_MARKDOWN_HTML": True,
}


def FLASK_APP_MUTATOR(application: Flask) -> None:  # noqa: N802 - Superset's name
    """Change what no setting can change; Superset's own modules can be imported only now."""
    from open_ranges import take_open_ranges  # noqa: PLC0415

    take_open_ranges(application)


# Superset parses and rewrites every statement; sqlglot's own Druid dialect would write functions that Druid does not know.
SQLGLOT_DIALECTS_EXTENSIONS = {"druid": DruidSql}


class NullEventLogger(AbstractEventLogger):
    """An event logger that writes nothing; the default logs about 95 MB of dashboard events an hour at a refresh of 10 s."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""


EVENT_LOGGER = NullEventLogger()

# One process: the state of open dashboards stays in its memory, not in the metadata.
FILTER_STATE_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 1000, "CACHE_DEFAULT_TIMEOUT": 7 * 86400}
EXPLORE_FORM_DATA_CACHE_CONFIG = FILTER_STATE_CACHE_CONFIG

# No requests to other hosts; this also blocks the tracking pixel that is compiled into Superset's pages.
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
FAB_API_SWAGGER_UI = False
TALISMAN_CONFIG = deepcopy(DEFAULT_TALISMAN_CONFIG)
TALISMAN_CONFIG["session_cookie_secure"] = SESSION_COOKIE_SECURE
TALISMAN_CONFIG["content_security_policy"] |= {
    "img-src": ["'self'", "blob:", "data:"],
    "connect-src": ["'self'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "font-src": ["'self'"],
}

EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "headrace",
        "label": "headrace",
        "description": "",
        "isDefault": True,
        "colors": ["#0f6b85", "#f0a33c", "#4fa66f", "#c4553d", "#7a69ad", "#63b7cf", "#a5a83c", "#8d6e5c", "#cf85a5", "#6c7b8d"],
    }
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "headrace",
        "label": "headrace",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#e3f1f5", "#b3d9e4", "#7dbdd0", "#449cb6", "#1b7a97", "#0f5a70", "#083f50"],
    }
]

"""Hardening of Superset, and a check on the running application, before it serves, that the hardening works."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, make_response, request
from flask_wtf.csrf import CSRFError

import superset

LOGINS = {"AuthDBView.login": "/login/", "SecurityApi.login": "/api/v1/security/login"}  # view → path
LOGIN_RATE = "10 per minute"
TRIES = 11
TEST_CLIENT = {"REMOTE_ADDR": "192.0.2.1"}  # a documentation address, so that the check locks nobody out
DEFAULT_SECRET = re.compile("change.?me|test-.*secret", re.IGNORECASE)
CSRF_TOKEN = re.compile(r"csrf_token[^>]*value=\W*([\w.-]+)")
EXPIRED = '<!doctype html><title>Expired</title><p>This page has been open for too long. <a href="/login/">Log in</a> and do it again.'


class HardeningError(Exception):
    """The hardening does not work, most likely after an upgrade of Superset; the text names the faults."""


class RelativeRedirects:
    """WSGI middleware that makes redirects relative, because a caller can send any host."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request."""
        origin = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(
                status, [(name, _relative(value, origin) if name == "Location" else value) for name, value in headers], *more
            )

        return self._application(environ, start)


def _relative(location: str, origin: str) -> str:
    for form in (origin, quote(origin, safe="")):
        location = location.replace(form, "")
    return location or "/"


def new_secrets(*names: str) -> dict[str, str]:
    """Return a new secret for each setting: for unused ones with a public default in Superset."""
    return {name: secrets.token_urlsafe(48) for name in names}


def harden(application: Flask) -> None:
    """Rate-limit logins through the form and the API, and reject cross-site requests with 400."""
    limit = superset.security_manager.limiter.limit(LOGIN_RATE, methods=["POST"])
    with application.app_context():
        for endpoint in LOGINS:  # Superset limits its own view of the form, which does not accept POST
            limit(application.blueprints[endpoint.partition(".")[0]])
    # Flask-AppBuilder exempts its own APIs from CSRF checks, users and roles included; only the login has no session to abuse.
    application.extensions["csrf"]._exempt_blueprints.intersection_update({application.blueprints["SecurityApi"]})
    application.register_error_handler(CSRFError, _refuse)
    # There is one language: the view that changes it only fails, and each request would log a traceback.
    application.view_functions["SupersetIndexView.patch_flask_locale"] = lambda **_: abort(404)


def _refuse(error: CSRFError) -> Response:
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html" and not request.is_json:
        return make_response(EXPIRED, 400)
    return make_response({"errors": [{"message": f"{error.description} Send the token in X-CSRFToken, and the session's cookie."}]}, 400)


def verify(application: Flask) -> None:
    """Check the hardening on the application itself; raises HardeningError."""
    faults = [*_default_secrets(application), *_cookie_faults(application), *_login_faults(application)]
    if faults:
        raise HardeningError("the dashboards are not started: " + "; ".join(faults))


def _default_secrets(application: Flask) -> list[str]:
    found = [name for name, value in application.config.items() if isinstance(value, str) and DEFAULT_SECRET.search(value)]
    return [
        f"{name} is Superset's public default" for name in found if not name.startswith("CHANGE_ME")
    ]  # that one is the constant to compare with


def _cookie_faults(application: Flask) -> list[str]:
    with application.test_client() as client:
        cookie = client.get("/login/", environ_base=TEST_CLIENT).headers.get("Set-Cookie", "")
        status = client.post("/login/", data={"username": "x"}, environ_base=TEST_CLIENT).status_code
    required = ["HttpOnly", "SameSite=Lax", *(["Secure"] if application.config["SESSION_COOKIE_SECURE"] else [])]
    faults = [f"the session's cookie is not {attribute}" for attribute in required if attribute not in cookie.split("; ")]
    return faults + ([f"the response to a form without its CSRF token is {status}, not 400"] if status != 400 else [])


def _login_faults(application: Flask) -> list[str]:
    with application.test_client() as client:
        found = CSRF_TOKEN.search(client.get("/login/", environ_base=TEST_CLIENT).text)
        bodies = ({"data": {"csrf_token": found[1] if found else ""}}, {"json": {}})  # without a user, so that no password is hashed
        tries = dict(zip(LOGINS.values(), bodies, strict=True))
        statuses = {
            path: [client.post(path, environ_base=TEST_CLIENT, **body).status_code for _ in range(TRIES)] for path, body in tries.items()
        }
    return [
        f"the login {path} responds to {TRIES} tries with {first} to {last}, not with 429 in the end"
        for path, (first, *_, last) in statuses.items()
        if first == 429 or last != 429
    ]

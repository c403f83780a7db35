"""What Superset leaves open, closed; and a look at the running application before it serves that all of it is."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, make_response, request
from flask_wtf.csrf import CSRFError

import superset

LOGINS = {"AuthDBView.login": "/login/", "SecurityApi.login": "/api/v1/security/login"}  # views, and their paths
LOGIN_RATE = "10 per minute"
TRIES = 11
STRANGER = {"REMOTE_ADDR": "192.0.2.1"}  # nobody's address: what is tried here locks nobody out
DEFAULT_SECRET = re.compile("change.?me|test-.*secret", re.IGNORECASE)
CSRF_TOKEN = re.compile(r"csrf_token[^>]*value=\W*([\w.-]+)")
EXPIRED = '<!doctype html><title>Expired</title><p>This page has been open for too long. <a href="/login/">Log in</a> and do it again.'


class HardeningError(Exception):
    """Superset does not keep what is promised, most likely after an upgrade; the text says what."""


class RelativeRedirects:
    """WSGI middleware that takes the host of the request out of redirects: the path is enough, and a caller can name any host."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        origin = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(
                status, [(name, _relative(value, origin) if name == "Location" else value) for name, value in headers], *more
            )

        return self._application(environ, start)


def _relative(location: str, origin: str) -> str:
    for written in (origin, quote(origin, safe="")):
        location = location.replace(written, "")
    return location or "/"


def new_secrets(*names: str) -> dict[str, str]:
    """Return a new secret for each setting: for what Superset has a public default and nothing here uses."""
    return {name: secrets.token_urlsafe(48) for name in names}


def harden(application: Flask) -> None:
    """Limit logins by the form and over the API, and refuse what a page of another site may have sent, with 400."""
    limit = superset.security_manager.limiter.limit(LOGIN_RATE, methods=["POST"])
    with application.app_context():
        for endpoint in LOGINS:  # Superset limits its own view of the form's path, which takes no POST
            limit(application.blueprints[endpoint.partition(".")[0]])
    # Flask-AppBuilder exempts its own APIs, those of users and roles among them; the login is all that has no session to be abused.
    application.extensions["csrf"]._exempt_blueprints.intersection_update({application.blueprints["SecurityApi"]})
    application.register_error_handler(CSRFError, _refuse)
    # There is one language: the view that changes it only fails, with a stack in the log for whoever asks.
    application.view_functions["SupersetIndexView.patch_flask_locale"] = lambda **_: abort(404)


def _refuse(error: CSRFError) -> Response:
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html" and not request.is_json:
        return make_response(EXPIRED, 400)
    return make_response({"errors": [{"message": f"{error.description} Send the token in X-CSRFToken, and the session's cookie."}]}, 400)


def verify(application: Flask) -> None:
    """Try what is promised on the application itself; raises HardeningError."""
    faults = [*_default_secrets(application), *_cookie_faults(application), *_login_faults(application)]
    if faults:
        raise HardeningError("the dashboards are not started: " + "; ".join(faults))


def _default_secrets(application: Flask) -> list[str]:
    found = [name for name, value in application.config.items() if isinstance(value, str) and DEFAULT_SECRET.search(value)]
    return [
        f"{name} is Superset's public default" for name in found if not name.startswith("CHANGE_ME")
    ]  # that one is what others are compared with


def _cookie_faults(application: Flask) -> list[str]:
    with application.test_client() as client:
        cookie = client.get("/login/", environ_base=STRANGER).headers.get("Set-Cookie", "")
        status = client.post("/login/", data={"username": "x"}, environ_base=STRANGER).status_code
    wanted = ["HttpOnly", "SameSite=Lax", *(["Secure"] if application.config["SESSION_COOKIE_SECURE"] else [])]
    faults = [f"the session's cookie is not {attribute}" for attribute in wanted if attribute not in cookie.split("; ")]
    return faults + ([f"a form without its CSRF token is answered {status}, not 400"] if status != 400 else [])


def _login_faults(application: Flask) -> list[str]:
    with application.test_client() as client:
        found = CSRF_TOKEN.search(client.get("/login/", environ_base=STRANGER).text)
        bodies = ({"data": {"csrf_token": found[1] if found else ""}}, {"json": {}})  # without a user, so that no password is hashed
        tries = dict(zip(LOGINS.values(), bodies, strict=True))
        statuses = {
            path: [client.post(path, environ_base=STRANGER, **body).status_code for _ in range(TRIES)] for path, body in tries.items()
        }
    return [
        f"the login {path} answers {TRIES} tries with {first} to {last}, not with 429 at last"
        for path, (first, *_, last) in statuses.items()
        if first == 429 or last != 429
    ]

"""Preparation of Superset: its metadata, roles, admin account and dashboards."""

import contextlib
import hashlib
import io
import os
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from druid_token import druid_uri
from flask import Flask
from flask_migrate import upgrade
from secret_file import PASSWORD, read_or_make_secret
from sqlalchemy import event
from sqlalchemy.engine import Engine
from werkzeug.security import check_password_hash

import superset

ADMIN = "admin"
ASSETS = Path(__file__).with_name("assets")
DATABASE = "databases/Druid.yaml"


def clear_unfinished_start(home: Path) -> None:
    """Delete incomplete metadata that a killed first start left behind, and the markers if the metadata was deleted.

    Metadata in another database is checked at every start, because no marker in this folder can follow its state.
    """
    metadata, leftovers = home / "superset.db", [_migrated_marker(home), _bundle_marker(home)]
    if "SUPERSET_DATABASE_URI" not in os.environ:
        if _migrated_marker(home).exists() and metadata.exists():
            return
        leftovers.append(metadata)
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)


def prepare(application: Flask, home: Path) -> None:
    """Update metadata, account and dashboards; each step is skipped if nothing has changed since the last start."""
    with application.app_context():
        _migrate(home)
        _ensure_admin(Path(os.environ.get("HEADRACE_DASHBOARDS_PASSWORD_FILE", home / "dashboards-password")))
        _import_bundle(home, druid_uri())
        # Under --preload the worker is a fork, which must not inherit a connection.
        superset.db.session.remove()
        superset.db.engine.dispose()


def _migrated_marker(home: Path) -> Path:
    return home / "migrated"


def _bundle_marker(home: Path) -> Path:
    return home / "bundle.sha256"


def _migrate(home: Path) -> None:
    marker, release = _migrated_marker(home), version("apache-superset")
    if marker.exists() and marker.read_text("utf-8") == release:
        return
    is_first = not marker.exists()
    with _without_sync() if is_first else contextlib.nullcontext(), contextlib.redirect_stdout(io.StringIO()):
        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        superset.appbuilder.add_permissions(update_perms=True)
        superset.security_manager.sync_role_definitions()
    _sync(home / "superset.db")  # unless the metadata is in another database
    _write(marker, release)


@contextlib.contextmanager
def _without_sync() -> Iterator[None]:
    """Turn off fsync for thousands of small transactions: until the marker exists, a crash discards them anyway."""

    def relax(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)


def _sync(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


def _ensure_admin(password_file: Path) -> None:
    password, manager = read_or_make_secret(password_file, PASSWORD), superset.security_manager
    admin = manager.find_user(ADMIN)
    if admin is None:
        manager.add_user(ADMIN, "Admin", "Admin", f"{ADMIN}@localhost", manager.find_role("Admin"), password=password)
    elif not check_password_hash(admin.password, password):
        manager.reset_password(admin.id, password)


def _import_bundle(home: Path, druid_uri: str) -> None:
    contents = read_bundle(ASSETS, druid_uri)
    digest = hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()
    marker = _bundle_marker(home)
    if marker.exists() and marker.read_text("utf-8") == digest:
        return
    # The only import command that also updates existing charts and datasets.
    from superset.commands.importers.v1.assets import ImportAssetsCommand  # noqa: PLC0415  needs the application
    from superset.utils.core import override_user  # noqa: PLC0415

    with override_user(superset.security_manager.find_user(ADMIN)):
        ImportAssetsCommand(contents).run()
    _write(marker, digest)


def read_bundle(root: Path, druid_uri: str) -> dict[str, str]:
    """Return the files of the bundle by path, with the URI of the database."""
    contents = {str(path.relative_to(root)): path.read_text("utf-8") for path in root.rglob("*.yaml")}
    database = yaml.safe_load(contents[DATABASE])
    contents[DATABASE] = yaml.safe_dump(database | {"sqlalchemy_uri": druid_uri})
    return contents


def _write(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text, "utf-8")
    path.with_suffix(".new").replace(path)

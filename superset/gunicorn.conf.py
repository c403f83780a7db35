"""gunicorn's settings for Superset: one worker with threads, because the metadata is SQLite; fast start and shutdown."""

import gc
import os
from typing import Any

os.umask(0o077)  # every file that Superset writes is private to this user

wsgi_app = "wsgi:application"
bind = "127.0.0.1:8088"
workers = 1
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 5
control_socket_disable = True  # all installations of a home folder would share it


def post_fork(_server: Any, _worker: Any) -> None:
    """Disable garbage collection while the application loads: its million objects all live on, and scans take a quarter of the startup."""
    gc.disable()


def post_worker_init(_server: Any) -> None:
    """Enable garbage collection for objects created from here on."""
    gc.collect()
    gc.freeze()
    gc.enable()


def worker_exit(_server: Any, worker: Any) -> None:
    """Exit without a teardown of the application, which takes seconds; a worker that failed to start keeps its exit code."""
    if worker.booted:
        os._exit(0)

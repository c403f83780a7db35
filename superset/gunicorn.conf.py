"""How gunicorn serves Superset: one worker with threads (the metadata is SQLite), quick to start and to end."""

import gc
import os
from typing import Any

os.umask(0o077)  # the metadata, and all else that is written, is for this user only

wsgi_app = "wsgi:application"
bind = "127.0.0.1:8088"
workers = 1
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 5
control_socket_disable = True  # it would be one per home folder, whatever the number of installations


def post_fork(_server: Any, _worker: Any) -> None:
    """Load the application without collecting: of its million objects none is garbage, and looking costs a quarter of the start."""
    gc.disable()


def post_worker_init(_server: Any) -> None:
    """Collect from here on, but only what is made from here on."""
    gc.collect()
    gc.freeze()
    gc.enable()


def worker_exit(_server: Any, worker: Any) -> None:
    """Leave without taking the application apart, which takes seconds; a worker that never served keeps its error."""
    if worker.booted:
        os._exit(0)

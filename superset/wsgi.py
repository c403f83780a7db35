"""The application that gunicorn serves; importing it first applies pending migrations and changes of the bundle."""

import os
from pathlib import Path

import bootstrap
import hardening
from superset.app import create_app

# Not from superset_config: importing that before Superset does would leave Superset with its defaults.
home = Path(os.environ["SUPERSET_HOME"]).resolve()
bootstrap.clear_unfinished_start(home)
application = create_app()
bootstrap.prepare(application, home)
hardening.harden(application)
hardening.verify(application)

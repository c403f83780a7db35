"""Real engines."""

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def engines() -> SimpleNamespace:
    return SimpleNamespace(kafka="127.0.0.1:29092", overlord_url="http://127.0.0.1:28081", broker_url="http://127.0.0.1:28082")

"""Each setting is in the README of its component, with its default and description."""

from pathlib import Path

import pytest

from collector.settings import Settings as CollectorSettings
from headrace.store_settings import StoreSettings
from minidruid.settings import Settings as MinidruidSettings
from simulator.settings import ShopSettings, VisitsSettings
from startup.settings import ServiceSettings
from streams.settings import Settings as StreamsSettings
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.settings import KafkaSettings

ROOT = Path(__file__).parents[2]
COMPONENTS: list[tuple[type[ServiceSettings], str]] = [
    (CollectorSettings, "collector"),
    (StreamsSettings, "streams"),
    (MinidruidSettings, "minidruid"),
    (StoreSettings, "headrace"),
    (ShopSettings, "simulator"),
    (VisitsSettings, "simulator"),
    (KafkaSettings, "topics"),
    (ForwarderSettings, "topics"),
]


@pytest.mark.parametrize(("settings", "component"), COMPONENTS)
def test_the_readme_has_each_variable_with_its_default_and_meaning(settings: type[ServiceSettings], component: str) -> None:
    prefix = str(settings.model_config["env_prefix"])
    lines = [line for line in (ROOT / component / "README.md").read_text().splitlines() if line.startswith(f"| `{prefix}")]
    documented = {cells[1].strip(" `"): (cells[2].strip(" `"), cells[-2].strip()) for cells in (line.split("|") for line in lines)}
    meant = {
        name: (shown(settings.model_fields[field].default), settings.model_fields[field].description)
        for name, field in settings.variables().items()
    }
    assert documented == meant


def shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).removeprefix(f"{ROOT}/")

import pytest
from support.simulator import ROOT

from simulator.errors import SettingsError
from simulator.settings import ShopSettings, VisitsSettings, read_settings


def test_without_variables_the_defaults_hold() -> None:
    assert read_settings(ShopSettings, {"PATH": "/bin"}).port == 8000
    assert read_settings(VisitsSettings, {}).shop_url == "http://127.0.0.1:8000"


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_SHOP_PORT", "1")
    assert read_settings(ShopSettings, {}).port == 8000


def test_all_faults_are_told_at_once_under_the_variables_names() -> None:
    faults = {"HEADRACE_SHOP_PORT": "x", "HEADRACE_SHOP_COLLECTOR_URL": "ftp://x", "HEADRACE_SHOP_PROT": "1"}
    with pytest.raises(SettingsError) as caught:
        read_settings(ShopSettings, faults)
    lines = str(caught.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == faults.keys()
    assert "HEADRACE_SHOP_PROT: there is no such setting" in lines


@pytest.mark.parametrize("settings", [ShopSettings, VisitsSettings])
def test_every_setting_is_in_the_readme(settings: type[ShopSettings] | type[VisitsSettings]) -> None:
    readme = (ROOT / "simulator" / "README.md").read_text("utf-8")
    for name, field in settings.model_fields.items():
        assert f"| `{settings.model_config.get('env_prefix')}{name.upper()}` | " in readme
        assert f"| {field.description} |" in readme

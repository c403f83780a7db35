"""Every service reads its settings the same way: declared, typed, all faults at once."""

import socket

import httpx
import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from collector.settings import Settings as CollectorSettings
from startup.port_guard import PortGuard
from startup.probes import Probes, ProbesError
from startup.settings import ServiceSettings, SettingsError

GUARD = PortGuard("HEADRACE_SAMPLE_ALLOWED_HOSTS")


class Settings(ServiceSettings):
    """Settings of a service that there is only here."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_SAMPLE_")

    port: int = Field(default=80, gt=0, description="Where it listens.")
    colour: str = Field(default="red", pattern="^(red|blue)$", description="How it looks.")


def test_without_variables_the_defaults_hold() -> None:
    assert Settings.read({"PATH": "/bin", "HEADRACE_OTHER_PORT": "1"}) == Settings()


def test_a_variable_sets_its_setting_in_its_type() -> None:
    assert Settings.read({"HEADRACE_SAMPLE_PORT": "8080"}).port == 8080


def test_fields_become_the_variables_that_read_takes_them_from() -> None:
    variables = Settings.environment(port=8080, colour=None)
    assert variables == {"HEADRACE_SAMPLE_PORT": "8080"}
    assert Settings.read(variables) == Settings(port=8080)


def test_a_list_becomes_a_variable_separated_by_commas() -> None:
    assert CollectorSettings.read(CollectorSettings.environment(sites=("shop", "blog"))).sites == ("shop", "blog")


def test_a_field_that_is_not_a_setting_has_no_variable() -> None:
    with pytest.raises(KeyError, match="prot"):
        Settings.environment(prot=8080)


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_SAMPLE_PORT", "1")
    assert Settings.read({}).port == 80


def test_an_unknown_variable_with_our_prefix_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="HEADRACE_SAMPLE_PROT: there is no such setting; did you mean HEADRACE_SAMPLE_PORT"):
        Settings.read({"HEADRACE_SAMPLE_PROT": "1"})
    with pytest.raises(SettingsError, match=r"HEADRACE_SAMPLE_QQQQQQ: there is no such setting$"):
        Settings.read({"HEADRACE_SAMPLE_QQQQQQ": "1"})


def test_all_faults_are_reported_at_once_under_the_variables_names() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.read({"HEADRACE_SAMPLE_PORT": "http", "HEADRACE_SAMPLE_COLOUR": "green" * 100, "HEADRACE_SAMPLE_SIZE": "1"})
    assert [fault.split(":")[0] for fault in raised.value.faults] == [
        "HEADRACE_SAMPLE_SIZE",
        "HEADRACE_SAMPLE_PORT",
        "HEADRACE_SAMPLE_COLOUR",
    ]
    assert all(len(fault) < 200 for fault in raised.value.faults)


def test_probes_report_whether_a_process_is_ready_and_why_not() -> None:
    reasons = ["Kafka is away"]
    probes = Probes("127.0.0.1", 0, GUARD, not_ready_reason=lambda: reasons[0], metrics=lambda: b"a_metric 1\n")
    url = f"http://127.0.0.1:{probes.port}"
    try:
        assert httpx.get(f"{url}/health/live", trust_env=False).json() == {"status": "live"}
        answer = httpx.get(f"{url}/health/ready", trust_env=False)
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "message": "Kafka is away"})
        reasons[0] = ""
        answer = httpx.get(f"{url}/health/ready", trust_env=False)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
        answer = httpx.get(f"{url}/metrics", trust_env=False)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.text.splitlines()[0] == "a_metric 1"
        assert httpx.get(f"{url}/else", trust_env=False).status_code == 404
    finally:
        probes.close()


def test_a_port_that_another_process_has_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ProbesError, match="is another one running"):
        Probes("127.0.0.1", taken.getsockname()[1], GUARD, not_ready_reason=str, metrics=bytes)

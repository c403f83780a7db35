"""Variables, groups and certificate, checked before anything changes: each error names a remedy."""

from pathlib import Path
from typing import Any

import pytest

from ansible.plugins.filter.preflight import certificate_errors, inventory_errors, variable_errors

SPECIFICATION: dict[str, dict[str, Any]] = {
    "headrace_registry": {"type": "str", "pattern": r"[a-z.]+(:\d+)?", "example": "registry.example.com", "description": "Registry."},
    "headrace_converters": {"type": "int", "min": 1, "max": 4, "example": 2, "description": "Number of converters."},
    "headrace_docker_upgrade": {"type": "bool", "example": True, "description": "Whether Docker is upgraded."},
    "headrace_ssh_networks": {"type": "list", "pattern": r"[\d./]+", "example": "[192.0.2.0/24]", "description": "Networks."},
    "headrace_image_tags": {"type": "dict", "example": "{}", "description": "Tags."},
    "headrace_places": {"type": "str", "file": True, "example": "places.mmdb", "description": "Places."},
    "headrace_registry_password": {"type": "str", "secret": True, "example": "…", "description": "Password."},
}
VALID: dict[str, Any] = {
    "headrace_registry": "registry.test:5000",
    "headrace_converters": 1,
    "headrace_docker_upgrade": False,
    "headrace_ssh_networks": ["192.0.2.0/24"],
    "headrace_image_tags": {},
    "headrace_places": "",
    "headrace_registry_password": "",
}
THREE = ["a", "b", "c"]
GROUPS = {"managers": THREE, "workers": [], "edge": THREE, "kafka": THREE, "druid": ["a"], "dashboards": []}


def test_valid_variables_have_no_error() -> None:
    assert variable_errors(VALID, SPECIFICATION) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("headrace_registry", "https://registry.test"),
        ("headrace_registry", 5),
        ("headrace_converters", 0),
        ("headrace_converters", 5),
        ("headrace_converters", "2"),
        ("headrace_converters", True),
        ("headrace_docker_upgrade", "yes"),
        ("headrace_ssh_networks", "192.0.2.0/24"),
        ("headrace_ssh_networks", ["192.0.2.0/24", "office"]),
        ("headrace_image_tags", []),
        ("headrace_places", "/nowhere/places.mmdb"),
    ],
)
def test_a_wrong_value_is_an_error_with_the_name_and_an_example(name: str, value: object) -> None:
    (error,) = variable_errors({**VALID, name: value}, SPECIFICATION)
    assert error.startswith(f"{name} is {value!r}: ")
    assert str(SPECIFICATION[name]["example"]) in error


def test_a_missing_variable_is_an_error_with_its_description() -> None:
    (error,) = variable_errors({name: value for name, value in VALID.items() if name != "headrace_registry"}, SPECIFICATION)
    assert error == "headrace_registry is missing: Registry. Set it in the inventory, for example headrace_registry: registry.example.com"


def test_an_unknown_variable_is_an_error_that_names_a_similar_one() -> None:
    (error,) = variable_errors({**VALID, "headrace_ssh_network": []}, SPECIFICATION)
    assert "do you mean headrace_ssh_networks?" in error


def test_a_wrong_password_is_not_in_its_error() -> None:
    (error,) = variable_errors({**VALID, "headrace_registry_password": 123456}, SPECIFICATION)
    assert "123456" not in error


def test_a_path_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "places.mmdb").touch()
    assert variable_errors({**VALID, "headrace_places": "~/places.mmdb"}, SPECIFICATION) == []


def test_a_valid_inventory_has_no_error() -> None:
    assert inventory_errors(GROUPS, {}) == []
    one = ["a"]
    assert inventory_errors({"managers": one, "edge": one, "kafka": one, "dashboards": one}, {"headrace_dashboards_domain": "d.test"}) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"managers": ["a", "b"], "workers": ["c"]}, "the group managers has 2 hosts"),
        ({"managers": ["a", "b", "c", "d"]}, "the group managers has 4 hosts"),
        ({"managers": []}, "the group managers has 0 hosts"),
        ({"kafka": ["a", "b"]}, "the group kafka has 2 hosts"),
        ({"kafka": []}, "the group kafka has 0 hosts"),
        ({"edge": []}, "the group edge has no host"),
        ({"druid": ["a", "b"]}, "the group druid has 2 hosts"),
        ({"workers": ["c"]}, "c is in managers and in workers"),
        ({"edge": ["a", "d"]}, "d is in the group edge, but neither in managers nor in workers"),
        ({"dashboards": ["a"]}, "headrace_dashboards_domain is empty"),
    ],
)
def test_hosts_in_wrong_groups_are_an_error(change: dict[str, list[str]], message: str) -> None:
    assert any(error.startswith(message) for error in inventory_errors({**GROUPS, **change}, {}))


CERTIFICATE = {
    "public_key": "KEY\n",
    "expired": False,
    "not_after": "20270101000000Z",
    "subject_alt_name": ["DNS:collect.example.com", "DNS:*.other.test"],
}


def test_a_certificate_covers_its_names_and_one_level_below_a_wildcard() -> None:
    assert certificate_errors(CERTIFICATE, {"public_key": "KEY"}, ["collect.example.com", "a.other.test", ""]) == []


@pytest.mark.parametrize(
    ("change", "key", "domain", "message"),
    [
        ({}, "ANOTHER", "collect.example.com", "is not the key of headrace_tls_certificate"),
        ({"expired": True}, "KEY", "collect.example.com", "expired at 20270101000000Z: renew it"),
        ({}, "KEY", "dashboards.example.com", "not for dashboards.example.com"),
        ({}, "KEY", "b.a.other.test", "not for b.a.other.test"),
        ({"subject_alt_name": None}, "KEY", "collect.example.com", "is for no domain"),
    ],
)
def test_a_certificate_that_browsers_would_reject_is_an_error(change: dict[str, object], key: str, domain: str, message: str) -> None:
    (error,) = certificate_errors({**CERTIFICATE, **change}, {"public_key": key}, [domain])
    assert message in error

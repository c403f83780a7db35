"""The stack in containers: each as restricted as possible, with settings that exist."""

import importlib
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from support.headrace.compose import COMPOSE, ROOT, SERVICES, TARGETS, TEXT, VARIABLE, environment, imported, target

from collector.settings import Settings as CollectorSettings
from headrace.compose_secrets import SECRETS
from startup.settings import ServiceSettings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = frozenset(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
NGINX = "".join(path.read_text("utf-8") for path in sorted((ROOT / "nginx").glob("*.conf")))
PUBLIC = {"nginx"}
ON_DEMAND = {"kafka-ui"}
RUN_ONCE = {"kafka-apply", "druid-apply"}
every_service = pytest.mark.parametrize("service", SERVICES)


def test_the_file_is_what_the_compose_specification_says() -> None:
    assert set(PyCompose.from_yaml(yaml.safe_dump(COMPOSE)).service_names()) == set(SERVICES)


def test_the_linter_has_nothing_to_say() -> None:
    command = (
        sys.executable,
        "-m",
        "compose_lint",
        "check",
        "--strict-config",
        "--skip-suppressed",
        "--fail-on",
        "low",
        "docker-compose.yml",
    )
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@every_service
def test_a_container_has_no_more_rights_than_it_needs(service: str) -> None:
    content = SERVICES[service]
    assert content["read_only"] is True
    assert content["cap_drop"] == ["ALL"]
    assert content["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", content["user"])
    assert content.keys().isdisjoint({"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"})


@every_service
def test_a_container_is_bounded(service: str) -> None:
    content = SERVICES[service]
    assert content["mem_limit"]
    assert content["pids_limit"]
    assert content["logging"]["options"].keys() == {"max-size", "max-file"}
    assert all("size=" in mount for mount in content["tmpfs"])


@every_service
def test_a_container_is_restarted_and_has_a_health_check(service: str) -> None:
    content = SERVICES[service]
    assert content["restart"] == ("on-failure" if service in RUN_ONCE else "unless-stopped")
    assert ("healthcheck" in content or "HEALTHCHECK" in target(service)) == (service not in RUN_ONCE)


def test_only_the_collector_and_the_dashboards_are_published_and_both_through_nginx() -> None:
    ports = {service: content["ports"] for service, content in SERVICES.items() if "ports" in content}
    assert ports.keys() == PUBLIC | ON_DEMAND
    assert ports["nginx"] == ["127.0.0.1:8290:8290", "127.0.0.1:8088:8088"]
    assert ["listen 8290;" in NGINX, "listen 8088;" in NGINX] == [True, True]


def test_services_without_a_password_are_started_on_demand_and_published_on_this_machine_only() -> None:
    for service in ON_DEMAND:
        assert SERVICES[service]["profiles"] == ["tools"]
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])
    assert '"127.0.0.1:${PUBLISHED_KAFKA_UI_PORT' in TEXT


def test_only_what_is_published_has_a_way_out() -> None:
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"edge"}
    assert {service for service, content in SERVICES.items() if "edge" in content["networks"]} == PUBLIC | ON_DEMAND


def test_services_reachable_from_outside_do_not_reach_kafka_and_druid() -> None:
    assert {service for service, content in SERVICES.items() if "inner" not in content["networks"]} == {"nginx", "collector"}


@every_service
def test_an_image_is_pinned_and_ours_has_the_version_of_the_project(service: str) -> None:
    name, _, tag = SERVICES[service]["image"].rpartition(":")
    assert re.match(r"v?\d+\.\d+(\.\d+)?(-|$)", tag)
    if name.startswith("headrace-"):
        assert tag == PROJECT["project"]["version"]
        assert SERVICES[service]["pull_policy"] == "never"


@pytest.mark.parametrize(
    ("image", "package"), [("collector", "collector"), ("forwarder", "topics"), ("streams", "streams"), ("headrace", "headrace")]
)
def test_an_image_holds_the_folders_that_its_service_imports_and_no_others(image: str, package: str) -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", TARGETS[image], re.MULTILINE))
    assert copied & PACKAGES == imported(package, PACKAGES)


def test_every_target_of_the_dockerfile_runs_in_the_stack() -> None:
    assert {content["build"]["target"] for content in SERVICES.values() if "build" in content} == set(TARGETS)


def test_no_image_runs_as_root() -> None:
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]
    assert {SERVICES[service]["user"] for service in SERVICES if target(service)} == set(users)


def known_variables() -> set[str]:
    modules = [path.relative_to(ROOT).with_suffix("") for package in PACKAGES for path in (ROOT / package).rglob("*settings.py")]
    for module in modules:
        importlib.import_module(".".join(module.parts))
    waiting, known = list(ServiceSettings.__subclasses__()), set[str]()
    while waiting:
        settings = waiting.pop()
        waiting += settings.__subclasses__()
        known |= settings.variables().keys()
    return known


def test_a_variable_that_a_container_gets_exists() -> None:
    superset = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "superset" / "README.md").read_text("utf-8"), re.MULTILINE))
    settings = {name for service, name, _ in environment() if target(service)}
    assert settings - known_variables() - superset == set()


def test_the_secrets_of_the_file_are_those_that_the_command_makes_and_each_is_used() -> None:
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in SECRETS}
    assert {name for content in SERVICES.values() for name in content.get("secrets", ())} == SECRETS.keys()


def test_a_secret_that_a_container_reads_is_one_that_it_is_given() -> None:
    read = {(service, path) for service, _, value in environment() for path in re.findall(r"/run/secrets/([\w-]+)", value)}
    given = {(service, name) for service, content in SERVICES.items() for name in content.get("secrets", ())}
    assert read <= given
    assert all("cat /run/secrets/druid-metadata-password" in SERVICES[service]["entrypoint"][2] for service, _ in given - read)


def test_the_example_of_the_environment_has_each_variable_with_its_default() -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert example == dict(VARIABLE.findall(TEXT))
    assert re.findall(r"(?<!\$)\$\{?(?!\w+:-)\w+", TEXT) == []


def test_mounts_from_the_repository_exist_and_are_read_only() -> None:
    mounts = [volume for content in SERVICES.values() for volume in content.get("volumes", ()) if volume.startswith("./")]
    assert all(mount.endswith(":ro") for mount in mounts)
    files = [ROOT / mount.split(":")[0] for mount in mounts if "." in mount.split(":")[0].rpartition("/")[2]]
    assert [path for path in files if not path.is_file()] == []


def test_the_named_volumes_are_those_in_use() -> None:
    used: set[Any] = {volume.split(":")[0] for content in SERVICES.values() for volume in content.get("volumes", ())}
    assert {name for name in used if not name.startswith(".")} == COMPOSE["volumes"].keys()


def test_the_collector_trusts_the_network_of_nginx_and_keeps_its_internal_port_to_itself() -> None:
    settings = SERVICES["collector"]["environment"]
    assert [{"subnet": settings["HEADRACE_COLLECTOR_TRUSTED_PROXIES"]}] == COMPOSE["networks"]["front"]["ipam"]["config"]
    assert "HEADRACE_COLLECTOR_INTERNAL_HOST" not in settings


def test_nginx_logs_no_client_ip_and_sends_no_version() -> None:
    directives = re.findall(r"^ *(access_log|error_log|server_tokens) ([^;]+);", NGINX, re.MULTILINE)
    assert directives == [("server_tokens", "off"), ("access_log", "off"), ("error_log", "stderr alert")]


def test_a_body_that_is_too_large_is_refused_by_the_collector_whose_answer_a_page_can_read() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;\nclient_body_buffer_size", NGINX)
    assert int(megabytes) << 20 > CollectorSettings.model_fields["max_body_bytes"].default

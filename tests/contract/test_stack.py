"""The stack of a Swarm: what it shares with docker-compose.yml is the same, and the rest is what the overlay says."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from support.headrace.compose import ROOT, VARIABLE
from support.headrace.compose import SERVICES as COMPOSE_SERVICES

from ansible.plugins.filter.stack_file import DEFINITION, DEPENDS_ON, compose_document, mounted_texts, stack_file, stack_secrets
from ansible.plugins.module_utils import convergence, stack_records

COMPOSE = compose_document((ROOT / "docker-compose.yml").read_text("utf-8"))
OVERLAY = compose_document((ROOT / "ansible" / "roles" / "stack" / "files" / "overlay.yml").read_text("utf-8"))
FILES = mounted_texts(COMPOSE, str(ROOT)) | {"edge.conf": "the edge", "proxies.conf": "the proxies"}
VARIABLES = {"FRONT_SUBNET": "172.31.253.0/24", "DASHBOARDS_TLS": "1", "SITES": "", "CONVERTERS": "2", "PLACES": "places"}
ON_DEMAND = {"kafka-ui"}
RUN_ONCE = {"kafka-apply", "druid-apply"}
DRUID = {"zookeeper", "druid-metadata", "druid-coordinator", "druid-historical", "druid-indexer", "druid-broker", "druid-apply"}
DASHBOARDS = {"superset-metadata", "superset"}
# Settings that differ between one machine and several, each for the reason in the overlay.
OTHER_SETTINGS = re.compile(
    r"KAFKA_(NODE_ID|CONTROLLER_QUORUM_VOTERS|LISTENERS|ADVERTISED_LISTENERS|.*REPLICATION_FACTOR|.*MIN_ISR|MIN_INSYNC_REPLICAS)"
    r"|HEADRACE_STREAMS_INSTANCE|SUPERSET_TLS|HEADRACE_COLLECTOR_TRUSTED_PROXIES"
)
SIZES = [(hosts, rest) for hosts in (1, 3) for rest in (0, 1)]


def a_stack(brokers: int, rest: int, **changes: Any) -> dict[str, Any]:
    settings = {
        "registry": "registry.test/headrace",
        "mirror": "",
        "version": "",
        "tags": {},
        "digests": {},
        "hosts": {"kafka": brokers, "druid": rest, "dashboards": rest},
        "variables": VARIABLES,
        "files": FILES,
        "secrets": {name: f"headrace-{name}_v1" for name in COMPOSE["secrets"]},
        "encrypted": False,
    }
    return stack_file(COMPOSE, OVERLAY, settings | changes)


def origin(service: str) -> Mapping[str, Any]:
    """Return the service of docker-compose.yml from which one of the stack is derived."""
    return COMPOSE_SERVICES[re.sub(r"^kafka-\d$", "kafka", service)]


every_size = pytest.mark.parametrize(("brokers", "rest"), SIZES)


@every_size
def test_the_services_are_those_of_the_compose_file_with_a_broker_for_each_host(brokers: int, rest: int) -> None:
    expected = COMPOSE_SERVICES.keys() - ON_DEMAND - {"kafka"} - (set() if rest else DRUID | DASHBOARDS)
    assert a_stack(brokers, rest)["stack"]["services"].keys() == expected | {f"kafka-{number}" for number in range(1, brokers + 1)}


@every_size
def test_images_users_and_restrictions_are_the_same(brokers: int, rest: int) -> None:
    for name, service in a_stack(brokers, rest)["stack"]["services"].items():
        same = origin(name)
        assert service["image"].removeprefix("registry.test/headrace/") == same["image"]
        assert service["image"].startswith("registry.test/") == (same.get("pull_policy") == "never")
        for key in ("user", "read_only", "cap_drop", "logging", "entrypoint", "command", "stop_grace_period"):
            assert service.get(key) == same.get(key) or (name, key) == ("nginx", "stop_grace_period")


@every_size
def test_limits_are_the_same(brokers: int, rest: int) -> None:
    for name, service in a_stack(brokers, rest)["stack"]["services"].items():
        same = origin(name)
        assert service["deploy"]["resources"]["limits"] == {"memory": same["mem_limit"], "pids": same["pids_limit"]}
        assert len(service["volumes"]) >= len(same["tmpfs"])


@every_size
def test_settings_are_the_same_but_for_those_that_depend_on_the_number_of_hosts(brokers: int, rest: int) -> None:
    for name, service in a_stack(brokers, rest)["stack"]["services"].items():
        settings, same = service.get("environment", {}), origin(name).get("environment", {})
        differing = {key for key in settings.keys() | same.keys() if str(settings.get(key) or "") != str(same.get(key) or "")}
        assert {key for key in differing if not OTHER_SETTINGS.fullmatch(key)} == set()


@every_size
def test_a_service_reads_the_secrets_of_the_compose_file_as_its_own_user_only(brokers: int, rest: int) -> None:
    for name, service in a_stack(brokers, rest)["stack"]["services"].items():
        secrets = service.get("secrets", [])
        assert [secret["target"] for secret in secrets] == list(origin(name).get("secrets", ()))
        assert {f"{secret['uid']}:{secret['gid']} {secret['mode']:o}" for secret in secrets} <= {f"{service['user']} 400"}


@every_size
def test_the_networks_keep_the_databases_away_from_the_edge(brokers: int, rest: int) -> None:
    stack = a_stack(brokers, rest)["stack"]
    for name, service in stack["services"].items():
        assert set(service["networks"]) == set(origin(name)["networks"])
    assert {name for name, network in stack["networks"].items() if not network.get("internal")} == {"edge"}
    assert {network["driver"] for network in stack["networks"].values()} == {"overlay"}


@every_size
def test_only_the_edge_publishes_ports_and_no_service_needs_the_routing_mesh(brokers: int, rest: int) -> None:
    services = a_stack(brokers, rest)["stack"]["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"nginx": [{"target": 8000, "published": 80, "mode": "host"}, {"target": 8443, "published": 443, "mode": "host"}]}
    assert {service["deploy"]["endpoint_mode"] for service in services.values()} == {"dnsrr"}


@every_size
def test_a_service_with_state_runs_where_its_volume_is(brokers: int, rest: int) -> None:
    stack = a_stack(brokers, rest)["stack"]
    lasting = {name for name, volume in stack["volumes"].items() if not volume and name != "places"}
    for service in stack["services"].values():
        sources = {str(volume).split(":")[0] for volume in service["volumes"] if not isinstance(volume, dict)}
        assert service["deploy"].get("placement") or not sources & lasting


@every_size
def test_every_mounted_file_of_the_repository_is_a_config(brokers: int, rest: int) -> None:
    made = a_stack(brokers, rest)
    for name, service in made["stack"]["services"].items():
        targets = {config["target"] for config in service.get("configs", ())}
        mounts = [volume.split(":") for volume in origin(name).get("volumes", ()) if volume.startswith("./") and "places" not in volume]
        assert {mount[1] for mount in mounts if not any(target.startswith(mount[1]) for target in targets)} == set()
    assert set(made["stack"]["configs"]) == set(made["configs"])
    assert all(len(name) <= 64 for name in made["configs"])


@every_size
def test_nothing_is_used_that_is_not_defined(brokers: int, rest: int) -> None:
    stack = yaml.safe_load(yaml.safe_dump(a_stack(brokers, rest)["stack"]))
    assert VARIABLE.search(yaml.safe_dump(stack)) is None
    for service in stack["services"].values():
        assert set(service["networks"]) <= stack["networks"].keys()
        assert {secret["source"] for secret in service.get("secrets", ())} <= stack["secrets"].keys()


def test_a_healthy_broker_is_one_whose_controller_answers() -> None:
    services = a_stack(3, 0)["stack"]["services"]
    assert {services[f"kafka-{number}"]["healthcheck"]["test"][-1] for number in (1, 2, 3)} == {"exec 3<>/dev/tcp/127.0.0.1/9093"}
    assert services["kafka-2"]["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093"
    assert services["kafka-2"]["deploy"]["placement"] == {"constraints": ["node.labels.headrace.kafka == 2"]}


def test_the_secrets_that_the_swarm_needs_are_those_of_the_services_that_run() -> None:
    assert stack_secrets(COMPOSE, OVERLAY, {"druid": 0, "dashboards": 0}) == ["partition-key"]
    assert stack_secrets(COMPOSE, OVERLAY, {"druid": 1, "dashboards": 1}) == sorted(COMPOSE["secrets"])


def test_the_modules_read_the_labels_that_the_filter_writes() -> None:
    assert (stack_records.DEFINITION, convergence.DEPENDS_ON) == (DEFINITION, DEPENDS_ON)  # a filter cannot import the modules' utilities


def test_every_service_of_the_overlay_is_in_the_compose_file() -> None:
    assert OVERLAY["services"].keys() | {name for names in OVERLAY["groups"].values() for name in names} <= COMPOSE_SERVICES.keys()
    assert set(OVERLAY["groups"]["druid"]) == DRUID
    assert set(OVERLAY["groups"]["dashboards"]) == DASHBOARDS
    assert COMPOSE_SERVICES.keys() - ON_DEMAND == OVERLAY["services"].keys()


def test_the_edge_has_the_limits_of_the_compose_file_and_writes_none_again() -> None:
    edge = (ROOT / "ansible" / "roles" / "stack" / "templates" / "edge.conf.j2").read_text("utf-8")
    one_machine = (ROOT / "nginx" / "nginx.conf").read_text("utf-8")
    assert set(re.findall(r"include (\S+);", one_machine)) <= set(re.findall(r"include (\S+);", edge))
    shared = "".join(path.read_text("utf-8") for path in (ROOT / "nginx").glob("*.conf") if path.name != "nginx.conf")
    written = set(re.findall(r"^ *([a-z_]+) [^;{]+;", edge, re.MULTILINE)) - {
        "include",
        "listen",
        "return",
        "server_name",
        "proxy_read_timeout",
    }
    assert written & set(re.findall(r"^ *([a-z_]+) [^;{]+;", shared, re.MULTILINE)) == set()
    mounted = {config["target"] for config in a_stack(1, 1)["stack"]["services"]["nginx"]["configs"]}
    assert set(re.findall(r"include (\S+);", edge + shared)) <= mounted

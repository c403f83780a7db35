"""From docker-compose.yml and the overlay to a stack file, on small ones."""

from typing import Any

import pytest

from ansible.plugins.filter.stack_file import StackError, broker_steps, fill, in_bytes, merge, stack_file, stack_images, with_secrets

COMPOSE: dict[str, Any] = {
    "services": {
        "web": {
            "image": "web:1.0",
            "user": "101:101",
            "restart": "unless-stopped",
            "mem_limit": "64m",
            "pids_limit": 8,
            "tmpfs": ["/tmp:size=1m", "/run:size=2m,uid=101,gid=101"],
            "volumes": ["./web:/etc/web:ro", "data:/data"],
            "secrets": ["key"],
            "environment": {"SITES": "${SITES:-all}", "COMMAND": "echo $$HOME"},
            "networks": ["inner"],
            "depends_on": {"kafka": {"condition": "service_healthy"}},
        },
        "ours": {"image": "headrace-ours:0.3.0", "pull_policy": "never", "user": "1:1", "networks": ["inner"], "restart": "on-failure"},
        "kafka": {"image": "kafka:4", "user": "1:1", "networks": ["inner"], "environment": {"ID": "1"}},
        "tool": {"image": "tool:1", "profiles": ["tools"], "user": "1:1", "networks": ["inner"]},
    },
    "networks": {"inner": {"internal": True}, "unused": {}},
    "volumes": {"data": None, "old": None},
    "secrets": {"key": {"file": "./secrets/key"}},
}
OVERLAY: dict[str, Any] = {
    "groups": {"druid": ["ours"]},
    "brokers": "kafka",
    "services": {
        "web": {"deploy": {"mode": "global"}, "volumes": ["/srv/data:/data"]},
        "ours": {"deploy": {"replicas": "${REPLICAS}"}},
        "kafka": {"environment": {"ID": "${BROKER}", "VOTERS": "${QUORUM}"}},
    },
    "networks": {"inner": {}},
}
SETTINGS: dict[str, Any] = {
    "registry": "registry.test",
    "mirror": "",
    "version": "",
    "tags": {},
    "digests": {},
    "hosts": {"kafka": 1, "druid": 1},
    "variables": {"REPLICAS": 2},
    "files": {"web/a.conf": "a", "web/sub/b.conf": "b"},
    "secrets": {"key": "headrace-key_v3"},
    "encrypted": False,
}


def a_stack(**settings: Any) -> dict[str, Any]:
    stack: dict[str, Any] = stack_file(COMPOSE, OVERLAY, SETTINGS | settings)["stack"]
    return stack


def definition(stack: dict[str, Any], service: str) -> str:
    return str(stack["services"][service]["deploy"]["labels"]["headrace.definition"])


def test_variables_take_their_value_or_their_default_and_a_doubled_dollar_stays() -> None:
    assert a_stack()["services"]["web"]["environment"] == {"SITES": "all", "COMMAND": "echo $$HOME"}
    assert a_stack(variables={"REPLICAS": 1, "SITES": "a$b"})["services"]["web"]["environment"]["SITES"] == "a$$b"


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(StackError, match="NAME has neither a value nor a default"):
        fill({"a": ["${NAME}"]}, {})


def test_mappings_are_merged_null_removes_and_the_rest_is_replaced() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": [1], "e": 3}, {"a": {"c": 4}, "d": [2], "e": None}) == {"a": {"b": 1, "c": 4}, "d": [2]}


def test_limits_become_those_of_the_swarm_and_a_task_is_restarted() -> None:
    deploy = a_stack()["services"]["web"]["deploy"]
    assert deploy["resources"] == {"limits": {"memory": "64m", "pids": 8}}
    assert deploy["restart_policy"]["condition"] == "any"
    assert a_stack()["services"]["ours"]["deploy"]["restart_policy"]["condition"] == "on-failure"


def test_keys_that_a_swarm_ignores_are_dropped() -> None:
    assert a_stack()["services"]["web"].keys().isdisjoint({"restart", "mem_limit", "pids_limit", "depends_on", "tmpfs"})


def test_files_become_configs_whose_names_change_with_their_text() -> None:
    made = stack_file(COMPOSE, OVERLAY, SETTINGS)
    assert [config["target"] for config in made["stack"]["services"]["web"]["configs"]] == ["/etc/web/a.conf", "/etc/web/sub/b.conf"]
    assert set(made["configs"].values()) == {"a", "b"}
    changed = stack_file(COMPOSE, OVERLAY, SETTINGS | {"files": {"web/a.conf": "other", "web/sub/b.conf": "b"}})
    assert len(made["configs"].keys() & changed["configs"].keys()) == 1
    assert definition(made["stack"], "web") != definition(changed["stack"], "web")
    assert definition(made["stack"], "kafka-1") == definition(changed["stack"], "kafka-1")


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(StackError, match=r"\./web:/etc/web:ro: there is no such file"):
        a_stack(files={})


def test_a_volume_of_the_overlay_replaces_that_of_the_same_target() -> None:
    assert "/srv/data:/data" in a_stack()["services"]["web"]["volumes"]
    assert "data:/data" not in a_stack()["services"]["web"]["volumes"]
    assert a_stack()["volumes"].keys() == {"web-run"}


def test_a_file_system_in_memory_with_an_owner_is_a_volume_of_that_type() -> None:
    stack = a_stack()
    assert stack["services"]["web"]["volumes"][:2] == [
        {"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 1 << 20}},
        {"type": "volume", "source": "web-run", "target": "/run", "volume": {"nocopy": True}},
    ]
    assert stack["volumes"]["web-run"]["driver_opts"] == {"type": "tmpfs", "device": "tmpfs", "o": "size=2m,uid=101,gid=101"}


def test_a_size_without_a_known_unit_is_an_error() -> None:
    assert in_bytes("3k") == 3072
    with pytest.raises(StackError, match="'1x' is not a size"):
        in_bytes("1x")


def test_secrets_have_their_name_in_the_swarm_and_belong_to_the_user_of_the_service() -> None:
    secret = {"source": "headrace-key_v3", "target": "key", "uid": "101", "gid": "101", "mode": 0o400}
    assert a_stack()["services"]["web"]["secrets"] == [secret]
    assert a_stack()["secrets"] == {"headrace-key_v3": {"external": True}}
    with pytest.raises(StackError, match="the secret key is not in the Swarm"):
        a_stack(secrets={})


def test_only_our_images_come_from_the_registry_and_have_the_version() -> None:
    assert stack_images(a_stack(version="0.4.0")) == ["kafka:4", "registry.test/headrace-ours:0.4.0", "web:1.0"]
    assert stack_images(a_stack(mirror="mirror.test/m", tags={"headrace-ours": "fix"})) == [
        "mirror.test/m/kafka:4",
        "mirror.test/m/web:1.0",
        "registry.test/headrace-ours:fix",
    ]


def test_a_tag_for_an_unknown_image_is_an_error() -> None:
    with pytest.raises(StackError, match="there is no image ours; the names are headrace-ours, kafka, tool, web"):
        a_stack(tags={"ours": "fix"})


def test_a_known_digest_is_part_of_the_image() -> None:
    assert a_stack(digests={"web:1.0": "sha256:ab"})["services"]["web"]["image"] == "web:1.0@sha256:ab"


def test_services_on_demand_and_those_of_empty_groups_are_left_out() -> None:
    assert a_stack().keys() >= {"services", "networks"}
    assert a_stack()["services"].keys() == {"web", "ours", "kafka-1"}
    assert a_stack(hosts={"kafka": 1, "druid": 0})["services"].keys() == {"web", "kafka-1"}


def test_brokers_are_numbered_and_know_each_other() -> None:
    services = a_stack(hosts={"kafka": 3})["services"]
    assert services["kafka-3"]["environment"] == {"ID": "3", "VOTERS": "1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093"}
    assert services["web"]["deploy"]["labels"]["headrace.depends-on"] == "headrace_kafka-1,headrace_kafka-2,headrace_kafka-3"


def test_networks_are_overlays_encrypted_on_request() -> None:
    assert a_stack()["networks"] == {"inner": {"internal": True, "driver": "overlay"}}
    assert a_stack(encrypted=True)["networks"]["inner"]["driver_opts"] == {"encrypted": ""}


def test_brokers_restart_one_after_the_other_before_everything_else() -> None:
    old, new = a_stack(hosts={"kafka": 3}), a_stack(hosts={"kafka": 3}, mirror="mirror.test")
    names = ["kafka-1", "kafka-2", "kafka-3", "web"]
    steps = broker_steps(new, old, names)
    changed = [{name for name in names if definition(step, name) != definition(old, name)} for step in steps]
    assert changed == [{"kafka-1"}, {"kafka-1", "kafka-2"}, {"kafka-1", "kafka-2", "kafka-3", "web"}]


def test_one_step_deploys_what_changes_no_two_brokers() -> None:
    new = a_stack()
    assert broker_steps(new, None, ["kafka-1", "kafka-2"]) == [new]
    assert broker_steps(new, a_stack(), ["kafka-1", "web"]) == [new]


def test_an_earlier_stack_is_deployed_with_the_present_secrets() -> None:
    old = a_stack()
    assert with_secrets(old, {"key": "headrace-key_v3"}) == old
    new = with_secrets(old, {"key": "headrace-key_v4"})
    assert new["services"]["web"]["secrets"][0]["source"] == "headrace-key_v4"
    with pytest.raises(StackError, match="the secret key is not in the Swarm"):
        with_secrets(old, {})
    assert new["secrets"] == {"headrace-key_v4": {"external": True}}
    assert definition(new, "web") != definition(old, "web")
    assert definition(new, "ours") == definition(old, "ours")
    assert new["services"]["web"]["deploy"]["labels"]["headrace.depends-on"] == "headrace_kafka-1"

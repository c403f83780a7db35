"""Requests to a schema registry, and the meaning of its responses."""

import json
from pathlib import Path

import pytest
from support.ports import free_ports
from support.topics.registry import SchemaRegistry

from startup.settings import SettingsError
from topics.kafka.registry import Registry, RegistryError, registry
from topics.kafka.settings import KafkaSettings

SCHEMA = json.dumps({"type": "record", "name": "A", "fields": []})


def test_a_schema_that_is_not_there_is_registered_and_has_one_id_from_then_on(server: SchemaRegistry) -> None:
    asker = Registry(server.url)
    assert asker.id_of("t-value", SCHEMA) == asker.id_of("t-value", SCHEMA) == 100
    assert server.asked == ["POST /subjects/t-value", "POST /subjects/t-value/versions", "POST /subjects/t-value"]


def test_a_registry_that_takes_no_schemas_is_asked_for_those_it_has(server: SchemaRegistry) -> None:
    server.register("t-value", SCHEMA)
    server.is_read_only = True
    assert Registry(server.url).id_of("t-value", SCHEMA) == 100
    with pytest.raises(RegistryError, match="rejects /subjects/other-value/versions: 403 registering is not allowed"):
        Registry(server.url).id_of("other-value", SCHEMA)


def test_an_id_leads_to_its_schema_or_to_none(server: SchemaRegistry) -> None:
    server.register("t-value", SCHEMA)
    server.schemas[7] = "[]"
    asker = Registry(f"{server.url}/")
    assert asker.schema_of(100) == json.loads(SCHEMA)
    assert asker.schema_of(7) is asker.schema_of(8) is None


def test_a_subject_that_is_not_there_yet_is_not_a_reason_to_wait(server: SchemaRegistry) -> None:
    Registry(server.url).check("new-value")


def test_the_credentials_of_the_file_are_sent(server: SchemaRegistry, tmp_path: Path) -> None:
    server.authorization = "Basic bWU6c2VjcmV0"
    (tmp_path / "auth").write_text("me:secret\n")
    asker = registry(KafkaSettings(schema_registry=server.url, schema_registry_auth_file=tmp_path / "auth"))
    assert asker
    asker.check("t-value")
    with pytest.raises(RegistryError, match="401 Unauthorized"):
        Registry(server.url).check("t-value")


@pytest.mark.parametrize(("content", "fault"), [(None, "cannot be read"), ("no colon", "write one line, user:password into it")])
def test_a_file_of_credentials_that_is_none_is_reported(tmp_path: Path, content: str | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "auth").write_text(content)
    with pytest.raises(SettingsError, match=fault):
        registry(KafkaSettings(schema_registry="http://localhost", schema_registry_auth_file=tmp_path / "auth"))


def test_an_unreachable_or_wrong_registry_is_reported(server: SchemaRegistry) -> None:
    [port] = free_ports(1)
    with pytest.raises(RegistryError, match=f"no schema registry responds at http://127.0.0.1:{port}"):
        Registry(f"http://127.0.0.1:{port}").check("t-value")
    server.is_broken = True
    with pytest.raises(RegistryError, match="rejects /subjects/t-value/versions: 500"):
        Registry(server.url).check("t-value")


@pytest.mark.parametrize("answer", ["<h1>200</h1>", {"id": "1"}, {"id": 0}, {}, []])
def test_an_answer_without_an_id_is_reported(server: SchemaRegistry, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(server, "answer", lambda *_: (200, answer))
    with pytest.raises(RegistryError, match=server.url):
        Registry(server.url).id_of("t-value", SCHEMA)


@pytest.mark.parametrize("answer", ["<h1>200</h1>", {"schema": "{"}, {"no": 1}])
def test_an_answer_without_a_schema_is_reported(server: SchemaRegistry, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(server, "answer", lambda *_: (200, answer))
    with pytest.raises(RegistryError, match=server.url):
        Registry(server.url).schema_of(1)

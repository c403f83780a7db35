"""The settings for Kafka, the operator's file and topics.toml."""

from pathlib import Path

import pytest

from startup.settings import SettingsError
from topics.kafka.settings import KafkaSettings
from topics.kafka.topic_specs import topic_specs


def a_client_file(path: Path, text: str) -> KafkaSettings:
    path.write_text(text)
    return KafkaSettings.read({"HEADRACE_KAFKA_CLIENT_FILE": str(path)})


def test_the_operators_file_reaches_the_client(tmp_path: Path) -> None:
    settings = a_client_file(tmp_path / "client", "# SASL over TLS\nsecurity.protocol=SASL_SSL\nsasl.password = a=b \n\nclient.id=site\n")
    client = settings.client()
    assert client["bootstrap.servers"] == "127.0.0.1:9092"
    assert (client["security.protocol"], client["sasl.password"], client["client.id"]) == ("SASL_SSL", "a=b", "site")


def test_all_faults_of_the_file_are_reported_at_once(tmp_path: Path) -> None:
    settings = a_client_file(tmp_path / "client", "acks=0\nnonsense\n=x\nenable.idempotence=false\nssl.ca.location=/ca\n")
    with pytest.raises(SettingsError) as reported:
        settings.client()
    assert [fault.split(", ", 1)[1] for fault in reported.value.faults] == [
        "line 1: acks is set by headrace; its guarantees depend on it",
        "line 2: expected name=value",
        "line 3: expected name=value",
        "line 4: enable.idempotence is set by headrace; its guarantees depend on it",
    ]


def test_a_file_that_can_not_be_read_is_reported() -> None:
    with pytest.raises(SettingsError, match=r"HEADRACE_KAFKA_CLIENT_FILE: /nowhere cannot be read"):
        KafkaSettings(client_file=Path("/nowhere")).client()


def test_every_topic_has_the_prefix_and_records_and_rows_the_same_partitions() -> None:
    found = {one.topic: one for one in topic_specs(KafkaSettings(prefix="site"))}
    assert set(found) == {f"site-{name}" for name in ("avro", "json", "dead-letters", "ledger", "salts")}
    assert found["site-avro"].partitions == found["site-json"].partitions == found["site-ledger"].partitions


def test_no_frame_of_a_local_topic_is_too_large_for_kafka() -> None:
    client = KafkaSettings().client()
    for one in topic_specs(KafkaSettings()):
        if one.topic.endswith(("-avro", "-json", "-dead-letters")):
            assert one.settings["max.message.bytes"] == client["message.max.bytes"]
    assert int(client["message.max.bytes"]) > 1 << 24


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"MESSAGE_FORMAT": "confluent"}, "MESSAGE_FORMAT: confluent needs a schema id"),
        ({"SCHEMA_ID": "1", "SCHEMA_REGISTRY": "http://registry:8081"}, "SCHEMA_ID: the id is either fixed or looked up"),
        ({"SCHEMA_REGISTRY_AUTH_FILE": "auth"}, "SCHEMA_REGISTRY_AUTH_FILE: it needs HEADRACE_KAFKA_SCHEMA_REGISTRY"),
        ({"SCHEMA_REGISTRY": "registry:8081"}, "SCHEMA_REGISTRY: "),
        ({"SCHEMA_REGISTRY": "https://me:secret@registry"}, "SCHEMA_REGISTRY: "),
        ({"SCHEMA_ID": "0"}, "SCHEMA_ID: "),
        ({"MESSAGE_FORMAT": "avro"}, "MESSAGE_FORMAT: "),
    ],
)
def test_a_format_and_the_source_of_its_ids_go_together(environment: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        KafkaSettings.read({f"HEADRACE_KAFKA_{name}": value for name, value in environment.items()})
    (reported,) = refused.value.faults
    assert reported.startswith(f"HEADRACE_KAFKA_{fault}")

"""The files for Druid: all faults are reported at once, with file, path and fix."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headrace.druid.spec import FOLDER, SUPERVISOR, Options, fill_in, read_files
from headrace.errors import CommandError
from schemas.contract import columns, load_schema
from topics.kafka.settings import KafkaSettings

KAFKA = KafkaSettings(bootstrap_servers="kafka:9092", prefix="shop")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "druid"))


def edit(path: Path, pointer: str, value: Any) -> None:
    """Set the value at a path, or remove it if the value is None."""
    content = json.loads(path.read_text())
    *way, last = pointer.split("/")
    part = content
    for name in way:
        part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
    if value is None:
        del part[last]
    else:
        part[last] = value
    path.write_text(json.dumps(content))


def faults(folder: Path) -> list[str]:
    with pytest.raises(CommandError) as caught:
        read_files(folder)
    first, *rest = str(caught.value).splitlines()
    assert first.endswith("; nothing was changed")
    return [line.removeprefix(f"{folder}/") for line in rest]


@pytest.mark.parametrize(
    ("file", "pointer", "value", "fault"),
    [
        (SUPERVISOR, "spec/ioConfig/taskDurations", "PT1H", "unknown key, which Druid would ignore; did you mean taskDuration?"),
        (SUPERVISOR, "spec/tuningConfig/xyz", 1, "unknown key, which Druid would ignore"),
        (
            SUPERVISOR,
            "spec/ioConfig/useEarliestOffset",
            False,
            "must be true, not false: otherwise rows older than the supervisor would be skipped",
        ),
        (SUPERVISOR, "spec/tuningConfig/maxParseExceptions", None, "must be 0, but is missing: otherwise invalid rows would be skipped"),
        (SUPERVISOR, "spec/tuningConfig/maxParseExceptions", False, "must be 0, not false: otherwise invalid rows would be skipped"),
        (
            SUPERVISOR,
            "spec/ioConfig/consumerProperties/isolation.level",
            "read_uncommitted",
            'must be "read_committed", not "read_uncommitted": otherwise rows of aborted transactions would be stored',
        ),
        (SUPERVISOR, "spec/ioConfig/lateMessageRejectionPeriod", "PT1H", "remove it: late rows would be dropped"),
        (SUPERVISOR, "spec/ioConfig/topic", "clickstream-json", "remove it: it is filled in"),
        (SUPERVISOR, "spec/ioConfig/taskCount", 0, "must be an integer of at least 1, not 0"),
        (SUPERVISOR, "spec/ioConfig/replicas", True, "must be an integer of at least 1, not true"),
        ("compaction.json", "skipOffset", "P1D", "unknown key, which Druid would ignore; did you mean skipOffsetFromLatest?"),
        ("compaction.json", "granularitySpec/rollup", True, "must be false, not true: otherwise identical events would become one row"),
        ("rules.json", "0/typo", 1, "unknown key, which Druid would ignore; did you mean type?"),
        ("rules.json", "0/type", "loadForEver", '"loadForEver" is not a rule of Druid; did you mean loadForever?'),
    ],
)
def test_a_fault_is_reported_with_its_file_path_and_remedy(folder: Path, file: str, pointer: str, value: Any, fault: str) -> None:
    edit(folder / file, pointer, value)
    assert f"{file}: {pointer}: {fault}" in faults(folder)


def test_all_faults_of_all_files_are_reported_at_once(folder: Path) -> None:
    edit(folder / SUPERVISOR, "spec/ioConfig/pol", 50)
    edit(folder / SUPERVISOR, "spec/tuningConfig/logParseExceptions", False)
    (folder / "compaction.json").write_text("{")
    (folder / "rules.json").unlink()
    reported = faults(folder)
    assert [line.partition(":")[0] for line in reported] == [SUPERVISOR, SUPERVISOR, "compaction.json", "rules.json"]


@pytest.mark.parametrize("content", ["[]", "7", '[{"type": "loadByPeriod", "period": "P1M"}]', "{}", "[3]"])
def test_rules_end_with_one_for_all_other_days(folder: Path, content: str) -> None:
    (folder / "rules.json").write_text(content)
    assert all(line.startswith("rules.json: 0/type: ") for line in faults(folder))


@pytest.mark.parametrize(("pointer", "value"), [("spec", []), ("spec/ioConfig", 7), ("spec/dataSchema/granularitySpec", "DAY")])
def test_a_part_that_is_not_an_object_is_reported(folder: Path, pointer: str, value: Any) -> None:
    edit(folder / SUPERVISOR, pointer, value)
    assert f"{SUPERVISOR}: {pointer}: must be an object, not {json.dumps(value)}" in faults(folder)


def test_a_file_that_is_not_an_object_is_reported(folder: Path) -> None:
    (folder / SUPERVISOR).write_text("[]")
    assert f"{SUPERVISOR}: the file: must be an object, not []" in faults(folder)


def test_additional_settings_of_the_broker_file_are_passed_on(folder: Path) -> None:
    edit(folder / SUPERVISOR, "spec/ioConfig/consumerProperties/security.protocol", "SSL")
    filled = fill_in(read_files(folder), columns(load_schema()), KAFKA, Options())
    assert filled.supervisor["spec"]["ioConfig"]["consumerProperties"] == {
        "isolation.level": "read_committed",
        "fetch.max.wait.ms": 50,
        "security.protocol": "SSL",
        "bootstrap.servers": "kafka:9092",
    }


def test_replicas_go_to_each_rule_that_loads(folder: Path) -> None:
    (folder / "rules.json").write_text(
        '[{"type": "loadByPeriod", "period": "P13M", "tieredReplicants": {"hot": 2, "cold": 1}}, {"type": "dropForever"}]'
    )
    filled = fill_in(read_files(folder), columns(load_schema()), KAFKA, Options(replicas=3))
    assert [rule.get("tieredReplicants") for rule in filled.rules] == [{"hot": 3, "cold": 3}, None]


def test_options_are_filled_in_and_what_is_left_out_stays_as_the_files_say() -> None:
    files = read_files()
    as_filed = fill_in(files, columns(load_schema()), KAFKA, Options())
    reading = as_filed.supervisor["spec"]["ioConfig"]
    assert (reading["topic"], reading["taskCount"], reading["replicas"], reading["taskDuration"]) == ("shop-json", 1, 1, "PT1H")
    assert as_filed.supervisor["spec"]["dataSchema"]["dataSource"] == as_filed.compaction["dataSource"] == "clickstream"
    given = fill_in(files, columns(load_schema()), KAFKA, Options("other", tasks=4, replicas=2, task_duration="PT60S"))
    reading = given.supervisor["spec"]["ioConfig"]
    assert (reading["taskCount"], reading["replicas"], reading["taskDuration"]) == (4, 2, "PT60S")
    assert given.supervisor["spec"]["dataSchema"]["dataSource"] == given.compaction["dataSource"] == "other"
    assert [rule["tieredReplicants"] for rule in given.rules] == [{"_default_tier": 2}]
    assert files == read_files()

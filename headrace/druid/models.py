"""The files of `druid/` as Druid 33 understands them: known keys, required values, forbidden keys. Druid ignores unknown keys silently."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function


class _Check(ABC):
    """A check of the value of a field, which is annotated with it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._check, handler(source))

    @abstractmethod
    def _check(self, found: Any) -> Any:
        """Return the value; raises an error with the fault."""


@dataclass(frozen=True)
class Required(_Check):
    """The value that a key must have, and what would happen otherwise."""

    value: Any
    otherwise: str

    def _check(self, found: Any) -> Any:
        if type(found) is not type(self.value) or found != self.value:
            raise _error(f"must be {json.dumps(self.value)}, {instead(found)}: otherwise {self.otherwise}")
        return found


@dataclass(frozen=True)
class Forbidden(_Check):
    """The reason why a key must not be in a file."""

    reason: str

    def _check(self, found: Any) -> Any:
        if found is not None:
            raise _error(f"remove it: {self.reason}")
        return found


def _check_count(found: Any) -> Any:
    if type(found) is not int or found < 1:
        raise _error(f"must be an integer of at least 1, {instead(found)}")
    return found


def instead(found: Any) -> str:
    """Describe a value that is not the right one."""
    return "but is missing" if found is None else f"not {json.dumps(found, ensure_ascii=False)}"


def _error(text: str) -> PydanticCustomError:
    return PydanticCustomError("druid", "{text}", {"text": text})


class Part(BaseModel):
    """An object whose keys are all known; a missing key is None, a missing part an empty object."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _add_missing_keys(cls, found: Any) -> Any:
        found = {} if found is None else found
        return dict.fromkeys(cls.keys()) | found if isinstance(found, dict) else found

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys that Druid knows."""
        return [str(field.alias) for field in cls.model_fields.values()]

    @classmethod
    def parts(cls) -> dict[str, type["Part"]]:
        """Return the keys whose values are parts themselves."""
        found = ((field.alias, field.annotation) for field in cls.model_fields.values())
        return {str(key): part for key, part in found if isinstance(part, type) and issubclass(part, Part)}

    @classmethod
    def at(cls, path: Sequence[str | int]) -> type["Part"]:
        """Return the part at a path of keys."""
        return cls.parts()[str(path[0])].at(path[1:]) if path else cls


class OpenPart(Part):
    """An object that may have more keys: its form depends on its type, or another program defines it."""

    model_config = ConfigDict(extra="allow")


_COUNT: Final = BeforeValidator(_check_count)
_CONCURRENT: Final = Required(True, "a compaction of a day and rows that arrive for it would block each other")
_SKIPPED: Final = Required(False, "rows that are no longer on the topic would be skipped silently")


class _Context(OpenPart):
    use_concurrent_locks: Annotated[Any, _CONCURRENT]


class _TimestampSpec(Part):
    column: Annotated[Any, Required("__time", "Druid would not find the time of the event")]
    format: Annotated[Any, Required("millis", "Druid could not read the time of the event")]
    missing_value: Annotated[Any, Forbidden("a row without a time would get a wrong one")]


class _GranularitySpec(Part):
    type: Any
    segment_granularity: Annotated[Any, Required("DAY", "a replay could not replace and compact whole days")]
    query_granularity: Annotated[Any, Required("NONE", "times would be truncated")]
    rollup: Annotated[Any, Required(False, "identical events would become one row")]
    intervals: Annotated[Any, Forbidden("rows of other days would be dropped")]


class _DataSchema(Part):
    data_source: Annotated[Any, Forbidden("it is filled in")]
    timestamp_spec: _TimestampSpec
    dimensions_spec: Annotated[Any, Forbidden("the columns are those of the schema")]
    metrics_spec: Annotated[Any, Forbidden("rows are stored as they are, and counted exactly")]
    granularity_spec: _GranularitySpec
    transform_spec: Annotated[Any, Forbidden("the ledger would not match rows that are dropped or changed here")]
    projections: Any


class _InputFormat(OpenPart):
    type: Annotated[Any, Required("json", "Druid could not read the rows")]


class _ConsumerProperties(OpenPart):
    isolation_level: Annotated[
        Any, Field(alias="isolation.level"), Required("read_committed", "rows of aborted transactions would be stored")
    ]
    bootstrap_servers: Annotated[Any, Field(alias="bootstrap.servers"), Forbidden("it is filled in")]
    auto_offset_reset: Annotated[Any, Field(alias="auto.offset.reset"), Forbidden("rows would be skipped silently")]
    enable_auto_commit: Annotated[Any, Field(alias="enable.auto.commit"), Forbidden("Druid stores its offsets with the segments")]


class _IdleConfig(Part):
    enabled: Annotated[Any, Required(False, "the first row after a pause would wait for a new task")]
    inactive_after_millis: Any


class _IoConfig(Part):
    topic: Annotated[Any, Forbidden("it is filled in")]
    topic_pattern: Annotated[Any, Forbidden("there is one topic, which is filled in")]
    input_format: _InputFormat
    consumer_properties: _ConsumerProperties
    use_earliest_offset: Annotated[Any, Required(True, "rows older than the supervisor would be skipped")]
    idle_config: _IdleConfig
    task_count: Annotated[Any, _COUNT]
    replicas: Annotated[Any, _COUNT]
    late_message_rejection_period: Annotated[Any, Forbidden("late rows would be dropped")]
    late_message_rejection_start_date_time: Annotated[Any, Forbidden("late rows would be dropped")]
    early_message_rejection_period: Annotated[Any, Forbidden("early rows would be dropped")]
    auto_scaler_config: Any
    completion_timeout: Any
    config_overrides: Any
    emit_time_lag_metrics: Any
    period: Any
    poll_timeout: Any
    start_delay: Any
    stop_task_count: Any
    task_duration: Any


class _TuningConfig(Part):
    type: Annotated[Any, Required("kafka", "Druid would not read from Kafka")]
    reset_offset_automatically: Annotated[Any, _SKIPPED]
    skip_sequence_number_availability_check: Annotated[Any, _SKIPPED]
    max_parse_exceptions: Annotated[Any, Required(0, "invalid rows would be skipped")]
    log_parse_exceptions: Annotated[Any, Required(True, "the log would not show which row is invalid")]
    appendable_index_spec: Any
    chat_retries: Any
    handoff_condition_timeout: Any
    http_timeout: Any
    index_spec: Any
    index_spec_for_intermediate_persists: Any
    intermediate_handoff_period: Any
    intermediate_persist_period: Any
    max_bytes_in_memory: Any
    max_columns_to_merge: Any
    max_pending_persists: Any
    max_rows_in_memory: Any
    max_rows_per_segment: Any
    max_saved_parse_exceptions: Any
    max_total_rows: Any
    num_persist_threads: Any
    offset_fetch_period: Any
    repartition_transition_duration: Any
    report_parse_exceptions: Any
    segment_write_out_medium_factory: Any
    shutdown_timeout: Any
    skip_bytes_in_memory_overhead_check: Any
    worker_threads: Any


class _SupervisorSpec(Part):
    data_schema: _DataSchema
    io_config: _IoConfig
    tuning_config: _TuningConfig


class SupervisorFile(Part):
    """supervisors/clickstream.json."""

    type: Annotated[Any, Required("kafka", "Druid would not read from Kafka")]
    context: _Context
    spec: _SupervisorSpec
    suspended: Annotated[Any, Forbidden("`headrace druid suspend` and `headrace druid resume` set it")]


class _CompactionGranularity(Part):
    segment_granularity: Annotated[Any, Required("DAY", "it would differ from the supervisor's")]
    query_granularity: Annotated[Any, Required("NONE", "times would be truncated")]
    rollup: Annotated[Any, Required(False, "identical events would become one row")]


class _CompactionTuning(Part):
    appendable_index_spec: Any
    chat_handler_num_retries: Any
    chat_handler_timeout: Any
    force_guaranteed_rollup: Any
    index_spec: Any
    index_spec_for_intermediate_persists: Any
    max_bytes_in_memory: Any
    max_columns_to_merge: Any
    max_num_concurrent_sub_tasks: Any
    max_num_segments_to_merge: Any
    max_pending_persists: Any
    max_retry: Any
    max_rows_in_memory: Any
    max_total_rows: Any
    partitions_spec: Any
    push_timeout: Any
    segment_write_out_medium_factory: Any
    split_hint_spec: Any
    task_status_check_period_ms: Any
    total_num_merge_tasks: Any
    type: Any


class CompactionFile(Part):
    """compaction.json."""

    task_context: _Context
    granularity_spec: _CompactionGranularity
    tuning_config: _CompactionTuning
    data_source: Annotated[Any, Forbidden("it is filled in")]
    dimensions_spec: Annotated[Any, Forbidden("columns would be lost")]
    metrics_spec: Annotated[Any, Forbidden("rows are stored as they are")]
    transform_spec: Annotated[Any, Forbidden("rows would be dropped or changed")]
    engine: Any
    input_segment_size_bytes: Any
    io_config: Any
    max_rows_per_segment: Any
    projections: Any
    skip_offset_from_latest: Any
    task_priority: Any
    type: Any


class _Rule(Part):
    type: str


class _Load(_Rule):
    tiered_replicants: Any
    use_default_tier_for_null: Any


class _LoadByPeriod(_Load):
    period: Any
    include_future: Any


class _LoadByInterval(_Load):
    interval: Any


class _DropByPeriod(_Rule):
    period: Any
    include_future: Any


class _DropBeforeByPeriod(_Rule):
    period: Any


class _DropByInterval(_Rule):
    interval: Any


RULES_BY_TYPE: Final[Mapping[str, type[Part]]] = {
    "loadForever": _Load,
    "loadByPeriod": _LoadByPeriod,
    "loadByInterval": _LoadByInterval,
    "dropForever": _Rule,
    "dropByPeriod": _DropByPeriod,
    "dropBeforeByPeriod": _DropBeforeByPeriod,
    "dropByInterval": _DropByInterval,
}

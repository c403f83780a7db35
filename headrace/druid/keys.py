"""What Druid 33 understands in our files, what must stand there and what must not: it ignores unknown keys without a word."""

from collections.abc import Mapping
from typing import Any, Final

# Keys by path, a JSON Pointer (RFC 6901) without its first slash. What has many forms (input format, auto scaler) is not looked into.
SUPERVISOR: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"type", "context", "spec", "suspended"}),
    "spec": frozenset({"dataSchema", "ioConfig", "tuningConfig"}),
    "spec/dataSchema": frozenset(
        {"dataSource", "timestampSpec", "dimensionsSpec", "metricsSpec", "granularitySpec", "transformSpec", "projections"}
    ),
    "spec/dataSchema/timestampSpec": frozenset({"column", "format", "missingValue"}),
    "spec/dataSchema/granularitySpec": frozenset({"type", "segmentGranularity", "queryGranularity", "rollup", "intervals"}),
    "spec/ioConfig": frozenset(
        {
            "autoScalerConfig",
            "completionTimeout",
            "configOverrides",
            "consumerProperties",
            "earlyMessageRejectionPeriod",
            "emitTimeLagMetrics",
            "idleConfig",
            "inputFormat",
            "lateMessageRejectionPeriod",
            "lateMessageRejectionStartDateTime",
            "period",
            "pollTimeout",
            "replicas",
            "startDelay",
            "stopTaskCount",
            "taskCount",
            "taskDuration",
            "topic",
            "topicPattern",
            "useEarliestOffset",
        }
    ),
    "spec/ioConfig/idleConfig": frozenset({"enabled", "inactiveAfterMillis"}),
    "spec/tuningConfig": frozenset(
        {
            "appendableIndexSpec",
            "chatRetries",
            "handoffConditionTimeout",
            "httpTimeout",
            "indexSpec",
            "indexSpecForIntermediatePersists",
            "intermediateHandoffPeriod",
            "intermediatePersistPeriod",
            "logParseExceptions",
            "maxBytesInMemory",
            "maxColumnsToMerge",
            "maxParseExceptions",
            "maxPendingPersists",
            "maxRowsInMemory",
            "maxRowsPerSegment",
            "maxSavedParseExceptions",
            "maxTotalRows",
            "numPersistThreads",
            "offsetFetchPeriod",
            "repartitionTransitionDuration",
            "reportParseExceptions",
            "resetOffsetAutomatically",
            "segmentWriteOutMediumFactory",
            "shutdownTimeout",
            "skipBytesInMemoryOverheadCheck",
            "skipSequenceNumberAvailabilityCheck",
            "type",
            "workerThreads",
        }
    ),
}

# What a row's way rests on: the value, and what would happen otherwise.
SUPERVISOR_MUST: Final[Mapping[str, tuple[Any, str]]] = {
    "type": ("kafka", "the rows are on Kafka"),
    "context/useConcurrentLocks": (True, "a compaction of a day and rows that arrive for it would block each other"),
    "spec/dataSchema/timestampSpec/column": ("__time", "that is where the converter writes the time of the event"),
    "spec/dataSchema/timestampSpec/format": ("millis", "that is how the converter writes the time of the event"),
    "spec/dataSchema/granularitySpec/segmentGranularity": ("DAY", "a replay replaces and compacts whole days"),
    "spec/dataSchema/granularitySpec/queryGranularity": ("NONE", "times would be cut"),
    "spec/dataSchema/granularitySpec/rollup": (False, "events alike would become one row"),
    "spec/ioConfig/inputFormat/type": ("json", "that is what the converter writes"),
    "spec/ioConfig/consumerProperties/isolation.level": ("read_committed", "rows of aborted transactions would be stored"),
    "spec/ioConfig/useEarliestOffset": (True, "rows that came before the supervisor would be skipped"),
    "spec/ioConfig/idleConfig/enabled": (False, "the first row after a quiet time would wait for a task"),
    "spec/tuningConfig/type": ("kafka", "the rows are on Kafka"),
    "spec/tuningConfig/resetOffsetAutomatically": (False, "rows that are no longer on the topic would be skipped silently"),
    "spec/tuningConfig/skipSequenceNumberAvailabilityCheck": (
        False,
        "rows that are no longer on the topic would be skipped silently",
    ),
    "spec/tuningConfig/maxParseExceptions": (0, "rows that do not fit would be skipped"),
    "spec/tuningConfig/logParseExceptions": (True, "nobody would learn which row does not fit"),
}
SUPERVISOR_NEVER: Final[Mapping[str, str]] = {
    "suspended": "`headrace druid suspend` and `resume` do that",
    "spec/dataSchema/dataSource": "it is filled in",
    "spec/dataSchema/dimensionsSpec": "the columns are those of the schema",
    "spec/dataSchema/metricsSpec": "rows are kept as they are, and counted exactly",
    "spec/dataSchema/transformSpec": "the converter makes rows; what is dropped or changed here would be in no account",
    "spec/dataSchema/timestampSpec/missingValue": "a row without a time would get a wrong one",
    "spec/dataSchema/granularitySpec/intervals": "rows of other days would be dropped",
    "spec/ioConfig/topic": "it is filled in",
    "spec/ioConfig/topicPattern": "there is one topic, and it is filled in",
    "spec/ioConfig/consumerProperties/bootstrap.servers": "it is filled in",
    "spec/ioConfig/consumerProperties/auto.offset.reset": "rows would be skipped silently",
    "spec/ioConfig/consumerProperties/enable.auto.commit": "Druid keeps its offsets beside the segments",
    "spec/ioConfig/lateMessageRejectionPeriod": "late rows would be dropped",
    "spec/ioConfig/lateMessageRejectionStartDateTime": "late rows would be dropped",
    "spec/ioConfig/earlyMessageRejectionPeriod": "early rows would be dropped",
}

COMPACTION: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        {
            "dataSource",
            "dimensionsSpec",
            "engine",
            "granularitySpec",
            "inputSegmentSizeBytes",
            "ioConfig",
            "maxRowsPerSegment",
            "metricsSpec",
            "projections",
            "skipOffsetFromLatest",
            "taskContext",
            "taskPriority",
            "transformSpec",
            "tuningConfig",
            "type",
        }
    ),
    "granularitySpec": frozenset({"segmentGranularity", "queryGranularity", "rollup"}),
    "tuningConfig": frozenset(
        {
            "appendableIndexSpec",
            "chatHandlerNumRetries",
            "chatHandlerTimeout",
            "forceGuaranteedRollup",
            "indexSpec",
            "indexSpecForIntermediatePersists",
            "maxBytesInMemory",
            "maxColumnsToMerge",
            "maxNumConcurrentSubTasks",
            "maxNumSegmentsToMerge",
            "maxPendingPersists",
            "maxRetry",
            "maxRowsInMemory",
            "maxTotalRows",
            "partitionsSpec",
            "pushTimeout",
            "segmentWriteOutMediumFactory",
            "splitHintSpec",
            "taskStatusCheckPeriodMs",
            "totalNumMergeTasks",
            "type",
        }
    ),
}
COMPACTION_MUST: Final[Mapping[str, tuple[Any, str]]] = {
    "taskContext/useConcurrentLocks": (True, "a compaction of a day and rows that arrive for it would block each other"),
    "granularitySpec/segmentGranularity": ("DAY", "it is that of the supervisor"),
    "granularitySpec/queryGranularity": ("NONE", "times would be cut"),
    "granularitySpec/rollup": (False, "events alike would become one row"),
}
COMPACTION_NEVER: Final[Mapping[str, str]] = {
    "dataSource": "it is filled in",
    "dimensionsSpec": "columns would be lost",
    "metricsSpec": "rows are kept as they are",
    "transformSpec": "rows would be dropped or changed",
}

_LOAD: Final = frozenset({"type", "tieredReplicants", "useDefaultTierForNull"})
RULES: Final[Mapping[str, frozenset[str]]] = {
    "loadForever": _LOAD,
    "loadByPeriod": _LOAD | {"period", "includeFuture"},
    "loadByInterval": _LOAD | {"interval"},
    "dropForever": frozenset({"type"}),
    "dropByPeriod": frozenset({"type", "period", "includeFuture"}),
    "dropBeforeByPeriod": frozenset({"type", "period"}),
    "dropByInterval": frozenset({"type", "interval"}),
}

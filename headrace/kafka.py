"""`headrace kafka`: creates the topics on Kafka as topics.toml specifies, and shows their lag."""

import re
import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from headrace.errors import CommandError
from startup.settings import SettingsError
from topics.kafka.cluster import Cluster, ClusterError, Partition, Plan
from topics.kafka.settings import KafkaSettings

RECHECK_INTERVAL_SECONDS = 2.0
TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def read_settings(environment: Mapping[str, str]) -> KafkaSettings:
    """Return the settings of Kafka; raises CommandError."""
    try:
        return KafkaSettings.read(environment)
    except SettingsError as error:
        raise CommandError(str(error)) from error


def apply_topics(settings: KafkaSettings, console: Console, *, records: Sequence[str] = (), dry_run: bool = False) -> None:
    """Create missing topics and update the settings of the others, or print the changes in a dry run."""
    if faults := [name for name in records if not TOPIC_NAME.fullmatch(name)]:
        raise CommandError(f"--records {', '.join(faults)}: not a valid topic name: 1 to 249 letters, digits, '.', '_' and '-'")
    try:
        cluster = Cluster(settings)
        plan = cluster.plan(records)
        _print_plan(plan, console, would="would be " if dry_run else "")
        if not dry_run:
            cluster.apply(plan)
    except (ClusterError, SettingsError) as error:
        raise CommandError(str(error)) from error


def show_topics(settings: KafkaSettings, console: Console) -> bool:
    """Print the topics with their lag, and return whether none is missing."""
    try:
        cluster = Cluster(settings)
        missing = cluster.missing()
        partitions = cluster.partitions()
        hanging = _hanging(cluster, partitions)
    except (ClusterError, SettingsError) as error:
        raise CommandError(str(error)) from error
    table = Table("topic", "partition", "end", "lag of the converter", "not committed", box=None, padding=(0, 2))
    for partition in partitions:
        unread = "" if partition.unread is None else str(partition.unread)
        table.add_row(partition.topic, str(partition.number), str(partition.end), unread, str(partition.end - partition.stable_end or ""))
    console.print(table)
    for partition in hanging:
        place = f"{partition.topic}, partition {partition.number}"
        console.print(f"[red]{place}: a hanging transaction at offset {partition.stable_end}[/] blocks all consumers")
    for topic in missing:
        console.print(f"[red]{topic} is missing[/]; `headrace kafka apply` creates it")
    return not missing


def _print_plan(plan: Plan, console: Console, *, would: str) -> None:
    for topic in plan.missing:
        settings = ", ".join(f"{name}={value}" for name, value in topic.settings.items())
        console.print(f"{topic.topic}: {would}created with {topic.partitions} partitions, {settings}", highlight=False)
    for change in plan.changes:
        console.print(f"{change.topic}: {change.name} {would}set to {change.wanted}, from {change.found}", highlight=False)
    if not plan.missing and not plan.changes:
        console.print("nothing to change")


def _hanging(cluster: Cluster, partitions: list[Partition]) -> list[Partition]:
    """Return the partitions whose open transaction does not move; one that moves is the converter at work."""
    before = {(partition.topic, partition.number): partition.stable_end for partition in partitions if partition.stable_end < partition.end}
    if not before:
        return []
    time.sleep(RECHECK_INTERVAL_SECONDS)  # a transaction that moves within this time does not hang
    return [
        partition
        for partition in cluster.partitions()
        if partition.stable_end < partition.end and before.get((partition.topic, partition.number)) == partition.stable_end
    ]

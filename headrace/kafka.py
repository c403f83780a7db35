"""`headrace kafka`: the topics on Kafka as topics.toml has them, and how far they are."""

import re
import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from headrace.errors import CommandError
from startup.settings import SettingsError
from topics.kafka.cluster import Cluster, ClusterError, Partition, Plan
from topics.kafka.settings import KafkaSettings

SECOND_LOOK_SECONDS = 2.0
TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def read_settings(environment: Mapping[str, str]) -> KafkaSettings:
    """Read where Kafka is."""
    try:
        return KafkaSettings.read(environment)
    except SettingsError as error:
        raise CommandError(str(error)) from error


def apply_topics(settings: KafkaSettings, console: Console, *, records: Sequence[str] = (), dry_run: bool = False) -> None:
    """Create what is missing and bring settings up to date; what would change is all that is told in a dry run."""
    if faults := [name for name in records if not TOPIC_NAME.fullmatch(name)]:
        raise CommandError(f"--records {', '.join(faults)}: a topic's name is 1 to 249 letters, digits, '.', '_' and '-'")
    try:
        cluster = Cluster(settings)
        plan = cluster.plan(records)
        _print_plan(plan, console, would="would be " if dry_run else "")
        if not dry_run:
            cluster.apply(plan)
    except (ClusterError, SettingsError) as error:
        raise CommandError(str(error)) from error


def show_topics(settings: KafkaSettings, console: Console) -> bool:
    """Show the topics and what is unread of them; tells whether all are there."""
    try:
        cluster = Cluster(settings)
        missing = cluster.missing()
        partitions = cluster.partitions()
        hanging = _hanging(cluster, partitions)
    except (ClusterError, SettingsError) as error:
        raise CommandError(str(error)) from error
    table = Table("topic", "partition", "end", "unread by the converter", "not committed", box=None, padding=(0, 2))
    for one in partitions:
        unread = "" if one.unread is None else str(one.unread)
        table.add_row(one.topic, str(one.number), str(one.end), unread, str(one.end - one.stable_end or ""))
    console.print(table)
    for one in hanging:
        console.print(f"[red]{one.topic}, partition {one.number}: a transaction hangs at offset {one.stable_end}[/]; nobody reads past it")
    for topic in missing:
        console.print(f"[red]{topic} is missing[/]; headrace kafka apply makes it")
    return not missing


def _print_plan(plan: Plan, console: Console, *, would: str) -> None:
    for one in plan.missing:
        settings = ", ".join(f"{name}={value}" for name, value in one.settings.items())
        console.print(f"{one.topic}: {would}created with {one.partitions} partitions, {settings}", highlight=False)
    for change in plan.changes:
        console.print(f"{change.topic}: {change.name} {would}set to {change.wanted}, from {change.found}", highlight=False)
    if not plan.missing and not plan.changes:
        console.print("nothing to change")


def _hanging(cluster: Cluster, partitions: list[Partition]) -> list[Partition]:
    """Look again where something is not committed: an open transaction that moves is the converter at work."""
    before = {(one.topic, one.number): one.stable_end for one in partitions if one.stable_end < one.end}
    if not before:
        return []
    time.sleep(SECOND_LOOK_SECONDS)  # what moves within this time does not hang
    return [one for one in cluster.partitions() if one.stable_end < one.end and before.get((one.topic, one.number)) == one.stable_end]

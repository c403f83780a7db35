"""`headrace druid`: one function a command."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from headrace.options import DATASOURCE, DRUID, DatasourceOption, DruidOption, JsonOption, console

druid_app = typer.Typer(help="Create, inspect, suspend and resume the table in Druid.", no_args_is_help=True)


@druid_app.command("apply")
def druid_apply(
    url: DruidOption = DRUID,
    datasource: DatasourceOption = DATASOURCE,
    files: Annotated[Path | None, typer.Option(help="Folder of the files; default: druid/.")] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks that share the partitions of the topic.")] = None,
    replicas: Annotated[int | None, typer.Option(min=1, help="Number of copies of each row, in tasks and on historicals.")] = None,
    task_duration: Annotated[
        str | None, typer.Option(help="Time after which a task publishes the rows that it has read, such as PT1H.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes without making them.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make Druid match the files and wait until it ingests. Safe to run again: nothing changes."""
    from headrace.druid.apply import apply_table
    from headrace.druid.spec import FOLDER, Options
    from headrace.kafka import read_settings

    options = Options(datasource, tasks, replicas, task_duration)
    apply_table(url, read_settings(os.environ), console, options=options, folder=files or FOLDER, dry_run=dry_run, as_json=as_json)


@druid_app.command("status")
def druid_status(url: DruidOption = DRUID, datasource: DatasourceOption = DATASOURCE, as_json: JsonOption = False) -> None:
    """Show whether Druid ingests, its lag, its tasks and failures; exit status 1 if it is not healthy."""
    from headrace.druid.status import print_status, status

    content = status(url, datasource)
    if as_json:
        console.out(json.dumps(content, indent=2), highlight=False)
    else:
        print_status(content, datasource, console)
    raise typer.Exit(0 if content["healthy"] else 1)


@druid_app.command("suspend")
def druid_suspend(url: DruidOption = DRUID, datasource: DatasourceOption = DATASOURCE) -> None:
    """Suspend ingestion and wait until all rows that were read are published; Kafka keeps new rows."""
    from headrace.druid.supervisor import suspend

    suspend(url, datasource, console)


@druid_app.command("resume")
def druid_resume(url: DruidOption = DRUID, datasource: DatasourceOption = DATASOURCE) -> None:
    """Resume ingestion where it was suspended, and wait until it runs."""
    from headrace.druid.supervisor import resume

    resume(url, datasource, console)

"""The command line: one function per command, which calls the module of that command."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from headrace.druid.cli import druid_app
from headrace.errors import CommandError
from headrace.options import DATASOURCE, DatasourceOption, JsonOption, StateOption, console, errors
from headrace.processes.installation import DEFAULT, Run, StateFolder
from headrace.processes.ports import LOOPBACK

if TYPE_CHECKING:
    from headrace.dead_letters.command import DeadLetters
    from headrace.rows.command import Rows
    from topics.kafka.settings import KafkaSettings

app = typer.Typer(
    help="First-party clickstream analytics. Exit status: 0 success, 1 not ready or not complete, 2 operator error (with a message).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
mapping_app = typer.Typer(help="Check, test and convert mappings, the rules from event to record.", no_args_is_help=True)
app.add_typer(mapping_app, name="mapping")
schema_app = typer.Typer(help="Check schemas for compatibility.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")
engines_app = typer.Typer(help="Run Kafka and Druid alone on this machine, for development and tests.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")
kafka_app = typer.Typer(help="Create and inspect the topics on Kafka, which HEADRACE_KAFKA_* select.", no_args_is_help=True)
app.add_typer(kafka_app, name="kafka")
app.add_typer(druid_app, name="druid")
rows_app = typer.Typer(help="Delete rows.", no_args_is_help=True)
app.add_typer(rows_app, name="rows")

MappingArgument = Annotated[Path, typer.Argument(help="Mapping, in Python.")]
SchemaOption = Annotated[Path | None, typer.Option(help="Avro schema; default: schemas/clickstream.avsc.")]
KindOption = Annotated[str, typer.Option(help="Source kind that the mapping is for.")]
EnginePortOption = Annotated[
    list[str], typer.Option("--engine-port", metavar="NAME=NUMBER", help="Port of a process of Kafka or Druid; repeatable.")
]


def main() -> None:
    """Run the command; an operator error is printed as a message, with exit status 2."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        sys.exit(
            f"headrace needs Python 3.11 or 3.12; this is {sys.version.split()[0]}. Select another one: make install PYTHON=python3.11"
        )
    try:
        app()
    except CommandError as error:
        # As text, because a quoted path or statement may look like markup.
        errors.print(Text.assemble(("headrace:", "bold red"), f" {error}"), soft_wrap=True)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.print(version("headrace"), highlight=False)
        raise typer.Exit


@app.callback()
def _root(_show: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    pass


@app.command()
def up(
    state: StateOption = DEFAULT,
    collector_port: Annotated[
        int, typer.Option(min=1, max=65532, help="Port of the collector; the internal port, forwarder and converter get the next three.")
    ] = 8290,
    sql_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Druid SQL.")] = 8888,
    dashboards_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboards.")] = 8088,
    shop_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the demo shop.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Host that collector, dashboards and shop listen on; SQL and the internal port stay on 127.0.0.1.")
    ] = "127.0.0.1",
    no_dashboards: Annotated[bool, typer.Option("--no-dashboards", help="Start without dashboards (Superset).")] = False,
    no_visits: Annotated[bool, typer.Option("--no-visits", help="Start without simulated visits.")] = False,
    visits_per_minute: Annotated[int, typer.Option(min=1, help="Simulated visits per minute to the demo shop.")] = 12,
    engines: Annotated[
        Literal["duckdb", "druid"], typer.Option(help="Storage of events: a DuckDB file, or Kafka and Druid (2 GB more memory).")
    ] = "duckdb",
    engine_port: EnginePortOption = [],  # noqa: B006 - typer does not change it
    site: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Accept events of this site and the demo only; repeatable. Default: any site.")
    ] = None,
) -> None:
    """Start all services on this machine; Ctrl-C stops them."""
    from collector.events.identifiers import is_site
    from headrace.engines.ports import EnginePorts
    from headrace.engines.services import Engines
    from headrace.local.plan import Plan
    from headrace.local.up import run
    from headrace.sql_token import token_file
    from startup.atomic_files import keep_private

    keep_private()
    ports = {"collector": collector_port, "internal": collector_port + 1, "sql": sql_port, "dashboards": dashboards_port, "shop": shop_port}
    if bad := [name for name in site or () if not is_site(name)]:
        raise CommandError(
            f"--site: {bad[0]!r} is not a valid site name: 1 to 64 letters, digits, _ - . :, starting with a letter or digit"
        )
    plan = Plan(
        StateFolder(state.resolve()), host, ports, not no_dashboards, not no_visits, visits_per_minute, tuple(site or ()), token_file()
    )
    if engines == "druid":
        chosen = EnginePorts(broker=sql_port).with_choices(engine_port)
        plan = plan.on_druid(Engines.fetched(plan.state.engines, chosen, console))
    run(plan, console)


@app.command()
def down(state: StateOption = DEFAULT) -> None:
    """Stop all services that `headrace up` has started."""
    from headrace.local.down import stop

    stop(StateFolder(state.resolve()), console)


@app.command()
def status(state: StateOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show the processes, their readiness, and the ledger; exit status 1 if one is not ready."""
    from headrace.local.status import print_status, read_status

    content = read_status(StateFolder(state.resolve()))
    if as_json:
        console.out(json.dumps(content, indent=2), highlight=False)
    else:
        print_status(content, console)
    raise typer.Exit(0 if content["ready"] else 1)


@app.command()
def tail(
    state: StateOption = DEFAULT,
    as_json: JsonOption = False,
    count: Annotated[int | None, typer.Option(min=1, help="Number of events to show; default: until Ctrl-C.")] = None,
) -> None:
    """Show events as they are accepted, and rejections with their reason."""
    from headrace.tail import follow

    follow(StateFolder(state.resolve()), console, as_json=as_json, count=count)


class DeadLetterAction(StrEnum):
    """The actions on dead letters."""

    LIST = "list"
    REPLAY = "replay"


@app.command()
def dead_letters(
    action: Annotated[
        DeadLetterAction, typer.Argument(help="List dead letters, or reprocess them after a fix, without duplicates.")
    ] = DeadLetterAction.LIST,
    state: StateOption = DEFAULT,
    kafka: Annotated[bool, typer.Option("--kafka", help="Use the Kafka that HEADRACE_KAFKA_* select, instead of a state folder.")] = False,
    reason: Annotated[str, typer.Option(help="Only dead letters with this reason.")] = "",
    origin: Annotated[list[str] | None, typer.Option(help="Only the dead letter with this origin; repeatable.")] = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Number of dead letters to list, the newest first.")] = 20,
) -> None:
    """List or replay messages that could not become rows; --json has the message in base64. Exit status 1 if a replay leaves some."""
    from headrace.dead_letters.command import print_dead_letters, replay_all
    from streams.sink import DeadLetterFilter

    letters = _dead_letters_on_kafka() if kafka else _dead_letters_of(StateFolder(state.resolve()).running())
    selection = DeadLetterFilter(reason, tuple(origin or ()))
    if action is DeadLetterAction.LIST:
        print_dead_letters(letters, selection, limit, console, as_json=as_json)
    elif not replay_all(letters, selection, console, errors, as_json=as_json):
        raise typer.Exit(1)


def _dead_letters_of(run: Run) -> "DeadLetters":
    from headrace.dead_letters.store import StoreDeadLetters
    from headrace.sql_token import read_token

    if "kafka" in run.ports:
        return _dead_letters_on_kafka(run.ports["kafka"])
    return StoreDeadLetters(run.url("sql"), read_token(run.sql_token_file))


def _dead_letters_on_kafka(port: int | None = None) -> "DeadLetters":
    from headrace.dead_letters.kafka import KafkaDeadLetters

    return KafkaDeadLetters(_kafka_at(port))


def _kafka_at(port: int | None) -> "KafkaSettings":
    from headrace.kafka import read_settings
    from topics.kafka.settings import KafkaSettings

    return read_settings(os.environ | KafkaSettings.environment(bootstrap_servers=f"{LOOPBACK}:{port}" if port else None))


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One statement of Druid SQL.")],
    state: StateOption = DEFAULT,
    as_json: JsonOption = False,
    url: Annotated[str | None, typer.Option(help="URL of the engine, minidruid or Druid; default: that of the state folder.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File of the token for --url; the state folder has its own.")] = None,
) -> None:
    """Run a statement of Druid SQL."""
    from headrace.sql import find_engine, print_rows, query

    with errors.status("running the statement"):
        columns, rows = query(*find_engine(StateFolder(state.resolve()), url, token_file), statement)
    print_rows(columns, rows, console, as_json=as_json)


@rows_app.command("delete")
def rows_delete(
    where: Annotated[str, typer.Option(help="Condition of Druid SQL, as in WHERE: \"party_id = '…'\".")],
    state: StateOption = DEFAULT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the number of rows and their first and last time, without deleting them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without confirmation.")] = False,
    as_json: JsonOption = False,
    druid: Annotated[
        str | None,
        typer.Option(help="URL of Druid's coordinator and overlord, instead of a state folder; HEADRACE_KAFKA_* select its Kafka."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="With --druid: URL of Druid SQL; default: that of --druid, because a router serves both.")
    ] = None,
    datasource: DatasourceOption = DATASOURCE,
) -> None:
    """Delete the rows that meet a condition, irrevocably. Their event ids stay known, so a retry does not bring them back."""
    from headrace.rows.command import delete

    rows = _rows_on_druid(druid, url or druid, datasource) if druid else _rows_of(StateFolder(state.resolve()).running())
    delete(rows, where, console, errors, dry_run=dry_run, yes=yes, as_json=as_json)


def _rows_of(run: Run) -> "Rows":
    from headrace.engines.ports import EnginePorts
    from headrace.rows.store import StoreRows
    from headrace.sql_token import read_token

    if "kafka" not in run.ports:
        return StoreRows(run.url("sql"), read_token(run.sql_token_file))
    return _rows_on_druid(f"http://{EnginePorts.among(run.ports).host_port('coordinator')}", run.url("sql"), DATASOURCE, run.ports["kafka"])


def _rows_on_druid(druid: str, url: str, datasource: str, kafka: int | None = None) -> "Rows":
    from headrace.rows.druid import DruidRows

    return DruidRows(druid, url, datasource, _kafka_at(kafka))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Access log, plain or gzip.")],
    state: StateOption = DEFAULT,
    log_format: Annotated[str, typer.Option("--format", help="Format of the log; only combined.")] = "combined",
    site: Annotated[str, typer.Option(help="Site of the events.")] = "replay",
    as_json: JsonOption = False,
) -> None:
    """Send the pages of an access log as events, with their times, client IPs and user agents. Safe to run again: no duplicates."""
    from headrace.replay import replay_log

    if log_format != "combined":
        raise CommandError(f"--format: {log_format!r} is not a known format; expected combined")
    replay_log(file, StateFolder(state.resolve()), site, console, as_json=as_json)


@app.command()
def secrets(
    folder: Annotated[Path, typer.Option(help="Folder of the secrets, as in docker-compose.yml.")] = Path("secrets"),
) -> None:
    """Create each missing secret of docker-compose.yml; existing ones are never overwritten."""
    from headrace.compose_secrets import make_secrets

    make_secrets(folder, console)


@mapping_app.command("check")
def mapping_check(
    file: MappingArgument,
    schema: SchemaOption = None,
    kind: KindOption = "tracker",
) -> None:
    """Check a mapping against the schema; exit status 2 with all errors if there are any."""
    from headrace.mapping import check

    check(file, schema, kind, console)


@mapping_app.command("test")
def mapping_test(
    file: MappingArgument,
    events: Annotated[Path, typer.Argument(help="Events as the source receives them, one per line: JSON, or the URL of a pixel.")],
    schema: SchemaOption = None,
    kind: KindOption = "tracker",
) -> None:
    """Print the record of each event."""
    from headrace.mapping import test

    test(file, events, schema, kind, console)


@schema_app.command("check")
def schema_check(
    old: Annotated[Path, typer.Argument(help="Current Avro schema of the messages.")],
    new: Annotated[Path, typer.Argument(help="Avro schema to replace it.")],
    compatibility: Annotated[
        Literal["backward", "forward", "full"],
        typer.Option(help="backward: NEW reads messages of OLD; forward: OLD reads those of NEW; full: both."),
    ] = "full",
) -> None:
    """Check that messages of one schema can be read with the other, and list all mismatches; exit status 1 if there are any."""
    from headrace.schema import check

    raise typer.Exit(0 if check(old, new, compatibility, console) else 1)


@mapping_app.command("migrate")
def mapping_migrate(
    file: Annotated[Path, typer.Argument(help="Mapping of Divolte, in Groovy.")],
    output: Annotated[Path | None, typer.Option(help="File to write to; default: stdout.")] = None,
) -> None:
    """Convert a mapping of Divolte to Python; exit status 2 if lines cannot be converted, which stay as comments."""
    from headrace.mapping import migrate_script

    migrate_script(file, output, console)


@engines_app.command("fetch")
def engines_fetch() -> None:
    """Download the jars of Kafka and Druid with Maven, if they are missing."""
    from headrace.engines.jars import fetch, find_java

    find_java()  # Maven's own message does not name the package to install
    console.print(f"the jars are in {fetch(console)}", highlight=False, soft_wrap=True)


@engines_app.command("up")
def engines_up(state: StateOption = DEFAULT, engine_port: EnginePortOption = []) -> None:  # noqa: B006 - typer does not change it
    """Start the engines and exit when they are ready; they keep running."""
    from headrace.engines.ports import EnginePorts
    from headrace.engines.services import Engines
    from headrace.engines.up import start_engines
    from startup.atomic_files import keep_private

    keep_private()
    ports, folder = EnginePorts().with_choices(engine_port), StateFolder(state.resolve())
    folder.prepare()
    start_engines(Engines.fetched(folder.engines, ports, console), console)


@engines_app.command("down")
def engines_down(state: StateOption = DEFAULT) -> None:
    """Stop the engines that `headrace engines up` has started."""
    from headrace.engines.up import stop_engines

    stop_engines(StateFolder(state.resolve()), console)


@kafka_app.command("apply")
def kafka_apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes without making them.")] = False,
    records: Annotated[
        list[str] | None, typer.Option(metavar="TOPIC", help="Also create this topic of a source, if it is missing; repeatable.")
    ] = None,
) -> None:
    """Create missing topics and update the settings of the others. Safe to run again: nothing changes."""
    from headrace.kafka import apply_topics, read_settings

    apply_topics(read_settings(os.environ), console, records=records or (), dry_run=dry_run)


@kafka_app.command("status")
def kafka_status() -> None:
    """Show the topics and their lag; exit status 1 if one is missing."""
    from headrace.kafka import read_settings, show_topics

    raise typer.Exit(0 if show_topics(read_settings(os.environ), console) else 1)

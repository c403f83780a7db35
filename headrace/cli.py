"""The command line: one function a command; what it does stands in a file of its own."""

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
    help="Clickstream collection that a site can own. Exit status: 0 done, 1 not ready, 2 something for you to mend, told in a line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
mapping_app = typer.Typer(help="Check, try and translate the rules that turn an event into a record.", no_args_is_help=True)
app.add_typer(mapping_app, name="mapping")
schema_app = typer.Typer(help="See whether a schema may take the place of another one.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")
engines_app = typer.Typer(help="Run real Kafka and real Druid on this machine, to develop and test with.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")
kafka_app = typer.Typer(help="Make the topics on Kafka, and look at them; HEADRACE_KAFKA_* says where it is.", no_args_is_help=True)
app.add_typer(kafka_app, name="kafka")
app.add_typer(druid_app, name="druid")
rows_app = typer.Typer(help="Delete rows.", no_args_is_help=True)
app.add_typer(rows_app, name="rows")

MappingArgument = Annotated[Path, typer.Argument(help="Mapping, in Python.")]
SchemaOption = Annotated[Path | None, typer.Option(help="Avro schema; schemas/clickstream.avsc if left out.")]
KindOption = Annotated[str, typer.Option(help="Source kind that the mapping is for.")]
EnginePortOption = Annotated[
    list[str], typer.Option("--engine-port", metavar="NAME=NUMBER", help="Port of one of Kafka's and Druid's processes; can be repeated.")
]


def main() -> None:
    """Run the command; what the operator can mend is told in a line, with exit status 2."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        sys.exit(f"headrace needs Python 3.11 or 3.12; this is {sys.version.split()[0]}. Give one to make: make install PYTHON=python3.11")
    try:
        app()
    except CommandError as error:
        # As text: what it quotes (SQL, paths) may look like markup.
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
        int, typer.Option(min=1, max=65532, help="Port of the collector; the next ones are its internal port's, forwarder's, converter's.")
    ] = 8290,
    sql_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Druid SQL.")] = 8888,
    dashboards_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboards.")] = 8088,
    shop_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the demo shop.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address that collector, dashboards and shop listen on; SQL and the internal port stay on 127.0.0.1.")
    ] = "127.0.0.1",
    no_dashboards: Annotated[bool, typer.Option("--no-dashboards", help="Leave Superset out.")] = False,
    no_visits: Annotated[bool, typer.Option("--no-visits", help="Leave the simulated visits out.")] = False,
    visits_per_minute: Annotated[int, typer.Option(min=1, help="Simulated visits to the demo shop.")] = 12,
    engines: Annotated[
        Literal["duckdb", "druid"], typer.Option(help="Where events go: a file of DuckDB, or real Kafka and real Druid (2 GB more memory).")
    ] = "duckdb",
    engine_port: EnginePortOption = [],  # noqa: B006  # typer's way
    site: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take events of this site and the demo's only, not of any; can be repeated.")
    ] = None,
) -> None:
    """Start everything on this machine; Ctrl-C stops it."""
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
        raise CommandError(f"--site: {bad[0]!r} is not a valid name of a site: 1 to 64 letters, digits, _ - . :, a letter or digit first")
    plan = Plan(
        StateFolder(state.resolve()), host, ports, not no_dashboards, not no_visits, visits_per_minute, tuple(site or ()), token_file()
    )
    if engines == "druid":
        chosen = EnginePorts(broker=sql_port).with_choices(engine_port)
        plan = plan.on_druid(Engines.fetched(plan.state.engines, chosen, console))
    run(plan, console)


@app.command()
def down(state: StateOption = DEFAULT) -> None:
    """Stop what `headrace up` has started, as Ctrl-C does."""
    from headrace.local.down import stop

    stop(StateFolder(state.resolve()), console)


@app.command()
def status(state: StateOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Say what runs and whether it is ready; exit status 1 if it is not."""
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
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many; without it, at Ctrl-C.")] = None,
) -> None:
    """Show events as they arrive, refused ones with the reason."""
    from headrace.tail import follow

    follow(StateFolder(state.resolve()), console, as_json=as_json, count=count)


class DeadLetterAction(StrEnum):
    """What can be done with dead letters."""

    LIST = "list"
    REPLAY = "replay"


@app.command()
def dead_letters(
    action: Annotated[
        DeadLetterAction, typer.Argument(help="List them, or have them converted once more after a fix; nothing doubles.")
    ] = DeadLetterAction.LIST,
    state: StateOption = DEFAULT,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Those on Kafka, which HEADRACE_KAFKA_* name; not those of a state folder.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Only those of this reason.")] = "",
    origin: Annotated[list[str] | None, typer.Option(help="Only the one of this origin; can be given again.")] = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many are listed, the newest first.")] = 20,
) -> None:
    """Show or replay messages that became no row; --json lists each whole, in base64. Exit status 1 if a replay leaves some."""
    from headrace.dead_letters.command import print_dead_letters, replay_all
    from streams.sink import DeadLetterFilter

    letters = _dead_letters_on_kafka() if kafka else _dead_letters_of(StateFolder(state.resolve()).running())
    choice = DeadLetterFilter(reason, tuple(origin or ()))
    if action is DeadLetterAction.LIST:
        print_dead_letters(letters, choice, limit, console, as_json=as_json)
    elif not replay_all(letters, choice, console, errors, as_json=as_json):
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

    return read_settings(os.environ | ({"HEADRACE_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{port}"} if port else {}))


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One statement of Druid SQL.")],
    state: StateOption = DEFAULT,
    as_json: JsonOption = False,
    url: Annotated[
        str | None, typer.Option(help="Address of the engine, minidruid or Druid; that of this state folder if left out.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File of the token for --url; that of a state folder is known.")] = None,
) -> None:
    """Ask the table of events in Druid SQL."""
    from headrace.sql import find_engine, print_rows, query

    with errors.status("asking"):
        columns, rows = query(*find_engine(StateFolder(state.resolve()), url, token_file), statement)
    print_rows(columns, rows, console, as_json=as_json)


@rows_app.command("delete")
def rows_delete(
    where: Annotated[str, typer.Option(help="Condition of Druid SQL, what stands behind WHERE: \"party_id = '…'\".")],
    state: StateOption = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show how many rows there are, and from when to when.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: JsonOption = False,
    druid: Annotated[
        str | None,
        typer.Option(help="Address of Druid's coordinator and overlord, not of a state folder's; HEADRACE_KAFKA_* name its Kafka."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="With --druid: address of Druid SQL; that of --druid if left out, as a router has both.")
    ] = None,
    datasource: DatasourceOption = DATASOURCE,
) -> None:
    """Delete the rows that meet a condition, for good. That their events were there stays known: a retry does not bring them back."""
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
    log_format: Annotated[str, typer.Option("--format", help="Format of the log; combined is the one there is.")] = "combined",
    site: Annotated[str, typer.Option(help="Site that the events belong to.")] = "replay",
    as_json: JsonOption = False,
) -> None:
    """Send the page lines of an access log as events, with their own times, addresses and agents. It can be run again: nothing doubles."""
    from headrace.replay import replay_log

    if log_format != "combined":
        raise CommandError(f"the format {log_format!r} is not known; combined is")
    replay_log(file, StateFolder(state.resolve()), site, console, as_json=as_json)


@app.command()
def secrets(
    folder: Annotated[Path, typer.Option(help="Folder of the secrets, as docker-compose.yml names it.")] = Path("secrets"),
) -> None:
    """Make each secret of docker-compose.yml that is missing; none is ever overwritten."""
    from headrace.compose_secrets import make_secrets

    make_secrets(folder, console)


@mapping_app.command("check")
def mapping_check(
    file: MappingArgument,
    schema: SchemaOption = None,
    kind: KindOption = "tracker",
) -> None:
    """Check a mapping as a whole against the schema; exit status 2 and all faults if it has any."""
    from headrace.mapping import check

    check(file, schema, kind, console)


@mapping_app.command("test")
def mapping_test(
    file: MappingArgument,
    events: Annotated[Path, typer.Argument(help="Events as such a source gets them, one a line: JSON, or the address of a pixel.")],
    schema: SchemaOption = None,
    kind: KindOption = "tracker",
) -> None:
    """Print the record that a mapping makes of each event."""
    from headrace.mapping import test

    test(file, events, schema, kind, console)


@schema_app.command("check")
def schema_check(
    old: Annotated[Path, typer.Argument(help="Avro schema that messages are written with now.")],
    new: Annotated[Path, typer.Argument(help="Avro schema that is to take its place.")],
    compatibility: Annotated[
        Literal["backward", "forward", "full"],
        typer.Option(help="backward: NEW reads messages of OLD; forward: OLD reads those of NEW; full: both."),
    ] = "full",
) -> None:
    """Say where messages of one schema cannot be read with the other, all at once; exit status 1 if there is such a place."""
    from headrace.schema import check

    raise typer.Exit(0 if check(old, new, compatibility, console) else 1)


@mapping_app.command("migrate")
def mapping_migrate(
    file: Annotated[Path, typer.Argument(help="Mapping of Divolte, in Groovy.")],
    output: Annotated[Path | None, typer.Option(help="File to write to; printed if left out.")] = None,
) -> None:
    """Translate a mapping of Divolte to Python; exit status 2 and all that cannot be translated, which stays in it as comments."""
    from headrace.mapping import migrate_script

    migrate_script(file, output, console)


@engines_app.command("fetch")
def engines_fetch() -> None:
    """Fetch the jars of Kafka and Druid with Maven, if they are not there."""
    from headrace.engines.jars import fetch, find_java

    find_java()  # Maven's own message would not say what to install
    console.print(f"the jars are in {fetch(console)}", highlight=False, soft_wrap=True)


@engines_app.command("up")
def engines_up(state: StateOption = DEFAULT, engine_port: EnginePortOption = []) -> None:  # noqa: B006  # typer's way
    """Start them and return when they are ready; they stay."""
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
    """Stop what `headrace engines up` has started."""
    from headrace.engines.up import stop_engines

    stop_engines(StateFolder(state.resolve()), console)


@kafka_app.command("apply")
def kafka_apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    records: Annotated[
        list[str] | None, typer.Option(metavar="TOPIC", help="Make this topic of a source too, if it is not there; can be given again.")
    ] = None,
) -> None:
    """Create the topics that are missing and bring the settings of the others up to date. It can be run again: nothing changes."""
    from headrace.kafka import apply_topics, read_settings

    apply_topics(read_settings(os.environ), console, records=records or (), dry_run=dry_run)


@kafka_app.command("status")
def kafka_status() -> None:
    """Show the topics and how much of them is unread; exit status 1 if one is missing."""
    from headrace.kafka import read_settings, show_topics

    raise typer.Exit(0 if show_topics(read_settings(os.environ), console) else 1)

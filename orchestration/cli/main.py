"""The command `merganser`: one verb per stage, the same for people (Rich) and for machines (`--json`).

Exit codes: 0 done, 1 a stage failed, 2 wrong use, 3 the check failed or publication was refused, 4 locked.
Add here: a verb, its options, its help. Keep out: what a stage does (lib/), how a report looks (console.py). Nothing
heavy is imported before a command needs it: `--help` answers at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.additions import new_app
from orchestration.cli.command_line import EXIT_CODES, AsOfOption, HomeOption, JsonOption
from orchestration.cli.command_line import end as _end
from orchestration.cli.command_line import home_at as _home
from orchestration.cli.identity import identity_app
from runtime.errors import EXIT_FAILED, EXIT_OK, MerganserError, WrongUseError

if TYPE_CHECKING:
    from exports.adoption import Method

DEBUG_VARIABLE = "MERGANSER_DEBUG"

app = typer.Typer(
    name="merganser",
    help="A warehouse-native customer data platform: land, build, check, publish, export.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
export_app = typer.Typer(help="What leaves, to whom, and what has left.", epilog=EXIT_CODES, no_args_is_help=True)
app.add_typer(export_app, name="export")

check_app = typer.Typer(
    help="Audit the warehouse: is what was built fit to be published?",
    epilog=EXIT_CODES,
    invoke_without_command=True,
)
app.add_typer(check_app, name="check")
quarantine_app = typer.Typer(
    help="Records that broke a rule: see them, mend them, land them again.", epilog=EXIT_CODES, no_args_is_help=True
)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(identity_app, name="identity")
app.add_typer(new_app, name="new")

OfSourceOption = Annotated[str | None, typer.Option("--source", help="Only records of this source.")]
OfEntityOption = Annotated[str | None, typer.Option("--entity", help="Only records of this entity.")]
OfRuleOption = Annotated[str | None, typer.Option("--rule", help="Only records that broke this rule.")]


@app.callback(invoke_without_command=True)
def merganser(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """A warehouse-native customer data platform: land, build, check, publish, export."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"merganser {installed('merganser')}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def demo(
    *,
    customers: Annotated[int, typer.Option(min=100, help="Customers in the made-up business.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw the demo in this home away and begin anew.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make up a business and run the whole main job on it. Run again, it changes nothing."""
    from orchestration import demo as demonstration
    from orchestration.cli import console
    from orchestration.summary import read_summary

    place = _home(home, None)
    with console.shown_progress(quiet=as_json) as progress:
        place, report = demonstration.run(place, customers=customers, seed=seed, fresh=fresh, progress=progress)
    summary = read_summary(place)
    if not as_json:
        console.show_run(place, report, summary)
    _end(as_json, "demo", {**_run_as_mapping(report), "summary": summary}, report.error)


@app.command(epilog=EXIT_CODES)
def init(
    *,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="A source to switch on, as NAME or NAME:LOADER (dlt, fivetran, files)."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away the demo that this home holds.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start for real: say which sources you have, and be told what each needs."""
    from orchestration import setup, stages
    from orchestration.cli import console

    place = _home(home, None)
    wanted = sources or ([] if as_json or not sys.stdin.isatty() else console.ask_sources(stages.known_sources(place)))
    if not wanted:
        raise WrongUseError("Say which sources you have.", f"--source {' --source '.join(_source_names(home)[:2])} ...")
    report = setup.configure(place, wanted, fresh=fresh)
    if not as_json:
        console.show_setup(report)
    _end(as_json, "init", report)


@app.command(epilog=EXIT_CODES)
def doctor(
    *,
    connect: Annotated[bool, typer.Option("--connect", help="Ask each vendor for a first page, too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is still missing before a run works: variables, files, permissions, room on the disk."""
    from orchestration import doctor as examination
    from orchestration.cli import console

    place = _home(home, None)
    with console.shown_progress(quiet=as_json) as progress:
        findings = examination.examine(place, connect=connect, progress=progress("doctor"))
    if not as_json:
        console.show_findings(findings)
    missing = [finding for finding in findings if finding.state == "missing"]
    error = (
        MerganserError(f"{len(missing)} things are missing.", "Each line above says what to do.") if missing else None
    )
    _end(as_json, "doctor", {"findings": findings}, error)


@app.command(epilog=EXIT_CODES)
def ingest(
    *,
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Sources to fetch and land.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source that is switched on.")] = False,
    since: Annotated[
        str | None, typer.Option("--from", help="Read again what changed since this moment (ISO, UTC): a backfill.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="The end of that span, not included; else now.")] = None,
    streams: Annotated[list[str] | None, typer.Option("--stream", help="Only this stream of the source.")] = None,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="A delivery that is the whole table may be empty: all rows are deleted."),
    ] = False,
    accept_load: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-load", metavar="GATE", help="Land what this gate holds (all: any gate); needs --reason."
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why a held load is landed; kept in raw_ops.held_loads.")
    ] = "",
    delimiter: Annotated[
        str, typer.Option("--delimiter", help="Of text files, this once, in place of what is declared.")
    ] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="The same for their encoding.")] = "",
    decimal: Annotated[str, typer.Option("--decimal", help="The same for the decimal mark of numbers.")] = "",
    date_format: Annotated[str, typer.Option("--date-format", help="The same for dates, as strptime says it.")] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the raw tables of the source again from its landing files.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch and land what is new of a source, or of all, in the raw tables."""
    if bool(sources) == every:
        raise WrongUseError("Name a source, or say --all.", f"Declared sources: {', '.join(_source_names(home))}.")
    options = {"delimiter": delimiter, "encoding": encoding, "decimal": decimal, "date_format": date_format}
    dialect = {name: value for name, value in options.items() if value}
    if dialect and every:
        raise WrongUseError("A dialect of text is of the sources that are named.", "Name them in place of --all.")
    if rebuild and (every or since or until or streams or allow_empty or accept_load or dialect):
        raise WrongUseError("--rebuild takes the names of sources, and no other option.", "It fetches nothing.")
    if accept_load and (every or since or until or streams):
        raise WrongUseError("--accept-load takes the names of sources: a held load is accepted where it was seen.")
    from orchestration import stages
    from orchestration.cli import console
    from runtime.locking import held

    place = _home(home, None)
    with console.shown_progress(quiet=as_json) as progress, held(place, "ingest"):
        if rebuild:
            report = stages.rebuild(place, sources or (), progress("ingest"))
        else:
            report = stages.ingest(
                place,
                sources or (),
                window=stages.span(since, until),
                streams=streams or (),
                allow_empty=allow_empty,
                dialect=dialect,
                accepted_gates=accept_load or (),
                reason=reason,
                progress=progress("ingest"),
            )
    if not as_json:
        console.show_ingest(report)
    content = {
        "sources": console.landed_by_source(report.landing),
        "streams": report.streams,
        "report": report.landing,
    }
    _end(as_json, "ingest", content, _raised_by(lambda: stages.fail_unless_landed(report)))


@app.command(epilog=EXIT_CODES)
def build(
    *,
    selection: Annotated[
        list[str] | None, typer.Argument(help="dbt selection, such as dim_customers+ ; none is all.")
    ] = None,
    select: Annotated[list[str] | None, typer.Option("--select", "-s", help="The same, as dbt spells it.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="dbt selection to leave out.")] = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build incremental models anew.")] = False,
    unit_tests: Annotated[
        bool, typer.Option("--unit-tests", help="Run dbt's unit tests too: they are about the code, not the data.")
    ] = False,
    home: HomeOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the warehouse with dbt: seeds, models, and their tests."""
    from orchestration import stages
    from orchestration.cli import console
    from runtime.locking import held

    place = _home(home, as_of)
    chosen = [*(selection or ()), *(select or ())]
    with console.shown_progress(quiet=as_json) as progress, held(place, "build"):
        report = stages.build(
            place,
            chosen,
            exclude=exclude or (),
            full_refresh=full_refresh,
            unit_tests=unit_tests,
            progress=progress("build"),
        )
    if not as_json:
        console.show_build(report)
    _end(as_json, "build", report, _raised_by(lambda: stages.fail_unless_built(report)))


@check_app.callback(epilog=EXIT_CODES)
def check(
    context: typer.Context, *, home: HomeOption = None, as_of: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Audit the warehouse: is what was built fit to be published?"""
    if context.invoked_subcommand is not None:
        return
    from orchestration import stages
    from orchestration.cli import console
    from publication import quality
    from runtime.locking import held

    place = _home(home, as_of)
    with console.shown_progress(quiet=as_json) as progress, held(place, "check"):
        report = quality.check(place, progress=progress("check"))
    if not as_json:
        console.show_check(place, report)
    _end(as_json, "check", report, _raised_by(lambda: stages.fail_unless_checked(place, report)))


@check_app.command("waive", epilog=EXIT_CODES)
def check_waive(
    *,
    rule: Annotated[str, typer.Argument(help="A gate or data rule, as `merganser check` names it.")],
    until: Annotated[str, typer.Option("--until", help="The last day on which it holds (ISO, UTC).")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the data may be published all the same.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let builds be published although this rule is broken, until a day. A contract cannot be waived."""
    from orchestration.cli import console
    from publication import quality, waivers

    place = _home(home, None)
    known, contracts = quality.waivable_rules(place)
    granted = waivers.waive(place, rule, until=until, owner=owner, reason=reason, known=known, contracts=contracts)
    if not as_json:
        console.show_waivers([granted])
    _end(as_json, "check waive", granted)


@check_app.command("waivers", epilog=EXIT_CODES)
def check_waivers(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The waivers of this home, also those that have expired."""
    from orchestration.cli import console
    from publication import waivers

    found = waivers.all_waivers(_home(home, None))
    if not as_json:
        console.show_waivers(found)
    _end(as_json, "check waivers", {"waivers": found})


@app.command(epilog=EXIT_CODES)
def publish(
    *,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--override", help="A broken gate or data rule that this publication passes over."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why the override is right; it is logged.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the serving file by what was built and passed its check."""
    from orchestration.cli import console
    from publication import publishing
    from runtime.locking import held

    place = _home(home, None)
    with console.shown_progress(quiet=as_json) as progress, held(place, "publish"):
        report = publishing.publish(place, overrides=overrides or (), reason=reason, progress=progress("publish"))
    if not as_json:
        console.show_publication(report)
    _end(as_json, "publish", report)


@quarantine_app.command("list", epilog=EXIT_CODES)
def quarantine_list(
    *,
    source: OfSourceOption = None,
    entity: OfEntityOption = None,
    rule: OfRuleOption = None,
    limit: Annotated[int, typer.Option(min=0, help="How many records to list; the counts are of all.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refused records and what they broke, and consent decisions that cannot be read. Shows no value of a record."""
    from ingestion.quarantine import Selection
    from orchestration import quarantine
    from orchestration.cli import console
    from publication import consent

    place = _home(home, None)
    found = quarantine.list_records(place, Selection(source=source, entity=entity, rule=rule), limit)
    decisions = [] if rule else consent.list_unreadable(place, source=source, entity=entity, limit=limit)
    if not as_json:
        console.show_quarantine(found)
        console.show_unreadable_decisions(decisions)
    _end(as_json, "quarantine list", {**vars(found), "unreadable_decisions": decisions})


@quarantine_app.command("show", epilog=EXIT_CODES)
def quarantine_show(
    *,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Records, as `merganser quarantine list` names them.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """These records as they came: personal data."""
    from orchestration import quarantine
    from orchestration.cli import console

    found = quarantine.show_records(_home(home, None), ids)
    if not as_json:
        console.show_quarantined_records(found)
    _end(as_json, "quarantine show", {"records": [{"about": about, "record": text} for about, text in found]})


@quarantine_app.command("replay", epilog=EXIT_CODES)
def quarantine_replay(
    *,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Records to land again.")] = None,
    source: OfSourceOption = None,
    entity: OfEntityOption = None,
    rule: OfRuleOption = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A declared field and its right value, as field=value.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="A file with the whole corrected record, as one JSON object.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Land refused records again, as they are or corrected; named by id, or all that fit and still wait."""
    from ingestion.quarantine import Selection
    from orchestration import quarantine
    from orchestration.cli import console
    from runtime.locking import held

    if bool(ids) == bool(source or entity or rule):
        raise WrongUseError("Name records by their ids, or choose them by --source, --entity or --rule.")
    place = _home(home, None)
    chosen = Selection(tuple(ids or ()), source, entity, rule)
    with held(place, "replay"):
        report = quarantine.replay(place, chosen, changes or (), record)
    if not as_json:
        console.show_replay(report)
    _end(as_json, "quarantine replay", report)


@export_app.command("list", epilog=EXIT_CODES)
def export_list(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The declared exports, what each has delivered, and what it still needs."""
    from orchestration import stages
    from orchestration.cli import console

    statuses = stages.list_exports(_home(home, None))
    if not as_json:
        console.show_exports(statuses)
    _end(as_json, "export list", {"exports": statuses})


@export_app.command("plan", epilog=EXIT_CODES)
def export_plan(
    *,
    name: Annotated[str, typer.Argument(help="Name of the export, as `merganser export list` shows it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a delivery would send now, as counts. Sends nothing."""
    from orchestration import stages
    from orchestration.cli import console

    plan = stages.plan_export(_home(home, None), name)
    if not as_json:
        console.show_plan(plan)
    _end(as_json, "export plan", plan)


@export_app.command("deliver", epilog=EXIT_CODES)
def export_deliver(
    *,
    name: Annotated[str | None, typer.Argument(help="Name of the export.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Deliver every declared export.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only: nothing is sent.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Deliver although a guard stops it; needs --reason, which the ledger keeps.")
    ] = False,
    consent_removals: Annotated[
        bool,
        typer.Option("--consent-removals", help="Send nothing but the removals that persons decided; needs --reason."),
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why a guard is overridden.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send what has changed since the last delivery."""
    if (name is not None) == every:
        raise WrongUseError("Name an export, or say --all.", "`merganser export list` shows them.")
    if (force or consent_removals) != bool((reason or "").strip()):
        raise WrongUseError(
            "--force and --consent-removals need --reason, and --reason needs one of them.",
            'As in --force --reason "the segment was narrowed on purpose"; the ledger keeps it.',
        )
    if consent_removals and (force or every or dry_run):
        raise WrongUseError("--consent-removals takes the name of one export, and neither --force nor --dry-run.")
    from orchestration import stages
    from orchestration.cli import console
    from runtime.locking import held

    place = _home(home, None)
    with console.shown_progress(quiet=as_json) as progress, held(place, "export"):
        if name is None:
            outcomes = stages.deliver_all(
                place, dry_run=dry_run, force=force, reason=reason, progress=progress("export")
            )
        else:
            receipt = stages.deliver_export(
                place,
                name,
                dry_run=dry_run,
                force=force,
                consent_removals=consent_removals,
                reason=reason,
                progress=progress("export"),
            )
            outcomes = [stages.ExportOutcome(name, receipt.status, receipt)]
    if not as_json:
        console.show_outcomes(outcomes)
    _end(as_json, "export deliver", {"exports": outcomes}, _raised_by(lambda: stages.fail_unless_delivered(outcomes)))


@export_app.command("adopt", epilog=EXIT_CODES)
def export_adopt(
    *,
    name: Annotated[str, typer.Argument(help="Name of the export.")],
    as_delivered: Annotated[
        bool, typer.Option("--as-delivered", help="Take the export as it is now as delivered: nothing is sent again.")
    ] = False,
    as_unsent: Annotated[
        bool, typer.Option("--as-unsent", help="Take the lost deliveries as never sent: everything is sent again.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write the ledger; without it, only show what it would hold.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild a lost ledger from the delivered files, or by your decision. Sends nothing."""
    if as_delivered and as_unsent:
        raise WrongUseError("--as-delivered and --as-unsent contradict each other.", "Say one of them, or neither.")
    from orchestration import stages
    from orchestration.cli import console
    from runtime.locking import held

    place = _home(home, None)
    with held(place, "adopt"):
        method: Method = "as delivered" if as_delivered else "as unsent" if as_unsent else "files"
        report = stages.adopt_export(place, name, method=method, write=yes)
    if not as_json:
        console.show_adoption(report)
    _end(as_json, "export adopt", report)


@app.command(epilog=EXIT_CODES)
def run(
    *,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build incremental models anew.")] = False,
    home: HomeOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """The main job: ingest, build, check, publish, export. A stage that fails stops the ones after it."""
    from orchestration import stages
    from orchestration.cli import console
    from orchestration.summary import read_summary

    place = _home(home, as_of)
    with console.shown_progress(quiet=as_json) as progress:
        report = stages.run(place, full_refresh=full_refresh, progress=progress)
    summary = read_summary(place)
    if not as_json:
        console.show_run(place, report, summary)
    _end(as_json, "run", {**_run_as_mapping(report), "summary": summary}, report.error)


@app.command(epilog=EXIT_CODES)
def status(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What has landed, what the last build and check did, and what readers see."""
    from orchestration.cli import console
    from orchestration.summary import read_status

    place = _home(home, None)
    standing = read_status(place)
    if not as_json:
        console.show_status(place, standing)
    _end(as_json, "status", standing)


@app.command(epilog=EXIT_CODES)
def dev(
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    home: HomeOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Dagster's web UI over this home, on 127.0.0.1."""
    from orchestration import webserver

    raise typer.Exit(webserver.serve(_home(home, as_of), port))


def main() -> None:
    """The entry point of the command."""
    code = invoke(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if "duckdb" in sys.modules and not os.environ.get(DEBUG_VARIABLE):
        # DuckDB's binding prints pages about references that dbt and Great Expectations still hold while Python takes
        # itself down. Everything was told by now, so what comes after goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        gc.freeze()  # half a second: Python would look for garbage among all that dbt made, before it drops it all
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors are told on standard error, and as JSON where asked."""
    try:
        app(args=arguments, prog_name="merganser")
    except SystemExit as ended:
        return int(ended.code or EXIT_OK)
    except MerganserError as error:
        _tell(error, arguments)
        return error.exit_code
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        from runtime.redaction import without_values

        fault = _storage_fault(error)
        if fault is not None:
            _tell(fault, arguments)
            return fault.exit_code
        told = without_values(f"{type(error).__name__}: {error}").splitlines()[0]
        _tell(MerganserError(told, f"Set {DEBUG_VARIABLE}=1 and run again to see where it happened."), arguments)
        return EXIT_FAILED
    return EXIT_OK


def _storage_fault(error: Exception) -> MerganserError | None:
    """What a damaged file or a full disk amounts to, in the home that the command works on."""
    from orchestration.cli.command_line import last_home
    from runtime.damage import explained

    home = last_home()
    return explained(home, error) if home is not None else None


def _tell(error: MerganserError, arguments: list[str]) -> None:
    if "--json" in arguments:
        typer.echo(json.dumps({"ok": False, "error": error.message, "hint": error.hint, "exit_code": error.exit_code}))
    from orchestration.cli import console

    console.show_error(error)


def _source_names(home: str | None) -> list[str]:
    from orchestration import stages

    return list(stages.known_sources(_home(home, None)))


def _raised_by(function: Any) -> MerganserError | None:
    try:
        function()
    except MerganserError as error:
        return error
    return None


def _run_as_mapping(report: Any) -> dict[str, Any]:
    return {
        "failed_stage": report.failed_stage,
        "landing": report.ingest.landing if report.ingest else None,
        "streams": report.ingest.streams if report.ingest else [],
        "build": report.build,
        "check": report.check,
        "publication": report.publication,
        "exports": report.exports,
    }


if __name__ == "__main__":
    main()

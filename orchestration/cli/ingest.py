"""The commands that land data: ingest, and quarantine for the records that ingest refused.

Add here: another option or report of landing. Keep out: the work (orchestration/stages.py, ingestion/).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.command_line import EXIT_CODES, HomeOption, JsonOption, end, home_at, raised_by
from orchestration.cli.console import new_table, out, shown_progress
from runtime.errors import WrongUseError
from runtime.locking import held
from runtime.printable import printable

if TYPE_CHECKING:
    from ingestion.landing import LandingReport
    from ingestion.quarantine import QuarantinedRecord, QuarantineList, ReplayReport
    from orchestration.stages import IngestReport
    from publication.consent import UnreadableDecision

quarantine_app = typer.Typer(
    help="Records that broke a rule: see them, fix them, land them again.", epilog=EXIT_CODES, no_args_is_help=True
)

OfSourceOption = Annotated[str | None, typer.Option("--source", help="Only records of this source.")]
OfEntityOption = Annotated[str | None, typer.Option("--entity", help="Only records of this entity.")]
OfRuleOption = Annotated[str | None, typer.Option("--rule", help="Only records that broke this rule.")]


def ingest(
    *,
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Sources to fetch and land.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source that is switched on.")] = False,
    since: Annotated[
        str | None, typer.Option("--from", help="Read again all changes since this moment (ISO, UTC): a backfill.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="The end of that period, exclusive; by default now.")
    ] = None,
    streams: Annotated[list[str] | None, typer.Option("--stream", help="Only this stream of the source.")] = None,
    allow_empty: Annotated[
        bool,
        typer.Option(
            "--allow-empty", help="A batch of files that is the whole table may be empty: all its rows are deleted."
        ),
    ] = False,
    accept_load: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-load", metavar="GATE", help="Land the loads that this gate holds (all: any gate); needs --reason."
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why a held load is landed. Stored in raw_ops.held_loads.")
    ] = "",
    delimiter: Annotated[
        str, typer.Option("--delimiter", help="Delimiter of text files, for this run, instead of the declared one.")
    ] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of text files, likewise.")] = "",
    decimal: Annotated[str, typer.Option("--decimal", help="Decimal mark of numbers, likewise.")] = "",
    date_format: Annotated[
        str, typer.Option("--date-format", help="Format of dates in strptime codes, likewise.")
    ] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the raw tables of the source from its landing files.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the new records of one source or all, and land them in the raw tables."""
    if bool(sources) == every:
        raise WrongUseError("Name a source, or use --all.", f"Declared sources: {', '.join(declared_names(home))}.")
    options = {"delimiter": delimiter, "encoding": encoding, "decimal": decimal, "date_format": date_format}
    dialect = {name: value for name, value in options.items() if value}
    if dialect and every:
        raise WrongUseError("A text dialect applies to named sources only.", "Name them instead of --all.")
    if rebuild and (every or since or until or streams or allow_empty or accept_load or dialect):
        raise WrongUseError("--rebuild takes names of sources and no other option.", "It fetches nothing.")
    if accept_load and (every or since or until or streams):
        raise WrongUseError("--accept-load takes names of sources: you accept the loads of these sources only.")
    from orchestration import stages

    place = home_at(home, None)
    with shown_progress(quiet=as_json) as progress, held(place, "ingest"):
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
        show_ingest(report)
    content = {
        "sources": landed_by_source(report.landing),
        "streams": report.streams,
        "report": report.landing,
        "unread": report.unread,
    }
    end(as_json, "ingest", content, raised_by(lambda: stages.fail_unless_landed(report)))


def declared_names(home: str | None) -> list[str]:
    """Names of the declared sources."""
    from orchestration import stages

    return list(stages.known_sources(home_at(home, None)))


def show_ingest(report: IngestReport) -> None:
    """What was fetched and landed, with warnings."""
    table = new_table("Fetched", "source", "stream", "records", "read up to", numbers=(2,))
    for stream in report.streams:
        table.add_row(stream.source, stream.stream, f"{sum(stream.records.values()):,}", stream.watermark_after or "")
    if table.row_count:
        out().print(table)
    for stream in report.streams:
        if stream.error:
            out().print(f"  {stream.source}.{stream.stream}: {stream.error}", markup=False, style="yellow")
    show_landing(report.landing)
    for folder, count in report.unread.items():
        files = "1 file" if count == 1 else f"{count:,} files"
        out().print(
            f"  landing/{printable(folder)}: {files} that no declared source reads.", markup=False, style="yellow"
        )
    if report.unread:
        out().print("Compare the names with docs/connect, or declare them: `merganser new source`.", markup=False)


def show_landing(report: LandingReport) -> None:
    """Records that landed, by source, with warnings."""
    console = out()
    table = new_table("Landed", "source", "records", "landed", "quarantined", "unchanged")
    silent = 0
    for source, row in landed_by_source(report).items():
        silent += not row["extracted"]
        if row["extracted"]:
            table.add_row(source, *(f"{row[name]:,}" for name in ("extracted", "landed", "quarantined", "unchanged")))
    if table.row_count:
        console.print(table)
        console.print(f"Nothing new came from {silent} more declared sources.", markup=False, style="dim")
    else:
        console.print(f"Nothing new came from any of {silent} declared sources.", markup=False)
    for entity in report.entities:
        for warning in (*entity.warnings, *([entity.error] if entity.error else [])):
            console.print(f"  {entity.source}.{entity.entity}: {warning}", markup=False, style="yellow")


def landed_by_source(report: LandingReport) -> dict[str, dict[str, int]]:
    """Counts of a landing report, summed by source."""
    totals: dict[str, dict[str, int]] = {}
    for entity in report.entities:
        row = totals.setdefault(entity.source, {"extracted": 0, "landed": 0, "quarantined": 0, "unchanged": 0})
        for name in row:
            row[name] += getattr(entity, name)
    return dict(sorted(totals.items()))


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
    """Refused records with the rules they broke, and consent decisions that cannot be read. Shows no values."""
    from ingestion.quarantine import Selection
    from orchestration import quarantine
    from publication import consent

    place = home_at(home, None)
    found = quarantine.list_records(place, Selection(source=source, entity=entity, rule=rule), limit)
    decisions = [] if rule else consent.list_unreadable(place, source=source, entity=entity, limit=limit)
    if not as_json:
        show_quarantine(found)
        show_unreadable_decisions(decisions)
    end(as_json, "quarantine list", {**vars(found), "unreadable_decisions": decisions})


@quarantine_app.command("show", epilog=EXIT_CODES)
def quarantine_show(
    *,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Records, as `merganser quarantine list` names them.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Records as they were received. This is personal data."""
    from orchestration import quarantine

    found = quarantine.show_records(home_at(home, None), ids)
    if not as_json:
        show_quarantined_records(found)
    end(as_json, "quarantine show", {"records": [{"about": about, "record": text} for about, text in found]})


@quarantine_app.command("replay", epilog=EXIT_CODES)
def quarantine_replay(
    *,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of records to land again.")] = None,
    source: OfSourceOption = None,
    entity: OfEntityOption = None,
    rule: OfRuleOption = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A declared field and its correct value, as field=value.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="A file with the complete corrected record, as one JSON object.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Land refused records again, unchanged or corrected: by id, or all that match and were not replayed."""
    from ingestion.quarantine import Selection
    from orchestration import quarantine

    if bool(ids) == bool(source or entity or rule):
        raise WrongUseError("Name records by their ids, or select them by --source, --entity or --rule.")
    place = home_at(home, None)
    selection = Selection(tuple(ids or ()), source, entity, rule)
    with held(place, "replay"):
        report = quarantine.replay(place, selection, changes or (), record)
    if not as_json:
        show_replay(report)
    end(as_json, "quarantine replay", report)


def show_quarantine(found: QuarantineList) -> None:
    """Refused records: counts, and where each came from. No values."""
    console = out()
    table = new_table("Quarantine", "id", "record", "file", "at", "rule", "message", "replayed")
    for record in found.records:
        at = f"page {record.page}" if record.page else f"record {record.row}"
        outcome = f"{record.replayed_at:%Y-%m-%d}: {record.outcome}" if record.replayed_at else ""
        of = f"{record.source}.{record.entity}"
        table.add_row(record.quarantine_id, of, record.file_name, at, record.rule, record.message, outcome)
    if table.row_count:
        console.print(table)
    for rule, count in found.by_rule.items():
        console.print(f"  {count:,} {rule}", markup=False)
    console.print(f"{found.total:,} records were refused, {found.waiting:,} of them wait.", markup=False)


def show_unreadable_decisions(decisions: Sequence[UnreadableDecision]) -> None:
    """Consent decisions that cannot be read, and how to repair each. No values."""
    console = out()
    columns = ("record", "key", "quarantine id", "field", "cannot be read", "holds back")
    table = new_table("Consent decisions that cannot be read, as of the last build", *columns)
    for decision in decisions:
        of = f"{decision.source}.{decision.entity}"
        held = f"{decision.customer_count:,} customers" if decision.holds else "nobody"
        table.add_row(of, decision.record_key, decision.quarantine_id, decision.field, decision.reason, held)
    if table.row_count:
        console.print(table)
    for reason, remedy in sorted({(decision.reason, decision.remedy) for decision in decisions}):
        console.print(f"  {reason}: {remedy}", markup=False)


def show_quarantined_records(found: Sequence[tuple[QuarantinedRecord, str]]) -> None:
    """Refused records as they were received."""
    for record, text in found:
        out().print(f"{record.quarantine_id}  {record.source}.{record.entity}: {record.message}", markup=False)
        out().print(text, markup=False, soft_wrap=True)


def show_replay(report: ReplayReport) -> None:
    """What became of replayed records."""
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in report.outcomes.items())
    out().print(f"{report.replayed:,} records were replayed{': ' * bool(outcomes)}{outcomes}.", markup=False)
    if report.outcomes.get("quarantined"):
        out().print("  Those that broke a rule again are in quarantine again, each with a new id.", markup=False)
    if report.skipped:
        out().print(f"  {report.skipped:,} are no JSON; replay each with its correction (--record).", markup=False)

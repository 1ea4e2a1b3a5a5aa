"""The most important numbers of a home, from the serving file and from the records of the stages.

Add here: another number for `status` and `run`. Keep out: how it is shown, numbers that are in no table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.translation import as_merganser_errors
from publication import publishing, quality
from publication.segments import declared_segments
from runtime import building
from runtime.errors import MerganserError
from runtime.home import Home
from runtime.warehouse import opened, opened_serving

if TYPE_CHECKING:
    import duckdb

    from ingestion.holding import OpenHold


@dataclass(frozen=True)
class SegmentSize:
    """One segment: its model, its title, and its number of customers."""

    name: str
    title: str
    customers: int


@dataclass(frozen=True)
class SourceTotals:
    """Records of one source over all its loads; always extracted = landed + quarantined + unchanged.

    `held_under`: the legal bases of the source and its entities, each with its purpose if one is declared.
    """

    source: str
    extracted: int
    landed: int
    quarantined: int
    unchanged: int
    last_loaded_at: str
    held_under: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The numbers of a published home.

    `identifiers_withheld`: identifiers without a customer. `joins`: identifiers beyond the first of their customer.
    `merges`: customers that were merged into another one.
    """

    customers: int = 0
    identified_customers: int = 0
    identifiers: int = 0
    identifiers_withheld: int = 0
    joins: int = 0
    merges: int = 0
    tables: int = 0
    segments: list[SegmentSize] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """The state of a home, whichever stages have run."""

    home: str
    as_of: str
    warehouse_bytes: int
    sources: list[SourceTotals]
    build: dict[str, Any]
    check: dict[str, Any]
    published: dict[str, str]
    summary: Summary | None
    note: str = ""
    held: list[OpenHold] = field(default_factory=list)


def read_summary(home: Home) -> Summary | None:
    """The numbers of the serving file; None if nothing was published yet."""
    if not home.serving.exists():
        return None
    titles = _segment_titles(home)
    with opened_serving(home) as connection:
        tables = {f"{schema}.{name}" for schema, name in connection.execute(_published_tables()).fetchall()}
        segments = [
            SegmentSize(name, titles.get(name, name), _number(connection, f'select count(*) from segments."{name}"'))
            for name in sorted(table.split(".")[1] for table in tables if table.startswith("segments.seg_"))
        ]
        return Summary(
            customers=_number(connection, _customers(), "marts.dim_customers" in tables),
            joins=_number(connection, _joins(), "marts.bdg_customer_identifiers" in tables),
            identified_customers=_number(connection, _identified_customers(), "marts.dim_customers" in tables),
            identifiers=_number(connection, _identifiers(), "marts.bdg_customer_identifiers" in tables),
            identifiers_withheld=_number(connection, _unused_identifiers(), "marts.bdg_customer_identifiers" in tables),
            merges=_number(connection, _merges(), "marts.fct_identity_changes" in tables),
            tables=len(tables),
            segments=segments,
        )


def read_sources(home: Home) -> list[SourceTotals]:
    """Records by source over all loads; raises LockedError while another process writes the warehouse."""
    with opened(home) as connection:
        known = connection.execute("select 1 from information_schema.tables where table_schema = 'raw_ops'").fetchone()
        rows = connection.execute(_totals_by_source()).fetchall() if known else []
    bases = _legal_bases(home)
    return [
        SourceTotals(
            source, extracted, landed, quarantined, unchanged, str(last_loaded_at or ""), bases.get(source, ())
        )
        for source, extracted, landed, quarantined, unchanged, last_loaded_at in rows
    ]


def _legal_bases(home: Home) -> dict[str, tuple[str, ...]]:
    """The legal bases and purposes of each declared source."""
    from ingestion.registry import load_sources

    with as_merganser_errors():
        sources = load_sources(home=home.path)
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        for entity in source.entities.values():
            purpose = entity.purpose or source.purpose
            basis = entity.legal_basis or source.legal_basis
            found.setdefault(name, set()).add(f"{basis}: {purpose}" if purpose else basis)
    return {name: tuple(sorted(bases)) for name, bases in found.items()}


def read_status(home: Home) -> Status:
    """The state of a home. A locked or absent warehouse is reported in `note` and does not raise."""
    note, sources, held = "", [], []
    try:
        sources, held = read_sources(home), read_held(home)
    except MerganserError as error:
        note = error.message
    build, check = building.last_build(home), quality.last_check(home)
    return Status(
        home=str(home.path),
        as_of=home.as_of,
        warehouse_bytes=home.warehouse.stat().st_size if home.warehouse.exists() else 0,
        sources=sources,
        build=_chosen(build, "build_id", "succeeded", "whole", "started_at"),
        check=_chosen(check, "build_id", "passed", "checked_at"),
        published=publishing.published_build(home),
        summary=read_summary(home),
        note=note,
        held=held,
    )


def read_held(home: Home) -> list[OpenHold]:
    """The loads that are held now; raises LockedError while another process writes the warehouse."""
    from ingestion.holding import open_holds

    if not home.warehouse.exists():
        return []
    with opened(home) as connection:
        return open_holds(connection)


def _chosen(report: object | None, *names: str) -> dict[str, Any]:
    return {name: getattr(report, name) for name in names} if report else {}


def _segment_titles(home: Home) -> dict[str, str]:
    if not home.manifest.exists():
        return {}
    return {name: node["config"]["meta"]["segment"]["title"] for name, node in declared_segments(home).items()}


def _number(connection: duckdb.DuckDBPyConnection, statement: str, there: bool = True) -> int:
    row = connection.execute(statement).fetchone() if there else None
    return int(row[0] or 0) if row else 0


def _published_tables() -> str:
    return "select table_schema, table_name from information_schema.tables where table_schema <> 'main'"


def _customers() -> str:
    return "select count(*) from marts.dim_customers"


def _identified_customers() -> str:
    return "select count(*) filter (where is_identified) from marts.dim_customers"


def _identifiers() -> str:
    return "select count(*) from marts.bdg_customer_identifiers"


def _unused_identifiers() -> str:
    """Identifiers without a customer: blocked, invalid or shared."""
    return "select count(*) filter (where customer_id is null) from marts.bdg_customer_identifiers"


def _joins() -> str:
    return "select count(customer_id) - count(distinct customer_id) from marts.bdg_customer_identifiers"


def _merges() -> str:
    return "select count(*) from marts.fct_identity_changes where change_type = 'merged'"


def _totals_by_source() -> str:
    return """
        select
            source,
            cast(sum(extracted_count) as bigint),
            cast(sum(landed_count) as bigint),
            cast(sum(quarantined_count) as bigint),
            cast(sum(unchanged_count) as bigint),
            max(ended_at) filter (where status = 'landed')
        from raw_ops.loads group by 1 order by 1
    """

"""Publishes a build that is complete and passed its audit: a new serving file replaces the last good one in one rename.
Readers that have the old file open keep reading it.

Add here: what the file contains besides the tables. Keep out: how tables get into it (serving_file.py), audits
(quality.py), what a table means (dbt).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from publication import waivers
from publication.arrivals import record_published
from publication.quality import CheckReport, build_fault, last_check
from publication.raw_metrics import METRICS_TABLE
from publication.serving_file import Relation, literal, record_tables, write_tables
from runtime.building import BuildReport, last_build, load_manifest
from runtime.changes import versions as versions_of
from runtime.errors import MerganserError, PublicationRefusedError, WrongUseError
from runtime.files import read_mapping, sync
from runtime.home import Home
from runtime.progress import Progress, silent
from runtime.warehouse import fingerprint, opened, opened_serving

if TYPE_CHECKING:
    import duckdb

PUBLISHED_SCHEMAS = ("marts", "segments", "exports")
_BUILD_INFO = "build_info"
_KEPT_METRICS = 30  # publications whose numbers the serving file contains


@dataclass(frozen=True)
class PublishReport:
    """The result of a publication: rows by table (`schema.table`), the size of the file, and how many tables were
    written; the others are those of the last publication."""

    build_id: str
    published_at: str
    seconds: float
    path: str
    size_bytes: int
    row_counts: dict[str, int]
    written_count: int
    overridden: list[str] = field(default_factory=list)


def publish(
    home: Home,
    *,
    relations: Sequence[Relation] | None = None,
    overrides: Sequence[str] = (),
    reason: str = "",
    whole: bool = False,
    progress: Progress = silent,
) -> PublishReport:
    """Writes a new serving.duckdb from the warehouse: the last one, with the tables that changed since. `whole` writes
    every table, and leaves no trace of replaced rows in the file.

    `relations` replaces the models that dbt's manifest publishes (tests do that). `overrides` names broken gates and
    data rules that this publication ignores, for `reason`; each is logged.
    Raises PublicationRefusedError if the last build is not complete, or the audit of that build and file did not
    pass; MerganserError if the new file cannot be written (a full disk, for example). In each case the last good file
    stays. WrongUseError for an override without a reason, of a rule that is not broken, or of a contract.
    """
    build, overridden = _permitted(home, overrides, reason)
    chosen = list(relations) if relations is not None else published_relations(load_manifest(home))
    if not chosen:
        raise PublicationRefusedError(
            "There is no model in marts, segments or exports to publish.", "Add one, and build."
        )
    clock = monotonic()
    published_at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    _remove_leftovers(home.serving)
    new = home.serving.with_name(f"{home.serving.name.removesuffix('.duckdb')}.{build.build_id}.tmp")
    try:
        versions = _published_versions(home, chosen)
        counts, written = write_tables(
            home,
            new,
            chosen,
            versions,
            progress,
            whole=whole,
            finish=lambda connection: _describe(home, connection, _build_info(build, published_at)),
        )
        sync(new)
        for rule in overridden:  # before the publication, so that no override is unlogged
            waivers.log_use(home, "overridden", rule, build_id=build.build_id, reason=reason.strip())
        new.replace(home.serving)
        sync(home.path)
        record_published(home, build)
    except BaseException as error:
        _remove_leftovers(home.serving)
        if isinstance(error, MerganserError) or not (isinstance(error, OSError) or _is_duckdb_error(error)):
            raise
        raise MerganserError(
            f"The serving file could not be written: {str(error).splitlines()[0]}",
            f"The last good file is untouched. If the disk of {home.path} is full, free space; then run "
            "`merganser publish` again.",
        ) from error
    with contextlib.suppress(OSError, MerganserError):  # without the record, the next publication writes every table
        record_tables(home, chosen, versions)
    return PublishReport(
        build_id=build.build_id,
        published_at=published_at,
        seconds=round(monotonic() - clock, 2),
        path=str(home.serving),
        size_bytes=home.serving.stat().st_size,
        row_counts=counts,
        written_count=written,
        overridden=overridden,
    )


def published_build(home: Home) -> dict[str, str]:
    """The row of `main.build_info` in the serving file; empty if nothing was published yet."""
    if not home.serving.exists():
        return {}
    with opened_serving(home) as connection:
        cursor = connection.execute("select build_id, built_at, published_at, as_of from main.build_info")
        row = cursor.fetchone()
        return dict(zip(("build_id", "built_at", "published_at", "as_of"), map(str, row or ()), strict=False))


def published_relations(manifest: dict[str, Any]) -> list[Relation]:
    """The models to publish, by the manifest: those of the published schemas, and those that `config.meta.published`
    assigns to one, such as the evidence that `merganser identity explain` shows.
    """
    return sorted(
        (
            Relation(
                schema=node["schema"],
                name=node.get("alias") or node["name"],
                description=node.get("description", ""),
                columns={column["name"]: column.get("description", "") for column in node["columns"].values()},
                published_schema=(node["config"].get("meta") or {}).get("published", ""),
            )
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model"
            and (node["schema"] in PUBLISHED_SCHEMAS or (node["config"].get("meta") or {}).get("published"))
            and node["config"].get("enabled", True)
            and node["config"]["materialized"] != "ephemeral"
        ),
        key=lambda relation: (relation.schema, relation.name),
    )


def _permitted(home: Home, overrides: Sequence[str], reason: str) -> tuple[BuildReport, list[str]]:
    """The build to publish, and the ids of the broken rules that are overridden."""
    if overrides and not reason.strip():
        raise WrongUseError("An override needs a reason.", "Say it with --reason.")
    build, audit = last_build(home), last_check(home)
    fault = build_fault(build)
    if build is None or fault:
        raise PublicationRefusedError(
            f"Nothing is published: {fault}.", "Run `merganser build`, then `merganser check`."
        )
    if audit is None or audit.build_id != build.build_id:
        raise PublicationRefusedError(
            f"Nothing is published: build {build.build_id} has not been checked.", "Run `merganser check`."
        )
    overridden = _overridden(audit, overrides)
    remaining = [result for result in audit.failures if result.id not in overridden]
    if remaining or audit.build_fault:
        broken = ", ".join(result.id for result in remaining[:3])
        raise PublicationRefusedError(
            f"Nothing is published: the check of build {build.build_id} failed ({broken}).",
            f"Open {home.quality_report}: it says what brought this about and what to do next.",
        )
    if audit.warehouse != fingerprint(home):
        raise PublicationRefusedError(
            "Nothing is published: the warehouse was written to after it was checked.", "Run `merganser check` again."
        )
    return build, overridden


def _overridden(audit: CheckReport, overrides: Sequence[str]) -> list[str]:
    """The ids of the broken rules that the overrides match."""
    ids: list[str] = []
    for pattern in overrides:
        named = [result for result in audit.failures if waivers.names(pattern, result.table, result.rule)]
        allowed = {result.id for result in audit.failures if result.kind in ("gate", "data")}
        if not named:
            raise WrongUseError(
                f"{pattern} names no broken rule of this check.",
                f"Those that can be overridden: {', '.join(sorted(allowed)) or 'none'}.",
            )
        if any(result.id not in allowed for result in named):
            raise WrongUseError(f"{pattern} is a contract: it cannot be overridden.", "Correct what it names.")
        ids += [result.id for result in named]
    return sorted(set(ids))


def _published_versions(home: Home, relations: Sequence[Relation]) -> dict[str, str]:
    """The version of each relation, by its label. Raises PublicationRefusedError if one was not built."""
    with opened(home) as warehouse:  # a lock of another process gets its own error, not that of a full disk
        built = {f"{schema}.{name}" for schema, name in warehouse.execute(_all_relations()).fetchall()}
    absent = sorted({f"{relation.schema}.{relation.name}" for relation in relations} - built)
    if absent:
        raise PublicationRefusedError(
            f"Nothing is published: {', '.join(absent)} is declared and was not built.",
            "Run `merganser build`, then check.",
        )
    known = versions_of(home)
    return {relation.label: known.get(f"{relation.schema}.{relation.name}", "") for relation in relations}


def _describe(home: Home, connection: duckdb.DuckDBPyConnection, info: tuple[str | None, ...]) -> None:
    """Writes the tables about the publication itself."""
    connection.execute(_create_build_info())
    connection.execute(f"insert into serving.main.{_BUILD_INFO} values (?, ?, ?, ?, ?)", list(info))
    _keep_metrics(home, connection, build_id=str(info[0]), published_at=str(info[2]))


def _keep_metrics(home: Home, connection: duckdb.DuckDBPyConnection, *, build_id: str, published_at: str) -> None:
    """Stores the numbers that later builds are compared with: those of the check, and of earlier publications."""
    import duckdb

    connection.execute(_create_metrics())
    if home.serving.exists():
        with contextlib.suppress(duckdb.Error):  # an older file has none, and a damaged one is replaced
            connection.execute(f"attach {literal(str(home.serving))} as previous (read_only)")
            connection.execute(_copy_metrics(), [build_id, _KEPT_METRICS])
    if home.quality_metrics.exists():
        recorded = read_mapping(home.quality_metrics, "Run `merganser check` again: it writes the file.")
        if recorded.get("build_id") == build_id and recorded.get("metrics"):
            rows = [(m["relation"], m["measure"], m["subject"], m["value"]) for m in recorded["metrics"]]
            connection.execute(_insert_metrics(), [build_id, published_at, json.dumps(rows)])


def _create_metrics() -> str:
    return f"""create table serving.main.{METRICS_TABLE} (
        build_id varchar not null,
        published_at timestamp not null,
        relation varchar not null,
        measure varchar not null,
        subject varchar not null,
        value double not null
    )"""


def _copy_metrics() -> str:
    return f"""insert into serving.main.{METRICS_TABLE}
        select * from previous.main.{METRICS_TABLE}
        where build_id <> $1
        qualify dense_rank() over (order by published_at desc, build_id desc) < $2"""


def _insert_metrics() -> str:
    return f"""insert into serving.main.{METRICS_TABLE}
        select $1, cast($2 as timestamp), row ->> 0, row ->> 1, row ->> 2, cast(row ->> 3 as double)
        from (select unnest(cast($3 as json[])) as row)"""


def _all_relations() -> str:
    return "select table_schema, table_name from information_schema.tables where table_catalog = current_database()"


def _create_build_info() -> str:
    return f"""create table serving.main.{_BUILD_INFO} (
        build_id varchar not null,
        built_at timestamp not null,
        published_at timestamp not null,
        as_of timestamp not null,
        consent_landings varchar -- JSON: entity -> token when the build began; exports/freshness.py compares them
    )"""


def _build_info(build: BuildReport, published_at: str) -> tuple[str | None, ...]:
    landings = None if build.consent_landings is None else json.dumps(build.consent_landings, sort_keys=True)
    return (build.build_id, build.current_at, published_at, build.moment, landings)


def _remove_leftovers(serving: Path) -> None:
    """Deletes files of publications that were killed or ran out of disk."""
    for path in serving.parent.glob(f"{serving.name.removesuffix('.duckdb')}.*.tmp*"):
        path.unlink(missing_ok=True)


def _is_duckdb_error(error: BaseException) -> bool:
    import duckdb

    return isinstance(error, duckdb.Error)

"""Reads the exports in serving.duckdb, read-only, and the reasons why customers are withheld.

Add here when: a delivery needs something else of the serving file. Keep out: writing (ledger.py), comparing (diff.py),
the warehouse, which only builds open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb

from exports.destination import Record
from exports.errors import ServingError
from exports.spec import ExportSpec

CONSENTS = 'serving."marts"."dim_consents"'
WITHHELD = 'serving."exports"."exp_withheld__customers"'
ROWS_PER_READ = 4096


def quote(identifier: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """An SQL string literal: for statements that cannot bind (attach)."""
    return "'" + text.replace("'", "''") + "'"


def attach_serving(connection: duckdb.DuckDBPyConnection, serving_path: Path) -> None:
    """Attaches the serving file as `serving`, read-only. Raises ServingError if it is absent or unreadable."""
    if not serving_path.exists():
        raise ServingError(
            f"{serving_path} is absent: run `merganser build`, `merganser check` and `merganser publish` first"
        )
    try:
        connection.execute(f"attach {quote_text(str(serving_path))} as serving (read_only)")
    except duckdb.Error as error:
        raise ServingError(f"{serving_path} cannot be opened ({type(error).__name__}): publish it again") from None


def is_damaged(path: Path) -> bool:
    """Whether a DuckDB file cannot be read completely; False if it is absent or another process holds it."""
    if not path.exists():
        return False
    connection = duckdb.connect()
    try:
        connection.execute(f"attach {quote_text(str(path))} as examined (read_only)")
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'examined'"
        ).fetchall():
            connection.execute(
                f"select max(hash(rows)) from examined.{quote(schema)}.{quote(table)} as rows"
            ).fetchall()
    except duckdb.Error as error:
        return "lock" not in str(error).lower()
    finally:
        connection.close()
    return False


def relation(spec: ExportSpec) -> str:
    """The export's table in the attached serving file."""
    return f"serving.{quote(spec.relation_schema)}.{quote(spec.relation_name)}"


def check_relation(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> None:
    """Raises ServingError if the published table lacks a declared column, or its key is null or not unique."""
    rows = connection.execute(
        """
        select column_name from information_schema.columns
        where table_catalog = 'serving' and table_schema = ? and table_name = ?
        """,
        [spec.relation_schema, spec.relation_name],
    ).fetchall()
    published = {row[0] for row in rows}
    if not published:
        raise ServingError(f"{spec.name} is not in the serving file: build and publish it first")
    absent = [name for name in spec.column_names if name not in published]
    if absent:
        raise ServingError(
            f"{spec.name}: the serving file has no column {', '.join(absent)}: build and publish it again"
        )
    key = quote(spec.key)
    counts = connection.execute(
        f"select count(*), count({key}), count(distinct {key}) from {relation(spec)}"
    ).fetchone()
    if counts is not None and not counts[0] == counts[1] == counts[2]:
        raise ServingError(
            f"{spec.name}: the key {spec.key} is null or repeated in {counts[0] - counts[2]} of {counts[0]} rows: "
            "records cannot be distinguished; correct the model"
        )


def withheld_counts(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> dict[str, int]:
    """Customers who meet the export's conditions and are not in it, by reason."""
    try:
        rows = connection.execute(
            f"select reason, count(*) from {WITHHELD} where export = ? group by 1 order by 1", [spec.name]
        ).fetchall()
    except duckdb.CatalogException:
        raise ServingError(
            "exports.exp_withheld__customers is not in the serving file: build and publish it first"
        ) from None
    return {row[0]: row[1] for row in rows}


def find_unconsented(connection: duckdb.DuckDBPyConnection, spec: ExportSpec, moment: datetime) -> dict[str, int]:
    """Fills the temporary table `unconsented` (customer_id, reason): customers of the export who have no live grant for
    its purpose and channel at `moment` (UTC). Returns how many, by reason.

    The model checks the same when it is built. But a grant may have expired since, and a model may lack the check.
    """
    try:
        connection.execute(
            f"""
            create or replace temporary table unconsented as
            select
                members.customer_id,
                min(
                    case
                        when consents.status is null then 'no_consent:unknown'
                        when consents.status <> 'granted' then 'no_consent:' || consents.status
                        else 'no_consent:expired'
                    end
                ) as reason
            from (select distinct cast(customer_id as varchar) as customer_id from {relation(spec)}) as members
            left join {CONSENTS} as consents
                on cast(consents.customer_id as varchar) = members.customer_id
                    and consents.purpose = $purpose and consents.channel = $channel
            where consents.status is distinct from 'granted' or consents.expires_at <= $moment
            group by 1
            """,
            {"purpose": spec.purpose, "channel": spec.channel, "moment": moment},
        )
    except duckdb.CatalogException:
        raise ServingError("marts.dim_consents is not in the serving file: build and publish it first") from None
    rows = connection.execute("select reason, count(*) from unconsented group by 1 order by 1").fetchall()
    return {row[0]: row[1] for row in rows}


def read_records(
    connection: duckdb.DuckDBPyConnection, spec: ExportSpec, delivery_id: str, batch_number: int
) -> Iterator[Record]:
    """The rows of one planned batch (add, update), in order of record_key, read in Arrow batches."""
    columns = ", ".join(f"export.{quote(name)}" for name in spec.column_names)
    cursor = connection.cursor()
    reader = cursor.sql(
        f"""
        select planned.record_key as "planned key", {columns}
        from ledger.delivery_records as planned
        inner join {relation(spec)} as export on cast(export.{quote(spec.key)} as varchar) = planned.record_key
        where planned.delivery_id = ? and planned.batch_number = ? and planned.outcome is distinct from 'skipped'
        order by planned.record_key
        """,
        params=[delivery_id, batch_number],
    ).to_arrow_reader(ROWS_PER_READ)
    try:
        for batch in reader:
            for row in batch.to_pylist():
                yield Record(record_key=row.pop("planned key"), fields=row)
    finally:
        cursor.close()


def read_current_records(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> Iterator[Record]:
    """Every row of the export that may be delivered (`current_rows`). No other statement may run meanwhile: a separate
    cursor would not see that table.
    """
    columns = ", ".join(f"export.{quote(name)}" for name in spec.column_names)
    reader = connection.sql(
        f"""
        select now.record_key as "planned key", {columns}
        from current_rows as now
        inner join {relation(spec)} as export on cast(export.{quote(spec.key)} as varchar) = now.record_key
        """
    ).to_arrow_reader(ROWS_PER_READ)
    for batch in reader:
        for row in batch.to_pylist():
            yield Record(record_key=row.pop("planned key"), fields=row)

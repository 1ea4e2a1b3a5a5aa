"""Numbers about the raw tables that are stored with each publication and compared with the next build.

Add here: another number about a raw table, and the gate that reads it. Keep out: thresholds (gates.yml), marts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publication.gates import Gate, layer_gates

if TYPE_CHECKING:
    import duckdb

METRICS_TABLE = "quality_metrics"  # of the serving file, schema main
_LANDING_TABLES = {"raw_ops", "raw_quarantine"}
_MONEY = re.compile(r"amount|price|total|cost|spend|revenue|fee|tax|discount|balance")
_FRACTION = re.compile(r"DECIMAL|DOUBLE|FLOAT")
_WHOLE = re.compile(r"BIGINT|INTEGER|HUGEINT")

Values = Mapping[tuple[str, str, str], float]  # by relation, measure and subject


@dataclass(frozen=True)
class Metric:
    """One number about one raw table. `measure`: live_rows, watermark (epoch seconds), filled or median of the column
    `subject`; new_rows and new_filled count what arrived since the last publication."""

    relation: str
    measure: str
    subject: str
    value: float


@dataclass(frozen=True)
class Finding:
    """A gate that tripped: `says` has the numbers, `count` the rows, `source` the source that caused it, if known."""

    table: str
    gate: str
    says: str
    count: int
    source: str = ""


def measure(connection: duckdb.DuckDBPyConnection, before: Values) -> list[Metric]:
    """The numbers of all raw tables now; those of rows after the watermark in `before` are also given separately."""
    metrics: list[Metric] = []
    for relation, columns in _raw_tables(connection).items():
        watermark = before.get((relation, "watermark", ""))
        measures = {("live_rows", ""): "count(*)", ("watermark", ""): "epoch(max(_loaded_at))"}
        arrived = "" if watermark is None else f" filter (where epoch(_loaded_at) > {watermark!r})"
        if arrived:
            measures["new_rows", ""] = f"count(*){arrived}"
        for column, kind in columns.items():
            measures["filled", column] = f'count("{column}")'
            if arrived:
                measures["new_filled", column] = f'count("{column}"){arrived}'
            if _FRACTION.match(kind) or (_WHOLE.match(kind) and _MONEY.search(column)):
                measures["median", column] = f'approx_quantile(nullif(abs(cast("{column}" as double)), 0), 0.5)'
        schema, table = relation.split(".", 1)
        row = connection.execute(_select_live(schema, table, list(measures.values()))).fetchone() or ()
        metrics += [
            Metric(relation, name, subject, float(value))
            for (name, subject), value in zip(measures, row, strict=True)
            if value is not None
        ]
    return metrics


def new_sources(before: Values, metrics: Sequence[Metric]) -> set[str]:
    """Sources that have live records now and had none at the last publication."""
    if not before:
        return set()
    old = {relation.split(".")[0] for (relation, name, _), value in before.items() if name == "live_rows" and value}
    new = {metric.relation.split(".")[0] for metric in metrics if metric.measure == "live_rows" and metric.value}
    return {schema.removeprefix("raw_") for schema in new - old}


def find(before: Values, now: Values) -> Iterator[Finding]:
    """The gates of the layer `raw` that trip."""
    gates = layer_gates("raw")
    for (relation, name, _), old in before.items():
        if name == "live_rows" and old:
            yield from _of_table(relation, gates, before, now)


def emptied(connection: duckdb.DuckDBPyConnection, since: str) -> Iterator[Finding]:
    """Files that once contained records, and arrived again without any in a load since a moment."""
    gate = layer_gates("raw")["file_emptied"]
    for source, entity, file_name in connection.execute(_files_without_records(), [since]).fetchall():
        row = connection.execute(
            f'select count(*) from "raw_{source}"."{entity}" where _file = $1', [file_name]
        ).fetchone()
        count = int(row[0]) if row else 0
        if gate.trips(1, count):
            says = f"{file_name} contained {count:,} records and arrived again without any"
            yield Finding(f"raw_{source}.{entity}", gate.name, says, count, source)


def _of_table(relation: str, gates: Mapping[str, Gate], before: Values, now: Values) -> Iterator[Finding]:
    old, new = before[relation, "live_rows", ""], now.get((relation, "live_rows", ""), 0.0)
    source, gate = relation.split(".", maxsplit=1)[0].removeprefix("raw_"), gates["live_rows_fell"]
    if gate.trips((old - new) / old, old - new):
        says = f"{old:,.0f} live records became {new:,.0f} (at most {gate.at_most:.0%} may go)"
        yield Finding(relation, gate.name, says, int(old - new), source)
    for (table, name, column), value in before.items():
        if table != relation or (relation, name, column) not in now:
            continue
        if name == "filled" and new:
            yield from _of_filling(relation, column, gates, before, now)
        elif name == "median" and value and now[relation, name, column]:
            gate, factor = gates["amounts_shifted"], now[relation, name, column] / value
            if gate.trips(max(factor, 1 / factor), new):
                says = f"The median of {column} is {factor:,.3g} times what it was (at most {gate.at_most:g} times)"
                yield Finding(relation, gate.name, says, int(new), source)


def _of_filling(
    relation: str, column: str, gates: Mapping[str, Gate], before: Values, now: Values
) -> Iterator[Finding]:
    source, rows = relation.split(".", maxsplit=1)[0].removeprefix("raw_"), now[relation, "live_rows", ""]
    was = 1 - before[relation, "filled", column] / before[relation, "live_rows", ""]
    empty, gate = 1 - now[relation, "filled", column] / rows, gates["nulls_rose"]
    if gate.trips(empty - was, (empty - was) * rows):
        says = f"{column} is empty in {empty:.0%} of the live records, and was in {was:.0%}"
        yield Finding(relation, gate.name, says, int((empty - was) * rows), source)
        return
    gate, arrived = gates["new_nulls_rose"], now.get((relation, "new_rows", ""), 0.0)
    filled = now.get((relation, "new_filled", column), 0.0)
    if arrived and gate.trips(1 - filled / arrived - was, arrived):
        says = f"{column} is empty in {1 - filled / arrived:.0%} of {arrived:,.0f} new records, and was in {was:.0%}"
        yield Finding(relation, gate.name, says, int(arrived - filled), source)


def _files_without_records() -> str:
    return """
        select distinct files.source, files.entity, files.file_name
        from raw_ops.files as files
        inner join raw_ops.loads as loads
            on files.load_id = loads.load_id and files.source = loads.source and files.entity = loads.entity
        where loads.extracted_count = 0 and loads.loaded_at > cast($1 as timestamp)
        order by 1, 2, 3"""


def _select_live(schema: str, table: str, measures: Sequence[str]) -> str:
    live = "_superseded_at is null and _deleted_at is null"
    return f'select {", ".join(measures)} from "{schema}"."{table}" where {live}'


def _raw_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The raw tables with the columns that their sources fill."""
    tables: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(_columns_of_raw()).fetchall():
        if schema not in _LANDING_TABLES:
            columns = tables.setdefault(f"{schema}.{table}", {})
            if not column.startswith("_"):
                columns[column] = kind
    return tables


def _columns_of_raw() -> str:
    return """
        select table_schema, table_name, column_name, data_type from information_schema.columns
        where table_catalog = current_database() and starts_with(table_schema, 'raw_')
        order by 1, 2, ordinal_position"""

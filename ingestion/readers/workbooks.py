"""Excel workbooks: one sheet of each."""

from __future__ import annotations

import duckdb

from ingestion.excel import read_sheet
from ingestion.files import LandingFile
from ingestion.readers.columns import add_relation, decimal_mark, match_columns, unique_labels
from ingestion.readers.relations import Input, Plan, Relation, refuse_wide
from ingestion.settings import Settings
from ingestion.spec import EntitySpec
from ingestion.statements import literal, quote


def stage_sheet(
    connection: duckdb.DuckDBPyConnection, settings: Settings, entity: EntitySpec, file: LandingFile, plan: Plan
) -> None:
    """Stages the declared sheet of a workbook."""
    sheet = read_sheet(file, entity.sheet, entity.header_row, settings.memory_bytes)
    refuse_wide(file, len(sheet.header))
    labels = unique_labels(sheet.header)
    named = {label: name for name, label in match_columns(entity, labels).items()}
    marks = [decimal_mark(entity, named.get(label)) for label in labels]
    fields = [f"${index}" for index in range(len(sheet.header))]
    listed = ", ".join(f"{quote(name)} varchar" for name in fields)
    connection.execute(f"create temp table lines (_row bigint{', ' * bool(fields)}{listed})")
    for batch in sheet.batches(marks):
        connection.register("batch", batch)
        connection.execute("insert into lines from batch")
        connection.unregister("batch")
    plan.warnings.extend(f"{file.name}: {warning}" for warning in sheet.warnings)
    inputs = tuple(Input(quote(name), "VARCHAR", label) for name, label in zip(fields, labels, strict=True))
    add_relation(connection, entity, Relation("lines", literal(file.name), "_row", inputs, is_text=True), plan)

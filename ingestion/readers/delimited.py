"""CSV and tab-separated files."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.files import LandingFile, csv_header
from ingestion.readers.columns import add_relation, match_columns, unique_labels
from ingestion.readers.relations import Input, Plan, Relation, refuse_wide
from ingestion.readers.text import quote_of, read_text
from ingestion.settings import Settings
from ingestion.spec import EntitySpec
from ingestion.statements import literal, quote


def stage_csv(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    file: LandingFile,
    plan: Plan,
    *,
    path: Path,
) -> None:
    """Stages a CSV or tab-separated file, read from `path`, its copy in UTF-8."""
    delimiter, mark = "\t" if file.format == "tsv" else entity.delimiter, quote_of(entity, file)
    names, header_lines = csv_header(file, path, delimiter, mark, entity.header_row)
    refuse_wide(file, len(names))
    if not names:
        plan.warnings.append(f"{file.name}: the file is empty.")
        return
    named = match_columns(entity, names)
    if entity.header == "optional" and any(named[column] is None for column in entity.required_columns()):
        names, header_lines = list(entity.columns)[: len(names)], 0
    fields = [f"${index}" for index in range(len(names))]
    options = f"skip={max(header_lines - 1, 0)}, header={header_lines > 0}, delim={literal(delimiter)}"
    options += f", quote={literal(mark)}, escape={literal(mark)}"
    count = read_text(connection, settings, file, path, fields=fields, options=options, header_lines=header_lines)
    if count == 0:
        plan.warnings.append(f"{file.name}: the file has a header but no records.")
    source = "lines" if len(fields) > 1 else '(select * from lines where "$0" is not null)'  # skips blank lines
    labels = unique_labels(names)
    inputs = tuple(Input(quote(name), "VARCHAR", label) for name, label in zip(fields, labels, strict=True))
    add_relation(connection, entity, Relation(source, literal(file.name), "_row", inputs, is_text=True), plan)

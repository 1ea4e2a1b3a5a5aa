"""Parquet files, read in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from ingestion.errors import UnreadableFileError
from ingestion.files import LandingFile
from ingestion.readers.relations import Input, Relation, for_each, needs_memory, refuse_wide, unreadable
from ingestion.settings import Settings
from ingestion.statements import file_path, literal, quote

_BYTES_PER_COLUMN = 400_000  # of memory, for each column that is read


def parquet_relations(
    connection: duckdb.DuckDBPyConnection, settings: Settings, files: Sequence[LandingFile]
) -> Iterator[Relation]:
    """One relation for all files with equal columns; one per file if their names cannot be derived from the path."""

    def columns_of(file: LandingFile) -> tuple[tuple[str, str], ...]:
        try:
            described = connection.execute(
                "describe select * from read_parquet(?, hive_partitioning=false)", [file_path(file.path)]
            ).fetchall()
        except duckdb.Error as error:
            raise UnreadableFileError(unreadable(file), file.name) from error
        refuse_wide(file, len(described))
        if len(described) * _BYTES_PER_COLUMN > settings.memory_bytes:
            raise UnreadableFileError(needs_memory(file, settings), file.name)
        return tuple((name, kind) for name, kind, *_ in described)

    groups: dict[tuple[tuple[str, str], ...], list[LandingFile]] = {}
    for file, columns in zip(files, for_each(files, columns_of), strict=True):
        groups.setdefault(columns, []).append(file)
    prefix = len(str(settings.landing_dir)) + 1
    for columns, members in groups.items():
        names = {name.lower() for name, _ in columns}
        inputs = tuple(Input(quote(name), kind, name) for name, kind in columns)
        row = "row_number() over ()" if "file_row_number" in names else "file_row_number + 1"
        inside = all(file.path.is_relative_to(settings.landing_dir) for file in members)
        if inside and len(members) > 1 and not names & {"filename", "file_row_number"}:
            paths = ", ".join(literal(file_path(file.path)) for file in members)
            source = f"read_parquet([{paths}], hive_partitioning=false)"
            yield Relation(source, f"substr(filename, {prefix + 1})", row, inputs, is_text=False)
        else:
            for file in members:
                source = f"read_parquet({literal(file_path(file.path))}, hive_partitioning=false)"
                yield Relation(source, literal(file.name), row, inputs, is_text=False)

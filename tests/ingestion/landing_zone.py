"""A landing zone for tests: write files, land them, query the result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.extraction import PAYLOAD_SCHEMA
from ingestion.landing import EntityReport, LandingReport, land
from ingestion.settings import Settings
from ingestion.spec import SourceSpec

CONTACT = {
    "files": "crm/contact/*",
    "mode": "merge",
    "key": ["id"],
    "version": "updated_at",
    "columns": {
        "id": {"type": "varchar", "required": True},
        "email": {"type": "varchar", "pii": "direct"},
        "amount": "decimal(18,2)",
        "visits": "bigint",
        "updated_at": "timestamp",
    },
}


def contact(**changes: Any) -> dict[str, Any]:
    """The declaration of an entity with changes; a value None removes the key."""
    merged = {**CONTACT, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def source(**entities: Mapping[str, Any]) -> SourceSpec:
    """A source named crm with these entities, by default `contact`."""
    return SourceSpec.model_validate(
        {
            "source": "crm",
            "title": "A CRM",
            "loader": "files",
            "legal_basis": "contract",
            "entities": entities or {"contact": CONTACT},
        }
    )


@dataclass
class Landing:
    """One home: writes files, lands them, queries the warehouse."""

    settings: Settings
    source: SourceSpec = field(default_factory=source)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of the landing zone."""
        path = self.settings.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_ndjson(self, name: str, records: Sequence[Mapping[str, Any]]) -> Path:
        """One JSON object a line."""
        return self.write(name, "".join(json.dumps(record) + "\n" for record in records))

    def write_parquet(self, name: str, query: str) -> Path:
        """Writes the result of a DuckDB query."""
        path = self.settings.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        duckdb.connect().execute(f"copy ({query}) to '{path}' (format parquet)")
        return path

    def write_payloads(self, name: str, pages: Sequence[Sequence[Any]], complete: Sequence[Any] = ()) -> Path:
        """Writes pages of records like extraction; a text is written as it is."""
        rows = [(record, number, False) for number, page in enumerate(pages, start=1) for record in page]
        rows += [(scope, len(pages), True) for scope in complete]
        texts = [record if isinstance(record, str) else json.dumps(record) for record, _, _ in rows]
        table = pa.table(
            [texts, [page for _, page, _ in rows], [whole for _, _, whole in rows]],
            schema=PAYLOAD_SCHEMA,
        )
        path = self.settings.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        return path

    def land(self, loaded_at: datetime | None = None) -> LandingReport:
        """Lands the source."""
        report = land(self.settings, [self.source], loaded_at=loaded_at)
        for entity in report.entities:
            assert entity.extracted == entity.landed + entity.quarantined + entity.unchanged
        return report

    def land_one(self) -> EntityReport:
        """Lands the source's only entity."""
        [entity] = self.land().entities
        return entity

    def rows(self, query: str) -> list[Any]:
        """The rows of a query on the warehouse."""
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def quarantine(self) -> list[Any]:
        """Row number, field, rule and message of quarantined records."""
        return self.rows("select row_number, field, rule, message from raw_quarantine.records order by file_name, 1")

    def contacts(self) -> list[Any]:
        """Every version of every contact, sorted by when it was superseded."""
        return self.rows("select id, email, _superseded_at is null from raw_crm.contact order by id, updated_at, email")

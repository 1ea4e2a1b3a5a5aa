"""The declaration of an export: `config.meta.export` of an `exp_` model, read from dbt's manifest and checked.

Add here when: a property is declared per export. Keep out: how a destination uses it (destinations/), and any second
list of exports: the manifest is the only one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exports.errors import SpecError

Pii = Literal["direct", "indirect", "none"]


class Guard(BaseModel):
    """Limits that stop a delivery before anything is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_records: int = Field(default=1, ge=0)
    """Fewest rows of an export that has something to send."""
    max_removed_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share (0 to 1) of the delivered records that one delivery may remove, whatever the cause."""
    min_removed: int = Field(default=3, ge=1)
    """Fewer removals always pass, so that a small audience can lose a member."""


class Column(BaseModel):
    """A column of the export, as its contract declares it."""

    model_config = ConfigDict(frozen=True)

    name: str
    data_type: str
    pii: Pii | None = None


class ExportSpec(BaseModel):
    """One export: its model, destination, purpose and guards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    relation_schema: str
    relation_name: str
    description: str
    columns: tuple[Column, ...]
    destination: str = Field(min_length=1)
    mode: Literal["mirror", "upsert"]
    """mirror: records that leave the export are removed at the destination. upsert: they stay."""
    key: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    channel: str = Field(min_length=1)
    candidates: str = Field(min_length=1)
    """Model of the customers who meet the conditions; exp_withheld__customers says why one is not in the export."""
    candidates_where: str | None = None
    """SQL condition on that model; absent: all its rows."""
    owner: str = Field(min_length=1)
    schedule: str | None = None
    """Cron expression (UTC) that orchestration follows; absent: only on demand."""
    removal_fields: tuple[str, ...] = ()
    """Columns that the ledger stores as they were sent, because the destination removes by them."""
    normaliser_version: int = Field(default=1, ge=1)
    """Raised when the destination's normalisation changes: every record is then sent again."""
    format: Literal["csv", "ndjson"] = "csv"
    """File destinations only."""
    guard: Guard = Guard()

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def parse_node(node: Mapping[str, Any], destinations: Collection[str]) -> ExportSpec:
    """One manifest node that declares an export, as an ExportSpec.

    Raises SpecError naming the model and the field: for an absent purpose, channel, candidates, key, mode, owner or
    destination, for an unknown field, for a destination without a folder in exports/destinations/, for a key or
    removal field that is not a column or would put a direct personal value into the ledger.
    """
    name = str(node["name"])
    declared = node.get("config", {}).get("meta", {}).get("export")
    if not isinstance(declared, Mapping):
        raise SpecError(
            f"{name}: config.meta.export must be a mapping with destination, mode, key, purpose, channel, candidates "
            "and owner"
        )
    own = {"name", "relation_schema", "relation_name", "description", "columns"}
    for forbidden in sorted(own & set(declared)):
        raise SpecError(f"{name}: config.meta.export.{forbidden} is not a setting of an export; remove it")
    try:
        spec = ExportSpec(
            **declared,
            name=name,
            relation_schema=node["schema"],
            relation_name=node.get("alias") or name,
            description=node.get("description") or "",
            columns=tuple(_column(column) for column in node.get("columns", {}).values()),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{name}: config.meta.export.{path}: {first['msg']}") from None
    _check(spec, destinations)
    return spec


def _column(column: Mapping[str, Any]) -> Column:
    meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
    return Column(name=column["name"], data_type=column.get("data_type") or "", pii=meta.get("pii"))


def _check(spec: ExportSpec, destinations: Collection[str]) -> None:
    if spec.destination not in destinations:
        known = ", ".join(sorted(destinations))
        raise SpecError(
            f"{spec.name}: config.meta.export.destination: no destination {spec.destination!r}; known: {known}"
        )
    by_name = {column.name: column for column in spec.columns}
    if "customer_id" not in by_name:
        raise SpecError(f"{spec.name}: its YAML declares no column customer_id: a delivery needs it to check consent")
    for label, fields in (("key", (spec.key,)), ("removal_fields", spec.removal_fields)):
        for field in fields:
            if field not in by_name:
                raise SpecError(
                    f"{spec.name}: config.meta.export.{label}: {field!r} is not a column declared in the model's YAML"
                )
            if by_name[field].pii == "direct":
                raise SpecError(
                    f"{spec.name}: config.meta.export.{label}: {field!r} is declared pii: direct, and the ledger "
                    "stores this field; use a hashed column or an id"
                )

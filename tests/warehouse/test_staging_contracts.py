"""The contracts in source.yml and the staging models in dbt have the same tables and columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.registry import load_sources
from ingestion.spec import META_COLUMNS

STAGING = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "staging"
QUOTED = re.compile(r"{{ adapter\.quote\('(\w+)'\) }}")
IMPORT = re.compile(r"with source as \(\s*select \* from {{ source\('(\w+)', '(\w+)'\) }}")


def declared_tables() -> dict[tuple[str, str], set[str]]:
    """Columns that landing creates, by source and entity."""
    return {
        (name, entity): {*spec.columns, *META_COLUMNS}
        for name, source in load_sources().items()
        for entity, spec in source.entities.items()
    }


def sources_of_dbt() -> list[dict[str, Any]]:
    """Sources that land. The quarantine is landing's own table, which no source.yml declares."""
    every = [
        source for path in STAGING.rglob("_*__sources.yml") for source in yaml.safe_load(path.read_text())["sources"]
    ]
    return [source for source in every if source["name"] != "quarantine"]


def unknown_columns(sql: str, columns: set[str]) -> set[str]:
    """Columns of the raw table that a staging model reads and that the contract does not declare."""
    return set(re.findall(r"source\.([a-z_0-9]+)", QUOTED.sub(r"\1", sql))) - columns


def test_dbt_knows_the_tables_that_landing_makes() -> None:
    known = {(source["name"], table["name"]) for source in sources_of_dbt() for table in source["tables"]}
    assert known == set(declared_tables())


def test_sources_say_how_fresh_they_are() -> None:
    for source in sources_of_dbt():
        assert source["schema"] == f"raw_{source['name']}"
        assert source["config"]["loaded_at_field"] == "_loaded_at"
        assert {"warn_after", "error_after"} <= set(source["config"]["freshness"])


@pytest.mark.parametrize(
    "path", sorted(p for p in STAGING.rglob("*__*.sql") if IMPORT.search(p.read_text())), ids=lambda path: path.stem
)
def test_models_read_declared_columns(path: Path) -> None:
    sql = path.read_text()
    (table,) = IMPORT.findall(sql)
    assert unknown_columns(sql, declared_tables()[table]) == set()


def test_an_undeclared_column_is_seen() -> None:
    sql = "select source.id, source.{{ adapter.quote('timestamp') }}, source.colour from source"
    assert unknown_columns(sql, {"id", "timestamp"}) == {"colour"}


def test_personal_columns_stay_marked() -> None:
    """Staging marks the personal columns of a contract that it selects under a personal name."""
    personal = re.compile(r"^(email|phone|mobile_phone|first_name|last_name|full_name|street|birth_date|ip)$")
    unmarked = [
        f"{model['name']}.{column['name']}"
        for path in STAGING.rglob("_*__models.yml")
        for model in yaml.safe_load(path.read_text())["models"]
        for column in model["columns"]
        if personal.match(column["name"]) and column.get("config", {}).get("meta", {}).get("pii") != "direct"
    ]
    assert unmarked == []


def test_contracts_mark_personal_columns() -> None:
    personal = re.compile(r"(^|_)(e?mail|phone|first_?name|last_?name|birthday|birthdate|address_1)$")
    unmarked = [
        f"{name}.{entity}.{column}"
        for name, source in load_sources().items()
        for entity, spec in source.entities.items()
        for column, declared in spec.columns.items()
        if personal.search(column) and declared.type == "varchar" and declared.pii is None
    ]
    assert unmarked == ["klaviyo.campaign.from_email"]  # the sender's address, which is ours

"""Names follow the grammar of docs/reference/conventions.md; one macro per file; no engine's name in a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

MODEL_NAMES = {
    "staging": r"(stg_[a-z0-9_]+__[a-z0-9_]+|base_[a-z0-9]+__[a-z0-9_]+_(api|fivetran|rest|graphql|export))",
    "conformed": r"cnf_[a-z0-9_]+__[a-z0-9_]+",
    "intermediate": r"int_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9_]+",
    "marts": r"(dim|fct|bdg)_[a-z0-9_]+",
    "segments": r"(seg_[a-z0-9_]+|(dim|fct)_segment[a-z_]*)",
    "exports": r"exp_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9_]+",
}
VAGUE_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "legacy", "old", "new", "base"}
ENGINES = re.compile(r"\b(duckdb|spark|snowflake|bigquery|databricks|postgres)\b", re.IGNORECASE)
VAGUE_COLUMNS = {"id", "ts", "type", "date", "name", "value_", "timestamp"}


def wrong_model_names(models: dict[str, Any]) -> list[str]:
    return sorted(
        f"{node['fqn'][1]}/{node['name']}"
        for node in models.values()
        if not re.fullmatch(MODEL_NAMES.get(node["fqn"][1], "(?!)"), node["name"])
    )


def wrong_macro_files(files: dict[str, str]) -> list[str]:
    """Macro files (path to text) that hold anything but the macro they are named for and its dispatch twins."""
    wrong = []
    for path, text in sorted(files.items()):
        name = Path(path).stem
        for macro in re.findall(r"{%-?\s*(?:macro|materialization|test)\s+([a-z0-9_]+)", text):
            bare = re.sub(r"^(default|duckdb|spark|snowflake|bigquery)__", "", macro)
            if bare != name and not macro.startswith("_"):
                wrong.append(f"{path}: holds {macro}")
        if re.search(r"\b(spark|snowflake|bigquery)__", text) and "/platform/" not in path:
            wrong.append(f"{path}: an engine's dialect belongs in macros/platform")
    return wrong


def misplaced_macros(macros: dict[str, str], models: dict[str, str]) -> list[str]:
    """Macros (path to text) outside a folder, or in the folder of a concept and used by another concept's models.

    `models`: path to text. A concept is a folder of models/intermediate.
    """
    concepts = {match[1] for path in models if (match := re.search("/intermediate/([a-z_]+)/", path))}
    wrong = [f"{path}: outside a folder" for path in macros if not re.search("macros/[a-z_]+/[a-z_0-9]+\\.sql$", path)]
    for path in sorted(macros):
        folder, call = path.split("/")[-2], re.compile(rf"\b{Path(path).stem}\(")
        for model, text in models.items():
            used_by = re.search("/intermediate/([a-z_]+)/", model)
            if folder in concepts and used_by and used_by[1] != folder and call.search(text):
                wrong.append(f"{path}: {model} uses it, of another concept")
    return wrong


def test_macros_are_in_the_folder_of_their_concept(root: Path) -> None:
    read = {
        kind: {str(path.relative_to(root)): path.read_text() for path in (root / "dbt_project" / kind).rglob("*.sql")}
        for kind in ("macros", "models")
    }
    assert misplaced_macros(read["macros"], read["models"]) == []


def test_a_misplaced_macro_is_seen() -> None:
    macros = {
        "dbt_project/macros/money.sql": "",
        "dbt_project/macros/crm/stage.sql": "",
        "dbt_project/macros/events/f.sql": "",
    }
    models = {
        "dbt_project/models/intermediate/crm/int_crm__deals.sql": "{{ stage('a') }}",
        "dbt_project/models/intermediate/spend/int_s.sql": "{{ stage('a') }}",
        "dbt_project/models/intermediate/events/int_events__events.sql": "{{ f() }}",
    }
    assert misplaced_macros(macros, models) == [
        "dbt_project/macros/money.sql: outside a folder",
        "dbt_project/macros/crm/stage.sql: dbt_project/models/intermediate/spend/int_s.sql uses it, of another concept",
    ]


def test_model_names(models: dict[str, Any]) -> None:
    assert wrong_model_names(models) == []


def test_a_wrong_model_name_is_seen() -> None:
    assert wrong_model_names({"a": {"fqn": ["m", "marts"], "name": "customers"}}) == ["marts/customers"]


def test_one_macro_per_file(root: Path) -> None:
    files = {str(p.relative_to(root)): p.read_text() for p in (root / "dbt_project/macros").rglob("*.sql")}
    assert len(files) > 8
    assert wrong_macro_files(files) == []


def test_a_wrong_macro_file_is_seen() -> None:
    files = {
        "dbt_project/macros/privacy/hash_email.sql": "{% macro hash_email(x) %}{% macro other(x) %}",
        "dbt_project/macros/events/f.sql": "{% macro f() %}{% endmacro %}{% macro spark__f() %}{% endmacro %}",
    }
    assert len(wrong_macro_files(files)) == 2


def test_no_engine_is_named_in_a_model(root: Path) -> None:
    named = [
        str(p.relative_to(root)) for p in (root / "dbt_project/models").rglob("*.sql") if ENGINES.search(p.read_text())
    ]
    assert named == []


def test_modules_have_descriptive_names(root: Path) -> None:
    vague = [
        str(p.relative_to(root))
        for room in ("runtime", "vendors", "ingestion", "identity", "publication", "exports", "orchestration")
        for p in (root / room).rglob("*.py")
        if p.stem in VAGUE_MODULES
    ]
    assert vague == []


def test_published_columns_are_qualified(models: dict[str, Any]) -> None:
    vague = [
        f"{node['name']}.{column}"
        for node in models.values()
        if node["fqn"][1] in {"marts", "segments"}
        for column in node["columns"]
        if column in VAGUE_COLUMNS
    ]
    assert vague == []


def test_no_intermediate_model_is_ephemeral(models: dict[str, Any]) -> None:
    assert [node["name"] for node in models.values() if node["config"]["materialized"] == "ephemeral"] == []


def test_memberships_follow_every_segment_that_may_be_remembered(models: dict[str, Any]) -> None:
    """fct_segment_memberships reads what declares meta.segment, and nothing that must not be remembered."""
    segments = {key: node for key, node in models.items() if node["name"].startswith("seg_")}
    remembered = {key for key, node in segments.items() if node["config"]["meta"]["segment"].get("is_remembered", True)}
    (memberships,) = [node for node in models.values() if node["name"] == "fct_segment_memberships"]
    assert len(segments) >= 10
    assert set(memberships["depends_on"]["nodes"]) & set(segments) == remembered


def personal_reasons(models: dict[str, Any]) -> list[str]:
    """Segments whose reason of entry, which is kept, names a column that says something about a person."""
    wrong = []
    for node in models.values():
        reason = ((node["config"].get("meta") or {}).get("segment") or {}).get("reason") or ""
        for column in node["columns"].values():
            is_personal = ((column.get("config") or {}).get("meta") or {}).get("pii", "none") != "none"
            if is_personal and re.search(rf"\b{column['name']}\b", reason):
                wrong.append(f"{node['name']}: {column['name']}")
    return wrong


def test_reasons_of_entry_hold_no_personal_value(models: dict[str, Any]) -> None:
    assert personal_reasons(models) == []


def test_a_personal_reason_is_seen() -> None:
    columns = {
        "city": {"name": "city", "config": {"meta": {"pii": "indirect"}}},
        "order_count": {"name": "order_count", "config": {}},
    }
    of_reason = {
        reason: {"name": "seg_x", "columns": columns, "config": {"meta": {"segment": {"reason": reason}}}}
        for reason in ("concat('lives in ', city)", "concat(order_count, ' orders')")
    }
    assert personal_reasons(of_reason) == ["seg_x: city"]

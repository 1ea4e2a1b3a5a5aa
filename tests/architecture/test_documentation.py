"""Every model says its grain and has a tested key; published ones carry a typed, described, enforced contract."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from publication.dbt_rules import KEYS, DbtRule, dbt_rules
from publication.gates import gates_of

PUBLISHED = {"marts", "segments", "exports"}
HEADER = re.compile(r"\A(?:{#-?\s*\n?\s*grain:.*?#}|{{\s*config\(.*?\)\s*}}\s*{#-?\s*\n?\s*grain:)", re.DOTALL)
PII_LEVELS = {"direct", "indirect", "none"}
# Each test of a key reads all events: staging tests each source's, int_events__unioned tests all of them.
TESTED_AS_A_UNION = re.compile(r"cnf_\w+__events")


def undocumented(models: dict[str, Any]) -> list[str]:
    """Models whose description does not start with their grain, and published columns without description or type."""
    wrong = []
    for node in models.values():
        if not re.match(r"(?i)(one row per|grain:)", node["description"].strip()):
            wrong.append(f"{node['name']}: the description starts with the grain ('One row per ...')")
        if node["fqn"][1] not in PUBLISHED:
            continue
        if not node["config"]["contract"]["enforced"]:
            wrong.append(f"{node['name']}: the contract is not enforced")
        for column in node["columns"].values():
            if not column["description"].strip() or not column.get("data_type"):
                wrong.append(f"{node['name']}.{column['name']}: needs a description and a data_type")
    return wrong


def without_tested_key(models: dict[str, Any], rules: list[DbtRule]) -> list[str]:
    """Models above staging without a rule about a key."""
    tested = {rule.model for rule in rules if rule.kind in KEYS}
    return sorted(
        node["name"]
        for key, node in models.items()
        if node["fqn"][1] != "staging" and not TESTED_AS_A_UNION.fullmatch(node["name"]) and key not in tested
    )


def test_models_and_published_columns_are_described(models: dict[str, Any]) -> None:
    assert undocumented(models) == []


def test_an_undescribed_column_is_seen() -> None:
    node = {
        "name": "dim_x",
        "fqn": ["m", "marts"],
        "description": "Customers",
        "config": {"contract": {"enforced": False}},
        "columns": {"a": {"name": "a", "description": ""}},
    }
    assert len(undocumented({"x": node})) == 3


def test_every_model_above_staging_has_a_tested_key(manifest: dict[str, Any], models: dict[str, Any]) -> None:
    assert without_tested_key(models, dbt_rules(manifest)) == []


def test_a_model_without_key_is_seen() -> None:
    events = {"name": "cnf_x__events", "fqn": ["m", "conformed"]}
    models = {"x": {"name": "dim_x", "fqn": ["m", "marts"]}, "y": events, "z": {"name": "dim_z", "fqn": ["m", "marts"]}}
    rules = [DbtRule("x", "m.x", "t", "not_null", ("x_id",)), DbtRule("z", "m.z", "t", "unique", ("z_id",))]
    assert without_tested_key(models, rules) == ["dim_x"]


def scattered(tests: list[dict[str, Any]]) -> list[str]:
    """Tests of a model that are not part of its keeps_rules, and keeps_rules without their name or in a third node."""
    wrong, nodes = [], Counter(test["attached_node"] for test in tests if test.get("attached_node"))
    for test in tests:
        if not test.get("attached_node"):
            continue
        name = f"keeps_rules_{test['attached_node'].split('.')[-1]}"
        kind = test["test_metadata"]["name"]
        if kind != "keeps_rules" or test["name"] not in (name, f"{name}_counted") or nodes[test["attached_node"]] > 2:
            wrong.append(test["name"])
    return sorted(wrong)


def test_a_model_is_tested_in_one_read(manifest: dict[str, Any]) -> None:
    """A node of its own costs a scan. The second node of a model has the rules of another severity."""
    assert scattered([node for node in manifest["nodes"].values() if node["resource_type"] == "test"]) == []


def test_a_test_that_reads_its_model_again_is_seen() -> None:
    def test(name: str, kind: str, model: str | None = "model.m.dim_x") -> dict[str, Any]:
        return {"name": name, "attached_node": model, "test_metadata": {"name": kind}}

    good = [test("keeps_rules_dim_x", "keeps_rules"), test("assert_y", "", None)]
    assert scattered(good) == []
    assert scattered([*good, test("not_null_dim_x_a", "not_null")]) == ["not_null_dim_x_a"]
    assert scattered([test("keeps_rules_dim_x__a_b_c", "keeps_rules")]) == ["keeps_rules_dim_x__a_b_c"]


def test_models_above_staging_open_with_their_grain(root: Path, models: dict[str, Any]) -> None:
    silent = sorted(
        node["name"]
        for node in models.values()
        if node["fqn"][1] != "staging"
        and node["language"] == "sql"
        and "grain:" not in (root / node["original_file_path"]).read_text()[:600]
    )
    assert silent == []


def test_personal_columns_are_marked(models: dict[str, Any]) -> None:
    """Columns that hold a person's values in what readers and destinations get carry config.meta.pii."""
    personal = re.compile(
        r"(^|_)(email|phone|first_name|last_name|street|postal_code|birth_date|identifier_value)(_sha256)?$"
    )
    unmarked = [
        f"{node['name']}.{name}"
        for node in models.values()
        if node["fqn"][1] in PUBLISHED
        for name, column in node["columns"].items()
        if personal.search(name)
        and ((column.get("config") or {}).get("meta") or column.get("meta") or {}).get("pii") not in PII_LEVELS
    ]
    assert unmarked == []


def test_segments_and_exports_are_declared_where_their_sql_is(models: dict[str, Any]) -> None:
    for node in models.values():
        meta = node["config"].get("meta") or {}
        if node["name"].startswith("seg_"):
            assert {"title", "description", "owner"} <= set(meta.get("segment", {})), node["name"]
        if node["fqn"][1] == "exports" and "export" in meta:
            declared = meta["export"]
            assert {"destination", "mode", "key", "purpose", "channel", "owner", "guard"} <= set(declared), node["name"]


def test_public_python_is_documented(root: Path) -> None:
    """Each module has a docstring."""
    import ast

    silent = [
        str(path.relative_to(root))
        for room in ("runtime", "vendors", "ingestion", "identity", "publication", "exports", "orchestration")
        for path in (root / room).rglob("*.py")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def undescribed_macros(files: dict[str, str], described: dict[str, set[str]]) -> list[str]:
    """Macro files (path to text) whose macro the YAML of its own folder does not describe; materializations and tests
    are described where they are used."""
    wrong = []
    for path, text in sorted(files.items()):
        folder, name = Path(path).parent.name, Path(path).stem
        if re.search(rf"{{%-?\s*macro {name}\(", text) and name not in described.get(folder, set()):
            wrong.append(f"{path}: not in _{folder}__macros.yml")
    return wrong


def test_macros_are_described_in_their_folder(root: Path) -> None:
    macros = root / "dbt_project/macros"
    files = {str(path.relative_to(macros)): path.read_text() for path in macros.glob("*/*.sql")}
    described = {
        path.parent.name: {macro["name"] for macro in yaml.safe_load(path.read_text())["macros"]}
        for path in macros.glob("*/_*__macros.yml")
    }
    assert len(files) > 30
    assert undescribed_macros(files, described) == []


def test_an_undescribed_macro_is_seen() -> None:
    files = {"privacy/hash_name.sql": "{% macro hash_name(expression) %}{% endmacro %}"}
    assert undescribed_macros(files, {"privacy": {"hash_email"}}) == [
        "privacy/hash_name.sql: not in _privacy__macros.yml"
    ]


def test_gates_of_models_are_declared_with_their_reason(models: dict[str, Any]) -> None:
    published = [node for node in models.values() if node["schema"] in ("marts", "segments", "exports")]
    assert len(published) > 20
    for node in published:
        layer = "marts" if node["name"].startswith("fct_") else node["schema"]
        assert all(gate.reason for gate in gates_of(node, layer).values())

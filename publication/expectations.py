"""Reads expectations.yml: the audited tables and the rules about each, as frozen specs.

Add here: another kind of rule that the file may declare. Keep out: how a rule is run (quality.py), any table's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from publication.dbt_rules import KEYS, DbtRule, dbt_rules
from runtime.errors import MerganserError, WrongUseError

EXPECTATIONS_FILE = Path(__file__).with_name("expectations.yml")
_SUITE_KEYS = {"table", "for_each", "title", "optional", "columns", "not_null", "unique", "accepted_values"}
_SUITE_KEYS |= {"min_rows", "filled_when_landed", "rules"}
_RULE_KEYS = {"name", "says", "key", "broken_by", "needs", "kind"}


@dataclass(frozen=True)
class Rule:
    """A rule in SQL: `broken_by` selects the rows that break it; `{batch}` is the suite's table.

    `key` names a column of that select which identifies a row without being a personal value: up to five of them are
    reported. `needs` are further tables that the rule reads; the rule is broken if one is absent.
    `kind`: a broken contract stops the publication; a notice is shown and stops nothing.
    """

    name: str
    says: str
    broken_by: str
    key: str = ""
    needs: tuple[str, ...] = ()
    kind: str = "contract"


@dataclass(frozen=True)
class TableSuite:
    """The rules of one table (`schema.name`). All but those with another kind are contracts."""

    table: str
    title: str = ""
    optional: bool = False
    columns: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    accepted_values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    min_rows: int = 0
    rules: tuple[Rule, ...] = ()


def declared_exports(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """The exports in dbt's manifest (`config.meta.export`), each as table, key, purpose and channel.

    Raises WrongUseError for an export that declares no key, purpose or channel: it cannot be audited.
    """
    found = []
    for node in manifest["nodes"].values():
        export = (node.get("config", {}).get("meta") or {}).get("export")
        if node.get("resource_type") != "model" or export is None:
            continue
        absent = [name for name in ("key", "purpose", "channel") if not (isinstance(export, dict) and export.get(name))]
        if absent:
            raise WrongUseError(
                f"{node['name']}: config.meta.export has no {', '.join(absent)}.",
                f"Declare it in {node.get('patch_path') or 'the model YAML'}.",
            )
        table = f"{node['schema']}.{node.get('alias') or node['name']}"
        found.append({"table": table, **{name: str(export[name]) for name in ("key", "purpose", "channel")}})
    return found


def load_suites(
    exports: Sequence[Mapping[str, str]] = (),
    path: Path = EXPECTATIONS_FILE,
    manifest: Mapping[str, Any] | None = None,
) -> list[TableSuite]:
    """The declared suites. A suite with `for_each: export` is repeated for every export: a mapping with at least
    `table`, `key`, `purpose` and `channel`, which replace `<table>` and so on in the suite's texts.

    `manifest` is dbt's: what it declares as a contract of a table was tested in the build and is left out here.
    Raises MerganserError if the file has an unknown key.
    """
    declared = yaml.safe_load(path.read_text())["suites"]
    suites = []
    for entry in declared:
        if entry.get("for_each") == "export":
            suites += [_suite(_filled(entry, export)) for export in exports]
        else:
            suites.append(_suite(entry))
    return [_without(suite, dbt_rules(manifest)) for suite in suites] if manifest else suites


def _without(suite: TableSuite, tested: Sequence[DbtRule]) -> TableSuite:
    """The suite without the contracts that dbt tests on all rows: a build in which one is broken is not published."""
    own = (rule for rule in tested if rule.table == suite.table and rule.is_contract and not rule.where)
    contracts = {(rule.kind, rule.columns) for rule in own}
    keys = {columns for kind, columns in contracts if kind in KEYS}
    return replace(
        suite,
        not_null=tuple(column for column in suite.not_null if ("not_null", (column,)) not in contracts),
        unique=tuple(key for key in suite.unique if key not in keys),
        accepted_values={
            column: allowed
            for column, allowed in suite.accepted_values.items()
            if ("accepted_values", (column,)) not in contracts
        },
    )


def _suite(entry: Mapping[str, Any]) -> TableSuite:
    _refuse_unknown(entry, _SUITE_KEYS, str(entry.get("table")))
    return TableSuite(
        table=entry["table"],
        title=entry.get("title", ""),
        optional=entry.get("optional", False),
        columns=tuple(entry.get("columns", ())),
        not_null=tuple(entry.get("not_null", ())),
        unique=tuple((key,) if isinstance(key, str) else tuple(key) for key in entry.get("unique", ())),
        accepted_values={column: tuple(values) for column, values in entry.get("accepted_values", {}).items()},
        min_rows=entry.get("min_rows", 0),
        rules=tuple(_rule(rule, entry["table"]) for rule in entry.get("rules", ()))
        + _filled_when_landed(entry.get("filled_when_landed", ())),
    )


def _filled_when_landed(entities: Sequence[str]) -> tuple[Rule, ...]:
    """A notice if a table is empty although records have landed for it.

    It stops nothing: rows that disappear trip a gate, and incomplete records are set aside and counted."""
    if not entities:
        return ()
    listed = ", ".join(f"'{entity}'" for entity in entities)
    return (
        Rule(
            name="filled_when_landed",
            says=f"Not empty once {' or '.join(entities)} has landed",
            broken_by=f"""select 1 as is_empty from raw_ops.loads
            where concat(source, '.', entity) in ({listed}) and not exists (select 1 from {{batch}})
            having sum(landed_count) > 0""",
            needs=("raw_ops.loads",),
            kind="notice",
        ),
    )


def _rule(entry: Mapping[str, Any], table: str) -> Rule:
    _refuse_unknown(entry, _RULE_KEYS, f"{table}, rule {entry.get('name')}")
    return Rule(
        name=entry["name"],
        says=entry["says"],
        broken_by=entry["broken_by"].strip(),
        key=entry.get("key", ""),
        needs=tuple(entry.get("needs", ())),
        kind=entry.get("kind", "contract"),
    )


def _refuse_unknown(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise MerganserError(
            f"expectations.yml, {where}: {', '.join(unknown)} is not known.", f"Known keys: {', '.join(sorted(known))}."
        )


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"<{name}>", text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    return value

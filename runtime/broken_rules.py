"""Which rules a failed `keeps_rules` test found broken: column, number of rows, and keys of some of them.

dbt reports only a number. The test's compiled code runs once more, and its rows say the rest. Keys are columns of the
model that cannot be personal; no other value of a record is read.

Add here: what a broken rule says about itself. Keep out: how a rule is tested (dbt_project/tests/generic/), whether it
stops the publication (publication/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runtime.errors import MerganserError
from runtime.home import Home
from runtime.warehouse import opened

if TYPE_CHECKING:
    import duckdb

TEST = "keeps_rules"
_EXAMPLES = 5
# A column that no YAML marks (config.meta.pii) is shown only if it is not called like one that holds personal values.
_PERSONAL = re.compile(r"mail|phone|name|street|city|postal|birth|address|value|text|word|spelling|record$")


@dataclass(frozen=True)
class BrokenRule:
    """A broken rule: `broken_count` of `row_count` rows break it. `broken_rows`: a statement that selects them;
    `examples`: keys of some, as `order_id 17`."""

    rule: str
    columns: str
    broken_count: int
    row_count: int
    broken_rows: str
    examples: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The rule, the number of rows, and examples."""
        shown = f" (for example {'; '.join(self.examples)})" if self.examples else ""
        return f"{self.rule} of {self.columns} is broken by {self.broken_count:,} of {self.row_count:,} rows{shown}"


def read_broken_rules(home: Home, codes: Mapping[str, str], manifest: Mapping[str, Any]) -> dict[str, list[BrokenRule]]:
    """The broken rules of each test, by its name. `codes`: the compiled code of the failed `keeps_rules` tests.

    A test whose code cannot be run now is absent: dbt's number is all there is.
    """
    import duckdb

    found: dict[str, list[BrokenRule]] = {}
    tests = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    try:
        with opened(home) as connection:
            for name, code in codes.items():
                key = key_shown(tests.get(name, {}), manifest)
                try:
                    found[name] = list(_broken_rules(connection, code, key))
                except duckdb.Error:
                    continue
    except MerganserError:
        return found
    return found


def key_shown(test: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """The columns that name a row of a test's model: those of its shortest key that are not personal."""
    model = manifest["nodes"].get(test.get("attached_node") or "")
    if model is None:
        return []
    keys: list[list[str]] = []
    for other in manifest["nodes"].values():
        if other.get("attached_node") == test["attached_node"] and other["resource_type"] == "test":
            keys += _keys(other)
    shown = [[column for column in key if not _is_personal(model, column)] for key in sorted(keys, key=len)]
    return next((columns for columns in shown if columns), [])


def _keys(test: Mapping[str, Any]) -> Iterator[list[str]]:
    """The unique columns that a test declares: in keeps_rules, or as a test of dbt's own."""
    metadata = test.get("test_metadata") or {"name": "", "kwargs": {}}
    if metadata["name"] in ("unique", "is_unique_together"):
        kwargs = metadata["kwargs"]
        yield list(kwargs.get("columns") or [test.get("column_name") or kwargs["column_name"]])
    for entry in metadata["kwargs"].get("unique", ()) if metadata["name"] == TEST else ():
        columns = entry["columns"] if isinstance(entry, Mapping) else entry
        yield [columns] if isinstance(columns, str) else list(columns)


def _is_personal(model: Mapping[str, Any], column: str) -> bool:
    marked = model["columns"].get(column, {}).get("config", {}).get("meta", {}).get("pii")
    if marked is None and not column.endswith(("_id", "_no")):
        return _PERSONAL.search(column) is not None
    return bool(marked == "direct")


def _broken_rules(connection: duckdb.DuckDBPyConnection, code: str, key: Sequence[str]) -> Iterator[BrokenRule]:
    for rule, columns, broken_count, row_count, broken_rows in connection.execute(code).fetchall():
        rows = connection.execute(_examples(broken_rows, key)).fetchall() if key else []
        examples = [
            ", ".join(f"{name} {'null' if value is None else value}" for name, value in zip(key, row, strict=True))
            for row in rows
        ]
        shown = [example for example in examples if "@" not in example]  # an e-mail address as an id
        yield BrokenRule(rule, columns, int(broken_count), int(row_count), broken_rows, shown)


def _examples(broken_rows: str, key: Sequence[str]) -> str:
    columns = ", ".join(f'cast("{column}" as varchar)' for column in key)
    return f"select distinct {columns} from ({broken_rows}) as broken order by all limit {_EXAMPLES}"

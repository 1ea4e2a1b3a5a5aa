"""Why a rule is broken: the loads that contained the rows, their files and times, and values that are not personal.

Add here: another way from a table back to what landed. Keep out: the rules (quality.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_LOADS_SHOWN, _FILES_SHOWN, _VALUES_SHOWN = 5, 3, 5
_HARMLESS = re.compile(r"[\w .:/,()-]{1,80}")  # and no long number: see _is_harmless
_LONG_NUMBER = re.compile(r"[0-9][0-9 ().-]{5,}[0-9]")


@dataclass(frozen=True)
class Cause:
    """One load that contained rows of a broken rule. `landed`, `deleted`: records of the load."""

    source: str
    entity: str
    load_id: str
    landed_at: str
    landed: int
    deleted: int
    files: list[str] = field(default_factory=list)


def upstream(manifest: Mapping[str, Any], table: str) -> list[tuple[str, str]]:
    """The raw tables (source, entity) that a table is built from, by dbt's graph; a raw table is its own."""
    schema, name = table.split(".", 1)
    if schema.startswith("raw_"):
        return [(schema.removeprefix("raw_"), name)]
    models = [
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] == schema and (node.get("alias") or node["name"]) == name
    ]
    found = {
        (str(node["schema"]).removeprefix("raw_"), str(node.get("identifier") or node["name"]))
        for node in with_ancestors(manifest, models).values()
        if node["resource_type"] == "source"
    }
    return sorted(found)


def with_ancestors(manifest: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Nodes of dbt's graph by unique id: these, and all nodes and sources that they are built from."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    waiting = list(keys)
    found: dict[str, Mapping[str, Any]] = {}
    while waiting:
        key = waiting.pop()
        if key not in found and key in nodes:
            found[key] = nodes[key]
            waiting += nodes[key].get("depends_on", {}).get("nodes", [])
    return found


def loads_of(
    connection: duckdb.DuckDBPyConnection,
    entities: Sequence[tuple[str, str]],
    *,
    since: str = "",
    moments: Sequence[datetime] = (),
) -> list[Cause]:
    """The loads of these entities that landed or deleted records, the largest first: those of the given arrivals, else
    those after a moment."""
    causes = []
    names = [f"{source}.{entity}" for source, entity in entities]
    arrivals = list(moments)
    rows = connection.execute(_loads(), [names, since or "1970-01-01", bool(arrivals), arrivals]).fetchall()
    for source, entity, load_id, loaded_at, landed, deleted in rows:
        files = connection.execute(_files(source, entity), [load_id]).fetchall()
        causes.append(
            Cause(
                source,
                entity,
                load_id,
                loaded_at.isoformat(sep=" ", timespec="seconds") if loaded_at else "",
                int(landed or 0),
                int(deleted or 0),
                [str(name) for (name,) in files],
            )
        )
    return causes


def values_of(connection: duckdb.DuckDBPyConnection, broken_by: str, column: str) -> list[str]:
    """The most common values of a column in rows that break a rule, with counts; none that may be personal."""
    rows = connection.execute(_commonest(broken_by, column)).fetchall()
    return [f"{value} ({count:,})" for value, count in rows if value is not None and _is_harmless(str(value))]


def arrivals_of(connection: duckdb.DuckDBPyConnection, broken_by: str) -> list[datetime]:
    """When the rows that break a rule arrived, the most frequent moments first."""
    return [moment for (moment,) in connection.execute(_arrivals(broken_by)).fetchall() if moment is not None]


def _is_harmless(value: str) -> bool:
    return bool(_HARMLESS.fullmatch(value)) and not _LONG_NUMBER.search(value)


def _loads() -> str:
    return f"""
        select source, entity, load_id, loaded_at, landed_count, deleted_count from raw_ops.loads
        where list_contains($1, concat(source, '.', entity)) and landed_count + coalesce(deleted_count, 0) > 0
            and case when $3 then list_contains($4, loaded_at) else loaded_at > cast($2 as timestamp) end
        order by landed_count + coalesce(deleted_count, 0) desc, loaded_at desc limit {_LOADS_SHOWN}"""


def _files(source: str, entity: str) -> str:
    return f"""
        select distinct _file from "raw_{source}"."{entity}" where _load_id = $1 and _file is not null
        order by 1 limit {_FILES_SHOWN}"""


def _commonest(broken_by: str, column: str) -> str:
    return f"""
        select cast("{column}" as varchar), count(*) from ({broken_by}) as broken
        group by 1 order by 2 desc, 1 limit {_VALUES_SHOWN}"""


def _arrivals(broken_by: str) -> str:
    return f"select loaded_at from ({broken_by}) as broken group by 1 order by count(*) desc limit {_LOADS_SHOWN}"

"""Which nodes a build must run: those whose code, inputs or moment differ from the last time that they were built.

A table of the warehouse, ops.built_nodes, has one row for each seed, model and test that was built successfully: the
hash of its code, the versions of its inputs, and the moment (as_of) that it was built for. dbt deletes the rows of the
nodes that it is about to run (macros/platform/forget_builds.sql, a hook), and `Changes.record` writes them again for
those that succeeded. So a node of a build that was killed, that failed, or that other tools started, has no row. A node
without a row runs: whatever is not known to be unchanged is built (decision 0025).

Add here: what makes a node outdated. Keep out: how dbt is called (building.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.errors import MerganserError
from runtime.home import PROJECT_ROOT, Home
from runtime.parsing import ENVIRONMENT, installed_packages
from runtime.warehouse import opened

if TYPE_CHECKING:
    import duckdb

TABLE = "ops.built_nodes"
HOOK = "forget_builds"
KINDS = ("seed", "model", "snapshot", "test")
_FORMAT = 1  # increase it when the meaning of an entry changes: then everything is built once more
_PYTHON = ("identity", "predictions")  # the packages that Python models may import
_RAW = "raw:"
_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
_OF_THE_HOME = {"MERGANSER_AS_OF", "MERGANSER_HOME", "MERGANSER_PUBLISHED_UNTIL"}
_READS_DECLARATIONS = re.compile(r"\bgraph\b|ref\.manifest")
_RUNS_PYTHON = re.compile(r"language\s*=\s*['\"]python")
USES_THE_TIME = re.compile(
    r"run_started_at|\bas_of\(|\bnow\(|\btoday\(|\bcurrent_(?:date|timestamp|time)|\blocaltime|\bsysdate|datetime\.now"
    r"|date\.today|invocation_id|\brandom\(|\buuid\(|gen_random_uuid",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class BuiltNode:
    """How a node was built the last time.

    `relation`: `schema.name`, empty for a test. `inputs`: the version of each input at that time, by the id of the node
    or `raw:<schema>.<table>`. `as_of`: the moment it was built for. `warnings`: what a test of severity warn reported.
    """

    relation: str
    is_view: bool
    build_id: str
    code: str
    inputs: dict[str, str]
    as_of: str
    is_clocked: bool
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What a build would run, with the reason for each node (by its id, parents first), and what it would leave out."""

    running: dict[str, str]
    unchanged: list[str]

    @property
    def total(self) -> int:
        return len(self.running) + len(self.unchanged)


@dataclass(frozen=True)
class Changes:
    """The state of the warehouse and of the project before a build. Read it before any node runs, so that rows that
    land during the build count as new in the next one.

    `manifest`: dbt's, as a mapping. `moment`: as_of of the build. `raw`: a token for each raw table, which differs if a
    row or a column differs. `relations`: what exists in the warehouse. `known`: how each node was built.
    """

    home: Home
    project: Path
    manifest: Mapping[str, Any]
    moment: str
    raw: dict[str, str]
    relations: dict[str, bool]
    known: dict[str, BuiltNode]

    @classmethod
    def read(cls, home: Home, project: Path, manifest: Mapping[str, Any], moment: str) -> Changes:
        """Reads the warehouse; no record means that everything runs. Raises LockedError or MerganserError."""
        if not home.warehouse.exists() or not _is_recorded(manifest):
            return cls(home, project, manifest, moment, {}, {}, {})
        with opened(home) as connection:
            return cls(
                home,
                project,
                manifest,
                moment,
                raw=_raw_tokens(connection),
                relations=_relations(connection),
                known=_known(connection),
            )

    @property
    def is_possible(self) -> bool:
        """Whether builds of this project are recorded at all: only by DuckDB, and only with the hook."""
        return _is_recorded(self.manifest)

    @cached_property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """The nodes that a build runs, parents first."""
        found = {key: node for key, node in self.manifest["nodes"].items() if node["resource_type"] in KINDS}
        ordered: dict[str, dict[str, Any]] = {}

        def add(key: str) -> None:
            if key in ordered or key not in found:
                return
            for parent in _parents(found[key]):
                add(parent)
            ordered[key] = found[key]

        for key in found:
            add(key)
        return ordered

    def plan(self, *, everything: bool = False, tests: bool = True) -> Plan:
        """What a build of the whole project must run. `everything`: all nodes; without `tests`, no test."""
        running: dict[str, str] = {}
        unchanged = []
        chosen = {key: node for key, node in self.nodes.items() if tests or node["resource_type"] != "test"}
        passed = _Moments(self)
        with passed:
            for key, node in chosen.items():
                reason = "everything was asked for" if everything else self._reason(key, node, running, passed)
                if reason:
                    running[key] = reason
                else:
                    unchanged.append(key)
        return Plan(running, unchanged)

    def _reason(self, key: str, node: Mapping[str, Any], running: Mapping[str, str], passed: _Moments) -> str:
        """Why a node must run; empty if it need not."""
        built = self.known.get(key)
        if built is None:
            return (
                "not built yet" if _relation(node) not in self.relations else "its last build is not known to be good"
            )
        if built.relation and self.relations.get(built.relation) is not built.is_view:
            return f"{built.relation} is gone"
        if built.code != self.codes[key]:
            return "its code changed"
        inputs = self.inputs(key)
        for one in inputs:
            if one in running:
                return f"{self.manifest['nodes'][one]['name']} runs"
        for one, version in inputs.items():
            if not version or built.inputs.get(one) != version:
                if one.startswith(_RAW):
                    return f"new rows in {one.removeprefix(_RAW)}"
                return f"{self.manifest['nodes'][one]['name']} was built since"
        if len(inputs) != len(built.inputs):
            return "it has other inputs"
        return passed.reason(key, node, built)

    def warnings(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """What these nodes reported when they ran last."""
        return [warning for key in keys if key in self.known for warning in self.known[key].warnings]

    def inputs(self, key: str) -> dict[str, str]:
        """The version of each input of a node now; empty text for an input that is not known."""
        return {one: self._version(one) for one in self._input_names[key]}

    @cached_property
    def _input_names(self) -> dict[str, list[str]]:
        return {key: list(self._inputs_of(node)) for key, node in self.nodes.items()}

    def _inputs_of(self, node: Mapping[str, Any]) -> Iterator[str]:
        code = self._uncommented(node)
        for parent in _parents(node):
            if parent in self.manifest["nodes"]:
                yield parent
            elif parent in self.manifest["sources"]:
                source = self.manifest["sources"][parent]
                yield f"{_RAW}{source['schema']}.{source['identifier']}"
                if "union_feeds(" in code:  # it also reads the table in the schemas of the source's further feeds
                    yield from (
                        f"{_RAW}{table}"
                        for table in sorted(self.raw)
                        if table.startswith(f"{source['schema']}_") and table.endswith(f".{source['identifier']}")
                    )
        if "schemas_with_table(" in _without_comments(node.get("raw_code") or ""):
            yield from (f"{_RAW}{table}" for table in sorted(self.raw))

    def _version(self, name: str) -> str:
        if name.startswith(_RAW):
            return self.raw.get(name.removeprefix(_RAW), "")
        return _version(name, self.known, self.raw, self._versions)

    @cached_property
    def _versions(self) -> dict[str, str]:
        return {}

    # What shapes a node.

    @cached_property
    def codes(self) -> dict[str, str]:
        """The hash of everything that shapes each node, except for its inputs and the moment."""
        return {key: self._code(node) for key, node in self.nodes.items()}

    def _code(self, node: Mapping[str, Any]) -> str:
        config = {name: value for name, value in node["config"].items() if name != "docs"}
        columns = [
            [column["name"], column.get("data_type"), column.get("quote"), column.get("constraints")]
            for column in node["columns"].values()
        ]
        parts = [
            self._everywhere,
            node.get("language"),
            config,
            columns,
            node.get("constraints"),
            _relation(node),
            node.get("test_metadata"),
            node.get("column_name"),
            node.get("attached_node"),
            sorted(_parents(node)),
        ]
        text = self._code_text(node)
        parts.append(text)
        if node["resource_type"] == "seed":
            parts.append(_hash_of_file(Path(node["root_path"] or self.project, node["original_file_path"])))
        if _READS_DECLARATIONS.search(text):
            parts.append(self._declarations)
        if node.get("language") == "python" or _RUNS_PYTHON.search(text):
            parts.append(_hash_of_packages())
        parts.append({name: os.environ.get(name) for name in ENVIRONMENT.findall(text) if name not in _OF_THE_HOME})
        return _hash(parts)

    def _code_text(self, node: Mapping[str, Any]) -> str:
        """The code of a node and of all macros of the project that it uses."""
        return (node.get("raw_code") or "") + self._macro_text(self._roots(node))

    def _uncommented(self, node: Mapping[str, Any]) -> str:
        roots = self._roots(node)
        if roots not in self._uncommented_texts:
            self._uncommented_texts[roots] = _without_comments(self._macro_text(roots))
        return _without_comments(node.get("raw_code") or "") + self._uncommented_texts[roots]

    def _roots(self, node: Mapping[str, Any]) -> frozenset[str]:
        return frozenset([*(node["depends_on"].get("macros") or []), *self._materialization(node)])

    @cached_property
    def _uncommented_texts(self) -> dict[frozenset[str], str]:
        return {}

    def _materialization(self, node: Mapping[str, Any]) -> list[str]:
        """The project's own materialization of a node. dbt does not name it among the macros that the node uses."""
        name = f".materialization_{node['config'].get('materialized')}_"
        return [key for key in self._macros if name in key]

    @cached_property
    def _macros(self) -> dict[str, dict[str, Any]]:
        """The macros of this project; those of dbt and its adapter change only with their versions."""
        return {
            key: macro
            for key, macro in self.manifest["macros"].items()
            if macro["package_name"] not in ("dbt", "dbt_duckdb")
        }

    def _macro_text(self, roots: frozenset[str]) -> str:
        if roots not in self._macro_texts:
            reached = self._reached(roots)
            self._macro_texts[roots] = "".join(self._macros[key]["macro_sql"] for key in sorted(reached))
        return self._macro_texts[roots]

    @cached_property
    def _macro_texts(self) -> dict[frozenset[str], str]:
        return {}

    def _reached(self, roots: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        waiting = [key for key in roots if key in self._macros]
        while waiting:
            key = waiting.pop()
            if key not in reached:
                reached.add(key)
                waiting += [used for used in self._macros[key]["depends_on"]["macros"] if used in self._macros]
        return reached

    @cached_property
    def _everywhere(self) -> str:
        """The hash of what shapes all nodes: variables, installed packages, and macros that no node names."""
        named = {key for node in self.nodes.values() for key in node["depends_on"].get("macros") or []}
        named |= {key for key in self._macros if ".materialization_" in key}
        unnamed = set(self._macros) - self._reached(named)
        return _hash(
            [
                _FORMAT,
                [_hash_of_file(self.project / name) for name in ("dbt_project.yml", "profiles.yml")],
                os.environ.get("MERGANSER_TARGET"),
                sys.version,
                installed_packages(),
                [self._macros[key]["macro_sql"] for key in sorted(self._reached(unnamed))],
            ]
        )

    @cached_property
    def _declarations(self) -> str:
        """The hash of what macros find in dbt's `graph`: the meta of models, and their tests."""
        return _hash(
            [
                [key, node["config"].get("meta"), *map(node.get, ("test_metadata", "column_name", "attached_node"))]
                for key, node in sorted(self.nodes.items())
            ]
        )

    def clock(self, node: Mapping[str, Any]) -> str | list[dict[str, Any]] | None:
        """What a node says about the time in its config: `always`, `daily`, a list of columns, or None."""
        declared = (node["config"].get("meta") or {}).get("clock")
        if declared is not None:
            return declared  # type: ignore[no-any-return]
        if node["resource_type"] == "model" and self.reads_the_time(node):
            return "always"  # it does not say when its rows change
        return None

    def reads_the_time(self, node: Mapping[str, Any]) -> bool:
        """Whether a node, or a macro that it uses, reads the moment, the system's time or a random value."""
        return USES_THE_TIME.search(self._uncommented(node)) is not None

    # The record.

    def record(self, build_id: str, outcomes: Mapping[str, bool], warnings: Mapping[str, list[dict[str, Any]]]) -> None:
        """Writes how the nodes of a build were built. `outcomes`: whether each node that dbt ran succeeded.

        The models of a failed test get no entry: they run again, and so does the test.
        """
        import duckdb

        if not self.is_possible:
            return
        failed = [key for key, succeeded in outcomes.items() if not succeeded and key in self.nodes]
        doubtful = {*failed}
        for key in failed:
            if self.nodes[key]["resource_type"] == "test":
                doubtful |= set(_parents(self.nodes[key]))
        good = [key for key in self.nodes if outcomes.get(key) and key not in doubtful]
        known = {key: built for key, built in self.known.items() if key not in outcomes and key not in doubtful}
        memory: dict[str, str] = {}
        for key in good:  # parents first, so that their versions are those of this build
            node = self.nodes[key]
            known[key] = BuiltNode(
                relation=_relation(node),
                is_view=node["config"].get("materialized") == "view",
                build_id=build_id,
                code=self.codes[key],
                inputs={
                    one: self.raw.get(one.removeprefix(_RAW), "")
                    if one.startswith(_RAW)
                    else _version(one, known, self.raw, memory)
                    for one in self._input_names[key]
                },
                as_of=self.moment,
                is_clocked=self.clock(node) is not None,
                warnings=list(warnings.get(key, [])),
            )
            memory.pop(key, None)
        entries = {key: json.dumps({"format": _FORMAT, **vars(known[key])}) for key in good}
        with suppress(duckdb.Error, MerganserError):  # a full disk: without entries, everything runs again
            self._write(sorted(doubtful | outcomes.keys()), entries)

    def _write(self, outdated: Sequence[str], entries: Mapping[str, str]) -> None:
        with opened(self.home, read_only=False) as connection:
            if not _has_table(connection):
                return
            connection.execute("begin")
            connection.execute(f"delete from {TABLE} where list_contains($1, node)", [outdated])
            connection.execute(
                f"insert into {TABLE} select unnest($1), unnest($2)", [list(entries), list(entries.values())]
            )
            connection.execute("commit")


def versions(home: Home) -> dict[str, str]:
    """The version of each seed and model that was built successfully, by its relation (`schema.name`).

    Two equal versions mean equal content. A relation whose last build failed or was killed is absent. Raises
    LockedError or MerganserError.
    """
    if not home.warehouse.exists():
        return {}
    with opened(home) as connection:
        known, raw, there = _known(connection), _raw_tokens(connection), _relations(connection)
    memory: dict[str, str] = {}
    return {
        built.relation: _version(key, known, raw, memory)
        for key, built in known.items()
        if built.relation and there.get(built.relation) is built.is_view
    }


def forget_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Deletes the record: the next build runs everything. For work that changes rows of raw tables in place."""
    if _has_table(connection):
        connection.execute(f"delete from {TABLE}")


class _Moments:
    """Answers whether a moment that a model waits for has passed since it was built."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._answers: dict[tuple[str, str, str, datetime], str] = {}
        self._opened: Any = None
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)

    def reason(self, key: str, node: Mapping[str, Any], built: BuiltNode) -> str:
        """Why time makes a node run; empty if it does not."""
        declared = self._changes.clock(node) if built.as_of != self._changes.moment else None
        if declared is None:
            return ""
        before, now = _moment(built.as_of), _moment(self._changes.moment)
        if before is None or now is None or before > now:
            return "the moment went back"
        if declared == "daily":
            return "a day has passed" if before.date() != now.date() else ""
        if not isinstance(declared, list):
            return "the time has passed"
        for column in declared:
            reason = self._passed(node, column, before, now)
            if reason:
                return reason
        return ""

    def _passed(self, node: Mapping[str, Any], entry: Mapping[str, Any], before: datetime, now: datetime) -> str:
        owner = self._owner(node, entry)
        if owner is None:
            return f"its clock names {entry.get('relation')}, which it is not built from"
        shift = f"to_{entry.get('unit', 'day')}s({int(entry.get('shift', 0))})"
        question = (_quoted(owner), str(entry.get("column")), shift, before)
        if question not in self._answers:
            self._answers[question] = self._ask(*question, now)
        return self._answers[question] and f"{owner['name']}: {self._answers[question]}"

    def _owner(self, node: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The node whose column decides: of the name given, from which this one is built, or this one itself."""
        if "relation" not in entry:
            key = node["unique_id"] if node["resource_type"] == "model" else node.get("attached_node")
            return self._changes.nodes.get(key or "")
        waiting, seen = list(_parents(node)), set()
        while waiting:
            key = waiting.pop()
            parent = self._changes.nodes.get(key)
            if parent is None or key in seen:
                continue
            if parent["name"] == entry["relation"]:
                return parent
            seen.add(key)
            waiting += _parents(parent)
        return None

    def _ask(self, relation: str, column: str, shift: str, before: datetime, now: datetime) -> str:
        import duckdb

        if self._connection is None:
            self._opened = opened(self._changes.home)
            connection = self._opened.__enter__()
            connection.execute("set TimeZone = 'UTC'")
            self._connection = connection
        try:
            rows = self._connection.sql(f"select {column} as moment from {relation}")
            kind = "date" if str(rows.types[0]) == "DATE" else "timestamp"
            bound = f"cast(cast($1 as timestamp) + {shift} as {kind})"
            until = bound.replace("$1", "$2")
            found = self._connection.execute(
                f"select {bound} <> {until} and exists(select 1 from (select {column} as moment from {relation})"
                f" where moment >= {bound} and moment <= {until})",
                [before, now],
            ).fetchone()
        except duckdb.Error:
            return "its clock cannot be read"
        return "the moment of a row has passed" if found is None or found[0] else ""


def _version(key: str, known: Mapping[str, BuiltNode], raw: Mapping[str, str], memory: dict[str, str]) -> str:
    """The version of a node: of a table the build that wrote it; of a view a hash of its code and of what it reads."""
    built = known.get(key)
    if built is None:
        return ""
    if not built.is_view:
        return built.build_id
    if key not in memory:
        reads = {
            one: raw.get(one.removeprefix(_RAW), "") if one.startswith(_RAW) else _version(one, known, raw, memory)
            for one in built.inputs
        }
        memory[key] = _hash([built.code, reads, built.as_of if built.is_clocked else ""])
    return memory[key]


def _is_recorded(manifest: Mapping[str, Any]) -> bool:
    hooks = (node for node in manifest["nodes"].values() if node["resource_type"] == "operation")
    return manifest["metadata"].get("adapter_type") == "duckdb" and any(HOOK in hook["raw_code"] for hook in hooks)


def _parents(node: Mapping[str, Any]) -> Sequence[str]:
    return (node.get("depends_on") or {}).get("nodes") or ()


def _relation(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node['alias']}" if node["resource_type"] != "test" else ""


def _quoted(node: Mapping[str, Any]) -> str:
    return f'"{node["schema"]}"."{node["alias"]}"'


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _hash(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _hash_of_file(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _hash_of_packages() -> str:
    paths = sorted(path for name in _PYTHON for path in (PROJECT_ROOT / name).rglob("*.py"))
    return _hash([[str(path.relative_to(PROJECT_ROOT)), _hash_of_file(path)] for path in paths])


def _without_comments(code: str) -> str:
    return _COMMENT.sub("", code)


def _has_table(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where database_name = current_database()"
            " and schema_name || '.' || table_name = $1",
            [TABLE],
        ).fetchone()
    )


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, BuiltNode]:
    """The record; without an entry that another version wrote or that occurs twice."""
    if not _has_table(connection):
        return {}
    known: dict[str, BuiltNode] = {}
    for key, entry in connection.execute(
        f"select node, any_value(entry) from {TABLE} group by 1 having count(*) = 1"
    ).fetchall():
        try:
            content = json.loads(entry)
            if content.pop("format") == _FORMAT:
                known[key] = BuiltNode(**content)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return known


def _relations(connection: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """What exists in the warehouse: `schema.name`, and whether it is a view."""
    return dict(
        connection.execute(
            "select schema_name || '.' || table_name, false from duckdb_tables()"
            " where database_name = current_database()"
            " union all select schema_name || '.' || view_name, true from duckdb_views()"
            " where database_name = current_database() and not internal"
        ).fetchall()
    )


def _raw_tokens(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """A token per raw table, which differs if a column, or what the table holds, differs.

    Ingestion only adds rows and marks them, with the time of the load: so counts and the latest times suffice, which
    are narrow to read. Rows of a table without such columns are hashed. What rewrites rows calls forget_all.
    """
    columns: dict[str, list[tuple[str, str]]] = {}
    for schema, table, name, kind in connection.execute(
        "select columns.schema_name, columns.table_name, columns.column_name, columns.data_type"
        " from duckdb_columns() as columns"
        " inner join duckdb_tables() as tables using (database_oid, schema_oid, table_oid)"
        " where columns.database_name = current_database() and starts_with(columns.schema_name, 'raw_')"
        " order by columns.schema_name, columns.table_name, columns.column_index"
    ).fetchall():
        columns.setdefault(f'"{schema}"."{table}"', []).append((name, kind))
    if not columns:
        return {}
    statements = [_token_of(table, [name for name, _ in names]) for table, names in columns.items()]
    tokens = dict(connection.execute(" union all ".join(statements)).fetchall())
    return {table.replace('"', ""): _hash([tokens[table], names]) for table, names in columns.items()}


def _token_of(table: str, names: Sequence[str]) -> str:
    if {"_loaded_at", "_superseded_at", "_deleted_at"} <= set(names):
        facts = "max(_loaded_at), count(_superseded_at), max(_superseded_at), count(_deleted_at), max(_deleted_at)"
    else:
        facts = f"bit_xor(hash({', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)}))"
    return f"select '{table}' as place, concat_ws('|', count(*), {facts}) as token from {table}"

"""Compares a build with the last publication, table by table and row by row, and reports which gates trip.

The last publication is the home's serving file. Add here: another comparison of marts, segments or exports. Keep out:
thresholds (gates.yml), numbers about raw tables (raw_metrics.py), rules about one build alone (expectations.yml).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from publication import raw_metrics
from publication.dbt_rules import KEYS, dbt_rules
from publication.gates import NOT_READABLE, Gate, gates_of, layer_gates
from publication.raw_metrics import Finding, Metric, Values
from publication.serving_file import unchanged_tables

if TYPE_CHECKING:
    import duckdb

    from runtime.home import Home

_OLD = "last_publication"
_NEW_ROWS = "temp.main.rows_since_last_publication"
_UNUSUAL = 0.01  # share of the old rows below which a currency counts as unknown


@dataclass(frozen=True)
class Comparison:
    """The findings of the gates, and the numbers to store. `build_id`: the last publication, empty if there is none;
    `tables`: the tables that were compared."""

    build_id: str = ""
    published_at: str = ""
    findings: list[Finding] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Pair:
    """One table in both files: its gates, its key, and the columns that both have in the same type."""

    connection: duckdb.DuckDBPyConnection
    table: str
    gates: Mapping[str, Gate]
    key: tuple[str, ...]
    columns: Mapping[str, str]
    new_sources: frozenset[str]

    @property
    def old(self) -> str:
        return f"{_OLD}.{self.table}"

    def one(self, statement: str) -> tuple[Any, ...]:
        return self.connection.execute(statement).fetchone() or ()

    def row_counts(self) -> tuple[int, int]:
        old, new = self.one(f"select (select count(*) from {self.old}), (select count(*) from {self.table})")
        return int(old), int(new)

    def finding(self, gate: Gate, says: str, count: int, source: str = "") -> Finding:
        return Finding(self.table, gate.name, says, int(count), source)


def compare(
    home: Home, connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], versions: Mapping[str, str]
) -> Comparison:
    """Compares the warehouse behind a connection with the home's serving file. `versions`: by relation
    (runtime/changes.py); a table with the version that was published is the same.

    Raises MerganserError if a model declares an unknown gate.
    """
    if not home.serving.exists():
        return Comparison(metrics=raw_metrics.measure(connection, {}))
    import duckdb

    try:
        connection.execute(f"attach {_literal(str(home.serving))} as {_OLD} (read_only)")
        built = connection.execute(f"select build_id, published_at from {_OLD}.main.build_info").fetchone()
    except duckdb.Error:
        built = None
    if built is None:
        says = "The last serving file cannot be read, so nothing is compared with it"
        return Comparison(
            findings=[Finding("serving", NOT_READABLE, says, 1)], metrics=raw_metrics.measure(connection, {})
        )
    before = _metrics_before(connection)
    metrics = raw_metrics.measure(connection, before)
    now = {(metric.relation, metric.measure, metric.subject): metric.value for metric in metrics}
    findings = [*raw_metrics.find(before, now), *raw_metrics.emptied(connection, str(built[1]))]
    pairs = list(_pairs(connection, manifest, frozenset(raw_metrics.new_sources(before, metrics))))
    same = unchanged_tables(home, versions)
    for pair in pairs:
        if pair.table not in same:
            findings += _differences(pair)
    return Comparison(str(built[0]), str(built[1]), findings, metrics, [pair.table for pair in pairs])


def _differences(pair: _Pair) -> Iterator[Finding]:
    old, new = pair.row_counts()
    if not old:
        return
    if "size_changed" in pair.gates:
        gate, explained = pair.gates["size_changed"], new > old and pair.new_sources
        if not explained and gate.trips(abs(new - old) / old, abs(new - old)):
            says = f"{old:,} rows became {new:,} (at most {gate.at_most:.0%} may come or go at once)"
            yield pair.finding(gate, says, abs(new - old))
        return
    if pair.table == "marts.dim_consents":
        yield from _reach(pair)
    gate = pair.gates["rows_fell"]
    if gate.trips((old - new) / old, old - new):
        yield pair.finding(gate, f"{old:,} rows became {new:,} (at most {gate.at_most:.0%} may go)", old - new)
    yield from _by_source(pair) if "source" in pair.columns else _growth(pair, old, new)
    if pair.key:
        yield from _old_rows(pair)
        pair.connection.execute(_create_new_rows(pair))
        (count,) = pair.one(f"select count(*) from {_NEW_ROWS}")
        yield from _copies(pair, count)
        yield from _new_rows(pair, count)


def _reach(pair: _Pair) -> Iterator[Finding]:
    gate = layer_gates("consent")["reach_changed"]
    for purpose, channel, old, new in pair.connection.execute(_granted(pair)).fetchall():
        if old and not (new > old and pair.new_sources) and gate.trips(abs(new - old) / old, abs(new - old)):
            says = f"{old:,} customers had granted {purpose} over {channel}, and {new:,} have"
            yield pair.finding(gate, says, abs(new - old))


def _by_source(pair: _Pair) -> Iterator[Finding]:
    """Compares each source with itself: growth of others can hide a loss, and a new source is not growth."""
    gate = pair.gates["source_rows_fell"]
    old_rows, new_rows = 0, 0
    for source, old, new in pair.connection.execute(_rows_by_source(pair)).fetchall():
        old_rows, new_rows = old_rows + old, new_rows + new
        if gate.trips((old - new) / old, old - new):
            says = f"{old:,} rows of {source} became {new:,} (at most {gate.at_most:.0%} may go)"
            yield pair.finding(gate, says, old - new, str(source))
    yield from _growth(pair, old_rows, new_rows)


def _growth(pair: _Pair, old: int, new: int) -> Iterator[Finding]:
    gate = pair.gates["rows_grew"]
    if "source" not in pair.columns and pair.new_sources:
        return
    if gate.trips((new - old) / old, new - old):
        says = f"{old:,} rows became {new:,} (at most {gate.at_most:.0%} may come at once)"
        yield pair.finding(gate, says, new - old)


def _old_rows(pair: _Pair) -> Iterator[Finding]:
    """Compares the rows of the last publication with the new ones, by key."""
    others = [column for column in pair.columns if column not in pair.key]
    watched = [column for column in pair.gates["values_changed"].columns if column in others]
    both = "old_row.is_there and new_row.is_there"
    counts = {
        ("old", ""): "count(*) filter (where old_row.is_there)",
        ("gone", ""): "count(*) filter (where old_row.is_there and new_row.is_there is null)",
    }
    for column in others:
        was = f'{both} and old_row."{column}" is not null'
        counts["had", column] = f"count(*) filter (where {was})"
        counts["lost", column] = f'count(*) filter (where {was} and new_row."{column}" is null)'
        if column in watched:
            counts["changed", column] = f'count(*) filter (where {both} and old_row."{column}" <> new_row."{column}")'
    found = dict(zip(counts, pair.one(_joined(pair, ", ".join(counts.values()))), strict=True))
    gate, rows, gone = pair.gates["rows_gone"], found["old", ""], found["gone", ""]
    if rows and gate.trips(gone / rows, gone):
        yield pair.finding(gate, f"{gone:,} of {rows:,} keys are gone (at most {gate.at_most:.0%})", gone)
    for measure, name, word in (("lost", "values_lost", "empty"), ("changed", "values_changed", "different")):
        gate = pair.gates[name]
        for column in others if measure == "lost" else watched:
            had, count = found["had", column], found[measure, column]
            if had and gate.trips(count / had, count):
                says = (
                    f"{column} is {word} now in {count:,} of {had:,} rows that had a value (at most {gate.at_most:.0%})"
                )
                yield pair.finding(gate, says, count)


def _copies(pair: _Pair, count: int) -> Iterator[Finding]:
    gate = pair.gates["copied_rows"]
    content = [column for column in gate.columns if column in pair.columns and column not in pair.key]
    if "occurred_at" in content and count > gate.beyond:
        same = " and ".join(f'old_row."{column}" is not distinct from new_row."{column}"' for column in content)
        (copies,) = pair.one(
            f"""select count(*) from {_NEW_ROWS} as new_row
            where exists (select 1 from {pair.old} as old_row where {same})"""
        )
        if gate.trips(copies / count, copies):
            says = f"{copies:,} of {count:,} new keys have the content of old ones ({', '.join(content)})"
            yield pair.finding(gate, says, copies)


def _new_rows(pair: _Pair, count: int) -> Iterator[Finding]:
    """Examines the new rows: amounts, customers, currencies and times."""
    gate = pair.gates["new_amounts_shifted"]
    for column, kind in pair.columns.items():
        if kind.startswith("DECIMAL") and column in pair.gates["values_changed"].columns and count > gate.beyond:
            old, new = pair.one(f"select ({_median(column, pair.old)}), ({_median(column, _NEW_ROWS)})")
            (filled,) = pair.one(f'select count(nullif("{column}", 0)) from {_NEW_ROWS}')
            if old and new and gate.trips(max(new / old, old / new), filled):
                says = f"The median of {column} in {filled:,} new rows is {new / old:,.3g} times that of the old ones"
                yield pair.finding(gate, says, filled)
    gate = pair.gates["new_rows_on_one_customer"]
    if "customer_id" in pair.columns and "customer_id" not in pair.key and count > gate.beyond:
        old_rows, old_top, new_top = pair.one(
            f"select (select count(*) from {pair.old}), ({_largest(pair.old)}), ({_largest(_NEW_ROWS)})"
        )
        if new_top and (old_top or 0) / old_rows < gate.at_most / 2 and gate.trips(new_top / count, new_top):
            yield pair.finding(gate, f"{new_top:,} of {count:,} new rows belong to one customer", new_top)
    gate = pair.gates["new_currency"]
    if "currency_code" in pair.columns and count > gate.beyond:
        (unusual,) = pair.one(_rows_in_unusual_currencies(pair))
        if gate.trips(unusual / count, unusual):
            says = f"{unusual:,} of {count:,} new rows are in a currency that was all but unknown"
            yield pair.finding(gate, says, unusual)
    gate = pair.gates["future_rows"]
    if "occurred_at" in pair.columns and count:
        (future,) = pair.one(
            f"select count(*) from {_NEW_ROWS} where occurred_at > cast(now() as timestamp) + interval 2 day"
        )
        if gate.trips(future / count, future):
            yield pair.finding(gate, f"{future:,} of {count:,} new rows lie in the future", future)


def _pairs(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], sources: frozenset[str]
) -> Iterator[_Pair]:
    """The published models that are in both files."""
    columns: dict[tuple[str, str, str], dict[str, str]] = {}
    for catalog, schema, table, column, kind in connection.execute(_all_columns()).fetchall():
        columns.setdefault(("old" if catalog == _OLD else "new", schema, table), {})[column] = kind
    keys = _keys(manifest)
    for identity, model in sorted(manifest["nodes"].items()):
        schema, name = model["schema"], model.get("alias") or model["name"]
        if model["resource_type"] != "model" or schema not in ("marts", "segments", "exports"):
            continue
        old, new = columns.get(("old", schema, name)), columns.get(("new", schema, name))
        if not old or not new:
            continue
        shared = {column: kind for column, kind in new.items() if old.get(column) == kind}
        key = keys.get(identity, ())
        layer = "marts" if name.startswith("fct_") else schema  # memberships are in the schema of the segments
        yield _Pair(
            connection,
            f"{schema}.{name}",
            gates_of(model, layer),
            key if set(key) <= set(shared) else (),
            shared,
            sources,
        )


def _keys(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The shortest key of each model, by its uniqueness tests."""
    keys: dict[str, tuple[str, ...]] = {}
    for rule in dbt_rules(manifest):
        if rule.kind in KEYS and not rule.where and len(rule.columns) < len(keys.get(rule.model, (*rule.columns, ""))):
            keys[rule.model] = rule.columns
    return keys


def _metrics_before(connection: duckdb.DuckDBPyConnection) -> Values:
    """The numbers that the last publication stored; empty if it is from a version without them."""
    import duckdb

    try:
        rows = connection.execute(_last_metrics()).fetchall()
    except duckdb.CatalogException:
        return {}
    return {(relation, measure, subject): float(value) for relation, measure, subject, value in rows}


def _last_metrics() -> str:
    return f"""
        select relation, measure, subject, value from {_OLD}.main.{raw_metrics.METRICS_TABLE}
        where build_id = (select build_id from {_OLD}.main.build_info)"""


def _all_columns() -> str:
    return "select table_catalog, table_schema, table_name, column_name, data_type from information_schema.columns"


def _granted(pair: _Pair) -> str:
    reach = "select purpose, channel, count(*) as customers from {} where status = 'granted' group by 1, 2"
    return f"""
        select purpose, channel, coalesce(old.customers, 0), coalesce(new.customers, 0)
        from ({reach.format(pair.old)}) as old
        full outer join ({reach.format(pair.table)}) as new using (purpose, channel) order by 1, 2"""


def _rows_by_source(pair: _Pair) -> str:
    counted = "select source, count(*) as row_count from {} group by 1"
    return f"""
        select source, old.row_count, coalesce(new.row_count, 0)
        from ({counted.format(pair.old)}) as old
        left join ({counted.format(pair.table)}) as new using (source) order by 1"""


def _joined(pair: _Pair, selected: str) -> str:
    return f"""
        select {selected}
        from (select *, true as is_there from {pair.old}) as old_row
        full outer join (select *, true as is_there from {pair.table}) as new_row on {_same_key(pair)}"""


def _create_new_rows(pair: _Pair) -> str:
    return f"""
        create or replace temp table {_NEW_ROWS.rsplit(".", 1)[-1]} as select * from {pair.table} as new_row
        where not exists (select 1 from {pair.old} as old_row where {_same_key(pair)})"""


def _same_key(pair: _Pair) -> str:
    return " and ".join(f'old_row."{column}" = new_row."{column}"' for column in pair.key)


def _median(column: str, relation: str) -> str:
    return f'select approx_quantile(nullif(abs(cast("{column}" as double)), 0), 0.5) from {relation}'


def _largest(relation: str) -> str:
    counted = f"select count(*) as row_count from {relation} where customer_id is not null group by customer_id"
    return f"select max(row_count) from ({counted})"


def _rows_in_unusual_currencies(pair: _Pair) -> str:
    return f"""
        select count(*) from {_NEW_ROWS} where currency_code not in (
            select currency_code from {pair.old} where currency_code is not null
            group by 1 having count(*) > {_UNUSUAL} * (select count(*) from {pair.old})
        )"""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Profiles: statistics of a load per column, computed from a sample of its records and stored in raw_ops.load_profiles.

A profile has counts, quantiles and hashes, never a value of a record. Each unit (a file, or the files of one
extraction) that can be held on its own has one. While an entity has few profiles, slices of a load in the order of its
version are profiled too: they show the usual variation. An entity with rows and without profiles (small loads, or a
warehouse from before profiles) is profiled from its raw table when needed.

Add here when a gate needs another statistic. Keep out: which statistics break a gate (gates.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion.spec import EntitySpec
from ingestion.statements import literal, quote

SAMPLE_ROWS = 5_000  # one standard error of a share is then at most 0.7 points
LARGEST_SAMPLE_ROWS = 30_000
ROWS_PER_UNIT = 100  # of the sample, if a load has many files
SMALLEST_PROFILE_ROWS = 30
SLICE_ROWS = 50
MOST_SLICES = 8
PROFILES_KEPT = 40  # per entity: the latest units and slices
FEW_VALUES = 40  # the distribution of values is stored for columns with at most so many distinct values

# Text that was UTF-8 and was decoded as Latin-1 or Windows-1252, replacement characters, and letters that became "?".
_BROKEN = (
    r"[ÃÂÐÑ][\x{80}-\x{BF}\x{152}\x{153}\x{160}\x{161}\x{178}\x{17D}\x{17E}\x{192}\x{2C6}\x{2DC}\x{2013}-\x{203A}"
    r"\x{20AC}\x{2122}]|â€|\x{FFFD}|\p{L}\?\p{L}"
)
_TEXT_SHAPES = {
    "at": "value like '%@%'",
    "space": "value like '% %'",
    "scheme": "value like '%://%'",
    "plus": "value like '+%'",
    "long": "length(value) >= 32",
    "upper": "value = upper(value) and value <> lower(value)",
    "code": "length(value) <= 3 and value = upper(value) and value <> lower(value)",
    "numeric": "try_cast(value as double) is not null",
    "broken": f"regexp_matches(value, {literal(_BROKEN)})",
}
_NUMBER_SHAPES = {"negative": "value like '-%'", "zero": "try_cast(value as double) = 0"}
_TIME_SHAPES = {
    "old": "value < '1971'",
    "future": "value > $tomorrow",
    "midnight": "value like '% 00:00:00'",
}


@dataclass(frozen=True)
class ColumnProfile:
    """Statistics of a column in the sampled records.

    `low`, `median`, `high`: the 10th, 50th and 90th percentile of the absolute values of numbers other than 0. `shapes`
    counts what values look like: distinct values of text, records of numbers and timestamps. `hours`: records by hour
    of the day. `mix`: records by hash of the value, for a column with few values.
    """

    filled: int
    distinct: int
    top: int
    low: float | None
    median: float | None
    high: float | None
    shapes: Mapping[str, int]
    hours: Mapping[int, int] | None
    mix: Mapping[int, int] | None


EMPTY = ColumnProfile(0, 0, 0, None, None, None, {}, None, None)


@dataclass(frozen=True)
class Profile:
    """Statistics of one unit, or of one slice of it. `rows`: sampled records. A column without a value is absent."""

    unit: str
    slice: int | None
    rows: int
    columns: Mapping[str, ColumnProfile]

    def column(self, name: str) -> ColumnProfile:
        """The statistics of a column."""
        return self.columns.get(name, EMPTY)


def kind_of(column_type: str) -> str:
    """The kind of a declared type in a profile: number, time or text."""
    if column_type in ("bigint", "double") or column_type.startswith("decimal"):
        return "number"
    return "time" if column_type in ("date", "timestamp") else "text"


def profiled_columns(entity: EntitySpec) -> list[str]:
    """Columns that the source fills: without fixed values and the columns of a loader."""
    return [name for name, column in entity.columns.items() if column.value is None and column.compared]


def _order(entity: EntitySpec) -> str | None:
    """The column that orders slices by time, so that they differ like one load from the next."""
    moments = [name for name in profiled_columns(entity) if entity.columns[name].type == "timestamp"]
    required = [name for name in moments if entity.columns[name].required]
    return next(iter([*filter(None, (entity.watermark, entity.version)), *required, *moments]), None)


def take_sample(
    connection: duckdb.DuckDBPyConnection,
    entity: EntitySpec,
    relation: str,
    *,
    unit: str,
    number: str,
    share: int,
    slices: bool,
) -> None:
    """Creates the temporary table `sample` with one of `share` records of a relation.

    `unit`: an expression for the unit of a record. `number`: an expression that differs between records.
    """
    columns = ", ".join(quote(name) for name in entity.columns)
    where = f" where hash({number}) % {share} = 0" if share > 1 else ""
    order = _order(entity)
    place = f"row_number() over (partition by unit order by {quote(order) + ', ' if order else ''}_file, _row) - 1"
    count = "count(*) over (partition by unit)"
    slice_count = f"least({MOST_SLICES}, {count} // {SLICE_ROWS})"
    part = f"({place}) * {slice_count} // {count}" if slices else "cast(0 as bigint)"
    connection.execute(
        f"create or replace temp table sample as select *, {part} as slice, {slice_count} as slice_count"
        f" from (select {unit} as unit, {columns}, _file, _row from {relation}{where})"
    )


def profile_sample(
    connection: duckdb.DuckDBPyConnection, entity: EntitySpec, *, tomorrow: str, slices: bool
) -> list[Profile]:
    """Computes the profiles of the units in `sample`, and of their slices."""
    names = profiled_columns(entity)
    kinds = {name: kind_of(entity.columns[name].type) for name in names}
    texts = ", ".join(f"left(cast({quote(name)} as varchar), 200) as {quote(name)}" for name in names)
    listed = ", ".join(quote(name) for name in names)
    connection.execute(
        "create or replace temp table long_values as select unit, slice, column_name, value from"
        f" (unpivot (select unit, slice, {texts} from sample) on {listed} into name column_name value value)"
        " where value <> ''"
    )
    wanted, is_whole = "((unit, slice, {0}), (unit, {0}))", "grouping(slice) = 1"
    if not slices:
        wanted, is_whole = "((unit, {0}))", "true"
    slice_given = "case when is_whole then null else slice end"
    some_slice = "slice" if slices else "cast(null as bigint) as slice"
    [*counts] = connection.execute(
        f"select unit, {'slice' if slices else 'null'}, count(*), max(slice_count), {is_whole} as is_whole from sample"
        f" group by grouping sets ({'(unit, slice), (unit)' if slices else '(unit)'})"
    ).fetchall()
    values = (
        f"select unit, {some_slice}, column_name, value, count(*) as records, {is_whole} as is_whole"
        f" from long_values group by grouping sets {wanted.format('column_name, value')}"
    )
    numbers = _listed(name for name, kind in kinds.items() if kind == "number")
    times = _listed(name for name, kind in kinds.items() if kind == "time")
    kind = (
        f"case when column_name in ({numbers}) then 'number' when column_name in ({times}) then 'time' else 'text' end"
    )
    shapes = [
        f"count(*) filter (kind = 'text' and {test}) as {quote('text ' + name)}" for name, test in _TEXT_SHAPES.items()
    ]
    shapes += [
        f"coalesce(sum(records) filter (kind = '{of}' and {test}), 0) as {quote(f'{of} {name}')}"
        for of, tests in (("number", _NUMBER_SHAPES), ("time", _TIME_SHAPES))
        for name, test in tests.items()
    ]
    mix = f"case when count(*) <= {FEW_VALUES} then map_from_entries(list((hash(value), cast(records as bigint)))) end"
    hours = "case when kind = 'time' then substr(value, 12, 2) end"
    rows = connection.execute(
        f"with counted as (select *, {kind} as kind from ({values})),"
        f" figures as (select unit, {slice_given} as slice, is_whole, column_name, any_value(kind) as kind,"
        f" cast(sum(records) as bigint) as filled, count(*) as different, max(records) as top, {mix} as mix,"
        f" {', '.join(shapes)} from counted group by all),"
        f" sizes as (select unit, {some_slice}, {is_whole} as is_whole, column_name,"
        " quantile_cont(abs(try_cast(value as double)), [.1, .5, .9])"
        "  filter (try_cast(value as double) <> 0) as sizes"
        f" from long_values where column_name not in ({times}) group by grouping sets {wanted.format('column_name')}),"
        f" clock as (select unit, slice, is_whole, column_name, map_from_entries(list((hour, records))) as hours from"
        f" (select unit, {slice_given} as slice, is_whole, column_name, try_cast({hours} as bigint) as hour,"
        "  cast(sum(records) as bigint) as records from counted where kind = 'time' group by all)"
        " where hour is not null group by all)"
        " select figures.*, sizes.sizes, clock.hours from figures"
        " left join sizes on figures.unit = sizes.unit and figures.is_whole = sizes.is_whole"
        " and figures.column_name = sizes.column_name and figures.slice is not distinct from sizes.slice"
        " left join clock on figures.unit = clock.unit and figures.is_whole = clock.is_whole"
        " and figures.column_name = clock.column_name and figures.slice is not distinct from clock.slice",
        {"tomorrow": tomorrow},
    )
    fields = [description[0] for description in rows.description]
    found: dict[tuple[str, int | None], dict[str, ColumnProfile]] = {}
    for row in rows.fetchall():
        figures = dict(zip(fields, row, strict=True))
        place = (figures["unit"], None if figures["is_whole"] else figures["slice"])
        found.setdefault(place, {})[figures["column_name"]] = _column_profile(figures)
    return [
        Profile(unit, None if whole else number, count, found.get((unit, None if whole else number), {}))
        for unit, number, count, slice_count, whole in counts
        if whole or slice_count > 1
    ]


def _column_profile(figures: Mapping[str, Any]) -> ColumnProfile:
    low, median, high = figures["sizes"] or (None, None, None)
    shapes = {
        name.removeprefix(f"{figures['kind']} "): int(count)
        for name, count in figures.items()
        if name.startswith(f"{figures['kind']} ")
    }
    return ColumnProfile(
        figures["filled"],
        figures["different"],
        figures["top"],
        low,
        median,
        high,
        shapes,
        figures["hours"],
        figures["mix"],
    )


def _listed(names: Any) -> str:
    return ", ".join(literal(name) for name in names) or "''"


# --- raw_ops.load_profiles


def store(
    connection: duckdb.DuckDBPyConnection, source: str, entity: str, load_id: str, profiles: Sequence[Profile]
) -> None:
    """Stores the profiles of a load, and deletes old ones."""
    rows = [
        (
            *(load_id, source, entity, profile.unit, profile.slice, profile.rows, name),
            *(column.filled, column.distinct, column.top, column.low, column.median, column.high),
            *(_as_map(column.shapes), _as_map(column.hours), _as_map(column.mix)),
        )
        for profile in profiles
        for name, column in (profile.columns or {"": EMPTY}).items()
    ]
    if not rows:
        return
    columns = [list(values) for values in zip(*rows, strict=True)]
    types = (
        "varchar",
        "varchar",
        "varchar",
        "varchar",
        "bigint",
        "bigint",
        "varchar",
        *("bigint",) * 3,
        *("double",) * 3,
    )
    maps = ("map(varchar, bigint)", "map(bigint, bigint)", "map(ubigint, bigint)")
    given = ", ".join(f"unnest(cast(? as {kind}[]))" for kind in (*types, *maps))
    connection.execute(f"insert into raw_ops.load_profiles select {given}", columns)
    connection.execute(
        "delete from raw_ops.load_profiles where source = $source and entity = $entity and (load_id, unit,"
        " coalesce(slice, -1)) not in (select (load_id, unit, coalesce(slice, -1)) from (select distinct load_id, unit,"
        " slice from raw_ops.load_profiles where source = $source and entity = $entity)"
        f" order by load_id desc, slice is null desc, unit, slice limit {PROFILES_KEPT})",
        {"source": source, "entity": entity},
    )


def _as_map(counts: Mapping[Any, int] | None) -> dict[str, list[Any]] | None:
    return None if counts is None else {"key": list(counts), "value": list(counts.values())}


def read_history(connection: duckdb.DuckDBPyConnection, source: str, entity: str) -> list[Profile]:
    """The stored profiles of an entity's loads."""
    rows = connection.execute(
        "select load_id, unit, slice, row_count, column_name, filled_count, distinct_count, top_count, low, median,"
        " high, shapes, hours, mix from raw_ops.load_profiles where source = ? and entity = ? order by all",
        [source, entity],
    ).fetchall()
    found: dict[tuple[str, str, int | None], tuple[int, dict[str, ColumnProfile]]] = {}
    for load_id, unit, number, count, name, *figures in rows:
        columns = found.setdefault((load_id, unit, number), (count, {}))[1]
        if name:
            columns[name] = ColumnProfile(*figures)
    return [Profile(unit, number, count, columns) for (_, unit, number), (count, columns) in found.items()]

"""From input fields to declared columns: matching by name, casts, rules, and what is left over (_extra)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb

from ingestion.errors import SchemaChangedError
from ingestion.fields import Seen
from ingestion.readers.relations import Input, Plan, Relation, Stream
from ingestion.spec import EntitySpec, normalise_name
from ingestion.statements import cast_of_column, cast_to, is_one_of, json_record, literal, quote, trimmed

PROBLEMS = "struct(field varchar, rule varchar)[]"


def add_relation(
    connection: duckdb.DuckDBPyConnection,
    entity: EntitySpec,
    relation: Relation,
    plan: Plan,
    *,
    matched: Mapping[str, str | None] | None = None,
    seen: Mapping[str, Seen] | None = None,
    streamed: int | None = None,
) -> None:
    """Adds a relation's records to `incoming`, or all of them to `rejected` if a required column is missing.

    `matched`: which field fills each column, and `seen`: which fields the records have; by default both follow from the
    names of the inputs. `streamed`: the number of records, if the relation becomes a stream.
    """
    matched = matched or match_columns(entity, [column.label for column in relation.inputs])
    used = {label: name for name, label in matched.items() if label is not None}
    if seen is None:
        types = {column.label: None if relation.is_text else column.type for column in relation.inputs}
        seen = {label: Seen(True, kind) for label, kind in types.items()}
    if not relation.payload:
        seen = {used.get(label) or normalise_name(label): field for label, field in seen.items()}
    plan.fields.append(seen)
    undeclared = [column.label for column in relation.inputs if column.label not in used]
    if relation.others:
        undeclared = [f"more than {plan.named_fields} fields"]
    lacking = [name for name in entity.required_columns() if matched[name] is None]
    missing = [name for name, label in matched.items() if label is None and entity.columns[name].value is None]
    if entity.policy.missing_columns == "quarantine":
        lacking = missing
    if entity.policy.missing_columns == "fail" and missing:
        raise SchemaChangedError(f"{_example_file(connection, relation)} lacks the declared {', '.join(missing)}.")
    if entity.policy.new_columns == "fail" and undeclared:
        raise SchemaChangedError(
            f"{_example_file(connection, relation)} has the undeclared {', '.join(sorted(undeclared))}."
        )
    if lacking or not used:
        connection.execute(*_refuse_all(relation, lacking))
        return
    conditions = _conditions(entity, relation, matched)
    if relation.others and entity.policy.new_columns == "quarantine":
        conditions.append(("an undeclared field", "new_column", f"{quote('+')} is not null"))
    elif entity.policy.new_columns == "quarantine":
        conditions += [(label, "new_column", f"{quote(f'+{label}')} is not null") for label in undeclared]
    plan.may_have_problems = plan.may_have_problems or bool(conditions)
    select = _typed_select(entity, relation, matched, conditions)
    if streamed is not None:
        columns = ", ".join(quote(name) for name in (*entity.columns, "_extra", "_payload", "_file"))
        good = "case when \"$problems\" is null then true else error('a record breaks a rule') end"
        plan.streams.append(Stream(f"select {columns} from ({select}) where {good}", streamed))
    elif not relation.is_numbered:
        table = quote(f"objects {len(plan.selects)}")
        connection.execute(f"create temp table {table} as {select}")
        plan.selects.append(f"select * replace (rowid + 1 as _row) from {table}")
    elif relation.is_text:
        connection.execute(f"insert into typed {select}")
    else:
        plan.selects.append(select)


def _example_file(connection: duckdb.DuckDBPyConnection, relation: Relation) -> str:
    """One of the files that a relation reads, for a message."""
    found = connection.execute(f"select {relation.file} from {relation.source} limit 1").fetchall()
    return str(found[0][0]) if found else "the file"


def match_columns(entity: EntitySpec, labels: Sequence[str]) -> dict[str, str | None]:
    """For each declared column the field that fills it: one with the same name, else with the same snake case name."""
    free = list(dict.fromkeys(labels))
    matched: dict[str, str | None] = dict.fromkeys(entity.columns)
    for form in (str, normalise_name):
        for name, column in entity.columns.items():
            if column.value is not None:
                continue
            wanted = column.from_ or name
            found = next((label for label in free if form(label) == form(wanted)), None)
            if matched[name] is None and found is not None:
                matched[name] = found
                free.remove(found)
    return matched


def decimal_mark(entity: EntitySpec, column: str | None) -> str:
    """The decimal mark of a column's numbers. Numbers that are typed in the file are written with it, then parsed."""
    is_number = column is not None and entity.columns[column].type.startswith(("decimal", "bigint", "double"))
    return (entity.dialect_of(column).decimal or ".") if column is not None and is_number else "."


def unique_labels(names: Sequence[str]) -> list[str]:
    """The names of a header; a repeated name gets the number of its column as a suffix."""
    seen: set[str] = set()
    labels = []
    for number, name in enumerate(names, start=1):
        labels.append(f"{name}_{number}" if name in seen else name)
        seen.update((name, labels[-1]))
    return labels


def _refuse_all(relation: Relation, lacking: Sequence[str]) -> tuple[str, list[str | None]]:
    """A statement that rejects every record of a relation without a required column, or without any declared one."""
    if lacking:
        message = f"the file lacks the required column {', '.join(lacking)}"
    else:
        message = "the file has none of the declared columns; is it this entity's, and is the delimiter right?"
    record = (
        relation.text
        or relation.payload
        or json_record([(column.label, column.expression) for column in relation.inputs])
    )
    fields = f"{relation.file}, {relation.row}, {relation.page or 'null'}, ?, 'missing_column', ?, {record}"
    return f"insert into rejected select {fields} from {relation.source}", [lacking[0] if lacking else None, message]


def _conditions(
    entity: EntitySpec, relation: Relation, matched: Mapping[str, str | None]
) -> list[tuple[str, str, str]]:
    """(field, rule, condition) for each rule that a record can break.

    Conditions may use `$<column>`, the value in the file, and `<column>`, the typed value.
    """
    types = {column.label: column.type for column in relation.inputs}
    required = entity.required_columns()
    conditions = []
    for name, column in entity.columns.items():
        label = matched[name]
        if label is None:
            continue
        given, typed = quote(f"${name}"), quote(name)
        if name in required:
            empty = f" or {given} = ''" if column.type == "varchar" and types[label] == "VARCHAR" else ""
            conditions.append((name, "required", f"({given} is null{empty})"))
        tolerated = entity.policy.type_changes in ("evolve", "ignore") and name not in required
        if cast_to(column.type, types[label], given, entity.dialect_of(name)).may_fail and not tolerated:
            rule = "encoding" if types[label] == "BLOB" else "type"
            conditions.append((name, rule, f"({given} is not null and {typed} is null)"))
    if expires := entity.expires:
        longest = f"{quote(expires.after)} + interval {expires.months} month"
        conditions.append((expires.column, "expiry", f"({quote(expires.column)} > {longest})"))
    return conditions


def _typed_select(
    entity: EntitySpec,
    relation: Relation,
    matched: Mapping[str, str | None],
    conditions: Sequence[tuple[str, str, str]],
) -> str:
    """A select of the typed columns, _extra, _payload, _file, _row, $page, $problems and $record."""
    inputs = {column.label: column for column in relation.inputs}
    required = entity.required_columns()
    given, typed, record, misfits = [], [], [], []
    for name, column in entity.columns.items():
        label = matched[name]
        if label is None:
            value = literal(column.value) if column.value is not None else "null"
            typed.append(f"cast({value} as {column.type}) as {quote(name)}")
            continue
        expression = inputs[label].expression
        if relation.is_text and column.type != "varchar" and inputs[label].type == "VARCHAR":
            expression = trimmed(expression)
        dialect = entity.dialect_of(name)
        if dialect.null_values and inputs[label].type == "VARCHAR":
            expression = f"case when not {is_one_of(expression, dialect.null_values)} then {expression} end"
        inner = quote(f"${name}")
        given.append(f"{expression} as {inner}")
        cast = cast_of_column(entity, name, inputs[label].type, inner)
        typed.append(f"{cast.expression} as {quote(name)}")
        record.append((label, inner))
        if cast.may_fail and name not in required and entity.policy.type_changes == "evolve":
            misfits.append((name, f"case when {quote(name)} is null then {inner} end"))
    used = set(matched.values())
    undeclared = sorted(_extra_names(inputs[label] for label in inputs if label not in used))
    given.extend(f"{expression} as {quote(f'+{label}')}" for _, label, expression in undeclared)
    others = [(name, quote(f"+{label}")) for name, label, _ in undeclared]
    kept = [] if entity.policy.new_columns == "ignore" else others
    extra = "null" if relation.payload else json_record([*kept, *misfits])
    if relation.others:
        given.append(f"{relation.others} as {quote('+')}")
        merged_extra = f"coalesce(left({quote('+')}, -1) || ',' || substr({extra}, 2), {quote('+')}, {extra})"
        extra = extra if entity.policy.new_columns == "ignore" else merged_extra
    if relation.text:
        given.append(f"{relation.text} as {quote('$line')}")
    given.append(f"cast({relation.payload or 'null'} as json) as _payload")
    given.extend([f"{relation.file} as _file", f"{relation.row} as _row"])
    given.append(f'cast({relation.page or "null"} as bigint) as "$page"')
    text = "cast(_payload as varchar)" if relation.payload else json_record([*record, *others])
    text = quote("$line") if relation.text else text
    columns = ", ".join(quote(name) for name in entity.columns)
    return (
        f'select {columns}, _extra, _payload, _file, _row, "$page", {_problem_columns(conditions, text)}'
        f" from (select *, cast({extra} as json) as _extra from (select *, {', '.join(typed)}"
        f" from (select {', '.join(given)} from {relation.source})))"
    )


def _extra_names(undeclared: Iterator[Input]) -> Iterator[tuple[str, str, str]]:
    """(name in snake case, label, expression); if two fields share a name, the one that is spelled so keeps it."""
    columns = list(undeclared)
    taken = {column.label for column in columns}
    for column in columns:
        name = normalise_name(column.label)
        yield (column.label if name in taken else name), column.label, column.expression
        taken.add(name)


def _problem_columns(conditions: Sequence[tuple[str, str, str]], record: str) -> str:
    if not conditions:
        return f'cast(null as {PROBLEMS}) as "$problems", cast(null as varchar) as "$record"'
    broken = " or ".join(condition for _, _, condition in conditions)
    each = ", ".join(
        f"case when {condition} then {{'field': {literal(name)}, 'rule': {literal(rule)}}} end"
        for name, rule, condition in conditions
    )
    return (
        f'case when {broken} then list_filter([{each}], lambda problem: problem is not null) end as "$problems",'
        f' case when {broken} then {record} end as "$record"'
    )

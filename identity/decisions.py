"""Decisions of users about two identifiers: one customer (join) or two (split). A decision is a row of the seed
identity_overrides, which the next build reads. A preview runs the identity macros themselves on a copy.

Add here: another kind of decision, another reason to refuse one. Keep out: the effect of a decision
(dbt_project/models/intermediate/identity), the terminal (orchestration/cli/identity.py).
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from identity import preview
from identity.graph import Identifier, is_customer_id, opened_graph, resolve
from runtime import building
from runtime import home as places
from runtime.errors import MerganserError, WrongUseError
from runtime.files import append_line
from runtime.home import Home

if TYPE_CHECKING:
    import duckdb

JOIN, SPLIT = "include", "exclude"
QUEUE = "int_identity__review_queue"
_FILE = Path("dbt_project") / "seeds" / "identity" / "identity_overrides.csv"
_OF_IDENTIFIER = """
    identifier_no, identifier_type, identifier_value, customer_id, identifier_status, first_seen_at, last_seen_at
"""
_PROFILE = ("first_name", "last_name", "birth_date", "email", "phone", "street", "postal_code", "city", "country_code")


@dataclass(frozen=True)
class Decision:
    """A row of the seed identity_overrides; `decided_at` in UTC, to the second."""

    action: str
    identifier_type_a: str
    identifier_value_a: str
    identifier_type_b: str
    identifier_value_b: str
    decided_by: str
    decided_at: str
    reason: str

    @property
    def ends(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            {(self.identifier_type_a, self.identifier_value_a), (self.identifier_type_b, self.identifier_value_b)}
        )


@dataclass(frozen=True)
class Group:
    """A customer before or after a decision: its id and its identifiers."""

    customer_id: str
    identifiers: list[Identifier]


@dataclass(frozen=True)
class Plan:
    """The rows of a decision, and the customers that the next build changes; both lists are empty if it changes none.

    A decision about two customers may need several rows. `is_one_customer`: whether the two are one customer then, with
    all the identifiers that they have now. `unbuilt`: the number of decisions that were written or withdrawn since the
    last build; the preview includes them.
    """

    decisions: list[Decision]
    before: list[Group]
    after: list[Group]
    is_one_customer: bool
    unbuilt: int


@dataclass(frozen=True)
class Question:
    """Two identifiers that need a decision: why, the model's probability that they are one person (if it scored them),
    and the profiles of the two customers."""

    first: Identifier
    second: Identifier
    because: str
    probability: float | None
    first_profile: Mapping[str, Any]
    second_profile: Mapping[str, Any]


# --- the file ---------------------------------------------------------------------------------------------------------


def overrides_file() -> Path:
    """The seed with the project's decisions."""
    return places.PROJECT_ROOT / _FILE


def read_decisions() -> list[Decision]:
    """All decisions of the file, in its order. Raises MerganserError if the file is invalid."""
    with _opened_file() as file:
        return _parse(file.read())


def write(*decisions: Decision) -> Path:
    """Appends decisions to the file, all or none, and returns its path. Raises WrongUseError if an earlier decision
    contradicts one of them: two users may decide at the same time."""
    with _opened_file() as file:
        known = _parse(file.read())
        for number, decision in enumerate(decisions):
            refuse_contradiction([*known, *decisions[:number]], decision)
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows(map(astuple, decisions))
        append_line(overrides_file(), rows.getvalue().removesuffix("\n"))
    return overrides_file()


def refuse_contradiction(decisions: Sequence[Decision], new: Decision) -> None:
    """Raises WrongUseError if a decision contradicts or repeats another.

    Joins are transitive: identifiers that decisions join, directly or through others, cannot be split.
    """
    hint = f"Withdraw that decision first by deleting its line from {_FILE}, or leave it as it is."
    for line, known in enumerate(decisions, start=2):
        if known.ends == new.ends and known.action == new.action:
            raise WrongUseError(f"{_reference(known, line)} is the same.", "No new decision is needed.")
        if known.ends == new.ends:
            raise WrongUseError(f"{_reference(known, line)} is the opposite.", hint)
    joined = [decision.ends for decision in decisions if decision.action == JOIN]
    if new.action == SPLIT:
        start, goal = sorted(new.ends)
        if goal in _reached(start, joined):
            raise WrongUseError("Earlier decisions join the two through others.", hint)
        return
    together = _reached(min(new.ends), [*joined, new.ends])
    for line, known in enumerate(decisions, start=2):
        if known.action == SPLIT and known.ends <= together:
            raise WrongUseError(f"{_reference(known, line)} keeps apart identifiers that this would join.", hint)


def _reference(decision: Decision, line: int) -> str:
    return f"A decision of {decision.decided_by} at {decision.decided_at} (line {line} of {_FILE.name})"


def _reached(start: tuple[str, str], joined: Sequence[frozenset[tuple[str, str]]]) -> set[tuple[str, str]]:
    """All identifiers that decisions to join connect with this one."""
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        reached.update(*(ends for ends in joined if ends & reached))
    return reached


@contextmanager
def _opened_file() -> Iterator[TextIO]:
    """The file of decisions, locked for one process at a time."""
    path = overrides_file()
    try:
        file = path.open("r+", encoding="utf-8", newline="")
    except OSError as error:
        raise MerganserError(
            f"The decisions in {path} cannot be opened: {error.strerror}.",
            "Decisions are part of the project: run the command from a checkout that you can write to.",
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _parse(text: str) -> list[Decision]:
    names = [field.name for field in fields(Decision)]
    header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    if header != names:
        raise MerganserError(f"{_FILE} has the wrong columns.", f"It needs {', '.join(names)}.")
    decisions = []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(names) or row[0] not in (JOIN, SPLIT):
            raise MerganserError(
                f"Line {number} of {_FILE} is not a decision.", f"It begins with {JOIN} or {SPLIT} and has 8 columns."
            )
        decisions.append(Decision(*row))
    return decisions


# --- what a decision would change -------------------------------------------------------------------------------------


def plan(home: Home, action: str, first: str, second: str, *, by: str, reason: str) -> Plan:
    """The decision on two identifiers or customers, and what the next build changes with it. Writes nothing.

    Raises WrongUseError if it is not possible (an identifier without a customer, a contradiction), and what
    `resolve` and `opened_graph` raise.
    """
    with opened_graph(home) as connection:
        (enabled,) = connection.execute(_joining_is_on()).fetchall() or [(False,)]
        named = [_named(connection, text) for text in (first, second)]
        asked = decide(action, *named, by=by, reason=reason)
        if action == JOIN and not enabled[0]:
            raise WrongUseError("The rule override_include is switched off.", "Switch it on in the seed match_rules.")
        known = read_decisions()
        decided = [asked]
        if action == JOIN and is_customer_id(first) and is_customer_id(second):
            others = [
                Identifier(*row)
                for row in connection.execute(_limited(), [[end.customer_id for end in named]]).fetchall()
                if row[0] not in {end.identifier_no for end in named}
            ]
            decided += [
                replace(decide(action, named[0], end, by=by, reason=reason), decided_at=asked.decided_at)
                for end in others
            ]
            ends = {decision.ends for decision in known if decision.action == action}
            decided = [decision for decision in decided if decision.ends not in ends] or [asked]
        for number, decision in enumerate(decided):
            refuse_contradiction([*known, *decided[:number]], decision)
        actions = {SPLIT, JOIN} if enabled[0] else {SPLIT}
        built = {row[:2]: row[2] for row in connection.execute(_built_decisions()).fetchall() if row[2] in actions}
        known = [decision for decision in known if decision.action in actions]
        pending = _changed(built, _counting(connection, known))
        changed = _changed(built, _counting(connection, [*known, *decided]))
        components = _components(connection, [end.identifier_no for end in named], changed)
        nodes, identifiers = (
            connection.sql(_part_of(name), params=[components]).to_arrow_table()
            for name in ("int_identity__nodes", "int_identity__identifiers")
        )
        decided_pairs = [[pair[0] for pair in changed], [pair[1] for pair in changed], [*changed.values()]]
        pairs = connection.sql(_decided_pairs(), params=[components, *decided_pairs]).to_arrow_table()
        members = {row[0]: Identifier(*row) for row in connection.execute(_members(), [components]).fetchall()}
        carried = connection.execute(_carried(), [list(members)]).fetchall()
    numbers = preview.customers_of(nodes=nodes, identifiers=identifiers, pairs=pairs, size_cap=_size_cap(home))
    now = _grouped(members, {number: str(member.customer_id) for number, member in members.items()})
    kept: dict[int, int] = {}
    for carrier, erased in carried:
        number = numbers[carrier]
        kept[number] = min(erased, kept.get(number, number))
    then = _grouped(members, {number: f"C{kept.get(root, root):010}" for number, root in numbers.items()})
    concerned = {end.customer_id for end in named}
    return Plan(
        decisions=decided,
        before=[group for group in now if group not in then],
        after=[group for group in then if group not in now],
        is_one_customer=len({numbers[no] for no, member in members.items() if member.customer_id in concerned}) == 1,
        unbuilt=len(pending),
    )


def _named(connection: duckdb.DuckDBPyConnection, text: str) -> Identifier:
    """The identifier that a user named; of a customer, the one that says most about the person."""
    found = resolve(connection, text)
    if not is_customer_id(text):
        return found
    return Identifier(*connection.execute(_strongest_of(), [found.customer_id]).fetchall()[0])


def _counting(connection: duckdb.DuckDBPyConnection, decisions: Sequence[Decision]) -> dict[tuple[int, int], str]:
    """The action that counts of each two identifiers, as in int_identity__overrides: the latest; at equal times, the
    split. Decisions about identifiers without a customer have no effect."""
    named = {end for decision in decisions for end in decision.ends}
    types, values = ([*column] for column in zip(*named, strict=True)) if named else ([], [])
    numbers = {(row[0], row[1]): row[2] for row in connection.execute(_numbers_of(), [types, values]).fetchall()}
    counting: dict[tuple[int, int], str] = {}
    for decision in sorted(decisions, key=lambda one: (one.decided_at, one.action == SPLIT)):
        ends = sorted(numbers[end] for end in decision.ends if end in numbers)
        if len(ends) == 2:
            counting[ends[0], ends[1]] = decision.action
    return counting


def _changed(
    built: Mapping[tuple[int, int], str], counting: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], str]:
    """The action of each two identifiers on which the last build had another decision; empty if it was withdrawn."""
    return {
        pair: counting.get(pair, "") for pair in sorted({*built, *counting}) if built.get(pair) != counting.get(pair)
    }


def _components(
    connection: duckdb.DuckDBPyConnection, numbers: Sequence[int], changed: Mapping[tuple[int, int], str]
) -> list[int]:
    """The raw components of identifiers, and those that changed decisions connect with them."""
    ends = sorted({*numbers, *(number for pair in changed for number in pair)})
    component_of = dict(connection.execute(_component_nos(), [ends]).fetchall())
    reached, before = {component_of[number] for number in numbers}, 0
    while len(reached) > before:
        before = len(reached)
        for pair in changed:
            found = {component_of[number] for number in pair if number in component_of}
            if found & reached:
                reached |= found
    return sorted(reached)


def _size_cap(home: Home) -> int:
    """The most identifiers of a customer, in the last build."""
    node = building.load_manifest(home)["nodes"]["model.merganser.int_identity__partition"]
    return int(node["config"]["size_cap"])


def decide(action: str, first: Identifier, second: Identifier, *, by: str, reason: str) -> Decision:
    """A decision made now. Raises WrongUseError if the two are the same, one of them has no customer, or the name or
    reason is missing."""
    if not by.strip() or not reason.strip():
        raise WrongUseError("A decision needs a name and a reason.", "Give --by and --reason.")
    if first.identifier_no == second.identifier_no:
        raise WrongUseError("The two are the same identifier.", "Name two.")
    for end in (first, second):
        if end.value is None or end.customer_id is None:
            why = f"is {end.status}" if end.status else "is named by no live record"
            raise WrongUseError(
                f"The {end.identifier_type} {why} and has no customer: a decision about it would have no effect.",
                "`merganser identity explain` shows its edges.",
            )
    return Decision(
        action=action,
        identifier_type_a=first.identifier_type,
        identifier_value_a=str(first.value),
        identifier_type_b=second.identifier_type,
        identifier_value_b=str(second.value),
        decided_by=by.strip(),
        decided_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        reason=" ".join(reason.split()),
    )


def _grouped(members: Mapping[int, Identifier], customers: Mapping[int, str]) -> list[Group]:
    """Customers by id, each with its identifiers."""
    grouped: dict[str, list[Identifier]] = {}
    for number, customer_id in sorted(customers.items()):
        grouped.setdefault(customer_id, []).append(members[number])
    return [Group(customer_id, identifiers) for customer_id, identifiers in sorted(grouped.items())]


# --- review -----------------------------------------------------------------------------------------------------------


def open_questions(home: Home, *, conflicts: bool = False) -> list[Question]:
    """The questions that have no decision yet: the queue of the probabilistic tier, or with `conflicts` the pairs of
    customers that a limit or the size cap keeps apart.

    The queue is empty if the probabilistic tier is off. Raises MerganserError if the home has no queue because an
    earlier release built it.
    """
    decided = {decision.ends for decision in read_decisions()}
    with opened_graph(home) as connection:
        if not conflicts and not connection.execute(_queue_is_there(), [QUEUE]).fetchall():
            raise MerganserError(
                f"There is no review queue: the model {QUEUE} was not built.",
                "`merganser identity review --conflicts` reviews the conflicts.",
            )
        rows = connection.execute(_conflict_questions() if conflicts else _queued_questions()).fetchall()
        profiles = _profiles(connection, [customer for row in rows for customer in (row[3], row[10])])
    questions = []
    for row in rows:
        first, second = Identifier(*row[:7]), Identifier(*row[7:14])
        ends = frozenset({(first.identifier_type, first.value), (second.identifier_type, second.value)})
        if ends not in decided:
            sides = (profiles.get(str(first.customer_id), {}), profiles.get(str(second.customer_id), {}))
            questions.append(Question(first, second, row[14], row[15], *sides))
    return questions


def _profiles(connection: duckdb.DuckDBPyConnection, customer_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = connection.execute(_golden(), [sorted({customer for customer in customer_ids if customer})]).fetchall()
    return {row[0]: dict(zip(_PROFILE, row[1:], strict=True)) for row in found}


# --- statements -------------------------------------------------------------------------------------------------------


def _around() -> str:
    """The members of raw components."""
    return """
        select identifier_no from intermediate.int_identity__partition
        where component_no in (select unnest(?::bigint[]))
    """


def _part_of(name: str) -> str:
    """The rows of a parent of the partition that concern raw components."""
    return f"select * from intermediate.{name} where identifier_no in ({_around()})"


def _decided_pairs() -> str:
    """The pairs inside raw components as the next build has them: the evidence of a pair whose decision changed (ends
    and action: include, exclude or nothing) and that decision."""
    return f"""
        with around as ({_around()}),
        decided as (
            select unnest(?::bigint[]) as identifier_no_a, unnest(?::bigint[]) as identifier_no_b,
                unnest(?::varchar[]) as action
        ),
        evidence as (
            select
                decided.identifier_no_a,
                decided.identifier_no_b,
                decided.action,
                min(links.tier) filter (where links.refusal_reason is null) as tier,
                coalesce(sum(links.times_seen) filter (where links.refusal_reason is null), 0) as times_seen,
                count(distinct links.source) filter (where links.refusal_reason is null) as source_count,
                max(links.last_seen_at) filter (where links.refusal_reason is null) as last_seen_at
            from decided
            left join intermediate.int_identity__judged_links as links
                on decided.identifier_no_a = links.identifier_no_a
                and decided.identifier_no_b = links.identifier_no_b
                and links.source <> 'override'
            group by all
        )
        select
            pairs.identifier_no_a, pairs.identifier_no_b, pairs.tier, pairs.times_seen, pairs.source_count,
            pairs.is_joining, pairs.is_excluded, pairs.last_seen_at
        from intermediate.int_identity__pairs as pairs
        anti join decided
            on pairs.identifier_no_a = decided.identifier_no_a and pairs.identifier_no_b = decided.identifier_no_b
        where pairs.identifier_no_a in (select identifier_no from around)
            and pairs.identifier_no_b in (select identifier_no from around)
        union all
        select
            identifier_no_a, identifier_no_b,
            case when action = '{JOIN}' then 0 else tier end,
            times_seen + case when action = '{JOIN}' then 1 else 0 end,
            source_count + case when action = '{JOIN}' then 1 else 0 end,
            action = '{JOIN}' or tier is not null,
            action = '{SPLIT}',
            coalesce(last_seen_at, timestamp '1970-01-01')
        from evidence
        where identifier_no_a in (select identifier_no from around)
            and identifier_no_b in (select identifier_no from around)
    """


def _members() -> str:
    return f"""
        select {_OF_IDENTIFIER} from marts.bdg_customer_identifiers where identifier_no in ({_around()})
    """


def _strongest_of() -> str:
    """The identifier of a customer that is trusted most to mean one person, and the oldest of these."""
    return f"""
        select {_OF_IDENTIFIER}
        from marts.bdg_customer_identifiers as bridge
        inner join seeds.identifier_types as types using (identifier_type)
        where customer_id = ?
        order by case when types.scope = 'person' then 0 else 1 end, types.tier, identifier_no
        limit 1
    """


def _limited() -> str:
    """The identifiers of customers of whose type they have more together than one customer may have."""
    return f"""
        select {_OF_IDENTIFIER}
        from marts.bdg_customer_identifiers as bridge
        inner join seeds.identifier_types as types using (identifier_type)
        where customer_id in (select unnest(?::varchar[]))
        qualify count(*) over (partition by identifier_type) > types.max_per_customer
        order by identifier_no
    """


def _component_nos() -> str:
    return """
        select identifier_no, component_no from intermediate.int_identity__partition
        where identifier_no in (select unnest(?::bigint[]))
    """


def _numbers_of() -> str:
    """Numbers of the identifiers (type, value) that have a customer."""
    return """
        select identifier_type, identifier_value, identifier_no
        from intermediate.int_identity__identifiers
        inner join (select unnest(?::varchar[]) as identifier_type, unnest(?::varchar[]) as identifier_value) as named
            using (identifier_type, identifier_value)
        inner join intermediate.int_identity__partition using (identifier_no)
    """


def _carried() -> str:
    """Identifiers that keep the customer id of an erased one, with the number of that one."""
    return """
        select carrier_no, identifier_no from (
            select
                carrier_no,
                identifier_no,
                row_number() over (partition by identifier_no order by revision_no desc) as recency
            from intermediate.int_identity__membership_history
        ) as history
        where recency = 1 and carrier_no in (select unnest(?::bigint[]))
    """


def _joining_is_on() -> str:
    return "select is_enabled from seeds.match_rules where rule = 'override_include'"


def _built_decisions() -> str:
    """The decisions that the last build applied."""
    return """
        select identifier_no_a, identifier_no_b, action
        from intermediate.int_identity__overrides
        where problem is null
    """


def _queue_is_there() -> str:
    return "select 1 from information_schema.tables where table_schema = 'intermediate' and table_name = ?"


def _sides() -> str:
    return """
        first_ends.identifier_no, first_ends.identifier_type, first_ends.identifier_value, first_ends.customer_id,
        first_ends.identifier_status, first_ends.first_seen_at, first_ends.last_seen_at,
        second_ends.identifier_no, second_ends.identifier_type, second_ends.identifier_value, second_ends.customer_id,
        second_ends.identifier_status, second_ends.first_seen_at, second_ends.last_seen_at
    """


def _queued_questions() -> str:
    return f"""
        select
            {_sides()},
            'their records look alike' || case when queue.reason = 'question' then '' else ', ' || queue.reason end,
            queue.match_probability
        from intermediate.{QUEUE} as queue
        inner join marts.bdg_customer_identifiers as first_ends on queue.identifier_no_a = first_ends.identifier_no
        inner join marts.bdg_customer_identifiers as second_ends on queue.identifier_no_b = second_ends.identifier_no
        where first_ends.customer_id <> second_ends.customer_id
        order by queue.match_probability desc, 1, 8
    """


def _conflict_questions() -> str:
    """Of a limit, the oldest identifiers of the limited type: they are what a decision has to join. Else the ends of
    the strongest edge."""
    return f"""
        with asked as (
            select
                conflicts.*,
                coalesce(
                    (
                        select min(bridge.identifier_no) from marts.bdg_customer_identifiers as bridge
                        where bridge.customer_id = conflicts.customer_id_a
                            and bridge.identifier_type = conflicts.limited_type
                    ),
                    first_ends.identifier_no
                ) as first_no,
                coalesce(
                    (
                        select min(bridge.identifier_no) from marts.bdg_customer_identifiers as bridge
                        where bridge.customer_id = conflicts.customer_id_b
                            and bridge.identifier_type = conflicts.limited_type
                    ),
                    second_ends.identifier_no
                ) as second_no
            from marts.dim_identity_conflicts as conflicts
            left join marts.bdg_customer_identifiers as first_ends
                on conflicts.identifier_type_a = first_ends.identifier_type
                and conflicts.identifier_value_a = first_ends.identifier_value
            left join marts.bdg_customer_identifiers as second_ends
                on conflicts.identifier_type_b = second_ends.identifier_type
                and conflicts.identifier_value_b = second_ends.identifier_value
            where conflicts.reason <> 'override_exclude'
        )
        select {_sides()}, asked.reason || ', by the rule ' || asked.rule, null
        from asked
        inner join marts.bdg_customer_identifiers as first_ends on asked.first_no = first_ends.identifier_no
        inner join marts.bdg_customer_identifiers as second_ends on asked.second_no = second_ends.identifier_no
        order by asked.tier, asked.times_seen desc, asked.conflict_id
    """


def _golden() -> str:
    return f"""
        select customer_id, {", ".join(_PROFILE)} from marts.dim_customers
        where customer_id in (select unnest(?::varchar[]))
    """

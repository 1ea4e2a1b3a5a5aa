"""Decisions of users about two identifiers: one customer (join) or two (split). A decision is a row of the seed
identity_overrides, which the next build reads. A preview runs the identity models themselves on a copy.

Add here: another kind of decision, another reason to refuse one. Keep out: the effect of a decision
(dbt_project/models/intermediate/identity), the terminal (orchestration/cli/identity.py).
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from identity.graph import Identifier, opened_graph, resolve
from runtime import building
from runtime import home as places
from runtime.errors import MerganserError, WrongUseError
from runtime.files import append_line
from runtime.home import Home
from runtime.locking import held
from runtime.progress import Progress, silent

if TYPE_CHECKING:
    import duckdb

JOIN, SPLIT = "include", "exclude"
QUEUE = "int_identity__review_queue"
_FILE = Path("dbt_project") / "seeds" / "identity" / "identity_overrides.csv"
_PARENTS = ("int_identity__nodes", "int_identity__pairs", "int_identity__identifiers")
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
    """A decision and the customers that it changes; both lists are empty if it changes none.

    `unbuilt`: decisions of the file that the last build has not read. The preview ignores them.
    """

    decision: Decision
    before: list[Group]
    after: list[Group]
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


def write(decision: Decision) -> Path:
    """Appends a decision to the file and returns its path. Raises WrongUseError if an earlier decision contradicts it:
    two users may decide at the same time."""
    with _opened_file() as file:
        refuse_contradiction(_parse(file.read()), decision)
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(astuple(decision))
        append_line(overrides_file(), row.getvalue())
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


def plan(
    home: Home, action: str, first: str, second: str, *, by: str, reason: str, progress: Progress = silent
) -> Plan:
    """The decision on two identifiers, and what it would change in the next build. Writes nothing.

    Raises WrongUseError if it is not possible (an identifier without a customer, a contradiction), and what
    `resolve` and `opened_graph` raise.
    """
    with opened_graph(home) as connection:
        ends = [resolve(connection, first), resolve(connection, second)]
        decision = decide(action, *ends, by=by, reason=reason)
        (enabled,) = connection.execute(_joining_is_on()).fetchall() or [(False,)]
        if action == JOIN and not enabled[0]:
            raise WrongUseError("The rule override_include is switched off.", "Switch it on in the seed match_rules.")
        decisions = read_decisions()
        refuse_contradiction(decisions, decision)
        built = {tuple(row) for row in connection.execute(_built_decisions()).fetchall()}
        numbers = sorted(end.identifier_no for end in ends)
        parents = {name: connection.sql(_part_of(name), params=numbers).to_arrow_table() for name in _PARENTS}
        members = {row[0]: Identifier(*row) for row in connection.execute(_members(), numbers).fetchall()}
        carried = connection.execute(_carried(), [list(members)]).fetchall()
    progress(0, None, "asking the engine")
    customer_nos = _try_out(home, parents, action, numbers, progress)
    now = _grouped(members, {number: str(member.customer_id) for number, member in members.items()})
    named: dict[int, int] = {}
    for carrier, erased in carried:
        number = customer_nos[carrier]
        named[number] = min(erased, named.get(number, number))
    then = _grouped(members, {number: f"C{named.get(root, root):010}" for number, root in customer_nos.items()})
    return Plan(
        decision=decision,
        before=[group for group in now if group not in then],
        after=[group for group in then if group not in now],
        unbuilt=sum((known.action, known.decided_by, known.decided_at) not in built for known in decisions),
    )


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


def _try_out(
    home: Home, parents: Mapping[str, Any], action: str, numbers: list[int], progress: Progress
) -> dict[int, int]:
    """Customer number by identifier number, after the identity models have cut the two raw components with the
    decision.

    They run on a copy of the components in a temporary warehouse, which is deleted: it has personal values.
    """
    import duckdb

    scratch = Home(home.path / "dbt" / "preview", home.as_of)
    with held(scratch, "identity preview"):
        _remove(scratch)
        try:
            with duckdb.connect(str(scratch.warehouse)) as connection:
                connection.execute("create schema intermediate")
                for name, rows in parents.items():
                    connection.register("rows", rows)
                    connection.execute(f"create table intermediate.{name} as select * from rows")
                    connection.unregister("rows")
                connection.execute(_with_decision(action), numbers)
            building.run_model(scratch, "int_identity__partition", parsed=home, progress=progress)
            with duckdb.connect(str(scratch.warehouse), read_only=True) as connection:
                return dict(connection.execute(_partition()).fetchall())
        finally:
            _remove(scratch)


def _remove(scratch: Home) -> None:
    for path in scratch.path.glob(f"{scratch.warehouse.name}*"):
        path.unlink()


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
    """The members of the raw components of two identifiers."""
    return """
        select identifier_no from intermediate.int_identity__partition where component_no in (
            select component_no from intermediate.int_identity__partition where identifier_no in (?, ?)
        )
    """


def _part_of(name: str) -> str:
    """The rows of a parent of the partition that concern the raw components of two identifiers."""
    if name == "int_identity__pairs":
        return f"""
            with around as ({_around()})
            select * from intermediate.int_identity__pairs
            where identifier_no_a in (select identifier_no from around)
                and identifier_no_b in (select identifier_no from around)
        """
    return f"select * from intermediate.{name} where identifier_no in ({_around()})"


def _members() -> str:
    return f"""
        select
            identifier_no, identifier_type, identifier_value, customer_id, identifier_status, first_seen_at,
            last_seen_at
        from marts.bdg_customer_identifiers where identifier_no in ({_around()})
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
    return """
        select action, decided_by, strftime(decided_at, '%Y-%m-%d %H:%M:%S')
        from intermediate.int_identity__overrides
    """


def _with_decision(action: str) -> str:
    """The row of int_identity__pairs for two identifiers (the smaller number first), with the decision."""
    if action == JOIN:
        kept = """
            null as refusal_reason, 0 as tier, coalesce(known.times_seen, 0) + 1 as times_seen,
            coalesce(known.source_count, 0) + 1 as source_count, true as is_joining,
            coalesce(known.is_excluded, false) as is_excluded
        """
    else:
        kept = """
            known.refusal_reason, known.tier, known.times_seen, known.source_count,
            coalesce(known.is_joining, false) as is_joining, true as is_excluded
        """
    return f"""
        merge into intermediate.int_identity__pairs as pairs
        using (
            select
                ends.a as identifier_no_a, ends.b as identifier_no_b, {kept},
                coalesce(known.last_seen_at, timestamp '1970-01-01') as last_seen_at,
                1 as cause_rank, 1 as revision_no
            from (select ?::bigint as a, ?::bigint as b) as ends
            left join intermediate.int_identity__pairs as known
                on ends.a = known.identifier_no_a and ends.b = known.identifier_no_b
        ) as decided
        on pairs.identifier_no_a = decided.identifier_no_a and pairs.identifier_no_b = decided.identifier_no_b
        when matched then update set
            refusal_reason = decided.refusal_reason, tier = decided.tier, times_seen = decided.times_seen,
            source_count = decided.source_count, is_joining = decided.is_joining, is_excluded = decided.is_excluded
        when not matched then insert by name
    """


def _partition() -> str:
    return "select identifier_no, customer_no from intermediate.int_identity__partition"


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

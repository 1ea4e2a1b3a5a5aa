"""Hostile input: bad identifiers, colliding hashes, invalid rules; and erasure.

All tests share two builds of one warehouse. Add here: harmful evidence. Keep out: expected customers (stories.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pytest

from orchestration.stages import build
from tests.warehouse.identity.stories import Story
from tests.warehouse.identity.telling import Teller, Told, build_identity, land_batch
from tests.warehouse.workbench import Workbench

LONG = "x" * 10_000
PUBLISHED = (
    "fct_identity_changes",
    "dim_customer_redirects",
    "dim_identity_conflicts",
    "bdg_customer_identifiers_history",
    "fct_identity_metrics",
    "bdg_customer_identifiers",
)


def colliding_pair() -> tuple[str, str]:
    """Two addresses that look alike and have the same 64-bit hash in the engine."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select list(address order by address) from (select 'user.' || i || '.' || i || '@gmail.com' as address"
            " from range(1100000, 1180000) as numbers(i)) group by hash(address) having count(*) > 1 order by 1"
        ).fetchall()
    first, second = rows[0][0][:2]
    return first, second


@dataclass(frozen=True)
class Sent:
    """The results after the hostile batch, after the erasure, and after a full refresh."""

    teller: Teller
    bench: Workbench
    first: Told
    erased: Told
    refreshed: Told
    erased_texts: list[str]


@pytest.fixture(scope="module")
def sent(_bench: Workbench) -> Sent:
    bench = _bench
    bench.empty()
    alike, twin = colliding_pair()
    lines = (
        f"h1 e:{alike}\nk1 e:{twin}\n"
        f"u:{LONG} a1\nu:{LONG} a2\nu:\u0007bell a3\nu:\u0007bell a4\n"
        "u:\u0000nul a7\nu:\u0000nul a8\nu: a5\nh2 e:\nh3 e:   \nh4 e:no address\n"
        "a6 u6 @2999-12-31\nh20 e20 >h20\n"
        "h10 e10 p10\nk10 e10\nz10 p10\n"
        "h11 e11\nk11 e12\nh12 e13\nk12 e13\nh13 e14\nk13 e15\nh14 e16"
    )
    story = Story("hostile", (lines, "", "", ""), ("",) * 4)
    teller = Teller(1)
    decisions = land_batch(bench, [teller], [story], 0)
    named = [
        "+e11 e12", "-e11 e12", "+e99 e11", "+e16 e16", "-h12 k12", "+e14 e15",
    ]  # fmt: skip
    first = build_identity(bench, [*decisions, *((teller, line) for line in named)], with_seeds=True)

    doomed = teller.identifier("e10")[1]
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        connection.execute(
            "insert into seeds.identity_overrides values"
            " ('include', 'shoe_size', '42', 'email', 'a@b.example', 'x', timestamp '2026-06-01', 'x')"
        )
        connection.execute("delete from raw_hubspot.contacts where email = ?", [doomed])
        connection.execute("delete from raw_klaviyo.person where email = ?", [doomed])
        connection.execute(
            "update intermediate.int_identity__identifiers set identifier_value = null"
            " where identifier_value in (?, ?, ?)",
            [doomed, *(teller.identifier(name)[1] for name in ("h10", "k10"))],
        )
    bench.build("int_identity__*", *PUBLISHED)
    erased = Told.read(bench)
    with duckdb.connect(str(bench.home.warehouse), read_only=True) as connection:
        found = []
        for schema, table, column in connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            " where table_schema in ('intermediate', 'marts', 'staging') and data_type = 'VARCHAR'"
            " and (table_name like '%identit%' or table_name like '%identifier%')"
        ).fetchall():
            count = connection.execute(
                f'select count(*) from "{schema}"."{table}" where "{column}" = ?', [doomed]
            ).fetchall()[0][0]
            found += [f"{schema}.{table}.{column}"] * bool(count)
    bench.build("int_identity__*", "dim_customer_redirects", full_refresh=True)
    return Sent(teller, bench, first, erased, Told.read(bench), found)


def customer(told: Told, teller: Teller, name: str) -> str | None:
    return told.customers[teller.identifier(name)]


def test_colliding_hashes_merge_nobody(sent: Sent) -> None:
    """The failing twin is the engine's hash: it is the same for both addresses."""
    alike, twin = colliding_pair()
    assert alike != twin
    with duckdb.connect() as connection:
        assert connection.execute("select hash(?) = hash(?)", [alike, twin]).fetchall() == [(True,)]
    first, second = (sent.first.customers["email", address] for address in (alike, twin))
    assert None not in (first, second)
    assert first != second


def test_values_that_no_system_hands_out_join_nobody_and_are_counted(sent: Sent) -> None:
    invalid = {
        value
        for value, status in sent.bench.query(
            "select identifier_value, identifier_status from intermediate.int_identity__customer_identifiers"
        )
        if status == "invalid"
    }
    assert {LONG, "\u0007bell", "\u0000nul"} <= invalid
    groups = {customer(sent.first, sent.teller, f"a{number}") for number in (1, 2, 3, 4, 5, 7, 8)}
    assert len(groups) == 7
    assert None not in groups


def test_an_edge_from_an_identifier_to_itself_is_ignored(sent: Sent) -> None:
    """A contact that was merged into itself, according to the CRM."""
    assert customer(sent.first, sent.teller, "h20") == customer(sent.first, sent.teller, "e20") is not None
    assert sent.bench.query(
        "select count(*) from intermediate.int_identity__links where identifier_no_a >= identifier_no_b"
    ) == [(0,)]


def test_a_future_date_is_a_date(sent: Sent) -> None:
    assert customer(sent.first, sent.teller, "a6") == customer(sent.first, sent.teller, "u6")


def test_decisions_that_cannot_be_kept_are_counted_with_their_reason(sent: Sent) -> None:
    """The later decision on two identifiers wins; at the same moment, the one that keeps them apart."""
    problems = dict(
        sent.bench.query(
            "select problem, count(*) from intermediate.int_identity__overrides where problem is not null group by 1"
        )
    )
    assert problems == {"contradicted": 1, "unknown_identifier": 1, "same_identifier": 1, "unknown_type": 1}
    assert customer(sent.first, sent.teller, "e11") != customer(sent.first, sent.teller, "e12")
    assert customer(sent.first, sent.teller, "h12") != customer(sent.first, sent.teller, "k12")
    assert customer(sent.first, sent.teller, "e14") == customer(sent.first, sent.teller, "e15")
    metrics = dict(sent.bench.query("select metric, metric_value from marts.fct_identity_metrics"))
    assert metrics["overrides_not_applied"] == 4


def test_a_conflict_says_what_would_be_one(sent: Sent) -> None:
    [row] = sent.bench.query(
        "select customer_id_a, customer_id_b, reason, identifier_count_a + identifier_count_b, edge_count"
        " from marts.dim_identity_conflicts"
    )
    sides = {customer(sent.erased, sent.teller, name) for name in ("h12", "k12")}
    assert {row[0], row[1]} == sides
    assert row[2:] == ("override_exclude", 3, 1)


def test_erasing_the_oldest_identifier_keeps_the_customer_id(sent: Sent) -> None:
    """The address was its customer's oldest identifier. It is in no table, and the others keep the customer's id."""
    before = customer(sent.first, sent.teller, "p10")
    assert customer(sent.first, sent.teller, "e10") == before
    assert sent.teller.identifier("e10") not in sent.erased.customers
    assert customer(sent.erased, sent.teller, "p10") == before
    assert customer(sent.erased, sent.teller, "z10") == before
    assert sent.erased_texts == []
    assert before not in sent.erased.redirects
    assert sent.refreshed.customers == sent.erased.customers


def test_an_erasure_takes_nobody_else_along(sent: Sent) -> None:
    others = {key: value for key, value in sent.first.customers.items() if "10@" not in key[1] and "h10" not in key[1]}
    gone = {sent.teller.identifier("k10")}
    assert {key: sent.erased.customers.get(key) for key in others if key not in gone} == {
        key: value for key, value in others.items() if key not in gone
    }


SENSELESS = {
    "update seeds.identifier_types set max_per_customer = -1 where identifier_type = 'email'": "max_per_customer",
    "update seeds.identifier_types set valid_pattern = '([a-z' where identifier_type = 'email'": "patterns_of_rules",
    "delete from seeds.identifier_types where identifier_type = 'klaviyo_person_id'": "relationships of",
}
LACKS_A_COLUMN = "alter table seeds.identifier_types drop column usable_days"


def test_invalid_rules_stop_the_build_by_name(sent: Sent) -> None:
    """A negative limit, a broken pattern, a missing column, an unknown type. A record without a rule warns."""
    bench, seeds = sent.bench, ("identifier_types", "match_rules")
    selection = [
        "identifier_types,resource_type:test",
        "assert_patterns_of_rules_compile",
    ]
    # Records are built from phones, and phones from consents that read the types: dbt skips these after a failed test.
    of_records = ["keeps_rules_int_identity__records", "assert_every_record_has_its_rule"]
    exclude = ["keeps_rules_consent_fields"]  # a seed that this bench does not build
    before = build(bench.home, [*selection, *of_records], exclude=exclude, manifest=bench.manifest)
    assert before.succeeded
    assert not before.warnings
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        for seed in seeds:
            connection.execute(f"create table seeds.kept_{seed} as select * from seeds.{seed}")
        for change in SENSELESS:
            connection.execute(change)
        connection.execute("delete from seeds.match_rules where rule = 'klaviyo_person'")
    report = build(bench.home, selection, exclude=[*exclude, *of_records], manifest=bench.manifest)
    records = build(bench.home, of_records, manifest=bench.manifest)
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        connection.execute(LACKS_A_COLUMN)  # afterwards: the test of the seed cannot run without the column
    later = build(bench.home, ["keeps_rules_identifier_types"], manifest=bench.manifest)
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        for seed in seeds:
            connection.execute(f"drop table seeds.{seed}; alter table seeds.kept_{seed} rename to {seed}")
    failures = [f"{failure.name}: {failure.message}" for failure in [*report.failures, *records.failures]]
    for told in SENSELESS.values():
        assert any(told in failure for failure in failures), (told, failures)
    assert len(failures) == len(SENSELESS), failures
    assert ["usable_days" in failure.message for failure in later.failures] == [True]
    assert [warning.name for warning in records.warnings] == ["assert_every_record_has_its_rule"]

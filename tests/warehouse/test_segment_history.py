"""What dim_segments and fct_segment_memberships remember when rules, segments and customers change: the product's two
models in a small project of their own, whose segments and customers a test writes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from runtime.home import PROJECT_ROOT
from tests.warehouse.workbench import run_own_project

MACROS = ("as_of", "bounded_var", "declared_models", "lacks_column", "md5_hex", "require_custom_vars", "rule_version")
MODELS = ("dim_segments", "fct_segment_memberships")
PROJECT = (
    "{name: merganser, version: 0.1.0, profile: small, flags: {send_anonymous_usage_stats: false}, vars: {days: 90}}"
)
PROFILE = "small: {target: dev, outputs: {dev: {type: duckdb, path: PLACE/small.duckdb, threads: 1}}}"
LAPSED = """
{# Who bought before, but not lately. #}
select customer_id, last_order_at from {{ ref('dim_customers') }}
where last_order_at < {{ as_of() }} - to_days({{ bounded_var('days', 90, 1, 3650) }}) -- so many days
"""
REASON = "concat('last order ', cast(cast(last_order_at as date) as string))"


class Shop:
    """A project with the segment `lapsed` and, where a test adds one, others."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.write("dbt_project.yml", PROJECT)
        self.write("profiles.yml", PROFILE.replace("PLACE", str(place)))
        for kind, names in (("macros", MACROS), ("models", MODELS)):
            (place / kind).mkdir()
            for name in names:
                (path,) = (PROJECT_ROOT / f"dbt_project/{kind}").rglob(f"{name}.sql")
                shutil.copy(path, place / kind)
        self.customers({"C1": "2026-01-01", "C2": "2026-05-01", "C3": "2026-06-20"})
        self.redirects({})
        self.segment("seg_lapsed", LAPSED, f'{{title: Lapsed, reason: "{REASON}"}}')

    def write(self, name: str, text: str) -> None:
        (self.place / name).parent.mkdir(exist_ok=True)
        (self.place / name).write_text(text)

    def segment(self, name: str, sql: str, declared: str = "{title: Some}") -> None:
        self.write(f"models/{name}.sql", sql)
        self.write(f"models/_{name}.yml", f"models: [{{name: {name}, config: {{meta: {{segment: {declared}}}}}}}]")

    def remove(self, name: str) -> None:
        (self.place / f"models/{name}.sql").unlink()
        (self.place / f"models/_{name}.yml").unlink()

    def customers(self, last_orders: dict[str, str]) -> None:
        """Customers with the date of their last order, when they were last seen."""
        rows = ", ".join(f"('{key}', timestamp '{moment}')" for key, moment in last_orders.items())
        self.write(
            "models/dim_customers.sql",
            f"select customer_id, last_order_at, last_order_at as last_seen_at from (values {rows})"
            " as customers(customer_id, last_order_at)",
        )

    def redirects(self, redirects: dict[str, str]) -> None:
        rows = ", ".join(f"('{old}', '{new}')" for old, new in redirects.items()) or "('nobody', 'nobody')"
        self.write(
            "models/dim_customer_redirects.sql",
            f"select * from (values {rows}) as redirects(retired_customer_id, customer_id)",
        )

    def days(self, days: int) -> None:
        self.write("dbt_project.yml", PROJECT.replace("90", str(days)))

    def run(self, as_of: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MERGANSER_AS_OF", f"{as_of}T00:00:00")
            succeeded, told = run_own_project(self.place)
        assert succeeded, told

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.place / "small.duckdb"), read_only=True) as connection:
            rows: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return rows

    def stays(self) -> set[tuple[object, ...]]:
        return set(
            self.query(
                "select customer_id, segment, strftime(entered_at, '%m-%d'), entry_cause, strftime(exited_at, '%m-%d'),"
                " exit_reason from fct_segment_memberships"
            )
        )

    def rule(self, segment: str = "lapsed") -> object:
        [(version,)] = self.query(f"select rule_version from dim_segments where segment = '{segment}'")
        return version


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_changed_var_is_the_reason_where_the_customer_is_not(shop: Shop) -> None:
    shop.run("2026-06-30")
    assert shop.stays() == {("C1", "lapsed", "06-30", "segment added", None, None)}
    first = shop.rule()

    # Two months are enough now. C3 came to it by time, and was seen since; both are known on the second run.
    shop.days(59)
    shop.run("2026-07-01")
    second = shop.rule()
    assert second != first
    entered = {
        ("C1", "lapsed", "06-30", "segment added", None, None),
        ("C2", "lapsed", "07-01", "rule changed", None, None),
    }
    assert shop.stays() == entered
    assert shop.query("select customer_id, rule_version, entry_reason from fct_segment_memberships order by 1") == [
        ("C1", first, "last order 2026-01-01"),
        ("C2", second, "last order 2026-05-01"),
    ]
    rows = shop.query("from fct_segment_memberships order by all")
    dimension = shop.query("from dim_segments order by all")
    shop.run("2026-07-01")
    assert shop.query("from fct_segment_memberships order by all") == rows
    assert shop.query("from dim_segments order by all") == dimension

    # A later build with the same rule: who enters, enters by themselves.
    shop.customers({"C1": "2026-01-01", "C2": "2026-05-01", "C3": "2026-05-03"})
    shop.run("2026-07-02")
    assert shop.stays() == entered | {("C3", "lapsed", "07-02", "entered", None, None)}

    # The rule is stricter, and at the same moment C1 buys again.
    shop.days(365)
    shop.customers({"C1": "2026-07-03", "C2": "2026-05-01", "C3": "2026-05-03"})
    shop.run("2026-07-03")
    assert shop.stays() == {
        ("C1", "lapsed", "06-30", "segment added", "07-03", "left"),
        ("C2", "lapsed", "07-01", "rule changed", "07-03", "rule changed"),
        ("C3", "lapsed", "07-02", "entered", "07-03", "rule changed"),
    }


def test_only_what_shapes_the_rule_makes_another_version(shop: Shop) -> None:
    shop.run("2026-06-30")
    first = shop.rule()
    shop.segment("seg_lapsed", LAPSED.replace("so many days", "another remark").replace("\n", "\n    "))
    shop.run("2026-07-30")
    assert shop.rule() == first, "comments, white space, title and the moment"
    assert shop.query("select title, rule_changed_at from dim_segments") == [("Some", None)]
    versions = {first}
    shop.segment("seg_lapsed", LAPSED.replace("<", "<="))
    shop.run("2026-07-30")
    versions.add(shop.rule())
    shop.write("macros/bought.sql", "{% macro bought() %}last_order_at is not null{% endmacro %}")
    shop.segment("seg_lapsed", LAPSED.replace("where", "where {{ bought() }} and"))
    shop.run("2026-07-30")
    versions.add(shop.rule())
    shop.write("macros/bought.sql", "{% macro bought() %}customer_id is not null{% endmacro %}")
    shop.run("2026-07-30")
    versions.add(shop.rule())
    shop.days(91)
    shop.run("2026-07-30")
    versions.add(shop.rule())
    assert len(versions) == 5


def test_a_removed_segment_closes_its_stays_and_a_renamed_one_begins(shop: Shop) -> None:
    shop.segment("seg_early", "select customer_id from {{ ref('dim_customers') }} where customer_id < 'C3'")
    shop.run("2026-06-30")
    shop.remove("seg_early")
    shop.segment("seg_renamed", "select customer_id from {{ ref('dim_customers') }} where customer_id < 'C3'")
    shop.run("2026-07-01")
    early = {("C1", "early", "06-30", "segment added", "07-01", "segment removed")}
    early |= {("C2", *stay[1:]) for stay in early}
    renamed = {(customer, "renamed", "07-01", "segment added", None, None) for customer in ("C1", "C2")}
    stays = {stay for stay in shop.stays() if stay[1] != "lapsed"}
    assert stays == early | renamed
    known = (
        "select segment, strftime(first_seen_at, '%m-%d'), strftime(retired_at, '%m-%d') from dim_segments order by 1"
    )
    assert shop.query(known) == [("early", "06-30", "07-01"), ("lapsed", "06-30", None), ("renamed", "07-01", None)]
    shop.run("2026-07-02")
    assert {stay for stay in shop.stays() if stay[1] != "lapsed"} == stays
    assert shop.query(known)[0] == ("early", "06-30", "07-01")

    # Declared again: its members start new stays, with the cause 'segment added'.
    shop.segment("seg_early", "select customer_id from {{ ref('dim_customers') }} where customer_id < 'C2'")
    shop.run("2026-07-03")
    assert ("C1", "early", "07-03", "segment added", None, None) in shop.stays()
    assert shop.query(known)[0] == ("early", "06-30", None)


def test_stays_keep_their_rule_and_reason_through_a_merge_and_its_undoing(shop: Shop) -> None:
    shop.customers({"C1": "2026-01-01", "C2": "2026-02-01"})
    shop.run("2026-06-30")
    before = shop.query("from fct_segment_memberships order by all")
    facts = "select membership_id, rule_version, entry_cause, entry_reason from fct_segment_memberships order by 1"
    known = shop.query(facts)

    shop.customers({"C1": "2026-02-01"})
    shop.redirects({"C2": "C1"})
    shop.run("2026-07-01")
    assert shop.stays() == {
        ("C1", "lapsed", "06-30", "segment added", None, None),
        ("C1", "lapsed", "06-30", "segment added", "07-01", "merged"),
    }
    assert shop.query(facts) == known

    # A split: each stay returns to the customer who entered, with the rule and the reason of that time.
    shop.customers({"C1": "2026-01-01", "C2": "2026-02-01"})
    shop.redirects({})
    shop.run("2026-07-02")
    assert shop.query("from fct_segment_memberships order by all") == before
    assert shop.query(facts) == known

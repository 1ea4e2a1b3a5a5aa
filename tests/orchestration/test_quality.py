"""The audit: valid data passes, and each kind of rule has a twin with data that breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from publication import quality
from publication.expectations import Rule, TableSuite, load_suites
from runtime.errors import MerganserError
from runtime.home import Home
from tests.orchestration.handmade import SUITES, write


def broken(report: quality.CheckReport) -> set[tuple[str, str]]:
    return {(result.table, result.rule) for result in report.failures}


def test_valid_data_passes(built_by_hand: Home) -> None:
    report = quality.check(built_by_hand, suites=SUITES)
    assert report.passed
    assert report.build_id == "b1"
    assert len(report.results) == 7  # min_rows, columns, not_null, unique twice, accepted_values, one rule
    assert report.dbt_tests == {"pass": 3}
    written = json.loads(built_by_hand.quality_result.read_text())
    assert written["passed"] is True
    assert quality.last_check(built_by_hand) == report


@pytest.mark.parametrize(
    ("statement", "table", "rule", "count"),
    [
        ("insert into marts.dim_customers values (null, '', 'new')", "marts.dim_customers", "not_null: customer_id", 1),
        ("insert into marts.dim_customers values ('C3', 'x', 'new')", "marts.dim_customers", "unique: customer_id", 2),
        ("update marts.dim_customers set status = 'odd'", "marts.dim_customers", "accepted_values: status", 20),
        ("delete from marts.dim_customers", "marts.dim_customers", "min_rows", None),
        ("alter table marts.dim_customers drop email", "marts.dim_customers", "columns", 1),
        ("insert into marts.fct_orders values ('O99', 'nobody')", "marts.fct_orders", "orders_have_customers", 1),
        ("drop table marts.fct_orders", "marts.fct_orders", "table_exists", None),
    ],
)  # fmt: skip
def test_broken_rules_are_named(built_by_hand: Home, statement: str, table: str, rule: str, count: int | None) -> None:
    write(built_by_hand, statement)
    report = quality.check(built_by_hand, suites=SUITES)
    assert not report.passed
    found = {(result.table, result.rule): result.broken_count for result in report.failures}
    assert found[table, rule] == count


def test_keys_are_shown_and_values_of_persons_are_not(built_by_hand: Home) -> None:
    write(
        built_by_hand,
        "insert into marts.fct_orders values ('O99', 'ada@example.com')",
        "update marts.dim_customers set status = 'ada@example.com' where customer_id = 'C1'",
    )
    report = quality.check(built_by_hand, suites=SUITES)
    keys = {result.rule: result.keys for result in report.failures}
    assert keys == {"orders_have_customers": ["O99"], "accepted_values: status": []}
    for path in (built_by_hand.quality_result, built_by_hand.quality_report):
        assert "ada@example.com" not in path.read_text()
    assert "O99" in built_by_hand.quality_report.read_text()


def test_a_rule_that_cannot_be_run_is_broken(built_by_hand: Home) -> None:
    rules = (
        Rule("a", "Reads a column that is gone", "select gone from {batch}"),
        Rule("b", "b", "select 1", needs=("x.y",)),
    )
    report = quality.check(built_by_hand, suites=[TableSuite("marts.fct_orders", rules=rules)])
    errors = {result.rule: result.error for result in report.failures}
    assert "gone" in errors["a"]
    assert errors["b"] == "x.y does not exist"


def test_rules_are_judged_at_the_moment_of_the_build(built_by_hand: Home) -> None:
    """The record of the build has 2026-06-30: rules use that, whenever the audit runs."""
    rule = Rule("moment", "It is June", "select order_id from {batch} where <as_of> <> timestamp '2026-06-30 00:00:00'")
    assert quality.check(built_by_hand, suites=[TableSuite("marts.fct_orders", rules=(rule,))]).passed


def test_the_report_needs_nothing_from_outside(built_by_hand: Home) -> None:
    quality.check(built_by_hand, suites=SUITES)
    page = built_by_hand.quality_report.read_text()
    assert "passed" in page
    assert "http" not in page
    assert "<script" not in page


def test_without_a_build_nothing_passes(home: Home) -> None:
    write(home, "create schema marts")
    report = quality.check(home, suites=[])
    assert not report.passed
    assert report.build_fault == "nothing was built yet"


def test_without_a_warehouse_the_error_has_the_next_step(home: Home) -> None:
    with pytest.raises(MerganserError, match="There is no warehouse") as raised:
        quality.check(home, suites=[])
    assert "merganser ingest --all" in raised.value.hint


def test_the_declared_suites_are_read() -> None:
    export = {"table": "exports.exp_x__y", "key": "record_key", "purpose": "advertising", "channel": "ads"}
    suites = {suite.table: suite for suite in load_suites([export])}
    assert {"marts.dim_customers", "marts.dim_consents", "raw_ops.loads", "exports.exp_x__y"} <= set(suites)
    assert suites["exports.exp_x__y"].not_null == ("record_key",)
    assert all(rule.name and rule.says and rule.broken_by for suite in suites.values() for rule in suite.rules)
    assert "<" + "purpose>" not in str(suites["exports.exp_x__y"])


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "expectations.yml"
    path.write_text("suites: [{table: marts.x, uniqe: [customer_id]}]")
    with pytest.raises(MerganserError, match=r"marts\.x: uniqe is not known"):
        load_suites(path=path)


def test_what_dbt_tests_is_not_repeated(tmp_path: Path) -> None:
    """A rule is left out only where dbt tests it as a contract on all rows."""
    path = tmp_path / "expectations.yml"
    path.write_text(
        "suites: [{table: marts.x, min_rows: 1, not_null: [a, b, c, d], unique: [a, [a, b]],"
        " accepted_values: {a: [1]}}]"
    )

    def test(severity: str, where: str | None, **arguments: object) -> dict[str, object]:
        metadata = {"name": "keeps_rules", "kwargs": arguments}
        config = {"severity": severity, "where": where, "meta": {}}
        return {"resource_type": "test", "name": "t", "attached_node": "x", "config": config, "test_metadata": metadata}

    manifest = {
        "nodes": {
            "x": {"resource_type": "model", "schema": "marts", "name": "x"},
            "1": test("error", None, not_null=["a", {"columns": "d", "where": "is_current"}], unique=[["a", "b"]]),
            "2": test("warn", None, not_null=["b"], accepted_values={"a": [1]}),
            "3": test("error", "is_current", not_null=["c"]),
        }
    }
    [suite] = load_suites(path=path, manifest=manifest)
    assert (suite.not_null, suite.unique, list(suite.accepted_values)) == (("b", "c", "d"), (("a",),), ["a"])
    assert suite.min_rows == 1

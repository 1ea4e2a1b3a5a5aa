"""The main job on a small made-up business: all stages, a second run without effect, and failures of each stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import demo, stages, summary
from publication.expectations import load_suites
from runtime import building
from runtime.errors import EXIT_CHECK_FAILED, WrongUseError
from runtime.home import Home
from tests.command import DEMO_CUSTOMERS, DEMO_SEED
from tests.orchestration.handmade import read, write

Invoke = Callable[..., tuple[int, str, str]]
EXPORT = {"table": "exports.exp_x__y", "key": "record_key", "purpose": "advertising", "channel": "ads"}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_stages_succeeded(demo_home: Home, demo_report: dict[str, Any]) -> None:
    assert demo_report["failed_stage"] == ""
    assert {entity["status"] for entity in demo_report["landing"]["entities"]} <= {"landed", "nothing_new"}
    build = building.last_build(demo_home)
    assert build is not None
    assert build.whole
    assert build.count("unit_test") == 0
    assert build.count("model", "success") > 60
    assert demo_report["check"]["passed"] is True
    assert demo_report["publication"]["build_id"] == build.build_id
    assert {outcome["status"] for outcome in demo_report["exports"]} == {"delivered"}
    assert demo_home.as_of == "2026-06-30T00:00:00"


def test_readers_find_the_contract(demo_home: Home) -> None:
    tables = {
        f"{s}.{t}" for s, t in read(demo_home.serving, "select table_schema, table_name from information_schema.tables")
    }
    assert {
        "marts.dim_customers",
        "marts.bdg_customer_identifiers",
        "marts.fct_identity_changes",
        "marts.fct_customer_attributes",
        "marts.fct_events",
        "marts.fct_sessions",
        "marts.fct_orders",
        "marts.fct_deals",
        "marts.fct_interactions",
        "marts.fct_ad_spend",
        "marts.fct_messages",
        "marts.dim_consents",
        "segments.fct_segment_memberships",
        "main.build_info",
    } <= tables
    assert not any(table.startswith(("raw_", "staging.", "intermediate.")) for table in tables)


def test_the_summary_has_the_main_numbers(demo_home: Home) -> None:
    found = summary.read_summary(demo_home)
    assert found is not None
    assert found.customers >= 100
    assert found.identifiers > found.customers >= found.identified_customers > 0
    assert len(found.segments) >= 10
    assert all(segment.title != segment.name for segment in found.segments)


def test_status_of_a_built_home(demo_home: Home, merganser: Invoke) -> None:
    code, output, _ = merganser("status", "--json", "--home", demo_home.path)
    standing = json.loads(output)
    assert code == 0
    assert standing["check"]["passed"] is True
    assert standing["build"]["build_id"] == standing["published"]["build_id"]
    assert {row["source"] for row in standing["sources"] if row["landed"]} >= {"shopify", "hubspot", "segment"}
    assert all(r["extracted"] == r["landed"] + r["quarantined"] + r["unchanged"] for r in standing["sources"])


def test_exports_are_listed_and_planned(demo_home: Home, merganser: Invoke) -> None:
    code, output, _ = merganser("export", "list", "--json", "--home", demo_home.path)
    exports = {export["name"]: export for export in json.loads(output)["exports"]}
    assert code == 0
    assert len(exports) >= 3
    name = next(name for name, export in exports.items() if export["destination"] == "meta_file")
    code, output, _ = merganser("export", "plan", name, "--json", "--home", demo_home.path)
    plan = json.loads(output)
    assert (plan["adds"], plan["updates"], plan["removes"]) == (0, 0, 0)
    assert plan["unchanged"] == exports[name]["delivered_count"]


def test_an_unknown_export_is_reported_with_the_known_ones(demo_home: Home, merganser: Invoke) -> None:
    for arguments in (("plan", "exp_nobody__x"), ("deliver", "exp_nobody__x")):
        code, output, error = merganser("export", *arguments, "--home", demo_home.path)
        assert code == 2
        assert output == ""
        assert "exp_meta__lapsed_buyers" in error
    assert merganser("export", "deliver", "--home", demo_home.path)[0] == 2


def test_a_selection_that_matches_nothing(copied_home: Home, merganser: Invoke) -> None:
    """Nothing is built, and the previous build can still be published."""
    before = building.last_build(copied_home)
    code, _, error = merganser("build", "no_such_model", "--home", copied_home.path)
    assert code == 2
    assert "no_such_model" in error
    assert building.last_build(copied_home) == before


def test_another_demo_is_not_mixed_into_this_one(demo_home: Home) -> None:
    with pytest.raises(WrongUseError, match="holds another demo"):
        demo.prepare(demo_home, customers=DEMO_CUSTOMERS + 1, seed=DEMO_SEED)


# Statements that break each declared rule: its failing twin, on a warehouse where all rules hold.
BREAKS = {
    ("raw_ops.loads", "loads_reconcile"): """
        insert into raw_ops.loads by name
        select * replace (landed_count + 1 as landed_count) from raw_ops.loads where landed_count > 0 limit 1
    """,
    ("raw_ops.loads", "raw_holds_what_landed"): "delete from raw_klaviyo.person",
    ("raw_ops.loads", "quarantine_holds_what_was_refused"): """
        insert into raw_quarantine.records by name select 'q' as quarantine_id, 'shopify' as source, 'order' as entity,
        'f' as file_name, 'type' as rule
    """,
    ("raw_quarantine.records", "not_null: rule"): "insert into raw_quarantine.records (quarantine_id) values ('p')",
    ("marts.dim_currencies", "currency_has_a_rate"): "update marts.dim_currencies set rate_to_reporting = null",
    ("marts.fct_order_reconciliation", "no_amount_is_missing"): """
        update marts.fct_order_reconciliation set missing_amount = 1
    """,
    ("marts.dim_customers_history", "one_present_state"): """
        insert into marts.dim_customers_history by name
        select * replace ('twice' as customer_history_id) from marts.dim_customers_history
        where valid_to is null order by customer_id desc limit 1
    """,
    ("marts.dim_customers_history", "everybody_has_a_state"): """
        delete from marts.dim_customers_history where customer_id = (select min(customer_id) from marts.dim_customers)
    """,
    ("intermediate.int_identity__partition", "one_anchor_per_customer"): """
        update intermediate.int_identity__partition set customer_no = identifier_no + 1
        where identifier_no = (select max(identifier_no) from intermediate.int_identity__partition)
    """,
    ("marts.dim_customers", "customers_have_identifiers"): """
        delete from marts.bdg_customer_identifiers
        where customer_id = (select min(customer_id) from marts.dim_customers)
    """,
    ("marts.bdg_customer_identifiers", "identifiers_lead_to_customers"): """
        delete from marts.dim_customers where customer_id = (select max(customer_id) from marts.dim_customers)
    """,
    ("marts.dim_customers", "first_before_last"): """
        update marts.dim_customers set first_seen_at = last_seen_at + interval 1 day
        where customer_id = (select min(customer_id) from marts.dim_customers)
    """,
    ("marts.fct_identity_changes", "retired_ids_resolve"): """
        insert into marts.fct_identity_changes by name select 'x' as change_id, 'merged' as change_type,
        'C9999999999' as from_customer_id, 'new_evidence' as reason, now()::timestamp as changed_at
    """,
    ("marts.dim_customer_redirects", "redirects_lead_to_customers"): """
        insert into marts.dim_customer_redirects by name
        select 'C8888888888' as retired_customer_id, 'C9999999999' as customer_id
    """,
    ("marts.fct_orders", "customers_are_there"): """
        update marts.fct_orders set customer_id = 'C9999999999'
        where order_id = (select min(order_id) from marts.fct_orders)
    """,
    ("marts.fct_messages", "filled_when_landed"): "delete from marts.fct_messages",
    ("marts.fct_ad_spend", "table_exists"): "drop table marts.fct_ad_spend",
    ("marts.bdg_device_segments", "nothing_expired"): """
        update marts.bdg_device_segments set expires_at = timestamp '2026-06-29 23:59:59'
        where device_interest_id = (select min(device_interest_id) from marts.bdg_device_segments)
    """,
    ("marts.bdg_device_segments", "no_name_behind_a_device"): """
        update marts.bdg_device_segments
        set customer_id = (select min(customer_id) from marts.dim_customers where is_identified)
    """,
    ("segments.fct_segment_memberships", "left_after_entering"): """
        update segments.fct_segment_memberships set exited_at = entered_at - interval 1 day
        where membership_id = (select min(membership_id) from segments.fct_segment_memberships)
    """,
    ("segments.fct_segment_memberships", "one_open_stay"): """
        insert into segments.fct_segment_memberships by name
        select * replace ('twice' as membership_id, null as exited_at) from segments.fct_segment_memberships
        where membership_id = (select max(membership_id) from segments.fct_segment_memberships)
    """,
    ("segments.fct_segment_reach", "reach_within_members"): """
        update segments.fct_segment_reach set reachable_count = member_count + 1
        where segment_purpose_key = (select min(segment_purpose_key) from segments.fct_segment_reach)
    """,
    ("exports.exp_meta__lapsed_buyers", "consent_is_live"): """
        update marts.dim_consents set status = 'withdrawn'
        where purpose = 'advertising' and customer_id = (select min(customer_id) from exports.exp_meta__lapsed_buyers)
    """,
}


def test_every_broken_rule_is_found_and_stops_publication(copied_home: Home, merganser: Invoke) -> None:
    """The failing twin of the whole chain: nothing that breaks a rule is published or delivered."""
    before = digest(copied_home.serving)
    write(copied_home, *BREAKS.values())
    code, output, _ = merganser("check", "--json", "--home", copied_home.path)
    report = json.loads(output)
    broken = {(result["table"], result["rule"]): result for result in report["results"] if not result["passed"]}
    assert code == EXIT_CHECK_FAILED
    assert set(BREAKS) - set(broken) == set()
    assert broken["marts.fct_orders", "customers_are_there"]["keys"] == ["C9999999999"]
    assert merganser("publish", "--home", copied_home.path)[0] == EXIT_CHECK_FAILED
    assert digest(copied_home.serving) == before


def test_every_declared_rule_has_its_twin() -> None:
    """A rule that is added to expectations.yml is added to BREAKS; one that many tables share needs one twin."""
    declared = {rule.name for suite in load_suites([EXPORT]) for rule in suite.rules}
    assert declared - {rule for _, rule in BREAKS} == set()


def test_an_export_that_is_not_configured_is_no_failure(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERGANSER_WEBHOOK_URL", raising=False)
    outcomes = {outcome.name: outcome for outcome in stages.deliver_all(copied_home)}
    assert outcomes["exp_webhook__abandoned_cart"].status == "not configured"
    assert "MERGANSER_WEBHOOK_URL" in outcomes["exp_webhook__abandoned_cart"].error
    assert outcomes["exp_meta__lapsed_buyers"].status == "nothing to send"
    stages.fail_unless_delivered(list(outcomes.values()))


def test_an_export_that_its_guard_stops_fails_and_the_others_go_on(copied_home: Home, merganser: Invoke) -> None:
    with duckdb.connect(str(copied_home.serving)) as connection:
        connection.execute("delete from exports.exp_meta__lapsed_buyers")
    code, output, _ = merganser("export", "deliver", "--all", "--json", "--home", copied_home.path)
    outcomes = {outcome["name"]: outcome for outcome in json.loads(output)["exports"]}
    assert code == 1
    assert outcomes["exp_meta__lapsed_buyers"]["status"] == "failed"
    assert "--force" in outcomes["exp_meta__lapsed_buyers"]["error"]
    assert outcomes["exp_hubspot__customer_value"]["status"] == "nothing to send"
    code, output, _ = merganser("export", "deliver", "exp_meta__lapsed_buyers", "--dry-run", "--home", copied_home.path)
    assert code == 0
    assert "dry run" in output


def test_a_failed_build_stops_the_run(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed with invalid values: no stage runs after the build."""
    before = digest(copied_home.serving)
    monkeypatch.setenv("MERGANSER_TARGET", "ci")
    monkeypatch.setattr("runtime.building._run", lambda *_, **__: [_Failed()])
    report = stages.run(copied_home)
    assert report.failed_stage == "build"
    assert report.error is not None
    assert "dim_customers" in report.error.message
    assert report.check is None
    assert report.publication is None
    assert report.exports == []
    assert digest(copied_home.serving) == before


class _Failed:
    """A failed node's result, in dbt's form."""

    status = "error"
    message = "Runtime Error in model dim_customers (models/dim_customers.sql)\n  Binder Error: no such column"
    execution_time = 0.1

    class node:  # noqa: N801 stands for dbt's own object
        name = "dim_customers"
        resource_type = "model"
        original_file_path = "models/dim_customers.sql"
        unique_id = "model.merganser.dim_customers"


def test_two_homes_never_touch(demo_home: Home, tmp_path: Path, merganser: Invoke) -> None:
    """Work in a second home, in the same process, leaves every file of the first as it was."""
    before = {path: path.stat().st_mtime_ns for path in demo_home.path.rglob("*") if path.is_file()}
    other = tmp_path / "other"
    assert merganser("ingest", "--all", "--home", other)[0] == 0
    assert merganser("build", "countries", "--exclude", "test_type:data", "--home", other)[0] == 0
    assert merganser("check", "--home", other)[0] == EXIT_CHECK_FAILED
    after = {path: path.stat().st_mtime_ns for path in demo_home.path.rglob("*") if path.is_file()}
    assert after == before
    assert (other / "warehouse.duckdb").exists()
    assert {path.name for path in other.iterdir()} <= {
        "warehouse.duckdb",
        "dbt",
        "quality",
        "dagster",
        "spill",
        "merganser.lock",
    }


def test_a_wrong_export_declaration_is_wrong_use_for_the_check_too(copied_home: Home, merganser: Invoke) -> None:
    manifest = json.loads(copied_home.manifest.read_text())
    node = next(node for node in manifest["nodes"].values() if node["name"] == "exp_meta__lapsed_buyers")
    del node["config"]["meta"]["export"]["purpose"]
    copied_home.manifest.write_text(json.dumps(manifest))
    code, _, error = merganser("check", "--home", copied_home.path)
    assert code == 2
    assert "exp_meta__lapsed_buyers" in error
    assert "purpose" in error

"""Gates trip if a build differs implausibly from the last publication, and not for noise, growth or new sources.

Add here: another way for a load to be wrong, and its harmless twin. Keep out: what waives a gate (test_waivers.py).
"""

# ruff: noqa: E501 (one case per line is easier to read)
from __future__ import annotations

from typing import Any

import duckdb
import pytest

from publication.comparison import Comparison, compare
from publication.gates import gate_ids, gate_names, gates_of, layer_gates
from publication.raw_metrics import METRICS_TABLE, Finding, measure
from publication.serving_file import record_tables
from runtime.errors import MerganserError
from runtime.home import Home
from tests.orchestration.handmade import write

ROWS = 200
TABLES = f"""
    create schema marts; create schema segments; create schema exports; create schema raw_shop; create schema raw_new;
    create schema raw_ops;
    create table marts.fct_orders as select 'O' || i as order_id, 'C' || (i % 90) as customer_id,
        case when i % 4 = 0 then 'shop' else 'kiosk' end as source, 'EUR' as currency_code,
        cast(20 + i % 37 as decimal(18, 2)) as total_amount, timestamp '2026-01-01' + to_hours(cast(i as integer)) as occurred_at
    from range({ROWS}) as t(i);
    create table marts.dim_customers as select 'C' || i as customer_id, i || '@example.com' as email,
        '+49' || i as phone, i as last_order_count from range(90) as t(i);
    create table marts.dim_consents as select 'C' || i as customer_id, 'newsletter' as purpose, 'email' as channel,
        'granted' as status from range(60) as t(i);
    create table segments.seg_lapsed as select customer_id from marts.dim_customers limit 40;
    create table exports.exp_ads__lapsed as select customer_id as record_key, customer_id from marts.dim_customers limit 40;
    create table raw_shop.contacts as select 'K' || i as id, i || '@example.com' as email, cast(i + 5 as double) as amount,
        'load1' as _load_id, timestamp '2026-06-01' as _loaded_at, 'shop/contacts/a.csv' as _file,
        cast(null as timestamp) as _superseded_at, cast(null as timestamp) as _deleted_at from range(100) as t(i);
    create table raw_new.contacts as select * from raw_shop.contacts limit 0;
    create table raw_ops.files (source varchar, entity varchar, file_name varchar, load_id varchar);
    create table raw_ops.loads (source varchar, entity varchar, load_id varchar, extracted_count bigint,
        loaded_at timestamp);
"""


def model(name: str, key: str, schema: str = "marts", **gates: Any) -> dict[str, Any]:
    """A model as dbt's manifest has it, and the test of its key."""
    node = {"resource_type": "model", "schema": schema, "name": name, "config": {"meta": {"gates": gates}}}
    test = {
        "resource_type": "test",
        "schema": "quality",
        "name": f"unique_{name}",
        "attached_node": name,
        "column_name": key,
        "test_metadata": {"name": "unique", "kwargs": {}},
    }
    return {name: node, f"unique_{name}": test}


MANIFEST: dict[str, Any] = {
    "sources": {},
    "nodes": {
        **model("fct_orders", "order_id"),
        **model("dim_customers", "customer_id", values_changed={"columns": ["email"], "reason": "test"}),
        **model("dim_consents", "customer_id"),
        **model("seg_lapsed", "customer_id", "segments"),
        **model("exp_ads__lapsed", "record_key", "exports"),
    },
}


@pytest.fixture
def published(home: Home) -> Home:
    """A home whose serving file equals its warehouse."""
    write(home, TABLES)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        metrics = measure(connection, {})
    with duckdb.connect(str(home.serving)) as serving:
        serving.execute(f"attach '{home.warehouse}' as built (read_only)")
        for schema, table in serving.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'built' and schema_name in "
            "('marts', 'segments', 'exports')"
        ).fetchall():
            serving.execute(f"create schema if not exists {schema}")
            serving.execute(f"create table {schema}.{table} as from built.{schema}.{table}")
        serving.execute("create table build_info as select 'b0' as build_id, timestamp '2026-06-02' as published_at")
        serving.execute(
            f"create table {METRICS_TABLE} (build_id varchar, relation varchar, measure varchar, subject varchar, value double)"
        )
        serving.executemany(
            f"insert into {METRICS_TABLE} values ('b0', ?, ?, ?, ?)",
            [(metric.relation, metric.measure, metric.subject, metric.value) for metric in metrics],
        )
    return home


def compared(home: Home, manifest: dict[str, Any] = MANIFEST, versions: dict[str, str] | None = None) -> Comparison:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return compare(home, connection, manifest, versions or {})


def tripped(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.table, finding.gate) for finding in findings}


AGAIN = "insert into marts.fct_orders select {} from marts.fct_orders"
LATER = "insert into raw_shop.contacts by name select * replace ({}, timestamp '2026-06-03' as _loaded_at) from old"


@pytest.mark.parametrize(
    ("statement", "table", "gate"),
    [
        ("update raw_shop.contacts set email = null where _file is not null and amount % 2 = 0", "raw_shop.contacts", "nulls_rose"),
        ("update raw_shop.contacts set email = null", "raw_shop.contacts", "nulls_rose"),
        ("update raw_shop.contacts set amount = amount * 100", "raw_shop.contacts", "amounts_shifted"),
        ("update raw_shop.contacts set amount = amount / 100", "raw_shop.contacts", "amounts_shifted"),
        ("update raw_shop.contacts set _deleted_at = now()", "raw_shop.contacts", "live_rows_fell"),
        (
            ("insert into raw_ops.files values ('shop', 'contacts', 'shop/contacts/a.csv', 'load2');"
            "insert into raw_ops.loads values ('shop', 'contacts', 'load2', 0, '2026-06-03')"),
            "raw_shop.contacts",
            "file_emptied",
        ),
        ("update marts.dim_customers set email = null where customer_id like '%1%'", "marts.dim_customers", "values_lost"),
        ("update marts.dim_customers set phone = null", "marts.dim_customers", "values_lost"),
        ("update marts.dim_customers set email = 'x' || email", "marts.dim_customers", "values_changed"),
        ("insert into marts.dim_customers select 'D' || customer_id, email, phone, 1 from marts.dim_customers", "marts.dim_customers", "rows_grew"),
        ("update marts.dim_customers set customer_id = 'D' || customer_id", "marts.dim_customers", "rows_gone"),
        ("update marts.fct_orders set total_amount = total_amount * 100", "marts.fct_orders", "values_changed"),
        ("update marts.fct_orders set total_amount = total_amount / 100", "marts.fct_orders", "values_changed"),
        ("update marts.fct_orders set currency_code = 'USD'", "marts.fct_orders", "values_changed"),
        ("update marts.fct_orders set customer_id = 'C1'", "marts.fct_orders", "values_changed"),
        ("update marts.fct_orders set occurred_at = occurred_at + interval 1 year", "marts.fct_orders", "values_changed"),
        (AGAIN.format("* replace ('N' || order_id as order_id)"), "marts.fct_orders", "copied_rows"),
        (AGAIN.format("* replace ('N' || order_id as order_id, occurred_at + interval 1 year as occurred_at)"), "marts.fct_orders", "rows_grew"),
        (
            AGAIN.format("* replace ('N' || order_id as order_id, 100 * total_amount as total_amount)") + " limit 50",
            "marts.fct_orders",
            "new_amounts_shifted",
        ),
        (
            AGAIN.format("* replace ('N' || order_id as order_id, 'C1' as customer_id)") + " limit 50",
            "marts.fct_orders",
            "new_rows_on_one_customer",
        ),
        (
            AGAIN.format("* replace ('N' || order_id as order_id, 'USD' as currency_code)") + " limit 50",
            "marts.fct_orders",
            "new_currency",
        ),
        (
            AGAIN.format("* replace ('N' || order_id as order_id, now()::timestamp + interval 1 year as occurred_at)")
            + " limit 50",
            "marts.fct_orders",
            "future_rows",
        ),
        ("delete from marts.fct_orders where order_id like '%1%'", "marts.fct_orders", "rows_fell"),
        (
            "delete from marts.fct_orders where source = 'shop';"
            + AGAIN.format("* replace ('N' || order_id as order_id, occurred_at + interval 1 hour as occurred_at)")
            + " limit 60",
            "marts.fct_orders",
            "source_rows_fell",
        ),
        ("update marts.dim_consents set status = 'expired'", "marts.dim_consents", "reach_changed"),
        ("insert into segments.seg_lapsed select customer_id from marts.dim_customers limit 40", "segments.seg_lapsed", "size_changed"),
        ("delete from segments.seg_lapsed", "segments.seg_lapsed", "size_changed"),
        ("delete from exports.exp_ads__lapsed", "exports.exp_ads__lapsed", "size_changed"),
    ],
)  # fmt: skip
def test_a_bad_load_is_named(published: Home, statement: str, table: str, gate: str) -> None:
    assert compared(published).findings == []
    write(published, statement)
    assert (table, gate) in tripped(compared(published).findings)


@pytest.mark.parametrize(
    "statement",
    [
        "update raw_shop.contacts set email = null where amount < 15",  # ten of a hundred
        "update raw_shop.contacts set amount = amount * 2",
        "update marts.dim_customers set email = null where customer_id in ('C1', 'C2', 'C3')",
        "update marts.fct_orders set customer_id = 'C1' where customer_id in ('C2', 'C3')",  # two customers merged
        "update marts.fct_orders set total_amount = total_amount * 100 where order_id = 'O1'",
        AGAIN.format("* replace ('N' || order_id as order_id, occurred_at + interval 9 day as occurred_at)")
        + " limit 90",
        "insert into marts.fct_orders select * replace ('N' || order_id as order_id) from marts.fct_orders limit 5",
        "insert into segments.seg_lapsed select 'X' || customer_id from segments.seg_lapsed limit 15",
        "delete from marts.dim_consents where customer_id like 'C1%'",
    ],
)
def test_noise_and_growth_pass(published: Home, statement: str) -> None:
    write(published, statement)
    assert compared(published).findings == []


def test_a_table_with_the_published_version_is_not_compared(published: Home) -> None:
    with duckdb.connect(str(published.warehouse)) as connection:
        connection.execute("update marts.dim_customers set phone = null")
    record_tables(published, [], {"marts.dim_customers": "v1"})
    assert tripped(compared(published, versions={"marts.dim_customers": "v1"}).findings) == set()
    assert "marts.dim_customers" in compared(published, versions={"marts.dim_customers": "v1"}).tables
    for versions in ({}, {"marts.dim_customers": "v2"}, {"marts.dim_customers": ""}):
        assert tripped(compared(published, versions=versions).findings) == {("marts.dim_customers", "values_lost")}


def test_a_new_source_is_no_growth(published: Home) -> None:
    """Its orders, customers and members double what was there; without it the same is a finding."""
    doubled = (
        AGAIN.format(
            "* replace ('N' || order_id as order_id, 'new' as source, occurred_at + interval 1 hour as occurred_at)"
        ),
        "insert into marts.dim_customers select 'D' || customer_id, 'd' || email, phone, 1 from marts.dim_customers",
        "insert into segments.seg_lapsed select 'D' || customer_id from segments.seg_lapsed",
    )
    write(published, *doubled)
    assert tripped(compared(published).findings) == {
        ("marts.dim_customers", "rows_grew"),
        ("segments.seg_lapsed", "size_changed"),
    }
    write(published, "insert into raw_new.contacts select * from raw_shop.contacts")
    assert compared(published).findings == []


def test_new_rows_are_judged_separately(published: Home) -> None:
    """Sixty new records without an address are a third of all records, but all of the new ones."""
    write(
        published,
        """insert into raw_shop.contacts by name
        select 'N' || i as id, cast(i + 5 as double) as amount, timestamp '2026-06-03' as _loaded_at from range(60) t(i)""",
        "insert into raw_shop.contacts by name select 'M' || i as id, 'e' as email, cast(i as double) as amount, "
        "timestamp '2026-05-03' as _loaded_at from range(400) t(i)",
    )
    assert ("raw_shop.contacts", "new_nulls_rose") in tripped(compared(published).findings)


def test_a_first_publication_has_nothing_to_be_compared_with(home: Home) -> None:
    write(home, TABLES)
    found = compared(home)
    assert (found.build_id, found.findings) == ("", [])
    assert any(metric.measure == "live_rows" for metric in found.metrics)


def test_a_publication_that_cannot_be_read_is_a_finding(published: Home) -> None:
    published.serving.write_bytes(b"not a database")
    assert tripped(compared(published).findings) == {("serving", "last_publication")}


def test_a_small_shop_does_not_trip(home: Home, published: Home) -> None:
    """Ten rows more or less are noise, whatever their share."""
    for path in (published.warehouse, published.serving):
        with duckdb.connect(str(path)) as connection:
            connection.execute("delete from marts.fct_orders where order_id not in ('O1', 'O2', 'O3', 'O4')")
    write(
        published, "delete from marts.fct_orders where order_id <> 'O1'", "update marts.fct_orders set total_amount = 1"
    )
    assert not any(table == "marts.fct_orders" for table, _ in tripped(compared(published).findings))


def test_a_model_declares_its_own_gates_with_reasons(published: Home) -> None:
    write(published, "update marts.fct_orders set total_amount = total_amount * 100")
    for own in ({"at_most": 1.0, "reason": "restated"}, {"disabled": True, "reason": "restated"}):
        manifest = {**MANIFEST, "nodes": {**MANIFEST["nodes"], **model("fct_orders", "order_id", values_changed=own)}}
        assert compared(published, manifest).findings == []


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"rows_vanished": {"disabled": True, "reason": "x"}}, "no gate rows_vanished"),
        ({"rows_fell": {"at_most": 1}}, "gives no reason"),
        ({"rows_fell": {"most": 1, "reason": "x"}}, "most is not known"),
    ],
)
def test_a_wrong_declaration_is_refused(own: dict[str, Any], message: str) -> None:
    node = next(iter(model("fct_orders", "order_id", **own).values()))
    with pytest.raises(MerganserError, match=message):
        gates_of(node, "marts")


def test_every_gate_has_its_reason_and_its_twin() -> None:
    marks = test_a_bad_load_is_named.pytestmark  # type: ignore[attr-defined]
    named = {case[2] for case in marks[0].args[1]} | {"new_nulls_rose", "last_publication"}
    assert gate_names() == named
    for layer in ("raw", "marts", "segments", "exports", "consent"):
        assert all(gate.reason for gate in layer_gates(layer).values())
    assert {"marts.fct_orders.rows_fell", "segments.seg_lapsed.size_changed"} <= gate_ids(MANIFEST)

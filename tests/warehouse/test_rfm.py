"""Recency, frequency and monetary value: scores and segments of published orders equal the published ones.

Add here: what dim_customer_rfm computes. Keep out: who has which orders (fct_orders).
"""

from __future__ import annotations

import duckdb
import pytest

from runtime.building import compiled_sql
from runtime.home import PROJECT_ROOT, Home

ORDERS = PROJECT_ROOT.parent / "shared" / "data" / "eval" / "rfm" / "rfm_data_orders.csv"
PUBLISHED = ORDERS.with_name("published_segment_summary.csv")
SCORES = ORDERS.with_name("expected_scores_and_segments.csv")
SEGMENTS = PROJECT_ROOT / "dbt_project" / "seeds" / "commerce" / "rfm_segments.csv"
SAME_NAME = "replace(replace(lower(replace(segment, '''', '')), ' ', '_'), '-', '_')"


def test_scores_and_segments_of_published_orders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """995 customers with 4,906 orders, on the date of the publication: ten of ten segments, and each score."""
    if not ORDERS.exists():
        pytest.skip("skipped: needs ../shared/data/eval/rfm")
    home = Home(tmp_path_factory.mktemp("rfm"), "2006-12-31")
    query = compiled_sql(home, model="dim_customer_rfm")
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute("create schema if not exists seeds")
        connection.execute(
            f"""
            create table marts.dim_customers as
            select
                customer_id, 'USD' as revenue_currency, count(*) as order_count,
                cast(sum(revenue) as decimal(18, 2)) as lifetime_revenue_amount,
                cast(max(order_date) as timestamp) as last_order_at
            from read_csv('{ORDERS}') group by 1
            """
        )
        connection.execute(f"create table seeds.rfm_segments as from read_csv('{SEGMENTS}')")
        connection.execute(f"create table scored as {query}")
        wrong = connection.execute(
            f"""
            select count(*) from scored inner join read_csv('{SCORES}') as expected using (customer_id)
            where (recency_score, frequency_score, monetary_score, rfm_segment) is distinct from (R, F, M, {SAME_NAME})
            """
        ).fetchall()
        summary = (
            "select rfm_segment, count(*), sum(order_count), cast(sum(revenue_amount) as bigint) from scored group by 1"
        )
        found = set(connection.execute(summary).fetchall())
        published = f"select {SAME_NAME}, customers, orders, revenue from read_csv('{PUBLISHED}')"
        expected = set(connection.execute(published).fetchall())
    assert wrong == [(0,)]
    assert len(expected) == 10
    assert found == expected

"""The statements of docs/reference/questions.md on the demo, each compared with another way to its answer.

Add here: the comparison of a new question. Keep out: what a mart computes (unit tests of the models).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from runtime.home import PROJECT_ROOT, Home

PAGE = PROJECT_ROOT / "docs" / "reference" / "questions.md"
QUESTIONS = dict(re.findall(r"^### (.+?)\n.*?^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
ORDERS = "(select * from raw_shopify.order where _superseded_at is null)"


@pytest.fixture(scope="module")
def answers(demo_home: Home) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(demo_home.serving), read_only=True) as serving:
        return {question: serving.execute(statement).fetchall() for question, statement in QUESTIONS.items()}


def landed(home: Home, statement: str) -> list[tuple[Any, ...]]:
    """What the raw tables and the truth of the demo say, without a model."""
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        return warehouse.execute(statement).fetchall()


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_an_answer(answers: dict[str, list[tuple[Any, ...]]], question: str) -> None:
    assert answers[question], question
    assert len(QUESTIONS) >= 14


def test_revenue_is_that_of_the_landed_orders(answers: dict[str, list[tuple[Any, ...]]], demo_home: Home) -> None:
    """Totals less refunded lines, by the rates of the seed, month by month."""
    expected = landed(
        demo_home,
        f"""
        with refunds as (
            select refund.order_id, sum(coalesce(line.subtotal, 0) + coalesce(line.total_tax, 0)) as amount
            from raw_shopify.refund as refund
            inner join raw_shopify.order_line_refund as line on line.refund_id = refund.id
            where refund._superseded_at is null and line._superseded_at is null group by 1
        )
        select
            date_trunc('month', coalesce(orders.processed_at, orders.created_at)), count(*),
            sum((orders.total_price - coalesce(refunds.amount, 0)) / rates.units_per_eur)
        from {ORDERS} as orders
        inner join seeds.currency_rates as rates on orders.currency = rates.currency_code
        left join refunds on orders.id = refunds.order_id
        where not orders.test and orders.cancelled_at is null and orders.financial_status <> 'voided'
        group by 1 order by 1
        """,
    )
    found = answers["Revenue per month"]
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert all(abs(ours[2] - Decimal(theirs[2])) < Decimal("0.5") for ours, theirs in zip(found, expected, strict=True))


def test_buyers_are_the_people_who_bought(answers: dict[str, list[tuple[Any, ...]]], demo_home: Home) -> None:
    """By the truth of who placed which order; customers are not yet joined where nothing tells that they are one."""
    truth = demo_home.truth / "record_truth.parquet"
    ((people, again),) = landed(
        demo_home,
        f"""
        with bought as (
            select truth.person_id, count(*) as orders
            from {ORDERS} as orders
            inner join '{truth}' as truth
                on truth.source = 'shopify' and truth.entity = 'order' and truth.record_id = orders.id
            where not orders.test and orders.cancelled_at is null and orders.financial_status <> 'voided'
            group by 1
        )
        select count(*), count(*) filter (orders > 1) from bought
        """,
    )
    ((buyers, repeat_buyers, rate),) = answers["Repeat rate"]
    assert people <= buyers <= people * 1.35
    assert again * 0.7 <= repeat_buyers <= again
    assert rate == repeat_buyers / buyers
    assert answers["Time to the second order"][0][0] == repeat_buyers
    assert sum(count for _, later, count in answers["Retention by cohort"] if later == 0) == buyers
    assert sum(row[1] for row in answers["Recency, frequency, monetary value"]) == buyers


def test_sales_are_those_of_the_landed_lines(answers: dict[str, list[tuple[Any, ...]]], demo_home: Home) -> None:
    ((items,),) = landed(
        demo_home,
        f"""
        select sum(lines.quantity) from raw_shopify.order_line as lines inner join {ORDERS} as orders
            on lines.order_id = orders.id
        where lines._superseded_at is null and not orders.test and orders.cancelled_at is null
            and orders.financial_status <> 'voided' and lines._deleted_at is null
        """,
    )
    assert sum(row[2] for row in answers["Sales per product and category"]) == items
    assert sum(row[1] for row in answers["Refund rate by product"]) == items
    assert all(0 <= row[3] <= 1 for row in answers["Refund rate by product"])


def test_costs_are_those_of_the_platforms(answers: dict[str, list[tuple[Any, ...]]], demo_home: Home) -> None:
    with duckdb.connect(str(demo_home.serving), read_only=True) as serving:
        spend = dict(
            serving.execute("select channel, sum(spend_amount_reporting) from marts.fct_ad_spend group by 1").fetchall()
        )
        ((orders,),) = serving.execute("select count(*) from marts.fct_orders where is_first_order").fetchall()
    found = {row[0]: row for row in answers["What a new customer costs, by channel"]}
    assert {channel: row[1] for channel, row in found.items()} == spend
    assert 0 < sum(row[2] for row in found.values()) <= orders
    assert all(row[3] == pytest.approx(float(row[1]) / row[2]) for row in found.values() if row[2])
    campaigns = answers["Revenue and return on ad spend, by campaign"]
    assert sum(row[1] or 0 for row in campaigns) == pytest.approx(sum(spend.values()))


def test_consents_deals_and_tickets_are_all_counted(answers: dict[str, list[tuple[Any, ...]]], demo_home: Home) -> None:
    with duckdb.connect(str(demo_home.serving), read_only=True) as serving:
        one = lambda statement: serving.execute(statement).fetchall()[0][0]  # noqa: E731
        granted = one(
            "select count(*) from marts.dim_consents where purpose = 'email_marketing' and status = 'granted'"
        )
        tickets = one("select sum(ticket_count) from marts.dim_customers where order_count > 0")
        messages = one("select count(*) from marts.fct_messages")
        deals = dict(serving.execute("select status, count(*) from marts.fct_deals group by 1").fetchall())
    ((found, reachable),) = answers["Who may be contacted, and who can be"]
    assert found == granted
    assert 0 < reachable <= granted
    assert sum(row[4] for row in answers["Deliverability"]) == messages
    assert sum(row[3] for row in answers["Pipeline by stage, owner and company"]) == deals["open"]
    won, lost = (sum(row[place] for row in answers["Win rate, and the reasons"]) for place in (1, 2))
    assert (won, lost) == (deals["won"], deals["lost"])
    assert sum(row[2] for row in answers["Support load by customer value"]) == tickets

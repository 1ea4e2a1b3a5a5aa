"""Shopify's connector against a GraphQL server with Shopify's schema, and from there to the raw tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion.api import Api
from ingestion.connectors import StreamReport, Window
from ingestion.fetching import fetch
from ingestion.landing import LandingReport, land
from ingestion.registry import get_source
from ingestion.settings import Settings
from ingestion.synthetic import WorldConfig, write_world
from tests.ingestion.servers.base import Answer, Seen
from tests.ingestion.servers.shopify import ShopifyServer, abandoned_checkout, customer, deletion, from_world, order
from vendors import retries


class Bench:
    """A home and a shop, and one run after the other."""

    def __init__(self, home: Path, server: ShopifyServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.environment = {
            "SHOPIFY_ACCESS_TOKEN": server.token,
            "SHOPIFY_SHOP": "acme",
            "SHOPIFY_BASE_URL": server.url,
        }

    def try_run(self, stream: str, **options: Any) -> StreamReport:
        """Fetches one stream."""
        (report,) = fetch(
            self.settings, get_source("shopify"), streams=[stream], environment=self.environment, **options
        )
        return report

    def run(self, stream: str, **options: Any) -> StreamReport:
        """Fetches one stream, which must work."""
        report = self.try_run(stream, **options)
        assert report.error is None
        return report

    def land(self) -> LandingReport:
        """Lands the fetched records; none may be quarantined."""
        report = land(self.settings, [get_source("shopify")])
        assert report.ok
        assert report.quarantined == 0
        return report

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def records(self, entity: str) -> list[dict[str, Any]]:
        """All records that were fetched of an entity so far, in order."""
        files = sorted(
            (self.settings.landing_dir / "shopify" / entity).glob("*"), key=lambda path: path.stat().st_mtime_ns
        )
        rows = [row for path in files for row in pq.read_table(path).to_pylist()]
        return [json.loads(row["_payload"]) for row in rows if not row["_complete"]]

    def requested(self) -> list[dict[str, Any]]:
        """The variables of each query so far."""
        return [request.json["variables"] for request in self.server.requests if request.path.endswith("graphql.json")]

    def filters(self) -> list[str | None]:
        """The filters of listings, in order and each once."""
        return list(dict.fromkeys(variables["filter"] for variables in self.requested() if "filter" in variables))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with ShopifyServer() as server:
        monkeypatch.setattr(retries, "sleep", server.rest)
        yield Bench(tmp_path / "home", server)


def test_pages_follow_the_cursor_in_the_order_of_change(bench: Bench) -> None:
    bench.server.tables["customers"] = [customer(n, f"2026-03-{1 + n % 9:02}T00:00:00Z") for n in range(1, 121)]
    report = bench.run("customers")
    changes = [each["updatedAt"] for each in bench.records("customer")]
    assert len({each["id"] for each in bench.records("customer")}) == 120
    assert changes == sorted(changes)
    assert report.watermark_after == "2026-03-09T00:00:00.000000+00:00"


def test_the_next_run_asks_for_changes_since_the_watermark(bench: Bench) -> None:
    bench.server.tables["orders"] = [order(1, "2026-03-01T12:00:00Z"), order(2, "2026-03-02T12:00:00Z")]
    bench.run("orders")
    bench.server.tables["orders"][0] = order(1, "2026-03-03T00:00:00Z", displayFinancialStatus="REFUNDED", refunds=1)
    report = bench.run("orders")
    assert bench.filters() == [None, "updated_at:>='2026-03-02T11:55:00Z'"]
    assert report.records == {"order": 2, "order_line": 4, "refund": 1, "order_line_refund": 1}
    bench.land()
    assert bench.query(
        'select id, financial_status from raw_shopify."order" where _superseded_at is null order by 1'
    ) == [
        ("1", "REFUNDED"),
        ("2", "PAID"),
    ]


def test_long_orders_bring_all_their_lines(bench: Bench) -> None:
    bench.server.tables["orders"] = [order(1, lines=130), order(2, lines=3)]
    assert bench.run("orders").records["order_line"] == 133
    bench.land()
    assert bench.query("select order_id, count(distinct id) from raw_shopify.order_line group by 1 order by 1") == [
        ("1", 130),
        ("2", 3),
    ]


def test_many_refunds_of_many_lines(bench: Bench) -> None:
    large = order(1, lines=40, refunds=23)
    lines = [
        {**large["refunds"][0]["refundLineItems"][0], "id": f"gid://shopify/RefundLineItem/9{n}"} for n in range(35)
    ]
    large["refunds"][0]["refundLineItems"] = lines
    bench.server.tables["orders"] = [large]
    report = bench.run("orders")
    assert (report.records["refund"], report.records["order_line_refund"]) == (23, 35 + 22)


def test_a_request_that_is_too_dear_is_asked_in_smaller_pages(bench: Bench) -> None:
    bench.server.tables["orders"] = [order(n) for n in range(1, 8)]
    bench.server.dearest = 300
    assert bench.run("orders").records["order"] == 7
    sizes = [variables["first"] for variables in bench.requested()]
    assert sizes[:3] == [50, 25, 13]
    assert sizes == sorted(sizes, reverse=True)
    bench.server.dearest = 3
    report = bench.try_run("orders")
    assert report.error is not None
    assert "MAX_COST_EXCEEDED" in report.error


def test_a_bucket_that_is_empty_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        bench.server.rest(seconds)

    monkeypatch.setattr(retries, "sleep", sleep)
    bench.server.keeps_time = True
    bench.server.points = 0
    bench.server.tables["customers"] = [customer(n) for n in range(1, 121)]
    assert bench.run("customers").records == {"customer": 120}
    # 50 customers cost much; 100 points recover per second.
    cost = bench.server.answer(_same_query(bench)).body["extensions"]["cost"]["requestedQueryCost"]
    assert any(cost / 100 <= seconds <= cost / 100 + 0.5 for seconds in slept)


def _same_query(bench: Bench) -> Seen:
    return next(request for request in bench.server.requests if request.path.endswith("graphql.json"))


def test_a_refusal_with_http_200_is_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"message": "Access denied for person1@example.com", "extensions": {"code": "ACCESS_DENIED"}}
    monkeypatch.setattr(bench.server, "answer", lambda request: Answer({"errors": [denied], "data": {"page": None}}))
    report = bench.try_run("customers")
    assert report.error is not None
    assert "ACCESS_DENIED" in report.error
    assert "person1" not in report.error
    assert len(bench.requested()) == 1


def test_an_error_inside_of_shopify_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bench.server.answer
    failures = iter([Answer({"errors": [{"message": "!", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]})])
    monkeypatch.setattr(bench.server, "answer", lambda request: next(failures, None) or real(request))
    bench.server.tables["customers"] = [customer(1)]
    assert bench.run("customers").records == {"customer": 1}


def test_deletions_arrive_as_events_tell_them(bench: Bench) -> None:
    bench.server.tables["customers"] = [customer(1), customer(2)]
    bench.server.tables["orders"] = [order(7), order(8)]
    bench.run("customers")
    bench.run("orders")
    bench.server.tables["events"] = [
        deletion(1, "Customer", "2026-03-05T00:00:00Z"),
        deletion(7, "Order", "2026-03-06T00:00:00Z"),
        deletion(5, "Product", "2026-03-06T00:00:00Z"),
        {**deletion(8, "Order", "2026-03-06T00:00:00Z"), "action": "update"},
    ]
    report = bench.run("deletions")
    assert report.records == {"customer": 1, "order": 1, "order_line": 0}
    bench.land()
    state = "select id, coalesce(_fivetran_deleted, false) from raw_shopify.{} where _superseded_at is null order by 1"
    assert bench.query(state.format("customer")) == [("1", True), ("2", False)]
    assert bench.query(state.format('"order"')) == [("7", True), ("8", False)]


def test_checkouts_without_an_order_of_change_are_read_whole(bench: Bench) -> None:
    bench.server.tables["abandonedCheckouts"] = [
        abandoned_checkout(1, "2026-03-09T00:00:00Z"),
        abandoned_checkout(2, "2026-03-01T00:00:00Z"),
        abandoned_checkout(3, "2026-03-02T00:00:00Z", completedAt="2026-03-02T00:00:00Z", customer=None),
    ]
    bench.server.largest_page = 1
    assert bench.run("abandoned_checkouts").watermark_after == "2026-03-09T00:00:00.000000+00:00"
    bench.land()
    assert bench.query(
        "select id, email, total_price, presentment_currency, completed_at is not null"
        " from raw_shopify.abandoned_checkout order by id"
    ) == [
        ("1", "person1@example.com", Decimal("34.90"), "USD", False),
        ("2", "person2@example.com", Decimal("34.90"), "USD", False),
        ("3", None, Decimal("34.90"), "USD", True),
    ]


def test_a_backfill_names_both_ends(bench: Bench) -> None:
    bench.server.tables["orders"] = [order(n, f"2026-03-0{n}T12:00:00Z") for n in range(1, 6)]
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert bench.run("orders", window=window).records["order"] == 2
    assert bench.filters() == ["updated_at:>='2026-03-02T00:00:00Z' AND updated_at:<='2026-03-04T00:00:00Z'"]


def test_every_declared_column_of_an_order_has_its_value(bench: Bench) -> None:
    """Money in the currencies of shop and buyer, consent for both channels, and the ids of other loaders."""
    bench.server.tables["customers"] = [customer(1)]
    bench.server.tables["orders"] = [order(1, refunds=1, test=True, cancelledAt="2026-03-01T00:00:00Z")]
    for stream in ("customers", "orders"):
        bench.run(stream)
    bench.land()
    assert bench.query(
        "select id, email, email_marketing_consent_state, sms_marketing_consent_state,"
        " sms_marketing_consent_consent_updated_at, orders_count, total_spent from raw_shopify.customer"
    ) == [("1", "person1@example.com", "SUBSCRIBED", "UNSUBSCRIBED", datetime(2026, 2, 1), 1, Decimal("12.50"))]  # noqa: DTZ001
    assert bench.query(
        "select id, customer_id, cart_token, checkout_token, currency, total_price, presentment_currency,"
        ' presentment_total_price, test, cancelled_at is not null, shipping_address_city from raw_shopify."order"'
    ) == [("1", "1", "cart-1", "checkout-1", "EUR", Decimal("42.90"), "USD", Decimal("47.19"), True, True, "Berlin")]
    assert bench.query(
        "select id, order_id, product_id, price, total_discount, quantity from raw_shopify.order_line"
    ) == [
        ("1000", "1", "0", Decimal("10.00"), Decimal("1.00"), 2),
        ("1001", "1", "1", Decimal("10.00"), Decimal("1.00"), 2),
    ]
    assert bench.query("select id, order_id, total_refunded from raw_shopify.refund") == [("10", "1", Decimal("24.00"))]
    assert bench.query(
        "select id, refund_id, order_line_id, subtotal, total_tax from raw_shopify.order_line_refund"
    ) == [("1000", "10", "1000", Decimal("19.00"), Decimal("3.61"))]


def test_an_app_gets_its_token_by_itself(bench: Bench) -> None:
    del bench.environment["SHOPIFY_ACCESS_TOKEN"]
    report = bench.try_run("customers")
    assert report.error is not None
    assert "SHOPIFY_CLIENT_SECRET" in report.error
    bench.environment |= {"SHOPIFY_CLIENT_ID": "id", "SHOPIFY_CLIENT_SECRET": bench.server.secret}
    bench.server.tables["customers"] = [customer(1)]
    assert bench.run("customers").records == {"customer": 1}
    assert bench.server.requests[0].path == "/admin/oauth/access_token"
    bench.environment["SHOPIFY_CLIENT_SECRET"] = "wrong-secret"
    report = bench.try_run("customers")
    assert report.error is not None
    assert "400" in report.error
    assert "wrong-secret" not in report.error


def test_the_shop_names_the_address() -> None:
    api = get_source("shopify").api
    assert api is not None
    assert Api("shopify", api, {"SHOPIFY_SHOP": "acme"}).base_url == "https://acme.myshopify.com"


def test_a_line_that_left_its_order_is_deleted(bench: Bench) -> None:
    bench.server.tables["orders"] = [order(1, lines=3), order(2, lines=1)]
    bench.run("orders")
    bench.land()
    edited = order(1, "2026-03-04T00:00:00Z", lines=3)
    del edited["lineItems"][1]
    bench.server.tables["orders"][0] = edited
    bench.server.tables["events"] = [deletion(2, "Order", "2026-03-05T00:00:00Z")]
    bench.run("orders")
    bench.run("deletions")
    bench.land()
    assert bench.query(
        "select id, _deleted_at is not null from raw_shopify.order_line where _superseded_at is null order by 1"
    ) == [("1000", False), ("1001", True), ("1002", False), ("2000", True)]


TOLD_BY_BOTH = {
    "customer": "id, email, phone, first_name, last_name, orders_count, total_spent, currency, created_at, updated_at",
    "order": "id, customer_id, email, name, cart_token, currency, total_price, total_tax, cancelled_at, updated_at",
    "order_line": "id, order_id, product_id, sku, name, price, quantity, total_discount",
}


def test_the_demo_shop_comes_through_the_api_as_its_files_tell_it(bench: Bench, tmp_path: Path) -> None:
    by_file = Settings.from_home(tmp_path / "files")
    write_world(WorldConfig(customers=100, history_days=90), by_file.landing_dir, tmp_path / "truth")
    assert land(by_file, [get_source("shopify")]).ok
    bench.server.tables = from_world(by_file.landing_dir)
    bench.run("customers")
    bench.run("orders")
    bench.land()
    for entity, columns in TOLD_BY_BOTH.items():
        seconds = ", ".join(
            f"date_trunc('second', {name})" if name.endswith("_at") else name for name in columns.split(", ")
        )
        sql = f'select {seconds} from raw_shopify."{entity}" where _superseded_at is null order by 1'
        with duckdb.connect(str(by_file.warehouse_path), read_only=True) as connection:
            rows = connection.execute(sql).fetchall()
        assert rows
        assert bench.query(sql) == rows

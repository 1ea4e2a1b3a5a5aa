"""541,909 real invoice lines (UCI Online Retail, complete) go through every layer as in docs/guides/online_retail.md,
and the results equal DuckDB's counts of the file.

Add here: assertions about the real orders. Keep out: the guide's text, made-up data.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.documents import follow, parse
from tests.end_to_end.project_copy import ROOT, ProjectCopy, copy_project

FILE = ROOT.parent / "shared" / "data" / "eval" / "online_retail" / "online_retail.parquet"
RECIPE = "docs/guides/online_retail.md"
PREFIX = "online_retail-"

# The published figures of the data set (https://archive.ics.uci.edu/dataset/352/online+retail).
LINES, INVOICES, CUSTOMERS = 541_909, 25_900, 4_372

# The source's names without a code of ISO 3166-1: two are no country, the Channel Islands are two (JE, GG).
WITHOUT_CODE = {"Unspecified", "European Community", "Channel Islands"}
CODES = {
    "EIRE": "IE",
    "Germany": "DE",
    "Japan": "JP",
    "RSA": "ZA",
    "USA": "US",
    "United Arab Emirates": "AE",
    "United Kingdom": "GB",
}
ODD_STOCK_CODES = {"POST", "D", "M", "BANK CHARGES", "DOT", "CRUK", "AMAZONFEE", "S", "PADS", "B", "C2"}

Rows = list[tuple[Any, ...]]


class Source:
    """The file itself, queried by DuckDB without Merganser. A price is a double with at most three decimals, so it is
    counted as decimal(18,4): exactly."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(
            f"""
            create view lines as
            select * exclude (UnitPrice), Quantity * cast(UnitPrice as decimal(18,4)) as amount from '{FILE}'
            """
        )
        self._connection.execute(
            """
            create table invoices as
            select
                InvoiceNo as invoice, max(cast(CustomerID as varchar)) as customer, max(Country) as country,
                sum(amount) as exact, cast(round(sum(amount), 2) as decimal(18,2)) as amount,
                count(*) as line_count, sum(Quantity) as items
            from lines group by 1
            """
        )

    def __call__(self, sql: str) -> Rows:
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    if not FILE.exists():
        pytest.skip("skipped: needs ../shared/data/eval/online_retail")
    opened = Source()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, source: Source) -> ProjectCopy:
    """A copy of the project in which the guide was followed, with its own home."""
    copy = copy_project(tmp_path_factory.mktemp("real-orders") / "project")
    recipe = parse(RECIPE, (ROOT / RECIPE).read_text())
    follow(recipe, copy, given={"/path/to/online_retail.parquet": str(FILE)})
    return copy


def test_the_file_is_the_whole_data_set(source: Source) -> None:
    counted = source("select count(*), count(distinct InvoiceNo), count(distinct CustomerID) from lines")
    assert counted == [(LINES, INVOICES, CUSTOMERS)]


def test_no_line_is_lost(shop: ProjectCopy) -> None:
    """Extracted = landed + quarantined + unchanged, and all landed; a repeated line counts each time."""
    assert shop.query(
        """
        select
            sum(extracted_count), sum(landed_count), sum(quarantined_count), sum(unchanged_count),
            bool_and(extracted_count = landed_count + quarantined_count + unchanged_count)
        from raw_ops.loads where source = 'online_retail'
        """
    ) == [(LINES, LINES, 0, 0, True)]
    assert shop.query("select count(*) from raw_online_retail.invoice_lines") == [(LINES,)]
    assert shop.query("select count(*) from raw_quarantine.records") == [(0,)]
    assert shop.served("select count(*), count(distinct order_line_id) from marts.fct_order_lines") == [(LINES, LINES)]


def test_every_invoice_is_an_order_to_the_penny(shop: ProjectCopy, source: Source) -> None:
    """Each order equals its invoice exactly: amount, lines, items.

    The only tolerance is the rounding of a decimal(18,2) column: an invoice is rounded to the penny once, after its
    lines are summed. Lines at 0.001 give four invoices a fraction of a penny, so the total of all orders may
    differ from the exact one by half a penny for each of these.
    """
    orders = {
        order.removeprefix(PREFIX): tuple(rest)
        for order, *rest in shop.served("select order_id, net_amount, line_count, item_count from marts.fct_orders")
    }
    invoices = {
        invoice: tuple(rest) for invoice, *rest in source("select invoice, amount, line_count, items from invoices")
    }
    assert len(orders) == INVOICES
    assert orders == invoices

    ((net, currencies),) = shop.served("select sum(net_amount), list(distinct currency_code) from marts.fct_orders")
    ((exact, fractions),) = source("select sum(exact), count(*) filter (exact <> amount) from invoices")
    assert currencies == ["GBP"]
    assert fractions == 4
    assert abs(net - exact) <= Decimal("0.005") * fractions
    ((lines,),) = shop.served("select sum(line_amount) from marts.fct_order_lines")
    ((rounded,),) = source("select sum(cast(round(amount, 2) as decimal(18,2))) from lines")
    assert lines == rounded


def test_credit_notes_are_no_purchases(shop: ProjectCopy, source: Source) -> None:
    """Invoices that begin with C and two adjustments of bad debt lower revenue, and are no orders."""
    credited = set(shop.served("select order_id from marts.fct_orders where status = 'credit' and not is_purchase"))
    expected = {(PREFIX + invoice,) for (invoice,) in source("select invoice from invoices where amount < 0")}
    assert credited == expected
    ((notes, others),) = source(
        """
        select count(*) filter (invoice like 'C%'), count(*) filter (invoice not like 'C%')
        from invoices where amount < 0
        """
    )
    assert (notes, others) == (3_836, 2)
    assert source("select count(*) from invoices where invoice like 'C%'") == [(notes,)]
    assert shop.served("select count(*) from marts.fct_orders where is_purchase") == [(INVOICES - notes - others,)]


def test_customers_are_those_of_the_shop(shop: ProjectCopy, source: Source) -> None:
    """One customer per number, one anonymous one per invoice without; nobody is joined to anybody."""
    ((anonymous,),) = source("select count(*) from invoices where customer is null")
    assert shop.served(
        "select count(*) filter (is_identified), count(*) filter (not is_identified) from marts.dim_customers"
    ) == [(CUSTOMERS, anonymous)]
    expected = dict(
        source(
            """
            select customer, count(*) filter (amount >= 0) from invoices where customer is not null group by 1
            """
        )
    )
    counted = dict(
        shop.served(
            """
            select identifier_value, order_count
            from marts.bdg_customer_identifiers inner join marts.dim_customers using (customer_id)
            where identifier_type = 'online_retail_customer_id'
            """
        )
    )
    assert counted == expected


def test_the_largest_customers_spent_what_the_file_says(shop: ProjectCopy, source: Source) -> None:
    largest = source(
        """
        select customer, sum(amount) from invoices where customer is not null
        group by 1 order by 2 desc, 1 limit 20
        """
    )
    spent = shop.served(
        """
        select identifier_value, sum(net_amount)
        from marts.bdg_customer_identifiers inner join marts.fct_orders using (customer_id)
        where identifier_type = 'online_retail_customer_id'
        group by 1 order by 2 desc, 1 limit 20
        """
    )
    assert spent == largest
    assert largest[0][1] > 250_000


def test_countries_have_their_codes(shop: ProjectCopy, source: Source) -> None:
    codes = {}
    given = dict(shop.served("select order_id, country_code from marts.fct_orders"))
    for invoice, country in source("select invoice, country from invoices"):
        codes.setdefault(country, set()).add(given[PREFIX + invoice])
    assert len(codes) == 38
    assert {country for country, found in codes.items() if found == {None}} == WITHOUT_CODE
    named = {
        country: found.pop() for country, found in codes.items() if country not in WITHOUT_CODE and len(found) == 1
    }
    assert len(named) == 38 - len(WITHOUT_CODE) == len(set(named.values()))
    assert named | CODES == named


def test_odd_stock_codes_are_kept(shop: ProjectCopy, source: Source) -> None:
    """Postage, discounts, fees and manual entries are lines like any other: nothing is dropped."""
    kept = shop.served("select product_id, count(*) from marts.fct_order_lines group by 1 order by 1")
    assert kept == source("select StockCode, count(*) from lines group by 1 order by 1")
    assert {code for code, _ in kept} >= ODD_STOCK_CODES


@pytest.mark.skipif(
    not os.environ.get("TORTURE"), reason="skipped: minutes; test_invariants.py runs small worlds twice"
)
def test_a_second_run_changes_nothing(shop: ProjectCopy) -> None:
    before = _state(shop)
    output = shop.shell("merganser run --as-of 2011-12-10T00:00:00", {"ONLINE_RETAIL_FILE": str(FILE)})
    assert "Nothing new came" in output
    assert _state(shop) == before
    assert shop.query(
        "select status, landed_count from raw_ops.loads where source = 'online_retail' order by started_at desc limit 1"
    ) == [("nothing_new", 0)]


def _state(shop: ProjectCopy) -> dict[str, Any]:
    """Rows of every table that a run may write, the orders themselves, and what has left."""
    tables = shop.query(
        """
        select schema_name || '.' || table_name from duckdb_tables()
        where schema_name <> 'raw_ops' order by 1
        """
    )
    counts = {table: shop.query(f"select count(*) from {table}") for (table,) in tables}
    orders = sorted(shop.served("select * from marts.fct_orders"), key=str)
    return {**counts, "orders": hashlib.sha256(str(orders).encode()).hexdigest(), "sent": _names(shop.home / "exports")}


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

"""Shopify's GraphQL Admin API: a real GraphQL server for the part of the schema in shopify_admin.graphql.

graphql-core executes the queries. The server adds Shopify's own behaviour: listings with cursors that are positions in
the sort order, a search syntax, the cost of requests in points, HTTP 200 for errors, and tokens for apps.

Add here more behaviour of Shopify. Keep out: the data of a test (the test).
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import duckdb
from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLResolveInfo,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    graphql_sync,
    parse,
)

from tests.ingestion.servers.base import Answer, Seen, VendorServer

SCHEMA = build_schema(Path(__file__).with_name("shopify_admin.graphql").read_text())
LISTINGS = {
    "customers": "updatedAt",
    "orders": "updatedAt",
    "abandonedCheckouts": "id",
    "events": "createdAt",
}
SORT_KEYS = {"UPDATED_AT": "updatedAt", "CREATED_AT": "createdAt", "ID": "id"}
FIELDS = {"updated_at": "updatedAt", "created_at": "createdAt", "action": "action", "subject_type": "subjectType"}
DAYS_ALONE = {"customers"}  # their filter on updated_at matches whole days
TERM = re.compile(r"(\w+):(>=|<=|>|<)?'?([^'() ]+)'?")


class ShopifyServer(VendorServer):
    """`tables` hold nodes by the name of their listing; an order has its lines and refunds as lists.

    `points`: the available points, at most `full`. `dearest`: the highest cost of one request.
    """

    token = "shpat_test"
    secret = "client-secret"
    full = 2000.0
    points = full
    restore_rate = 100.0
    dearest = 1000
    largest_page = 250
    keeps_time = False  # true: requests use up points, and `rest` restores them

    def rest(self, seconds: float) -> None:
        """Simulates waiting: points recover."""
        self.points = min(self.full, self.points + seconds * self.restore_rate)

    # --- what Shopify answers

    def is_authorised(self, request: Seen) -> bool:
        return request.headers.get("x-shopify-access-token") == self.token

    def is_countable(self, request: Seen) -> bool:
        return not request.path.endswith("/oauth/access_token")

    def unauthorised(self) -> Answer:
        return Answer({"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, 401)

    def throttled(self, seconds: int | None) -> Answer:
        cost = 0.0 if seconds is None else seconds * self.restore_rate
        return self._refused("Throttled", "THROTTLED", cost, available=0.0)

    def answer(self, request: Seen) -> Answer:
        if request.path == "/admin/oauth/access_token":
            return self._sign_in(dict(parse_qsl(request.body.decode())))
        if request.method != "POST" or not re.fullmatch(r"/admin/api/20\d\d-\d\d/graphql.json", request.path):
            return Answer({"errors": "Not Found"}, 404)
        query, variables = request.json["query"], request.json.get("variables") or {}
        cost = _cost(query, variables)
        if cost > self.dearest:
            message = f"Query cost is {cost}, which exceeds the single query max cost limit ({self.dearest})."
            return self._refused(message, "MAX_COST_EXCEEDED", cost)
        if self.keeps_time and cost > self.points:
            return self._refused("Throttled", "THROTTLED", cost)
        if self.keeps_time:
            self.points -= cost
        result = graphql_sync(SCHEMA, query, variable_values=variables, field_resolver=self._resolve)
        body: dict[str, Any] = {"data": result.data, "extensions": self._told(cost)}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        return Answer(body)

    def _sign_in(self, form: Mapping[str, str]) -> Answer:
        if form.get("grant_type") != "client_credentials" or form.get("client_secret") != self.secret:
            return Answer({"error": "invalid_client"}, 400)
        self.expired = False
        return Answer({"access_token": self.token, "scope": "read_customers,read_orders", "expires_in": 86399})

    def _refused(self, message: str, code: str, cost: float, available: float | None = None) -> Answer:
        error = {"message": message, "extensions": {"code": code}}
        return Answer({"errors": [error], "extensions": self._told(cost, available)})

    def _told(self, cost: float, available: float | None = None) -> dict[str, Any]:
        status = {
            "maximumAvailable": self.full,
            "currentlyAvailable": self.points if available is None else available,
            "restoreRate": self.restore_rate,
        }
        return {"cost": {"requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": status}}

    # --- fields

    def _resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        name = info.field_name
        if info.parent_type.name == "QueryRoot":
            if name == "node":
                return self._node(arguments["id"])
            if name == "nodes":
                return [self._node(each) for each in arguments["ids"]]
            return self._list(name, **arguments)
        if name == "__typename" or not isinstance(source, Mapping):
            return getattr(source, name, None)
        value = source.get(name)
        if name in {"lineItems", "refundLineItems"}:
            return _connection(value or [], arguments.get("after"), arguments["first"], "id")[0]
        return value

    def _node(self, gid: str) -> Any:
        orders = self.tables.get("orders", [])
        everything = [*orders, *(refund for order in orders for refund in order.get("refunds", []))]
        return next((_typed(node) for node in everything if node["id"] == gid), None)

    def _list(self, name: str, first: int, after: str | None = None, query: str | None = None, **order: Any) -> Any:
        key = SORT_KEYS[order["sortKey"]]
        found = [node for node in self.tables.get(name, []) if _matches(node, query or "", name in DAYS_ALONE)]
        records = sorted(found, key=lambda node: _place(node, key))
        position = _position(records, after, key)
        given, following = self.page(records, position, min(first, self.largest_page))
        end = _cursor(given[-1], key) if given else None
        return {
            "nodes": [_typed(node) for node in given],
            "pageInfo": {"hasNextPage": following is not None, "endCursor": end},
        }


def _connection(records: Sequence[Any], after: str | None, first: int, key: str) -> tuple[dict[str, Any], int]:
    """A listing within an object."""
    position = _position(records, after, key)
    given = records[position : position + first]
    more = position + first < len(records)
    info = {"hasNextPage": more, "endCursor": _cursor(given[-1], key) if given else None}
    return {"nodes": [_typed(node) for node in given], "pageInfo": info}, position


def _typed(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node with the type in its id."""
    found = re.match(r"gid://shopify/(\w+)/", str(node.get("id", "")))
    return {"__typename": found[1] if found else "", **node}


def _place(node: Mapping[str, Any], key: str) -> tuple[str, int]:
    number = int(re.sub(r"\D", "", str(node["id"]).rpartition("/")[2]) or 0)
    return ("" if key == "id" else str(node[key]), number)


def _cursor(node: Mapping[str, Any], key: str) -> str:
    return base64.b64encode(json.dumps(_place(node, key)).encode()).decode()


def _position(records: Sequence[Any], after: str | None, key: str) -> int:
    """The index of the first record after a cursor, which is a position in the sort order."""
    if after is None:
        return 0
    place = tuple(json.loads(base64.b64decode(after)))
    return sum(1 for record in records if _place(record, key) <= place)


def _matches(node: Mapping[str, Any], search: str, days_alone: bool) -> bool:
    """The used part of Shopify's search syntax: terms with comparisons, AND between them, OR within brackets."""
    for part in filter(None, search.split(" AND ")):
        alternatives = part.strip("()").split(" OR ")
        if not any(_holds(node, alternative, days_alone) for alternative in alternatives):
            return False
    return True


def _holds(node: Mapping[str, Any], term: str, days_alone: bool) -> bool:
    found = TERM.fullmatch(term.strip())
    assert found, f"not Shopify's search syntax: {term}"
    name, comparison, wanted = found.groups()
    value = node.get(FIELDS[name])
    if comparison is None:
        return str(value) == wanted
    one, other = datetime.fromisoformat(str(value)), datetime.fromisoformat(wanted)
    if days_alone:
        one, other = (moment.astimezone(UTC).replace(hour=0, minute=0, second=0) for moment in (one, other))
    return {">=": one >= other, "<=": one <= other, ">": one > other, "<": one < other}[comparison]


def _cost(query: str, variables: Mapping[str, Any]) -> int:
    """The cost of a request by Shopify's rules: one per object, times the requested size for a listing."""
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return _cost_of(operation.selection_set, variables)


def _cost_of(selections: SelectionSetNode | None, variables: Mapping[str, Any]) -> int:
    total = 0
    for each in selections.selections if selections else ():
        if isinstance(each, InlineFragmentNode):
            total += _cost_of(each.selection_set, variables)
        elif isinstance(each, FieldNode) and each.selection_set:
            arguments = {argument.name.value: argument.value for argument in each.arguments}
            inner = _cost_of(each.selection_set, variables)
            if "first" in arguments:
                size = arguments["first"]
                total += int(variables[size.name.value] if hasattr(size, "name") else size.value) * max(inner, 1)
            elif each.name.value in {"shopMoney", "presentmentMoney", "pageInfo"}:
                continue
            else:
                total += 1 + inner
    return total


for _interface in (SCHEMA.type_map["Node"], SCHEMA.type_map["Event"]):
    assert isinstance(_interface, GraphQLInterfaceType)
    _interface.resolve_type = lambda node, info, kind: node["__typename"]


# --- records as the shop would hold them


def money(amount: str, presentment: str | None = None, currency: str = "EUR") -> dict[str, Any]:
    """An amount in the shop's currency and in the buyer's (dollars, if it is another)."""
    seen = {"amount": presentment or amount, "currencyCode": "USD" if presentment else currency}
    return {"shopMoney": {"amount": amount, "currencyCode": currency}, "presentmentMoney": seen}


def address(number: int) -> dict[str, Any]:
    """An address in Berlin."""
    return {
        "id": f"gid://shopify/MailingAddress/{number}",
        "firstName": "Ada",
        "lastName": f"Number {number}",
        "address1": f"Street {number}",
        "city": "Berlin",
        "zip": "10115",
        "country": "Germany",
        "countryCodeV2": "DE",
    }


def customer(number: int, changed: str = "2026-03-01T12:00:00Z", **fields: Any) -> dict[str, Any]:
    """An account of the shop."""
    email = {"emailAddress": f"person{number}@example.com", "marketingState": "SUBSCRIBED"}
    sms = {"state": "UNSUBSCRIBED", "optInLevel": "SINGLE_OPT_IN", "updatedAt": "2026-02-01T00:00:00Z"}
    return {
        "id": f"gid://shopify/Customer/{number}",
        "legacyResourceId": str(number),
        "firstName": "Ada",
        "lastName": f"Number {number}",
        "state": "ENABLED",
        "verifiedEmail": True,
        "taxExempt": False,
        "tags": [],
        "locale": "de",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": changed,
        "numberOfOrders": "1",
        "amountSpent": {"amount": "12.50", "currencyCode": "EUR"},
        "defaultAddress": address(number),
        "defaultEmailAddress": {**email, "marketingOptInLevel": "CONFIRMED_OPT_IN", "marketingUpdatedAt": changed},
        "defaultPhoneNumber": {"phoneNumber": "+4930123456", "smsMarketingConsent": sms},
        **fields,
    }


def order(
    number: int, changed: str = "2026-03-01T12:00:00Z", lines: int = 2, refunds: int = 0, **fields: Any
) -> dict[str, Any]:
    """An order of two pieces a line, ten euros each; a refund gives the first line's pieces back."""
    line_nodes = [
        {
            "id": f"gid://shopify/LineItem/{number * 1000 + line}",
            "name": f"Tea {line}",
            "title": f"Tea {line}",
            "sku": f"T-{line}",
            "quantity": 2,
            "currentQuantity": 2,
            "isGiftCard": False,
            "requiresShipping": True,
            "taxable": True,
            "product": {"id": f"gid://shopify/Product/{line}", "legacyResourceId": str(line)},
            "variant": None,
            "originalUnitPriceSet": money("10.00", "11.00"),
            "totalDiscountSet": money("1.00", "1.10"),
        }
        for line in range(lines)
    ]
    refund_nodes = [
        {
            "id": f"gid://shopify/Refund/{number * 10 + refund}",
            "legacyResourceId": str(number * 10 + refund),
            "createdAt": changed,
            "processedAt": changed,
            "updatedAt": changed,
            "order": {"id": f"gid://shopify/Order/{number}", "legacyResourceId": str(number)},
            "totalRefundedSet": money("24.00", "26.40"),
            "refundLineItems": [
                {
                    "id": f"gid://shopify/RefundLineItem/{number * 1000 + refund}",
                    "quantity": 2,
                    "restockType": "RETURN",
                    "restocked": True,
                    "lineItem": line_nodes[0],
                    "subtotalSet": money("19.00"),
                    "totalTaxSet": money("3.61"),
                }
            ],
        }
        for refund in range(refunds)
    ]
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "name": f"#{number}",
        "number": number,
        "email": f"person{number}@example.com",
        "test": False,
        "confirmed": True,
        "cartToken": f"cart-{number}",
        "checkoutToken": f"checkout-{number}",
        "sourceName": "web",
        "customerAcceptsMarketing": True,
        "tags": [],
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "taxesIncluded": True,
        "currencyCode": "EUR",
        "presentmentCurrencyCode": "USD",
        "createdAt": "2026-02-01T10:00:00Z",
        "updatedAt": changed,
        "processedAt": "2026-02-01T10:00:00Z",
        "customer": {"id": "gid://shopify/Customer/1", "legacyResourceId": "1"},
        "shippingAddress": address(number),
        "billingAddress": address(number),
        "subtotalPriceSet": money("38.00", "41.80"),
        "totalTaxSet": money("7.22", "7.94"),
        "totalDiscountsSet": money("2.00", "2.20"),
        "totalShippingPriceSet": money("4.90", "5.39"),
        "totalPriceSet": money("42.90", "47.19"),
        "totalRefundedSet": money("0.00"),
        "refunds": refund_nodes,
        "lineItems": line_nodes,
        **fields,
    }


def abandoned_checkout(number: int, changed: str = "2026-03-01T12:00:00Z", **fields: Any) -> dict[str, Any]:
    """An abandoned checkout."""
    return {
        "id": f"gid://shopify/AbandonedCheckout/{number}",
        "name": f"#C{number}",
        "note": "",
        "abandonedCheckoutUrl": f"https://shop.example/checkouts/{number}/recover",
        "taxesIncluded": True,
        "createdAt": "2026-02-28T10:00:00Z",
        "updatedAt": changed,
        "customer": customer(number),
        "shippingAddress": address(number),
        "subtotalPriceSet": money("30.00"),
        "totalTaxSet": money("4.79"),
        "totalDiscountSet": money("0.00"),
        "totalLineItemsPriceSet": money("30.00"),
        "totalPriceSet": money("34.90", "38.39"),
        **fields,
    }


def deletion(number: int, kind: str, at: str) -> dict[str, Any]:
    """The event that says that a customer or an order was deleted."""
    return {
        "id": f"gid://shopify/BasicEvent/{number}",
        "action": "destroy",
        "subjectId": f"gid://shopify/{kind}/{number}",
        "subjectType": kind.upper(),
        "createdAt": at,
    }


def five_customers() -> ShopifyServer:
    """A server for the fault matrix: five customers, two on a page."""
    server = ShopifyServer({"customers": [customer(n, f"2026-03-01T12:0{n}:00Z") for n in range(1, 6)]})
    server.largest_page = 2
    return server


# --- the demo business


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo business's shop, from its landing files: its customers, and its orders with their lines."""
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in _newest(landing, "order_line", "_fivetran_synced"):
        lines[line["order_id"]].append(_line_of(line))
    return {
        "customers": [_customer_of(row) for row in _newest(landing, "customer", "updated_at")],
        "orders": [_order_of(row, lines[row["id"]]) for row in _newest(landing, "order", "updated_at")],
    }


def _customer_of(row: Mapping[str, Any]) -> dict[str, Any]:
    consent = "email_marketing_consent_"
    return customer(
        int(row["id"]), row["updated_at"], createdAt=row["created_at"], firstName=row["first_name"],
        lastName=row["last_name"], state=(row["state"] or "").upper(), numberOfOrders=row["orders_count"],
        amountSpent={"amount": row["total_spent"], "currencyCode": row["currency"]},
        defaultEmailAddress=row["email"] and {
            "emailAddress": row["email"], "marketingState": (row[f"{consent}state"] or "not_subscribed").upper(),
            "marketingOptInLevel": (row[f"{consent}opt_in_level"] or "").upper() or None,
            "marketingUpdatedAt": row[f"{consent}consent_updated_at"],
        },
        defaultPhoneNumber=row["phone"] and {
            "phoneNumber": row["phone"],
            "smsMarketingConsent": {"state": "NEVER_SUBSCRIBED", "optInLevel": "UNKNOWN", "updatedAt": None},
        },
    )  # fmt: skip


def _order_of(row: Mapping[str, Any], lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def price(name: str) -> dict[str, Any]:
        return money(row[name], currency=row["currency"])

    result = order(
        int(row["id"]), row["updated_at"], lines=0, createdAt=row["created_at"], processedAt=row["processed_at"],
        email=row["email"], phone=row["phone"], name=row["name"], lineItems=lines,
        customer=row["customer_id"] and _named("Customer", row["customer_id"]),
        cartToken=row["cart_token"], checkoutToken=row["checkout_token"], currencyCode=row["currency"],
        displayFinancialStatus=row["financial_status"].upper(), cancelledAt=row["cancelled_at"],
        subtotalPriceSet=price("subtotal_price"), totalTaxSet=price("total_tax"), totalPriceSet=price("total_price"),
        totalDiscountsSet=price("total_discounts"),
    )  # fmt: skip
    return {**result, "number": row["order_number"]}


def _line_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{row['id']}", "name": row["name"], "title": row["title"], "sku": row["sku"],
        "vendor": row["vendor"], "quantity": int(row["quantity"]), "currentQuantity": int(row["quantity"]),
        "isGiftCard": False, "requiresShipping": True, "taxable": True,
        "product": _named("Product", row["product_id"]), "variant": _named("ProductVariant", row["variant_id"]),
        "originalUnitPriceSet": money(row["price"]), "totalDiscountSet": money(row["total_discount"]),
    }  # fmt: skip


def _named(kind: str, number: str) -> dict[str, str]:
    return {"id": f"gid://shopify/{kind}/{number}", "legacyResourceId": number}


def _newest(landing: Path, entity: str, version: str) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"from read_parquet('{landing}/shopify/{entity}/*.parquet')"
            f" qualify row_number() over (partition by id order by {version} desc) = 1 order by cast(id as bigint)"
        )
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, map(_told, row), strict=True)) for row in found.fetchall()]


def _told(value: Any) -> Any:
    """A value in Shopify's form: timestamps in UTC to the second, amounts as text."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return str(value) if isinstance(value, Decimal) else value

"""Shopify's GraphQL Admin API: objects by time of change, orders with their lines and refunds.

The HTTP status is always 200; `errors` in the body signal failures. A request costs points, which recover over time
(shopify.dev/docs/api/usage/limits): a throttled request waits until there are enough points, and a request that costs
too many is repeated with smaller pages. The lines of an order and of a refund are listings with pages of their own.
Events report deletions; Shopify keeps them for a year.

Add here when another object or field is read. Keep out: what a column means (source.yml).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, Window
from ingestion.errors import SettingError
from vendors.errors import PermanentVendorError
from vendors.oauth import AccessToken, client_credentials

_PAGE_SIZE = 50
_REFUNDS_AT_ONCE = 10
_TRANSIENT = {"INTERNAL_SERVER_ERROR", "TIMEOUT"}

_Node = Mapping[str, Any]

_MONEY = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_ADDRESS = """{
  name firstName lastName company phone address1 address2 city province provinceCode zip country countryCodeV2
}"""
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_CONTACT = """
  defaultEmailAddress { emailAddress marketingState marketingOptInLevel marketingUpdatedAt }
  defaultPhoneNumber { phoneNumber smsMarketingConsent { state optInLevel updatedAt } }
"""

_CUSTOMERS = f"""
query customers($first: Int!, $after: String, $filter: String) {{
  page: customers(first: $first, after: $after, query: $filter, sortKey: UPDATED_AT) {{
    nodes {{
      id legacyResourceId firstName lastName state verifiedEmail taxExempt tags locale createdAt updatedAt
      numberOfOrders amountSpent {{ amount currencyCode }}
      defaultAddress {_ADDRESS}
      {_CONTACT}
    }}
    {_PAGE_INFO}
  }}
}}
"""

_LINE = f"""
  id name title variantTitle sku vendor quantity currentQuantity isGiftCard requiresShipping taxable
  product {{ legacyResourceId }}
  variant {{ legacyResourceId }}
  originalUnitPriceSet {_MONEY}
  totalDiscountSet {_MONEY}
"""

_ORDERS = f"""
query orders($first: Int!, $after: String, $filter: String) {{
  page: orders(first: $first, after: $after, query: $filter, sortKey: UPDATED_AT) {{
    nodes {{
      id legacyResourceId name number note email phone test confirmed
      cartToken checkoutToken clientIp sourceName customerAcceptsMarketing tags
      displayFinancialStatus displayFulfillmentStatus cancelReason taxesIncluded
      currencyCode presentmentCurrencyCode
      createdAt updatedAt processedAt cancelledAt closedAt
      customer {{ legacyResourceId }}
      shippingAddress {_ADDRESS}
      billingAddress {_ADDRESS}
      subtotalPriceSet {_MONEY}
      totalTaxSet {_MONEY}
      totalDiscountsSet {_MONEY}
      totalShippingPriceSet {_MONEY}
      totalPriceSet {_MONEY}
      currentTotalPriceSet {_MONEY}
      totalTipReceivedSet {_MONEY}
      originalTotalDutiesSet {_MONEY}
      totalRefundedSet {_MONEY}
      customerJourneySummary {{
        lastVisit {{ landingPage referrerUrl utmParameters {{ campaign content medium source term }} }}
      }}
      refunds {{ id }}
      lineItems(first: 10) {{ nodes {{ {_LINE} }} {_PAGE_INFO} }}
    }}
    {_PAGE_INFO}
  }}
}}
"""

_ORDER_LINES = f"""
query orderLines($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{
    ... on Order {{ page: lineItems(first: $first, after: $after) {{ nodes {{ {_LINE} }} {_PAGE_INFO} }} }}
  }}
}}
"""

_REFUNDED_LINE = f"""
  id quantity restockType restocked
  lineItem {{ id }}
  location {{ legacyResourceId }}
  subtotalSet {_MONEY}
  totalTaxSet {_MONEY}
"""

_REFUNDS = f"""
query refunds($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Refund {{
      id legacyResourceId note createdAt processedAt updatedAt
      order {{ legacyResourceId }}
      totalRefundedSet {_MONEY}
      refundLineItems(first: 10) {{ nodes {{ {_REFUNDED_LINE} }} {_PAGE_INFO} }}
    }}
  }}
}}
"""

_REFUND_LINES = f"""
query refundLines($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{
    ... on Refund {{
      page: refundLineItems(first: $first, after: $after) {{ nodes {{ {_REFUNDED_LINE} }} {_PAGE_INFO} }}
    }}
  }}
}}
"""

# Checkouts cannot be sorted by time of change; the listing is read completely before the watermark moves.
_ABANDONED_CHECKOUTS = f"""
query abandonedCheckouts($first: Int!, $after: String, $filter: String) {{
  page: abandonedCheckouts(first: $first, after: $after, query: $filter, sortKey: ID) {{
    nodes {{
      id name note abandonedCheckoutUrl taxesIncluded createdAt updatedAt completedAt
      customer {{ legacyResourceId {_CONTACT} }}
      shippingAddress {_ADDRESS}
      billingAddress {_ADDRESS}
      subtotalPriceSet {_MONEY}
      totalTaxSet {_MONEY}
      totalDiscountSet {_MONEY}
      totalLineItemsPriceSet {_MONEY}
      totalPriceSet {_MONEY}
    }}
    {_PAGE_INFO}
  }}
}}
"""

_DELETIONS = f"""
query deletions($first: Int!, $after: String, $filter: String) {{
  page: events(first: $first, after: $after, query: $filter, sortKey: CREATED_AT) {{
    nodes {{ ... on BasicEvent {{ id action subjectId subjectType createdAt }} }}
    {_PAGE_INFO}
  }}
}}
"""


class _CostError(PermanentVendorError):
    """The request costs more points than allowed."""


class Client(ApiClient):
    """Reads a shop with a given token, or with an app's token that is requested and lasts a day."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._path = f"admin/api/{api.value('SHOPIFY_API_VERSION')}/graphql.json"
        given = api.value("SHOPIFY_ACCESS_TOKEN")
        app = (api.value("SHOPIFY_CLIENT_ID"), api.value("SHOPIFY_CLIENT_SECRET"))
        self._has_app = all(app)
        if not given and not self._has_app:
            raise SettingError(
                "set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET, or SHOPIFY_ACCESS_TOKEN, in the environment."
            )
        self._token = AccessToken(api, "admin/oauth/access_token", lambda: client_credentials(*app), initial=given)

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the token."""
        if token := self._token.value():
            request.headers["X-Shopify-Access-Token"] = token

    def refresh(self) -> bool:
        """Gets a new token for an app's id and secret; it lasts 24 hours."""
        return self._has_app and self._token.renew()

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """The time until the missing points recover; two seconds after an internal error."""
        codes = _codes(response)
        if "THROTTLED" in codes:
            cost = response.json().get("extensions", {}).get("cost", {})
            status = cost.get("throttleStatus", {})
            missing = cost.get("requestedQueryCost", 0) - status.get("currentlyAvailable", 0)
            return float(max(1.0, missing / status.get("restoreRate", 50)))
        return 2.0 if _TRANSIENT & set(codes) else None

    def error_code(self, response: requests.Response) -> str:
        """The codes of the errors."""
        return ", ".join(_codes(response))

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """Changed objects; an order has all its lines and refunds."""
        if stream == "customers":
            for nodes in self._listed(_CUSTOMERS, _filter("updated_at", window)):
                yield Page({"customer": nodes}, _latest(nodes, "updatedAt"))
        elif stream == "orders":
            for nodes in self._listed(_ORDERS, _filter("updated_at", window)):
                yield self._orders(nodes)
        elif stream == "abandoned_checkouts":
            for nodes in self._listed(_ABANDONED_CHECKOUTS, _filter("updated_at", window)):
                yield Page({"abandoned_checkout": [_numbered(node) for node in nodes]}, _latest(nodes, "updatedAt"))
        else:
            of_interest = "action:destroy AND (subject_type:CUSTOMER OR subject_type:ORDER)"
            for nodes in self._listed(_DELETIONS, _filter("created_at", window, of_interest)):
                yield _deletions([node for node in nodes if node])  # comments are events without these fields

    def _orders(self, nodes: Sequence[_Node]) -> Page:
        orders, lines, refund_ids = [], [], []
        for node in nodes:
            order = {name: value for name, value in node.items() if name not in {"lineItems", "refunds"}}
            orders.append(order)
            refund_ids += [refund["id"] for refund in node["refunds"]]
            of_order = {"orderId": node["legacyResourceId"], "orderUpdatedAt": node["updatedAt"]}
            for line in self._whole(node["lineItems"], _ORDER_LINES, node["id"]):
                lines.append(_numbered(line, **of_order))
        refunds, refunded_lines = self._refunds(refund_ids)
        return Page(
            {"order": orders, "order_line": lines, "refund": refunds, "order_line_refund": refunded_lines},
            _latest(nodes, "updatedAt"),
            complete={"order_line": [{"order_id": node["legacyResourceId"]} for node in nodes]},
        )

    def _refunds(self, ids: Sequence[str]) -> tuple[list[_Node], list[_Node]]:
        refunds: list[_Node] = []
        refunded_lines: list[_Node] = []
        for start in range(0, len(ids), _REFUNDS_AT_ONCE):
            for node in self._query(_REFUNDS, {"ids": list(ids[start : start + _REFUNDS_AT_ONCE])})["nodes"]:
                if node is None:
                    continue  # its order was deleted meanwhile
                refunds.append({name: value for name, value in node.items() if name != "refundLineItems"})
                of_refund = {"refundId": node["legacyResourceId"], "refundUpdatedAt": node["updatedAt"]}
                for line in self._whole(node["refundLineItems"], _REFUND_LINES, node["id"]):
                    order_line_id = _number(line["lineItem"]["id"])
                    gid = line["id"] or f"{node['id']}-{order_line_id}"  # the id may be null
                    refunded_lines.append(_numbered({**line, "id": gid}, orderLineId=order_line_id, **of_refund))
        return refunds, refunded_lines

    def _listed(self, query: str, search: str) -> Iterator[list[_Node]]:
        return self._pages(query, {"filter": search or None}, None)

    def _whole(self, given: _Node, query: str, parent_id: str) -> Iterator[_Node]:
        """All nodes of a nested listing: the given first page, and further pages."""
        yield from given["nodes"]
        if given["pageInfo"]["hasNextPage"]:
            for nodes in self._pages(query, {"id": parent_id}, given["pageInfo"]["endCursor"]):
                yield from nodes

    def _pages(self, query: str, variables: Mapping[str, Any], after: str | None) -> Iterator[list[_Node]]:
        """The pages of the listing named `page` in a query; smaller pages if they cost too much."""
        size = _PAGE_SIZE
        while True:
            try:
                data = self._query(query, {**variables, "first": size, "after": after})
            except _CostError:
                if size == 1:
                    raise
                size = (size + 1) // 2
                continue
            page = (data.get("node", data) or {}).get("page")
            if page is None:
                return  # its parent was deleted meanwhile
            yield page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"] or after

    def _query(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of one query. Raises PermanentVendorError with the error codes."""
        body = self.api.post(self._path, {"query": query, "variables": variables})
        if errors := body.get("errors"):
            codes = sorted({str((each.get("extensions") or {}).get("code", "")) for each in errors} - {""})
            kind = _CostError if "MAX_COST_EXCEEDED" in codes else PermanentVendorError
            raise kind(
                f"shopify: {self._path}: {', '.join(codes) or 'the query is refused'}; does the app have the access"
                " scopes that docs/connect names, and is SHOPIFY_API_VERSION one that Shopify still supports?"
            )
        data: Mapping[str, Any] = body["data"]
        return data


def _filter(field: str, window: Window, others: str = "") -> str:
    """A filter in Shopify's search syntax. Bounds are whole seconds and inclusive; a record may come twice."""
    terms = [others] if others else []
    if window.since is not None:
        terms.append(f"{field}:>='{_second(window.since)}'")
    if window.until is not None:
        terms.append(f"{field}:<='{_second(window.until)}'")
    return " AND ".join(terms)


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _latest(nodes: Sequence[_Node], field: str) -> datetime | None:
    return max((datetime.fromisoformat(node[field]) for node in nodes), default=None)


def _number(gid: str) -> str:
    """The number in an id like gid://shopify/LineItem/1234, which other loaders and exports use."""
    return gid.rpartition("/")[2]


def _numbered(node: _Node, **others: Any) -> _Node:
    """A record with the number of its id in legacyResourceId, like other objects."""
    return {**node, "legacyResourceId": _number(node["id"]), **others}


def _deletions(events: Sequence[_Node]) -> Page:
    marks: dict[str, list[_Node]] = {"customer": [], "order": []}
    for event in events:
        mark = {"legacyResourceId": _number(event["subjectId"]), "isDeleted": True, "updatedAt": event["createdAt"]}
        marks[event["subjectType"].lower()].append(mark)
    complete = {"order_line": [{"order_id": mark["legacyResourceId"]} for mark in marks["order"]]}
    return Page(marks, _latest(events, "createdAt"), complete)


def _codes(response: requests.Response) -> list[str]:
    try:
        errors = response.json()["errors"]
        return [str(error["extensions"]["code"]) for error in errors]
    except (ValueError, KeyError, TypeError):
        return []

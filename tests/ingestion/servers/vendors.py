"""The vendors in the fault matrix (test_faults.py) and the kills (test_extraction_kills.py).

Add here: one entry per vendor. Keep out: the responses of a vendor (its own module).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.ingestion.servers import google_ads, klaviyo, meta_ads, shopify, stripe, zendesk
from tests.ingestion.servers.base import VendorServer
from tests.ingestion.servers.hubspot import HubSpotServer, crm_record
from tests.ingestion.servers.salesforce import SalesforceServer, sobject
from tests.ingestion.servers.salesforce import moment as salesforce_moment

Record = dict[str, Any]


@dataclass(frozen=True)
class Vendor:
    """What the fault matrix needs to know about a vendor.

    `server`: a server with at least five records of the stream on at least three pages. Only `stream` is fetched; its
    records land as `entity`, and the server has them in `table`. `text` sets a
    declared text column of a record, `wrong` invalidates a declared number or timestamp (None: all columns are text),
    `lose` removes an optional field, `touch` sets the time of change. `signs_in`: the connector renews a token that
    expires during a run. `keeps_history`: a change is another row of the entity.
    """

    source: str
    server: Callable[[], VendorServer]
    environment: Callable[[VendorServer], dict[str, str]]
    stream: str
    entity: str
    table: str
    text: Callable[[Record, str], None]
    touch: Callable[[Record, datetime], None]
    wrong: Callable[[Record], None] | None
    lose: Callable[[Record], None]
    signs_in: bool = False
    keeps_history: bool = False


SHOPIFY = Vendor(
    source="shopify",
    server=shopify.five_customers,
    environment=lambda server: {
        "SHOPIFY_BASE_URL": server.url,
        "SHOPIFY_SHOP": "acme",
        "SHOPIFY_CLIENT_ID": "client-id",
        "SHOPIFY_CLIENT_SECRET": shopify.ShopifyServer.secret,
    },
    stream="customers",
    entity="customer",
    table="customers",
    text=lambda record, text: record.update(firstName=text),
    touch=lambda record, moment: record.update(updatedAt=moment.isoformat()),
    wrong=lambda record: record.update(numberOfOrders="many"),
    lose=lambda record: record.pop("lastName", None),
    signs_in=True,
)

STRIPE = Vendor(
    source="stripe",
    server=stripe.five_customers,
    environment=lambda server: {"STRIPE_API_KEY": server.token, "STRIPE_BASE_URL": server.url},
    stream="customers",
    entity="customer",
    table="customers",
    text=lambda record, text: record.update(name=text),
    touch=lambda record, moment: record.update(changed=int(moment.timestamp())),
    wrong=lambda record: record.update(balance="much"),
    lose=lambda record: record.pop("phone", None),
)


def five_contacts() -> HubSpotServer:
    """An account with five contacts, two on a page."""
    account = HubSpotServer(
        {
            "contacts": [
                crm_record(n, datetime(2026, 3, 1, 12, n, tzinfo=UTC), email=f"p{n}@a.example") for n in range(1, 6)
            ]
        }
    )
    account.page_size = 2
    return account


def touch_contact(record: Record, moment: datetime) -> None:
    """HubSpot has the time of change as a property and beside the properties."""
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record["properties"]["lastmodifieddate"] = record["updatedAt"] = text


HUBSPOT = Vendor(
    source="hubspot",
    server=five_contacts,
    environment=lambda server: {"HUBSPOT_ACCESS_TOKEN": server.token, "HUBSPOT_BASE_URL": server.url},
    stream="contacts",
    entity="contacts",
    table="contacts",
    text=lambda record, text: record["properties"].update(firstname=text),
    touch=touch_contact,
    wrong=lambda record: record["properties"].update(createdate="yesterday"),
    lose=lambda record: record["properties"].pop("email", None),
)


def five_leads() -> SalesforceServer:
    """An organisation with five leads, two on a page."""
    organisation = SalesforceServer(
        {
            "Lead": [
                sobject(
                    f"00Q{n:012d}AAA", datetime(2026, 3, 1, 12, n, tzinfo=UTC), LastName=f"L{n}", Email="l@a.example"
                )
                for n in range(1, 6)
            ]
        }
    )
    organisation.page_size = 2
    return organisation


SALESFORCE = Vendor(
    source="salesforce",
    server=five_leads,
    environment=lambda server: {
        "SALESFORCE_BASE_URL": server.url,
        "SALESFORCE_CLIENT_ID": SalesforceServer.client[0],
        "SALESFORCE_CLIENT_SECRET": SalesforceServer.client[1],
    },
    stream="lead",
    entity="lead",
    table="Lead",
    text=lambda record, text: record.update(LastName=text),
    touch=lambda record, moment: record.update(SystemModstamp=salesforce_moment(moment)),
    wrong=lambda record: record.update(CreatedDate="yesterday"),
    lose=lambda record: record.pop("Email", None),
    signs_in=True,
)

KLAVIYO = Vendor(
    source="klaviyo",
    server=klaviyo.five_profiles,
    environment=lambda server: {"KLAVIYO_API_KEY": server.token, "KLAVIYO_BASE_URL": server.url},
    stream="profiles",
    entity="person",
    table="profiles",
    text=lambda record, text: record["attributes"].update(last_name=text),
    touch=lambda record, moment: record["attributes"].update(updated=moment.isoformat()),
    wrong=lambda record: record["attributes"].update(created="long ago"),
    lose=lambda record: record["attributes"].pop("title", None),
)

ZENDESK = Vendor(
    source="zendesk",
    server=zendesk.five_tickets,
    environment=lambda server: {
        "ZENDESK_API_TOKEN": server.token,
        "ZENDESK_BASE_URL": server.url,
        "ZENDESK_EMAIL": zendesk.ZendeskServer.email,
    },
    stream="tickets",
    entity="ticket",
    table="tickets",
    text=lambda record, text: record.update(subject=text),
    touch=lambda record, moment: record.update(
        updated_at=moment.isoformat(), generated_timestamp=int(moment.timestamp())
    ),
    wrong=lambda record: record.update(created_at="long ago"),
    lose=lambda record: record.pop("priority", None),
)


GOOGLE_ADS = Vendor(
    source="google_ads",
    server=google_ads.five_campaigns,
    environment=google_ads.environment,  # type: ignore[arg-type]
    stream="campaigns",
    entity="campaign_history",
    table="campaign",
    text=lambda record, text: record["campaign"].update(name=text),
    touch=lambda record, moment: None,
    wrong=lambda record: record["campaign"].update(startDateTime="soon"),
    lose=lambda record: record["campaign"].pop("servingStatus", None),
    signs_in=True,
)
META_ADS = Vendor(
    source="meta_ads",
    server=meta_ads.five_campaigns,
    environment=meta_ads.environment,  # type: ignore[arg-type]
    stream="campaigns",
    entity="campaign_history",
    table="campaigns",
    text=lambda record, text: record.update(name=text),
    touch=lambda record, moment: record.update(updated_time=moment.strftime("%Y-%m-%dT%H:%M:%S%z")),
    wrong=lambda record: record.update(updated_time="soon"),
    lose=lambda record: record.pop("objective", None),
    keeps_history=True,
)

VENDORS: tuple[Vendor, ...] = (
    GOOGLE_ADS,
    HUBSPOT,
    KLAVIYO,
    META_ADS,
    SALESFORCE,
    SHOPIFY,
    STRIPE,
    ZENDESK,
)

"""Consent decisions as people write and systems send them: one case per customer, and its status after a build.

Every customer starts with a yes to four purposes and an order, unless the case says otherwise; a case lists changes.

Add here: a decision as a source sends it, and its right outcome. Keep out: random worlds (consent/).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from ingestion.registry import load_sources
from publication.consent import count_unreadable, list_unreadable
from runtime.home import PROJECT_ROOT
from runtime.warehouse import opened
from tests.warehouse.workbench import Workbench

FIRST, SECOND = datetime.fromisoformat("2026-06-20T08:00:00"), datetime.fromisoformat("2026-06-21T08:00:00")
YES = ("advertising", "email_marketing", "personalisation", "sms_marketing")
EVERYTHING = (*YES, "analytics", "customer_service", "phone_marketing")
MARKETING = ("advertising", "email_marketing", "phone_marketing", "sms_marketing")
WITHDRAWN = "2026-06-15T08:00:00Z"

Record = dict[str, Any]


def all_of(purposes: tuple[str, ...], status: str) -> dict[str, str]:
    return dict.fromkeys(purposes, status)


@dataclass(frozen=True)
class Case:
    """`decisions`: fields of the banner without the decision_id, or a raw line. EMAIL, WIDE, PHONE, PLAIN, NATIONAL and
    USER in their texts stand for the customer's values. `changes`: the purposes whose status changes, with the new one.
    `more`: records of other sources, by source/entity. `second`: decisions that land a day later.
    """

    name: str
    decisions: tuple[Record | str, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict)
    starts_with_yes: bool = True
    more: Mapping[str, Record] = field(default_factory=dict)
    second: tuple[Record | str, ...] = ()


def no(**said: Any) -> Record:
    """A withdrawal of advertising by e-mail address; the arguments replace fields."""
    plain = {
        "email": "EMAIL",
        "purpose": "advertising",
        "channel": "ads",
        "decision": "withdrawn",
        "decided_at": WITHDRAWN,
    }
    return {key: value for key, value in {**plain, **said}.items() if value != "absent"}


def full_width(text: str) -> str:
    """The text in the full-width forms of East Asian keyboards."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


def by(**identifiers: str) -> Record:
    """The same withdrawal by other identifiers than the address."""
    return no(email=None, **identifiers)


def yes(**said: Any) -> Record:
    return no(**{"decision": "granted", **said})


ADS = {"advertising": "withdrawn"}
ADS_DENIED = {"advertising": "denied"}
ADS_HELD = {"advertising": "unreadable"}

CASES = [
    # Words
    Case("a plain withdrawal", (no(),), ADS),
    Case("synonyms", (no(decision="opt_out", purpose="ads"),), ADS),
    Case(
        "words in another case, with blanks", (no(decision="Opt-Out", purpose="Advertising ", channel="Facebook"),), ADS
    ),
    Case("camel case", (no(decision="optOut", purpose="adStorage", channel=None),), ADS),
    Case("full-width letters", (no(decision=full_width("withdrawn"), purpose=full_width("ads")),), ADS),
    Case("a word with invisible characters", (no(decision="with\u200bdrawn", purpose="\ufeffads\u00a0"),), ADS),
    Case("false", (no(decision=False),), ADS_DENIED),
    Case("zero", (no(decision=0),), ADS_DENIED),
    Case("objected", (no(decision="Objected", purpose="targeting", channel=None),), ADS),
    Case(
        "do not contact",
        (no(decision="do-not-contact", purpose="newsletter", channel="e-mail"),),
        {"email_marketing": "withdrawn"},
    ),
    Case(
        "a text message says stop",
        (no(decision="STOP", purpose="sms", channel="text"),),
        {"sms_marketing": "withdrawn"},
    ),
    Case(
        "cookies of the web site",
        (no(decision="rejected", purpose="preferences", channel="website"),),
        {"personalisation": "denied"},
    ),
    Case("a category of OneTrust", (no(decision="0", purpose="C0004", channel=None),), ADS_DENIED),
    Case("Google's consent mode", (no(decision="denied", purpose="ad_user_data", channel=None),), ADS_DENIED),
    Case(
        "every purpose",
        (no(purpose="all", channel=None),),
        all_of((*YES, "analytics", "customer_service", "phone_marketing"), "withdrawn"),
    ),
    Case("every purpose and channel", (no(purpose="*", channel="everything"),), all_of(EVERYTHING, "withdrawn")),
    Case("every purpose of a channel", (no(purpose="any", channel="email"),), {"email_marketing": "withdrawn"}),
    Case("marketing", (no(purpose="marketing", channel=None),), all_of(MARKETING, "withdrawn")),
    Case("marketing by one channel", (no(purpose="Marketing", channel="email"),), {"email_marketing": "withdrawn"}),
    Case(
        "a call is also a text message",
        (no(purpose="marketing", channel="phone"),),
        all_of(("phone_marketing", "sms_marketing"), "withdrawn"),
    ),
    # Unreadable words
    Case("an unknown purpose", (no(purpose="astrology", channel=None),), all_of(EVERYTHING, "unreadable")),
    Case(
        "an unknown purpose of a channel",
        (no(purpose="astrology", channel="email"),),
        {"email_marketing": "unreadable"},
    ),
    Case("an unknown channel", (no(channel="carrier pigeon"),), ADS_HELD),
    Case(
        "a channel that the purpose has not",
        (no(channel="email"),),
        all_of(("advertising", "email_marketing"), "unreadable"),
    ),
    Case("an unknown decision", (no(decision="perhaps"),), ADS_HELD),
    Case(
        "nothing but unknown words", (no(decision="x1", purpose="x2", channel="x3"),), all_of(EVERYTHING, "unreadable")
    ),
    Case(
        "an unknown word that a later yes follows",
        (no(decision="hmm"), yes(decided_at="2026-06-18T00:00:00Z")),
        ADS_HELD,
    ),
    # In quarantine
    Case("no date", (no(decided_at=None),), ADS_HELD),
    Case("a date that is none", (no(decided_at="15/06/2026 08:00"),), ADS_HELD),
    Case("no decision", (no(decision=None),), ADS_HELD),
    Case("an empty decision", (no(decision=""),), ADS_HELD),
    Case("no purpose", (no(purpose=None, channel=None),), all_of(EVERYTHING, "unreadable")),
    Case("no purpose, but a channel", (no(purpose="", channel="sms"),), {"sms_marketing": "unreadable"}),
    Case("a date that is none, by phone", (by(phone="PHONE", decided_at="soon"),), ADS_HELD),
    Case("a date that is none, by a national number", (by(phone="NATIONAL", decided_at="soon"),), ADS_HELD),
    Case("a date that is none, by account", (by(user_id="USER", decided_at="soon"),), ADS_HELD),
    Case("a date that is none, odd address", (no(email="Name <EMAIL>", decided_at="soon"),), ADS_HELD),
    Case("a date that is none, undeclared field", (by(contact_email="EMAIL", decided_at="soon"),), ADS_HELD),
    Case(
        "a line that is no JSON",
        ('{"decision_id": "broken-1", "email": "EMAIL", "decision": withdrawn}',),
        all_of(EVERYTHING, "unreadable"),
    ),
    Case("a line that is no JSON, by phone", ("stop, PHONE, 2026-06-15",), all_of(EVERYTHING, "unreadable")),
    Case("one id twice, first yes and then no", (yes(decision_id="twice-1"), no(decision_id="twice-1")), ADS_HELD),
    Case("a later yes does not repair", (no(decided_at="soon"), yes(decided_at="2026-06-18T00:00:00Z")), ADS_HELD),
    Case(
        "the record itself lands later",
        (no(decision_id="repaired-1", decided_at="soon"),),
        ADS,
        second=(no(decision_id="repaired-1"),),
    ),
    # Identifiers
    Case("by phone", (by(phone="PHONE", purpose="sms_marketing", channel="sms"),), {"sms_marketing": "withdrawn"}),
    Case("by phone with blanks and 00", (by(phone="00PLAIN"),), ADS),
    Case("by phone as a link", (by(phone="tel:PHONE"),), ADS),
    Case("by a national number", (by(phone="NATIONAL"),), ADS),
    Case("by phone without plus", (by(msisdn="PLAIN"),), ADS),
    Case("by account", (by(user_id="USER"),), ADS),
    Case("by an address in the account's field", (by(user_id="EMAIL"),), ADS),
    Case("by an undeclared field", (by(email_address="EMAIL"),), ADS),
    Case("by an undeclared phone", (by(Mobile="PHONE"),), ADS),
    Case("by a declared customer id", (by(customer_id="USER"),), ADS),
    Case("by an object", (by(subject={"contact": {"value": "EMAIL"}}),), ADS),
    Case("name and address", (no(email="Anna Case <EMAIL>"),), ADS),
    Case("a link to an address", (no(email="mailto:EMAIL"),), ADS),
    Case("an address with another blank", (no(email="\u00a0EMAIL\u202f"),), ADS),
    Case("an address with an invisible character", (no(email="\u200bEMAIL\u2060"),), ADS),
    Case("an address in quotes", (no(email="'EMAIL';"),), ADS),
    Case("an address with a full-width sign", (no(email="WIDE"),), ADS),
    Case("an address and a full stop", (no(email="EMAIL."),), ADS),
    Case("two addresses", (no(email="somebody@else.example, EMAIL"),), ADS),
    # Time
    Case("no, dated in the future", (no(decided_at="2027-06-15T08:00:00Z"),), ADS),
    Case("no, older than the yes", (no(decided_at="2026-04-01T08:00:00Z"),)),
    Case("no at the moment of the yes", (no(decided_at="2026-05-01T08:00:00Z"),), ADS),
    Case("yes after the no, by account", (no(), yes(email=None, user_id="USER", decided_at="2026-06-16T00:00:00Z"))),
    Case(
        "a beaten yes does not come back",
        (yes(decided_at="2026-06-01T00:00:00Z"), no(decided_at="2026-06-02T00:00:00Z")),
        ADS,
    ),
    Case(
        "an expired yes",
        (yes(purpose="analytics", channel="web", decided_at="2024-01-01T00:00:00Z"),),
        {"analytics": "expired"},
    ),
    Case("no, dated at the zero of a calendar", (no(decided_at="1970-01-01T00:00:00Z"),), ADS),
    Case(
        "yes, dated at the zero of a calendar",
        (yes(decided_at="1970-01-01T00:00:00Z"),),
        ADS_HELD,
        starts_with_yes=False,
    ),
    Case("a negative number is no one", (no(decision="-1"),), ADS_HELD),
    Case("addresses in a list", (no(email=["somebody@else.example", "EMAIL"]),), ADS),
    Case("an address as a web form encodes it", (no(email="ENCODED"),), ADS),
    Case("an address with blanks", (no(email="SPACED"),), ADS),
    Case("an address written out", (no(email="WRITTEN"),), ADS),
    Case(
        "by a phone that only an earlier decision names",
        (
            yes(phone="+4930555123NUMBER", decided_at="2026-05-02T00:00:00Z"),
            by(phone="+4930555123NUMBER"),
        ),
        ADS,
    ),
    Case("a contact in an object", (by(contact={"email": "EMAIL", "phone": None}),), ADS),
    Case("in another language", (no(decision="widerrufen", purpose="Werbung", channel=None),), ADS),
    # No withdrawal
    Case("asked, not answered", (no(decision="pending"),)),
    Case("never asked", (no(decision="not set"),)),
    Case("strictly necessary cookies", (no(purpose="strictly necessary", channel="web", decision="false"),)),
    Case("a yes that cannot be dated", (yes(decided_at="soon"),)),
    Case(
        "a yes to an unknown purpose",
        (yes(purpose="astrology", channel=None),),
        {"analytics": "unreadable", "phone_marketing": "unreadable"},
    ),
    Case("somebody else's no", (no(email="somebody@else.example"),)),
    Case(
        "yes in other words",
        (yes(decision="Opt-In", purpose="Ads", channel="Meta"),),
        {"advertising": "granted"},
        starts_with_yes=False,
    ),
    Case("yes as a boolean", (yes(decision=True),), {"advertising": "granted"}, starts_with_yes=False),
    Case(
        "yes by name and address", (yes(email="Anna Case <EMAIL>"),), {"advertising": "granted"}, starts_with_yes=False
    ),
    Case("yes by phone", (yes(email=None, phone="PHONE"),), {"advertising": "granted"}, starts_with_yes=False),
    Case(
        "yes by an undeclared field",
        (yes(email=None, email_address="EMAIL"),),
        {"advertising": "granted"},
        starts_with_yes=False,
    ),
    Case("confirmed", (yes(decision="double opt-in"),), {"advertising": "granted"}, starts_with_yes=False),
    Case("yes without a date", (yes(decided_at=None),), {"advertising": "unreadable"}, starts_with_yes=False),
    Case("yes from the future", (yes(decided_at="2027-01-01T00:00:00Z"),), starts_with_yes=False),
    # Other sources
    Case(
        "Klaviyo, unsubscribed without a date",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "klaviyo/person": {
                "id": "k1",
                "email": "EMAIL",
                "email_consent": "UNSUBSCRIBED",
                "updated": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Klaviyo, a hard bounce",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "klaviyo/person": {
                "id": "k2",
                "email": "EMAIL",
                "email_consent": "SUBSCRIBED",
                "email_consent_at": "2026-06-18T00:00:00Z",
                "email_suppressions": [{"reason": "HARD_BOUNCE", "timestamp": "2026-06-19T00:00:00Z"}],
                "email_suppressed_at": "2026-06-19T00:00:00Z",
                "updated": "2026-06-19T00:00:00Z",
            }
        },
    ),
    Case(
        "Klaviyo, never subscribed",
        (),
        more={
            "klaviyo/person": {
                "id": "k3",
                "email": "EMAIL",
                "email_consent": "NEVER_SUBSCRIBED",
                "updated": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Klaviyo, an unknown status",
        (),
        {"email_marketing": "unreadable"},
        more={
            "klaviyo/person": {
                "id": "k4",
                "email": "EMAIL",
                "email_consent": "PARTIAL",
                "updated": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Klaviyo, a text message refused, in quarantine",
        (),
        {"sms_marketing": "unreadable"},
        more={"klaviyo/person": {"id": "k5", "email": "EMAIL", "sms_consent": "UNSUBSCRIBED", "updated": "soon"}},
    ),
    Case(
        "HubSpot, opted out",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "hubspot/contacts": {
                "id": "801",
                "email": "EMAIL",
                "hs_email_optout": "true",
                "lastmodifieddate": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "HubSpot, an unknown flag",
        (),
        {"email_marketing": "unreadable"},
        more={
            "hubspot/contacts": {
                "id": "802",
                "email": "EMAIL",
                "hs_email_optout": "some",
                "lastmodifieddate": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "HubSpot, opted out, in quarantine",
        (),
        {"email_marketing": "unreadable"},
        more={
            "hubspot/contacts": {"id": "803", "email": "EMAIL", "hs_email_optout": "true", "lastmodifieddate": "soon"}
        },
    ),
    Case(
        "HubSpot, not opted out, in quarantine",
        (),
        more={
            "hubspot/contacts": {"id": "804", "email": "EMAIL", "hs_email_optout": "false", "lastmodifieddate": "soon"}
        },
    ),
    Case(
        "HubSpot, a bad address",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "hubspot/contacts": {
                "id": "805",
                "email": "EMAIL",
                "hs_email_bad_address": "true",
                "lastmodifieddate": "2026-01-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Salesforce, do not call",
        (),
        {"phone_marketing": "withdrawn"},
        more={
            "salesforce/contact": {
                "id": "003000000000001AAA",
                "email": "EMAIL",
                "do_not_call": True,
                "_fivetran_synced": "2026-06-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Salesforce, a lead opted out",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "salesforce/lead": {
                "id": "00Q000000000001AAA",
                "email": "EMAIL",
                "has_opted_out_of_email": True,
                "_fivetran_synced": "2026-06-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Shopify, unsubscribed without a date",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "shopify/customer": {
                "id": "990001",
                "email": "EMAIL",
                "email_marketing_consent_state": "unsubscribed",
                "updated_at": "2026-06-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Shopify, subscribed again after the banner's no",
        (no(purpose="email_marketing", channel="email", decided_at="2026-03-15T08:00:00Z"),),
    ),
    Case(
        "Klaviyo, subscribed without a date",
        (),
        {"email_marketing": "unreadable"},
        starts_with_yes=False,
        more={
            "klaviyo/person": {
                "id": "k6",
                "email": "EMAIL",
                "email_consent": "SUBSCRIBED",
                "updated": "2026-06-01T00:00:00Z",
            }
        },
    ),
    Case(
        "Shopify, refused and then deleted",
        (),
        {"email_marketing": "withdrawn"},
        more={
            "shopify/customer": {
                "id": "990003",
                "email": "EMAIL",
                "email_marketing_consent_state": "unsubscribed",
                "_fivetran_deleted": True,
                "updated_at": "2026-06-01T00:00:00Z",
            }
        },
    ),
]
NUMBERS = {case.name: 100 + number for number, case in enumerate(CASES)}


def email_of(name: str) -> str:
    return f"case{NUMBERS[name]}@post.example"


def filled(value: Any, name: str) -> Any:
    """The value with the customer's identifiers instead of the placeholders."""
    if isinstance(value, dict):
        return {key: filled(inner, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    number = NUMBERS[name]
    own = {
        "EMAIL": email_of(name),
        "WIDE": email_of(name).replace("@", full_width("@")),
        "ENCODED": email_of(name).replace("@", "%40"),
        "SPACED": email_of(name).replace("@", " @ "),
        "WRITTEN": email_of(name).replace("@", " (at) "),
        "NUMBER": str(number),
        "NATIONAL": f"01512 3456{number}",
        "PHONE": f"+4915123456{number}",
        "PLAIN": f"4915123456{number}",
        "USER": f"7000{number}",
    }
    for word, identifier in own.items():
        value = value.replace(word, identifier)
    return value


def start(case: Case) -> Iterator[tuple[str, Record]]:
    """The records with which every customer begins."""
    number, email = NUMBERS[case.name], email_of(case.name)
    said = {f"{channel}_marketing_consent_state": "subscribed" for channel in ("email", "sms")}
    said |= {f"{channel}_marketing_consent_consent_updated_at": "2026-05-01T08:00:00Z" for channel in ("email", "sms")}
    yield (
        "shopify/customer",
        {
            "id": f"7000{number}",
            "email": email,
            "phone": f"+4915123456{number}",
            "created_at": "2026-04-01T08:00:00Z",
            "updated_at": "2026-05-02T08:00:00Z",
            **(said if case.starts_with_yes else {}),
        },
    )
    yield (
        "shopify/order",
        {
            "id": f"8000{number}",
            "customer_id": f"7000{number}",
            "email": email,
            "currency": "EUR",
            "total_price": "10.00",
            "processed_at": "2026-05-03T08:00:00Z",
            "created_at": "2026-05-03T08:00:00Z",
            "updated_at": "2026-05-03T08:00:00Z",
        },
    )
    for purpose, channel in (("advertising", "ads"), ("personalisation", "web")) if case.starts_with_yes else ():
        given = {"purpose": purpose, "channel": channel, "decided_at": "2026-05-01T08:00:00Z"}
        yield "consent_banner/decisions", {"decision_id": f"start-{number}-{purpose}", **yes(email=email, **given)}


def lines(case: Case, said: tuple[Record | str, ...], prefix: str) -> Iterator[tuple[str, Record | str]]:
    for number, decision in enumerate(said):
        record = filled(decision, case.name)
        if isinstance(record, dict):
            record = {"decision_id": f"{prefix}-{NUMBERS[case.name]}-{number}", **record}
        yield "consent_banner/decisions", record


def write(workbench: Workbench, name: str, records: list[tuple[str, Record | str]]) -> None:
    by_entity: dict[str, list[str]] = {}
    for entity, record in records:
        line = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)
        by_entity.setdefault(entity, []).append(line)
    for entity, written in by_entity.items():
        directory = workbench.home.landing / entity
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.ndjson").write_text("\n".join(written) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def built(_bench: Workbench) -> Workbench:
    """All cases in one warehouse, landed on two days."""
    _bench.empty()
    first = [record for case in CASES for record in start(case)]
    first += [line for case in CASES for line in lines(case, case.decisions, "case")]
    first += [(entity, filled(record, case.name)) for case in CASES for entity, record in case.more.items()]
    # Two customers share a phone number; a third decision has an identifier of no customer.
    for number in (1, 2):
        first.append(
            (
                "shopify/customer",
                {
                    "id": f"66000{number}",
                    "email": f"shares{number}@post.example",
                    "phone": "+493012345678",
                    "sms_marketing_consent_state": "subscribed",
                    "updated_at": "2026-05-02T08:00:00Z",
                    "sms_marketing_consent_consent_updated_at": "2026-05-01T08:00:00Z",
                },
            )
        )
    shared = by(phone="+493012345678", purpose="sms", channel="sms")
    nobodys = by(phone="+493099999999")
    first += [
        ("consent_banner/decisions", {"decision_id": "shared", **shared}),
        ("consent_banner/decisions", {"decision_id": "nobodys", **nobodys}),
        ("consent_banner/decisions", {"decision_id": "no-number", **by(phone="ask me 1")}),
    ]
    write(_bench, "first", first)
    _bench.land(loaded_at=FIRST)
    write(_bench, "second", [line for case in CASES for line in lines(case, case.second, "second")])
    _bench.land(loaded_at=SECOND)
    _bench.build("+dim_consents", "+dim_customers")
    return _bench


@pytest.fixture(scope="module")
def standing(built: Workbench) -> dict[str, dict[str, str]]:
    """Each customer's status by purpose, by the address of the customer."""
    found: dict[str, dict[str, str]] = {}
    for email, purpose, status in built.query(
        "select identifiers.identifier_value, consents.purpose, consents.status from marts.dim_consents as consents"
        " inner join intermediate.int_identity__customer_identifiers as identifiers using (customer_id)"
        " where identifiers.identifier_type = 'email'"
    ):
        found.setdefault(email, {})[purpose] = status
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_where_a_customer_stands(standing: dict[str, dict[str, str]], case: Case) -> None:
    begins = all_of((*YES, "customer_service"), "granted") if case.starts_with_yes else {"customer_service": "granted"}
    assert standing[email_of(case.name)] == {**begins, **case.changes}


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
    assert len(NUMBERS) == len(CASES)


def test_a_no_by_a_shared_phone_reaches_everybody_who_names_it(standing: dict[str, dict[str, str]]) -> None:
    assert [standing[f"shares{number}@post.example"]["sms_marketing"] for number in (1, 2)] == ["withdrawn"] * 2


def test_a_decision_of_an_identifier_that_nobody_owns_is_kept(built: Workbench) -> None:
    assert built.query(
        "select customer_id, effect, customers_reached_count from marts.fct_consent_events where record_key = 'nobodys'"
    ) == [(None, "refuses", 0)]


def test_a_withdrawal_by_a_phone_that_is_no_number_is_kept(built: Workbench) -> None:
    assert built.query(
        "select identifier_type, effect, customers_reached_count from marts.fct_consent_events"
        " where record_key = 'no-number'"
    ) == [(None, "refuses", 0)]


def test_unreadable_decisions_are_counted_and_listed_without_a_personal_value(built: Workbench) -> None:
    with opened(built.home) as connection:
        counts = count_unreadable(connection)
    listed = list_unreadable(built.home, limit=1000)
    held = [case for case in CASES if "unreadable" in case.changes.values()]
    assert counts["unreadable"] == len(listed) > len(held)
    assert counts["customers_held"] == len(held)
    assert {decision.reason for decision in listed} >= {"quarantined", "decision", "purpose", "channel", "date"}
    assert {(one.source, one.entity) for one in listed if one.quarantine_id is None} >= {("hubspot", "contacts")}
    assert all(one.remedy and (one.record_key or one.quarantine_id) for one in listed)
    shown = json.dumps([vars(one) for one in listed], default=str)
    assert not [email for email in map(email_of, NUMBERS) if email in shown]
    assert "15123456" not in shown


def test_nothing_is_listed_before_a_build(workbench: Workbench) -> None:
    assert list_unreadable(workbench.home) == []


def test_every_entity_with_consent_is_known_in_quarantine() -> None:
    """Landing declares them, dbt has a seed. A profile's id or a metric's name alone states no decision."""
    declared = {
        (name, entity)
        for name, source in load_sources().items()
        for entity, spec in source.entities.items()
        if spec.bears_consent
    }
    with (PROJECT_ROOT / "dbt_project/seeds/privacy/consent_records.csv").open() as file:
        listed = {(row["source"], row["entity"]) for row in csv.DictReader(file)}
    assert listed == declared - {("klaviyo", "person_id"), ("klaviyo", "metric")}

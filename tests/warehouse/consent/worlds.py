"""Worlds of many small, independent people, each with one story about consent, as landing files in three loads.

One seed gives one world. No two people share an identifier, unless the story says so. A failure names the story and the
lines of its people, so examples need no shrinking.

Add here when a source can state consent in another way. Keep out: the right answers (oracle.py).
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

AS_OF = datetime(2026, 6, 30)  # noqa: DTZ001
LOADS = (datetime(2026, 6, 10, 6), datetime(2026, 6, 18, 6), datetime(2026, 6, 26, 6))  # noqa: DTZ001

Line = tuple[int, str, Any]  # load, entity, a record or the text of a line; `banner_csv` is the banner as CSV


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Person:
    number: int
    rng: Random
    story: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"kim{self.number}.{'abcdefghij'[self.number % 10]}lpin@kundenpost.de"

    @property
    def phone(self) -> str:
        return f"+49151234{self.number:05d}"

    @property
    def national(self) -> str:
        return f"0151 234{self.number:05d}"

    @property
    def user_id(self) -> str:
        return f"usr-{self.number:05d}"

    @property
    def device(self) -> str:
        return f"d{self.number:07d}-0000-4000-8000-{self.number:012d}"

    @property
    def shopify_id(self) -> str:
        return str(7_000_000 + self.number)

    @property
    def hubspot_id(self) -> str:
        return str(8_000_000 + self.number)

    @property
    def klaviyo_id(self) -> str:
        return f"01KL{self.number:08d}"

    def salesforce_id(self, prefix: str) -> str:
        return f"{prefix}5g0000{self.number:06d}AAA"

    def add(self, load: int, entity: str, record: Any) -> None:
        self.lines.append((load, entity, record))

    # --- records of people

    def in_shopify(self, load: int = 0, **fields: Any) -> None:
        self.add(
            load,
            "shopify/customer",
            {
                "id": self.shopify_id, "email": self.email, "phone": self.phone, "first_name": "Kim",
                "last_name": f"Alpin{self.number}", "state": "enabled", "created_at": "2024-05-01T08:00:00Z",
                "updated_at": moment(LOADS[load] - timedelta(days=1)), "_fivetran_deleted": False, **fields,
            },
        )  # fmt: skip

    def in_hubspot(self, load: int = 0, **fields: Any) -> None:
        self.add(
            load,
            "hubspot/contacts",
            {
                "id": self.hubspot_id, "email": self.email, "phone": self.phone, "firstname": "Kim",
                "lastname": f"Alpin{self.number}", "createdate": "2024-05-01T08:00:00Z",
                "lastmodifieddate": moment(LOADS[load] - timedelta(days=1)), **fields,
            },
        )  # fmt: skip

    def in_salesforce(self, load: int = 0, entity: str = "contact", **fields: Any) -> None:
        self.add(
            load,
            f"salesforce/{entity}",
            {
                "id": self.salesforce_id("003" if entity == "contact" else "00Q"), "email": self.email,
                "first_name": "Kim", "last_name": f"Alpin{self.number}", "created_date": "2024-05-01T08:00:00Z",
                "system_modstamp": moment(LOADS[load] - timedelta(days=1)), "is_deleted": False,
                "_fivetran_active": True, "_fivetran_synced": moment(LOADS[load] - timedelta(hours=2)), **fields,
            },
        )  # fmt: skip

    def in_klaviyo(self, load: int = 0, **fields: Any) -> None:
        self.add(
            load,
            "klaviyo/person",
            {
                "id": self.klaviyo_id, "email": self.email, "first_name": "Kim", "created": "2024-05-01T08:00:00Z",
                "updated": moment(LOADS[load] - timedelta(days=1)), **fields,
            },
        )  # fmt: skip

    def in_segment(self, load: int = 0, **fields: Any) -> None:
        at = moment(LOADS[load] - timedelta(days=1))
        self.add(
            load,
            "segment/identifies",
            {
                "id": f"idn-{self.number}-{len(self.lines)}", "user_id": self.user_id, "anonymous_id": self.device,
                "email": self.email, "received_at": at, "timestamp": at, **fields,
            },
        )  # fmt: skip

    def buys(self) -> None:
        """Adds one old order: a lapsed buyer with a contract."""
        self.add(
            0,
            "shopify/order",
            {
                "id": str(9_000_000 + self.number), "customer_id": self.shopify_id, "email": self.email,
                "currency": "EUR", "subtotal_price": "50.00", "total_price": "50.00", "financial_status": "paid",
                "processed_at": "2025-12-01T10:00:00Z", "created_at": "2025-12-01T10:00:00Z",
                "updated_at": "2025-12-01T10:00:00Z", "test": False, "_fivetran_deleted": False,
            },
        )  # fmt: skip

    def leaves_a_cart(self) -> None:
        at = moment(AS_OF - timedelta(days=2))
        self.add(
            2,
            "shopify/abandoned_checkout",
            {
                "id": str(6_000_000 + self.number), "token": f"t{self.number}", "customer_id": self.shopify_id,
                "email": self.email, "currency": "EUR", "total_price": "20.00", "created_at": at, "updated_at": at,
            },
        )  # fmt: skip

    # --- decisions

    def decides(self, load: int = 0, *, as_csv: bool = False, **fields: Any) -> dict[str, Any]:
        """Adds a decision of the banner: granted for advertising by e-mail address, unless the fields say otherwise."""
        record = {
            "decision_id": f"dec-{self.number}-{len(self.lines)}", "email": self.email, "purpose": "advertising",
            "channel": "ads", "decision": "granted", "policy_version": "2026-1", "region": "EU",
            "decided_at": moment(self.day(90)), **fields,
        }  # fmt: skip
        self.add(load, "banner_csv" if as_csv else "consent_banner/decisions", record)
        return record

    def agrees(self, load: int = 0, days_ago: int | None = None, **fields: Any) -> None:
        """Adds a plain yes to every purpose, one decision each."""
        at = self.day(days_ago if days_ago is not None else self.rng.randint(60, 200))
        for purpose, channel in (
            ("advertising", "ads"), ("email_marketing", "email"), ("sms_marketing", "sms"),
            ("personalisation", "web"), ("analytics", "web"),
        ):  # fmt: skip
            self.decides(load, purpose=purpose, channel=channel, decided_at=moment(at), **fields)

    def refuses(self, load: int = 1, **fields: Any) -> dict[str, Any]:
        """Adds a no after the yes, by the same address, unless the fields say otherwise."""
        return self.decides(load, **{"decision": "withdrawn", "decided_at": moment(self.day(30)), **fields})

    def day(self, days_ago: int) -> datetime:
        return AS_OF - timedelta(days=days_ago, seconds=self.rng.randint(0, 80_000))


@dataclass
class World:
    people: list[Person]

    def write(self, landing: Path, load: int, keep: Callable[[str, Any], Any] | None = None) -> list[str]:
        """Writes the files of one load; returns their names. `keep` may change a line, or return None to drop it."""
        files: dict[str, list[Any]] = defaultdict(list)
        for person in self.people:
            for number, entity, line in person.lines:
                kept = keep(entity, line) if keep else line
                if number == load and kept is not None:
                    files[entity].append(kept)
        if load == 0:
            files["klaviyo/metric"] = [
                {"id": "M-OFF", "name": "Unsubscribed"},
                {"id": "M-SPAM", "name": "Marked Email as Spam"},
            ]
        names = []
        for entity, lines in sorted(files.items()):
            is_csv = entity == "banner_csv"
            name = f"{'consent_banner/decisions' if is_csv else entity}/load{load}.{'csv' if is_csv else 'ndjson'}"
            path = landing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_csv(lines) if is_csv else _ndjson(lines), encoding="utf-8")
            names.append(name)
        return names


COLUMNS = (
    "decision_id", "anonymous_id", "user_id", "email", "purpose", "channel", "decision", "policy_version", "region",
    "tc_string", "decided_at", "phone",
)  # fmt: skip


def _ndjson(lines: list[Any]) -> str:
    return "".join(f"{line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def csv_line(record: dict[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if record.get(name) is None else record[name] for name in COLUMNS])
    return text.getvalue()


def _csv(lines: list[Any]) -> str:
    # An unclosed quote consumes the following lines, so such lines come last.
    written = sorted(
        (line if isinstance(line, str) else csv_line(line) for line in lines), key=lambda line: line.count('"') % 2
    )
    return "".join(f"{line}\n" for line in [",".join(COLUMNS), *written])


# --- stories: each adds a person's decisions; the records and a plain yes exist already

Story = Callable[[Person], None]
STORIES: dict[str, Story] = {}
# Stories in which the product of 10402e9 exports a person who said no. The failing twin requires each of them.
FAILED_OPEN: set[str] = set()


def _story(*, failed_open: bool = False) -> Callable[[Story], Story]:
    def register(story: Story) -> Story:
        STORIES[story.__name__] = story
        if failed_open:
            FAILED_OPEN.add(story.__name__)
        return story

    return register


def pick(person: Person, *options: Any) -> Any:
    return person.rng.choice(options)


@_story()
def plain_yes(person: Person) -> None:
    del person


@_story()
def plain_no(person: Person) -> None:
    for purpose, channel in (("advertising", "ads"), ("email_marketing", "email")):
        person.refuses(
            pick(person, 0, 1, 2), purpose=purpose, channel=channel, decision=pick(person, "denied", "withdrawn")
        )


@_story()
def says_yes_again(person: Person) -> None:
    person.refuses(0, decided_at=moment(person.day(50)))
    person.decides(
        pick(person, 1, 2), decided_at=moment(person.day(20)), decision=pick(person, "granted", "opt_in", "accepted")
    )


@_story()
def says_yes_again_elsewhere(person: Person) -> None:
    person.refuses(0, purpose="email_marketing", channel="email", decided_at=moment(person.day(50)))
    person.in_shopify(
        1,
        email_marketing_consent_state=pick(person, "SUBSCRIBED", "subscribed"),
        email_marketing_consent_consent_updated_at=moment(person.day(20)),
    )


@_story()
def yes_by_words(person: Person) -> None:
    person.lines = [line for line in person.lines if not line[1].startswith("consent_banner")]
    person.decides(
        purpose=pick(person, "ads", "Advertising ", "ADVERTISING"),
        channel=pick(person, "Facebook", "meta", None, "ads"),
        decision=pick(person, "opt_in", "Opt-In", "yes", "true", "1", "Accepted", "subscribed", True),
    )
    person.decides(
        purpose=pick(person, "newsletter", "E-Mail Marketing", "email_marketing"),
        channel=pick(person, "e-mail", "E-Mail", None),
        decision=pick(person, "optin", "allow", "granted", "GRANTED", "confirmed"),
    )


@_story(failed_open=True)
def no_by_words(person: Person) -> None:
    purpose, channel = pick(
        person,
        ("ads", "ads"),
        ("all", None),
        ("*", "*"),
        ("everything", None),
        ("marketing", None),
        ("Advertising ", "Facebook"),
        ("advertising", "instagram"),
        ("targeting", "web"),
        ("marketing_cookies", "cookies"),
        ("ad_storage", None),
        ("ad-user-data", None),
        ("Ad Personalization", "google"),
        ("advertising", "e-mail"),
        ("all", "ads"),
        ("advertisement", "all"),
        ("\uff41\uff44\uff53", "Ads"),
        ("adver\u200btising", "ads"),
        ("retargeting", "TikTok"),
        (["advertising", "email_marketing"], None),
        ("advertising;email_marketing", None),
        ("global", ""),
        ("C0004", None),
    )
    person.refuses(
        purpose=purpose,
        channel=channel,
        decision=pick(
            person, "withdrawn", "opt-out", "OptOut", "opted_out", "revoked", "rejected", "Declined", "no", False
        ),
    )


@_story(failed_open=True)
def unknown_purpose_or_channel(person: Person) -> None:
    purpose, channel = pick(
        person,
        ("zzquux", None),
        ("zzquux", "ads"),
        ("zzquux", "zzpigeon"),
        ("advertising", "zzpigeon"),
        ("???", None),
        ("Werbung zz", "zz"),
        ("zz_5", "web"),
        ("42", "17"),
    )
    person.refuses(purpose=purpose, channel=channel, decision=pick(person, "denied", "withdrawn", "opt_out"))


@_story(failed_open=True)
def unknown_word(person: Person) -> None:
    """An unknown word may be a no. It becomes a `denied` that a later yes of the same identifier supersedes."""
    person.decides(
        0,
        decision=pick(person, "zzq", "???", "42", "widerrufen", "n/a", "zz_granted"),
        decided_at=moment(person.day(250)),
    )


@_story(failed_open=True)
def empty_word(person: Person) -> None:
    fields = pick(
        person,
        {"decision": None},
        {"decision": ""},
        {"decision": " "},
        {"purpose": None},
        {"purpose": ""},
        {"purpose": None, "channel": None},
        {"decision": None, "purpose": None},
        {"decision": "null", "purpose": ""},
    )
    person.refuses(as_csv=pick(person, True, False), **fields)


@_story(failed_open=True)
def date_that_cannot_be_read(person: Person) -> None:
    date = pick(
        person,
        None,
        "",
        "15/06/2026",
        "15/06/2026 08:00",
        "15.06.2026",
        "yesterday",
        "0000-00-00 00:00:00",
        "31/02/2026",
        "2026-02-31T00:00:00Z",
        "null",
        "N/A",
        "Mon Jun 15 2026",
    )
    person.refuses(as_csv=pick(person, True, False), decided_at=date)


@_story()
def date_that_misleads(person: Person) -> None:
    date = pick(
        person,
        1781510400,
        "1781510400",
        1781510400000,
        "2026-06-15",
        "2026-06-15 08:00:00+02:00",
        "2027-06-15T00:00:00Z",
        "9999-12-31",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
    )
    person.refuses(pick(person, 1, 2), decided_at=date)


@_story()
def yes_with_a_bad_date(person: Person) -> None:
    person.lines = [line for line in person.lines if not line[1].startswith("consent_banner")]
    date = pick(person, None, "", "15/06/2026", "2027-01-01T00:00:00Z", "soon", "2031-01-01")
    person.decides(decided_at=date)
    person.decides(purpose="email_marketing", channel="email", decided_at=date)


@_story()
def expired_yes(person: Person) -> None:
    person.lines = [line for line in person.lines if not line[1].startswith("consent_banner")]
    person.agrees(0, days_ago=pick(person, 800, 1200))
    if pick(person, True, False):
        person.decides(1, purpose="email_marketing", channel="email", decided_at=moment(person.day(10)))


@_story(failed_open=True)
def no_by_phone(person: Person) -> None:
    phone = pick(
        person,
        person.phone,
        f"{person.phone[:3]} {person.phone[3:6]} {person.phone[6:]}",
        f"tel:{person.phone}",
        f"00{person.phone[1:]}",
        f"+49 (0){person.phone[3:]}",
        person.national,
        person.national.replace(" ", "-"),
        f" {person.phone}\u200b",
        f"'{person.phone}",
    )
    name = pick(person, "phone", "mobile", "phone_number", "msisdn", "Telephone")
    person.refuses(
        email=None, purpose=pick(person, "advertising", "sms_marketing", "all"), channel=None, **{name: phone}
    )


@_story()
def no_by_login_or_device(person: Person) -> None:
    person.in_segment(pick(person, 0, 2))
    who = pick(person, {"user_id": person.user_id}, {"anonymous_id": person.device}, {"user_id": f" {person.user_id} "})
    person.refuses(email=None, **who)


@_story(failed_open=True)
def no_by_an_odd_address(person: Person) -> None:
    local, _, domain = person.email.partition("@")
    odd = pick(
        person,
        f"Kim Alpin <{person.email}>",
        f'"Alpin, Kim" <{person.email}>',
        f"mailto:{person.email}",
        f"\u00a0{person.email}",
        f"{local}\u200b@{domain}",
        f"{person.email}.",
        f"<{person.email}>",
        f"'{person.email}'",
        f"{local}\uff20{domain}",
        f"{person.email};second.{person.number}@anderepost.de",
        f"{person.email}, other{person.number}@anderepost.de",
        f"{person.email},",
        f"MAILTO:{person.email.upper()}",
        f"\ufeff{person.email}",
        f"{person.email}\u00ad",
    )
    place = pick(person, "email", "email", "email", "user_id")
    person.refuses(**{"email": None, place: odd})


@_story(failed_open=True)
def no_in_an_undeclared_field(person: Person) -> None:
    fields = pick(
        person,
        {"email_address": person.email},
        {"Email Address": person.email},
        {"mail": person.email},
        {"customer_id": person.shopify_id},
        {"contact": {"email": person.email}},
        {"traits": {"phone": person.phone}},
        {"subscriber_email": f"Kim <{person.email}>"},
        {"identifier": person.email},
        {"emails": [person.email]},
    )
    person.refuses(email=None, **fields)


@_story(failed_open=True)
def no_by_an_identifier_in_disguise(person: Person) -> None:
    local, _, domain = person.email.partition("@")
    fields = pick(
        person,
        {"email": f"{local}%40{domain}"},
        {"email": f"{local}&#64;{domain}"},
        {"email": f"{local} @ {domain}"},
        {"email": f"{local}(at){domain}"},
        {"decision_id": f"stop-{person.email}"},
        {"user_id": person.phone},
        {"user_id": f"gid://shopify/Customer/{person.shopify_id}"},
        {"email": person.phone},
        {"contacts": [{"kind": "email", "value": person.email}]},
    )
    person.refuses(**{"email": None, **fields})


@_story(failed_open=True)
def no_in_quarantine_beside_an_older_yes(person: Person) -> None:
    """A refused record repeats an earlier decision; only its own words count."""
    person.refuses(
        decision=pick(person, "denied", "withdrawn", None, ""),
        decided_at=pick(person, "15/06/2026", None),
        previous={"decision": pick(person, "granted", "subscribed"), "purpose": "analytics"},
    )


@_story(failed_open=True)
def broken_line(person: Person) -> None:
    record = person.refuses(as_csv=pick(person, True, False), decision=pick(person, "withdrawn", "denied", "zzq"))
    load, entity, _ = person.lines.pop()
    if entity == "banner_csv":
        line = csv_line(record)
        line = pick(person, line.rsplit(",", 2)[0], f"{line},one,two,many", line.replace("withdrawn", '"withdrawn'))
    else:
        line = json.dumps(record)
        line = pick(
            person,
            line[:-1],
            line.replace('"decision":', "decision:"),
            line.replace("EU", 'E"U'),
            line[: line.index('"policy')],
        )
    if person.email not in line:
        line = f"{line} {person.email}"
    person.add(load, entity, line)


@_story(failed_open=True)
def known_key_with_another_content(person: Person) -> None:
    record = person.decides(0, decided_at=moment(person.day(70)))
    person.add(
        pick(person, 0, 1, 2),
        "consent_banner/decisions",
        {**record, "decision": "withdrawn", "decided_at": moment(person.day(30))},
    )


@_story()
def repaired(person: Person) -> None:
    record = person.refuses(
        pick(person, 0, 1), decided_at=pick(person, "15/06/2026", None), decision=pick(person, "denied", "")
    )
    person.add(
        2,
        "consent_banner/decisions",
        {**record, "decided_at": moment(person.day(30)), "decision": pick(person, "denied", "granted", "pending")},
    )


@_story(failed_open=True)
def no_before_its_owner(person: Person) -> None:
    """The decision names a phone or a login; the records that assign it to a customer arrive later."""
    person.lines = [
        (max(load, 1) if entity.startswith("shopify/customer") else load, entity, line)
        for load, entity, line in person.lines
    ]
    person.refuses(0, email=None, phone=person.phone)


@_story(failed_open=True)
def no_by_a_shared_phone(person: Person) -> None:
    """Two people type the same phone; a no that names it withholds both."""
    for other in range(1, 5):
        twin = Person(person.number + 50_000 + 10_000 * (other - 1), person.rng)
        twin.in_shopify(phone=person.phone)
        twin.agrees()
        person.lines += twin.lines
    person.refuses(email=None, phone=person.phone, purpose="all", channel=None)


@_story(failed_open=True)
def no_by_a_role_mailbox(person: Person) -> None:
    box = f"info@firma{person.number}.de"
    person.lines = [line for line in person.lines if line[1] != "shopify/customer"]
    person.in_shopify(email=box)
    person.agrees(phone=None, email=None, user_id=person.shopify_id)
    person.refuses(email=box)


@_story(failed_open=True)
def opt_out_in_a_crm(person: Person) -> None:
    pick(
        person,
        lambda: person.in_hubspot(2, hs_email_optout=pick(person, "true", "TRUE", "yes", "1")),
        lambda: person.in_hubspot(2, hs_email_optout=pick(person, "zz maybe", "???")),
        lambda: person.in_salesforce(2, has_opted_out_of_email=True),
        lambda: person.in_salesforce(2, "lead", has_opted_out_of_email=True),
        lambda: person.in_hubspot(2, hs_email_optout="true", email=f"Kim Alpin <{person.email}>"),
    )()


@_story(failed_open=True)
def status_in_klaviyo_or_shopify(person: Person) -> None:
    pick(
        person,
        lambda: person.in_klaviyo(2, email_consent="UNSUBSCRIBED"),
        lambda: person.in_klaviyo(2, email_consent="SUBSCRIBED", email_suppressions=[{"reason": "HARD_BOUNCE"}]),
        lambda: person.in_klaviyo(2, email_consent="SUBSCRIBED", email_suppressions=[{"reason": "SPAM_COMPLAINT"}]),
        lambda: person.in_klaviyo(2, email_consent="ZZPAUSED"),
        lambda: person.in_shopify(2, email_marketing_consent_state="unsubscribed"),
        lambda: person.in_shopify(2, email_marketing_consent_state="REDACTED"),
        lambda: person.in_shopify(2, email_marketing_consent_state="ZZPAUSED"),
        lambda: person.in_shopify(
            2,
            email_marketing_consent_state="UNSUBSCRIBED",
            email_marketing_consent_consent_updated_at=moment(person.day(20)),
        ),
        lambda: (
            person.in_klaviyo(0),
            person.add(
                2,
                "klaviyo/event",
                {
                    "id": f"ev{person.number}",
                    "person_id": person.klaviyo_id,
                    "metric_id": pick(person, "M-OFF", "M-SPAM"),
                    "datetime": moment(person.day(15)),
                },
            ),
        ),
    )()


@_story()
def status_that_says_nothing(person: Person) -> None:
    pick(
        person,
        lambda: person.in_klaviyo(2, email_consent="NEVER_SUBSCRIBED"),
        lambda: person.in_shopify(2, email_marketing_consent_state=pick(person, "PENDING", "NOT_SUBSCRIBED", None)),
        lambda: person.in_hubspot(2, hs_email_optout=pick(person, "false", "", None)),
        lambda: person.in_salesforce(2, has_opted_out_of_email=False),
        lambda: person.decides(2, decision="pending", decided_at=moment(person.day(10))),
    )()


@_story(failed_open=True)
def quarantined_in_a_crm(person: Person) -> None:
    pick(
        person,
        lambda: person.in_shopify(
            2, email_marketing_consent_state="unsubscribed", email_marketing_consent_consent_updated_at="15/06/2026"
        ),
        lambda: person.in_hubspot(2, hs_email_optout="true", createdate="gestern"),
        lambda: person.in_shopify(
            2, email_marketing_consent_state="unsubscribed", created_at="soon", email=None, phone=None
        ),
        lambda: person.in_klaviyo(2, email_consent="UNSUBSCRIBED", updated="soon", email=f"Kim <{person.email}>"),
        lambda: person.in_salesforce(2, has_opted_out_of_email="zz maybe"),
        lambda: person.in_salesforce(2, has_opted_out_of_email=True, created_date="31/02/2026"),
        lambda: person.in_klaviyo(2, email_consent="UNSUBSCRIBED", updated="soon"),
        lambda: person.add(
            2, "hubspot/contacts", f'{{"id": "{person.hubspot_id}", "email": "{person.email}", "hs_email_optout": true'
        ),
    )()


@_story(failed_open=True)
def merged_contact_had_opted_out(person: Person) -> None:
    loser = str(8_500_000 + person.number)
    person.in_hubspot(0, id=loser, hs_email_optout="true", email=f"alt{person.number}@anderepost.de", phone=None)
    person.in_hubspot(
        2, id=loser, hs_email_optout="true", email=f"alt{person.number}@anderepost.de", phone=None, is_deleted=True
    )
    person.in_hubspot(2, hs_merged_object_ids=loser)


@_story(failed_open=True)
def no_to_service(person: Person) -> None:
    purpose, channel = pick(person, ("customer_service", "crm"), ("all", None), (None, None), ("zzquux", None))
    person.refuses(purpose=purpose, channel=channel, decision=pick(person, "denied", "withdrawn"))


def make_world(seed: int, people: int) -> World:
    """A world of `people` persons who take the stories in turn, so that every story occurs."""
    rng = Random(seed)
    made = []
    names = sorted(STORIES)
    for number in range(people):
        person = Person(number + 100, rng, names[number % len(names)])
        person.in_shopify()
        person.buys()
        if rng.random() < 0.3:
            person.in_hubspot(pick(person, 0, 1))
        if rng.random() < 0.2:
            person.in_klaviyo(pick(person, 0, 1))
        if rng.random() < 0.2:
            person.in_segment()
        if rng.random() < 0.3:
            person.leaves_a_cart()
        person.agrees(pick(person, 0, 0, 1))
        STORIES[person.story](person)
        made.append(person)
    return World(made)

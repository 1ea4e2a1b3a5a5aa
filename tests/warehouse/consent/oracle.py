"""An oracle of consent: it evaluates raw decisions independently of the product.

It reads only the landing files of a home and uses no model, seed or pattern of the product. The words are those of
consent platforms; `email.utils` parses e-mail addresses, `phonenumbers` parses phones. The answer for a customer,
purpose and channel is NO (the product must not contact), YES (it must grant) or UNSURE (both are defensible). The
caller supplies which identifier belongs to which customer; other tests check that.

Add here when a source lands another field about consent. Keep out: how worlds are created (worlds.py).
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses
from enum import Enum
from pathlib import Path
from typing import Any

import phonenumbers

Pair = tuple[str, str]  # purpose, channel
Identifier = tuple[str, str]  # type, value; the type `tail` is a phone without its country code

VALID_DAYS: dict[Pair, int | None] = {
    ("advertising", "ads"): 395,
    ("email_marketing", "email"): 730,
    ("sms_marketing", "sms"): 395,
    ("personalisation", "web"): 395,
    ("analytics", "web"): 395,
    ("customer_service", "crm"): None,  # under a contract
}
SERVICE: Pair = ("customer_service", "crm")
EVERYTHING = frozenset(VALID_DAYS)
EMAIL: Pair = ("email_marketing", "email")
SMS: Pair = ("sms_marketing", "sms")

FIRST_DAY = datetime(2000, 1, 1)  # noqa: DTZ001  an earlier decision is a placeholder
FOREVER = datetime(9000, 1, 1)  # noqa: DTZ001
SKEW = timedelta(days=1)


class Answer(Enum):
    NO = "no"
    UNSURE = "unsure"
    YES = "yes"


# --- words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace("_", "").split())


# Every product of this kind must know the `sure` words. It may treat the others as unreadable.
YES_SURE = _words("granted opt_in optin yes true 1 accepted accept allow allowed subscribed confirmed")
YES_ALSO = _words("grant opted_in double_opt_in consented agreed agree approved approve given active enabled ok y on")
NO_SURE = _words(
    "denied withdrawn opt_out optout no false 0 rejected reject declined revoked unsubscribed stop objected"
    " do_not_contact cleaned complained bounced"
)
NO_ALSO = _words(
    "deny decline withdraw revoke refused refuse opted_out object objection unsubscribe disallow disallowed block"
    " blocked"
    " blacklisted suppressed suppression hard_bounce hard_bounced spam spam_complaint complaint dnc do_not_email"
    " do_not_call do_not_disturb not_granted not_given inactive disabled cancelled canceled stopped off n nein redacted"
    " removed deleted erased forget invalid archived quit end stopall arret not_subscribed never_subscribed none never"
    " unknown unset undecided"
)
SILENT = _words("pending unconfirmed not_asked not_answered none never never_subscribed not_subscribed unset")

_MARKETING = frozenset({"advertising", "email_marketing", "sms_marketing"})
_ALL_PURPOSES = frozenset(purpose for purpose, _ in VALID_DAYS)
_EVERY_WORD = _words("all * any everything every global everywhere")

PURPOSES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        _words(
            "advertising ads ad advertisement advertisements advertizing targeting targeted_advertising retargeting"
            " remarketing marketing_cookies ad_storage ad_user_data ad_personalization ad_personalisation"
            " personalized_ads personalised_ads personalized_advertising c0004 paid_media audiences"
        ),
        frozenset({"advertising"}),
    ),
    **dict.fromkeys(
        _words("email_marketing email e_mail newsletter newsletters mail mailing marketing_email marketing_emails"),
        frozenset({"email_marketing"}),
    ),
    **dict.fromkeys(
        _words("sms_marketing sms text texts text_message text_messages marketing_sms"), frozenset({"sms_marketing"})
    ),
    **dict.fromkeys(
        _words("personalisation personalization preferences personalization_storage personalised_content"),
        frozenset({"personalisation"}),
    ),
    **dict.fromkeys(
        _words("analytics statistics statistic performance measurement analytics_storage analytics_cookies c0002"),
        frozenset({"analytics"}),
    ),
    **dict.fromkeys(_words("marketing"), _MARKETING),
    **dict.fromkeys(_words("direct_marketing"), frozenset({"email_marketing", "sms_marketing"})),
    **dict.fromkeys(_words("customer_service service support"), frozenset({"customer_service"})),
    **dict.fromkeys(_EVERY_WORD, _ALL_PURPOSES),
}
# Words for which a yes certainly grants exactly this.
CORE_PURPOSES = _words("advertising ads email_marketing newsletter sms_marketing sms personalisation analytics")

CHANNELS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        _words(
            "ads ad advertising facebook instagram meta google google_ads tiktok linkedin pinterest snapchat social"
            " social_media display"
        ),
        frozenset({"ads"}),
    ),
    **dict.fromkeys(_words("email e_mail mail newsletter"), frozenset({"email"})),
    **dict.fromkeys(_words("sms text mms text_message"), frozenset({"sms"})),
    **dict.fromkeys(_words("web website cookies cookie browser site"), frozenset({"web"})),
    **dict.fromkeys(_words("crm"), frozenset({"crm"})),
    **dict.fromkeys(_words("phone call calls telephone voice"), frozenset({"phone"})),
    **dict.fromkeys(_EVERY_WORD, frozenset(channel for _, channel in VALID_DAYS)),
}
CORE_CHANNELS = _words("ads facebook meta google email e_mail newsletter sms text web website cookies")


def visible(text: str) -> str:
    """The text as a person sees it: compatibility form, no invisible characters, plain blanks."""
    kept = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category in ("Zs", "Zl", "Zp") or character in "\t\r\n\v\f":
            kept.append(" ")
        elif category not in ("Cf", "Cc"):
            kept.append(character)
    return "".join(kept).strip()


def word_of(value: object) -> str:
    """A word in the form for lookups: `Opt-in`, `opt_in` and `optIn` are one."""
    return folded(value).replace("_", "")


def folded(value: object) -> str:
    """A name in the form for comparisons: visible, lower case, any sequence of separators replaced by one `_`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    parts: list[str] = [""]
    for character in visible(str(value)).casefold():
        if character in " -_./":
            parts.append("")
        else:
            parts[-1] += character
    return "_".join(part for part in parts if part)


# --- moments


@dataclass(frozen=True)
class Moment:
    """A decision's own date. `kind`: good; fuzzy (a number or an odd form, `at` is a guess); none; bad (unreadable)."""

    kind: str
    at: datetime | None = None


def read_moment(value: object) -> Moment:
    if value is None or (isinstance(value, str) and not visible(value)):
        return Moment("none")
    text = str(value).strip()
    if not isinstance(value, bool) and text.replace(".", "", 1).isdigit() and len(text) != len("20260615"):
        number = float(text)
        for divisor in (1.0, 1e3, 1e6):
            if 9e8 < number / divisor < 4e9:
                guess = datetime.fromtimestamp(number / divisor, UTC).replace(tzinfo=None)
                return Moment("fuzzy", guess)
        return Moment("bad")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return Moment("bad")
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    if at < FIRST_DAY:
        return Moment("bad")
    is_plain = len(text) >= len("2026-06-15") and text[4] == text[7] == "-" and "W" not in text
    return Moment("good" if is_plain else "fuzzy", at)


# --- identifiers


def emails_in(text: str) -> set[str]:
    """Every e-mail address in a text, whatever surrounds it."""
    seen = visible(text)
    for at_sign in ("%40", "&#64;", "(at)", "[at]"):
        seen = seen.replace(at_sign, "@")
    while " @" in seen or "@ " in seen:
        seen = seen.replace(" @", "@").replace("@ ", "@")
    candidates = [address for _, address in getaddresses([seen])]
    for character in "<>()[]{}\"'`,;|\\:=&?“”„‘’«»":  # noqa: RUF001
        seen = seen.replace(character, " ")
    found = set()
    for token in [*seen.split(), *candidates]:
        address = token.strip(" .,;:!?<>\"'").lower().removeprefix("mailto:")
        local, at, domain = address.partition("@")
        is_domain = "." in domain and all(character.isalnum() or character in ".-" for character in domain)
        if at and local and is_domain and " " not in address:
            found.add(f"{local}@{domain}")
    return found


def phones_in(text: str) -> tuple[set[str], set[str]]:
    """The E.164 numbers and the national digits of numbers without country code in the value of one field."""
    numbers, tails = set(), set()
    for part in visible(text).replace(";", ",").replace("|", ",").split(","):
        value = part.strip().strip("\"'").strip()
        if value.lower().startswith("tel:"):
            value = value[4:]
        if value.startswith("00"):
            value = f"+{value[2:]}"
        digits = "".join(character for character in value if character.isdigit())
        if len(digits) < 7 or any(character.isalpha() for character in value.partition("ext")[0]):
            continue
        try:
            number = phonenumbers.parse(value, None)
            numbers.add(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        except phonenumbers.NumberParseException:
            national = digits.lstrip("0")
            if len(national) >= 7:
                tails.add(national)
    return numbers, tails


_NO_IDENTIFIERS = (
    *("purpose", "channel", "decision", "region", "tc_string", "policy_version"),
    *("decided_at", "created_at", "updated_at"),
)
_PHONE_NAMES = ("phone", "mobile", "tel", "msisdn", "cell", "sms_number", "whatsapp")


def identifiers_of(record: Mapping[str, Any]) -> tuple[set[Identifier], set[Identifier]]:
    """Identifiers in the fields of a record, including nested fields: (certain, possible)."""
    sure: set[Identifier] = set()
    maybe: set[Identifier] = set()
    for name, value in _flat(record):
        key = folded(name)
        if key in _NO_IDENTIFIERS or value is None:
            continue
        text = str(value)
        sure |= {("email", address) for address in emails_in(text)}
        numbers, tails = phones_in(text)
        is_phone = any(part in key for part in _PHONE_NAMES) or text.strip().startswith(("+", "tel:"))
        (sure if is_phone else maybe).update({("phone", number) for number in numbers})
        (sure if is_phone else maybe).update({("tail", tail) for tail in tails})
        token = visible(text).removeprefix("gid://shopify/Customer/")
        if key in ("user_id", "anonymous_id"):
            sure.add((key, token))
        elif key == "customer_id":
            sure |= {("shopify_customer_id", token), ("user_id", token)}
        if token and not is_phone:
            maybe.add(("any", token))
    return sure, maybe | sure


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}_")
        elif isinstance(value, list):
            for item in value:
                yield from _flat(item, f"{name}_") if isinstance(item, Mapping) else [(f"{prefix}{name}", item)]
        else:
            yield (name if not prefix else f"{prefix}{name}"), value


def identifiers_in_text(text: str) -> tuple[set[Identifier], set[Identifier]]:
    """Identifiers in a line that is not a record, by their look (address, phone): (certain, possible)."""
    sure: set[Identifier] = {("email", address) for address in emails_in(text)}
    maybe: set[Identifier] = set()
    plain = visible(text)
    for match in phonenumbers.PhoneNumberMatcher(plain, None):
        sure.add(("phone", phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)))
    for token in plain.replace('"', ",").replace(";", ",").replace("\t", ",").split(","):
        value = token.strip()
        if value and all(character in "0123456789+()/-. " for character in value):
            numbers, tails = phones_in(value)
            sure |= {("phone", number) for number in numbers}
            (sure if value.startswith("0") else maybe).update({("tail", tail) for tail in tails})
        if value:
            maybe.add(("any", value))
    return sure, maybe | sure


# --- records: what landed, in which order, and what must be in quarantine


@dataclass
class Record:
    """One line of a landing file. `fields` is None where the line is not a record."""

    source: str
    entity: str
    fields: dict[str, Any] | None
    text: str
    arrived_at: datetime
    load: int
    columns: frozenset[str] | None = None  # of a CSV file
    is_quarantined: bool = False
    is_repaired: bool | None = False  # None: unknown
    is_current: bool = True

    def key(self, name: str) -> str:
        return visible(str((self.fields or {}).get(name) or ""))


@dataclass(frozen=True)
class _Entity:
    key: str
    version: str | None
    required: tuple[str, ...]
    moments: tuple[str, ...]
    flags: tuple[str, ...] = ()


ENTITIES: dict[tuple[str, str], _Entity] = {
    ("consent_banner", "decisions"): _Entity(
        "decision_id", None, ("decision_id", "purpose", "decision", "decided_at"), ("decided_at",)
    ),
    ("shopify", "customer"): _Entity(
        "id",
        "updated_at",
        ("id",),
        (
            "created_at",
            "updated_at",
            "accepts_marketing_updated_at",
            "email_marketing_consent_consent_updated_at",
            "sms_marketing_consent_consent_updated_at",
        ),
        ("accepts_marketing", "_fivetran_deleted"),
    ),
    ("hubspot", "contacts"): _Entity(
        "id", "lastmodifieddate", ("id",), ("createdate", "lastmodifieddate"), ("is_deleted",)
    ),
    ("salesforce", "contact"): _Entity(
        "id",
        "_fivetran_synced",
        ("id",),
        ("created_date", "last_modified_date", "system_modstamp", "_fivetran_synced"),
        ("has_opted_out_of_email", "is_deleted"),
    ),
    ("salesforce", "lead"): _Entity(
        "id",
        "_fivetran_synced",
        ("id",),
        ("created_date", "last_modified_date", "system_modstamp", "_fivetran_synced"),
        ("has_opted_out_of_email", "is_deleted"),
    ),
    ("klaviyo", "person"): _Entity(
        "id",
        "updated",
        ("id",),
        ("created", "updated", "email_consent_at", "email_consent_updated_at", "email_suppressed_at", "sms_consent_at"),
    ),
    ("klaviyo", "event"): _Entity("id", "datetime", ("id",), ("datetime",)),
    ("klaviyo", "metric"): _Entity("id", "updated", ("id",), ("updated",)),
    ("segment", "identifies"): _Entity("id", None, ("id",), ("received_at", "timestamp")),
    ("shopify", "order"): _Entity("id", "updated_at", ("id",), ("created_at", "updated_at", "processed_at"), ("test",)),
}


def read_landing(landing: Path, loads: Sequence[tuple[datetime, Iterable[str]]]) -> list[Record]:
    """The records of these files, in order of arrival. `loads`: the moment of each load, with its file names."""
    records = []
    for number, (arrived_at, names) in enumerate(loads):
        for name in sorted(names):
            source, entity = name.split("/")[:2]
            if (source, entity) in ENTITIES:
                text = (landing / name).read_text(encoding="utf-8")
                lines = _csv_lines(text) if name.endswith(".csv") else _json_lines(text)
                columns = frozenset(next(csv.reader(io.StringIO(text)))) if name.endswith(".csv") else None
                for fields, line in lines:
                    records.append(Record(source, entity, fields, line, arrived_at, number, columns))
    _judge_quarantine(records)
    return records


def _json_lines(text: str) -> Iterator[tuple[dict[str, Any] | None, str]]:
    for line in text.split("\n"):
        if line.strip():
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            yield (found if isinstance(found, dict) else None), line


def _csv_lines(text: str) -> Iterator[tuple[dict[str, Any] | None, str]]:
    header, *lines = [line for line in text.split("\n") if line.strip()]
    names = next(csv.reader([header]))
    for line in lines:
        try:
            values = next(csv.reader([line], strict=True))
        except (csv.Error, StopIteration):
            values = []
        if len(values) == len(names):
            yield {name: value or None for name, value in zip(names, values, strict=True)}, line
        else:
            yield None, line


def _judge_quarantine(records: list[Record]) -> None:
    """Marks records that break their entity's contract, records that a later load repaired, and current versions."""
    kept: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    refused: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        entity = ENTITIES[record.source, record.entity]
        place = (record.source, record.entity, record.key(entity.key))
        if _is_broken(record, entity):
            record.is_quarantined = True
        elif entity.version is None and kept[place]:
            first = kept[place][0]
            record.is_quarantined = record.fields != first.fields
            record.is_current = record.is_quarantined
        if record.is_quarantined:
            refused[place].append(record)
        elif record.is_current:
            kept[place].append(record)
    for place, versions in kept.items():
        version = ENTITIES[place[:2]].version
        if version is not None:
            newest = max(range(len(versions)), key=lambda number: (_version(versions[number], version), number))
            for number, record in enumerate(versions):
                record.is_current = number == newest
        for record in refused.get(place, []):
            later = [good for good in versions if good.load > record.load]
            same = [good for good in versions if good.load == record.load]
            is_new = any(good.is_current for good in later)
            record.is_repaired = (
                True if is_new else None if (later or (same and record.load == same[0].load)) else False
            )
            if same and not later and _came_first(records, same[0], record):
                record.is_repaired = False  # the key had landed before


def _came_first(records: list[Record], one: Record, other: Record) -> bool:
    return next(record for record in records if record is one or record is other) is one


def _version(record: Record, name: str) -> datetime:
    return read_moment((record.fields or {}).get(name)).at or datetime.min  # noqa: DTZ901


def _is_broken(record: Record, entity: _Entity) -> bool:
    if record.fields is None:
        return True
    if any(record.fields.get(name) is None or record.fields.get(name) == "" for name in entity.required):
        return True
    if any(read_moment(record.fields.get(name)).kind not in ("good", "none") for name in entity.moments):
        # A date before 2000 is readable, so the record lands.
        return any(not _lands(record.fields.get(name)) for name in entity.moments)
    return any(folded(record.fields.get(name)) not in ("", "true", "false", "1", "0") for name in entity.flags)


def _lands(value: object) -> bool:
    if read_moment(value).kind in ("good", "none"):
        return True
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


# --- decisions


@dataclass(frozen=True)
class Decision:
    """The decision of one record.

    `surely`: pairs that a no certainly concerns. `perhaps`: pairs that it may concern or grant. `earliest`, `latest`:
    the bounds of its effective moment. `is_clean`: no part of it is in doubt. `holds`: it cannot be read and may be a
    no. `explicit`: True, False, or None where that is debatable.
    """

    place: str
    meaning: str  # yes, no, silent, doubt
    surely: frozenset[Pair]
    perhaps: frozenset[Pair]
    earliest: datetime
    latest: datetime
    named: frozenset[Identifier]
    maybe_named: frozenset[Identifier]
    holds: bool = False
    is_clean: bool = True
    explicit: bool | None = True
    owners: frozenset[Identifier] = frozenset()  # of a yes: the identifiers that it applies to


def decisions_of(records: Sequence[Record], as_of: datetime) -> list[Decision]:
    found: list[Decision] = []
    metrics = {
        record.key("id"): visible(str((record.fields or {}).get("name")))
        for record in records
        if (record.source, record.entity) == ("klaviyo", "metric") and record.is_current
    }
    firsts = _first_no_arrivals(records)
    merged = {
        loser.strip()
        for record in records
        if record.source == "hubspot" and record.is_current and not record.is_quarantined
        for loser in record.key("hs_merged_object_ids").split(";")
    }
    for record in records:
        if record.is_repaired or not record.is_current:
            continue
        if record.fields is None:
            found.extend(_unparsed(record))
        elif record.source == "consent_banner":
            found.append(_banner(record, as_of))
        elif record.entity in ("customer", "contacts", "contact", "lead", "person"):
            found.extend(_statuses(record, firsts, merged, as_of))
        elif (record.source, record.entity) == ("klaviyo", "event") and not record.is_quarantined:
            found.extend(_klaviyo_event(record, metrics))
    return [decision for decision in found if decision.meaning != "silent"]


def _unparsed(record: Record) -> list[Decision]:
    scope = {
        "consent_banner": EVERYTHING,
        "shopify": frozenset({EMAIL, SMS}),
        "klaviyo": frozenset({EMAIL, SMS}),
        "hubspot": frozenset({EMAIL}),
        "salesforce": frozenset({EMAIL}),
    }.get(record.source)
    if scope is None or record.entity in ("event", "metric", "order"):
        return []
    named, maybe = identifiers_in_text(record.text)
    text = record.text.lower()
    is_yes = any(word in text for word in ("granted", "opt_in", "accepted", "subscribed"))
    is_sure = record.is_repaired is False and not is_yes
    return [
        Decision(
            f"{record.source}.{record.entity} line that is no record",
            "doubt",
            scope if is_sure else frozenset(),
            EVERYTHING,
            record.arrived_at,
            FOREVER,
            frozenset(named),
            frozenset(maybe),
            holds=is_sure,
            is_clean=False,
        )
    ]


def _looked_up(value: object, table: Mapping[str, frozenset[str]]) -> tuple[list[frozenset[str] | None], bool]:
    """The meaning of each part of a purpose or channel (None: unknown; no part: empty), and whether it is one word."""
    if isinstance(value, list):
        parts = value
    else:
        text = visible(str(value)) if value is not None else ""
        for mark in '[]"':
            text = text.replace(mark, "")
        parts = [text]
        if word_of(text) not in table:
            parts = text.replace(";", ",").replace("|", ",").split(",")
    words = [word_of(part) for part in parts if word_of(part)]
    return [table.get(word) for word in words], not isinstance(value, list) and len(words) <= 1


def scopes(purpose: object, channel: object) -> tuple[frozenset[Pair], frozenset[Pair], bool]:
    """(pairs that a no certainly concerns, pairs that a yes may grant, whether both words are plain)."""
    purposes, is_one_purpose = _looked_up(purpose, PURPOSES)
    channels, is_one_channel = _looked_up(channel, CHANNELS)
    concerned: set[Pair] = set()
    granted: set[Pair] = set()
    known_channels = [found for found in channels if found is not None]
    narrowed = frozenset().union(*known_channels) if known_channels and None not in channels else None
    for part in purposes or [None]:
        if part is not None and narrowed is None:
            concerned |= {pair for pair in EVERYTHING if pair[0] in part}
        elif part is not None and narrowed is not None:
            both = {pair for pair in EVERYTHING if pair[0] in part and pair[1] in narrowed}
            either = {pair for pair in EVERYTHING if pair[0] in part or pair[1] in narrowed}
            concerned |= both or either
            granted |= both
        elif narrowed is not None:
            concerned |= {pair for pair in EVERYTHING if pair[1] in narrowed}
        else:
            concerned |= EVERYTHING
        if part is not None and not channels:
            granted |= {pair for pair in EVERYTHING if pair[0] in part}
            if part == _MARKETING:
                granted.add(("personalisation", "web"))
    is_core = word_of(purpose) in CORE_PURPOSES and (not channels or word_of(channel) in CORE_CHANNELS)
    return frozenset(concerned), frozenset(granted), is_core and is_one_purpose and is_one_channel


def meaning_of(word: object) -> tuple[str, bool]:
    """(yes, no, silent or doubt; whether the word is unambiguous). Doubt: the word may be a no."""
    text = word_of(word)
    if text in SILENT and text in NO_ALSO:
        return "silent", False
    if text in SILENT:
        return "silent", True
    if text in YES_SURE or text in YES_ALSO:
        return "yes", text in YES_SURE
    if text in NO_SURE or text in NO_ALSO:
        return "no", text in NO_SURE
    return "doubt", True


def _effective(moment: Moment, arrived_at: datetime, *, is_no: bool) -> tuple[datetime, datetime]:
    """The bounds of a decision's moment, from its own date or its arrival."""
    if moment.at is None or moment.kind == "bad":
        return arrived_at, FOREVER
    at = arrived_at if moment.at > arrived_at + SKEW else moment.at
    return at, (FOREVER if moment.kind == "fuzzy" and is_no else at)


def _banner(record: Record, as_of: datetime) -> Decision:
    fields = record.fields or {}
    meaning, is_plain = meaning_of(fields.get("decision"))
    concerned, granted, is_core = scopes(fields.get("purpose"), fields.get("channel"))
    moment = read_moment(fields.get("decided_at"))
    named, maybe = identifiers_of(fields)
    earliest, latest = _effective(moment, record.arrived_at, is_no=meaning != "yes")
    words = ", ".join(repr(fields.get(name)) for name in ("purpose", "channel", "decision"))
    place = f"banner {fields.get('decision_id')} ({words})"
    if meaning == "silent":
        return Decision(place, "silent" if is_plain else "doubt", frozenset(), concerned, earliest, FOREVER,
                        frozenset(named), frozenset(maybe), is_clean=False)  # fmt: skip
    if meaning == "yes":
        is_future = moment.at is not None and moment.at > as_of
        stands = moment.kind in ("good", "fuzzy") and not record.is_quarantined and not is_future
        plain = {item for item in named if _is_plain(item, fields)}
        return Decision(
            place,
            "yes" if stands else "silent",
            frozenset(),
            granted,
            earliest,
            latest,
            frozenset(named),
            frozenset(maybe),
            is_clean=stands and is_core and is_plain and moment.kind == "good" and bool(plain) and plain == named,
            owners=frozenset(named),
        )
    is_unknown = (
        None in _looked_up(fields.get("purpose"), PURPOSES)[0] or not _looked_up(fields.get("purpose"), PURPOSES)[0]
    )
    is_unknown = is_unknown or None in _looked_up(fields.get("channel"), CHANNELS)[0]
    is_unknown = is_unknown or (meaning == "doubt" and not is_known_doubt(fields.get("decision")))
    # An unreadable decision holds. A readable no with a bad date holds in quarantine, and is a no from its arrival
    # where it landed. Both are right, so it counts as a no that a later yes may or may not supersede.
    holds = record.is_repaired is False and is_unknown
    if record.is_repaired is None:
        concerned = frozenset()
    is_sure = meaning == "no" and is_plain and is_core and moment.kind == "good" and not is_unknown
    is_sure = is_sure and not record.is_quarantined
    return Decision(
        place,
        "no" if meaning == "no" else "doubt",
        concerned,
        concerned if is_sure else EVERYTHING,
        earliest,
        latest if is_sure else FOREVER,
        frozenset(named),
        frozenset(maybe),
        holds=holds,
        is_clean=is_sure,
    )


def is_known_doubt(word: object) -> bool:
    """Whether an unknown word may be a known word elsewhere: a plain word of letters."""
    text = word_of(word)
    return bool(text) and text.isalpha() and not text.startswith("zz")


def _is_plain(identifier: Identifier, fields: Mapping[str, Any]) -> bool:
    kind, value = identifier
    given = fields.get(kind)
    return isinstance(given, str) and given.strip(" ").lower() == value.lower()


_OWN_IDS = {
    ("shopify", "customer"): "shopify_customer_id",
    ("hubspot", "contacts"): "hubspot_contact_id",
    ("salesforce", "contact"): "salesforce_contact_id",
    ("salesforce", "lead"): "salesforce_lead_id",
    ("klaviyo", "person"): "klaviyo_person_id",
}
_DELETED = ("is_deleted", "_fivetran_deleted")
_SHOPIFY = {"subscribed": "yes", "unsubscribed": "no", "redacted": "no", "pending": "silent", "": "silent"}
_KLAVIYO = {"subscribed": "yes", "unsubscribed": "no", "neversubscribed": "silent", "": "silent"}
_SUPPRESSED = ("UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED", "HARD_BOUNCE")


@dataclass(frozen=True)
class _Status:
    pair: Pair
    meaning: str
    own_date: object
    is_explicit: bool | None = True
    other_dates: tuple[object, ...] = field(default=())


def _read_statuses(record: Record) -> list[_Status]:
    fields = record.fields or {}
    found: list[_Status] = []
    if record.source == "shopify":
        for pair, prefix in ((EMAIL, "email"), (SMS, "sms")):
            state = word_of(fields.get(f"{prefix}_marketing_consent_state"))
            date = fields.get(f"{prefix}_marketing_consent_consent_updated_at")
            if not state and prefix == "email" and fields.get("accepts_marketing") is not None:
                accepts = word_of(fields.get("accepts_marketing"))
                date = fields.get("accepts_marketing_updated_at")
                state = "subscribed" if accepts == "true" else "notsubscribed" if accepts == "false" else accepts
            if state == "notsubscribed":
                meaning = "silent" if read_moment(date).kind == "none" else "no"
            else:
                meaning = _SHOPIFY.get(state, "doubt")
            if state == "invalid":
                meaning = "perhaps"
            found.append(_Status(pair, meaning, date, other_dates=(fields.get("updated_at"),)))
    elif record.source == "klaviyo":
        state = word_of(fields.get("email_consent"))
        date = fields.get("email_consent_at")
        last = fields.get("email_consent_updated_at")
        found.append(
            _Status(EMAIL, _KLAVIYO.get(state, "doubt"), date or last, True if date else None, (fields.get("updated"),))
        )
        suppressions = json.dumps(fields.get("email_suppressions") or "")
        if any(reason in suppressions for reason in _SUPPRESSED):
            found.append(_Status(EMAIL, "no", fields.get("email_suppressed_at")))
        state = word_of(fields.get("sms_consent"))
        found.append(
            _Status(
                SMS, _KLAVIYO.get(state, "doubt"), fields.get("sms_consent_at"), other_dates=(fields.get("updated"),)
            )
        )
    else:
        name = "hs_email_optout" if record.source == "hubspot" else "has_opted_out_of_email"
        flag = word_of(fields.get(name))
        meaning = {
            "true": "no", "1": "no", "yes": "no", "t": "no", "y": "no",
            "false": "silent", "0": "silent", "no": "silent", "f": "silent", "n": "silent", "": "silent",
        }.get(flag, "doubt")  # fmt: skip
        found.append(_Status(EMAIL, meaning, None))
    return found


def _first_no_arrivals(records: Sequence[Record]) -> dict[tuple[str, str, str, Pair], datetime]:
    """When a record without a date of decision first said no."""
    firsts: dict[tuple[str, str, str, Pair], datetime] = {}
    for record in records:
        if record.fields is None or (record.source, record.entity) not in _OWN_IDS:
            continue
        for status in _read_statuses(record):
            if status.meaning in ("no", "doubt"):
                place = (record.source, record.entity, record.key("id"), status.pair)
                firsts.setdefault(place, record.arrived_at)
    return firsts


def _statuses(
    record: Record, firsts: Mapping[tuple[str, str, str, Pair], datetime], merged: set[str], as_of: datetime
) -> list[Decision]:
    fields = record.fields or {}
    own = (_OWN_IDS[record.source, record.entity], record.key("id"))
    named, maybe = identifiers_of({name: value for name, value in fields.items() if name not in ("id", "customer_id")})
    # The loser of a merge is deleted and lives on through its winner.
    is_deleted = any(folded(fields.get(name)) == "true" for name in _DELETED) and own[1] not in merged
    decisions = []
    for status in _read_statuses(record):
        kind = "email" if status.pair == EMAIL else "phone"
        kinds = ("phone", "tail") if kind == "phone" else ("email",)
        reached = frozenset({own}) | {item for item in named if item[0] in kinds}
        moment = read_moment(status.own_date)
        place = f"{record.source}.{record.entity} {own[1]} {status.pair[1]}: {status.meaning}"
        if status.meaning == "silent":
            continue
        if status.meaning == "yes":
            if is_deleted or record.is_quarantined or moment.kind == "bad":
                continue
            explicit = status.is_explicit
            if moment.kind == "none":  # only its record has a date
                moment, explicit = read_moment(next(iter(status.other_dates), None)), False
            if moment.at is None or moment.at > as_of:
                continue
            earliest, latest = _effective(moment, record.arrived_at, is_no=False)
            decisions.append(
                Decision(
                    place, "yes", frozenset(), frozenset({status.pair}), earliest, latest, frozenset({own}),
                    frozenset(),
                    is_clean=explicit is True and moment.kind == "good", explicit=explicit, owners=frozenset({own}),
                )
            )  # fmt: skip
            continue
        earliest, latest = _effective(moment, record.arrived_at, is_no=True)
        if moment.kind in ("none", "bad"):
            first = firsts.get((record.source, record.entity, own[1], status.pair), record.arrived_at)
            earliest, latest = min(first, record.arrived_at), FOREVER if record.is_quarantined else record.arrived_at
        is_sure = not is_deleted and record.is_repaired is False and status.meaning in ("no", "doubt")
        decisions.append(
            Decision(
                place,
                "no" if status.meaning == "no" else "doubt",
                frozenset({status.pair}) if is_sure else frozenset(),
                frozenset({status.pair}),
                earliest,
                latest,
                reached,
                frozenset(maybe) | {own},
                holds=is_sure and (status.meaning == "doubt" or record.is_quarantined),
                is_clean=is_sure and status.meaning == "no" and not record.is_quarantined,
            )
        )
    return decisions


_NO_METRICS = {
    "unsubscribed": EMAIL,
    "unsubscribed_from_email_marketing": EMAIL,
    "marked_email_as_spam": EMAIL,
    "unsubscribed_from_sms": SMS,
    "unsubscribed_from_sms_marketing": SMS,
}


def _klaviyo_event(record: Record, metrics: Mapping[str, str]) -> list[Decision]:
    fields = record.fields or {}
    pair = _NO_METRICS.get(folded(metrics.get(record.key("metric_id"), "")))
    if pair is None:
        return []
    earliest, latest = _effective(read_moment(fields.get("datetime")), record.arrived_at, is_no=True)
    who = frozenset({("klaviyo_person_id", record.key("person_id"))})
    return [
        Decision(
            f"klaviyo.event {record.key('id')}", "no", frozenset({pair}), frozenset({pair}), earliest, latest, who, who
        )
    ]


# --- answers


@dataclass
class Customer:
    """A customer. `owned`: its identifiers in the partition. `named`: these, and those that its own records name."""

    owned: set[Identifier] = field(default_factory=set)
    named: set[Identifier] = field(default_factory=set)
    ever_named: set[Identifier] = field(default_factory=set)
    has_contract: bool = False


def customers_of(records: Sequence[Record], owners: Mapping[Identifier, str]) -> dict[str, Customer]:
    """Customers by id. `owners`: the customer of each identifier, in one partition."""
    customers: dict[str, Customer] = defaultdict(Customer)
    by_short_id = {  # Salesforce ids have 15 or 18 characters
        (kind, value[:15]): customer for (kind, value), customer in owners.items() if kind.startswith("salesforce")
    }
    for identifier, customer in owners.items():
        customers[customer].owned.add(identifier)
    for record in records:
        if record.fields is None:
            continue
        own = _OWN_IDS.get((record.source, record.entity))
        ids: list[Identifier] = []
        if own:
            ids = [(own, record.key("id"))]
        elif record.source == "segment":
            ids = [(kind, record.key(kind)) for kind in ("user_id", "anonymous_id")]
        elif record.entity == "order":
            ids = [("shopify_customer_id", record.key("customer_id"))]
        named, _ = identifiers_of({name: value for name, value in record.fields.items() if name != "customer_id"})
        for kind, value in ids:
            owner = owners.get((kind, value)) or by_short_id.get((kind, value[:15]))
            if owner is None:
                continue
            customers[owner].ever_named |= named
            if record.is_current and not record.is_quarantined:
                customers[owner].named |= named
                is_test = folded(record.fields.get("test")) == "true"
                customers[owner].has_contract |= record.entity == "order" and not is_test
    for customer in customers.values():
        customer.named |= customer.owned
        customer.ever_named |= customer.named
    return dict(customers)


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    why: str


class Oracle:
    """The answers for all customers of a landing zone at one moment."""

    def __init__(self, records: Sequence[Record], owners: Mapping[Identifier, str], as_of: datetime) -> None:
        self.as_of = as_of
        self.customers = customers_of(records, owners)
        self.decisions = decisions_of(records, as_of)
        self._named = _Index([(decision, decision.named) for decision in self.decisions])
        self._maybe = _Index([(decision, decision.maybe_named | decision.named) for decision in self.decisions])

    def answers(self) -> dict[tuple[str, Pair], Verdict]:
        return {
            (name, pair): verdict
            for name, customer in self.customers.items()
            for pair, verdict in self._ask(customer).items()
        }

    def _ask(self, customer: Customer) -> dict[Pair, Verdict]:
        surely = self._named.touching(customer.named)
        perhaps = self._maybe.touching(customer.ever_named)
        return {pair: self._judge(customer, pair, surely, perhaps) for pair in VALID_DAYS}

    def _judge(self, customer: Customer, pair: Pair, surely: list[Decision], perhaps: list[Decision]) -> Verdict:
        for decision in surely:
            if decision.holds and pair in decision.surely:
                return Verdict(Answer.NO, f"held by {decision.place}")
        nos = [decision for decision in surely if decision.meaning in ("no", "doubt") and pair in decision.surely]
        doubts = [
            decision
            for decision in perhaps
            if decision.meaning in ("no", "doubt") and pair in decision.perhaps and not decision.is_clean
        ]
        far = [
            decision
            for decision in perhaps
            if decision.meaning == "no" and decision.is_clean and pair in decision.perhaps and decision not in nos
        ]
        yeses = [
            decision
            for decision in surely
            if decision.meaning == "yes"
            and pair in decision.perhaps
            and decision.owners & customer.owned
            and decision.earliest <= self.as_of
        ]
        if pair == SERVICE:
            return self._judge_service(customer, nos, doubts + far, yeses)
        if not yeses:
            return Verdict(Answer.NO, "nobody said yes")
        days = timedelta(days=VALID_DAYS[pair] or 0)
        if all(decision.latest + days + SKEW <= self.as_of for decision in yeses):
            return Verdict(Answer.NO, f"expired: {yeses[0].place}")
        explicit = [decision for decision in yeses if decision.explicit is not False]
        newest = max((decision.latest for decision in explicit), default=datetime.min)  # noqa: DTZ901
        for decision in nos:
            if decision.earliest >= newest:
                return Verdict(Answer.NO, f"{decision.place} is not beaten")
        sure = [decision for decision in yeses if decision.is_clean and decision.explicit]
        best = max((decision.earliest for decision in sure), default=datetime.min)  # noqa: DTZ901
        is_certain = (
            bool(sure)
            and not doubts
            and not far
            and all(decision.is_clean for decision in yeses)
            and all(decision.is_clean and decision.latest < best for decision in nos)
            and best + days - SKEW > self.as_of
        )
        return Verdict(Answer.YES if is_certain else Answer.UNSURE, yeses[0].place)

    def _judge_service(
        self, customer: Customer, nos: list[Decision], others: list[Decision], yeses: list[Decision]
    ) -> Verdict:
        if nos and not yeses:
            return Verdict(Answer.NO, f"{nos[0].place} beats the contract")
        if not customer.has_contract and not yeses:
            return Verdict(Answer.NO, "no contract")
        is_certain = customer.has_contract and not nos and not others
        return Verdict(Answer.YES if is_certain else Answer.UNSURE, "a contract")


class _Index:
    """Decisions, by the identifiers that they name."""

    def __init__(self, entries: Iterable[tuple[Decision, Iterable[Identifier]]]) -> None:
        self.exact: dict[Identifier, list[Decision]] = defaultdict(list)
        self.tails: list[tuple[str, Decision]] = []
        for decision, identifiers in entries:
            for kind, value in identifiers:
                if kind == "tail":
                    self.tails.append((value, decision))
                else:
                    self.exact[kind, value].append(decision)

    def touching(self, identifiers: Iterable[Identifier]) -> list[Decision]:
        found: dict[int, Decision] = {}
        for kind, value in identifiers:
            for key in ((kind, value), ("any", value)):
                found.update({id(decision): decision for decision in self.exact.get(key, [])})
            if kind == "phone":
                found.update({id(decision): decision for tail, decision in self.tails if value.endswith(tail)})
            if kind == "tail":  # the customer's own number has no country code either
                found.update({id(decision): decision for tail, decision in self.tails if tail == value})
        return list(found.values())

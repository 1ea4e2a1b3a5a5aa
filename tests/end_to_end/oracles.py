"""Expected results of a demo, computed without dbt models: from the landed files, the raw tables and the truth.

Add here: an oracle, which reads files, raw tables or the truth. Keep out: assertions, results of the models (an oracle
may get a published table as an argument).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet

from runtime.home import Home

Identifier = tuple[str, str]
Row = dict[str, Any]
REFUSALS = {"denied", "withdrawn"}
DAYS_A_GRANT_LASTS = {"advertising": 395, "email_marketing": 730}
NEVER = datetime.fromisoformat("1900-01-01T00:00:00")
PURPOSES_OF_METRICS = {
    "Unsubscribed": "email_marketing",
    "Marked Email as Spam": "email_marketing",
    "Bounced Email": "email_marketing",
    "Unsubscribed from SMS": "sms_marketing",
    "Failed to Deliver SMS": "sms_marketing",
}
ARRIVAL = datetime.fromisoformat(
    "9999-01-01T00:00:00"
)  # a no without a date counts from its arrival, and the demo lands after all its events


def read(path: Path, statement: str, *values: object) -> list[Row]:
    """Rows of a DuckDB file by column name. Closes the connection, so that another process can write."""
    with duckdb.connect(str(path), read_only=True) as connection:
        cursor = connection.execute(statement, list(values))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def landed_rows(home: Home, source: str, entity: str) -> list[Row]:
    """Every valid record of an entity's files, read by Python's own readers; later files last."""
    rows: list[Row] = []
    for path in sorted((home.landing / source / entity).glob("*")):
        if path.suffix == ".parquet":
            rows += pyarrow.parquet.read_table(path).to_pylist()
        elif path.suffix == ".ndjson":
            rows += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        else:
            packed = path.read_bytes()
            text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
            rows += list(csv.DictReader(io.StringIO(text, newline="")))
    return rows


def truth(home: Home, table: str) -> list[Row]:
    """A table of the truth from which the demo's business was generated."""
    rows: list[Row] = pyarrow.parquet.read_table(home.truth / f"{table}.parquet").to_pylist()
    return rows


def owners_of_identifiers(home: Home) -> dict[Identifier, set[str]]:
    """The persons behind each identifier; several where people share one."""
    owners = defaultdict(set)
    for row in truth(home, "identifier_truth"):
        owners[row["identifier_type"], row["identifier_value"]].add(row["person_id"])
    return owners


def owners_of_records(home: Home, source: str, entity: str) -> dict[str, str]:
    """The person behind each record of an entity."""
    return {
        row["record_id"]: row["person_id"]
        for row in truth(home, "record_truth")
        if (row["source"], row["entity"]) == (source, entity) and row["person_id"]
    }


# Consent ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """One yes or no, with its identifiers and its record."""

    purpose: str
    decision: str
    at: datetime
    identifiers: tuple[Identifier, ...]
    record: tuple[str, str, str]


def decisions(home: Home) -> list[Decision]:
    """Every decision in the landed files: banner, shop account, newsletter and the CRM's opt-out."""
    found = []
    for row in landed_rows(home, "consent_banner", "decisions"):
        with_whom = [(kind, row[kind]) for kind in ("user_id", "email", "anonymous_id") if row.get(kind)]
        if (
            row["decision"] == "granted" and len(with_whom) > 1
        ):  # a yes of a person is not a yes of other users of the device
            with_whom = [(kind, value) for kind, value in with_whom if kind != "anonymous_id"]
        who = tuple((kind, value.strip().lower() if kind == "email" else value) for kind, value in with_whom)
        record = ("consent_banner", "decisions", row["decision_id"])
        found.append(Decision(row["purpose"], row["decision"], _moment(row["decided_at"]), who, record))
    for row in _newest(landed_rows(home, "shopify", "customer"), "updated_at"):
        state, at = row["email_marketing_consent_state"], row["email_marketing_consent_consent_updated_at"]
        own, record = ("shopify_customer_id", row["id"]), ("shopify", "customer", row["id"])
        if state == "subscribed" and not row["_fivetran_deleted"]:
            found.append(Decision("email_marketing", "granted", _moment(at), (own,), record))
        elif state and state != "subscribed" and at:
            found.append(Decision("email_marketing", "denied", _moment(at), (own, *_contact(row, "phone")), record))
    metrics = {row["id"]: row["name"] for row in landed_rows(home, "klaviyo", "metric")}
    for row in landed_rows(home, "klaviyo", "event"):
        purpose = PURPOSES_OF_METRICS.get(metrics[row["metric_id"]])
        if purpose:
            who = (("klaviyo_person_id", row["person_id"]),)
            found.append(Decision(purpose, "withdrawn", _moment(row["datetime"]), who, ("klaviyo", "event", row["id"])))
    for row in _newest(landed_rows(home, "hubspot", "contacts"), "lastmodifieddate"):
        if str(row["hs_email_optout"]).lower() == "true":
            who = (("hubspot_contact_id", row["id"]), *_contact(row, "phone", "mobilephone"))
            found.append(Decision("email_marketing", "withdrawn", ARRIVAL, who, ("hubspot", "contacts", row["id"])))
    return found


def _contact(row: Row, *phones: str) -> tuple[Identifier, ...]:
    """The address and the international numbers of a record."""
    numbers = [re.sub(r"[^0-9+]", "", row[name] or "") for name in phones]
    email = (row["email"] or "").strip().lower()
    return (*([("email", email)] if email else []), *(("phone", number) for number in numbers if number[:1] == "+"))


@dataclass
class Standing:
    """A customer's consent to a purpose: the live grants after the last refusal, and the refusals without a later
    grant."""

    grants: list[Decision] = field(default_factory=list)
    refusals: list[Decision] = field(default_factory=list)

    @property
    def may(self) -> bool:
        return bool(self.grants) and not self.refusals


def standing(
    identifiers: Collection[Identifier],
    purpose: str,
    made: Iterable[Decision],
    as_of: datetime,
    named: Collection[Identifier] = (),
) -> Standing:
    """Decides by the customer's last decision: a refusal holds until a later grant; at the same moment the refusal
    wins.

    `named`: other identifiers that records of the customer name: a no with one of them counts too.
    """
    about = [each for each in made if each.purpose == purpose]
    refused = [e for e in about if e.decision in REFUSALS and not {*identifiers, *named}.isdisjoint(e.identifiers)]
    granted = [e for e in about if e.decision == "granted" and not set(identifiers).isdisjoint(e.identifiers)]
    granted = [each for each in granted if each.at <= as_of]
    newest = max((each.at for each in granted), default=NEVER)
    last_refusal = max((each.at for each in refused), default=NEVER)
    lasts = timedelta(days=DAYS_A_GRANT_LASTS[purpose])
    return Standing(
        grants=[each for each in granted if each.at > last_refusal and each.at + lasts > as_of],
        refusals=[each for each in refused if each.at >= newest],
    )


def named_by_records(home: Home) -> dict[str, set[Identifier]]:
    """All identifiers that the records of a customer name, whichever customer they belong to."""
    named = defaultdict(set)
    for row in read(
        home.warehouse,
        "select customer_id, observations.identifier_type, observations.identifier_value"
        " from intermediate.int_identity__observations as observations"
        " inner join intermediate.int_identity__customer_identifiers as own"
        " on own.identifier_type = own_type and own.identifier_value = own_value where customer_id is not null",
    ):
        named[row["customer_id"]].add((row["identifier_type"], row["identifier_value"]))
    return named


def identifiers_by_customer(serving: Path) -> dict[str, set[Identifier]]:
    """The published identity graph."""
    joined = defaultdict(set)
    for row in read(serving, "select * from marts.bdg_customer_identifiers where customer_id is not null"):
        joined[row["customer_id"]].add((row["identifier_type"], row["identifier_value"]))
    return joined


def _newest(rows: Iterable[Row], version: str) -> list[Row]:
    newest = {row["id"]: row for row in sorted(rows, key=lambda row: _moment(row[version]))}
    return list(newest.values())


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=None)  # every source of the demo writes UTC


# Hashes as Meta matches them ----------------------------------------------------------------------------------------


def sha256(text: str | None) -> str:
    """Hex digest, and an empty cell for nothing."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def meta_row(customer: Mapping[str, Any]) -> dict[str, str]:
    """A golden customer as a row of Meta's file, by the rules of Meta's own SDK."""
    country = _told(customer["country_code"])
    postal_code = re.sub(r"\s", "", _told(customer["postal_code"])).partition("-")[0]
    phone = customer["phone"] or ""
    return {
        "EXTERN_ID": customer["customer_id"],
        "EMAIL": sha256(_told(customer["email"])),
        "PHONE": sha256(phone[1:] if re.fullmatch(r"\+[1-9]\d{6,14}", phone) else None),
        "FN": sha256(re.sub(r"\s+", " ", _told(customer["first_name"]))),
        "LN": sha256(re.sub(r"\s+", " ", _told(customer["last_name"]))),
        "CT": sha256(re.sub(r"[0-9.\s()-]", "", _told(customer["city"]))),
        "ZIP": sha256(postal_code[:5] if country == "us" else postal_code),
        "COUNTRY": sha256(country),
    }


def _told(text: str | None) -> str:
    return (text or "").strip().lower()


# What a home must not hold ------------------------------------------------------------------------------------------

# Places of plain values: incoming data, the golden record, and deliveries that may have them.
PLAIN_PLACES = ("landing", "truth", "warehouse.duckdb", "serving.duckdb", "exports/webhook")


def plain_values(home: Home) -> set[str]:
    """Every e-mail address and phone number of the business, and invalid entries in their place."""
    known = {value for kind, value in owners_of_identifiers(home) if kind in ("email", "phone")}
    for person in truth(home, "persons"):
        known |= {person[name] for name in ("email", "second_email", "phone", "next_phone") if person[name]}
    return {"test@test.com"} | {value.removeprefix("+").lower() for value in known}


def leaks(home: Home, values: Collection[str]) -> list[tuple[str, str]]:
    """Files (relative) and tables of the ledger with a plain value: the place, and the value."""
    found = []
    for path in sorted(home.path.rglob("*")):
        where = path.relative_to(home.path).as_posix()
        if path.is_file() and not where.startswith(PLAIN_PLACES):
            text = path.read_bytes().decode("utf-8", errors="replace")
            found += [(where, hit) for hit in sorted(_plain_in(text, values))]
    found += [(where, hit) for where, text in _ledger_texts(home) for hit in sorted(_plain_in(text, values))]
    return found


def _plain_in(text: str, values: Collection[str]) -> set[str]:
    """The values in a text: numbers of a phone's length, and addresses."""
    numbers = set(re.findall(r"(?<!\w)\d{7,15}(?!\w)", text))
    addresses = set(re.findall(r"[^\s\"'<>(),;:=|]{1,64}@[\w.-]+", text.lower()))
    hits = {number for number in numbers if number in values}
    return hits | {value for value in values if "@" in value and any(each.endswith(value) for each in addresses)}


def _ledger_texts(home: Home) -> Iterator[tuple[str, str]]:
    """The ledger's tables as text: in the file, text is compressed."""
    ledger = home.path / "ledger" / "ledger.duckdb"
    for table in read(ledger, "select table_name from information_schema.tables"):
        name = table["table_name"]
        yield f"ledger: {name}", "\n".join(str(row) for row in read(ledger, f'select * from "{name}"'))


# Identity -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairScore:
    """Pairs of identifiers: the share of joined pairs that belong together, and of pairs that belong together and were
    joined."""

    precision: float
    recall: float
    joined: int
    belonging: int


def score_pairs(customer_of: Mapping[Identifier, str], owners: Mapping[Identifier, set[str]]) -> PairScore:
    """Pairwise over all identifiers that the truth knows. A pair that shares an owner belongs together; recall asks
    only for identifiers of one person, since what people share may be left alone."""
    known = sorted(identifier for identifier in customer_of if identifier in owners)
    joined = right = belonging = found = 0
    for number, a in enumerate(known):
        for b in known[number + 1 :]:
            is_joined = customer_of[a] == customer_of[b]
            belongs = not owners[a].isdisjoint(owners[b])
            joined += is_joined
            right += is_joined and belongs
            if belongs and len(owners[a]) == len(owners[b]) == 1:
                belonging += 1
                found += is_joined
    return PairScore(right / max(joined, 1), found / belonging, joined, belonging)


# Counts and contents ------------------------------------------------------------------------------------------------


def counts_in_files(home: Home) -> dict[tuple[str, str], int]:
    """Records in the landing files by source and entity, counted by DuckDB (broken lines count too)."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for path in sorted(home.landing.rglob("*")):
        if not path.is_file():
            continue
        name = str(path).replace("'", "''")
        reader = {
            ".parquet": f"read_parquet('{name}')",
            ".csv": f"read_csv('{name}', all_varchar = true, header = true)",
            ".gz": f"read_csv('{name}', all_varchar = true, header = true)",
            ".ndjson": f"read_csv('{name}', columns = {{'line': 'varchar'}}, header = false, delim = '\\x01',"
            " quote = '')",
        }[path.suffix]
        row = duckdb.execute(f"select count(*) from {reader}").fetchone()
        source, entity = path.relative_to(home.landing).parts[:2]
        counts[source, entity] += int(row[0]) if row else 0
    return dict(counts)


def unreconciled(home: Home) -> list[str]:
    """Records that are missing between the files, the loads, the raw tables and the quarantine. Empty if none are."""
    loads = read(
        home.warehouse,
        """
        select source, entity, sum(extracted_count)::bigint as extracted, sum(landed_count)::bigint as landed,
            sum(quarantined_count)::bigint as quarantined, sum(unchanged_count)::bigint as unchanged
        from raw_ops.loads group by all order by all
        """,
    )
    refused = {
        (row["source"], row["entity"]): row["n"]
        for row in read(home.warehouse, "select source, entity, count(*) as n from raw_quarantine.records group by all")
    }
    places = [(load["source"], load["entity"]) for load in loads]
    counted = " union all ".join(
        f"select '{source}' as s, '{entity}' as e, count(*) as n from \"raw_{source}\".\"{entity}\""
        for source, entity in places
    )
    held = {(row["s"], row["e"]): row["n"] for row in read(home.warehouse, counted)}
    in_files = counts_in_files(home)
    wrong = []
    for place, load in zip(places, loads, strict=True):
        loaded = (load["extracted"], load["landed"], load["quarantined"])
        seen = (in_files.get(place, 0), held[place], refused.get(place, 0))
        if loaded != seen:
            wrong.append(f"{'.'.join(place)}: loads have (extracted, landed, quarantined) {loaded}, found {seen}")
        if load["extracted"] != load["landed"] + load["quarantined"] + load["unchanged"]:
            wrong.append(f"{'.'.join(place)}: {load} does not add up")
    unknown = set(in_files) - set(places)
    return wrong + [f"{'.'.join(place)}: files that no load knows" for place in sorted(unknown)]


def contents(serving: Path) -> dict[str, str]:
    """A digest of every published table's rows, in any order. Without the tables of `main` about builds and
    publications."""
    tables = read(serving, "select table_schema as s, table_name as t from information_schema.tables")
    digests = {}
    for table in tables:
        if table["s"] != "main":
            rows = read(serving, f'select * from "{table["s"]}"."{table["t"]}" order by all')
            digests[f"{table['s']}.{table['t']}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return digests


def files_under(path: Path) -> dict[str, str]:
    """A digest of every file below a directory."""
    return {
        found.relative_to(path).as_posix(): hashlib.sha256(found.read_bytes()).hexdigest()
        for found in sorted(path.rglob("*"))
        if found.is_file()
    }

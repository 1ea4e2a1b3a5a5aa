"""The accuracy of matching on public labelled sets, compared with the best plain Splink, and with exact keys.

`make scoreboard` writes docs/reference/scoreboard.md. The sets lie in ../shared/data/eval.
Add here: a set, as one query with the columns of `identity evaluate`. Keep out: anything that tunes the matching to a
set.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks import demo_business, splink_plain
from benchmarks.measuring import measured_cli
from identity.accuracy import bcubed, pairwise
from identity.components import connected_components

ROOT = Path(__file__).resolve().parents[1]
SETS = ROOT.parent / "shared" / "data" / "eval"
if not SETS.is_dir():
    SETS = ROOT.parents[1] / "shared" / "data" / "eval"  # from a working tree beside the main one
PAGE = ROOT / "docs" / "reference" / "scoreboard.md"

FEBRL = """
    select
        md5(trim(rec_id)) as record_id, trim(given_name) as first_name, trim(surname) as last_name,
        trim(date_of_birth) as birth_date, trim(street_number) as house_number, trim(address_1) as street,
        trim(address_2) as unit, trim(suburb) as city, trim(postcode) as postal_code, trim(state) as region,
        trim(soc_sec_id) as ssn, regexp_extract(rec_id, 'rec-([0-9]+)-', 1) as entity_id
    from read_csv('{sets}/febrl/dataset{number}.csv', all_varchar = true, normalize_names = true)
"""
QUERIES = {
    "febrl1": FEBRL.replace("{number}", "1"),
    "febrl3": FEBRL.replace("{number}", "3"),
    "fake_1000": """
        select
            unique_id as record_id, first_name, surname as last_name, dob as birth_date, city, email,
            cluster as entity_id
        from read_csv('{sets}/fake_1000/fake_1000.csv', all_varchar = true)
    """,
    "pseudopeople": """
        select
            'c' || row_number() over () as record_id, 'census' as source, first_name, middle_initial as middle_name,
            last_name, date_of_birth as birth_date, street_number as house_number, street_name as street,
            unit_number as unit, city, zipcode as postal_code, state as region, null as ssn, simulant_id as entity_id
        from '{sets}/pseudopeople_20201/census_2020.parquet'
        union all by name
        select
            'w' || row_number() over () as record_id, 'w2' as source, first_name, middle_initial as middle_name,
            last_name, mailing_address_street_number as house_number, mailing_address_street_name as street,
            mailing_address_unit_number as unit, mailing_address_city as city, mailing_address_zipcode as postal_code,
            mailing_address_state as region, ssn, simulant_id as entity_id
        from '{sets}/pseudopeople_20201/w2_1099_2020.parquet'
        union all by name
        select
            's' || row_number() over () as record_id, 'ssa' as source, first_name, middle_name, last_name,
            date_of_birth as birth_date, ssn, simulant_id as entity_id
        from '{sets}/pseudopeople_20201/ssa_2020.parquet'
    """,
    "senzing_truthset": """
        select
            r.data_source || ':' || r.record_id as record_id, r.data_source as source,
            r.primary_name_full as full_name, r.primary_name_first as first_name,
            r.primary_name_middle as middle_name, r.primary_name_last as last_name, r.primary_name_org as company,
            r.email_address as email, r.phone_number as phone, r.date_of_birth as birth_date,
            coalesce(r.addr_line1, r.addr_full) as street, r.addr_city as city, r.addr_postal_code as postal_code,
            r.addr_state as region, r.addr_country as country, r.ssn_number as ssn, k.cluster_id as entity_id
        from read_csv([
            '{sets}/senzing_truthset/customers.csv', '{sets}/senzing_truthset/reference.csv',
            '{sets}/senzing_truthset/watchlist.csv'
        ], all_varchar = true, union_by_name = true) as r
        inner join read_csv('{sets}/senzing_truthset/actual_truthset_key.csv', all_varchar = true) as k
            on r.data_source = k.data_source and r.record_id = k.record_id
    """,
}

FEBRL3 = QUERIES["febrl3"]
# The originals and so many of their 3,000 duplicates; complete, febrl3 has 60 %.
WITH_DUPLICATES = f"""
    with copies as (
        select *, row_number() over (partition by entity_id order by record_id) as copy_no from ({FEBRL3})
    ),
    duplicates as (
        select * from copies where copy_no > 1 order by record_id limit {{number}}
    )
    select * exclude (copy_no) from copies where copy_no = 1
    union all
    select * exclude (copy_no) from duplicates
"""
# Every second person has a spouse, every fifth a twin, and every tenth a child of the same name, at the same address.
# Their given names and dates are those of others of the file, their national numbers are new.
WITH_HOUSEHOLDS = f"""
    with records as (

        {FEBRL3}

    ),

    persons as (

        select *, row_number() over (order by record_id) as number
        from (from records qualify row_number() over (partition by entity_id order by record_id) = 1)

    ),

    relations as (

        select * from (values ('spouse', 2, 137, 71), ('twin', 5, 211, 0), ('child', 10, 0, 331))
            as r (relation, every, name_from, date_from)

    )

    select * from records
    union all by name
    select
        persons.* exclude (number) replace (
            md5(persons.record_id || relation) as record_id,
            named.first_name as first_name,
            dated.birth_date as birth_date,
            cast(1000000 + hash(persons.record_id || relation) % 8999999 as varchar) as ssn,
            relation || persons.entity_id as entity_id
        )
    from persons
    inner join relations on persons.number % every = 0
    inner join persons as named on named.number = 1 + (persons.number - 1 + name_from) % 2000
    inner join persons as dated on dated.number = 1 + (persons.number - 1 + date_from) % 2000
"""
NAMES_AND_PLACE = "select record_id, first_name, last_name, city, postal_code, region, entity_id from ({query})"
SHAPES = {
    "febrl3, 1 % duplicates": WITH_DUPLICATES.replace("{number}", "20"),
    "febrl3, 10 % duplicates": WITH_DUPLICATES.replace("{number}", "222"),
    "febrl3, households": WITH_HOUSEHOLDS,
    "febrl3, households, no numbers": f"select * exclude (ssn) from ({WITH_HOUSEHOLDS})",
    "febrl3, names and place": NAMES_AND_PLACE.replace("{query}", FEBRL3),
    "febrl3, names and place, households": NAMES_AND_PLACE.replace("{query}", WITH_HOUSEHOLDS),
    "fake_1000, names and city": f"""
        select record_id, first_name, last_name, city, entity_id from ({QUERIES["fake_1000"]})
    """,
}
"""Sets with fewer columns, fewer duplicates, or with families added."""


def convert(name: str, folder: Path) -> tuple[Path, Path]:
    """Writes a set's records, in random order, and separately its truth."""
    records, truth = folder / f"{name}.parquet", folder / f"{name}_truth.parquet"
    query = (QUERIES | SHAPES)[name].replace("{sets}", str(SETS))
    with duckdb.connect() as connection:
        connection.execute(f"create table labelled as {query}")
        connection.execute(
            "copy (select * exclude (entity_id) from labelled order by hash(record_id))"
            f" to '{records}' (format parquet)"
        )
        connection.execute(f"copy (select record_id, entity_id from labelled) to '{truth}' (format parquet)")
    return records, truth


def measure(scale: float) -> dict[str, Any]:
    """All available sets, by each method. With a scale below 1, only the small ones."""
    results = {}
    with tempfile.TemporaryDirectory() as place:
        for name in (*QUERIES, *SHAPES):
            if not SETS.is_dir() or (scale < 1 and name == "pseudopeople"):
                continue
            print(f"scoring {name} ...", file=sys.stderr)
            records, truth = convert(name, Path(place))
            asked = ["identity", "evaluate", "--records", str(records), "--truth", str(truth), "--json"]
            clusters, settings, seconds = splink_plain.cluster(
                records, lambda found, truth=truth: float(_judged(truth, found)["pairwise"]["f1"])
            )
            results[name] = {
                "merganser": json.loads(measured_cli(asked, {}).output),
                f"splink ({settings})": {**_judged(truth, clusters), "seconds": seconds},
                "exact keys": _by_keys(records, truth),
            }
    return results


def _judged(truth: Path, clusters: dict[str, Any]) -> dict[str, Any]:
    with duckdb.connect() as connection:
        labels = connection.execute("select record_id, entity_id from read_parquet(?)", [str(truth)]).fetchall()
    found, true = [clusters[record_id] for record_id, _ in labels], [entity for _, entity in labels]
    rates = pairwise(found, true)
    return {
        "pairwise": {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1},
        "bcubed": {"f1": bcubed(found, true).f1},
        "largest_cluster": max(Counter(found).values()),
    }


def _by_keys(records: Path, truth: Path) -> dict[str, Any]:
    """What a careful analyst would join: the same name and birth date, the same e-mail, the same national number."""
    started = time.monotonic()
    with duckdb.connect() as connection:
        columns = {row[0] for row in connection.execute(f"describe from '{records}'").fetchall()}
        connection.execute(f"create table persons as select *, row_number() over () - 1 as place from '{records}'")
        keys = [("first_name", "last_name", "birth_date"), ("email",), ("ssn",)]
        edges = " union all ".join(
            f"select min(place) over (partition by {', '.join(f'lower({column})' for column in key)}) as a, place as b"
            f" from persons where {' and '.join(f'{column} is not null' for column in key)}"
            for key in keys
            if set(key) <= columns
        )
        found = connection.execute(edges or "select place as a, place as b from persons").fetchnumpy()
        ids = [row[0] for row in connection.execute("select record_id from persons order by place").fetchall()]
    labels = connected_components(np.asarray(found["a"], np.int64), np.asarray(found["b"], np.int64), len(ids))
    seconds = time.monotonic() - started
    return {**_judged(truth, dict(zip(ids, labels.tolist(), strict=True))), "seconds": seconds}


def page(results: dict[str, Any], business: dict[str, Any]) -> str:
    """The results as a page."""
    lines = [
        "# Scoreboard",
        "",
        "How well persons are distinguished on public labelled sets. Measured on clusters, not on scored pairs: every",
        "pair of records that ends in one customer counts. `make scoreboard` writes this page from",
        "`merganser identity evaluate`, which measures any labelled file.",
        "",
        "Merganser has one setting for all: the project's defaults. Splink has the best plain settings that we found",
        "(`benchmarks/splink_plain.py`): records normalised by us, names compared by frequency, one joint comparison",
        "of the address, and a prior from strict rules. In brackets is the best way to compare names and the best of",
        "eight thresholds, by F1. They are chosen with the truth, which a user does not have.",
        "Exact keys join the same name and birth date, the same e-mail and the same national number. Seconds come",
        "from a machine that others used as well: they show the order of magnitude.",
        "",
        "Two sets have other shapes (`benchmarks/scoreboard.py`): with fewer columns, fewer duplicates (febrl3 itself",
        "has 60 %), or with families added at the same address: half of the persons get a spouse, a fifth a twin, and",
        "a tenth a child of the same name. That is more than there are: it is a test of the worst case.",
        "",
        "| set | records | method | precision | recall | F1 | B-cubed F1 | largest (true) | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, methods in results.items():
        ours = methods["merganser"]
        for method, found in methods.items():
            lines.append(
                f"| {name} | {ours['records']:,} | {method} | {_shown(found)} |"
                f" {found['largest_cluster']} ({ours['largest_entity']}) | {found['seconds']:.1f} |"
            )
    lines += [
        "",
        "## The demo business",
        "",
        "The records of persons in the CRM, the shop, the newsletter, support and at a partner, built by the project's",
        "own rules in two batches, the second with the last 60 days. Over-merged: customers with records of more than",
        "one person. Lost: customers before the second batch whose id is afterwards neither in use nor redirected.",
        "Changed: customers that the second batch merged or split, over all identifiers that a method joins, cookies",
        "included. Exact keys join the same e-mail, phone or login, and name a customer by the smallest of them.",
        "Splink has no ids over time. Time is seconds of both builds, including data tests.",
        "",
        "| mess | records | method | precision | recall | F1 | B3 F1 | over-merged | lost | changed | largest | time |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for mess, found in business.items():
        for method, rates in found["methods"].items():
            churn = (f"{rates[name]:.2%}" if name in rates else "" for name in ("ids_lost", "ids_changed"))
            lines.append(
                f"| {mess} | {found['records']:,} | {method} | {_shown(rates)} |"
                f" {rates['over_merged']:.2%} | {' | '.join(churn)} |"
                f" {rates['largest_cluster']} ({found['largest_person']}) | {rates['seconds']:.1f} |"
            )
    return "\n".join(lines) + "\n"


def _shown(found: dict[str, Any]) -> str:
    rates = found["pairwise"]
    return f"{rates['precision']:.4f} | {rates['recall']:.4f} | {rates['f1']:.4f} | {found['bcubed']['f1']:.4f}"


def main() -> None:
    """Measure every set and write the page."""
    results = measure(1.0)
    if not results:
        sys.exit(f"No set is there: {SETS} is missing.")
    PAGE.write_text(page(results, demo_business.measure(1.0)), encoding="utf-8")


if __name__ == "__main__":
    main()

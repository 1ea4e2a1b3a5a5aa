"""The accuracy of matching on public labelled sets, compared with Splink as in its demos, and with exact keys.

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

from benchmarks import demo_business, splink_demos
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

DEMOS = {
    "febrl1": splink_demos.FEBRL3,
    "febrl3": splink_demos.FEBRL3,
    "fake_1000": splink_demos.FAKE_1000,
    "pseudopeople": splink_demos.PSEUDOPEOPLE,
    "senzing_truthset": splink_demos.CONTACTS,
}


def convert(name: str, folder: Path) -> tuple[Path, Path]:
    """Writes a set's records, in random order, and separately its truth."""
    records, truth = folder / f"{name}.parquet", folder / f"{name}_truth.parquet"
    query = QUERIES[name].replace("{sets}", str(SETS))
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
        for name in QUERIES:
            if not SETS.is_dir() or (scale < 1 and name == "pseudopeople"):
                continue
            print(f"scoring {name} ...", file=sys.stderr)
            records, truth = convert(name, Path(place))
            asked = ["identity", "evaluate", "--records", str(records), "--truth", str(truth), "--json"]
            results[name] = {
                "merganser": json.loads(measured_cli(asked, {}).output),
                "splink": _judged(truth, *splink_demos.cluster(records, DEMOS[name])),
                "exact_keys": _judged(truth, *_by_keys(records)),
            }
    return results


def _judged(truth: Path, clusters: dict[str, Any], seconds: float) -> dict[str, Any]:
    with duckdb.connect() as connection:
        labels = connection.execute("select record_id, entity_id from read_parquet(?)", [str(truth)]).fetchall()
    found, true = [clusters[record_id] for record_id, _ in labels], [entity for _, entity in labels]
    rates = pairwise(found, true)
    return {
        "pairwise": {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1},
        "bcubed": {"f1": bcubed(found, true).f1},
        "largest_cluster": max(Counter(found).values()),
        "seconds": round(seconds, 2),
    }


def _by_keys(records: Path) -> tuple[dict[str, Any], float]:
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
        found = connection.execute(edges).fetchnumpy()
        ids = [row[0] for row in connection.execute("select record_id from persons order by place").fetchall()]
    labels = connected_components(np.asarray(found["a"], np.int64), np.asarray(found["b"], np.int64), len(ids))
    return dict(zip(ids, labels.tolist(), strict=True)), time.monotonic() - started


def page(results: dict[str, Any], business: dict[str, Any]) -> str:
    """The results as a page."""
    lines = [
        "# Scoreboard",
        "",
        "How well persons are distinguished on public labelled sets. Measured on clusters, not on scored pairs: every",
        "pair of records that ends in one customer counts. `make scoreboard` writes this page from",
        "`merganser identity evaluate`, which measures any labelled file.",
        "",
        "Splink is configured as in its own demo of the set, or in the demo of the most similar set",
        "(`benchmarks/splink_demos.py`). A demo without a clustering threshold gets that of a similar demo, .95. Exact",
        "keys join the same name and birth date, the same e-mail and the same national number. Seconds come from a",
        "machine that others used as well: they show the order of magnitude.",
        "",
        "| set | records | method | precision | recall | F1 | B-cubed F1 | largest (true) | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, methods in results.items():
        ours = methods["merganser"]
        for method, found in methods.items():
            lines.append(
                f"| {name} | {ours['records']:,} | {_method(method, DEMOS[name])} | {_shown(found)} |"
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
        for method in ("merganser", "splink", "exact_keys"):
            rates = found[method]
            churn = (f"{rates[name]:.2%}" if name in rates else "" for name in ("ids_lost", "ids_changed"))
            lines.append(
                f"| {mess} | {found['records']:,} | {_method(method, splink_demos.CONTACTS)} | {_shown(rates)} |"
                f" {rates['over_merged']:.2%} | {' | '.join(churn)} |"
                f" {rates['largest_cluster']} ({found['largest_person']}) | {rates['seconds']:.1f} |"
            )
    return "\n".join(lines) + "\n"


def _method(name: str, demo: splink_demos.Demo) -> str:
    return f"splink ({demo.name})" if name == "splink" else name.replace("_", " ")


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

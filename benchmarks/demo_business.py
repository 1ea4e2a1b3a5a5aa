"""The accuracy of the project's identity rules on the demo's customers, at several rates of mess, and how ids change.

For each rate a business is generated, landed and built twice: up to a day, and completely. The truth is known from the
generation. Scored are the records of persons (CRM, shop, newsletter, support, partner) that exist at the end, with the
probabilistic tier on and off. The alternatives are exact keys (the same e-mail, phone or login, without limits, named
by the smallest of them) and Splink, which has no ids over time. Run `python -m benchmarks demo_business --scale 0.2`.
Add here: another question about customers whose truth is known. Keep out: labelled files (scoreboard.py).
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks import splink_plain
from benchmarks.measuring import measured_cli, timed
from identity.accuracy import bcubed, pairwise
from identity.components import connected_components
from ingestion.synthetic import World, WorldConfig
from ingestion.synthetic.config import Mess

CUSTOMERS = 1_500
SECOND_BATCH_DAYS = 60
TIERS = {"tier on": True, "tier off": False}
RATES = {"no mess": 0.0, "as in the demo": 1.0, "three times the mess": 3.0}
RECORD_TYPES = (
    "hubspot_contact_id",
    "shopify_customer_id",
    "klaviyo_person_id",
    "zendesk_user_id",
    "partner_record_id",
)
ATTRIBUTES = ("first_name", "last_name", "email", "phone", "birth_date", "city")
KEYED = (*RECORD_TYPES, "email", "phone", "user_id")
SELECTION = ("+bdg_customer_identifiers", "+dim_customer_redirects", "+int_traits__golden_records")
SELECTION += ("+int_identity__refused_edges", "int_identity__edges")  # read by the tests of the other models
PERSONS = f"""
    select
        identifier_type || ':' || identifier_value as record_id,
        any_value(source) as source,
        {", ".join(f"any_value(value) filter (attribute = '{name}') as {name}" for name in ATTRIBUTES)}
    from intermediate.int_traits__golden_records
    where identifier_type in {RECORD_TYPES} and record_type in ('contact', 'customer', 'person', 'user')
    group by 1
    order by 1
"""
RETIRED = "select retired_customer_id from marts.dim_customer_redirects"
Members = dict[str, str]


def measure(scale: float) -> dict[str, Any]:
    """Rates of each method by rate of mess, for `scale` times 1,500 customers."""
    results = {}
    for name, factor in RATES.items():
        print(f"scoring the demo business: {name} ...", file=sys.stderr)
        mess = Mess(**{rate.name: min(1.0, factor * getattr(Mess(), rate.name)) for rate in fields(Mess)})
        results[name] = _score(WorldConfig(customers=max(100, int(CUSTOMERS * scale)), mess=mess))
    return results


def _score(config: WorldConfig) -> dict[str, Any]:
    cut = (config.until - timedelta(days=SECOND_BATCH_DAYS)).date()
    with tempfile.TemporaryDirectory(prefix="merganser-score-") as place:
        homes = {tier: Path(place) / tier for tier in TIERS}
        with World(config) as world:
            for home in homes.values():
                world.write_raw(home / "landing", through=cut)
            seconds = {tier: _land_and_build(home, config, tier) for tier, home in homes.items()}
            before = {tier: _customers(home) for tier, home in homes.items()}
            home = homes["tier off"]
            before_by_keys = _by_keys(home)
            for later in homes.values():
                world.write_raw(later / "landing", since=cut + timedelta(days=1))
            world.write_truth(home / "truth")
        seconds = {tier: seconds[tier] + _land_and_build(later, config, tier) for tier, later in homes.items()}
        after = {tier: _customers(later) for tier, later in homes.items()}
        redirects = {tier: _redirects(later) for tier, later in homes.items()}
        keys_seconds, after_by_keys = timed(lambda: _by_keys(home))
        owners = _owners(home)
        persons = Path(place) / "persons.parquet"
        with _opened(home) as connection:
            connection.execute(f"copy ({PERSONS}) to '{persons}' (format parquet)")
            names = {record for (record,) in connection.execute(f"select record_id from ({PERSONS})").fetchall()}
        scored = sorted(names & owners.keys() & set.intersection(*(set(found) for found in after.values())))
        by_splink, settings, splink_seconds = splink_plain.cluster(
            persons, lambda found: float(_rates(scored, found, owners)["pairwise"]["f1"])
        )
    return {
        "records": len(scored),
        "largest_person": max(Counter(owners[record] for record in scored).values()),
        "methods": {
            **{
                f"merganser, {tier}": {
                    **_rates(scored, after[tier], owners),
                    **_churn(before[tier], after[tier], redirects[tier]),
                    "seconds": round(seconds[tier], 2),
                }
                for tier in TIERS
            },
            f"splink ({settings})": {**_rates(scored, by_splink, owners), "seconds": round(splink_seconds, 2)},
            "exact keys": {
                **_rates(scored, after_by_keys, owners),
                **_churn(before_by_keys, after_by_keys, set()),
                "seconds": keys_seconds,
            },
        },
    }


def _land_and_build(home: Path, config: WorldConfig, tier: str) -> float:
    """Seconds of a build of all identity models, in its own process."""
    own = home / "custom"
    own.mkdir(exist_ok=True)
    (own / "vars.yml").write_text(f"identity_probabilistic: {str(TIERS[tier]).lower()}\n", encoding="utf-8")
    environment = {
        "MERGANSER_HOME": str(home),
        "MERGANSER_CUSTOM": str(own),
        "MERGANSER_AS_OF": f"{config.until:%Y-%m-%dT%H:%M:%S}",
    }
    measured_cli(["ingest", "--all", "--json"], environment)
    return measured_cli(["build", *SELECTION, "--json"], environment).seconds


def _redirects(home: Path) -> set[str]:
    with _opened(home) as connection:
        return {retired for (retired,) in connection.execute(RETIRED).fetchall()}


def _opened(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)


def _customers(home: Path) -> Members:
    """Customer by identifier."""
    with _opened(home) as connection:
        return dict(
            connection.execute(
                "select identifier_type || ':' || identifier_value, customer_id from marts.bdg_customer_identifiers"
                " where customer_id is not null"
            ).fetchall()
        )


def _owners(home: Path) -> dict[str, str]:
    """The person behind each record."""
    with duckdb.connect() as connection:
        return dict(
            connection.execute(
                "select identifier_type || ':' || identifier_value, person_id from read_parquet(?)"
                f" where identifier_type in {RECORD_TYPES}",
                [str(home / "truth" / "identifier_truth.parquet")],
            ).fetchall()
        )


def _by_keys(home: Path) -> Members:
    """Customers by shared e-mail, phone or login, without limits; each is named by its smallest identifier."""
    with _opened(home) as connection:
        edges = connection.execute(
            "select distinct own_type || ':' || own_value as a, identifier_type || ':' || identifier_value as b"
            " from intermediate.int_identity__observations"
            f" where own_type in {KEYED} and identifier_type in {KEYED}"
        ).fetchall()
    names = sorted({name for edge in edges for name in edge})
    place = {name: number for number, name in enumerate(names)}
    ends = np.array([(place[a], place[b]) for a, b in edges], np.int64).reshape(-1, 2)
    labels = connected_components(ends[:, 0], ends[:, 1], len(names))
    return {name: names[label] for name, label in zip(names, labels.tolist(), strict=True)}


def _rates(scored: Iterable[str], customers: Mapping[str, str], owners: Mapping[str, str]) -> dict[str, Any]:
    found, true = zip(*((customers[record], owners[record]) for record in scored), strict=True)
    rates, persons = pairwise(found, true), defaultdict(set)
    for customer, person in zip(found, true, strict=True):
        persons[customer].add(person)
    return {
        "pairwise": {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1},
        "bcubed": {"f1": bcubed(found, true).f1},
        "over_merged": round(sum(len(mine) > 1 for mine in persons.values()) / len(persons), 6),
        "largest_cluster": max(Counter(found).values()),
    }


def _churn(before: Members, after: Members, redirects: set[str]) -> dict[str, float]:
    """Of the customers before a batch, the share whose id is lost, and the share that was merged or split."""
    living, groups = set(after.values()), defaultdict(set)
    for identifier, customer in before.items():
        groups[customer].add(identifier)
    former = set(before)
    now = defaultdict(set)
    for identifier, customer in after.items():
        now[customer].add(identifier)
    lost = [customer for customer in groups if customer not in living | redirects]
    changed = 0
    for members in groups.values():
        left = members & set(after)
        changed += any(now[after[identifier]] & former != left for identifier in left)
    return {"ids_lost": round(len(lost) / len(groups), 6), "ids_changed": round(changed / len(groups), 6)}

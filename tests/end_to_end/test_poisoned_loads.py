"""A bad load is not published: each of these deliveries lands, is built, and a gate that it is named for stops it.

Add here: a delivery that somebody could send by mistake. Keep out: the gates one by one (tests/orchestration).
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from ingestion.thresholds import GATES
from runtime.errors import EXIT_CHECK_FAILED
from runtime.home import Home
from tests.command import merganser

POISON = {
    # half of all e-mails null
    "hubspot/contacts": """
        select * replace (
            case when row_number() over (order by id) % 2 = 0 then null else email end as email,
            lastmodifieddate + interval 1 day as lastmodifieddate)
        from old""",
    # an e-mail column dropped at the source
    "klaviyo/person": "select * exclude (email) replace (updated + interval 1 day as updated) from old",
    # amounts times a hundred
    "hubspot/deals": """
        select * replace (amount * 100 as amount, hs_lastmodifieddate + interval 1 day as hs_lastmodifieddate)
        from old""",
    # every order again under new ids
    "shopify/order": "select * replace ('9' || id as id) from old",
}


def poison(home: Home) -> None:
    """Send every delivery of POISON beside the old ones, and empty the partner's file in place."""
    for name, changed in POISON.items():
        (old,) = (home.landing / name).glob("*.parquet")
        new = old.with_name("poison.parquet")
        with duckdb.connect() as connection:
            connection.execute(f"create view old as select * from '{old}'")
            connection.execute(f"copy ({changed}) to '{new}' (format parquet)")
    (partner,) = (home.landing / "partner/customers").glob("*.csv")
    partner.write_text(partner.read_text().splitlines()[0] + "\n")


def test_five_poisoned_loads_are_named_and_not_published(copied_home: Home) -> None:
    before = copied_home.serving.read_bytes()
    poison(copied_home)
    merganser("ingest", "--all", "--home", copied_home.path, expect=1)
    assert {name for name, _ in _held(copied_home.warehouse)} == {*POISON, "partner/customers"}
    assert {gate for _, gate in _held(copied_home.warehouse)} <= set(GATES)
    # Somebody accepts them all, so that the build has to find them.
    for source in ("hubspot", "klaviyo", "shopify", "partner"):
        accepted = ("--accept-load", "all", "--reason", "the gates of the build are tested")
        merganser("ingest", source, *accepted, "--home", copied_home.path)
    merganser("build", "--home", copied_home.path)
    report = merganser("check", "--home", copied_home.path, expect=EXIT_CHECK_FAILED)
    tripped = {(r["table"], r["rule"]) for r in report["results"] if not r["passed"] and r["kind"] == "gate"}
    expected = {
        "hubspot/contacts": ("raw_hubspot.contacts", "nulls_rose"),
        "klaviyo/person": ("raw_klaviyo.person", "nulls_rose"),
        "hubspot/deals": ("marts.fct_deals", "values_changed"),
        "shopify/order": ("marts.fct_orders", "copied_rows"),
        "partner/customers": ("raw_partner.customers", "file_emptied"),
    }
    assert set(expected.values()) - tripped == set()
    for result in report["results"]:
        if result["table"].startswith("raw_") and result["rule"] in ("nulls_rose", "amounts_shifted"):
            causes = [name for cause in result["causes"] for name in cause["files"]]
            assert any(name.endswith("poison.parquet") for name in causes), result
            assert "--override" in result["next"]
    refused = merganser("publish", "--home", copied_home.path, expect=EXIT_CHECK_FAILED)
    assert "--reason" not in json.dumps(refused)
    assert copied_home.serving.read_bytes() == before


def _held(warehouse: Path) -> list[tuple[str, str]]:
    """Each entity with a load that is held, and a gate that holds it."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(
            "select distinct concat(source, '/', entity), gate from raw_ops.held_loads where settled_at is null"
        ).fetchall()

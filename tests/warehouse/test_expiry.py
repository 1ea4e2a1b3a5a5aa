"""Invariant 8 where nothing lands: what expires between two builds takes effect in the second (decision 0025)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestration.stages import build
from runtime.building import plan_build
from runtime.home import Home
from runtime.warehouse import opened

EXPIRES = {
    "a consent": (
        "select min(expires_at) from marts.dim_consents where status = 'granted' and expires_at > $1",
        {"dim_consents", "exp_withheld__customers", "exp_meta__lapsed_buyers", "exp_hubspot__customer_value"},
    ),
    "a partner's licence": (
        "select min(expires_at) from staging.stg_partner__customers where is_current and expires_at > $1",
        {"cnf_partner__attributes", "cnf_partner__identifiers", "int_identity__partition", "dim_customers"},
    ),
    "a third party's row": (
        "select min(expires_at) from intermediate.int_devices__interests",
        {"int_devices__interests", "bdg_device_segments", "seg_anonymous_interest"},
    ),
}
TIMELY = set().union(*(models for _, models in EXPIRES.values()))


def running(home: Home, moment: datetime) -> set[str]:
    changes, plan = plan_build(Home(home.path, moment.isoformat()))
    return {changes.nodes[key]["name"] for key in plan.running}


def content(home: Home) -> dict[str, list[Any]]:
    with opened(home) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_schema in ('marts', 'segments', 'exports') order by 1"
        ).fetchall()
        return {name: sorted(connection.execute(f"from {name}").fetchall(), key=repr) for (name,) in tables}


@pytest.mark.usefixtures("demo_home")
def test_what_expires_takes_effect_although_nothing_landed(copied_home: Home) -> None:
    built_at = datetime.fromisoformat(copied_home.as_of)
    expiries: dict[str, datetime] = {}
    with opened(copied_home) as connection:
        for what, (question, _) in EXPIRES.items():
            parameters = [built_at] if "$1" in question else []
            [(expiries[what],)] = connection.execute(question, parameters).fetchall()
    assert running(copied_home, built_at) == set()
    calm = running(copied_home, min(expiries.values()) - timedelta(seconds=1))
    assert not {name for name in calm & TIMELY if not name.startswith("exp_")}, "nothing expires in these hours"
    for what, (_, models) in EXPIRES.items():
        assert models <= running(copied_home, expiries[what] + timedelta(seconds=1)), what

    later = max(expiries.values()) + timedelta(seconds=1)
    home = Home(copied_home.path, later.isoformat())
    report = build(home)
    assert report.whole
    with opened(home) as connection:
        for table in ("intermediate.int_devices__interests", "marts.bdg_device_segments"):
            assert connection.execute(f"select count(*) from {table} where expires_at <= $1", [later]).fetchone() == (
                0,
            )
        assert connection.execute(
            "select count(*) from marts.dim_consents where status = 'granted' and expires_at <= $1", [later]
        ).fetchone() == (0,)
        assert connection.execute(
            "select count(*) from exports.exp_meta__lapsed_buyers as leaving where not exists (select 1"
            " from marts.dim_consents where customer_id = leaving.customer_id and purpose = 'advertising'"
            " and status = 'granted' and expires_at > $1)",
            [later],
        ).fetchone() == (0,)
    left_out = content(home)
    rebuilt = build(home, everything=True, exclude=["resource_type:test"])  # the tables are compared, not tested again
    assert (rebuilt.succeeded, rebuilt.unchanged_count) == (True, 0)
    everything = content(home)
    assert {name for name, rows in everything.items() if rows != left_out[name]} == set()

"""Every identifier type limits how many persons a value may join: any type may have placeholders that nobody listed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping

from runtime.home import PROJECT_ROOT

TYPES = PROJECT_ROOT / "dbt_project/seeds/identity/identifier_types.csv"


def unlimited(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The types of which a value may join any number of persons."""
    return [row["identifier_type"] for row in rows if not row["max_persons_before_shared"].isdigit()]


def test_every_identifier_type_has_a_sharing_limit() -> None:
    with TYPES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 10
    assert unlimited(rows) == []


def test_a_type_without_a_limit_is_seen() -> None:
    limits = {"account": "30", "cookie": ""}
    rows = [{"identifier_type": name, "max_persons_before_shared": limit} for name, limit in limits.items()]
    assert unlimited(rows) == ["cookie"]

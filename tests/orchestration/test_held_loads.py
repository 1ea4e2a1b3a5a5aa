"""A load that breaks a gate: exit code 1, a line in status and doctor, and a logged decision."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb

from tests.command import call, environment, merganser

SOURCE = """
source: till
title: Sales of a till
loader: files
legal_basis: contract
entities:
  sale:
    mode: append
    key: [id]
    columns: {id: varchar, email: {type: varchar, pii: direct}, amount: "decimal(18,2)", sold_at: timestamp}
  shop:
    mode: replace
    key: [id]
    columns: {id: varchar, city: varchar}
"""


def sales(home: Path, name: str, first: int, factor: int = 1) -> None:
    made = random.Random(first)
    lines = ["id,email,amount,sold_at"]
    for number in range(first, first + 120):
        moment = f"2026-01-0{1 + number % 9} {8 + number % 12:02}:{number % 60:02}:00"
        lines.append(f"{number},p{number}@mail.example,{made.randrange(500, 9000) * factor / 100},{moment}")
    path = home / "landing/till/sale" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def test_a_load_that_is_held_is_seen_and_accepted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "sources").mkdir(parents=True)
    (home / "sources/till.yml").write_text(SOURCE)
    sales(home, "1.csv", 0)
    merganser("ingest", "till", "--home", home)

    sales(home, "2.csv", 200, factor=100)
    shops = home / "landing/till/shop/1.csv"
    shops.parent.mkdir(parents=True)
    shops.write_text("id,city\n1,Graz\n")
    answer = merganser("ingest", "till", "--home", home, expect=1)
    assert {entity["entity"]: entity["status"] for entity in answer["report"]["entities"]} == {
        "sale": "held",
        "shop": "landed",
    }
    assert "number_scale of amount" in answer["error"]
    assert "cents in place of euros" in answer["error"]
    assert [(hold["entity"], hold["gate"], hold["column"]) for hold in merganser("status", "--home", home)["held"]] == [
        ("sale", "number_scale", "amount")
    ]
    output = call("merganser", "status", "--home", home, env=environment())
    assert "held       till.sale, number_scale of amount: the median is" in output.stdout
    findings = merganser("doctor", "--home", home)["findings"]
    [held] = [one for one in findings if one["subject"] == "till.sale"]
    assert (held["state"], "--accept-load number_scale" in held["next_step"]) == ("look", True)

    for wrong in (
        ["--accept-load", "number_scale"],
        ["--accept-load", "null_rate", "--reason", "new prices"],
        ["--all", "--accept-load", "all", "--reason", "new prices"],
    ):
        merganser("ingest", *([] if "--all" in wrong else ["till"]), *wrong, "--home", home, expect=2)
    answer = merganser("ingest", "till", "--accept-load", "number_scale", "--reason", "new prices", "--home", home)
    assert answer["report"]["entities"][0]["landed"] == 120
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute(
            "select gate, outcome, reason, settled_by is not null from raw_ops.held_loads"
        ).fetchall() == [("number_scale", "accepted", "new prices", True)]
    assert merganser("status", "--home", home)["held"] == []

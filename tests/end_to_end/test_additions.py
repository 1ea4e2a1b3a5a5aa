"""A user's own source, attribute, segment and sync live in a folder apart, and survive another product beneath it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.home import Home
from tests.end_to_end.project_copy import ProjectCopy, copy_project

OURS = {
    "customers": "select customer_id, email, loyalty_points from marts.dim_customers where loyalty_points is not null",
    "ids": "select identifier_value, customer_id from marts.bdg_customer_identifiers where identifier_type = 'email'",
    "phones": "select loyalty_points, phone from marts.dim_customers where loyalty_points in (5, 300)",
    "numbers": "select identifier_value from marts.bdg_customer_identifiers where identifier_type = 'phone'"
    " and identifier_value = '+4930901820'",
    "members": "select * from segments.fct_segment_memberships where segment = 'loyal'",
    "sync": "select * from exports.exp_crm__loyal",
    "withheld": "select * from exports.exp_withheld__customers where export = 'exp_crm__loyal'",
}


@pytest.fixture
def project(tmp_path: Path, demo_home: Home) -> ProjectCopy:
    """A copy of the product; its folder of additions and its home lie beside it, as an upgrade leaves them."""
    copy = copy_project(tmp_path / "product")
    shutil.copytree(demo_home.path, tmp_path / "home")
    return copy


def test_additions_survive_an_upgrade(project: ProjectCopy, tmp_path: Path) -> None:
    folder, home = tmp_path / "ours", tmp_path / "home"
    variables = {"MERGANSER_CUSTOM": str(folder), "MERGANSER_HOME": str(home)}
    tracked = files_of(project.path)

    def run(script: str) -> str:
        return project.shell(script, variables)

    def ours() -> dict[str, Any]:
        place = Home(home)
        return {name: sorted(query(place.serving, sql), key=str) for name, sql in OURS.items()}

    run(
        """
        merganser new source loyalty
        merganser new attribute loyalty_points --type bigint --pii none --source loyalty --column points
        merganser new segment loyal
        merganser new sync crm__loyal --segment loyal --purpose customer_service --channel crm
        """
    )
    models = folder / "dbt_project/models"
    staging = models / "staging/loyalty/stg_loyalty__customers.sql"
    for column in ("points: bigint", "phone: {type: varchar, pii: direct}"):
        edit(folder / "ingestion/sources/loyalty/source.yml", "      created_at: timestamp", f"{column}\n")
    edit(staging, "source.created_at", "source.points,\n")
    # A phone is parsed because the source's own files state it: no list outside of them has it.
    edit(staging, "source.created_at", """{{ phone_text('source.phone', "'DE'") }} as phone,\n""")
    edit(models / "conformed/loyalty/cnf_loyalty__attributes.sql", "'last_name': 'last_name'", "'phone': 'phone',\n")
    identifiers = models / "conformed/loyalty/cnf_loyalty__identifiers.sql"
    identifiers.write_text(identifiers.read_text().replace("named=[]", "named=[['phone', 'phone']]"))
    segment = models / "segments/seg_loyal.sql"
    segment.write_text(segment.read_text().replace("where order_count >= 1", "where loyalty_points >= 100"))
    ((known, email),) = query(
        home / "serving.duckdb",
        "select customer_id, email from marts.dim_customers where email is not null order by order_count desc limit 1",
    )
    landing = home / "landing/loyalty/customers"
    landing.mkdir(parents=True)
    (landing / "first.csv").write_text(
        "customer_id,email,first_name,last_name,points,phone,created_at,updated_at\n"
        f"L1,{email},,,120,,2026-01-01T00:00:00,2026-06-01T00:00:00\n"
        "L2,nobody.knows@loyal.example,Lou,Al,300,030 901820,2026-01-01T00:00:00,2026-06-01T00:00:00\n"
        "L3,few.points@loyal.example,Fee,Al,5,ask me 1,2026-01-01T00:00:00,2026-06-01T00:00:00\n"
    )
    run("merganser ingest loyalty\nmerganser build\nmerganser check\nmerganser publish")
    before = ours()
    assert {(customer, points) for customer, _, points in before["customers"]} >= {(known, 120)}
    assert sorted(points for _, _, points in before["customers"]) == [5, 120, 300]
    assert before["phones"] == [(300, "+4930901820"), (5, None)]
    assert before["numbers"] == [("+4930901820",)]
    assert len(before["members"]) == 2
    assert len(before["sync"]) + len(before["withheld"]) == 2
    assert json.loads(run("merganser export plan exp_crm__loyal --json"))["ok"]
    assert files_of(project.path) == tracked, "nothing of the product was written"
    written = files_of(folder)

    # An upgrade: another tree in the same place, with a change of its own.
    shutil.rmtree(project.path)
    copy_project(project.path)
    changed = project.path / "dbt_project/models/segments/seg_first_time_buyers.sql"
    changed.write_text(changed.read_text() + "-- a later version\n")
    run("merganser build\nmerganser check\nmerganser publish")
    assert ours() == before
    assert files_of(folder) == written
    built = home / "dbt/target/compiled/merganser/dbt_project/models/segments/seg_first_time_buyers.sql"
    assert "-- a later version" in built.read_text()

    # Without the folder nothing is built: the members would be recorded as gone.
    with pytest.raises(AssertionError, match="was built with the additions"):
        project.shell("merganser build", {"MERGANSER_HOME": str(home)})
    assert ours() == before


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def edit(path: Path, before: str, line: str) -> None:
    """Write a line before the one that contains a text, with its indentation."""
    lines = path.read_text().splitlines(keepends=True)
    (number,) = [number for number, text in enumerate(lines) if before in text]
    indentation = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    path.write_text("".join([*lines[:number], indentation + line.lstrip(), *lines[number:]]))


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder with their content, but for caches."""
    left_out = {".git", "__pycache__", "target", "logs"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not left_out & set(path.relative_to(folder).parts)
    }

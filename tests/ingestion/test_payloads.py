"""Payloads of an API: read by pointers, kept completely, and landed like other records."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import duckdb
import pytest

from tests.ingestion.landing_zone import Landing, contact, source

NESTED = contact(
    columns={
        "id": {"type": "varchar", "required": True},
        "email": {"type": "varchar", "pii": "direct", "path": "/properties/email"},
        "amount": {"type": "decimal(18,2)", "path": "/properties/amount"},
        "visits": {"type": "bigint", "from": "a/b~c"},
        "tags": "json",
        "updated_at": {"type": "timestamp", "path": "/properties/updated"},
    }
)


def record(key: Any = "1", day: int = 1, **properties: Any) -> dict[str, Any]:
    return {
        "id": key,
        "properties": {"email": "ann@example.org", "updated": f"2026-01-{day:02d}T00:00:00Z", **properties},
    }


@pytest.fixture
def api(landing: Landing) -> Landing:
    landing.source = source(contact=NESTED)
    return landing


def test_columns_are_read_where_they_stand_and_the_record_is_kept_whole(api: Landing) -> None:
    given = {**record(7, amount="1.50", more={"deep": [1, None]}), "a/b~c": 3, "tags": ["x"]}
    api.write_payloads("crm/contact/1.1.a.parquet", [[given]])
    assert api.land_one().landed == 1
    [row] = api.rows("select id, email, amount, visits, tags, updated_at, _extra, _payload, _row from raw_crm.contact")
    assert [str(value) for value in row[:3]] == ["7", "ann@example.org", "1.50"]
    assert row[3:7] == (3, '["x"]', datetime.fromisoformat("2026-01-01"), None)
    assert (json.loads(row[7]), row[8]) == (given, 1)


def test_what_nobody_declared_makes_no_version(api: Landing) -> None:
    api.write_payloads("crm/contact/1.1.a.parquet", [[record()]])
    api.land()
    api.write_payloads("crm/contact/2.1.a.parquet", [[record(more=1)], [record(day=2)]])
    report = api.land_one()
    assert (report.landed, report.unchanged) == (1, 1)


def test_a_payload_and_a_flat_file_bring_the_same_record(api: Landing) -> None:
    api.write_payloads("crm/contact/1.1.a.parquet", [[record(amount=1.5)]])
    api.land()
    api.write("crm/contact/2.csv", "id,email,amount,updated_at\n1,ann@example.org,1.50,2026-01-01\n")
    api.write_ndjson(
        "crm/contact/3.ndjson", [{"id": 1, "email": "ann@example.org", "amount": 1.5, "updated_at": "2026-01-01"}]
    )
    assert api.land_one().unchanged == 2
    assert api.rows("select count(*), count(_payload) from raw_crm.contact") == [(1, 1)]


def test_broken_payloads_are_quarantined_with_their_pages(api: Landing) -> None:
    broken = record("2", amount="much")
    api.write_payloads("crm/contact/1.1.a.parquet", [[record()], [broken, "[1]"], ['{"id": ', {"properties": {}}]])
    report = api.land_one()
    assert (report.extracted, report.landed, report.quarantined) == (5, 1, 4)
    assert api.quarantine() == [
        (2, "amount", "type", "page 2: amount: not a decimal(18,2)"),
        (3, None, "malformed", "page 2: not a JSON object"),
        (4, None, "malformed", "page 3: not a JSON object"),
        (5, "id", "required", "page 3: id: is null or empty"),
    ]
    found = [row[0] for row in api.rows("select record from raw_quarantine.records order by row_number")]
    assert (json.loads(found[0]), found[1:3]) == (broken, ["[1]", '{"id": '])


def test_good_payloads_bring_no_quarantine(api: Landing) -> None:
    api.write_payloads("crm/contact/1.1.a.parquet", [[record()], [record("2", amount="2")]])
    assert (api.land_one().landed, api.quarantine()) == (2, [])


def test_several_files_of_one_load_keep_their_names(api: Landing) -> None:
    for part in "ab":
        api.write_payloads(f"crm/contact/1.1.{part}.parquet", [[record(part)]])
    assert api.land_one().landed == 2
    assert api.rows("select id, _file, _row from raw_crm.contact order by id") == [
        ("a", "crm/contact/1.1.a.parquet", 1),
        ("b", "crm/contact/1.1.b.parquet", 1),
    ]


def test_a_key_that_comes_twice_keeps_its_payload_in_quarantine(landing: Landing) -> None:
    landing.source = source(contact={**NESTED, "version": None, "mode": "append"})
    landing.write_payloads("crm/contact/1.1.a.parquet", [[record()], [record(email="b")]])
    assert landing.land_one().quarantined == 1
    [(message, text)] = landing.rows("select message, record from raw_quarantine.records")
    assert message.startswith("page 2: another record with this key")
    assert json.loads(text) == record(email="b")


def test_without_a_version_the_last_page_is_the_newest(landing: Landing) -> None:
    landing.source = source(contact={**NESTED, "version": None})
    landing.write_payloads("crm/contact/1.1.b.parquet", [[record(email="b")]])
    landing.write_payloads("crm/contact/1.1.a.parquet", [[], [record(email="c"), record(email="c")]])
    report = landing.land_one()
    assert (report.landed, report.unchanged) == (2, 1)
    assert landing.contacts() == [("1", "b", False), ("1", "c", True)]
    for load, email in (("2.1", "d"), ("2.2", "e")):
        landing.write_payloads(f"crm/contact/{load}.a.parquet", [[record(email=email)]])
    assert landing.land_one().landed == 2
    assert landing.rows("select email from raw_crm.contact where _superseded_at is null") == [("e",)]


def test_a_warehouse_from_before_gets_the_new_columns(api: Landing) -> None:
    api.write_payloads("crm/contact/1.1.a.parquet", [[record()]])
    api.land()
    with duckdb.connect(str(api.settings.warehouse_path)) as connection:
        for column in ("_payload", "_deleted_at"):
            connection.execute(f"alter table raw_crm.contact drop column {column}")
    api.write_payloads("crm/contact/2.1.a.parquet", [[record("2")]])
    assert api.land_one().landed == 1
    assert api.rows("select id, _payload is null, _deleted_at from raw_crm.contact order by id") == [
        ("1", True, None),
        ("2", False, None),
    ]


def test_a_loaders_own_mark_makes_no_version(landing: Landing) -> None:
    columns = {**contact()["columns"], "_synced": {"type": "timestamp", "compared": False}}
    landing.source = source(contact=contact(columns=columns))
    header = "id,email,updated_at,_synced\n"
    landing.write("crm/contact/1.csv", header + "1,a,2026-01-01,2026-02-01\n")
    landing.land()
    landing.write("crm/contact/2.csv", header + "1,a,2026-01-01,2026-02-02\n")
    assert landing.land_one().unchanged == 1
    landing.write("crm/contact/3.csv", header + "1,b,2026-01-01,2026-02-02\n")
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("1", "a", False), ("1", "b", True)]


def test_a_mark_that_is_compared_makes_a_version(landing: Landing) -> None:
    columns = {**contact()["columns"], "_synced": "timestamp"}
    landing.source = source(contact=contact(columns=columns))
    for day in (1, 2):
        landing.write(f"crm/contact/{day}.csv", f"id,updated_at,_synced\n1,2026-01-01,2026-02-{day}\n")
        assert landing.land_one().landed == 1

"""New, missing and changed columns: what each policy does, in flat files and in payloads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingestion.landing_zone import Landing, contact, source

PLAIN = "id,email,updated_at\n1,a,2026-01-01\n"


def with_policy(landing: Landing, **policy: str) -> Landing:
    landing.source = source(contact=contact(schema=policy))
    return landing


def changes(landing: Landing) -> list[Any]:
    return [row[0] for row in landing.rows("select schema_changes from raw_ops.loads order by load_id")]


def write(landing: Landing, number: int, form: str, record: dict[str, Any]) -> None:
    if form == "csv":
        header, row = ",".join(record), ",".join(str(value) for value in record.values())
        landing.write(f"crm/contact/{number}.csv", f"{header}\n{row}\n")
    elif form == "ndjson":
        landing.write_ndjson(f"crm/contact/{number}.ndjson", [record])
    else:
        landing.write_payloads(f"crm/contact/{number}.1.a.parquet", [[record]])


GOOD = {"id": "1", "email": "a", "amount": 1, "visits": 1, "updated_at": "2026-01-01"}
FORMS = pytest.mark.parametrize("form", ["csv", "ndjson", "payload"])


@FORMS
def test_new_lost_and_returned_columns_are_told_once(landing: Landing, form: str) -> None:
    less = {key: value for key, value in GOOD.items() if key != "visits"}
    for number, record in enumerate([GOOD, {**GOOD, "city": "Rome"}, {**GOOD, "city": "Bonn"}, less, less, GOOD]):
        write(landing, number, form, {**record, "updated_at": f"2026-01-0{number + 1}"})
        report = landing.land_one()
        assert (report.landed, report.quarantined) == (1, 0)
        assert bool(report.warnings) == bool(report.schema_changes)
    assert changes(landing) == [None, "new: city", None, "lost: city, visits", None, "back: visits"]


def test_a_type_that_parquet_tells_is_noted(landing: Landing) -> None:
    landing.write_parquet("crm/contact/1.parquet", "select '1' as id, 5 as visits")
    landing.land()
    landing.write_parquet("crm/contact/2.parquet", "select '2' as id, '5' as visits")
    assert landing.land_one().schema_changes == "other type: visits (integer to varchar)"


def test_a_sparse_field_is_not_lost(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [{"id": "1", "visits": 1}, {"id": "2"}])
    landing.land()
    landing.write_ndjson("crm/contact/2.ndjson", [{"id": "3"}])
    assert landing.land_one().schema_changes is None


@FORMS
@pytest.mark.parametrize("policy", ["evolve", "ignore", "quarantine", "fail"])
def test_new_columns(landing: Landing, form: str, policy: str) -> None:
    with_policy(landing, new_columns=policy)
    write(landing, 0, form, GOOD)
    landing.land()
    write(landing, 1, form, {**GOOD, "id": "2", "city": "Rome"})
    report = landing.land_one()
    [(kept,)] = landing.rows(
        "select count(*) from raw_crm.contact where coalesce(_extra, _payload)::text like '%Rome%'"
    )
    assert (report.status, report.landed, report.quarantined, kept) == {
        "evolve": ("landed", 1, 0, 1),
        "ignore": ("landed", 1, 0, int(form == "payload")),
        "quarantine": ("landed", 0, 1, 0),
        "fail": ("failed", 0, 0, 0),
    }[policy]
    assert report.schema_changes == {"evolve": "new: city", "quarantine": "new: city"}.get(policy)
    if policy == "quarantine":
        [(_, field, rule, message)] = landing.quarantine()
        assert (field, rule, message.endswith("city: is not declared")) == ("city", "new_column", True)
        write(landing, 2, form, {**GOOD, "id": "3"})
        assert landing.land_one().landed == 1
    if policy == "fail":
        assert "has the undeclared city" in str(report.error)


@FORMS
@pytest.mark.parametrize("policy", ["evolve", "ignore", "quarantine", "fail"])
def test_missing_columns(landing: Landing, form: str, policy: str) -> None:
    with_policy(landing, missing_columns=policy)
    write(landing, 0, form, GOOD)
    assert landing.land_one().landed == 1
    write(landing, 1, form, {"id": "2", "email": "b", "amount": 1, "updated_at": "2026-01-01"})
    report = landing.land_one()
    assert (report.status, report.landed, report.quarantined) == {
        "evolve": ("landed", 1, 0),
        "ignore": ("landed", 1, 0),
        "quarantine": ("landed", 0, 1),
        "fail": ("failed", 0, 0),
    }[policy]
    assert report.schema_changes == {"evolve": "lost: visits", "quarantine": "lost: visits"}.get(policy)
    if policy == "quarantine":
        assert [entry[1:3] for entry in landing.quarantine()] == [("visits", "missing_column")]
    if policy == "fail":
        assert "lacks the declared visits" in str(report.error)


@FORMS
@pytest.mark.parametrize("policy", ["evolve", "ignore", "quarantine", "fail"])
def test_type_changes(landing: Landing, form: str, policy: str) -> None:
    with_policy(landing, type_changes=policy)
    write(landing, 0, form, GOOD)
    assert landing.land_one().landed == 1
    write(landing, 1, form, {**GOOD, "id": "2", "visits": "many"})
    report = landing.land_one()
    found = landing.rows("select visits, _extra from raw_crm.contact where id = '2'")
    kept = None if form == "payload" else '{"visits":"many"}'
    assert (report.status, report.quarantined, found) == {
        "evolve": ("landed", 0, [(None, kept)]),
        "ignore": ("landed", 0, [(None, None)]),
        "quarantine": ("landed", 1, []),
        "fail": ("failed", 0, []),
    }[policy]
    if policy == "fail":
        assert "visits (1)" in str(report.error)
        assert "many" not in str(report.error)


@FORMS
def test_a_required_column_is_never_given_up(landing: Landing, form: str) -> None:
    columns = {**contact()["columns"], "visits": {"type": "bigint", "required": True}}
    policy = {"type_changes": "evolve", "missing_columns": "ignore"}
    landing.source = source(contact=contact(columns=columns, schema=policy))
    write(landing, 0, form, {**GOOD, "visits": "many"})
    write(landing, 1, form, {"id": "2"})
    report = landing.land_one()
    header_lacks_it = "lacks the required column visits" in str(report.error)
    assert (report.landed, report.quarantined, header_lacks_it) == (0, 1 if form == "csv" else 2, form == "csv")

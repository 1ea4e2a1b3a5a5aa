"""Which of several records of one key is current, and which ones do not land."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from ingestion.errors import SchemaChangedError
from ingestion.landing import ensure_raw_tables
from tests.ingestion.landing_zone import Landing, contact, source

HEADER = "id,email,updated_at\n"


def row(day: int, email: str = "a", key: str = "1") -> str:
    return f"{key},{email},2026-01-{day:02d}\n"


@pytest.fixture
def without_version(landing: Landing) -> Landing:
    landing.source = source(contact=contact(version=None))
    return landing


@pytest.fixture
def append(landing: Landing) -> Landing:
    landing.source = source(contact=contact(mode="append", version=None))
    return landing


def test_landing_again_changes_nothing(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1))
    landing.land()
    tables = ("raw_crm.contact", "raw_ops.files", "raw_quarantine.records")
    before = [landing.rows(f"from {table}") for table in tables]
    report = landing.land_one()
    assert (report.status, report.file_count, report.extracted) == ("nothing_new", 0, 0)
    assert [landing.rows(f"from {table}") for table in tables] == before


def test_a_copied_file_is_not_read_again(landing: Landing) -> None:
    path = landing.write("crm/contact/1.csv", HEADER + row(1))
    landing.land()
    os.utime(path, (1, 1))
    assert landing.land_one().file_count == 0


def test_a_changed_file_is_read_again(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1))
    landing.land()
    landing.write("crm/contact/1.csv", HEADER + row(1) + row(2))
    report = landing.land_one()
    assert (report.extracted, report.landed, report.unchanged) == (2, 1, 1)


def test_a_new_version_supersedes(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1, "old"))
    first = landing.land().loaded_at
    landing.write("crm/contact/2.csv", HEADER + row(2, "new"))
    second = landing.land().loaded_at
    assert landing.rows("select email, _loaded_at, _superseded_at from raw_crm.contact order by email desc") == [
        ("old", first, second),
        ("new", second, None),
    ]


def test_a_late_older_version_lands_superseded(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(2, "new"))
    landing.land()
    landing.write("crm/contact/2.csv", HEADER + row(1, "late"))
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("1", "late", False), ("1", "new", True)]


def test_an_older_version_that_comes_again_is_unchanged(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1, "old") + row(2, "new"))
    landing.land()
    landing.write("crm/contact/2.csv", HEADER + row(1, "old"))
    assert landing.land_one().unchanged == 1
    assert landing.contacts() == [("1", "old", False), ("1", "new", True)]


def test_versions_of_one_load_land_in_order(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(3, "c") + row(1, "a") + row(2, "b") + row(2, "b"))
    report = landing.land_one()
    assert (report.landed, report.unchanged) == (3, 1)
    assert landing.rows("select email, _superseded_at is null from raw_crm.contact order by rowid") == [
        ("a", False),
        ("b", False),
        ("c", True),
    ]


def test_between_equal_versions_arrival_decides(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1, "first") + row(1, "second"))
    landing.write("crm/contact/2.csv", HEADER + "2,none,\n2,none again,\n")
    assert landing.land_one().landed == 4
    assert landing.rows("select email from raw_crm.contact where _superseded_at is null order by id") == [
        ("second",),
        ("none again",),
    ]


def test_only_touched_keys_are_superseded(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + row(1, "a", "1") + row(1, "b", "2"))
    landing.land()
    landing.write("crm/contact/2.csv", HEADER + row(2, "c", "1") + row(2, "d", "3"))
    landing.land()
    assert landing.contacts() == [("1", "a", False), ("1", "c", True), ("2", "b", True), ("3", "d", True)]


def test_without_a_version_arrival_decides_between_loads(without_version: Landing) -> None:
    for number, (day, email) in enumerate([(2, "new"), (1, "back"), (2, "new")]):
        without_version.write(f"crm/contact/{number}.csv", HEADER + row(day, email))
        assert without_version.land_one().landed == 1
    assert without_version.rows("select email from raw_crm.contact where _superseded_at is null") == [("new",)]
    assert without_version.rows("select count(*) from raw_crm.contact") == [(3,)]
    without_version.write("crm/contact/9.csv", HEADER + row(2, "new"))
    assert without_version.land_one().unchanged == 1


def test_without_a_version_two_contents_in_one_load_cannot_be_told(without_version: Landing) -> None:
    without_version.write("crm/contact/1.csv", HEADER + row(1, "first") + row(1, "first") + row(2, "second"))
    report = without_version.land_one()
    assert (report.landed, report.unchanged, report.quarantined) == (1, 1, 1)
    assert without_version.contacts() == [("1", "first", True)]
    assert without_version.rows("select field, rule, row_number, record from raw_quarantine.records") == [
        ("id", "duplicate_key", 3, '{"id":"1","email":"second","updated_at":"2026-01-02 00:00:00"}')
    ]


def test_append_keeps_the_first_and_quarantines_another_content(append: Landing) -> None:
    append.write("crm/contact/1.csv", HEADER + row(1, "first") + row(1, "first") + row(1, "other"))
    report = append.land_one()
    assert (report.landed, report.unchanged, report.quarantined) == (1, 1, 1)
    append.write("crm/contact/2.csv", HEADER + row(1, "first") + row(1, "third") + row(1, "new", "2"))
    report = append.land_one()
    assert (report.landed, report.unchanged, report.quarantined) == (1, 1, 1)
    assert append.contacts() == [("1", "first", True), ("2", "new", True)]


def test_append_without_a_key_lands_each_content_once(landing: Landing) -> None:
    columns = {"id": "varchar", "email": "varchar", "updated_at": "timestamp"}
    landing.source = source(contact=contact(mode="append", key=None, version=None, columns=columns))
    landing.write("crm/contact/1.csv", HEADER + row(1) + row(1) + ",,\n")
    landing.write("crm/contact/2.ndjson", '{"id": "1", "email": "a", "updated_at": "2026-01-01", "more": 1}\n')
    report = landing.land_one()
    assert (report.landed, report.unchanged, report.quarantined) == (3, 1, 0)
    landing.write("crm/contact/3.csv", HEADER + ",,\n")
    assert landing.land_one().unchanged == 1


def test_with_its_place_as_key_each_line_is_a_record(landing: Landing) -> None:
    by_place = contact(mode="append", key=["_file", "_row"], version=None)
    place = Landing(landing.settings, source(contact=by_place))
    place.write("crm/contact/a.csv", "id,visits\n1,1\n1,1\n2,5\n")
    assert place.land().landed == 3
    place.write("crm/contact/a.csv", "id,visits\n1,1\n1,1\n2,5\n1,1\n")
    grown = place.land()
    assert (grown.landed, grown.unchanged) == (1, 3)


def test_a_place_has_no_newer_version() -> None:
    with pytest.raises(ValidationError, match="mode append"):
        source(contact=contact(key=["_file", "_row"], version=None))


def test_undeclared_fields_are_content_too(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,updated_at,more\n1,2026-01-01,x\n")
    landing.land()
    landing.write("crm/contact/2.csv", "id,more,updated_at,empty\n1,x,2026-01-01,\n")
    assert landing.land_one().unchanged == 1
    landing.write("crm/contact/3.csv", "id,more,updated_at\n1,y,2026-01-01\n")
    assert landing.land_one().landed == 1


def test_one_record_is_the_same_in_every_format(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,email,amount,visits,updated_at\n7,a,1.5,3,2026-01-01T02:00:00+02:00\n")
    landing.land()
    landing.write(
        "crm/contact/2.ndjson",
        '{"id": 7, "email": "a", "amount": 1.50, "visits": 3, "updated_at": "2026-01-01T00:00:00.000Z"}\n',
    )
    landing.write_parquet(
        "crm/contact/3.parquet",
        "select 7.0::double as id, 'a' as email, 1.5::double as amount, 3::double as visits,"
        " timestamptz '2026-01-01 03:00:00+03' as updated_at",
    )
    report = landing.land_one()
    assert (report.landed, report.unchanged) == (0, 2)


def test_loads_never_share_a_moment(landing: Landing) -> None:
    moment = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    first, second = landing.land(moment), landing.land(moment)
    assert first.loaded_at.isoformat() == "2026-05-01T10:00:00"
    assert second.loaded_at - first.loaded_at == timedelta(microseconds=1)
    assert second.load_id > first.load_id


def test_several_parquet_files_keep_their_names_and_rows(landing: Landing) -> None:
    for name in ("b", "a"):
        landing.write_parquet(f"crm/contact/x={name}/{name}.parquet", f"select '{name}' || i as id from range(2) t(i)")
    landing.source = source(contact=contact(files="crm/contact/*/*"))
    assert landing.land_one().landed == 4
    assert landing.rows("select id, _file, _row, _extra from raw_crm.contact order by id") == [
        ("a0", "crm/contact/x=a/a.parquet", 1, None),
        ("a1", "crm/contact/x=a/a.parquet", 2, None),
        ("b0", "crm/contact/x=b/b.parquet", 1, None),
        ("b1", "crm/contact/x=b/b.parquet", 2, None),
    ]


def test_parquet_versions_and_broken_fields(landing: Landing) -> None:
    landing.write_parquet(
        "crm/contact/1.parquet",
        "select * from (values ('1', 'a', 1.5, date '2026-01-01'), ('1', 'b', 2.5, date '2026-01-02'),"
        " (null, 'c', 1, null), ('2', 'd', 2, null)) as t(id, email, visits, updated_at)",
    )
    report = landing.land_one()
    assert (report.landed, report.quarantined) == (1, 3)
    assert [entry[:3] for entry in landing.quarantine()] == [
        (1, "visits", "type"),
        (2, "visits", "type"),
        (3, "id", "required"),
    ]


def test_every_table_is_made_with_every_column(landing: Landing) -> None:
    ensure_raw_tables(landing.settings, [landing.source])
    names = "select string_agg(column_name order by column_index) from duckdb_columns() where table_name = 'contact'"
    meta = "_load_id,_loaded_at,_file,_row,_extra,_payload,_superseded_at,_deleted_at"
    assert landing.rows(names) == [(f"id,email,amount,visits,updated_at,{meta}",)]


def test_a_new_column_is_added_and_a_wider_type_taken(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,visits,amount,city\n1,5,1.5,Rome\n")
    landing.land()
    columns = {**contact()["columns"], "visits": "varchar", "amount": "decimal(20,4)", "city": "varchar"}
    landing.source = source(contact=contact(columns=columns))
    landing.write("crm/contact/2.csv", "id,visits,amount,city\n2,six,1.2345,Bonn\n")
    assert landing.land_one().landed == 1
    assert [
        str(v)
        for row in landing.rows("select visits, amount, city, _extra from raw_crm.contact order by id")
        for v in row
    ] == ["5", "1.5000", "None", '{"city":"Rome"}', "six", "1.2345", "Bonn", "None"]


def test_a_type_that_would_change_what_landed_is_refused(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,amount\n1,1.55\n")
    landing.land()
    landing.source = source(contact=contact(columns={**contact()["columns"], "amount": "decimal(18,1)"}))
    landing.write("crm/contact/2.csv", "id,amount\n2,1.5\n")
    assert "column amount has landed as decimal(18,2)" in str(landing.land_one().error)
    with pytest.raises(SchemaChangedError, match="amount"):
        ensure_raw_tables(landing.settings, [landing.source])

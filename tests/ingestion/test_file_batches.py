"""Absent records: whole tables, complete scopes, deletes, and watermarks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.landing import EntityReport, land
from tests.ingestion.landing_zone import Landing, contact, source

HEADER = "id,email,updated_at\n"


def lines(*records: str) -> str:
    return HEADER + "".join(f"{record},2026-01-01\n" for record in records)


def counts(report: EntityReport) -> tuple[int, int, int, int]:
    return report.landed, report.quarantined, report.unchanged, report.deleted


def living(landing: Landing) -> list[Any]:
    return landing.rows(
        "select id, email from raw_crm.contact where _superseded_at is null and _deleted_at is null order by id"
    )


@pytest.fixture
def replace(landing: Landing) -> Landing:
    landing.source = source(contact=contact(mode="replace", version=None))
    return landing


@pytest.fixture
def snapshot(landing: Landing) -> Landing:
    landing.source = source(contact=contact(mode="snapshot", version=None))
    return landing


def test_what_a_whole_batch_lacks_is_deleted(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", lines("1,a", "2,b", "3,c"))
    replace.land()
    replace.write("crm/contact/2.csv", lines("1,a", "2,other"))
    report = replace.land()
    assert counts(report.entities[0]) == (1, 0, 1, 1)
    assert living(replace) == [("1", "a"), ("2", "other")]
    assert replace.rows("select id, _deleted_at, _superseded_at is null from raw_crm.contact order by id, email") == [
        ("1", None, True),
        ("2", None, False),
        ("2", None, True),
        ("3", report.loaded_at, True),
    ]
    assert replace.rows("select deleted_count from raw_ops.loads order by load_id") == [(0,), (1,)]


def test_a_deleted_record_that_comes_back_lives_again(replace: Landing) -> None:
    for number, records in enumerate([["1,a", "2,b"], ["1,a"], ["1,a", "2,b"], ["1,a", "2,b"]]):
        replace.write(f"crm/contact/{number}.csv", lines(*records))
        report = replace.land_one()
        assert living(replace) == [tuple(record.split(",")) for record in records]
    assert counts(report) == (0, 0, 2, 0)
    assert replace.rows("select count(*), count(_deleted_at) from raw_crm.contact where id = '2'") == [(2, 1)]


def test_several_whole_batches_of_one_load_land_in_order(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", lines("1,a", "2,b"))
    replace.write("crm/contact/2.csv", lines("1,a", "3,c"))
    replace.write("crm/contact/3.csv", lines("1,a", "2,b", "4,d"))
    assert counts(replace.land_one()) == (5, 0, 2, 2)
    assert living(replace) == [("1", "a"), ("2", "b"), ("4", "d")]


def test_files_of_one_extraction_are_one_batch(replace: Landing) -> None:
    replace.write_payloads("crm/contact/7.1.b.parquet", [[{"id": "1"}]])
    replace.write_payloads("crm/contact/7.1.a.parquet", [[{"id": "2"}]])
    assert counts(replace.land_one()) == (2, 0, 0, 0)
    replace.write_payloads("crm/contact/8.1.a.parquet", [[{"id": "2"}]])
    assert counts(replace.land_one()) == (0, 0, 1, 1)


def test_an_older_version_in_a_whole_batch_is_the_truth(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="replace"))
    landing.write("crm/contact/1.csv", HEADER + "1,new,2026-01-02\n1,old,2026-01-01\n2,b,\n")
    assert landing.land_one().landed == 3
    assert living(landing) == [("1", "new"), ("2", "b")]
    landing.write("crm/contact/2.csv", HEADER + "1,old,2026-01-01\n2,b,\n")
    assert counts(landing.land_one()) == (1, 0, 1, 0)
    assert living(landing) == [("1", "old"), ("2", "b")]


@pytest.mark.parametrize("mode", ["replace", "snapshot"])
def test_an_empty_batch_of_a_table_with_rows_stops_and_asks(landing: Landing, mode: str) -> None:
    landing.source = source(contact=contact(mode=mode, version=None))
    landing.write("crm/contact/1.csv", lines("1,a", "2,b"))
    landing.land()
    landing.write_payloads("crm/contact/2.0.a.parquet", [])
    report = landing.land_one()
    assert (report.status, living(landing)) == ("failed", [("1", "a"), ("2", "b")])
    assert "--allow-empty" in str(report.error)
    [allowed] = land(landing.settings, [landing.source], allow_empty=True).entities
    assert (allowed.status, allowed.deleted, living(landing)) == ("landed", 2, [])


def test_a_table_without_rows_may_stay_empty(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", HEADER)
    assert replace.land_one().status == "nothing_new"


def test_an_empty_batch_is_passed_over_where_a_later_one_is_not(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", lines("1,a", "2,b"))
    replace.land()
    replace.write("crm/contact/2.csv", HEADER)
    replace.write("crm/contact/3.csv", lines("1,a"))
    report = replace.land_one()
    assert counts(report) == (0, 0, 1, 1)
    assert any("skipped" in warning for warning in report.warnings)
    assert replace.land_one().file_count == 0


def test_batches_before_one_that_stops_are_kept(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", lines("1,a"))
    replace.write("crm/contact/2.csv", HEADER)
    report = replace.land_one()
    assert (report.status, report.landed, living(replace)) == ("failed", 1, [("1", "a")])
    assert replace.rows("select status, landed_count, extracted_count from raw_ops.loads") == [("failed", 1, 1)]
    assert replace.land_one().file_count == 0


@pytest.mark.parametrize("mode", ["replace", "snapshot"])
@pytest.mark.parametrize("name", ["2.csv", "2.ndjson", "2.parquet", "2.csv.gz"])
def test_a_file_cut_short_never_touches_a_good_table(landing: Landing, mode: str, name: str) -> None:
    landing.source = source(contact=contact(mode=mode, version=None))
    landing.write("crm/contact/1.csv", lines("1,a", "2,b"))
    landing.land()
    if name.endswith("parquet"):
        path = landing.write_parquet(f"crm/contact/{name}", "select '1' as id, 'a' as email")
        path.write_bytes(path.read_bytes()[:-9])
    elif name.endswith("gz"):
        import gzip

        landing.write(f"crm/contact/{name}", gzip.compress(lines("1,a", "2,b").encode())[:-9])
    elif name.endswith("csv"):
        landing.write(f"crm/contact/{name}", lines("1,a") + "2,")
    else:
        landing.write(f"crm/contact/{name}", '{"id": "1", "email": "a"}\n{"id": "2", "em')
    assert (landing.land_one().status, living(landing)) == ("failed", [("1", "a"), ("2", "b")])


def test_a_broken_record_is_not_taken_for_an_absent_one(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", "id,visits\n1,1\n2,2\n3,3\n")
    replace.land()
    replace.write("crm/contact/2.csv", "id,visits\n1,1\n2,many\n")
    assert counts(replace.land_one()) == (0, 1, 1, 1)
    assert [row[0] for row in living(replace)] == ["1", "2"]


def test_where_a_key_cannot_be_read_nothing_is_deleted(replace: Landing) -> None:
    replace.write("crm/contact/1.csv", "id,visits\n1,1\n2,2\n")
    replace.land()
    replace.write("crm/contact/2.csv", "id,visits\n1,1\nbroken\n")
    report = replace.land_one()
    assert (counts(report), len(report.warnings)) == ((0, 1, 1, 0), 1)
    replace.write("crm/contact/3.csv", "id,visits\n1,1\n,7\n")
    assert replace.land_one().deleted == 0


def test_a_snapshot_lands_whole_and_supersedes_the_one_before(snapshot: Landing) -> None:
    snapshot.write("crm/contact/1.csv", lines("1,a", "2,b"))
    snapshot.land()
    snapshot.write("crm/contact/2.csv", lines("1,a", "3,c", "3,c", "3,d"))
    assert counts(snapshot.land_one()) == (2, 1, 1, 1)
    assert living(snapshot) == [("1", "a"), ("3", "c")]
    assert snapshot.rows("select id, _deleted_at is null from raw_crm.contact where _superseded_at is not null") == [
        ("1", True),
        ("2", False),
    ]


def test_a_snapshot_without_a_key_keeps_equal_lines(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="snapshot", key=None, version=None, columns={"id": "varchar"}))
    landing.write("crm/contact/1.csv", "id,x\n1,1\n1,1\n")
    assert landing.land_one().landed == 2
    landing.write("crm/contact/2.csv", "id,x\n1,1\n")
    landing.land()
    assert landing.rows("select count(*), count(_superseded_at) from raw_crm.contact") == [(3, 2)]


LINE = contact(
    key=["id"],
    version=None,
    complete_within=["email"],
    columns={"id": {"type": "varchar", "required": True}, "email": "varchar", "visits": "bigint"},
)


def line(key: str, scope: str, visits: int = 1) -> dict[str, Any]:
    return {"id": key, "email": scope, "visits": visits}


def test_rows_of_a_scope_that_came_whole_without_them_are_deleted(landing: Landing) -> None:
    landing.source = source(contact=LINE)
    landing.write_payloads("crm/contact/1.1.a.parquet", [[line("1", "A"), line("2", "A"), line("3", "B")]])
    assert counts(landing.land_one()) == (3, 0, 0, 0)
    landing.write_payloads("crm/contact/2.1.a.parquet", [[line("1", "A")]], complete=[{"email": "A"}])
    report = landing.land_one()
    assert (report.extracted, counts(report)) == (1, (0, 0, 1, 1))
    assert living(landing) == [("1", "A"), ("3", "B")]
    landing.write_payloads("crm/contact/3.1.a.parquet", [[line("2", "A")]], complete=[{"email": "B"}, {"email": "C"}])
    assert counts(landing.land_one()) == (1, 0, 0, 1)
    assert living(landing) == [("1", "A"), ("2", "A")]


def test_scopes_of_several_extractions_are_judged_one_by_one(landing: Landing) -> None:
    landing.source = source(contact=LINE)
    landing.write_payloads("crm/contact/1.1.a.parquet", [[line("1", "A"), line("2", "A")]], complete=[{"email": "A"}])
    landing.write_payloads("crm/contact/2.1.a.parquet", [[line("2", "A", 5)]], complete=[{"email": "A"}])
    assert counts(landing.land_one()) == (3, 0, 0, 1)
    assert landing.rows(
        "select id, visits from raw_crm.contact where _superseded_at is null and _deleted_at is null"
    ) == [("2", 5)]


def test_a_link_is_told_whole_from_either_end(landing: Landing) -> None:
    """A load may have all associations of a contact, all of a deal, or a single pair."""
    columns = {"id": {"type": "varchar", "required": True}, "deal": {"type": "varchar", "required": True}}
    landing.source = source(
        contact=contact(key=["id", "deal"], version=None, complete_within=["id", "deal"], columns=columns)
    )

    def pairs(*names: str) -> list[dict[str, Any]]:
        return [{"id": name[0], "deal": name[1]} for name in names]

    def there() -> list[str]:
        rows = landing.rows(
            "select id || deal from raw_crm.contact where _superseded_at is null and _deleted_at is null"
        )
        return sorted(pair for (pair,) in rows)

    landing.write_payloads("crm/contact/1.1.a.parquet", [pairs("a1", "a2", "b1", "b2", "c1")])
    landing.land()
    landing.write_payloads("crm/contact/2.1.a.parquet", [pairs("a1")], complete=[{"id": "a"}])
    assert landing.land_one().deleted == 1
    landing.write_payloads("crm/contact/3.1.a.parquet", [pairs("c1")], complete=[{"deal": "1"}])
    assert landing.land_one().deleted == 2
    assert there() == ["b2", "c1"]
    landing.write_payloads(
        "crm/contact/4.1.a.parquet", [], complete=[{"id": "b", "deal": "2"}, {"id": "c", "deal": "9"}]
    )
    assert landing.land_one().deleted == 1
    assert there() == ["c1"]


def test_a_scope_that_did_not_come_whole_deletes_nothing(landing: Landing) -> None:
    landing.source = source(contact=LINE)
    landing.write_payloads("crm/contact/1.1.a.parquet", [[line("1", "A"), line("2", "A")]])
    landing.land()
    landing.write_payloads("crm/contact/2.1.a.parquet", [[line("1", "A")]])
    assert landing.land_one().deleted == 0


def test_a_declared_flag_is_a_delete(landing: Landing) -> None:
    columns = {**contact()["columns"], "state": "varchar"}
    landing.source = source(contact=contact(columns=columns, deletes={"column": "state", "values": ["gone"]}))
    header = "id,updated_at,state\n"
    landing.write("crm/contact/1.csv", header + "1,2026-01-01,here\n2,2026-01-01,gone\n")
    assert counts(landing.land_one()) == (2, 0, 0, 1)
    landing.write("crm/contact/2.csv", header + "1,2026-01-02,gone\n2,2026-01-01,gone\n")
    assert counts(landing.land_one()) == (1, 0, 1, 1)
    assert living(landing) == []
    landing.write("crm/contact/3.csv", header + "1,2026-01-03,here\n")
    landing.land()
    assert [row[0] for row in living(landing)] == ["1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "replace", "key": None, "version": None}, "mode replace needs a key"),
        ({"deletes": "absent"}, "complete_within"),
        ({"deletes": {"column": "nope", "values": ["1"]}}, "'nope' is not declared"),
        ({"mode": "append", "version": None, "deletes": {"column": "email", "values": ["1"]}}, "has no deletes"),
        ({"mode": "replace", "complete_within": ["email"]}, "complete_within is for mode merge"),
        ({"complete_within": ["nope"]}, "'nope' is not declared"),
        ({"watermark": "nope"}, "'nope' is not declared"),
        ({"mode": "snapshot"}, "has no version"),
    ],
)
def test_a_contract_without_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(contact=contact(**changes))


def test_books_say_how_far_the_data_reaches(landing: Landing) -> None:
    landing.source = source(contact=contact(watermark="visits"))
    landing.write("crm/contact/1.csv", "id,visits,updated_at\n1,5,2026-01-01\n2,9,\n3,x,\n")
    size = landing.settings.landing_dir.joinpath("crm/contact/1.csv").stat().st_size
    report = landing.land_one()
    assert (report.watermark_before, report.watermark_after, report.bytes) == (None, "9", size)
    landing.write("crm/contact/2.csv", "id,visits,updated_at\n1,10,2026-01-02\n")
    landing.land()
    landing.write("crm/contact/3.csv", "id,visits,updated_at\n1,7,2026-01-03\n")
    landing.land()
    assert landing.rows("select watermark_before, watermark_after from raw_ops.loads order by load_id") == [
        (None, "9"),
        ("9", "10"),
        ("10", "10"),
    ]


def test_the_watermark_is_the_version_where_nothing_else_is_said(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + "1,a,2026-01-03\n")
    assert datetime.fromisoformat(str(landing.land_one().watermark_after)) == datetime.fromisoformat("2026-01-03")
    assert landing.land_one().watermark_before == "2026-01-03 00:00:00"

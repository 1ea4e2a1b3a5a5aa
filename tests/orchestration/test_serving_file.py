"""A publication writes the tables that changed into a copy of the last file, and a file like a new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration import doctor
from publication import publishing, quality, serving_file
from publication.serving_file import Relation
from runtime.home import Home
from tests.orchestration.handmade import CUSTOMERS, RELATIONS, SUITES, read, record_build, write

Publish = Callable[..., publishing.PublishReport]
ALL = len(RELATIONS)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that builds recorded."""
    known = {"marts.dim_customers": "v1", "segments.seg_first": "v1"}
    monkeypatch.setattr(publishing, "versions_of", lambda home: known)
    return known


@pytest.fixture
def publish(built_by_hand: Home, versions: dict[str, str]) -> Publish:
    """Publishes the home as it is now, as a new build that passed its check."""
    numbers = iter(range(1, 100))

    def published(relations: list[Relation] = RELATIONS, *, whole: bool = False) -> publishing.PublishReport:
        record_build(built_by_hand, f"b{next(numbers)}")
        assert quality.check(built_by_hand, suites=SUITES).passed
        return publishing.publish(built_by_hand, relations=relations, whole=whole)

    return published


def rename(home: Home, customer: str) -> None:
    write(home, f"update marts.dim_customers set email = 'new@example.com' where customer_id = '{customer}'")


def emails(home: Home) -> dict[object, object]:
    return dict(read(home.serving, "select customer_id, email from marts.dim_customers"))  # type: ignore[arg-type]


def test_only_tables_with_another_version_are_written(
    built_by_hand: Home, publish: Publish, versions: dict[str, str]
) -> None:
    assert publish().written_count == ALL
    again = publish()
    assert again.written_count == 0
    assert again.row_counts == {"marts.dim_customers": CUSTOMERS, "segments.seg_first": 1}
    assert publishing.published_build(built_by_hand)["build_id"] == "b2"

    rename(built_by_hand, "C3")
    versions["marts.dim_customers"] = "v2"
    assert publish().written_count == 1
    assert emails(built_by_hand)["C3"] == "new@example.com"
    comments = read(built_by_hand.serving, "select comment from duckdb_tables() where table_name = 'dim_customers'")
    assert comments == [("One row per customer; its's key",)]


def test_a_table_without_a_version_is_written_each_time(
    built_by_hand: Home, publish: Publish, versions: dict[str, str]
) -> None:
    del versions["marts.dim_customers"]
    publish()
    rename(built_by_hand, "C4")
    assert publish().written_count == 1
    assert emails(built_by_hand)["C4"] == "new@example.com"


VALUES = st.tuples(
    st.one_of(st.none(), st.integers(0, 3)),
    st.one_of(st.none(), st.sampled_from(["", "a", "NULL"])),
    st.one_of(st.none(), st.sampled_from([0.5, float("nan")])),
)


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8))
def test_differences_make_the_table_that_of_the_warehouse(before: list[object], after: list[object]) -> None:
    with duckdb.connect() as connection:
        for database, rows in (("warehouse", after), ("serving", before)):
            connection.execute(f"attach ':memory:' as {database}")
            connection.execute(f"create schema {database}.marts")
            connection.execute(f"create table {database}.marts.t (number integer, word varchar, amount double)")
            if rows:
                connection.executemany(f"insert into {database}.marts.t values (?, ?, ?)", rows)
        assert serving_file.copy_table(connection, Relation("marts", "t"), is_present=True) == len(after)
        for one, other in (("warehouse", "serving"), ("serving", "warehouse")):
            left = f"select * from {one}.marts.t except all select * from {other}.marts.t"
            assert connection.execute(left).fetchall() == []


def test_only_rows_that_differ_are_written(built_by_hand: Home, publish: Publish, versions: dict[str, str]) -> None:
    def stored() -> list[object]:
        return [
            row[0] for row in read(built_by_hand.serving, "select customer_id from marts.dim_customers order by rowid")
        ]

    publish()
    before = stored()
    rename(built_by_hand, "C3")
    versions["marts.dim_customers"] = "v2"
    publish()
    before.remove("C3")
    assert stored() == [*before, "C3"]


def test_a_column_more_or_of_another_type_is_published(
    built_by_hand: Home, publish: Publish, versions: dict[str, str]
) -> None:
    publish()
    for number, change in enumerate(("add column score integer default 7", "alter column score type varchar")):
        write(built_by_hand, f"alter table marts.dim_customers {change}")
        versions["marts.dim_customers"] = f"v{number + 2}"
        publish()
        assert {type(row[0]) for row in read(built_by_hand.serving, "select score from marts.dim_customers")} == {
            [int, str][number]
        }


def test_the_version_decides(built_by_hand: Home, publish: Publish) -> None:
    """The failing twin: a table whose version does not say that it changed keeps its old rows."""
    publish()
    rename(built_by_hand, "C5")
    assert publish().written_count == 0
    assert emails(built_by_hand)["C5"] != "new@example.com"
    assert publish(whole=True).written_count == ALL
    assert emails(built_by_hand)["C5"] == "new@example.com"


def test_another_description_is_written(built_by_hand: Home, publish: Publish) -> None:
    publish()
    described = [replace(RELATIONS[0], description="One row per person"), *RELATIONS[1:]]
    assert publish(described).written_count == 1
    comments = read(built_by_hand.serving, "select comment from duckdb_tables() where table_name = 'dim_customers'")
    assert comments == [("One row per person",)]


def test_a_table_that_is_no_longer_published_is_removed(built_by_hand: Home, publish: Publish) -> None:
    publish()
    assert publish(RELATIONS[:1]).written_count == 0
    found = read(built_by_hand.serving, "select table_name from duckdb_tables() where schema_name <> 'main'")
    assert found == [("dim_customers",)]
    assert publish().written_count == 1  # and written when it comes back


def test_a_file_that_changed_since_is_not_copied(built_by_hand: Home, publish: Publish) -> None:
    """Damage would be copied for ever."""
    publish()
    content = bytearray(built_by_hand.serving.read_bytes())
    content[-1] ^= 1
    built_by_hand.serving.write_bytes(content)
    assert serving_file.read_published(built_by_hand) is None
    assert publish().written_count == ALL


@pytest.mark.parametrize("record", ["", "[]", json.dumps({"digest": "x", "other": 1})])
def test_an_unreadable_record_means_that_everything_is_written(
    built_by_hand: Home, publish: Publish, record: str
) -> None:
    publish()
    built_by_hand.publication_record.write_text(record)
    assert publish().written_count == ALL


def test_a_file_that_is_mostly_free_space_is_rewritten(
    built_by_hand: Home, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setattr(serving_file, "_MOST_FREE_SPACE", -1)
    assert publish().written_count == ALL


def test_replaced_tables_do_not_make_the_file_grow(
    built_by_hand: Home, publish: Publish, versions: dict[str, str]
) -> None:
    """Space of replaced tables is used again, at the latest by the next file but one."""
    write(built_by_hand, "create or replace table marts.dim_customers as select 'C' || i as customer_id,"
          " md5(i::varchar) as email, 'known' as status from range(60000) as t(i)")  # fmt: skip
    sizes = []
    for number in range(6):
        versions["marts.dim_customers"] = f"n{number}"
        sizes.append(publish().size_bytes)
    assert sizes[-1] <= 2.2 * sizes[0], sizes


def test_older_programs_open_a_file_after_several_publications(built_by_hand: Home, publish: Publish) -> None:
    publish()
    publish()
    with duckdb.connect(str(built_by_hand.serving), read_only=True) as connection:
        row = connection.execute("select tags from duckdb_databases() where database_name = 'serving'").fetchone()
    assert row is not None
    assert row[0]["storage_version"].startswith("v1.0.0")


def test_doctor_notices_a_file_that_lost_its_end(built_by_hand: Home, publish: Publish) -> None:
    publish()
    assert [finding.state for finding in doctor._readers(built_by_hand)] == ["fine"]
    content = built_by_hand.serving.read_bytes()
    built_by_hand.serving.write_bytes(content[: -len(content) // 50])
    assert [finding.state for finding in doctor._readers(built_by_hand)] == ["look"]

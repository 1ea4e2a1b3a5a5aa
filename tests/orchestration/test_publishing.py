"""Publication: only complete builds that passed, in one rename, and failures keep the last good file."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from publication import publishing, quality
from publication.serving_file import Relation
from runtime.building import last_build
from runtime.errors import LockedError, MerganserError, PublicationRefusedError
from runtime.home import Home
from tests.command import held_open
from tests.orchestration.handmade import CUSTOMERS, RELATIONS, SUITES, read, record_build, write


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(home: Home) -> list[str]:
    return sorted(path.name for path in home.path.glob("serving*") if path != home.serving)


def test_tables_and_views_are_published_as_tables_with_descriptions(checked_by_hand: Home) -> None:
    report = publishing.publish(checked_by_hand, relations=RELATIONS)
    assert report.row_counts == {"marts.dim_customers": CUSTOMERS, "segments.seg_first": 1}
    tables = read(checked_by_hand.serving, "select table_schema, table_name, table_type from information_schema.tables")
    assert sorted(tables) == [
        ("main", "build_info", "BASE TABLE"),
        ("main", "quality_metrics", "BASE TABLE"),
        ("marts", "dim_customers", "BASE TABLE"),
        ("segments", "seg_first", "BASE TABLE"),
    ]
    comments = read(checked_by_hand.serving, "select comment from duckdb_tables() where table_name = 'dim_customers'")
    assert comments == [("One row per customer; its's key",)]
    assert publishing.published_build(checked_by_hand)["build_id"] == "b1"
    assert publishing.published_build(checked_by_hand)["as_of"] == "2026-06-30 00:00:00"
    assert leftovers(checked_by_hand) == []


def test_nothing_is_published_before_a_build(home: Home) -> None:
    with pytest.raises(PublicationRefusedError, match="nothing was built yet"):
        publishing.publish(home, relations=RELATIONS)


def test_nothing_is_published_before_its_check(built_by_hand: Home) -> None:
    with pytest.raises(PublicationRefusedError, match="has not been checked"):
        publishing.publish(built_by_hand, relations=RELATIONS)


@pytest.mark.parametrize(
    ("succeeded", "selection", "message"),
    [(False, (), "did not succeed"), (True, ("dim_customers",), "only a selection")],
)
def test_a_failed_or_partial_build_is_not_published(
    checked_by_hand: Home, succeeded: bool, selection: tuple[str, ...], message: str
) -> None:
    publishing.publish(checked_by_hand, relations=RELATIONS)
    before = digest(checked_by_hand.serving)
    record_build(checked_by_hand, "b2", succeeded=succeeded, selection=selection)
    assert not quality.check(checked_by_hand, suites=SUITES).passed
    with pytest.raises(PublicationRefusedError, match=message):
        publishing.publish(checked_by_hand, relations=RELATIONS)
    assert digest(checked_by_hand.serving) == before


def test_a_check_of_another_build_does_not_count(checked_by_hand: Home) -> None:
    record_build(checked_by_hand, "b2")
    with pytest.raises(PublicationRefusedError, match="b2 has not been checked"):
        publishing.publish(checked_by_hand, relations=RELATIONS)


def test_a_model_that_was_declared_after_the_build_is_missed(checked_by_hand: Home) -> None:
    with pytest.raises(PublicationRefusedError, match=r"marts\.dim_new is declared and was not built"):
        publishing.publish(checked_by_hand, relations=[*RELATIONS, Relation("marts", "dim_new")])
    assert leftovers(checked_by_hand) == []


def test_a_failed_check_leaves_the_last_good_file(checked_by_hand: Home) -> None:
    publishing.publish(checked_by_hand, relations=RELATIONS)
    before = digest(checked_by_hand.serving)
    write(checked_by_hand, "insert into marts.fct_orders values ('O99', 'nobody')")
    assert not quality.check(checked_by_hand, suites=SUITES).passed
    with pytest.raises(PublicationRefusedError, match=r"marts\.fct_orders\.orders_have_customers"):
        publishing.publish(checked_by_hand, relations=RELATIONS)
    assert digest(checked_by_hand.serving) == before
    assert leftovers(checked_by_hand) == []


def test_what_was_written_after_the_check_is_not_published(checked_by_hand: Home) -> None:
    write(checked_by_hand, "insert into marts.fct_orders values ('O99', 'nobody')")
    with pytest.raises(PublicationRefusedError, match="written to after it was checked"):
        publishing.publish(checked_by_hand, relations=RELATIONS)


def test_a_reader_keeps_what_it_has_open(checked_by_hand: Home) -> None:
    """The reader is another process, such as a dashboard: it opened the old file and reads it to the end."""
    publishing.publish(checked_by_hand, relations=RELATIONS)
    reading = textwrap.dedent("""
        import sys, duckdb
        connection = duckdb.connect(sys.argv[1], read_only=True)
        count = lambda: connection.execute("select count(*) from marts.dim_customers").fetchone()[0]
        print(count(), flush=True)
        sys.stdin.readline()
        print(count(), connection.execute("select build_id from build_info").fetchone()[0], flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", reading, str(checked_by_hand.serving)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == f"{CUSTOMERS}\n"
        write(checked_by_hand, "insert into marts.dim_customers values ('C99', '99@example.com', 'new')")
        record_build(checked_by_hand, "b2")
        assert quality.check(checked_by_hand, suites=SUITES).passed
        publishing.publish(checked_by_hand, relations=RELATIONS)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == f"{CUSTOMERS} b1\n"
    assert read(checked_by_hand.serving, "select count(*) from marts.dim_customers") == [(CUSTOMERS + 1,)]
    assert publishing.published_build(checked_by_hand)["build_id"] == "b2"


def test_a_full_disk_leaves_the_last_good_file(checked_by_hand: Home) -> None:
    """Files of the publishing process may not exceed a megabyte: the same error as from a full disk."""
    publishing.publish(checked_by_hand, relations=RELATIONS)
    before = digest(checked_by_hand.serving)
    write(
        checked_by_hand,
        """
        create or replace table marts.dim_customers as
        select 'C' || i as customer_id, md5(i::varchar) as email, 'new' as status from range(200000) as t(i)
        """,
    )
    record_build(checked_by_hand, "b2")
    assert quality.check(checked_by_hand, suites=SUITES).passed
    publish_in_little_space = textwrap.dedent("""
        import resource, sys
        from publication import publishing
        from publication.serving_file import Relation
        from runtime.errors import MerganserError
        from runtime.home import open_home
        home = open_home(sys.argv[1], "2026-06-30")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            publishing.publish(home, relations=[Relation("marts", "dim_customers")])
        except MerganserError as error:
            print(error.message, "|", error.hint)
            raise SystemExit(7)
    """)
    done = subprocess.run(
        [sys.executable, "-c", publish_in_little_space, str(checked_by_hand.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "could not be written" in done.stdout
    assert "last good file is untouched" in done.stdout
    assert digest(checked_by_hand.serving) == before
    assert leftovers(checked_by_hand) == []


def test_files_of_a_killed_publication_are_deleted(checked_by_hand: Home) -> None:
    """The next publication deletes the temporary files of a killed one; the serving file was never touched."""
    stale = checked_by_hand.path / "serving.b0.tmp"
    stale.write_bytes(b"half a file")
    (checked_by_hand.path / "serving.b0.tmp.wal").write_bytes(b"its log")
    publishing.publish(checked_by_hand, relations=RELATIONS)
    assert leftovers(checked_by_hand) == []


def test_a_rename_that_fails_leaves_the_last_good_file(checked_by_hand: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing.publish(checked_by_hand, relations=RELATIONS)
    before = digest(checked_by_hand.serving)

    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(MerganserError, match="No space left on device"):
        publishing.publish(checked_by_hand, relations=RELATIONS)
    assert digest(checked_by_hand.serving) == before
    assert leftovers(checked_by_hand) == []


def test_a_locked_warehouse_is_reported_with_its_holder(checked_by_hand: Home) -> None:
    with held_open(checked_by_hand.warehouse) as holder:
        with pytest.raises(LockedError, match=str(holder)):
            publishing.publish(checked_by_hand, relations=RELATIONS)
        with pytest.raises(LockedError, match=str(holder)):
            quality.check(checked_by_hand, suites=SUITES)
    assert publishing.publish(checked_by_hand, relations=RELATIONS).build_id == "b1"


def test_only_models_of_the_manifest_are_published() -> None:
    def node(
        name: str, schema: str, kind: str = "model", materialized: str = "table", **config: object
    ) -> dict[str, object]:
        return {
            "name": name,
            "schema": schema,
            "resource_type": kind,
            "config": {"materialized": materialized, **config},
            "columns": {"customer_id": {"name": "customer_id", "description": "Key"}},
        }

    nodes = {
        "a": node("dim_customers", "marts"),
        "b": node("seg_first", "segments", materialized="view"),
        "c": node("stg_x__y", "staging"),
        "e": node("int_identity__partition", "intermediate", meta={"published": "identity"}),
        "f": node("int_identity__edges", "intermediate"),
        "d": node("purposes", "seeds", kind="seed"),
    }
    relations = publishing.published_relations({"nodes": nodes})
    assert [(relation.target_schema, relation.name) for relation in relations] == [
        ("identity", "int_identity__partition"),
        ("marts", "dim_customers"),
        ("segments", "seg_first"),
    ]


def test_serving_file_is_complete_and_readable_by_duckdb_alone(checked_by_hand: Home) -> None:
    publishing.publish(checked_by_hand, relations=RELATIONS)
    with duckdb.connect(str(checked_by_hand.serving), read_only=True) as connection:
        connection.execute("select * from segments.seg_first")
        assert connection.fetchall() == [("C0",)]
    assert not checked_by_hand.serving.with_suffix(".duckdb.wal").exists()


def test_a_check_is_extended_to_a_build_that_found_nothing_new(checked_by_hand: Home) -> None:
    """Each ingest writes its records into the warehouse, also if nothing landed."""
    write(checked_by_hand, "create table nothing_landed as select 1 as load_id")
    with pytest.raises(PublicationRefusedError, match="was written to after it was checked"):
        publishing.publish(checked_by_hand, relations=RELATIONS)
    build = last_build(checked_by_hand)
    assert build is not None
    assert quality.confirm(checked_by_hand, build) is None  # it ran nodes
    unchanged = replace(build, confirmed_at="2026-06-30T01:00:00")
    assert quality.confirm(checked_by_hand, replace(unchanged, build_id="b0")) is None
    confirmed = quality.confirm(checked_by_hand, unchanged)
    assert confirmed is not None
    assert confirmed.passed
    assert publishing.publish(checked_by_hand, relations=RELATIONS).build_id == "b1"


def test_a_failed_check_is_not_extended(built_by_hand: Home) -> None:
    write(built_by_hand, "update marts.dim_customers set email = null, customer_id = null")
    assert not quality.check(built_by_hand, suites=SUITES).passed
    build = last_build(built_by_hand)
    assert build is not None
    assert quality.confirm(built_by_hand, replace(build, confirmed_at="2026-06-30T01:00:00")) is None

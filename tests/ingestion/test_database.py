"""Tables of a real PostgreSQL land exactly, with changes and nothing else, whenever network or process fail."""

# ruff: noqa: DTZ001  raw tables hold UTC without a zone

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from ingestion import database, fetching
from ingestion.connectors import StreamReport, Window
from ingestion.errors import DeclarationError, SettingError
from ingestion.registry import read_source
from ingestion.spec import SourceSpec
from ingestion.statements import quote
from tests.ingestion.landing_zone import Landing
from tests.ingestion.servers.postgres import Postgres
from tests.ingestion.servers.proxy import Proxy

ROWS = 1_000_000 if os.environ.get("TORTURE") else 150_000  # for memory
MEGABYTES = 200  # more than what the interpreter and its libraries take


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("pg")) as running:
        yield running


@pytest.fixture
def postgres(server: Postgres) -> Postgres:
    server.run("drop schema if exists shop cascade", "create schema shop")
    return server


PEOPLE = {"id": {"type": "bigint", "required": True}, "email": "varchar", "changed_at": "timestamp"}


def shop(columns: Mapping[str, Any] = PEOPLE, mode: str = "merge", deletes: Any = None, **table: Any) -> SourceSpec:
    """A source with the entity people, by default read with the cursor changed_at."""
    table = {"cursor": "changed_at", "overlap_minutes": 0, **table}
    return SourceSpec.model_validate(
        {
            "source": "shop",
            "title": "A shop",
            "loader": "dlt",
            "legal_basis": "contract",
            "database": {"url_variable": "SHOP_URL", "schema": "shop", "tables": {"people": table}},
            "entities": {"people": {"mode": mode, "key": ["id"], "deletes": deletes, "columns": dict(columns)}},
        }
    )


def extract(landing: Landing, url: str, **options: Any) -> StreamReport:
    """Reads the table people."""
    [report] = database.extract(landing.settings, landing.source, environment={"SHOP_URL": url}, **options)
    return report


def people(postgres: Postgres, count: int = 3) -> None:
    """A table of people, changed at intervals of one minute."""
    postgres.run(
        "create table shop.people (id bigint primary key, email text, changed_at timestamptz)",
        "insert into shop.people select i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00Z'"
        f" + i * interval '1 minute' from generate_series(1, {count}) as i",
    )


def landed_files(landing: Landing) -> list[Path]:
    """Files that came from the database."""
    return sorted((landing.settings.landing_dir / "shop").rglob("*.parquet"))


def test_every_type_arrives_without_loss(landing: Landing, postgres: Postgres) -> None:
    postgres.run(
        "create type shop.mood as enum ('sad', 'ok')",
        "create domain shop.positive as int check (value > 0)",
        'create table shop."Odd People" ("Id" bigint primary key, "select" text, "First name" text, n numeric,'
        " amount numeric(20, 5), at timestamptz, local timestamp, day date, hour time, j json, jb jsonb, numbers int[],"
        " texts text[], bytes bytea, u uuid, mood shop.mood, dom shop.positive, f real, d double precision, b boolean,"
        ' span interval, ip inet, range int4range, nothing text, no_number numeric, "_dlt_id" text, "x_" text, é text)',
        "insert into shop.\"Odd People\" values (9007199254740993, 's', 'Jan', 12345678901234567890.123456789012345678,"
        " 1.5, '2026-01-02 03:04:05.123456+02', '2026-01-02 03:04:05', '2026-01-02', '23:59:59.999999',"
        """ '{"a": 1.10, "b": 12345678901234567890.12}', '{"a": 1.10}', '{1,2,null}', '{"a,b","c\\"d"}', '\\x00ff',"""
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ok', 5, 0.1, 0.1, true, '1 day 02:03:04', '10.0.0.1/8', '[1,5)',"
        " null, null, 'id', 'x', 'é')",
    )
    kinds = {
        "id": {"type": "bigint", "from": "Id"},
        "select": "varchar",
        "first_name": {"type": "varchar", "from": "First name"},
        "n": "decimal(38,18)",
        "amount": "decimal(20,5)",
        "at": "timestamp",
        "local": "timestamp",
        "day": "date",
        "hour": "varchar",
        "j": "json",
        "jb": "json",
        "numbers": "json",
        "texts": "json",
        "bytes": "varchar",
        "u": "varchar",
        "mood": "varchar",
        "dom": "bigint",
        "f": "double",
        "d": "double",
        "b": "boolean",
        "span": "varchar",
        "ip": "varchar",
        "range": "varchar",
        "nothing": "varchar",
        "no_number": "decimal(18,2)",
    }
    landing.source = shop(kinds, table="Odd People", cursor="at")
    assert extract(landing, postgres.url).error is None
    assert landing.land_one().landed == 1
    [row] = landing.rows(f"select {', '.join(map(quote, kinds))}, _extra from raw_shop.people")
    assert dict(zip([*kinds, "_extra"], row, strict=True)) == {
        "id": 9007199254740993,
        "select": "s",
        "first_name": "Jan",
        "n": Decimal("12345678901234567890.123456789012345678"),
        "amount": Decimal("1.50000"),
        "at": datetime(2026, 1, 2, 1, 4, 5, 123456),
        "local": datetime(2026, 1, 2, 3, 4, 5),
        "day": datetime(2026, 1, 2).date(),
        "hour": "23:59:59.999999",
        "j": '{"a": 1.10, "b": 12345678901234567890.12}',
        "jb": '{"a": 1.10}',
        "numbers": "[1,2,null]",
        "texts": '["a,b","c\\"d"]',
        "bytes": "00ff",
        "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "mood": "ok",
        "dom": 5,
        "f": 0.1,
        "d": 0.1,
        "b": True,
        "span": "1 day 02:03:04",
        "ip": "10.0.0.1/8",
        "range": "[1,5)",
        "nothing": None,
        "no_number": None,
        "_extra": '{"_":"é","_dlt_id":"id","x_":"x"}',
    }


def test_what_no_type_holds_goes_to_quarantine_and_stops_nothing(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    postgres.run("update shop.people set changed_at = 'infinity' where id = 2")
    landing.source = shop()
    report = extract(landing, postgres.url)
    assert (report.error, report.watermark_after) == (None, "2026-01-01T00:03:00+00:00")
    counts = landing.land_one()
    assert (counts.landed, counts.quarantined) == (2, 1)
    assert landing.quarantine() == [(3, "changed_at", "type", "changed_at: not a timestamp")]


def test_only_what_changed_is_read_again_and_the_boundary(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    landing.source = shop()
    first = extract(landing, postgres.url)
    assert (first.records, first.watermark_before) == ({"people": 3}, None)
    assert landing.land_one().landed == 3
    postgres.run(
        "update shop.people set email = 'new@example.com', changed_at = '2026-01-01 00:10Z' where id = 1",
        "insert into shop.people values (4, 'same moment', '2026-01-01 00:03Z'), (5, 'no moment', null)",
    )
    second = extract(landing, postgres.url)
    assert second.records == {"people": 4}  # 1, 3 again, 4, 5
    assert (second.watermark_before, second.watermark_after) == (first.watermark_after, "2026-01-01T00:10:00+00:00")
    report = landing.land_one()
    assert (report.landed, report.unchanged) == (3, 1)
    assert extract(landing, postgres.url).records == {"people": 2}  # 1 again, 5 again
    assert landing.land_one().unchanged == 2


def test_the_overlap_finds_what_an_open_transaction_wrote_late(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    landing.source = shop(overlap_minutes=5)
    extract(landing, postgres.url)
    postgres.run("insert into shop.people values (4, 'late', '2026-01-01 00:00Z')")
    assert extract(landing, postgres.url).records == {"people": 4}


def test_a_date_in_the_future_hides_nothing(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    postgres.run("update shop.people set changed_at = '2999-01-01' where id = 3")
    landing.source = shop()
    assert extract(landing, postgres.url).watermark_after == "2026-01-01T00:02:00+00:00"
    postgres.run("update shop.people set changed_at = '2026-01-01 00:05Z' where id = 1")
    assert extract(landing, postgres.url).records == {"people": 3}


@pytest.mark.parametrize(
    ("kind", "values", "later"),
    [
        ("bigint", "1, 2, 3", "4"),
        ("numeric(20,2)", "1.5, 2.5, 9007199254740993.25", "9007199254740993.5"),
        ("date", "'2026-01-01', '2026-01-02', '2026-01-03'", "'2026-01-04'"),
        ("timestamp", "'2026-01-01', '2026-01-02', '2026-01-03 00:00:00.000001'", "'2026-01-03 00:00:00.000002'"),
        ("text", "'a', 'b', 'c'", "'d'"),
    ],
)
def test_cursors_of_every_kind(landing: Landing, postgres: Postgres, kind: str, values: str, later: str) -> None:
    postgres.run(
        f"create table shop.people (id bigserial primary key, changed_at {kind})",
        f"insert into shop.people (changed_at) select unnest(array[{values}]::{kind}[])",
    )
    landing.source = shop({"id": "bigint", "changed_at": "varchar"})
    assert extract(landing, postgres.url).records == {"people": 3}
    postgres.run(f"insert into shop.people (changed_at) values ({later})")
    assert extract(landing, postgres.url).records == {"people": 2}


def test_a_table_without_a_cursor_is_read_whole_also_when_it_is_empty(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    landing.source = shop(cursor=None)
    assert extract(landing, postgres.url).records == {"people": 3}
    postgres.run("delete from shop.people")
    assert extract(landing, postgres.url).records == {"people": 0}
    assert len(landed_files(landing)) == 2
    assert duckdb.sql(f"from '{landed_files(landing)[1]}'").columns == ["id", "email", "changed_at"]


LIVING = "select id from raw_shop.people where _superseded_at is null and _deleted_at is null order by id"


def test_a_row_that_is_gone_is_deleted_where_the_table_is_read_whole(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    landing.source = shop(mode="replace", cursor=None)
    extract(landing, postgres.url)
    landing.land()
    postgres.run("delete from shop.people where id = 2")
    extract(landing, postgres.url)
    landing.land()
    assert landing.rows(LIVING) == [(1,), (3,)]


def test_a_flag_deletes_where_a_table_has_a_cursor(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    postgres.run("alter table shop.people add column gone boolean default false")
    columns = {**PEOPLE, "gone": "boolean"}
    landing.source = shop(columns, deletes={"column": "gone", "values": ["true"]})
    extract(landing, postgres.url)
    landing.land()
    postgres.run("update shop.people set gone = true, changed_at = '2026-01-02' where id = 2")
    extract(landing, postgres.url)
    landing.land()
    assert landing.rows("select id, gone from raw_shop.people where _superseded_at is null order by id") == [
        (1, False),
        (2, True),
        (3, False),
    ]


def test_what_is_read_in_parts_cannot_be_the_whole() -> None:
    with pytest.raises(ValueError, match="has a cursor, so its mode must be merge or append"):
        shop(mode="replace")


def test_views_and_excluded_columns(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    postgres.run("create view shop.v as select *, 'hash' as password_hash from shop.people")
    landing.source = shop(table="v", exclude=["password_hash"])
    assert extract(landing, postgres.url).error is None
    assert "password_hash" not in duckdb.sql(f"from '{landed_files(landing)[0]}'").columns


def test_a_span_is_read_again_without_moving_the_state(landing: Landing, postgres: Postgres) -> None:
    people(postgres, 10)
    landing.source = shop()
    first = extract(landing, postgres.url)
    window = Window(datetime(2026, 1, 1, 0, 2, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, tzinfo=UTC))
    again = extract(landing, postgres.url, window=window)
    assert again.records == {"people": 3}
    assert again.watermark_after == first.watermark_after
    assert extract(landing, postgres.url).watermark_before == first.watermark_after


def test_a_network_that_breaks_keeps_nothing_and_moves_nothing(landing: Landing, postgres: Postgres) -> None:
    people(postgres, 60_000)
    landing.source = shop()
    with Proxy(postgres.socket) as proxy:
        proxy.cut_after = 1_000_000
        report = extract(landing, postgres.through(proxy.port))
    assert "SHOP_URL cannot be reached, or the connection broke" in str(report.error)
    assert (landed_files(landing), report.watermark_after) == ([], None)
    assert extract(landing, postgres.url).records == {"people": 60_000}
    assert landing.land_one().landed == 60_000


def test_killed_in_the_middle_the_next_run_ends_where_an_undisturbed_one_would(
    landing: Landing, postgres: Postgres, tmp_path: Path
) -> None:
    people(postgres, 60_000)
    landing.source = shop()
    declaration = tmp_path / "shop.yml"
    declaration.write_text(landing.source.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    code = (
        "import sys; from pathlib import Path; from ingestion import database;"
        "from ingestion.registry import read_source; from ingestion.settings import Settings;"
        "database.extract(Settings.from_home(Path(sys.argv[1])), read_source(Path(sys.argv[2])),"
        " progress=lambda table, count: print(count, flush=True))"
    )
    with Proxy(postgres.socket) as proxy:
        proxy.hold_after = 2_000_000
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(landing.settings.home), str(declaration)],
            env={**os.environ, "SHOP_URL": postgres.through(proxy.port)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert landed_files(landing) == []
    report = extract(landing, postgres.url)
    assert (report.watermark_before, report.records) == (None, {"people": 60_000})
    counts = landing.land_one()
    assert (counts.landed, counts.unchanged) == (60_000, 0)


def test_wrong_credentials_name_the_variable_and_the_password_is_nowhere(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    landing.source = shop()
    error = str(extract(landing, postgres.as_reader("wr0ng-pass")).error)
    assert error == "the database refuses the credentials; check SHOP_URL."
    for path in landing.settings.home.rglob("*"):
        assert path.is_dir() or b"wr0ng-pass" not in path.read_bytes()
    assert "the user of SHOP_URL may not read table" in str(extract(landing, postgres.as_reader()).error)
    postgres.run("grant usage on schema shop to reader", "grant select on shop.people to reader")
    assert extract(landing, postgres.as_reader()).records == {"people": 3}


def test_what_is_missing_is_named(landing: Landing, postgres: Postgres) -> None:
    landing.source = shop()
    assert "there is no table people" in str(extract(landing, postgres.url).error)
    people(postgres)
    landing.source = shop(cursor="modified")
    assert "has no column modified" in str(extract(landing, postgres.url).error)
    with pytest.raises(SettingError, match="SHOP_URL is not set"):
        extract(landing, "")
    with pytest.raises(SettingError, match="SHOP_URL is not the URL of a database") as raised:
        extract(landing, "hush hush")
    assert "hush" not in str(raised.value)
    with pytest.raises(SettingError, match="needs a driver that is not installed"):
        extract(landing, "mysql+aiomysql://u:hush@localhost/d")


def test_a_value_that_a_query_falls_over_is_not_quoted(landing: Landing, postgres: Postgres) -> None:
    postgres.run(
        "create view shop.people as select 1::bigint as id, cast('jan@example' || x as int) as n"
        " from (values ('.com')) v(x)"
    )
    landing.source = shop({"id": "bigint", "n": "bigint"}, cursor=None)
    error = str(extract(landing, postgres.url).error)
    assert "people could not be read" in error
    assert "jan@example" not in error


def test_one_table_that_fails_stops_no_other(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    declared = shop().model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    declared["database"]["tables"] = {"gone": {}, **declared["database"]["tables"]}
    declared["entities"]["gone"] = {"mode": "append", "columns": {"id": "bigint"}}
    landing.source = SourceSpec.model_validate(declared)
    reports = database.extract(landing.settings, landing.source, environment={"SHOP_URL": postgres.url})
    assert [bool(report.error) for report in reports] == [True, False]


def test_another_database(landing: Landing, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table people (id integer primary key, email text, changed_at timestamp, n numeric)"
        )
        connection.exec_driver_sql(
            "insert into people values (1, 'a', '2026-01-01 00:00:00', 0.1), (2, null, null, null)"
        )
    declared = shop({**PEOPLE, "n": "decimal(18,2)"}).model_dump(
        by_alias=True, exclude_none=True, exclude_defaults=True
    )
    del declared["database"]["schema"]
    landing.source = SourceSpec.model_validate(declared)
    assert extract(landing, f"sqlite:///{tmp_path}/shop.db").error is None
    assert landing.land_one().landed == 2
    assert landing.rows("select id, changed_at, n from raw_shop.people order by id") == [
        (1, datetime(2026, 1, 1), Decimal("0.10")),
        (2, None, None),
    ]


@pytest.mark.parametrize(
    ("table", "why"),
    [("{people: {cursor: x}, other: {}}", "table other is not declared"), ("{people: {curser: x}}", "unknown key")],
)
def test_a_declaration_that_cannot_be_is_refused(tmp_path: Path, table: str, why: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        "{source: s, title: S, loader: dlt, legal_basis: contract, database: {url_variable: S_URL, tables: "
        f"{table}}}, entities: {{people: {{mode: append, columns: {{id: varchar}}}}}}}}"
    )
    with pytest.raises(DeclarationError, match=why):
        read_source(path)


def test_memory_does_not_grow_with_the_table(landing: Landing, postgres: Postgres, tmp_path: Path) -> None:
    postgres.run(
        "create view shop.people as select i as id, repeat('x', 200) as email, i * numeric '1.5' as n,"
        f" timestamptz '2026-01-01' + i * interval '1 second' as changed_at from generate_series(1, {ROWS}) as i"
    )
    declaration = tmp_path / "shop.yml"
    declaration.write_text(shop(cursor=None).model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    code = (
        "import resource, sys; from pathlib import Path; from ingestion import database;"
        "from ingestion.registry import read_source; from ingestion.settings import Settings;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "[report] = database.extract(Settings.from_home(Path(sys.argv[1])), read_source(Path(sys.argv[2])));"
        "print(report.records['people'], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    arguments = [sys.executable, "-c", code, str(landing.settings.home), str(declaration)]
    environment = {**os.environ, "SHOP_URL": postgres.url}
    output = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout
    count, megabytes = map(int, output.split())
    assert count == ROWS
    assert megabytes < MEGABYTES


def test_a_source_of_a_database_is_fetched_without_being_asked_to(landing: Landing, postgres: Postgres) -> None:
    people(postgres)
    source = shop()
    assert fetching.is_fetched_by_default(source)
    assert fetching.missing_variables(source, {}) == ["SHOP_URL"]
    assert fetching.stream_names(source) == ("people",)
    environment = {"SHOP_URL": postgres.url}
    assert fetching.try_connection(source, environment) == ""
    assert "refuses the credentials" in fetching.try_connection(source, {"SHOP_URL": postgres.as_reader("wrong")})
    [report] = fetching.fetch(landing.settings, source, environment=environment)
    assert (report.records, report.error) == ({"people": 3}, None)
    assert "SHOP_URL is not set" in str(fetching.fetch(landing.settings, source, environment={})[0].error)

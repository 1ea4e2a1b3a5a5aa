"""Every DuckDB 1.x can open the serving file, and reads the same values as ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from publication import publishing, quality
from publication.serving_file import Relation
from runtime.home import Home
from tests.orchestration.handmade import SUITES, record_build, write

OLDER = ("1.1.3", "1.4.4", "1.5.0")
UNREACHABLE = ("No matching distribution", "Could not find a version", "Failed to establish", "Read timed out")
# The file is renamed by its reader now and then: `serving.t` would be ambiguous in a file that is named like a schema.
READ = """
import hashlib, json, sys
import duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
found = {"tables": {}}
listed = "select schema_name, table_name, comment from duckdb_tables() order by 1, 2"
for schema, table, comment in connection.execute(listed).fetchall():
    name = f'"{schema}"."{table}"'
    rows = connection.execute(f"select * from {name}").fetchall()
    values = hashlib.sha256("\\n".join(sorted(map(repr, rows))).encode()).hexdigest()
    columns = connection.execute(
        "select column_name, data_type, comment, is_nullable from duckdb_columns()"
        " where schema_name = ? and table_name = ? order by column_index", [schema, table]
    ).fetchall()
    found["tables"][name] = [comment, len(rows), values, columns]
print(json.dumps(found))
"""
EVERY_TYPE = """
create table marts.dim_types as
select
    i as whole,
    cast(i * 1000000007 as hugeint) as wide,
    cast(i as decimal(18, 2)) / 3 as money,
    i / 7.0e0 as fraction,
    i % 2 = 0 as is_even,
    date '2026-01-01' + cast(i as integer) as day,
    timestamp '2026-01-01 00:00:00.123456' + i * interval 1 second as moment,
    timestamptz '2026-01-01 00:00:00+02' as moment_in_zone,
    time '10:11:12' as hour,
    'value ' || i || ' ä 漢' as words,
    case when i % 3 = 0 then null else 'x' || i end as sometimes,
    cast('{"a": [' || i || ']}' as json) as document,
    [i, i + 1] as list,
    {'a': i, 'b': 'c'} as pair,
    map {'k': i} as mapped,
    uuid '00000000-0000-0000-0000-000000000001' as identifier,
    cast('ab' as blob) as bytes,
    repeat('long text ', 200) as repeated
from range(5000) as t(i)
"""


@pytest.fixture(scope="module", params=OLDER)
def older_duckdb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with only another version of DuckDB. Needs the package index that pip is configured with."""
    place = tmp_path_factory.mktemp(f"duckdb_{request.param}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--target", str(place), f"duckdb=={request.param}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if ended.returncode and any(sign in ended.stderr for sign in UNREACHABLE):
        pytest.skip(f"duckdb {request.param} cannot be installed here: the package index is unreachable")
    assert ended.returncode == 0, ended.stderr
    return place


def read_by(place: Path | None, serving: Path) -> subprocess.CompletedProcess[str]:
    """The content of a file as a version of DuckDB reads it: comment, columns, row count and checksum of each table."""
    first = [f"import sys; sys.path.insert(0, {str(place)!r})"] if place else []
    return subprocess.run(
        [sys.executable, "-c", "\n".join([*first, READ]), str(serving)], capture_output=True, text=True, check=False
    )


def content(place: Path | None, serving: Path) -> Any:
    """The same, when it could be read."""
    ended = read_by(place, serving)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["tables"]


def test_the_published_demo_is_read_alike(demo_home: Home, older_duckdb: Path) -> None:
    ours = content(None, demo_home.serving)
    assert len(ours) > 30
    assert any(count > 100 for _, count, _, _ in ours.values())
    assert content(older_duckdb, demo_home.serving) == ours


def test_every_type_comment_and_constraint_is_read_alike(checked_by_hand: Home, older_duckdb: Path) -> None:
    write(checked_by_hand, EVERY_TYPE)
    record_build(checked_by_hand, "b2")
    assert quality.check(checked_by_hand, suites=SUITES).passed
    described = Relation("marts", "dim_types", "Every type; it's all", {"whole": "A whole number", "words": "Words"})
    publishing.publish(checked_by_hand, relations=[described])
    ours = content(None, checked_by_hand.serving)
    assert ours['"marts"."dim_types"'][:2] == ["Every type; it's all", 5000]
    assert ["words", "VARCHAR", "Words", True] in ours['"marts"."dim_types"'][3]
    nullable_columns = [name for name, *_, nullable in ours['"main"."build_info"'][3] if nullable]
    assert nullable_columns == ["consent_landings"]
    assert content(older_duckdb, checked_by_hand.serving) == ours


def test_a_file_in_the_format_of_today_is_refused(checked_by_hand: Home, older_duckdb: Path, tmp_path: Path) -> None:
    """The failing twin: without the storage version an older DuckDB reads nothing."""
    write(Home(tmp_path), "create table t as select 1 as i")
    assert read_by(None, tmp_path / "warehouse.duckdb").returncode == 0
    assert read_by(older_duckdb, tmp_path / "warehouse.duckdb").returncode != 0

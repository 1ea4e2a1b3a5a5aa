"""The demo world: its shapes are the declared ones, it is the same every time, and its truth covers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from ingestion.synthetic import WorldConfig, WorldReport, write_world

SOURCES = Path(__file__).parents[2] / "ingestion" / "sources"
DEMO_SOURCES = (
    "consent_banner",
    "google_ads",
    "hubspot",
    "klaviyo",
    "meta_ads",
    "partner",
    "segment",
    "shopify",
    "third_party",
    "zendesk",
)
DECLARED = {
    f"{source}.{entity}": declaration
    for source in DEMO_SOURCES
    for entity, declaration in yaml.safe_load((SOURCES / source / "source.yml").read_text(encoding="utf-8"))[
        "entities"
    ].items()
}
SMALL = WorldConfig(customers=120, history_days=120)
UNTIL = SMALL.until


class Landed:
    """A written world, to ask questions of."""

    def __init__(self, place: Path, report: WorldReport) -> None:
        self.place = place
        self.report = report
        self.connection = duckdb.connect()

    def path(self, entity: str) -> str:
        source, name = entity.split(".")
        return str(self.place / "landing" / source / name / "*")

    def table(self, entity: str) -> str:
        """The entity's files as a table expression, all text in CSV."""
        source = entity.partition(".")[0]
        reader = {
            "consent_banner": "read_json('{}')",
            "google_ads": "read_csv('{}', all_varchar = true)",
            "meta_ads": "read_csv('{}', all_varchar = true)",
            "partner": "read_csv('{}', all_varchar = true)",
            "third_party": "read_csv('{}', all_varchar = true)",
            "zendesk": "read_csv('{}', all_varchar = true)",
        }.get(source, "read_parquet('{}')")
        return reader.format(self.path(entity))

    def truth(self, table: str) -> str:
        return f"read_parquet('{self.place / 'truth' / table}.parquet')"

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> object:
        return self.rows(sql)[0][0]

    def mess_counts(self) -> dict[str, int]:
        return dict(
            self.connection.execute(f"select kind, count(*) from {self.truth('mess_truth')} group by 1").fetchall()
        )


def _write(place: Path, config: WorldConfig, threads: int | None = None) -> Landed:
    return Landed(place, write_world(config, place / "landing", place / "truth", threads=threads))


def _digests(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """The world of the end-to-end tests: 300 customers, everything else as it comes."""
    landed = _write(tmp_path_factory.mktemp("world"), WorldConfig(customers=300))
    yield landed
    landed.connection.close()


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_every_entity_has_rows_and_exactly_the_declared_columns(world: Landed, entity: str) -> None:
    assert world.report.row_counts[entity] > 0
    written = [row[0] for row in world.rows(f"describe select * from {world.table(entity)}")]
    assert sorted(written) == sorted(DECLARED[entity]["columns"])


def test_no_file_is_written_for_what_no_source_declares(world: Landed) -> None:
    assert set(world.report.row_counts) == set(DECLARED)


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_values_have_the_declared_type_and_required_ones_are_there(world: Landed, entity: str) -> None:
    for name, column in DECLARED[entity]["columns"].items():
        kind = column["type"] if isinstance(column, dict) else column
        required = (isinstance(column, dict) and column.get("required", False)) or name in DECLARED[entity]["key"]
        wrong = world.one(
            f"select count(*) from {world.table(entity)}"
            f' where "{name}" is not null and try_cast("{name}" as {kind}) is null'
        )
        missing = world.one(f'select count(*) from {world.table(entity)} where "{name}" is null') if required else 0
        assert (name, wrong, missing) == (name, 0, 0)


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_a_key_comes_again_only_in_a_newer_version(world: Landed, entity: str) -> None:
    declaration = DECLARED[entity]
    parts = [*declaration["key"], *([declaration["version"]] if "version" in declaration else [])]
    key = ", ".join(f'"{part}"' for part in parts)
    repeated = world.rows(f"select {key} from {world.table(entity)} group by all having count(*) > 1")
    if declaration["mode"] == "append":
        kinds = f"kind = 'duplicate_events' and source || '.' || entity = '{entity}'"
        allowed = world.rows(f"select distinct record_id from {world.truth('mess_truth')} where {kinds}")
        assert set(repeated) <= set(allowed)
    else:
        assert repeated == []

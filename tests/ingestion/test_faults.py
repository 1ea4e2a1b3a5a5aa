"""The fault matrix: under every fault of an API, no record is lost or duplicated.

Each case lands one stream of a vendor under a fault, and compares the raw table with that of an undisturbed run. Add
here faults that every API can have; those of one vendor are in sources/.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.connectors import StreamReport
from ingestion.fetching import fetch
from ingestion.landing import EntityReport, land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from tests.ingestion.servers.base import Fault, FaultKind, VendorServer
from tests.ingestion.servers.vendors import VENDORS, Vendor
from vendors import http, retries

PASSING = [kind for kind in FaultKind if kind is not FaultKind.EXPIRED_TOKEN]
OFF = timedelta(hours=2)


@functools.cache
def only_stream(name: str, stream: str) -> SourceSpec:
    """A source with the entities of one stream, so that no other table is created."""
    source = load_sources()[name]
    assert source.api is not None
    entities = {entity: source.entities[entity] for entity in source.api.streams[stream].entities}
    return source.model_copy(update={"entities": entities})


@functools.cache
def undisturbed_rows(vendor: Vendor) -> list[tuple[Any, ...]]:
    """The rows after an undisturbed run."""
    with tempfile.TemporaryDirectory() as place, vendor.server() as server:
        bench = Bench(Path(place), vendor, server)
        stream, _ = bench.ingest()
        assert stream.error is None
        rows = bench.current()
    assert len(rows) >= 5
    return rows


class Bench:
    """A home into which one stream of a vendor is fetched and landed."""

    def __init__(self, place: Path, vendor: Vendor, server: VendorServer) -> None:
        self.settings = Settings.from_home(place)
        self.vendor = vendor
        self.server = server
        self.source = only_stream(vendor.source, vendor.stream)

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.server.tables[self.vendor.table]

    def ingest(self) -> tuple[StreamReport, EntityReport]:
        """One run: the reports of the stream and of the entity. Counts must reconcile."""
        environment = self.vendor.environment(self.server)
        (stream,) = fetch(self.settings, self.source, streams=[self.vendor.stream], environment=environment)
        report = land(self.settings, [self.source])
        (entity,) = [entity for entity in report.entities if entity.entity == self.vendor.entity]
        assert entity.status != "failed", entity.error
        assert entity.extracted == entity.landed + entity.quarantined + entity.unchanged
        assert not stream.error or entity.extracted == 0
        return stream, entity

    def current(self) -> list[tuple[Any, ...]]:
        """The live rows of the entity in the declared columns, sorted. No two have the same key."""
        entity = self.source.entities[self.vendor.entity]
        columns = [name for name, column in entity.columns.items() if column.compared]
        listed = ", ".join(f'"{column}"' for column in columns)
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            rows = connection.execute(
                f'select {listed} from "{self.source.raw_schema}"."{self.vendor.entity}"'
                " where _superseded_at is null and _deleted_at is null order by all"
            ).fetchall()
        places = [columns.index(column) for column in entity.key]
        assert len({tuple(row[place] for place in places) for row in rows}) == len(rows)
        return rows


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.source)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.param
    return found


@pytest.fixture
def bench(tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    monkeypatch.setattr(http, "READ_SECONDS", 0.4)
    with vendor.server() as server:
        yield Bench(tmp_path / "home", vendor, server)


@pytest.fixture
def undisturbed(vendor: Vendor) -> list[tuple[Any, ...]]:
    """The rows after an undisturbed run."""
    return undisturbed_rows(vendor)


def assert_as_fresh(bench: Bench, place: Path) -> None:
    """The home has the same rows as a new one, and the history if it is kept."""
    bench.server.before_page = None
    other = Bench(place, bench.vendor, bench.server)
    other.ingest()
    if bench.vendor.keeps_history:
        assert set(other.current()) <= set(bench.current())
    else:
        assert bench.current() == other.current()


@pytest.mark.parametrize("kind", PASSING, ids=lambda kind: kind.name.lower())
def test_what_passes_loses_and_doubles_nothing(
    bench: Bench, undisturbed: list[tuple[Any, ...]], kind: FaultKind
) -> None:
    bench.server.faults = [Fault(kind, at=2)]
    stream, _ = bench.ingest()
    assert stream.error is None
    assert bench.current() == undisturbed


def test_a_token_that_expires_in_the_middle(bench: Bench, undisturbed: list[tuple[Any, ...]]) -> None:
    bench.server.faults = [Fault(FaultKind.EXPIRED_TOKEN, at=2)]
    stream, entity = bench.ingest()
    if not bench.vendor.signs_in:
        assert stream.error
        assert "401" in stream.error or "expired" in stream.error
        assert bench.server.token not in stream.error
        assert entity.landed == 0
        bench.server.expired = False
        stream, _ = bench.ingest()
    assert stream.error is None
    assert bench.current() == undisturbed


def test_a_fetch_cut_short_leaves_a_good_table_alone(bench: Bench) -> None:
    bench.ingest()
    before = bench.current()
    bench.server.reset()
    bench.server.faults = [Fault(FaultKind.ERROR_503, at=2, times=1000)]
    stream, _ = bench.ingest()
    assert stream.error
    assert bench.current() == before


def test_a_record_that_changes_between_pages(bench: Bench, tmp_path: Path) -> None:
    """It changes in the middle of the pages; after the next run its newest state has landed once."""

    def change(number: int) -> None:
        if number == 2:
            bench.vendor.text(bench.records[0], "changed")
            bench.vendor.touch(bench.records[0], datetime.now(UTC))

    bench.server.before_page = change
    bench.ingest()
    bench.server.before_page = None
    bench.ingest()
    assert_as_fresh(bench, tmp_path / "fresh")
    assert any("changed" in row for row in bench.current())


def test_a_clock_that_is_ahead_hides_no_later_change(bench: Bench, tmp_path: Path) -> None:
    bench.vendor.touch(bench.records[-1], datetime.now(UTC) + OFF)
    bench.ingest()
    bench.vendor.text(bench.records[0], "later")
    bench.vendor.touch(bench.records[0], datetime.now(UTC) + OFF / 2)
    bench.ingest()
    assert any("later" in row for row in bench.current())
    assert_as_fresh(bench, tmp_path / "fresh")


def test_a_new_column_is_kept(bench: Bench, undisturbed: list[tuple[Any, ...]]) -> None:
    for record in bench.records:
        record["brand_new_field"] = "kept"
    _, entity = bench.ingest()
    assert entity.quarantined == 0
    assert bench.current() == undisturbed


def test_a_lost_column_is_null(bench: Bench, undisturbed: list[tuple[Any, ...]]) -> None:
    for record in bench.records:
        bench.vendor.lose(record)
    _, entity = bench.ingest()
    assert entity.quarantined == 0
    assert len(bench.current()) == len(undisturbed)


def test_a_wrong_type_is_quarantined_alone(bench: Bench, undisturbed: list[tuple[Any, ...]]) -> None:
    if bench.vendor.wrong is None:
        pytest.skip("every declared column of this stream is text")
    bench.vendor.wrong(bench.records[0])
    _, entity = bench.ingest()
    assert entity.quarantined == 1
    assert len(bench.current()) == len(undisturbed) - 1


def test_a_record_of_five_megabytes(bench: Bench, undisturbed: list[tuple[Any, ...]]) -> None:
    bench.vendor.text(bench.records[0], "x" * 5_000_000)
    _, entity = bench.ingest()
    assert entity.quarantined == 0
    assert len(bench.current()) == len(undisturbed)
    assert any(isinstance(value, str) and len(value) == 5_000_000 for row in bench.current() for value in row)


def test_a_second_run_changes_nothing(bench: Bench) -> None:
    bench.ingest()
    before = bench.current()
    _, entity = bench.ingest()
    assert entity.landed == 0
    assert bench.current() == before

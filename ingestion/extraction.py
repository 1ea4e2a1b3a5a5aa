"""Extraction: writes what a connector reads to Parquet files in the landing zone, together with the state.

dlt keeps the state (how far each stream was read) and writes the files under MERGANSER_HOME/dlt/<source>. A load of dlt
is atomic: state and records are one package, and a package that a crash left behind is finished first. Files of a
finished package are renamed into landing/<source>/<entity>/, so no incomplete file is ever there. The process may be
killed at any time: renaming can be repeated.

A file has the columns `_payload` (a record as JSON), `_page` (of its stream, from 1) and `_complete` (true on a row
that is not a record: it names a scope of which this load has all rows).

Add here when all connectors need it. Keep out: the names of a vendor (client.py of its source), raw tables
(landing.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, StreamReport, Window
from ingestion.errors import DeclarationError, IngestionError, SettingError, TransientError
from ingestion.settings import Settings
from ingestion.spec import SourceSpec, StreamSpec
from runtime.project import SOURCES, custom_folder
from vendors.errors import VendorError

PAYLOAD_SCHEMA = pa.schema([("_payload", pa.string()), ("_page", pa.int64()), ("_complete", pa.bool_())])
_FINISHED = re.compile(r"(?P<load_id>\d+\.\d+)\.(?P<file>[^.]+)\.parquet")


def extract(
    settings: Settings,
    source: SourceSpec,
    *,
    window: Window | None = None,
    streams: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[StreamReport]:
    """Fetches new records of a source into the landing zone, stream by stream.

    A stream that fails is reported with its error and keeps its state; the others continue. `window`: read this span
    again, without changing state (backfill). `streams`: only these. `environment`: used instead of os.environ.
    `progress`: a callback that receives a stream and the number of its records so far. Raises SettingError if a
    variable is missing, before any request.
    """
    if source.api is None:
        raise SettingError(f"{source.source} has no connector: put its files into the landing zone.")
    api = Api(source.source, source.api, environment)
    for name in source.api.variables:
        api.value(name)
    client = load_client(source, api)
    pipeline = open_pipeline(settings, source.source)
    finish(settings, pipeline, source.source)
    run = _Run(settings, pipeline, client, source.source, window, progress or (lambda stream, count: None))
    return [run.stream(name, stream) for name, stream in source.api.streams.items() if not streams or name in streams]


def load_client(source: SourceSpec, api: Api) -> ApiClient:
    """The connector in the folder of a source: the product's, or the user's own."""
    folder = custom_folder()
    own = folder / SOURCES / source.source / "client.py" if folder else None
    if own is None or not own.is_file():
        module = importlib.import_module(f"ingestion.sources.{source.source}.client")
    else:
        found = importlib.util.spec_from_file_location(f"merganser_custom.{source.source}", own)
        if found is None or found.loader is None:
            raise DeclarationError(f"{own} cannot be imported.")
        module = sys.modules[found.name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    client: ApiClient = module.Client(api)
    return client


# --- dlt: one pipeline for each source


def open_pipeline(settings: Settings, source: str) -> dlt.Pipeline:
    """The dlt pipeline of a source, with working files, state and destination under MERGANSER_HOME/dlt/<source>."""
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL", SCHEMA__NAMING="direct")
    place = settings.home / "dlt" / source
    return dlt.pipeline(
        pipeline_name=source,
        pipelines_dir=str(place / "pipelines"),
        destination=dlt.destinations.filesystem(
            bucket_url=str(place / "finished"),
            layout="{table_name}/{load_id}.{file_id}.{ext}",
            warn_unsafe_layout_separators=False,  # the warning is for replace and drop; here everything is appended
        ),
        dataset_name=source,
    )


def run_resource(settings: Settings, pipeline: dlt.Pipeline, source: str, resource: Any) -> None:
    """Runs one resource and moves its files into the landing zone. Raises the errors of the resource."""

    @dlt.source(name=source)
    def only() -> Any:
        return resource

    try:
        pipeline.run(only(), loader_file_format="parquet", write_disposition="append")
    except PipelineStepFailed as error:
        raise _cause(error) from None
    finish(settings, pipeline, source)


def finish(settings: Settings, pipeline: dlt.Pipeline, source: str) -> None:
    """Finishes packages that an earlier run left behind, and moves finished files into the landing zone."""
    try:
        if pipeline.has_pending_data:
            pipeline.sync_destination()
            pipeline.normalize()
            pipeline.load()
    except PipelineStepFailed as error:
        raise _cause(error) from None
    dataset = settings.home / "dlt" / source / "finished" / source
    loads = {path.stem.rpartition("__")[2] for path in dataset.glob("_dlt_loads/*.jsonl")}
    for path in sorted(dataset.glob("*/*.parquet")):
        found = _FINISHED.fullmatch(path.name)
        if found and found["load_id"] in loads:
            target = settings.landing_dir / source / path.parent.name
            target.mkdir(parents=True, exist_ok=True)
            path.rename(target / path.name)


def _cause(error: PipelineStepFailed) -> Exception:
    """Our own error inside dlt's, else one with only the type of the cause: dlt's texts may quote a record."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (IngestionError, VendorError)):
            return cause
        if isinstance(cause, OSError) and cause.strerror:
            return TransientError(
                f"the landing zone cannot be written: {cause.strerror}. Nothing of this run was kept."
            )
        cause = cause.__cause__ or cause.__context__
    innermost: BaseException = error
    while innermost.__cause__ or innermost.__context__:
        innermost = innermost.__cause__ or innermost.__context__ or innermost
    return TransientError(f"reading stopped with {type(innermost).__name__}. Nothing of this run was kept.")


@dataclass(frozen=True)
class _Run:
    """One call of `extract`."""

    settings: Settings
    pipeline: dlt.Pipeline
    client: ApiClient
    source: str
    window: Window | None
    progress: Callable[[str, int], None]

    def stream(self, name: str, stream: StreamSpec) -> StreamReport:
        """Reads one stream completely, or changes nothing."""
        counts = dict.fromkeys(stream.entities, 0)
        marks: dict[str, str | None] = {"before": None, "after": None}

        def read() -> Iterator[Any]:
            state = dlt.current.resource_state()
            marks["before"] = marks["after"] = state.get("watermark")
            reached = None
            for entity in () if stream.incremental else stream.entities:  # an empty listing must land as empty
                yield dlt.mark.with_table_name(PAYLOAD_SCHEMA.empty_table(), entity)
            pages = self.client.fetch(name, self.window or _next_window(stream, marks["before"]))
            for number, page in enumerate(pages, start=1):
                for entity, table in _tables(page, number):
                    yield dlt.mark.with_table_name(table, entity)
                for entity, records in page.records.items():
                    counts[entity] += len(records)
                if page.watermark is not None:
                    reached = page.watermark if reached is None else max(reached, page.watermark)
                self.progress(name, sum(counts.values()))
            if self.window is None and stream.incremental and reached is not None:
                state["watermark"] = marks["after"] = _moved(marks["before"], reached)

        try:
            run_resource(self.settings, self.pipeline, self.source, dlt.resource(read, name=name))
        except (IngestionError, VendorError) as error:
            return StreamReport(self.source, name, counts, marks["before"], marks["before"], str(error))
        return StreamReport(self.source, name, counts, marks["before"], marks["after"])


def _moved(before: str | None, reached: datetime) -> str:
    """The new watermark: never before the old one, and never in the future, where it would hide later changes."""
    reached = min(reached, datetime.now(UTC))
    return max(before or "", reached.astimezone(UTC).isoformat(timespec="microseconds"))


def _next_window(stream: StreamSpec, watermark: str | None) -> Window:
    if not stream.incremental:
        return Window()
    if watermark is not None:
        return Window(datetime.fromisoformat(watermark) - timedelta(minutes=stream.overlap_minutes))
    if stream.start_days is not None:
        return Window(datetime.now(UTC) - timedelta(days=stream.start_days))
    return Window()


def _tables(page: Page, number: int) -> Iterator[tuple[str, pa.Table]]:
    """The records and the complete scopes of a page: one table per entity."""
    for entity in {**page.records, **page.complete}:
        records = [_text(record) for record in page.records.get(entity, ())]
        scopes = [_text(scope) for scope in page.complete.get(entity, ())]
        rows = len(records) + len(scopes)
        columns = [records + scopes, [number] * rows, [False] * len(records) + [True] * len(scopes)]
        yield (
            entity,
            pa.table(
                [pa.array(values, kind) for values, kind in zip(columns, PAYLOAD_SCHEMA.types, strict=True)],
                schema=PAYLOAD_SCHEMA,
            ),
        )


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def raise_for_failed(reports: Sequence[StreamReport]) -> None:
    """Raises the failures of a run as one IngestionError."""
    failed = [report for report in reports if report.error]
    if failed:
        raise IngestionError("; ".join(f"{report.stream}: {report.error}" for report in failed))

"""Fetching: whatever lies outside, brought into the landing zone; where a source comes from decides how.

Add here when sources come from another kind of place. Keep out: how one kind is read (extraction.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ingestion import database, remote
from ingestion.api import Api
from ingestion.errors import IngestionError
from ingestion.extraction import StreamReport, Window, extract, load_client
from ingestion.settings import Settings
from ingestion.spec import SourceSpec, VariableSpec
from vendors.errors import VendorError


def is_fetched(source: SourceSpec) -> bool:
    """Whether Merganser itself can go and get this source; else its files are brought by somebody."""
    return source.api is not None or is_fetched_unasked(source)


def is_fetched_unasked(source: SourceSpec) -> bool:
    """Whether the declaration says by itself where to get it (a database, remote files); an API is switched on."""
    return database.has_database(source) or remote.has_remote(source)


def fetch(
    settings: Settings,
    source: SourceSpec,
    *,
    window: Window | None = None,
    streams: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[StreamReport]:
    """Brings what is new of a source into the landing zone; raises nothing: a failure is in the report.

    `window`: this span again instead of what is new. `streams`: only these. `progress` is told a stream and how many
    records it has brought (remote files: how many files).
    """
    reports = []
    try:
        if source.api is not None:
            reports += extract(
                settings, source, window=window, streams=streams, environment=environment, progress=progress
            )
        if database.has_database(source):
            reports += database.extract(
                settings, source, window=window, tables=streams, environment=environment, progress=progress
            )
        if remote.has_remote(source) and window is None:
            brought = remote.bring(settings, source, entities=streams, environment=environment, progress=progress)
            reports += [
                StreamReport(source.source, each.entity, {each.entity: each.brought}, error=each.error)
                for each in brought
            ]
    except (IngestionError, VendorError) as error:
        reports.append(StreamReport(source.source, "*", error=str(error)))
    return reports


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> str:
    """Asks for a first page, looks at tables and folders, and keeps nothing. What stands in the way, or empty."""
    try:
        if source.api is not None:
            client = load_client(source, Api(source.source, source.api, environment))
            stream = next(iter(source.api.streams))
            next(iter(client.fetch(stream, Window(since=datetime.now(UTC) - timedelta(days=1)))), None)
        database.try_connection(source, environment)
        remote.try_connection(source, environment)
    except (IngestionError, VendorError) as error:
        return str(error)
    return ""


def stream_names(source: SourceSpec) -> tuple[str, ...]:
    """What of this source can be fetched by itself."""
    apis = tuple(source.api.streams) if source.api else ()
    tables = tuple(source.database.tables) if source.database else ()
    return (*apis, *tables, *(name for name, entity in source.entities.items() if entity.remote))


def entities_of(source: SourceSpec, stream: str) -> tuple[str, ...]:
    """The entities that a stream of this source brings; all of them where a report names no stream."""
    if source.api and stream in source.api.streams:
        return source.api.streams[stream].entities
    return (stream,) if stream in source.entities else tuple(source.entities)


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables that fetching this source reads, by name."""
    apis = dict(source.api.variables) if source.api else {}
    return {**apis, **database.variables(source), **remote.variables(source)}


def missing_variables(source: SourceSpec, environment: Mapping[str, str] | None = None) -> list[str]:
    """Names of the variables that have to be set and are not; <SOURCE>_<NAME> stands for a common <NAME>."""
    environment = os.environ if environment is None else environment
    return [
        name
        for name, spec in variables(source).items()
        if spec.default is None and not environment.get(name) and not environment.get(f"{source.source.upper()}_{name}")
    ]

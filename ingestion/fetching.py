"""Fetching: reads a source from its API, database or remote files into the landing zone.

Add here when there is another kind of origin. Keep out: how one kind is read (extraction.py, database.py, remote.py).
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
    """Whether Merganser can fetch this source; otherwise somebody else delivers its files."""
    return source.api is not None or is_fetched_by_default(source)


def is_fetched_by_default(source: SourceSpec) -> bool:
    """Whether the source is fetched by default (a database, remote files); an API must be switched on."""
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
    """Fetches new records of a source into the landing zone. Failures are in the report; nothing is raised.

    `window`: fetch this span again instead. `streams`: only these. `progress`: a callback that receives a stream and
    the number of its records so far (for remote files, of files).
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
            downloads = remote.download(settings, source, entities=streams, environment=environment, progress=progress)
            reports += [
                StreamReport(source.source, each.entity, {each.entity: each.downloaded}, error=each.error)
                for each in downloads
            ]
    except (IngestionError, VendorError) as error:
        reports.append(StreamReport(source.source, "*", error=str(error)))
    return reports


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> str:
    """Requests a first page, and looks at tables and folders. Returns what is wrong, or an empty text."""
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
    """The streams of this source that can be fetched separately."""
    apis = tuple(source.api.streams) if source.api else ()
    tables = tuple(source.database.tables) if source.database else ()
    return (*apis, *tables, *(name for name, entity in source.entities.items() if entity.remote))


def entities_of(source: SourceSpec, stream: str) -> tuple[str, ...]:
    """The entities of a stream; all entities of the source if the report names no stream."""
    if source.api and stream in source.api.streams:
        return source.api.streams[stream].entities
    return (stream,) if stream in source.entities else tuple(source.entities)


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables for fetching this source, by name."""
    apis = dict(source.api.variables) if source.api else {}
    return {**apis, **database.variables(source), **remote.variables(source)}


def missing_variables(source: SourceSpec, environment: Mapping[str, str] | None = None) -> list[str]:
    """The names of required variables that are not set; <SOURCE>_<NAME> may replace <NAME>."""
    environment = os.environ if environment is None else environment
    return [
        name
        for name, spec in variables(source).items()
        if spec.default is None and not environment.get(name) and not environment.get(f"{source.source.upper()}_{name}")
    ]

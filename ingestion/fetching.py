"""Fetching: reads a source from its API, database or remote files into the landing zone.

The modules that read are imported when a source needs them: dlt and s3fs take seconds, and most sources have neither.
Add here when there is another kind of origin. Keep out: how one kind is read (extraction.py, database.py, remote.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ingestion.api import Api
from ingestion.connectors import StreamReport, Window
from ingestion.errors import IngestionError
from ingestion.settings import Settings
from ingestion.spec import SourceSpec, VariableSpec
from vendors.errors import VendorError


def is_fetched(source: SourceSpec) -> bool:
    """Whether Merganser can fetch this source; otherwise somebody else delivers its files."""
    return source.api is not None or is_fetched_by_default(source)


def is_fetched_by_default(source: SourceSpec) -> bool:
    """Whether the source is fetched by default (a database, remote files); an API must be switched on."""
    return source.database is not None or _has_remote(source)


def _has_remote(source: SourceSpec) -> bool:
    return any(entity.remote for entity in source.entities.values())


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
            from ingestion.extraction import extract

            reports += extract(
                settings, source, window=window, streams=streams, environment=environment, progress=progress
            )
        if source.database is not None:
            from ingestion import database

            reports += database.extract(
                settings, source, window=window, tables=streams, environment=environment, progress=progress
            )
        if _has_remote(source) and window is None:
            from ingestion import remote

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
            from ingestion.extraction import load_client

            client = load_client(source, Api(source.source, source.api, environment))
            stream = next(iter(source.api.streams))
            next(iter(client.fetch(stream, Window(since=datetime.now(UTC) - timedelta(days=1)))), None)
        if source.database is not None:
            from ingestion import database

            database.try_connection(source, environment)
        if _has_remote(source):
            from ingestion import remote

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
    declared = dict(source.api.variables) if source.api else {}
    if source.database is not None:
        from ingestion import database

        declared |= database.variables(source)
    if _has_remote(source):
        from ingestion import remote

        declared |= remote.variables(source)
    return declared


def missing_variables(source: SourceSpec, environment: Mapping[str, str] | None = None) -> list[str]:
    """The names of required variables that are not set; <SOURCE>_<NAME> may replace <NAME>."""
    environment = os.environ if environment is None else environment
    return [
        name
        for name, spec in variables(source).items()
        if spec.default is None and not environment.get(name) and not environment.get(f"{source.source.upper()}_{name}")
    ]

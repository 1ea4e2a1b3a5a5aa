"""Fetching: whatever lies outside, brought into the landing zone; where a source comes from decides how.

Add here when sources come from another kind of place. Keep out: how one kind is read (extraction.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ingestion.errors import IngestionError
from ingestion.extraction import StreamReport, Window, extract, load_client
from ingestion.http import Api
from ingestion.settings import Settings
from ingestion.spec import SourceSpec, VariableSpec


def is_fetched(source: SourceSpec) -> bool:
    """Whether Merganser itself can go and get this source; else its files are brought by somebody."""
    return source.api is not None


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
    records it has brought.
    """
    try:
        return extract(settings, source, window=window, streams=streams, environment=environment, progress=progress)
    except IngestionError as error:
        return [StreamReport(source.source, "*", error=str(error))]


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> str:
    """Asks the vendor for the first page of the first stream and throws it away. What stands in the way, or empty."""
    if source.api is None:
        return ""
    try:
        client = load_client(source, Api(source.source, source.api, environment))
        stream = next(iter(source.api.streams))
        next(iter(client.fetch(stream, Window(since=datetime.now(UTC) - timedelta(days=1)))), None)
    except IngestionError as error:
        return str(error)
    return ""


def stream_names(source: SourceSpec) -> tuple[str, ...]:
    """What of this source can be fetched by itself."""
    return tuple(source.api.streams) if source.api else ()


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables that fetching this source reads, by name."""
    return dict(source.api.variables) if source.api else {}


def missing_variables(source: SourceSpec, environment: Mapping[str, str] | None = None) -> list[str]:
    """Names of the variables that have to be set and are not."""
    environment = os.environ if environment is None else environment
    return [name for name, spec in variables(source).items() if spec.default is None and not environment.get(name)]

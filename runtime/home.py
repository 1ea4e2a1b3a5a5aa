"""A home: the one directory that holds all state of an installation, its paths and its settings.

Add here: a path or a setting. Keep out: what is done with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from runtime.errors import MerganserError, WrongUseError
from runtime.files import create_private_files, make_private_directory, write_whole

DEFAULT_HOME = ".merganser"
# How the data of a source arrives: Merganser fetches it (through dlt), Fivetran lands its tables, or files are copied.
LOADERS = ("dlt", "fivetran", "files")
PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Home:
    """Paths of one home (absolute), and `as_of`: the moment in UTC at which segments, expiry and consent are judged, as
    ISO text without zone; empty means now. `published_until`: tests of staging look at rows that arrived later; empty
    means at all (publication/arrivals.py)."""

    path: Path
    as_of: str = ""
    published_until: str = ""

    @property
    def warehouse(self) -> Path:
        return self.path / "warehouse.duckdb"

    @property
    def serving(self) -> Path:
        return self.path / "serving.duckdb"

    @property
    def landing(self) -> Path:
        """Inside the home, which no other user can enter. MERGANSER_LANDING names a directory shared with a loader."""
        return Path(os.environ.get("MERGANSER_LANDING") or self.path / "landing").expanduser().resolve()

    @property
    def truth(self) -> Path:
        return self.path / "truth"

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    @property
    def publication_record(self) -> Path:
        """What serving.duckdb contains (publication/serving_file.py writes it)."""
        return self.path / "published.json"

    @property
    def quality(self) -> Path:
        return self.path / "quality"

    @property
    def quality_result(self) -> Path:
        return self.quality / "result.json"

    @property
    def quality_report(self) -> Path:
        return self.quality / "report.html"

    @property
    def quality_metrics(self) -> Path:
        """Numbers of the build that was checked last; publication stores them beside the tables."""
        return self.quality / "metrics.json"

    @property
    def arrivals(self) -> Path:
        """Until when arrived rows are tested and published (publication/arrivals.py)."""
        return self.quality / "arrivals.json"

    @property
    def waivers(self) -> Path:
        """Which broken rules may be published, until when, by whose decision and why."""
        return self.path / "waivers.json"

    @property
    def overrides_log(self) -> Path:
        """One line for each use of a waiver or an override."""
        return self.path / "overrides.jsonl"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def dbt_target(self) -> Path:
        return self.path / "dbt" / "target"

    @property
    def dbt_logs(self) -> Path:
        return self.path / "dbt" / "logs"

    @property
    def manifest(self) -> Path:
        return self.dbt_target / "manifest.json"

    @property
    def build_record(self) -> Path:
        """The result of the last build (building.py writes it)."""
        return self.path / "dbt" / "build.json"

    @property
    def spill(self) -> Path:
        return self.path / "spill"

    @property
    def settings(self) -> Path:
        return self.path / "settings.yml"

    @property
    def lock(self) -> Path:
        return self.path / "merganser.lock"

    def prepare(self) -> None:
        """Creates the directories that a run writes to; only their owner can enter them.

        Raises MerganserError if that is not possible.
        """
        try:
            for directory in (self.path, self.dbt_target, self.dbt_logs, self.spill, self.quality, self.dagster):
                make_private_directory(directory)
        except OSError as error:
            raise MerganserError(
                f"The home {self.path} cannot be created: {error.strerror}.",
                "Name a directory that you may write to with --home or MERGANSER_HOME.",
            ) from error

    def environment(self) -> dict[str, str]:
        """The variables of this home for dbt and for child processes, with telemetry off."""
        return {
            "MERGANSER_HOME": str(self.path),
            "MERGANSER_AS_OF": self.as_of,
            "MERGANSER_PUBLISHED_UNTIL": self.published_until,
            "DBT_TARGET_PATH": str(self.dbt_target),
            "DBT_LOG_PATH": str(self.dbt_logs),
            "DAGSTER_HOME": str(self.dagster),
            "DO_NOT_TRACK": "1",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "GX_ANALYTICS_ENABLED": "false",
        }


def open_home(path: str | Path | None = None, as_of: str | None = None) -> Home:
    """The home at `path`, else at MERGANSER_HOME, else ./.merganser. Writes nothing.

    `as_of` (ISO, UTC) overrides MERGANSER_AS_OF, which overrides `as_of` in the home's settings.yml; none means now.
    From now on this process creates files that only their owner can read.
    Raises WrongUseError if the path is a file, settings.yml cannot be read, or the moment is not a timestamp.
    """
    create_private_files()
    place = Path(path or os.environ.get("MERGANSER_HOME") or DEFAULT_HOME).expanduser().resolve()
    if place.exists() and not place.is_dir():
        raise WrongUseError(f"{place} is a file, not a home.", "Name a directory with --home or MERGANSER_HOME.")
    moment = as_of or os.environ.get("MERGANSER_AS_OF")
    if moment:
        return Home(path=place, as_of=normal_moment(moment))
    settings = place / "settings.yml"
    try:
        kept = _as_of_in_settings(settings)
        return Home(path=place, as_of=normal_moment(kept) if kept else "")
    except WrongUseError as error:
        if str(settings) in error.message:
            raise
        raise WrongUseError(f"{settings}: as_of: {error.message}", error.hint) from error


def normal_moment(text: str) -> str:
    """An ISO date or timestamp as `YYYY-MM-DDTHH:MM:SS` in UTC; one that names another zone is converted."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise WrongUseError(
            f"'{text}' is not a moment in ISO 8601.", "Write it like 2026-06-30T00:00:00 (UTC) or 2026-06-30."
        ) from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="seconds")


def write_settings(home: Home, **values: object) -> None:
    """Writes these values into the home's settings.yml and keeps its other values."""
    settings = _read_settings(home.settings)
    if settings | values == settings:
        return
    write_whole(home.settings, yaml.safe_dump(settings | values, sort_keys=False))


def value_in_settings(home: Home, name: str) -> object | None:
    """One value of the home's settings.yml; None if it is absent. Raises WrongUseError."""
    return _read_settings(home.settings).get(name)


def sources_in_settings(home: Home) -> dict[str, str] | None:
    """The sources that this home has switched on, each with its loader; None if settings.yml names none.

    Raises WrongUseError if `sources` is not a mapping of names to loaders.
    """
    sources = _read_settings(home.settings).get("sources")
    if sources is None:
        return None
    if not isinstance(sources, dict) or not all(loader in LOADERS for loader in sources.values()):
        raise WrongUseError(
            f"{home.settings}: `sources` is not a mapping of source to loader ({', '.join(LOADERS)}).",
            "Write for example `sources: {hubspot: dlt}`, or let `merganser init` write it.",
        )
    return {str(name): str(loader) for name, loader in sources.items()}


def _read_settings(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        settings = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: bytes that are not text, 2026-02-31
        raise WrongUseError(f"{path} is not valid YAML: {error}", "Correct the file or remove it.") from error
    if not isinstance(settings, dict):
        raise WrongUseError(f"{path} is not a mapping of settings.", "Write for example: as_of: 2026-06-30T00:00:00")
    return settings


def _as_of_in_settings(path: Path) -> str:
    moment = _read_settings(path).get("as_of")
    if isinstance(moment, datetime):  # YAML reads an unquoted timestamp as one
        return moment.isoformat()
    return str(moment) if moment else ""

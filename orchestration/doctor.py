"""Checks what a home needs for a run, and reports it. Changes nothing.

Add here: another requirement that users forget. Keep out: setting it up (setup.py), audits of data (publication/).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestration import demo
from orchestration.stages import known_sources
from orchestration.summary import read_held, read_sources
from orchestration.translation import as_merganser_errors
from publication import publishing
from publication.serving_file import read_published
from runtime import building
from runtime.errors import MerganserError
from runtime.home import Home, sources_in_settings
from runtime.progress import Progress, silent
from runtime.project import check_additions, custom_folder

if TYPE_CHECKING:
    from ingestion.spec import SourceSpec

_FREE_BYTES_WANTED = 2_000_000_000  # a build writes the serving file beside the old one


# dbt's warnings about sources that rely on a default: what is counted, and the seed that would say more.
_DEFAULTS = {
    "assert_every_record_has_its_rule": ("kinds of record without a rule join with tier 5", "identity/match_rules.csv"),
    "assert_every_source_has_its_priorities": (
        "sources without a priority come last with their attributes",
        "survivorship/attribute_rules.csv",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One finding. `state`: fine, look (worth a look), or missing (a run would not work).

    `message`: the observation; `next_step`: what to do. Neither contains values of variables or records.
    """

    subject: str
    state: Literal["fine", "look", "missing"]
    message: str
    next_step: str = ""


def examine(home: Home, *, connect: bool = False, progress: Progress = silent) -> list[Finding]:
    """Checks everything that a run needs. `connect`: also requests a first page from each fetched source."""
    return [
        *_place(home),
        *_additions(),
        *_sources(home, connect=connect, progress=progress),
        *_held(home),
        *_defaults(home),
        *_readers(home),
    ]


def _place(home: Home) -> Iterator[Finding]:
    try:
        home.prepare()
    except MerganserError as error:
        yield Finding("home", "missing", error.message, error.hint)
        return
    yield Finding("home", "fine", str(home.path))
    free = shutil.disk_usage(home.path).free
    if free < _FREE_BYTES_WANTED:
        yield Finding("disk", "look", f"{free / 1e9:.1f} GB are free", "Free space: a build writes a new serving file.")
    if demo.is_demo(home):
        yield Finding("demo", "look", "this home holds the made-up business", "Use another --home for real data.")
    elif home.as_of:
        yield Finding(
            "as_of", "look", f"everything is judged at {home.as_of}", "Remove as_of from settings.yml for now."
        )


def _additions() -> Iterator[Finding]:
    try:
        folder = custom_folder()
        if folder is not None:
            variables = check_additions(folder)
            sources = ", ".join(variables.get("custom_concept_sources") or {}) or "no source"
            yield Finding("additions", "fine", f"{folder}: {sources}")
    except MerganserError as error:
        yield Finding("additions", "missing", error.message, error.hint)


def _sources(home: Home, *, connect: bool, progress: Progress) -> Iterator[Finding]:
    from ingestion.fetching import is_fetched_by_default, missing_variables

    switched_on = sources_in_settings(home) or {}
    own = known_sources(home, shipped=False)
    declared = known_sources(home)
    if not switched_on and not own and not demo.is_demo(home):
        yield Finding("sources", "missing", "none is switched on", "merganser init")
    landed = _landed(home)
    for number, name in enumerate(sorted({*switched_on, *own}), start=1):
        progress(number, len(switched_on), name)
        if name not in declared:
            yield Finding(name, "missing", "it is not declared", "Correct its name in settings.yml.")
            continue
        loader = switched_on.get(name, "dlt" if is_fetched_by_default(declared[name]) else "files")
        missing = missing_variables(declared[name]) if loader == "dlt" else []
        if missing:
            yield Finding(name, "missing", f"not set: {', '.join(missing)}", f"See {home.path / '.env.example'}.")
        elif loader == "dlt" and connect:
            yield _connection(home, name)
        elif loader == "dlt":
            yield Finding(name, "fine", "its variables are set", "merganser doctor --connect tests the connection.")
        if name in landed:
            yield Finding(name, "fine", landed[name])
        elif not missing:
            where = "" if loader == "dlt" else f" and copy its files to {home.landing}"
            yield Finding(name, "look", "nothing has landed yet", f"merganser ingest {name}{where}")


def _held(home: Home) -> Iterator[Finding]:
    try:
        holds = read_held(home)
    except MerganserError:
        return
    for hold in holds:
        column = f" of {hold.column}" if hold.column else ""
        yield Finding(
            f"{hold.source}.{hold.entity}",
            "look",
            f"a load is held by {hold.gate}{column}: {hold.found}; {hold.usual}",
            f"Correct {hold.files[0]}, or: merganser ingest {hold.source} --accept-load {hold.gate} --reason ...",
        )


def _defaults(home: Home) -> Iterator[Finding]:
    """Sources that the last build took with default rules."""
    try:
        build = building.last_build(home)
    except MerganserError:
        return
    for warning in build.warnings if build else []:
        if warning.name in _DEFAULTS:
            counted, seed = _DEFAULTS[warning.name]
            yield Finding(
                "rules",
                "look",
                f"{warning.broken_count} {counted}",
                f"dbt test -s {warning.name} names them; add rows to dbt_project/seeds/{seed}.",
            )


def _landed(home: Home) -> dict[str, str]:
    try:
        totals = read_sources(home) if home.warehouse.exists() else []
    except MerganserError:
        return {}
    return {
        total.source: f"{total.landed:,} landed, {total.quarantined:,} in quarantine, last at {total.last_loaded_at}"
        for total in totals
        if total.extracted
    }


def _connection(home: Home, name: str) -> Finding:
    from ingestion.fetching import try_connection

    source = known_sources(home)[name]
    with as_merganser_errors():
        error = try_connection(source)
    if error:
        return Finding(name, "missing", error, f"See {connection_page(source)}.")
    return Finding(name, "fine", "the vendor answers")


def connection_page(source: SourceSpec) -> str:
    """The page about credentials of this source: a user's own database or files have no page of their own."""
    page = source.source if source.api else "database" if source.database else "files"
    return f"docs/connect/{page}.md"


def _readers(home: Home) -> Iterator[Finding]:
    if home.serving.exists():
        build_id = publishing.published_build(home).get("build_id", "")  # raises if the file cannot be opened
        if home.publication_record.exists() and read_published(home) is None:
            yield Finding(
                "serving", "look", f"{home.serving.name} is not the file that was published", "merganser publish"
            )
        else:
            yield Finding("serving", "fine", f"published build {build_id}".strip())
    else:
        yield Finding("serving", "look", "nothing is published yet", "merganser run")

"""Until when arrived rows are tested and published: dbt's tests of staging look at later arrivals only.

Rows of a build that was not published are tested again in the next one. Everything is tested where it is not certain
that the earlier rows would pass again: another file is served, the project changed, raw was rebuilt from its files, or
a broken data rule was published by a waiver or an override.

Add here: another reason to test everything. Keep out: how a test selects the rows (dbt_project/macros/quality/).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from publication.quality import last_check
from runtime.building import BuildReport
from runtime.errors import MerganserError
from runtime.files import read_mapping, write_whole
from runtime.home import PROJECT_ROOT, Home
from runtime.project import custom_folder
from runtime.warehouse import opened_serving

_PARTS = ("dbt_project", "dbt_project.yml", "ingestion/sources", "requirements.lock")
_NOT_SOURCE = {"__pycache__", "target"}


def published_until(home: Home, root: Path = PROJECT_ROOT) -> str:
    """The moment (ISO, UTC) until which all arrived rows are tested and published; empty if all are to be tested."""
    try:
        if not (home.arrivals.exists() and home.serving.exists()):
            return ""
        kept = read_mapping(home.arrivals, "")
        with opened_serving(home) as connection:
            served = connection.execute("select build_id from main.build_info").fetchone()
        known = served is not None and served[0] == kept["build_id"] and kept["project"] == project_checksum(root)
        return str(kept["until"]) if known else ""
    except (MerganserError, KeyError):  # a damaged file says nothing
        return ""


def record_published(home: Home, build: BuildReport, root: Path = PROJECT_ROOT) -> None:
    """Records that this build's rows are published. Forgets it where a broken data rule was let through."""
    audit = last_check(home)
    if audit is None or any(result.kind == "data" and not result.passed for result in audit.results):
        forget_published(home)
        return
    kept = {"build_id": build.build_id, "until": build.started_at, "project": project_checksum(root)}
    write_whole(home.arrivals, json.dumps(kept))


def forget_published(home: Home) -> None:
    """The next build tests all rows."""
    home.arrivals.unlink(missing_ok=True)


def project_checksum(root: Path = PROJECT_ROOT) -> str:
    """A checksum of all that decides what staging makes of a row: models, macros, variables, sources, libraries."""
    custom = custom_folder(root)
    found = hashlib.sha256()
    for place in [*(root / part for part in _PARTS), *([custom] if custom else [])]:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not _NOT_SOURCE.intersection(path.parts):
                found.update(f"{path.relative_to(place)}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()

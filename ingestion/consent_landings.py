"""Landings of consent decisions: consent_landings.json beside the warehouse, which exports read without a lock.

Each entity that declares `bears_consent: true` has one entry: a token that changes with every load that changes
something, and the outcome of its last load. The token changes before such a load commits. A build records the tokens
that it found, so an export can check whether its serving file includes every decision that has landed (decision 0014).
exports/freshness.py reads the same format.

Add here when an export must know more about a landing. Keep out: what a decision says (dbt).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion.errors import IngestionError
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from runtime.errors import MerganserError
from runtime.files import write_whole

VERSION = 1


@dataclass(frozen=True)
class ConsentLanding:
    """The last load of one entity that bears consent.

    `outcome`: landing (started and not finished), landed, or failed. `changed_at`: when the token changed (UTC).
    `previous`: the token before this load, kept until the outcome is known.
    """

    token: str
    outcome: str
    changed_at: str
    previous: str | None = None


def consent_landings_path(home: Path) -> Path:
    """The path of the file in a home."""
    return home / "consent_landings.json"


def read_tokens(home: Path) -> dict[str, str] | None:
    """The token of each entity that bears consent; empty if none has landed, None if the file is damaged."""
    landings = _read(home)
    return None if landings is None else {name: landing.token for name, landing in landings.items()}


def ensure_consent_landings(
    settings: Settings, connection: duckdb.DuckDBPyConnection, sources: Sequence[SourceSpec]
) -> None:
    """Rebuilds the file from raw_ops.loads, with new tokens, if it is absent or damaged."""
    path = consent_landings_path(settings.home)
    if path.exists() and _read(settings.home) is not None:
        return
    loads = connection.execute(
        "select source || '.' || entity, arg_max(status, load_id) from raw_ops.loads group by 1"
        " having bool_or(status <> 'nothing_new') order by 1"
    ).fetchall()
    if not loads and not path.exists():
        return
    declared = [*load_sources().values(), *sources]
    bearing = {
        f"{source.source}.{name}"
        for source in declared
        for name, entity in source.entities.items()
        if entity.bears_consent
    }
    _write(
        settings.home,
        {
            name: ConsentLanding(_new_token(), "failed" if status in ("failed", "held") else "landed", _now())
            for name, status in loads
            if name in bearing
        },
    )


def announce_landing(settings: Settings, source: str, entity: str) -> None:
    """Records that a load is about to commit records of an entity that bears consent.

    Raises IngestionError if the file cannot be written; then nothing may land.
    """
    landings = _read(settings.home) or {}
    known = landings.get(f"{source}.{entity}")
    entry = ConsentLanding(_new_token(), "landing", _now(), known.token if known else None)
    _write(settings.home, {**landings, f"{source}.{entity}": entry})


def announce_rebuild(settings: Settings, source: SourceSpec) -> None:
    """Records that the raw tables of a source are about to be replaced. Failed loads still count as failed.

    Raises IngestionError if the file cannot be written; then nothing may be replaced.
    """
    names = {f"{source.source}.{name}" for name, entity in source.entities.items() if entity.bears_consent}
    landings = _read(settings.home) or {}
    renewed = {
        name: replace(landing, token=_new_token(), changed_at=_now())
        for name, landing in landings.items()
        if name in names
    }
    if renewed:
        _write(settings.home, {**landings, **renewed})


def settle_landing(settings: Settings, source: str, entity: str, *, failed: bool, changed: bool) -> None:
    """Records how a load of an entity that bears consent ended.

    `changed`: it landed, quarantined or deleted something. An announced load that changed nothing gets its previous
    token back. Pass True if nothing was announced: an earlier load may have been killed after its commit. Raises
    IngestionError if the file cannot be written; the load then still counts as started.
    """
    name = f"{source}.{entity}"
    landings = _read(settings.home) or {}
    known = landings.get(name)
    if known is None:
        if not failed:
            return
        known = ConsentLanding(_new_token(), "failed", _now())
    settled = replace(known, outcome="failed" if failed else "landed", previous=None)
    if not failed and not changed and known.previous is not None:
        settled = replace(settled, token=known.previous)
    if landings.get(name) != settled:
        _write(settings.home, {**landings, name: settled})


def _read(home: Path) -> dict[str, ConsentLanding] | None:
    """The entries by `source.entity`; None if the file is damaged."""
    try:
        content = json.loads(consent_landings_path(home).read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            return None
        landings = {str(name): ConsentLanding(**entry) for name, entry in content["entities"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return landings if all(isinstance(landing.token, str) for landing in landings.values()) else None


def _write(home: Path, landings: Mapping[str, ConsentLanding]) -> None:
    path = consent_landings_path(home)
    entities = {name: asdict(landing) for name, landing in sorted(landings.items())}
    try:
        write_whole(path, json.dumps({"version": VERSION, "entities": entities}, indent=1) + "\n")
    except MerganserError as error:
        raise IngestionError(
            f"{error} Exports read there which consent decisions have landed. Free space or correct its permissions,"
            " then land again."
        ) from error


def _new_token() -> str:
    return secrets.token_hex(8)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

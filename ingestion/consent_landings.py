"""The arrivals of consent decisions: consent_landings.json beside the warehouse, which a delivery reads without a lock.

Each entity that declares `bears_consent: true` has one entry: a token that changes with every load that changes
something, and the outcome of its last load. The token changes before such a load commits. A build records the tokens
that it found, so a delivery can tell whether its serving file knows every decision that has landed (decision 0014).
The file's format is read by exports/freshness.py too.

Add here when a delivery must know more of a landing. Keep out: what a decision says (dbt).
"""

from __future__ import annotations

import json
import os
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

VERSION = 1


@dataclass(frozen=True)
class ConsentLanding:
    """The last load of one entity that bears consent.

    `outcome`: landing (begun, and not ended yet), landed, or failed. `changed_at`: when the token changed (UTC).
    `previous`: the token before this load, kept until its outcome is known.
    """

    token: str
    outcome: str
    changed_at: str
    previous: str | None = None


def consent_landings_path(home: Path) -> Path:
    """Where the file lies in a home."""
    return home / "consent_landings.json"


def read_tokens(home: Path) -> dict[str, str] | None:
    """The token of each entity that bears consent; empty where none ever landed, None where the file is damaged."""
    landings = _read(home)
    return None if landings is None else {name: landing.token for name, landing in landings.items()}


def ensure_consent_landings(
    settings: Settings, connection: duckdb.DuckDBPyConnection, sources: Sequence[SourceSpec]
) -> None:
    """Writes the file again from landing's books where it is absent or damaged; every token is then a new one."""
    path = consent_landings_path(settings.home)
    if path.exists() and _read(settings.home) is not None:
        return
    booked = connection.execute(
        "select source || '.' || entity, arg_max(status, load_id) from raw_ops.loads group by 1"
        " having bool_or(status <> 'nothing_new') order by 1"
    ).fetchall()
    if not booked and not path.exists():
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
            for name, status in booked
            if name in bearing
        },
    )


def announce_landing(settings: Settings, source: str, entity: str) -> None:
    """Says that a load is about to commit records of an entity that bears consent.

    Raises IngestionError where the file cannot be written; nothing may land then.
    """
    landings = _read(settings.home) or {}
    known = landings.get(f"{source}.{entity}")
    entry = ConsentLanding(_new_token(), "landing", _now(), known.token if known else None)
    _write(settings.home, {**landings, f"{source}.{entity}": entry})


def announce_rebuild(settings: Settings, source: SourceSpec) -> None:
    """Says that the raw tables of a source are about to be replaced; what failed to land before still counts as failed.

    Raises IngestionError where the file cannot be written; nothing may be replaced then.
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
    """Notes how a load of an entity that bears consent ended.

    `changed`: it landed, quarantined or deleted something. One that was announced and changed nothing gets back the
    token that it had. Where nothing was announced, pass True: an earlier load may have been killed after its commit.
    Raises IngestionError where the file cannot be written; the load then still counts as begun.
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
    """The entries by `source.entity`; None where the file is damaged."""
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
    """Writes the file aside, to the disk, and renames it: it is there whole, or as it was before."""
    path = consent_landings_path(home)
    aside = path.with_name(f".{path.name}.tmp")
    entities = {name: asdict(landing) for name, landing in sorted(landings.items())}
    text = json.dumps({"version": VERSION, "entities": entities}, indent=1) + "\n"
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise IngestionError(
            f"{path} cannot be written ({error.strerror}); deliveries read there which consent decisions have"
            " landed. Free space or correct its permissions, then land again."
        ) from error


def _new_token() -> str:
    return secrets.token_hex(8)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

"""The commands `merganser quarantine`: lists refused records and replays them, for one home.

Add here: another command about refused records. Keep out: the records themselves (ingestion/quarantine.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import stages
from orchestration.translation import as_merganser_errors
from runtime.errors import WrongUseError
from runtime.home import Home

if TYPE_CHECKING:
    from ingestion.quarantine import QuarantinedRecord, QuarantineList, ReplayReport, Selection


def list_records(home: Home, selection: Selection, limit: int) -> QuarantineList:
    """The selected refused records, without their values. Raises LockedError."""
    from ingestion import quarantine
    from ingestion.settings import Settings

    with as_merganser_errors():
        return quarantine.list_records(Settings.from_home(home.path), selection, limit=limit)


def show_records(home: Home, ids: Sequence[str]) -> list[tuple[QuarantinedRecord, str]]:
    """These records with their values. Raises WrongUseError for an unknown id, LockedError."""
    from ingestion import quarantine
    from ingestion.settings import Settings

    with as_merganser_errors():
        return quarantine.show_records(Settings.from_home(home.path), ids)


def replay(home: Home, selection: Selection, changes: Sequence[str], record_file: Path | None) -> ReplayReport:
    """Lands refused records again, with `changes` (field=value). Raises WrongUseError, LockedError, MerganserError."""
    from ingestion import quarantine
    from ingestion.settings import Settings

    record = None
    if record_file is not None:
        try:
            record = record_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUseError(
                f"{record_file} cannot be read as text.", "Name a file with one JSON object."
            ) from error
    with as_merganser_errors():
        return quarantine.replay(
            Settings.from_home(home.path),
            stages.known_sources(home),
            selection,
            changes=_pairs(changes),
            record=record,
        )


def _pairs(changes: Sequence[str]) -> Mapping[str, str]:
    for change in changes:
        if "=" not in change:
            raise WrongUseError("A correction is field=value.", "For example: --set amount=12.50")
    return dict(change.split("=", 1) for change in changes)

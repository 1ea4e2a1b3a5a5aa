"""Translates errors of ingestion and exports into errors that end a command: wrong use, locked, or failed.

Add here: an error with its own exit code. Keep out: the errors of commands (runtime/errors.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.errors import LockedError, MerganserError, WrongUseError


@contextmanager
def as_merganser_errors() -> Iterator[None]:
    """Raises errors of ingestion and exports again as MerganserError, with their exit codes."""
    from exports import errors as export_errors
    from ingestion import errors as ingestion_errors
    from vendors.errors import VendorError

    wrong_use: tuple[type[Exception], ...] = (
        ingestion_errors.UnknownSourceError,
        ingestion_errors.DeclarationError,
        ingestion_errors.SettingError,
        ingestion_errors.UnknownRecordError,
        export_errors.UnknownExportError,
        export_errors.SpecError,
    )
    locked: tuple[type[Exception], ...] = (ingestion_errors.WarehouseLockedError, export_errors.LedgerBusyError)
    try:
        yield
    except wrong_use as error:
        raise WrongUseError(_sentence(error)) from error
    except locked as error:
        raise LockedError(_sentence(error), "Wait until the other process has ended, and run again.") from error
    except (ingestion_errors.IngestionError, export_errors.ExportError, VendorError) as error:
        raise MerganserError(_sentence(error)) from error


def _sentence(error: Any) -> str:
    text = str(error).strip()
    begins_with_a_name = "_" in text.partition(" ")[0]
    return text if begins_with_a_name else text[:1].upper() + text[1:]

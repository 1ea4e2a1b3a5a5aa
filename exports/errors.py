"""Errors of deliveries: transient ones may be retried unchanged, permanent ones need a person.

Add here when: a caller distinguishes another failure. Keep out: personal values. A message names a model, a field, a
variable or a status, and never a value that is sent.
"""

from __future__ import annotations


class ExportError(Exception):
    """A failed delivery. The message says what to do next."""


class TransientError(ExportError):
    """The same call may succeed later: data and settings are correct."""

    def __init__(self, message: str, *, code: str = "transient", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class PermanentError(ExportError):
    """A retry without a change cannot succeed."""

    def __init__(self, message: str, *, code: str = "permanent") -> None:
        super().__init__(message)
        self.code = code


class SpecError(PermanentError):
    """The declaration of an export (config.meta.export) is invalid; names the model and the field."""


class UnknownExportError(PermanentError):
    """No export of that name is declared."""


class MissingSettingError(PermanentError):
    """A setting of the destination is absent; names the variable, never a value."""

    def __init__(self, variables: tuple[str, ...], export: str) -> None:
        names = " and ".join(variables)
        super().__init__(
            f"{export} is not configured: set {names} in the environment, then run `merganser export deliver {export}`",
            code="not_configured",
        )
        self.variables = variables


class InvalidSettingError(PermanentError):
    """A setting is invalid; names the variable, never its value."""


class ServingError(PermanentError):
    """serving.duckdb is absent, or does not match the manifest."""


class StaleServingError(PermanentError):
    """serving.duckdb is too old to be delivered: its age, or consent decisions that it does not know."""


class LedgerDamagedError(PermanentError):
    """The ledger's file is damaged, of another program, or of a newer version."""


class LedgerLostError(PermanentError):
    """The ledger lacks deliveries that left traces."""


class AdoptionError(PermanentError):
    """The ledger cannot be rebuilt in the requested way."""


class LedgerBusyError(TransientError):
    """Another process has the ledger open."""


class GuardError(PermanentError):
    """A guard of the export stopped a delivery; at most removals that persons decided were sent."""


class BatchRejectedError(PermanentError):
    """The destination rejected the content of this batch: recorded, and not sent again unchanged."""


class DestinationError(PermanentError):
    """The destination cannot be used, whatever the records: access, address, disk."""

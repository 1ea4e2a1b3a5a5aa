"""The errors of the export room: transient ones may be tried again as they are, permanent ones need a person.

Add here when: a caller has to tell one failure from another. Keep out: personal values. A message names a model, a
field, a variable or a status, and never the value that was being sent.
"""

from __future__ import annotations


class ExportError(Exception):
    """Anything that stops an export. The message says what to do next."""


class TransientError(ExportError):
    """Nothing is wrong with the data or the settings: the same call may succeed later."""

    def __init__(self, message: str, *, code: str = "transient", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class PermanentError(ExportError):
    """Trying again as it is cannot help."""

    def __init__(self, message: str, *, code: str = "permanent") -> None:
        super().__init__(message)
        self.code = code


class SpecError(PermanentError):
    """An export's declaration (config.meta.export) is not valid; names the model and the field."""


class UnknownExportError(PermanentError):
    """No export of that name is declared."""


class MissingSettingError(PermanentError):
    """A setting that the destination needs is absent; names the variable, never a value."""

    def __init__(self, variables: tuple[str, ...], export: str) -> None:
        names = " and ".join(variables)
        super().__init__(
            f"{export} is not configured: set {names} in the environment, then run `merganser export deliver {export}`",
            code="not_configured",
        )
        self.variables = variables


class InvalidSettingError(PermanentError):
    """A setting is there and cannot be used; names the variable, never its value."""


class ServingError(PermanentError):
    """serving.duckdb is absent, or does not hold what the manifest promises."""


class StaleServingError(PermanentError):
    """serving.duckdb is too old to be delivered: its age, or consent decisions that it does not know."""


class LedgerDamagedError(PermanentError):
    """The ledger's file cannot be read as one: damaged, of another program, or of a newer version."""


class LedgerLostError(PermanentError):
    """The ledger does not know deliveries that left traces."""


class AdoptionError(PermanentError):
    """The ledger cannot be rebuilt as asked."""


class LedgerBusyError(TransientError):
    """Another process has the ledger open."""


class GuardError(PermanentError):
    """A guard of the export stopped a delivery; at most removals that persons decided were sent."""


class BatchRejectedError(PermanentError):
    """The destination refused this batch as a whole (its content, not our access): recorded, and not sent again
    unchanged.
    """


class DestinationError(PermanentError):
    """The destination refuses us or cannot be written to, whatever the records: access, address, disk."""

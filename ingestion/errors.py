"""The errors of room 1.

Add here when a caller must tell one failure from another. Keep out: messages that carry a value of a record.
"""

from __future__ import annotations

from collections.abc import Sequence


class IngestionError(Exception):
    """Whatever goes wrong in room 1; the message says what to do next and holds no personal value."""


class PermanentError(IngestionError):
    """Trying again changes nothing: somebody has to change a file, a declaration or a setting."""


class TransientError(IngestionError):
    """The same call may succeed later."""


class DeclarationError(PermanentError):
    """A source.yml that breaks a rule of its format."""


class UnknownSourceError(PermanentError):
    """A source that nobody declared."""


class UnknownRecordError(PermanentError):
    """A record of quarantine, or a correction of one, that is not there or has no sense."""


class RebuildRefusedError(PermanentError):
    """Raw tables that cannot be made again: the landing zone does not hold what they were made from."""


class SettingError(PermanentError):
    """A setting or an environment variable that is missing or has no sense."""


class MissingFileError(PermanentError):
    """No file is there for an entity that says it is not optional."""


class UnreadableFileError(PermanentError):
    """Files that cannot be opened, are not of their format, or hold no valid record.

    `files`: their names; the other files can land without them. `messages`: one for each file.
    """

    def __init__(self, message: str, *files: str) -> None:
        super().__init__(message)
        self.files = files
        self.messages: tuple[str, ...] = (message,)

    @classmethod
    def of_all(cls, errors: Sequence[UnreadableFileError]) -> UnreadableFileError:
        """Several of them as one."""
        merged = cls(" ".join(map(str, errors)), *(file for error in errors for file in error.files))
        merged.messages = tuple(message for error in errors for message in error.messages)
        return merged


class UnreachableError(TransientError):
    """Remote files or a database could not be reached, or broke off."""


class SchemaChangedError(PermanentError):
    """A shape that the declaration, or what has landed, does not allow."""


class DeliveryRefusedError(PermanentError):
    """A delivery that would replace a whole table, and is empty or cut short."""


class WarehouseDamagedError(PermanentError):
    """The warehouse file is empty: DuckDB would begin a new one in it, and its history would be gone unnoticed."""


class WarehouseLockedError(TransientError):
    """Another process holds the warehouse."""

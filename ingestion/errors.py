"""The errors of ingestion.

Add here when a caller must tell one failure from another. Keep out: messages that carry a value of a record.
"""

from __future__ import annotations

from collections.abc import Sequence


class IngestionError(Exception):
    """Ingestion failed. The message says what to do next and holds no personal value."""


class PermanentError(IngestionError):
    """Retrying does not help: a file, a declaration or a setting must be changed."""


class TransientError(IngestionError):
    """The same call may succeed later."""


class DeclarationError(PermanentError):
    """A source.yml is invalid."""


class UnknownSourceError(PermanentError):
    """No source with this name is declared."""


class UnknownRecordError(PermanentError):
    """A quarantined record does not exist, or its correction is invalid."""


class RebuildRefusedError(PermanentError):
    """Raw tables cannot be rebuilt: the landing zone does not have the files that they came from."""


class SettingError(PermanentError):
    """A setting or an environment variable is missing or invalid."""


class MissingFileError(PermanentError):
    """There is no file for an entity that is not optional."""


class UnreadableFileError(PermanentError):
    """Files cannot be opened, are not of their format, or hold no valid record.

    `files`: their names; the other files can land without them. `messages`: one for each file.
    """

    def __init__(self, message: str, *files: str) -> None:
        super().__init__(message)
        self.files = files
        self.messages: tuple[str, ...] = (message,)

    @classmethod
    def of_all(cls, errors: Sequence[UnreadableFileError]) -> UnreadableFileError:
        """Combines several errors into one."""
        merged = cls(" ".join(map(str, errors)), *(file for error in errors for file in error.files))
        merged.messages = tuple(message for error in errors for message in error.messages)
        return merged


class UnreachableError(TransientError):
    """Remote files or a database cannot be reached, or the connection broke."""


class SchemaChangedError(PermanentError):
    """The fields or types of a file conflict with the declaration or with what has landed."""


class BatchRefusedError(PermanentError):
    """A batch that replaces a whole table is empty or cut short."""


class WarehouseDamagedError(PermanentError):
    """The warehouse file is empty: DuckDB would start a new database in it, and lose the history silently."""


class WarehouseLockedError(TransientError):
    """Another process holds the warehouse."""

"""Errors that end a command, each with its exit code and a hint.

Add here: a kind of failure that callers distinguish. Keep out: messages that contain personal values or secrets.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_CHECK_FAILED = 3
EXIT_LOCKED = 4


class MerganserError(Exception):
    """A stage failed: `message` says what happened, `hint` what to do next."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WrongUseError(MerganserError):
    """The command cannot be executed as given: an unknown source, an invalid timestamp."""

    exit_code = EXIT_WRONG_USE


class PublicationRefusedError(MerganserError):
    """The warehouse was not built completely, not checked, or failed its check: readers keep the last good file."""

    exit_code = EXIT_CHECK_FAILED


class DamagedFileError(MerganserError):
    """A file of a home is not as Merganser wrote it: truncated, overwritten, or corrupted by the disk."""


class LockedError(MerganserError):
    """Another process works on this home or holds its warehouse."""

    exit_code = EXIT_LOCKED

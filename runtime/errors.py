"""The errors of the corridor, each with its exit code and what to do next.

Add here: a kind of failure that a caller tells apart. Keep out: messages that name a person's values or a secret.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_CHECK_FAILED = 3
EXIT_LOCKED = 4


class MerganserError(Exception):
    """A stage could not do its work: `message` says what happened, `hint` what to do next."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WrongUseError(MerganserError):
    """What was asked for does not exist or cannot be meant: an unknown source, a moment that is no timestamp."""

    exit_code = EXIT_WRONG_USE


class PublicationRefusedError(MerganserError):
    """The warehouse was not built wholly, or not checked, or did not pass: readers keep the last good file."""

    exit_code = EXIT_CHECK_FAILED


class DamagedFileError(MerganserError):
    """A file of a home is not as Merganser wrote it: cut short, overwritten, or corrupted by the disk."""


class LockedError(MerganserError):
    """Another process works on this home or holds its warehouse."""

    exit_code = EXIT_LOCKED

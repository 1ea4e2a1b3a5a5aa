"""What the commands share: common options, opening a home, the JSON report, and how a command ends.

Add here: what more than one command group needs. Keep out: commands, and how they look on a terminal (console.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import console
from runtime.errors import EXIT_OK, MerganserError

if TYPE_CHECKING:
    from runtime.home import Home

EXIT_CODES = "Exit codes: 0 done, 1 a stage failed, 2 wrong use, 3 check failed or nothing published, 4 locked."

HomeOption = Annotated[
    str | None, typer.Option("--home", help="Directory that holds all state; else MERGANSER_HOME, else ./.merganser.")
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Moment (ISO, UTC) to judge segments, expiry and consent at; else settings.yml, or now."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The report as JSON alone on standard output.")]

_homes: list[Home] = []  # the home of this process's command: a storage error does not always name its file


def last_home() -> Home | None:
    """The home that the command of this process opened."""
    return _homes[-1] if _homes else None


def home_at(path: str | None, as_of: str | None) -> Home:
    """Opens the home of a command. If other users could open it, closes it to them and prints a note."""
    from runtime.files import is_private, make_private
    from runtime.home import open_home

    home = open_home(path, as_of)
    _homes[:] = [home]
    if not is_private(home.path) and (narrowed := make_private(home.path)):
        console.show_note(f"Other users could open {home.path}: {narrowed:,} files and directories are closed to them.")
    return home


def end(as_json: bool, command: str, report: Any, error: MerganserError | None = None) -> None:
    """Prints the report as JSON if requested. With an error, prints it and exits with its code."""
    if as_json:
        content = {"command": command, **_outcome(error), **plain(report)}
        typer.echo(json.dumps(content))
    if error is not None:
        console.show_error(error)
        raise typer.Exit(error.exit_code)


def report_failure(error: MerganserError, *, as_json: bool) -> None:
    """Prints an error that stopped a command before it had a report."""
    if as_json:
        typer.echo(json.dumps(_outcome(error)))
    console.show_error(error)


def raised_by(function: Callable[[], object]) -> MerganserError | None:
    """The MerganserError that the function raises; None if it raises none."""
    try:
        function()
    except MerganserError as error:
        return error
    return None


def plain(value: Any) -> Any:
    """A report as JSON can hold it: dataclasses as mappings, moments and paths as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _outcome(error: MerganserError | None) -> dict[str, Any]:
    if error is None:
        return {"ok": True, "exit_code": EXIT_OK}
    return {"ok": False, "exit_code": error.exit_code, "error": error.message, "hint": error.hint}

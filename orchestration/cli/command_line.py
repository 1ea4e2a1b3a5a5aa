"""What every verb of the command shares: its options, how it opens a home, how it answers and ends.

Add here: what verbs of more than one file need. Keep out: verbs (cli.py, identity_cli.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

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


_homes: list[Home] = []  # the one that this process works on; told where storage fails without saying which file


def last_home() -> Home | None:
    """The home that the command of this process opened."""
    return _homes[-1] if _homes else None


def home_at(path: str | None, as_of: str | None) -> Home:
    """The home that a command works on; one that other users can open is closed to them, and the user reads so."""
    from runtime.files import is_private, make_private
    from runtime.home import open_home

    home = open_home(path, as_of)
    _homes[:] = [home]
    if not is_private(home.path) and (narrowed := make_private(home.path)):
        from orchestration.cli import console

        console.show_note(f"Other users could open {home.path}: {narrowed:,} files and directories are closed to them.")
    return home


def end(as_json: bool, command: str, report: Any, error: MerganserError | None = None) -> None:
    """Print the report as JSON where asked, tell the error of the command if there is one, and end with its code."""
    if as_json:
        told = {"error": error.message, "hint": error.hint} if error else {}
        code = error.exit_code if error else EXIT_OK
        typer.echo(json.dumps({"command": command, "ok": error is None, "exit_code": code, **told, **plain(report)}))
    if error is not None:
        from orchestration.cli import console

        console.show_error(error)
        raise typer.Exit(error.exit_code)


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

"""The command `merganser`: all commands, and what happens when one ends or fails.

Exit codes: 0 done, 1 a stage failed, 2 wrong use, 3 the check failed or publication was refused, 4 locked.
Add here: the name of a new command. Keep out: its options and what it prints (its group's module). Commands import
what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from orchestration.cli import additions, build, export, identity, ingest, segment, setup
from orchestration.cli.command_line import EXIT_CODES, last_home, report_failure
from runtime.errors import EXIT_OK, MerganserError

DEBUG_VARIABLE = "MERGANSER_DEBUG"

app = typer.Typer(
    name="merganser",
    help="A warehouse-native customer data platform: land, build, check, publish, export.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (
    setup.demo,
    setup.init,
    setup.doctor,
    ingest.ingest,
    build.build,
    build.publish,
    build.run,
    setup.status,
    setup.dev,
):
    app.command(epilog=EXIT_CODES)(command)
app.add_typer(export.export_app, name="export")
app.add_typer(build.check_app, name="check")
app.add_typer(ingest.quarantine_app, name="quarantine")
app.add_typer(identity.identity_app, name="identity")
app.add_typer(segment.segment_app, name="segment")
app.add_typer(additions.new_app, name="new")


@app.callback(invoke_without_command=True)
def merganser(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """A warehouse-native customer data platform: land, build, check, publish, export."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"merganser {installed('merganser')}")
        raise typer.Exit


def main() -> None:
    """The entry point of the command."""
    code = invoke(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if "duckdb" in sys.modules and not os.environ.get(DEBUG_VARIABLE):
        # At exit, DuckDB's binding prints pages about references that dbt and Great Expectations still hold. All
        # output is written by now, so standard error is closed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        gc.freeze()  # saves half a second: the last garbage collection would go through all of dbt's objects
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code. Errors go to standard error, and with --json to the report."""
    try:
        app(args=arguments, prog_name="merganser")
    except SystemExit as ended:
        return int(ended.code or EXIT_OK)
    except MerganserError as error:
        return _fail(error, arguments)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        return _fail(_storage_error(error) or _unexpected(error), arguments)
    return EXIT_OK


def _fail(error: MerganserError, arguments: list[str]) -> int:
    report_failure(error, as_json="--json" in arguments)
    return error.exit_code


def _storage_error(error: Exception) -> MerganserError | None:
    """The error about a damaged file or a full disk, in the home of the command; None for any other exception."""
    from runtime.damage import explained

    home = last_home()
    return explained(home, error) if home is not None else None


def _unexpected(error: Exception) -> MerganserError:
    """An exception that nobody foresaw, as one line without values: its message may quote a person's data."""
    from runtime.redaction import without_values

    message = without_values(f"{type(error).__name__}: {error}").splitlines()[0]
    return MerganserError(message, f"Set {DEBUG_VARIABLE}=1 and run again to see where it happened.")


if __name__ == "__main__":
    main()

"""How the commands write to a terminal: results on standard output, progress and errors on standard error.

Add here: what more than one command group prints. Keep out: how one report looks (its command group's module).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.printable import printable, printable_lines
from runtime.progress import Progress, silent

if TYPE_CHECKING:
    from runtime.errors import MerganserError

_FILE_WIDTH = 160  # characters: output to a pipe or a file is not cut to the default width of 80


class PlainConsole(Console):
    """A console that prints all text as plain: no markup, no emoji, no control characters.

    This covers lines, tables, titles and prompts. Styles come from `style=`, or from a `Text` that holds only our own
    words."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Called by Rich for each string that it prints."""
        return super().render_str(printable_lines(text), **{**options, "markup": False, "emoji": False})


def out() -> Console:
    """The console for results. Made on each call, because tests and pipes replace standard output."""
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    return PlainConsole(file=sys.stdout, highlight=False, width=width)


def err() -> Console:
    """The console for progress and errors."""
    width = None if sys.stderr.isatty() else _FILE_WIDTH
    return PlainConsole(file=sys.stderr, highlight=False, stderr=True, width=width)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Callable[[str], Progress]]:
    """Yields a function that adds a progress bar for a stage, on standard error. Silent if quiet or not a terminal."""
    from rich.progress import (  # 20 ms that `--help` does not need
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as ProgressBars

    console = err()
    if quiet or not console.is_terminal:
        yield lambda stage: silent
        return
    columns = [
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.fields[stage]:<8}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", style="dim", markup=False),
    ]
    with ProgressBars(*columns, console=console) as bars:

        def finish_last() -> None:
            for task in bars.tasks[-1:]:
                bars.update(task.id, total=task.completed or 1, completed=task.completed or 1, description="")

        def bar(stage: str) -> Progress:
            finish_last()
            task = bars.add_task("", total=None, stage=stage)

            def show(done: int, total: int | None, label: str) -> None:
                bars.update(task, completed=done, total=total, description=printable(label)[:60])

            return show

        yield bar
        finish_last()


def show_error(error: MerganserError) -> None:
    """An error: what happened and what to do next, on standard error."""
    console = err()
    console.print("Error:", style="bold red", end=" ")
    console.print(error.message, markup=False)
    if error.hint:
        console.print(error.hint, markup=False, style="dim")


def show_note(text: str) -> None:
    """Something that a command did besides its task, on standard error."""
    err().print(text, markup=False, style="yellow")


def new_table(title: str, *columns: str, numbers: tuple[int, ...] | None = None) -> Table:
    """A table without lines. `numbers`: the columns that hold numbers, by position; by default all but the first."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        number = place > 0 if numbers is None else place in numbers
        last = place == len(columns) - 1
        table.add_column(column, justify="right" if number else "left", header_style="dim", no_wrap=not last)
    return table

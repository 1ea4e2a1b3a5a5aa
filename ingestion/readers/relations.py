"""What a reader hands over: a relation of records with its input fields, and the plan that collects all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ingestion.errors import UnreadableFileError
from ingestion.fields import Seen
from ingestion.files import LandingFile, printable
from ingestion.settings import Settings

MAX_FIELDS = 2_000  # of a record; wider records cost memory for every record of their file (Excel has 16,384 columns)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Stream:
    """A file that is parsed while it is inserted: a select of the columns, _extra, _payload and _file, in file order.

    The select raises duckdb.InvalidInputException at the first record that breaks a rule. `count`: number of records.
    """

    select: str
    count: int


@dataclass(frozen=True)
class Input:
    """A field of a file: the expression that reads it, its DuckDB type, and its name in the file."""

    expression: str
    type: str
    label: str


@dataclass(frozen=True)
class Relation:
    """Records to read: the SQL relation, expressions for file and row number, and the fields.

    `payload`: the whole record, if it is JSON that is read by pointers. `is_numbered`: false if the number of a record
    is its position in the result. `text`: the record as text, and `others` its undeclared fields as one JSON object, if
    they are too many to be inputs.
    """

    source: str
    file: str
    row: str
    inputs: tuple[Input, ...]
    is_text: bool
    payload: str | None = None
    page: str | None = None
    is_numbered: bool = True
    text: str | None = None
    others: str | None = None


@dataclass
class Plan:
    """The selects that `incoming` is the union of, and what the readers found.

    `named_fields`: how many undeclared JSON fields may become columns of their own. `giants`: files with a line that is
    far longer than a record may be.
    """

    named_fields: int
    selects: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    may_have_problems: bool = False
    has_scopes: bool = False
    fields: list[Mapping[str, Seen]] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    giants: list[LandingFile] = field(default_factory=list)


def for_each(files: Sequence[LandingFile], action: Callable[[LandingFile], _Result]) -> list[_Result]:
    """Calls the action for each file and returns the results. Raises one UnreadableFileError for all that failed."""
    results, errors = [], []
    for file in files:
        try:
            results.append(action(file))
        except UnreadableFileError as error:
            errors.append(error)
    if errors:
        raise UnreadableFileError.of_all(errors)
    return results


def refuse_wide(file: LandingFile, count: int) -> None:
    """Raises UnreadableFileError if a file has more columns than are read."""
    if count > MAX_FIELDS:
        raise UnreadableFileError(
            f"{printable(file.name)}: has {count} columns, and at most {MAX_FIELDS} are read; remove those that are not"
            " needed, or put them into one JSON column.",
            file.name,
        )


def needs_memory(file: LandingFile, settings: Settings) -> str:
    """The message for a file that needs more memory than is allowed."""
    return (
        f"{printable(file.name)}: reading it needs more memory than MERGANSER_MEMORY ({settings.memory}) allows; raise"
        " it, or split the file."
    )


def unreadable(file: LandingFile) -> str:
    """The message for a file that DuckDB cannot read; DuckDB's own message may quote a record."""
    return f"{file.name}: cannot be read as {file.format}; is the file complete, and is that its format?"

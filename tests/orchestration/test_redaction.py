"""Messages repeat no data: real errors of DuckDB and Python, with values of many shapes."""

from __future__ import annotations

import re
import traceback

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.redaction import _TYPE, _WORDS, hide_values, without_values

PERSON = ('Zyxanna "Zan" O\'Qwertz\nSecondline', "zan.o'qwertz@persons.example", "+491709876543")
FAILING = (
    "select cast(? as integer)",
    "select cast(? as date)",
    "select cast(? as timestamptz)",
    "select cast(? as decimal(4, 2))",
    "select cast(? as boolean)",
    "select cast(? as uuid)",
    "select cast(? as integer[])",
    "select cast(? as struct(a integer))",
    "select cast(? as enum('x', 'y'))",
    "select cast('{\"a\": ' || ? || '}' as json)",
    "select json_extract('{' || ?, '$.a')",
    "select strptime(?, '%Y')",
    "select date_part(?, now())",
    "select error(? || ' is wrong')",
    "select regexp_matches('x', '(' || ?)",
    "select from_base64('=' || ?)",
    "select ('\\xZZ' || ?)::blob",
    "select timezone('x' || ?, now())",
    "insert into keyed select ? from range(2)",
    "insert into referring values ('x' || ?)",
)
TEXTS = st.one_of(st.sampled_from(PERSON), st.text(min_size=1, max_size=40), st.emails())


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute("create table keyed (k varchar primary key)")
    opened.execute("create table referring (k varchar references keyed (k))")
    return opened


def repeated(value: str, output: str) -> set[str]:
    """Words of a value that a message repeats although DuckDB itself does not use them."""
    words = {word for word in re.findall(r"\w{2,}", value) if word not in _WORDS and not re.fullmatch(_TYPE, word)}
    return {word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", output)}


def error_of(connection: duckdb.DuckDBPyConnection, statement: str, value: str) -> str:
    """DuckDB's message about a value; empty if there is no error.

    DuckDB may cut a message within a character; its client then raises a UnicodeDecodeError, whose text has one byte.
    """
    try:
        connection.execute(statement, [value]).fetchall()
    except (duckdb.Error, UnicodeDecodeError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("statement", FAILING)
def test_no_error_of_duckdb_repeats_a_person(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    for value in PERSON:
        raised = error_of(connection, statement, value)
        assert not repeated(value, without_values(raised))
        if "cast" in statement or "error" in statement or "keyed" in statement:  # the failing twin
            assert repeated(value, raised)


@given(value=TEXTS, statement=st.sampled_from(FAILING))
@example(value="\U00018cd6a/0", statement="select cast(? as integer)")
@example(
    value="0000000\x80\x80\x80\x80\x80\x80\x80\u0800" + "\U00010000" * 5,
    statement="select cast('{\"a\": ' || ? || '}' as json)",
)
def test_no_error_of_duckdb_repeats_any_value(
    connection: duckdb.DuckDBPyConnection, value: str, statement: str
) -> None:
    output = without_values(error_of(connection, statement, value))
    spoken = re.sub(r"'x', 'y'|\(\$?\d*\)|source column \w+|line \d+ of", "", output)
    assert not repeated(value, spoken) - {"line", "compiled", "SQL", "the", "of"}
    assert without_values(output) == output


def test_helpful_words_are_kept() -> None:
    output = without_values(
        "Conversion Error: Could not convert string 'a@b.example' to DECIMAL(18,2) when casting from source column fee"
        "\n\nLINE 12:     cast(fee as decimal(18, 2)),\n             ^^^^^^^^^^"
    )
    assert output == (
        "Conversion Error: Could not convert string … to DECIMAL(18,2) when casting from source column fee"
        " (line 12 of the compiled SQL)"
    )
    for kept in (
        'Catalog Error: Table with name dim_custmers does not exist!\nDid you mean "marts.dim_customers"?',
        'Binder Error: Referenced column "emial" not found in FROM clause!\nCandidate bindings: "email"',
        'Parser Error: syntax error at or near "form"\n\nLINE 3: form orders\n        ^',
        "Compilation Error in model dim_customers\n  'foo' is undefined",
        "Got 3 results, configured to fail if != 0",
        'Constraint Error: NOT NULL constraint failed: dim_customers."customer_id"',
        "ModuleNotFoundError: No module named 'splink'",
        'IO Error: Could not write file "home/warehouse.duckdb": No space left on device',
        "build 20260630T120000-a1b2c3 failed in 1234567 ms",
    ):
        assert without_values(kept) == kept
    assert without_values("Conversion Error: x 'v'\n  compiled code at target/run/a.sql").endswith("target/run/a.sql")


@pytest.mark.parametrize(
    "raised",
    [
        ValueError(f"no score for {PERSON[0]}"),
        KeyError(PERSON[1]),
        TypeError(f"unhashable: {PERSON}"),
        RuntimeError(f"Conversion Error: Could not convert string '{PERSON[0]}' to INT32"),
        AttributeError(f"'{PERSON[1]}' has no attribute x"),
    ],
)
def test_no_traceback_of_a_python_model_repeats_a_person(raised: Exception) -> None:
    try:
        try:
            raise raised
        except Exception as error:
            raise RuntimeError(f"row {PERSON}") from error
    except RuntimeError as error:
        text = "Python model failed:\n" + "".join(traceback.format_exception(error))
    output = without_values(text)
    for word in ("Zyxanna", "Zan", "Qwertz", "Secondline", "qwertz@", "9876543"):
        assert word not in output
    assert "Zyxanna" in text  # the failing twin
    assert type(raised).__name__ in output
    assert "test_redaction.py" in output
    assert "raise raised" in output


def test_long_numbers_and_addresses_are_removed_everywhere() -> None:
    output = without_values("the file of zan@persons.example (+49 170 9876543) is absent")
    assert output == "the file of … (…) is absent"


@pytest.mark.parametrize("value", ["type-number", "value@x", "key.example", "list_x", "type's"])
def test_a_value_that_contains_a_known_word_is_removed_completely(value: str) -> None:
    assert without_values(f"Invalid Input Error: {value}") == "Invalid Input Error: …"


def test_errors_of_every_package_keep_their_message() -> None:
    text = "Zyxanna's home is locked."
    for package in ("runtime", "ingestion", "identity", "publication", "exports", "orchestration", "vendors"):
        ours = type("OwnError", (Exception,), {"__module__": f"{package}.errors"})(text)
        hide_values(ours)
        assert str(ours) == text
    foreign = type("OtherError", (Exception,), {"__module__": "library.errors"})(text)  # the failing twin
    hide_values(foreign)
    assert "Zyxanna" not in str(foreign)

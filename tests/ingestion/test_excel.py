"""Workbooks land like a CSV file of the same table: dates stay dates, identifiers keep their digits."""

# ruff: noqa: DTZ001  a workbook knows no zones

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from ingestion import excel
from ingestion.errors import DeclarationError, UnreadableFileError
from ingestion.files import LandingFile
from ingestion.registry import read_source
from tests.ingestion.landing_zone import Landing, contact, source

HEADER = ["Id", "E-Mail", "Amount", "Visits", "Updated at"]


def workbook(path: Path, rows: list[list[Any]], **others: list[list[Any]]) -> Path:
    """A workbook with these rows on its first sheet; others by the names of their sheets."""
    workbook = openpyxl.Workbook()
    first = workbook.active
    assert isinstance(first, Worksheet)
    for sheet, content in [(first, rows), *((workbook.create_sheet(name), rows) for name, rows in others.items())]:
        for row in content:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook.save(path)
    return path


def excel_contact(**changes: Any) -> dict[str, Any]:
    """The contact, with the e-mail under another heading."""
    columns = {**contact()["columns"], "email": {"type": "varchar", "from": "E-Mail"}}
    return contact(columns=columns, **changes)


@pytest.fixture
def crm(landing: Landing) -> Landing:
    landing.source = source(contact=excel_contact())
    return landing


def test_cells_keep_what_they_are(crm: Landing) -> None:
    workbook(
        crm.settings.landing_dir / "crm/contact/a.xlsx",
        [
            HEADER,
            ["007", "a@example.com", 12.5, 3, datetime(2026, 1, 2, 3, 4, 5)],
            [123456789012345, None, 0.1, 4.0, date(2026, 1, 2)],
            [],
            ["x", "c@example.com", "1,5", 2.5, "tomorrow"],
        ],
    )
    report = crm.land_one()
    assert (report.extracted, report.landed, report.quarantined) == (3, 2, 1)
    assert crm.rows("select id, email, amount, visits, updated_at, _row from raw_crm.contact order by _row") == [
        ("007", "a@example.com", Decimal("12.50"), 3, datetime(2026, 1, 2, 3, 4, 5), 1),
        ("123456789012345", None, Decimal("0.10"), 4, datetime(2026, 1, 2), 2),
    ]
    [(row, field, rule, message)] = crm.quarantine()
    assert (row, field, rule) == (4, "amount", "type")
    assert "visits: not a bigint" in message
    assert crm.land_one().status == "nothing_new"


def test_every_kind_of_cell_has_the_text_that_a_csv_would_have(tmp_path: Path) -> None:
    cells = [True, False, 5, 5.0, 5.25, "t", date(2026, 2, 3), datetime(2026, 2, 3, 4, 5, 6, 500_000), time(7, 8)]
    path = workbook(tmp_path / "a.xlsx", [["h"], *([cell] for cell in [*cells, timedelta(hours=30, seconds=1)])])
    sheet = excel.read_sheet(as_file(path), None, None)
    texts = [text for batch in sheet.batches() for text in batch["$0"].to_pylist()]
    iso = ["2026-02-03", "2026-02-03T04:05:06.500000", "07:08:00", "30:00:01"]
    assert texts == ["true", "false", "5", "5", "5.25", "t", *iso]
    assert sheet.warnings == []


def test_a_named_sheet_and_a_header_further_down(crm: Landing) -> None:
    crm.source = source(contact=excel_contact(sheet="Customers", header_row=3))
    rows = [["Customers of 2026"], [], HEADER, ["1", "a@example.com"]]
    workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [["Read me"]], Customers=rows)
    assert crm.land_one().landed == 1
    assert crm.rows("select id, email, _row from raw_crm.contact") == [("1", "a@example.com", 1)]


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(crm: Landing) -> None:
    crm.source = source(contact=excel_contact(sheet="Customers"))
    workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [HEADER], Other=[])
    report = crm.land_one()
    assert report.status == "failed"
    assert "no sheet is named 'Customers'; the sheets are Sheet, Other" in str(report.error)


def test_a_table_that_starts_in_the_middle(crm: Landing) -> None:
    workbook(
        crm.settings.landing_dir / "crm/contact/a.xlsx", [[], [], [None, None, *HEADER], [None, None, "1", "a@b.nl"]]
    )
    assert crm.land_one().landed == 1


def test_undeclared_cells_are_kept(crm: Landing) -> None:
    workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [[*HEADER, "Note"], ["1", None, 1, 1, None, "n", "far"]])
    crm.land_one()
    assert crm.rows("select _extra from raw_crm.contact") == [('{"column":"far","note":"n"}',)]


def test_digits_that_excel_does_not_keep_are_told(crm: Landing) -> None:
    workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [HEADER, [12345678901234567], [5]])
    [warning] = crm.land_one().warnings
    assert "1 numbers have more than 15 digits" in warning


@pytest.mark.parametrize("content", [b"not a workbook", b"PK\x03\x04 half of one"])
def test_what_is_no_workbook_fails_and_says_so(crm: Landing, content: bytes) -> None:
    crm.write("crm/contact/a.xlsx", content)
    report = crm.land_one()
    assert report.status == "failed"
    assert "cannot be read as a workbook" in str(report.error)


def test_a_workbook_cut_short_fails(crm: Landing) -> None:
    path = workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [HEADER, *([str(n)] for n in range(500))])
    path.write_bytes(path.read_bytes()[:-100])
    assert crm.land_one().status == "failed"


def test_a_cell_in_the_last_corner_is_refused_before_it_takes_all_memory(crm: Landing) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "Id"  # type: ignore[index]
    workbook.active["XFD1048576"] = "x"  # type: ignore[index]
    (crm.settings.landing_dir / "crm/contact").mkdir(parents=True)
    workbook.save(crm.settings.landing_dir / "crm/contact/a.xlsx")
    report = crm.land_one()
    assert report.status == "failed"
    assert "spans more than" in str(report.error)


def test_an_empty_workbook_is_a_warning(crm: Landing) -> None:
    workbook(crm.settings.landing_dir / "crm/contact/a.xlsx", [HEADER])
    workbook(crm.settings.landing_dir / "crm/contact/b.xlsx", [])
    report = crm.land_one()
    assert (report.status, report.extracted) == ("nothing_new", 0)
    assert [warning.split(": ")[1] for warning in report.warnings] == ["the sheet has no records."] * 2


def test_a_header_row_is_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        "source: s\ntitle: S\nloader: files\nlegal_basis: contract\n"
        "entities: {e: {header_row: 0, mode: append, columns: {id: varchar}}}"
    )
    with pytest.raises(DeclarationError, match="entity e, header_row"):
        read_source(path)


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(10**15) + 1, 10**15 - 1),
                st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=9).filter(
                    lambda text: not text.startswith("=") and "_x" not in text
                ),
                st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
                    lambda moment: moment.replace(microsecond=0)
                ),
            ),
            min_size=2,
            max_size=2,
        ),
        max_size=8,
    )
)
def test_any_table_comes_through(tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]) -> None:
    path = workbook(tmp_path_factory.mktemp("book") / "a.xlsx", [["a", "b"], *rows])
    sheet = excel.read_sheet(as_file(path), None, None)
    read = [tuple(row.values()) for batch in sheet.batches() for row in batch.to_pylist()]

    expected = [(number, *(texts(cell) for cell in row)) for number, row in enumerate(rows, start=1)]
    expected = [row for row in expected if row[1:] != ({None}, {None})]
    assert len(read) == len(expected)
    for (number, *got), (wanted_number, *allowed) in zip(read, expected, strict=True):
        assert number == wanted_number
        assert all(cell in any_of for cell, any_of in zip(got, allowed, strict=True))


def texts(cell: Any) -> set[str | None]:
    """The possible texts of a cell: for Excel, a timestamp at midnight is a date."""
    if isinstance(cell, bool):
        return {str(cell).lower()}
    if isinstance(cell, datetime):
        return {cell.isoformat(), cell.date().isoformat()} if cell.time() == time() else {cell.isoformat()}
    return {None} if cell in (None, "") else {str(cell)}


def as_file(path: Path) -> LandingFile:
    """The file in the form that landing finds."""
    return LandingFile(path.name, path, "excel", path.stat().st_size, 0, None)


def test_reading_raises_the_error_of_landing(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(UnreadableFileError):
        excel.read_sheet(as_file(path), None, None)

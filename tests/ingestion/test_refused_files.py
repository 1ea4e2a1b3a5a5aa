"""A load of a file without valid records fails with the cause; corrected, or with another declaration, it lands."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.ingestion.landing_zone import Landing, contact, source

HEADER = "id,email,amount,visits,updated_at\n"
ROWS = "1,ann@example.org,10.50,3,2026-01-01\n2,bob@example.org,7,1,2026-01-02\n"
GOOD = HEADER + ROWS
SECRET = "very-private-value"


def german(text: str) -> str:
    return text.replace(",", ";").replace("10.50", "10,50").replace(";7;", ";7,25;")


@pytest.mark.parametrize(
    ("name", "data", "cause", "correction"),
    [
        ("1.csv", GOOD.replace(",", ";"), 'declare `delimiter: ";"`', {"delimiter": ";"}),
        ("1.csv", GOOD.replace(",", "|"), 'declare `delimiter: "|"`', {"delimiter": "|"}),
        ("1.csv", GOOD.replace(",", "\t"), 'declare `delimiter: "\\t"`', {"delimiter": "\t"}),
        ("1.csv", german(GOOD), 'declare `delimiter: ";"`', {"delimiter": ";", "decimal": ","}),
        ("1.csv.gz", GOOD.replace(",", ";"), 'declare `delimiter: ";"`', {"delimiter": ";"}),
        ("1.csv", ROWS, "declare `header: optional`", {"header": "optional"}),
        ("1.csv", "Contacts\n\nof: today\n" + GOOD, "declare `header_row: 4`", {"header_row": 4}),
        (
            "1.csv",
            ("Contacts\n" + GOOD).replace(",", ";"),
            'declare `delimiter: ";"` and `header_row: 2`',
            {"delimiter": ";", "header_row": 2},
        ),
        ("1.csv", GOOD.encode("utf-16-le"), "declare `encoding: utf-16-le`", {"encoding": "utf-16-le"}),
        (
            "1.csv",
            GOOD.replace("ann", "anné").replace("bob", "böb").encode("windows-1252"),
            "declare `encoding`",
            {"encoding": "windows-1252"},
        ),
        ("1.csv", GOOD.replace("10.50", '"10,50"').replace(",7,", ',"7,25",'), "decimal comma", {"decimal": ","}),
        (
            "1.csv",
            GOOD.replace("10.50", '"1,010.50"').replace(",7,", ',"7,000",'),
            "commas between thousands",
            {"thousands": ","},
        ),
        (
            "1.csv",
            GOOD.replace("2026-01-01", "01.01.2026").replace("2026-01-02", "02.01.2026"),
            "values of updated_at are written as day.month.year: declare `date_format`",
            {"date_format": "%d.%m.%Y"},
        ),
        (
            "1.csv",
            GOOD.replace("2026-01-0", "01/0").replace("\n", "/2026\n").replace("at/2026", "at"),
            "slashes: declare `date_format`",
            {"date_format": "%m/%d/%Y"},
        ),
        ("1.csv", GOOD.replace(",3,", ",n/a,").replace(",1,", ",-,"), "`null_values`", {"null_values": ["n/a", "-"]}),
        ("1.ndjson", '{"id": 1, "amount": "1,50"}\n{"id": 2, "amount": "7,00"}\n', "decimal comma", {"decimal": ","}),
    ],
)
def test_the_likely_cause_is_named_and_its_correction_lands_the_file(
    landing: Landing, name: str, data: str | bytes, cause: str, correction: dict[str, Any]
) -> None:
    data = data.encode() if isinstance(data, str) else data
    landing.write(f"crm/contact/{name}", gzip.compress(data) if name.endswith("gz") else data)
    failed = landing.land_one()
    assert (failed.status, failed.extracted) == ("failed", 0)
    assert f"crm/contact/{name}: every record is refused" in str(failed.error)
    assert cause in str(failed.error)
    assert landing.quarantine() == []
    again = landing.land_one()
    assert (again.status, again.error) == ("failed", failed.error)
    landing.source = source(contact=contact(**correction))
    landed = landing.land_one()
    assert (landed.status, landed.landed, landed.quarantined) == ("landed", 2, 0), landing.quarantine()
    assert landing.land_one().status == "nothing_new"


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("1.ndjson", '[{"id": 1},\n{"id": 2}]\n', "one JSON document"),
        ("1.ndjson", '[\n  {"id": 1},\n  {"id": 2}\n]\n', "one JSON document"),
        ("1.json", '{\n  "id": 1\n}\n', "one JSON document"),
        ("1.json", '{"data": [{"id": 1}]}\n{"data": []}\n', "nested in another object"),
        ("1.csv", "<!DOCTYPE html><html><body>Sign in</body></html>\n", "HTML"),
        ("1.ndjson", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "HTML or XML"),
        ("1.csv.gz", GOOD, "not compressed by gzip"),
        ("1.csv", gzip.compress(GOOD.encode(), mtime=0), "is compressed by gzip"),
        ("1.csv", b"PK\x03\x04 and so on", "ZIP archive or a workbook"),
        ("1.ndjson", b"PAR1 and so on", "Parquet file"),
        ("1.csv", b"\x28\xb5\x2f\xfd and so on", "zstd"),
        ("1.csv.zst", b"\x28\xb5\x2f\xfd and so on", "unknown suffix"),
        ("1.parquet", GOOD, "cannot be read as parquet"),
        ("1.xlsx", GOOD, "cannot be read as a workbook"),
        ("1.ndjson", GOOD, "all 3 break a rule, most of them `malformed`"),
        ("1.csv", 'code,label\n1,"a"\n', "is it the file of this entity"),
        ("1.csv", "email,updated_at\na@b,2026-01-01\n", "it lacks the required column id"),
        ("1.csv", "id,email,amount\n1,a,1x\n2,b,2x\n3,c,y\n", "all 3 break a rule, most of them `type` of amount"),
    ],
)
def test_what_no_declaration_corrects_is_named_too(landing: Landing, name: str, data: str | bytes, cause: str) -> None:
    landing.write(f"crm/contact/{name}", data)
    landing.write("crm/contact/good.csv", GOOD)
    report = landing.land_one()
    assert (report.status, report.landed) == ("failed", 2)
    assert f"crm/contact/{name}: " in str(report.error)
    assert cause in str(report.error)
    (landing.settings.landing_dir / "crm/contact" / name).unlink()
    assert landing.land_one().status == "nothing_new"


def test_the_file_of_another_entity(landing: Landing) -> None:
    orders = {"order_no": {"type": "varchar", "required": True}, "total": "decimal(18,2)"}
    landing.source = source(
        contact=contact(), order=contact(columns=orders, key=["order_no"], files="o/*", version=None)
    )
    landing.write("crm/contact/1.csv", "order_no,total\n1,2.50\n")
    failed = landing.land().entities[0]
    assert "its columns are those of crm.order" in str(failed.error)


def test_another_sheet(landing: Landing, tmp_path: Path) -> None:
    workbook = Workbook()
    first: Any = workbook.active
    first.append(["Notes"])
    first.append(["of the week"])
    second = workbook.create_sheet("Contacts")
    second.append(["id", "email"])
    second.append(["1", "a@b"])
    workbook.save(tmp_path / "1.xlsx")
    landing.write("crm/contact/1.xlsx", (tmp_path / "1.xlsx").read_bytes())
    assert "is the table in another sheet" in str(landing.land_one().error)
    landing.source = source(contact=contact(sheet="Contact"))
    assert "the sheets are Sheet, Contacts" in str(landing.land_one().error)
    landing.source = source(contact=contact(sheet="Contacts"))
    assert landing.land_one().landed == 1


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.csv", "id,email,amount\n1,a,much\n"),
        ("1.csv", "id,email,amount\n1,a,1.234\n"),
        ("1.csv", "id,email\n1,a,b\n"),
        ("1.csv", "id,email,amount\n1,a,much\n2,b,more\n"),
        ("1.ndjson", '{"email": "a@b"}\n'),
        ("1.ndjson", '{"id": 1, "updated_at": "15/06/2026 08:00"}\n'),
        ("1.ndjson", "{broken\n"),
    ],
)
def test_a_single_record_stops_nothing(landing: Landing, name: str, data: str) -> None:
    """A single refused record says nothing about its file; two do if they have a common cause."""
    landing.write(f"crm/contact/{name}", data)
    report = landing.land_one()
    assert (report.status, report.error) == ("landed", None)
    assert report.quarantined == report.extracted > 0


@pytest.mark.parametrize("mode", ["append", "merge", "replace", "snapshot"])
def test_one_good_record_makes_a_load(landing: Landing, mode: str) -> None:
    version = "updated_at" if mode == "merge" else None
    landing.source = source(contact=contact(mode=mode, version=version))
    landing.write("crm/contact/1.csv", HEADER + "".join(f"{n},a,much,1,2026-01-01\n" for n in range(50)) + ROWS)
    report = landing.land_one()
    assert (report.status, report.landed, report.quarantined) == ("landed", 2, 50)


@pytest.mark.parametrize("mode", ["append", "merge", "replace", "snapshot"])
def test_a_refused_file_leaves_the_table_as_it_is(landing: Landing, mode: str) -> None:
    version = "updated_at" if mode == "merge" else None
    landing.source = source(contact=contact(mode=mode, version=version))
    landing.write("crm/contact/1.csv", GOOD)
    assert landing.land_one().landed == 2
    landing.write("crm/contact/2.csv", GOOD.replace(",", ";"))
    failed = landing.land_one()
    assert failed.status == "failed"
    assert 'declare `delimiter: ";"`' in str(failed.error)
    counted = "select count(*) from raw_crm.contact where _superseded_at is null and _deleted_at is null"
    assert landing.rows(counted) == [(2,)]


def test_a_cause_quotes_no_value(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", f"{SECRET};{SECRET}\n{SECRET};2\n")
    landing.write("crm/contact/2.csv", f"id,email,amount\n1,{SECRET},{SECRET}\n2,{SECRET},{SECRET}\n3,x,{SECRET}\n")
    report = landing.land_one()
    assert report.status == "failed"
    assert SECRET not in repr(report)


def test_many_refused_files_make_one_message(landing: Landing) -> None:
    for number in range(30):
        landing.write(f"crm/contact/{number:02}.csv", GOOD.replace(",", ";"))
        landing.write(f"crm/contact/{number:02}.csv.gz", "x")
    landing.write("crm/contact/good.csv", GOOD)
    report = landing.land_one()
    assert (report.status, report.landed) == ("failed", 2)
    assert len(str(report.error)) < 3_000


def test_a_dialect_may_be_given_for_one_load(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", german(GOOD))
    assert landing.land_one().status == "failed"
    declared = landing.source
    landing.source = declared.in_dialect({"delimiter": ";", "decimal": ","})
    assert landing.land_one().landed == 2
    landing.source = declared
    assert landing.land_one().status == "nothing_new"

"""Text of other countries and tools is accepted if it is declared, and refused otherwise."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from pydantic import ValidationError

from tests.ingestion.landing_zone import Landing, contact, source

COLUMNS = {
    "id": {"type": "varchar", "required": True},
    "amount": "decimal(18,2)",
    "visits": "bigint",
    "rate": "double",
    "born_on": "date",
    "seen_at": "timestamp",
    "active": "boolean",
}
HEADER = "id;amount;visits;rate;born_on;seen_at;active\n"
GERMAN = {
    "delimiter": ";",
    "decimal": ",",
    "thousands": ".",
    "date_format": "%d.%m.%Y",
    "timestamp_format": ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"],
    "time_zone": "Europe/Berlin",
    "true_values": ["ja", "x"],
    "false_values": ["nein"],
    "null_values": ["NULL", "k.A."],
}


def declared(**changes: Any) -> Any:
    """A source whose records have a column of each type."""
    return source(contact=contact(**{"columns": COLUMNS, "version": None, **changes}))


def landed(landing: Landing) -> list[Any]:
    return landing.rows("select id, amount, visits, rate, born_on, seen_at, active from raw_crm.contact order by id")


ANN = ("1", Decimal("1234.50"), 1200, 0.5, date(2026, 2, 1), datetime.fromisoformat("2026-07-01T10:00"), True)
NOBODY = ("2", None, None, None, None, None, False)


def test_a_declared_dialect_is_understood(landing: Landing) -> None:
    landing.source = declared(**GERMAN)
    text = HEADER + "1;1.234,50;1.200;0,5;01.02.2026;01.07.2026 12:00;JA\n2;null;k.A.;;NULL;;nein\n"
    landing.write("crm/contact/1.csv", text)
    report = landing.land_one()
    assert (report.landed, report.quarantined) == (2, 0), landing.quarantine()
    assert landed(landing) == [ANN, NOBODY]


def test_without_its_declaration_it_is_refused(landing: Landing) -> None:
    landing.source = declared(delimiter=";")
    landing.write("crm/contact/1.csv", HEADER + "0;1;1;1;;;\n1;1.234,50;1.200;0,5;01.02.2026;01.07.2026 12:00;JA\n")
    assert landing.land_one().quarantined == 1
    [(_, _, _, message)] = landing.quarantine()
    assert message.count("not a") == len(COLUMNS) - 1


def test_numbers_that_are_typed_keep_their_point(landing: Landing, tmp_path: Path) -> None:
    """A decimal comma applies to text: numbers in JSON, workbooks and Parquet have none."""
    landing.source = declared(**GERMAN, key=["id"])
    landing.write_ndjson(
        "crm/contact/1.ndjson",
        [
            {"id": "1", "amount": 1234.5, "visits": 1200, "rate": 0.5, "seen_at": "2026-07-01T12:00:00"},
            {"id": "2", "amount": "1.234,5", "visits": "1.200", "rate": "0,5", "seen_at": "01.07.2026 12:00"},
        ],
    )
    workbook = Workbook()
    sheet: Any = workbook.active
    sheet.append(["id", "amount", "visits", "rate", "born_on", "seen_at"])
    sheet.append(["3", 1234.5, 1200, 0.5, date(2026, 2, 1), datetime.fromisoformat("2026-07-01T12:00")])
    sheet.append(["4", "1.234,50", "1.200", "0,5", "01.02.2026", "01.07.2026 12:00"])
    workbook.save(tmp_path / "1.xlsx")
    landing.write("crm/contact/2.xlsx", (tmp_path / "1.xlsx").read_bytes())
    landing.write_parquet(
        "crm/contact/3.parquet",
        "select '5' as id, 1234.5::double as amount, 1200 as visits, 0.5 as rate,"
        " timestamp '2026-07-01 12:00' as seen_at",
    )
    assert landing.land_one().quarantined == 0, landing.quarantine()
    assert [row[1:4] for row in landed(landing)] == [ANN[1:4]] * 5
    assert [row[5] for row in landed(landing)] == [ANN[5]] * 5


def test_a_column_has_a_dialect_of_its_own(landing: Landing) -> None:
    columns = {
        "id": {"type": "varchar", "required": True},
        "amount": {"type": "decimal(18,2)", "decimal": ".", "thousands": ","},
        "price": "decimal(18,2)",
        "us": {"type": "date", "date_format": "%m/%d/%Y"},
        "eu": "date",
    }
    dialect = {"delimiter": ";", "decimal": ",", "thousands": ".", "date_format": ["%d/%m/%Y"]}
    landing.source = source(contact=contact(columns=columns, version=None, **dialect))
    landing.write("crm/contact/1.csv", "id;amount;price;us;eu\n1;1,234.5;1.234,5;03/04/2026;03/04/2026\n")
    assert landing.land_one().landed == 1
    assert landing.rows("select amount = price, us, eu from raw_crm.contact") == [
        (True, date(2026, 3, 4), date(2026, 4, 3))
    ]


@pytest.mark.parametrize("text", ["1.23", "12.34,5", "1,234", "1.2345", "1,2,3", "1..2", "--1", "1,5-", "€ 1"])
def test_marks_in_wrong_places_are_no_number(landing: Landing, text: str) -> None:
    landing.source = declared(delimiter=";", decimal=",", thousands=".")
    landing.write("crm/contact/1.csv", f"id;amount\n1;{text}\n2;1.234,00\n3;-1\n")
    assert (landing.land_one().landed, [row[:2] for row in landing.quarantine()]) == (2, [(1, "amount")])


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_any_space_separates_thousands(landing: Landing, space: str) -> None:
    landing.source = declared(delimiter=";", decimal=",", thousands=" ")
    landing.write("crm/contact/1.csv", f"id;amount\n1;1{space}234,5\n")
    assert landing.land_one().landed == 1
    assert landed(landing)[0][1] == Decimal("1234.50")


def test_moments_without_an_offset_are_of_the_declared_zone(landing: Landing) -> None:
    landing.source = declared(time_zone="America/New_York")
    moments = ["2026-01-01 12:00:00", "2026-07-01T12:00", "2026-01-01T12:00:00Z", "2026-01-01T12:00:00+01:00"]
    landing.write("crm/contact/1.csv", "id,seen_at\n" + "".join(f"{n},{text}\n" for n, text in enumerate(moments)))
    landing.land()
    assert [row[5].hour for row in landed(landing)] == [17, 16, 12, 11]


@pytest.mark.parametrize(
    ("encoding", "declared_encoding"),
    [
        ("windows-1252", "windows-1252"),
        ("latin-1", "latin-1"),
        ("utf-16", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("shift_jis", "shift_jis"),
        ("utf-8-sig", None),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "ndjson"])
def test_encodings(landing: Landing, encoding: str, declared_encoding: str | None, suffix: str) -> None:
    email = "山田@例" if encoding == "shift_jis" else "André@exämple"
    landing.source = source(contact=contact(encoding=declared_encoding))
    text = f'{{"id": "1", "email": "{email}"}}\n' if suffix == "ndjson" else f"id,email\r\n1,{email}\r\n"
    data = text.encode(encoding)
    landing.write(f"crm/contact/1.{suffix}", gzip.compress(data) if suffix.endswith("gz") else data)
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("1", email, True)]
    assert list((landing.settings.home / "spill").glob("*.txt")) == []


def test_a_byte_that_is_no_character_of_the_encoding_refuses_its_record(landing: Landing) -> None:
    landing.source = source(contact=contact(encoding="windows-1252"))
    landing.write("crm/contact/1.csv", b"id,email\n1,andr\xe9\n2,a\x81b\n")
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("1", "andré", True)]
    assert [row[:3] for row in landing.quarantine()] == [(2, None, "encoding")]


def test_quotes_and_a_header_further_below(landing: Landing) -> None:
    landing.source = source(contact=contact(quote="'", header_row=3, delimiter="|"))
    landing.write("crm/contact/1.csv", 'Report, "of" today\n\nid|email\n1|\'a|b\'\n2|"c\n')
    assert landing.land_one().landed == 2
    assert landing.contacts() == [("1", "a|b", True), ("2", '"c', True)]
    assert landing.rows("select id, _row from raw_crm.contact order by id") == [("1", 1), ("2", 2)]


def test_a_text_without_quotes(landing: Landing) -> None:
    landing.source = source(contact=contact(quote=""))
    landing.write("crm/contact/1.csv", 'id,email\n1,"a\n2,b"\n')
    assert landing.land_one().landed == 2
    assert landing.contacts() == [("1", '"a', True), ("2", 'b"', True)]


def test_replays_are_of_the_entitys_dialect_but_not_of_its_encoding(landing: Landing) -> None:
    from ingestion.quarantine import Selection, replay

    landing.source = declared(**{**GERMAN, "encoding": "utf-16"})
    landing.write("crm/contact/1.csv", (HEADER + "1;1.234,50;much;;;;JA\nä;1;1;;;;\n").encode("utf-16"))
    assert landing.land_one().quarantined == 1
    report = replay(landing.settings, {"crm": landing.source}, Selection(), changes={"visits": "1.200"})
    assert dict(report.outcomes) == {"landed": 1}
    assert landed(landing)[0][:3] == ANN[:3]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("thousands", ".", "decimal"),
        ("thousands", "ab", "one character"),
        ("decimal", ";", "decimal"),
        ("date_format", "DD.MM.YYYY", "strptime"),
        ("date_format", "%Q", "strptime"),
        ("time_zone", "Mars/Base", "time zone"),
        ("true_values", [True], "quote such words"),
        ("encoding", "latin-99", "encoding"),
        ("encoding", "base64", "encoding"),
        ("quote", ",", "quote"),
    ],
)
def test_a_dialect_that_makes_no_sense_is_refused_where_it_is_declared(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        declared(**{key: value})

"""Input that is far too wide, long, deep or compressed is refused, the rest lands, and memory stays within its limit.

Each case lands in its own process under MERGANSER_MEMORY, and its peak memory is measured.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from ingestion.readers.documents import MAX_DEPTH
from ingestion.readers.relations import MAX_FIELDS
from tests.ingestion.landing_zone import Landing, contact, source

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux")

MEMORY = "512MB"
PEAK_MB = 900  # the limit is DuckDB's; Python, its libraries and memory that DuckDB does not count come on top
# ru_maxrss would start with the peak of the parent process.
LAND = """
import json, re, sys
from pathlib import Path
from ingestion.landing import land
from ingestion.settings import Settings
from tests.ingestion.landing_zone import contact, source
[entity] = land(Settings.from_home(Path(sys.argv[1])), [source(contact=contact(**json.loads(sys.argv[2])))]).entities
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(json.dumps([entity.status, entity.landed, entity.quarantined, entity.error or "", peak]))
"""


def land_within(landing: Landing, memory: str = MEMORY, **changes: Any) -> tuple[str, int, int, str]:
    """Lands the home in a process with this much memory: status, landed, quarantined and error."""
    done = subprocess.run(
        [sys.executable, "-c", LAND, str(landing.settings.home), json.dumps(changes)],
        env={**os.environ, "MERGANSER_MEMORY": memory},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    status, landed, quarantined, error, peak = json.loads(done.stdout.splitlines()[-1])
    assert peak < PEAK_MB
    return status, landed, quarantined, error


def line(key: str, **fields: Any) -> str:
    return json.dumps({"id": key, **fields}) + "\n"


def fields(count: int, prefix: str = "k") -> dict[str, int]:
    return {f"{prefix}{number}": number for number in range(count)}


def nested(depth: int) -> str:
    return f'{{"id": "{depth}", "x": ' + '[{"a":' * (depth // 2) + "1" + "}]" * (depth // 2) + "}\n"


@pytest.mark.parametrize(
    ("giant", "message"),
    [
        (line("2", **fields(8_000)), f"line 2: more than {MAX_FIELDS} fields"),
        (line("2", **fields(300_000)), f"line 2: more than {MAX_FIELDS} fields"),
        (nested(10_000), f"line 2: nested deeper than {MAX_DEPTH}"),
        (nested(MAX_DEPTH + 2), f"line 2: nested deeper than {MAX_DEPTH}"),
        (line("2", email="x" * 40_000_000), "line 2: longer than 16000000 bytes"),
    ],
    ids=["8,000 keys", "300,000 keys", "10,000 deep", "just too deep", "40 MB"],
)
@pytest.mark.parametrize("mode", ["merge", "append"])
def test_a_giant_record_is_quarantined_and_the_others_land(
    landing: Landing, giant: str, message: str, mode: str
) -> None:
    landing.write("crm/contact/1.ndjson", line("1") + giant + line("3"))
    version = "updated_at" if mode == "merge" else None
    assert land_within(landing, mode=mode, version=version) == ("landed", 2, 1, "")
    assert [row[3] for row in landing.quarantine()] == [message]
    assert landing.rows("select id, _row from raw_crm.contact order by id") == [("1", 1), ("3", 3)]


def test_wide_and_deep_records_land_where_they_are_not_giants(landing: Landing) -> None:
    wide = fields(MAX_FIELDS - 1)
    many_brackets = json.dumps([{}] * 1_000)
    text = line("1", **wide) + nested(MAX_DEPTH - 2) + f'{{"id": "3", "x": {many_brackets}, "y": "[[{{"}}\n'
    landing.write("crm/contact/1.ndjson", text)
    assert land_within(landing) == ("landed", 3, 0, "")
    [(extra,)] = landing.rows("select _extra from raw_crm.contact where id = '1'")
    assert json.loads(extra) == wide


def test_records_that_each_have_other_fields(landing: Landing) -> None:
    """Events with identifiers as keys: no record is wide, but together they have too many names for a table."""
    landing.write(
        "crm/contact/1.ndjson", "".join(line(str(row), email="a", **fields(50, f"K {row}-")) for row in range(400))
    )
    assert land_within(landing) == ("landed", 400, 0, "")
    [(extra, email)] = landing.rows("select _extra, email from raw_crm.contact where id = '7'")
    assert (json.loads(extra), email) == ({f"k_7_{number}": number for number in range(50)}, "a")


def test_both_ways_to_read_many_fields_read_the_same(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        line("1", email="a", **fields(20), Deep={"x": [1, None]}, nothing=None),
        line("2", amount="much", **fields(20)),
        line("3", b="null", a=None),
    ]
    found = []
    for number, named_bytes in enumerate((5_000_000, 10**12)):
        monkeypatch.setattr("ingestion.readers.incoming._BYTES_PER_FIELD", named_bytes)
        name = f"t{number}"
        home = Landing(landing.settings, source(**{name: contact(files=f"{name}/*")}))
        home.write(f"{name}/1.ndjson", "".join(records))
        assert home.land().ok
        found.append(home.rows(f"select id, email, _extra, _row from raw_crm.{name} order by id"))
        found.append(
            [
                json.loads(record).items() >= {"id": "2", "amount": "much"}.items()
                for (record,) in home.rows(f"select record from raw_quarantine.records where entity = '{name}'")
            ]
        )
    assert found[:2] == found[2:]
    assert found[1] == [True]


@pytest.mark.parametrize(("where", "packed"), [("middle", False), ("end", False), ("quoted", True)])
def test_a_line_without_an_end_is_one_record(landing: Landing, where: str, packed: bool) -> None:
    """DuckDB silently drops a line that is longer than its buffers."""
    giant = b"x" * 300_000_000
    text = b"id,email\n1,a\n2," + (b'"' + giant + b'"' if where == "quoted" else giant)
    text += b"" if where == "end" else b"\n3,c\n"
    data = gzip.compress(text, 1) if packed else text
    landing.write("crm/contact/1.csv" + ".gz" * packed, data)
    landed = 1 if where == "end" else 2
    assert land_within(landing) == ("landed", landed, 1, "")
    assert landing.quarantine() == [(2, None, "malformed", "line 3: longer than 16000000 bytes")]
    [(kept,)] = landing.rows("select length(record) from raw_quarantine.records")
    assert kept < 100_000


def test_a_header_without_an_end(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", b"x" * 50_000_000)
    landing.write("crm/contact/2.csv", "id\n1\n")
    status, landed, _, error = land_within(landing)
    assert (status, landed) == ("failed", 1)
    assert "crm/contact/1.csv: its header is longer than" in error


def test_a_quote_that_swallows_a_file_refuses_the_file(landing: Landing) -> None:
    landing.write(
        "crm/contact/1.csv", 'id,email\n1,a\n2,"open\n' + "".join(f"{n},{'y' * 90}\n" for n in range(300_000))
    )
    status, _, _, error = land_within(landing)
    assert status == "failed"
    assert "a quote that opens in line 3 is never closed" in error
    status, landed, *_ = land_within(landing, quote="", mode="append", version=None, key=["_file", "_row"])
    assert (status, landed) == ("landed", 300_002)


def write_wide(landing: Landing, name: str, count: int) -> None:
    names = ["id", *fields(count)]
    if name.endswith("csv"):
        landing.write(name, ",".join(names) + "\n" + ",".join("v" for _ in names) + "\n")
    else:
        path = landing.write(name, "")
        pq.write_table(pa.table({column: ["v"] for column in names}), path)


@pytest.mark.parametrize(("name", "count"), [("1.csv", 10_000), ("1.parquet", 5_000)])
def test_a_file_with_too_many_columns_is_refused(landing: Landing, name: str, count: int) -> None:
    write_wide(landing, f"crm/contact/{name}", count)
    landing.write("crm/contact/good.csv", "id\n1\n")
    status, landed, _, error = land_within(landing)
    assert (status, landed) == ("failed", 1)
    assert f"crm/contact/{name}: has {count + 1} columns, and at most {MAX_FIELDS} are read" in error


def test_a_wide_file_lands(landing: Landing) -> None:
    write_wide(landing, "crm/contact/1.csv", 1_000)
    write_wide(landing, "crm/contact/2.parquet", 1_000)
    status, landed, *_ = land_within(landing, mode="append", version=None, key=["_file", "_row"])
    assert (status, landed) == ("landed", 2)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("1.csv.gz", b"\0" * 1_000_000), ("1.csv.gz", b"1,a\n" * 250_000), ("1.ndjson.gz", b"0" * 1_000_000)],
)
def test_a_decompression_bomb_is_refused_by_name_and_setting(landing: Landing, name: str, unit: bytes) -> None:
    with gzip.open(landing.write(f"crm/contact/{name}", ""), "wb") as file:
        file.write(b"id,email\n" if "csv" in name else b'{"id": 1}\n')
        for _ in range(300):
            file.write(unit)
    landing.write("crm/contact/good.csv", "id\n1\n")
    status, landed, _, error = land_within(landing, "256MB")
    assert (status, landed) == ("failed", 1)
    assert f"crm/contact/{name}: " in error
    assert "MERGANSER_MEMORY" in error


def test_a_packed_file_that_is_larger_than_memory_lands(landing: Landing) -> None:
    rows = "".join(f"{n},p{n * 7919 % 100003}@example.org,{n % 97}.50,{n % 7},2026-01-01\n" for n in range(2_000_000))
    landing.write("crm/contact/1.csv.gz", gzip.compress(f"id,email,amount,visits,updated_at\n{rows}".encode(), 1))
    status, landed, *_ = land_within(landing, "128MB", mode="append", version=None)
    assert (status, landed) == ("landed", 2_000_000)


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused(landing: Landing, tmp_path: Path) -> None:
    workbook = Workbook()
    sheet: Any = workbook.active
    sheet.append(["id", "email"])
    workbook.save(tmp_path / "small.xlsx")
    start = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    path = landing.write("crm/contact/1.xlsx", "")
    with zipfile.ZipFile(tmp_path / "small.xlsx") as small, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for part in small.namelist():
            if not part.endswith("sheet1.xml"):
                bomb.writestr(part, small.read(part))
                continue
            with bomb.open(part, "w", force_zip64=True) as file:
                file.write(start + b'<c r="A1" t="inlineStr"><is><t>id')
                for _ in range(600):
                    file.write(b" " * 1_000_000)
                file.write(b"</t></is></c></row></sheetData></" + b"worksheet>")
    landing.write("crm/contact/good.csv", "id\n1\n")
    status, landed, _, error = land_within(landing)
    assert (status, landed) == ("failed", 1)
    assert "crm/contact/1.xlsx: a workbook is read into memory" in error
    assert "MERGANSER_MEMORY" in error


@pytest.mark.parametrize("text", ["\ufeff", "\ufeff\n", "\n\n", " ", "\r\n"])
@pytest.mark.parametrize("suffix", ["csv", "ndjson", "tsv"])
def test_a_file_with_nothing_in_it_is_no_failure(landing: Landing, text: str, suffix: str) -> None:
    landing.write(f"crm/contact/1.{suffix}", text)
    landing.write("crm/contact/2.csv", "id\n1\n")
    report = landing.land_one()
    assert (report.status, report.landed, report.quarantined) == ("landed", 1, 0), report


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_nul_bytes(landing: Landing, suffix: str, end: str) -> None:
    good = ["id,email", "1,a", "2,b"] if suffix == "csv" else ['{"id": "1"}', '{"id": "2"}']
    landing.write(
        f"crm/contact/1.{suffix}", end.join([*good, "3,\0" if suffix == "csv" else '{"id": "3", "\0": 1}']) + end
    )
    report = landing.land_one()
    assert report.extracted == report.landed + report.quarantined == 3
    assert report.landed >= 2

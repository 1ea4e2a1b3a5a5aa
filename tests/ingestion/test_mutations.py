"""Thousands of bad records: nothing crashes, every record is in raw or in quarantine, and the counts reconcile."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import judging
from ingestion import landing as landing_module
from ingestion.readers import incoming, ndjson
from tests.ingestion.landing_zone import Landing, contact, source

RECORDS = 10_000 if os.environ.get("TORTURE") else 1_500
COLUMNS = ["id", "email", "amount", "visits", "updated_at"]
ODD = [
    *(
        "",
        " ",
        "null",
        "\x00",
        "\x01",
        "\ufeff",
        "\u2028",
        '"',
        '""',
        "\\",
        "'",
        "{",
        "}",
        "[]",
        "{}",
        "NaN",
        "Infinity",
    ),
    *(
        "1e400",
        "-0",
        "9" * 40,
        "0.1" * 9,
        "2026-02-30",
        "infinity",
        "1970-01-01T00:00:00+99:99",
        "ä" * 3000,
        "😀",
        "\ud7ff",
    ),
    *("truE", "1,5", "1\t5", "a\nb", "a\r\nb", "a\rb", "$1", "%s", "'; drop table x; --", "_payload", "_extra"),
]


def good(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "email": f"p{number}@example.org",
        "amount": f"{number}.50",
        "visits": number,
        "updated_at": "2026-01-01T00:00:00Z",
    }


def mutated(chance: random.Random, number: int) -> dict[str, Any]:
    """A record with an unusual value or type, or with a field too many or too few."""
    record = good(number)
    for _ in range(chance.choice([0, 1, 1, 2])):
        field = chance.choice(COLUMNS)
        match chance.randrange(6):
            case 0:
                record.pop(field, None)
            case 1:
                record[field] = chance.choice([None, True, 1.5, -1, 2**70, [1, None], {"a": {"b": []}}, {}])
            case 2:
                record[chance.choice([*ODD[:12], "Email", "EMAIL", "new", "_page", "_complete"])] = chance.choice(ODD)
            case _:
                record[field] = chance.choice(ODD)
    return record


def broken(chance: random.Random, text: bytes) -> bytes:
    """A line with some bytes changed, removed or added, without a line end."""
    data = bytearray(text)
    for _ in range(chance.choice([0, 0, 1, 3])):
        place = chance.randrange(len(data)) if data else 0
        match chance.randrange(3):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[place : place + chance.randrange(1, 5)]
            case 2:
                data[place:place] = chance.choice(ODD).encode()
    return bytes(data).replace(b"\n", b" ").replace(b"\r", b" ")


def as_text(record: dict[str, Any]) -> dict[str, str | None]:
    return {
        name: value if value is None or isinstance(value, str) else json.dumps(value) for name, value in record.items()
    }


def write_csv(landing: Landing, chance: random.Random, count: int) -> int:
    lines = [b",".join(name.encode() for name in COLUMNS)]
    for number in range(count):
        record = as_text(mutated(chance, number))
        cells = ['"' + (record.get(name) or "").replace('"', '""') + '"' for name in COLUMNS]
        lines.append(broken(chance, ",".join(cells).encode()))
    landing.write("crm/contact/1.csv", b"\n".join(lines))
    return -1  # a quote that is never closed swallows lines, so that only DuckDB knows how many records there are


def write_ndjson(landing: Landing, chance: random.Random, count: int) -> int:
    lines = [broken(chance, json.dumps(mutated(chance, number)).encode()) for number in range(count)]
    landing.write("crm/contact/1.ndjson", b"\n".join(lines) + b"\n")
    return sum(bool(line.strip(b" \t")) for line in lines)


def write_parquet(landing: Landing, chance: random.Random, count: int) -> int:
    records = [as_text(mutated(chance, number)) for number in range(count)]
    columns = {name: [record.get(name) for record in records] for name in COLUMNS}
    path = landing.write("crm/contact/1.parquet", "")
    pq.write_table(pa.table(columns), path)
    return count


def write_payloads(landing: Landing, chance: random.Random, count: int) -> int:
    texts = [
        broken(chance, json.dumps(mutated(chance, number)).encode()).decode(errors="ignore") for number in range(count)
    ]
    landing.write_payloads("crm/contact/1.1.a.parquet", [texts[:100], texts[100:]])
    return count


@pytest.mark.parametrize("write", [write_csv, write_ndjson, write_parquet, write_payloads])
@pytest.mark.parametrize("mode", ["merge", "append"])
def test_mutated_records_land_or_are_quarantined(
    landing: Landing, write: Callable[[Landing, random.Random, int], int], mode: str
) -> None:
    landing.source = source(contact=contact(mode=mode, version="updated_at" if mode == "merge" else None))
    expected = write(landing, random.Random(f"{write.__name__} {mode}"), RECORDS // 2)
    report = landing.land_one()
    assert report.error is None
    assert expected in (-1, report.extracted)
    assert report.landed > RECORDS // 10
    assert report.quarantined > RECORDS // 50
    assert landing.rows("select count(*) from raw_crm.contact") == [(report.landed,)]
    assert landing.rows("select count(*), count(distinct quarantine_id) from raw_quarantine.records") == [
        (report.quarantined, report.quarantined)
    ]
    landed, refused = "select _file as f, _row as r from raw_crm.contact", "raw_quarantine.records"
    places = f"{landed} union all select file_name, row_number from {refused}"
    assert landing.rows(f"select count(*) - count(distinct (f, r)) from ({places})") == [(0,)]


def test_unmutated_records_bring_no_quarantine(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [good(number) for number in range(500)])
    report = landing.land_one()
    assert (report.landed, report.quarantined) == (500, 0)


def test_both_readers_of_ndjson_read_the_same(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    columns = {**contact()["columns"], "more": "json"}
    quick_reader, used = ndjson.stage_objects, []

    def spy(*given: Any, **how: Any) -> bool:
        used.append(quick_reader(*given, **how))
        return used[-1]

    for attempt in range(20 if os.environ.get("TORTURE") else 4):
        records = []
        for number in range(60):
            record = mutated(chance, number) | {"more": chance.choice([1, "x", "{}", None, [1], "[null]"])}
            names = {*COLUMNS, "more", chance.choice(["new", "Email"])}
            records.append({name: value for name, value in record.items() if name in names and name != "EMAIL"})
        found = []
        for reader in (spy, lambda *given, **how: False):
            table = f"t{attempt}_{len(found)}"
            entity = contact(columns=columns, mode="append", key=None, version=None, files=f"{table}/*")
            home = Landing(landing.settings, source(**{table: entity}))
            home.write_ndjson(f"{table}/1.ndjson", records)
            monkeypatch.setattr(ndjson, "stage_objects", reader)
            monkeypatch.setattr(incoming, "stage_objects", reader)
            assert home.land().ok
            refused = "select row_number, field, rule, message, record from raw_quarantine.records"
            found.append(
                [
                    home.rows(f"select * exclude (_load_id, _loaded_at, _file) from raw_crm.{table} order by all"),
                    home.rows(f"{refused} where entity = '{table}' order by all"),
                ]
            )
        assert found[0] == found[1]
        assert found[0][0]
    assert any(used)


@pytest.mark.parametrize(
    ("odd", "is_streamed"),
    [
        ([], True),
        ([good(7001) | {"new": 1}], True),
        ([good(7001) | {"amount": "much"}], False),
        ([good(7001) | {"id": None}], False),
        ([good(3)], False),
        ([good(7001), good(7001)], False),
        ([good(7001), good(7001) | {"visits": 0}], False),
        ([good(40_000)], False),
    ],
    ids=["all good", "new field", "broken", "no key", "twice", "twice the same", "twice otherwise", "known"],
)
def test_records_that_are_read_as_they_land_land_as_staged_ones(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, odd: list[dict[str, Any]], is_streamed: bool
) -> None:
    judged, judge_streams = [], judging._land_streams

    def spy(*given: Any) -> Any:
        judged.append(False)
        counts = judge_streams(*given)
        judged[-1] = True
        return counts

    monkeypatch.setattr(judging, "_land_streams", spy)
    found = []
    for table, may in (("streamed", True), ("staged", False)):
        monkeypatch.setattr(landing_module, "may_stream", lambda entity, may=may: may)
        entity = contact(mode="append", version=None, watermark="updated_at", files=f"{table}/*")
        home = Landing(landing.settings, source(**{table: entity}))
        home.write_ndjson(f"{table}/0.ndjson", [good(number) for number in range(40_000, 40_020)])
        assert home.land().ok
        home.write_ndjson(f"{table}/1.ndjson", [good(number) for number in range(5_000)])
        home.write_ndjson(f"{table}/2.ndjson", [*(good(number) for number in range(5_000, 6_000)), *odd])
        assert home.land().ok
        refused = "select row_number, field, rule, message, record from raw_quarantine.records"
        found.append(
            [
                home.rows(f"select * exclude (_load_id, _loaded_at, _file) from raw_crm.{table} order by all"),
                home.rows(f"{refused} where entity = '{table}' order by all"),
                home.rows(
                    f"select * exclude (entity, first_load_id) from raw_ops.fields where entity = '{table}' order by 2"
                ),
                home.rows(
                    "select extracted_count, landed_count, unchanged_count, watermark_after from raw_ops.loads"
                    f" where entity = '{table}'"
                ),
            ]
        )
        numbered = home.rows(f"select id, _row from raw_crm.{table} where _file like '%/1.ndjson'")
        assert all(int(key) == row - 1 for key, row in numbered)
        assert len(numbered) == 5_000
    assert found[0] == found[1]
    assert judged == [True, is_streamed]

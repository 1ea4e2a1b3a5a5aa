"""Every kind of bad file, each with a valid twin."""

from __future__ import annotations

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ingestion.errors import SettingError
from ingestion.settings import Settings
from tests.ingestion.landing_zone import Landing, contact, source

HEADER = "id,email,amount,visits,updated_at\n"
ANN = "1,ann@example.org,10.50,3,2026-01-01T00:00:00Z\n"
BOB = "2,bob@example.org,7,1,2026-01-02T00:00:00Z\n"
SECRET = "very-private-value"
UTC_JANUARY_1 = datetime.fromisoformat("2026-01-01")


def test_a_good_csv_lands_whole(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + ANN + BOB)
    report = landing.land_one()
    assert (report.status, report.landed, report.quarantined, report.file_count) == ("landed", 2, 0, 1)
    assert landing.rows(
        "select id, amount, visits, updated_at, _file, _row, _extra from raw_crm.contact order by id"
    ) == [
        ("1", pytest.approx(10.5), 3, UTC_JANUARY_1, "crm/contact/1.csv", 1, None),
        ("2", pytest.approx(7), 1, UTC_JANUARY_1 + timedelta(days=1), "crm/contact/1.csv", 2, None),
    ]


def test_tabs_know_no_quotes_and_a_header_may_be_left_out(landing: Landing) -> None:
    """A value with quotes in it is a value; a first line that does not name the required columns is a record."""
    landing.source = source(contact=contact(header="optional"))
    ann = ANN.replace(",", "\t").replace("ann@", '"ann"@')
    landing.write("crm/contact/1.tsv", ann + '2\t"bob\t7\t1\t2026-01-02\n' + "3\tfewer\n")
    landing.write("crm/contact/2.tsv", HEADER.replace(",", "\t") + "4\tdan\t1\t1\t2026-01-02\n")
    landing.write("crm/contact/3.csv", "5,eve,1,1,2026-01-02\n")
    report = landing.land_one()
    assert (report.extracted, report.landed, report.quarantined) == (5, 4, 1)
    assert landing.rows("select id, email, _file, _row from raw_crm.contact order by id") == [
        ("1", '"ann"@example.org', "crm/contact/1.tsv", 1),
        ("2", '"bob', "crm/contact/1.tsv", 2),
        ("4", "dan", "crm/contact/2.tsv", 1),
        ("5", "eve", "crm/contact/3.csv", 1),
    ]
    assert [row[:3] for row in landing.quarantine()] == [(3, None, "malformed")]


def test_a_header_is_required_unless_declared_otherwise(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", ANN + BOB)
    report = landing.land_one()
    assert (report.status, report.extracted) == ("failed", 0)
    assert "declare `header: optional`" in str(report.error)


def test_no_file_is_fine_when_the_entity_is_optional(landing: Landing) -> None:
    report = landing.land_one()
    assert (report.status, report.error) == ("nothing_new", None)
    assert landing.rows("select count(*) from raw_crm.contact") == [(0,)]


def test_no_file_is_an_error_when_it_is_not(landing: Landing) -> None:
    landing.source = source(contact=contact(optional=False))
    report = landing.land()
    assert not report.ok
    assert "no file matches 'crm/contact/*'" in str(report.entities[0].error)


def test_a_failing_entity_does_not_stop_the_others(landing: Landing) -> None:
    landing.source = source(first=contact(files="nowhere/*", optional=False), second=contact())
    landing.write("crm/contact/1.csv", HEADER + ANN)
    failed, landed = landing.land().entities
    assert (failed.status, landed.status, landed.landed) == ("failed", "landed", 1)
    assert landing.rows("select entity, status from raw_ops.loads order by 1") == [
        ("first", "failed"),
        ("second", "landed"),
    ]


def test_a_missing_required_column_refuses_the_file(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "email,updated_at\nann@example.org,2026-01-01\nbob@example.org,2026-01-01\n")
    landing.write("crm/contact/2.csv", HEADER + ANN)
    report = landing.land_one()
    assert (report.status, report.landed, report.quarantined) == ("failed", 1, 0)
    assert "crm/contact/1.csv: every record is refused: it lacks the required column id" in str(report.error)


def test_a_missing_optional_column_is_null(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,updated_at\n1,2026-01-01\n")
    assert landing.land_one().landed == 1
    assert landing.rows("select email, amount from raw_crm.contact") == [(None, None)]


@pytest.mark.parametrize("name", ["1.csv", "1.ndjson", "1.parquet"])
def test_a_file_with_none_of_the_columns_is_refused(landing: Landing, name: str) -> None:
    landing.source = source(contact=contact(mode="append", key=None, version=None, columns={"a": "varchar"}))
    if name.endswith("csv"):
        landing.write(f"crm/contact/{name}", "x;y\n1;2\n")
    elif name.endswith("ndjson"):
        landing.write(f"crm/contact/{name}", '{"x": 1}\n{"x": 2}\n')
    else:
        landing.write_parquet(f"crm/contact/{name}", "select 1 as x")
    report = landing.land_one()
    assert (report.status, report.extracted) == ("failed", 0)
    assert "it has none of the declared columns" in str(report.error)


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (f"1,a@example.org,{SECRET},3,2026-01-01", "amount", "type"),
        (f"1,a@example.org,1.5,{SECRET},2026-01-01", "visits", "type"),
        ("1,a@example.org,1.5,2.5,2026-01-01", "visits", "type"),
        (f"1,a@example.org,1.5,2,{SECRET}", "updated_at", "type"),
        ("1,a@example.org,1.5,2,2026-13-01", "updated_at", "type"),
        (",a@example.org,1.5,2,2026-01-01", "id", "required"),
    ],
)
def test_a_field_that_breaks_its_rule_is_quarantined(landing: Landing, row: str, field: str, rule: str) -> None:
    landing.write("crm/contact/1.csv", f"{HEADER}{BOB}{row}\n")
    report = landing.land_one()
    assert (report.landed, report.quarantined) == (1, 1)
    [(number, found_field, found_rule, message)] = landing.quarantine()
    assert (number, found_field, found_rule) == (2, field, rule)
    assert SECRET not in message
    [(record,)] = landing.rows("select record from raw_quarantine.records")
    assert (SECRET in row) == (SECRET in record)


def test_every_broken_field_of_a_record_is_told(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + "1,a@example.org,x,y,2026-01-01\n")
    landing.land()
    assert landing.quarantine() == [(1, "amount", "type", "amount: not a decimal(18,2); visits: not a bigint")]


def test_an_empty_file_is_counted_and_told(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "")
    landing.write("crm/contact/2.csv", HEADER)
    landing.write("crm/contact/3.ndjson", "\ufeff")
    landing.write("crm/contact/4.parquet", "")
    landing.write("crm/contact/5.csv.gz", gzip.compress(b""))
    landing.write("crm/contact/6.ndjson", "\n\n")
    report = landing.land()
    [entity] = report.entities
    assert (report.ok, entity.status, entity.file_count, entity.extracted) == (True, "nothing_new", 6, 0)
    assert len(report.warnings) == 6


def test_a_file_with_records_brings_no_warning(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + ANN)
    assert landing.land().warnings == ()


def test_broken_csv_lines_are_quarantined_with_their_numbers(landing: Landing) -> None:
    landing.write(
        "crm/contact/1.csv",
        HEADER
        + '1,"two\nlines",1,1,2026-01-01\n'
        + "2,few\n"
        + "3,too,1,1,2026-01-01,many\n"
        + BOB.replace("2", "4", 1)
        + '5,"text" behind,1,1,2026-01-01\n'
        + BOB.replace("2", "6", 1),
    )
    report = landing.land_one()
    assert (report.extracted, report.landed, report.quarantined) == (6, 3, 3)
    assert landing.quarantine() == [
        (2, None, "malformed", "line 4: fewer fields than the header"),
        (3, None, "malformed", "line 5: more fields than the header"),
        (5, None, "malformed", "line 7: a quote that is never closed, or text after a closing one"),
    ]
    assert landing.rows("select id, _row from raw_crm.contact order by _row") == [("1", 1), ("4", 4), ("6", 6)]
    assert landing.rows("select record from raw_quarantine.records order by row_number limit 1") == [("2,few",)]


def test_a_quote_that_is_never_closed_keeps_what_it_swallowed(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + ANN + '2,"open,1,1,2026-01-01\n3,c,1,1,2026-01-01\n')
    assert (landing.land_one().landed, len(landing.quarantine())) == (1, 1)
    assert landing.rows("select record from raw_quarantine.records") == [
        ('2,"open,1,1,2026-01-01\n3,c,1,1,2026-01-01',)
    ]


def test_numbers_of_broken_lines_hold_in_a_large_file(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="append", version=None, columns={"id": "varchar", "text": "varchar"}))
    chance = random.Random(5)
    broken, lines = [], ["id,text"]
    for number in range(1, 40_001):
        if chance.random() < 0.01:
            broken.append(number)
            lines.append(f"{number},a,b")
        else:
            lines.append(f'{number},"x\ny"' if chance.random() < 0.01 else f"{number},{'x' * 40}")
    landing.write("crm/contact/1.csv", "\n".join(lines))
    report = landing.land_one()
    assert (report.extracted, report.quarantined) == (40_000, len(broken))
    assert landing.rows("select count(*) from raw_crm.contact where cast(id as bigint) <> _row") == [(0,)]
    assert [row[0] for row in landing.quarantine()] == broken


@pytest.mark.parametrize("line", ['{"id": "2", ', "[1, 2]", '"text"', "{'id': 2}", "42", "null"])
def test_broken_ndjson_lines_are_quarantined_with_their_numbers(landing: Landing, line: str) -> None:
    landing.write("crm/contact/1.ndjson", f'{{"id": "1"}}\n\n{line}\n{{"id": "3", "email": "c"}}\n')
    report = landing.land_one()
    assert (report.extracted, report.landed, report.quarantined) == (3, 2, 1)
    assert landing.quarantine() == [(3, None, "malformed", "line 3: not a JSON object")]
    assert landing.rows("select record from raw_quarantine.records") == [(line,)]
    assert landing.rows("select id, _row from raw_crm.contact order by id") == [("1", 1), ("3", 4)]


def test_latin_1_is_told_from_utf_8(landing: Landing) -> None:
    text = HEADER + ANN + "2,andré,1,1,2026-01-01\n3,carol,1,1,2026-01-01\n"
    landing.write("crm/contact/1.csv", text.encode("latin-1"))
    assert (landing.land_one().landed, landing.quarantine()) == (
        2,
        [(2, None, "encoding", "line 3: bytes that are not UTF-8")],
    )
    assert landing.rows("select record from raw_quarantine.records") == [("2,andr\\xe9,1,1,2026-01-01",)]


def test_accents_in_utf_8_land(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", HEADER + "2,andré,1,1,2026-01-01\n")
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("2", "andré", True)]


def test_latin_1_in_ndjson_is_quarantined(landing: Landing) -> None:
    landing.write("crm/contact/1.ndjson", b'{"id": "1", "email": "andr\xe9"}\n{"id": "2", "email": "andr\xc3\xa9"}\n')
    assert landing.land_one().landed == 1
    assert landing.quarantine() == [(1, None, "encoding", "line 1: bytes that are not UTF-8")]
    assert landing.rows("select record from raw_quarantine.records") == [('{"id": "1", "email": "andr\\xe9"}',)]


@pytest.mark.parametrize("text", [HEADER + ANN, '{"id": "1", "email": "ann@example.org"}\n'])
@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_and_gzip_change_nothing(landing: Landing, text: str, packed: bool) -> None:
    suffix = ("csv" if text.startswith("id") else "ndjson") + (".gz" if packed else "")
    data = ("\ufeff" + text).encode()
    landing.write(f"crm/contact/1.{suffix}", gzip.compress(data) if packed else data)
    assert landing.land_one().landed == 1
    assert landing.contacts() == [("1", "ann@example.org", True)]


def test_line_ends_of_two_systems_in_one_file(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", (HEADER + ANN).replace("\n", "\r\n") + BOB + "3,few\r\n")
    report = landing.land_one()
    assert (report.landed, report.quarantined) == (2, 1)
    assert landing.quarantine() == [(3, None, "malformed", "line 4: fewer fields than the header")]
    landing.write("crm/contact/2.ndjson", '{"id": "4"}\r\n{"id": "5"}\n')
    assert landing.land_one().landed == 2
    assert landing.rows("select id, _row from raw_crm.contact where id > '3' order by id") == [("4", 1), ("5", 2)]


def test_a_truncated_parquet_file_fails_its_entity_only(landing: Landing) -> None:
    landing.source = source(first=contact(files="first/*"), second=contact(files="second/*"))
    good = landing.write_parquet("second/1.parquet", "select '1' as id, timestamp '2026-01-01' as updated_at")
    landing.write("first/1.parquet", good.read_bytes()[:-20])
    failed, landed = landing.land().entities
    assert (failed.status, landed.landed) == ("failed", 1)
    assert "first/1.parquet: cannot be read as parquet" in str(failed.error)


def test_a_parquet_file_broken_in_the_middle_leaves_nothing(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="append", version=None))
    query = "select md5(i::varchar) as id, md5((i + 1)::varchar) as email from range(50000) as numbers(i)"
    path = landing.write_parquet("crm/contact/1.parquet", query)
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(20_000) + data[half + 20_000 :])
    report = landing.land_one()
    assert report.status == "failed"
    assert "Nothing of this load was kept" in str(report.error)
    assert landing.rows("select count(*) from raw_crm.contact") == [(0,)]
    landing.write_parquet("crm/contact/1.parquet", query)
    assert landing.land_one().landed == 50_000


def test_a_truncated_gzip_file_fails_its_entity(landing: Landing) -> None:
    data = gzip.compress((HEADER + "".join(f"{i},a{i * 7919}@b,1,1,2026-01-01\n" for i in range(5000))).encode())
    path = landing.write("crm/contact/1.csv.gz", data[: len(data) // 2])
    report = landing.land_one()
    assert "crm/contact/1.csv.gz: cannot be read" in str(report.error)
    path.write_bytes(data)
    assert landing.land_one().landed == 5000


def test_a_file_that_cannot_be_opened_fails_its_entity(landing: Landing) -> None:
    directory = landing.write("crm/contact/1.csv", HEADER + ANN).parent
    (directory / "2.csv").symlink_to(directory / "gone.csv")
    report = landing.land_one()
    assert "crm/contact/2.csv: cannot be opened" in str(report.error)
    assert (report.status, report.landed) == ("failed", 1)
    (directory / "2.csv").unlink()
    assert landing.land_one().status == "nothing_new"


def test_a_suffix_without_a_format_is_told(landing: Landing) -> None:
    landing.write("crm/contact/1.pdf", "x")
    assert "unknown suffix" in str(landing.land_one().error)


def test_marks_of_other_tools_are_no_data(landing: Landing) -> None:
    landing.write("crm/contact/_SUCCESS", "")
    landing.write("crm/contact/.part-1.csv.crc", "x")
    landing.write("crm/contact/1.csv", HEADER + ANN)
    assert (landing.land_one().file_count, landing.land().ok) == (1, True)


def test_a_variable_in_the_pattern_is_filled(landing: Landing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    landing.source = source(contact=contact(files="${EXPORT_DIR}/*.csv"))
    assert "EXPORT_DIR, which is not set" in str(landing.land_one().error)
    elsewhere = tmp_path / "else [1]"
    elsewhere.mkdir()
    (elsewhere / "a'b.csv").write_text(HEADER + ANN)
    monkeypatch.setenv("EXPORT_DIR", str(elsewhere))
    assert landing.land_one().landed == 1
    assert landing.rows("select _file from raw_crm.contact") == [(str(elsewhere / "a'b.csv"),)]


def test_headers_are_normalised_and_the_rest_is_kept(landing: Landing) -> None:
    columns = {"id": "varchar", "full_name": "varchar", "odd": {"type": "bigint", "from": "Odd-Näme!"}}
    landing.source = source(contact=contact(mode="append", version=None, columns=columns))
    landing.write("crm/contact/1.csv", 'ID,Full Name,Odd-Näme!,More "Stuff",Empty\n1,Ann,7,"a ""b""",\n')
    landing.write("crm/contact/2.ndjson", '{"Id": 2, "full-name": "Bob", "odd-näme!": 8, "deep": {"x": [1, null]}}\n')
    landing.write_parquet("crm/contact/3.parquet", "select '3' as id, 'Cy' as \"Full_Name\", {'x': 1} as deep")
    assert landing.land_one().landed == 3
    assert landing.rows("select id, full_name, odd, _extra from raw_crm.contact order by id") == [
        ("1", "Ann", 7, '{"more_stuff_":"a \\"b\\""}'),
        ("2", "Bob", 8, '{"deep":{"x":[1,null]}}'),
        ("3", "Cy", None, '{"deep":{"x":1}}'),
    ]


def test_keys_that_differ_in_case_or_are_empty_stay_apart(landing: Landing) -> None:
    landing.write("crm/contact/1.ndjson", '{"id": "1", "ID": "2", "": 3, "a/b~": 4, "a_b_": 5, "null": null}\n')
    assert landing.land_one().landed == 1
    assert landing.rows("select id, _extra from raw_crm.contact") == [("1", '{"a/b~":4,"a_b_":5,"column":3,"id":"2"}')]


def test_a_header_that_comes_twice_loses_nothing(landing: Landing) -> None:
    landing.write("crm/contact/1.csv", "id,email,email,,email\n1,a,b,c,d\n")
    assert landing.land_one().landed == 1
    assert landing.rows("select email, _extra from raw_crm.contact") == [
        ("a", '{"column":"c","email_3":"b","email_5":"d"}')
    ]


def test_json_columns_take_documents_and_packed_documents(landing: Landing) -> None:
    columns = {"id": "varchar", "body": "json"}
    landing.source = source(contact=contact(mode="append", version=None, columns=columns))
    landing.write(
        "crm/contact/1.ndjson", '{"id": 1, "body": {"a": 1}}\n{"id": 2, "body": "{\\"a\\":1}"}\n{"id": 3, "body": "x"}'
    )
    landing.write("crm/contact/2.csv", 'id,body\n4,"{""a"":1}"\n5,{broken\n')
    assert landing.land_one().quarantined == 1
    assert landing.rows("select body from raw_crm.contact order by id") == [
        ('{"a":1}',),
        ('{"a":1}',),
        ('"x"',),
        ('{"a":1}',),
    ]


def test_hostile_names_are_only_names(landing: Landing) -> None:
    columns = {"id": "varchar", "select": {"type": "varchar", "from": "a\"; drop table x; --'"}}
    landing.source = source(contact=contact(mode="append", version=None, columns=columns))
    landing.write("crm/contact/it's [1].csv", 'id,"a""; drop table x; --\'",\'"\n1,2,3\n')
    landing.write("crm/contact/2.ndjson", '{"id": "2", "a\\"; drop table x; --\'": "5", "\\u0001\'\\\\": 1}\n')
    assert landing.land_one().landed == 2
    assert landing.rows('select id, "select" from raw_crm.contact order by id') == [("1", "2"), ("2", "5")]


def test_personal_values_stay_out_of_errors_and_messages(landing: Landing, capfd: pytest.CaptureFixture[str]) -> None:
    landing.write("crm/contact/1.csv", f"{HEADER}1,{SECRET},{SECRET},1,{SECRET}\n2,{SECRET}\n")
    landing.write("crm/contact/2.ndjson", f'{{"id": "{SECRET}", "amount": "{SECRET}"}}\n{{"{SECRET}\n')
    report = landing.land()
    assert report.entities[0].quarantined == 4
    texts = [repr(report), *(str(row) for row in landing.quarantine()), *capfd.readouterr()]
    assert not any(SECRET in text for text in texts)


def test_a_memory_limit_without_sense_is_refused() -> None:
    assert Settings.from_home(None, {"MERGANSER_MEMORY": "512MB"}).memory == "512MB"
    with pytest.raises(SettingError, match="MERGANSER_MEMORY"):
        Settings.from_home(None, {"MERGANSER_MEMORY": "lots"})

"""Refused records: listed without values, corrected, replayed, marked, and kept in a rebuild."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import RebuildRefusedError, UnknownRecordError
from ingestion.quarantine import ReplayReport, Selection, list_records, replay, show_records
from ingestion.rebuilding import rebuild
from orchestration.cli.main import invoke
from tests.ingestion.landing_zone import Landing, contact, source
from tests.ingestion.test_payloads import NESTED, record

HEADER = "id,email,amount,visits,updated_at\n"
SECRET = "very-private-value"


def ids(landing: Landing, rule: str = "type") -> tuple[str, ...]:
    return tuple(one.quarantine_id for one in list_records(landing.settings, Selection(rule=rule)).records)


def again(landing: Landing, selection: Selection, **how: Any) -> ReplayReport:
    report = replay(landing.settings, {"crm": landing.source}, selection, **how)
    for entity in report.landing.entities if report.landing else ():
        assert entity.extracted == entity.landed + entity.quarantined + entity.unchanged
    return report


@pytest.fixture
def refused(landing: Landing) -> Landing:
    """One valid record, one with an invalid amount, one line that is not a record."""
    landing.write("crm/contact/1.csv", HEADER + f"1,a,1.5,1,2026-01-01\n2,{SECRET},much,1,2026-01-01\n3,cut\n")
    landing.land()
    return landing


def test_a_list_counts_and_holds_no_value(refused: Landing) -> None:
    found = list_records(refused.settings, Selection())
    assert (found.total, found.waiting, found.by_rule) == (
        2,
        2,
        {"crm.contact: malformed": 1, "crm.contact: type": 1},
    )
    assert SECRET not in repr(found)
    assert list_records(refused.settings, Selection(rule="nope")).total == 0
    assert list_records(refused.settings, Selection(source="crm", entity="contact"), limit=1).total == 2
    [(about, text)] = show_records(refused.settings, ids(refused))
    assert (about.row, about.field, SECRET in text) == (2, "amount", True)
    with pytest.raises(UnknownRecordError, match="nope"):
        show_records(refused.settings, ["nope"])


def test_a_corrected_record_lands_and_is_marked(refused: Landing) -> None:
    [wrong] = ids(refused)
    report = again(refused, Selection(ids=(wrong,)), changes={"amount": "2.50"})
    assert (report.replayed, report.outcomes) == (1, {"landed": 1})
    assert [
        str(value) for value in refused.rows("select id, email, amount from raw_crm.contact where id = '2'")[0]
    ] == [
        "2",
        SECRET,
        "2.50",
    ]
    assert refused.rows(
        "select outcome, replayed_load_id = (select max(load_id) from raw_ops.loads), replayed_at is not null, record"
        f" from raw_quarantine.records where quarantine_id = '{wrong}'"
    ) == [
        (
            "landed",
            True,
            True,
            f'{{"id":"2","email":"{SECRET}","amount":"much","visits":"1","updated_at":"2026-01-01"}}',
        )
    ]
    assert list_records(refused.settings, Selection()).waiting == 1
    assert refused.land_one().file_count == 0


def test_a_replay_that_breaks_a_rule_again_says_so(refused: Landing) -> None:
    assert again(refused, Selection(rule="type")).outcomes == {"quarantined": 1}
    found = list_records(refused.settings, Selection(rule="type"))
    assert (found.total, found.waiting) == (2, 1)
    assert again(refused, Selection(rule="type"), changes={"amount": "1"}).outcomes == {"landed": 1}
    assert again(refused, Selection(rule="type")) == ReplayReport(0, {}, 0, None)


def test_a_record_that_was_no_json_needs_its_correction(refused: Landing) -> None:
    [broken] = ids(refused, "malformed")
    assert again(refused, Selection(rule="malformed")).skipped == 1
    with pytest.raises(UnknownRecordError, match="not JSON"):
        again(refused, Selection(ids=(broken,)))
    for text in ("3,cut", "[]"):
        with pytest.raises(UnknownRecordError, match="one JSON object"):
            again(refused, Selection(ids=(broken,)), record=text)
    report = again(refused, Selection(ids=(broken,)), record='{"id": "3",\n "email": "c"}')
    assert report.outcomes == {"landed": 1}
    assert refused.rows("select email from raw_crm.contact where id = '3'") == [("c",)]


def test_a_replay_without_sense_touches_nothing(refused: Landing) -> None:
    for selection, how in (
        (Selection(ids=("nope",)), {}),
        (Selection(rule="type"), {"changes": {"nope": "1"}}),
        (Selection(rule="type"), {"record": "{}"}),
    ):
        with pytest.raises(UnknownRecordError):
            again(refused, selection, **how)
    with pytest.raises(UnknownRecordError, match="not declared any more"):
        replay(refused.settings, {}, Selection(rule="type"))
    assert not (refused.settings.landing_dir / "_replayed").exists()


def test_a_replayed_payload_stays_a_payload(landing: Landing) -> None:
    landing.source = source(contact=NESTED)
    given = record("2", amount="much", exact=0.12345678901234567890123)
    text = json.dumps(given).replace("0.12345678901234568", "0.12345678901234567890123")
    landing.write_payloads("crm/contact/1.1.a.parquet", [[record()], [text]])
    landing.land()
    assert again(landing, Selection(rule="type"), changes={"amount": "2"}).outcomes == {"landed": 1}
    [(amount, payload, extra)] = landing.rows("select amount, _payload, _extra from raw_crm.contact where id = '2'")
    assert (str(amount), extra) == ("2.00", None)
    assert json.loads(payload)["properties"]["amount"] == "2"
    assert "0.12345678901234567890123" in payload


def test_a_field_is_corrected_under_the_name_that_it_came_with(landing: Landing) -> None:
    columns = {"id": "varchar", "full_name": "varchar", "visits": {"type": "bigint", "from": "Visits!"}}
    landing.source = source(contact=contact(version=None, columns=columns))
    landing.write("crm/contact/1.csv", "ID,Full Name,Visits!,City\n1,Ann,many,Rome\n")
    landing.land()
    changes = {"full_name": "Bob", "visits": "3"}
    assert again(landing, Selection(rule="type"), changes=changes).outcomes == {"landed": 1}
    assert landing.rows("select id, full_name, visits, _extra from raw_crm.contact") == [
        ("1", "Bob", 3, '{"city":"Rome"}')
    ]


def test_a_duplicate_is_replayed_with_what_nobody_declared(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="append", version=None))
    landing.write("crm/contact/1.csv", "id,email,city\n1,a,Rome\n1,b,Bonn\n")
    landing.land()
    report = again(landing, Selection(rule="duplicate_key"), changes={"id": "2"})
    assert report.outcomes == {"landed": 1}
    assert landing.rows("select id, email, _extra from raw_crm.contact order by id") == [
        ("1", "a", '{"city":"Rome"}'),
        ("2", "b", '{"city":"Bonn"}'),
    ]


def test_a_replay_adds_to_a_whole_table_and_deletes_nothing(landing: Landing) -> None:
    landing.source = source(contact=contact(mode="replace", version=None))
    landing.write("crm/contact/1.csv", "id,visits\n1,1\n2,many\n")
    landing.land()
    assert again(landing, Selection(rule="type"), changes={"visits": "2"}).outcomes == {"landed": 1}
    assert landing.rows("select id from raw_crm.contact where _deleted_at is null order by 1") == [("1",), ("2",)]


TABLES = {
    "raw_crm.contact": "*",
    "raw_quarantine.records": "*",
    "raw_ops.files": "*",
    "raw_ops.loads": "* exclude (ended_at)",
    "duckdb_columns()": "schema_name, table_name, column_name, data_type",
}


def everything(landing: Landing) -> list[Any]:
    return [landing.rows(f"select {columns} from {table} order by all") for table, columns in TABLES.items()]


def test_a_rebuild_ends_where_the_loads_ended(refused: Landing) -> None:
    again(refused, Selection(rule="type"), changes={"amount": "3"})
    refused.write("crm/contact/2.csv", HEADER + "1,b,1,1,2026-01-02\n2,c,x,1,2026-01-02\n")
    refused.land()
    again(refused, Selection(rule="type"))
    before = everything(refused)
    report = rebuild(refused.settings, refused.source)
    assert everything(refused) == before
    assert report.landed == len(before[0])
    assert refused.land_one().file_count == 0
    assert not list((refused.settings.home / "spill").glob("rebuild*"))


@pytest.mark.parametrize("mode", ["replace", "snapshot"])
def test_a_rebuild_keeps_deletes_and_snapshots(landing: Landing, mode: str) -> None:
    landing.source = source(contact=contact(mode=mode, version=None))
    for number, rows in enumerate(["1,1\n2,2\n", "1,1\n", "1,1\n2,2\n3,x\n"]):
        landing.write(f"crm/contact/{number}.csv", "id,visits\n" + rows)
        landing.land()
    before = everything(landing)
    rebuild(landing.settings, landing.source)
    assert everything(landing) == before


def test_a_rebuild_gives_a_new_column_its_values(refused: Landing) -> None:
    refused.write("crm/contact/2.csv", "id,city\n9,Rome\n")
    refused.land()
    refused.source = source(contact=contact(columns={**contact()["columns"], "city": "varchar"}))
    refused.land()
    assert refused.rows("select city from raw_crm.contact where id = '9'") == [(None,)]
    rebuild(refused.settings, refused.source)
    assert refused.rows("select city, _extra from raw_crm.contact where id = '9'") == [("Rome", None)]
    assert refused.rows("select sum(landed_count) = (select count(*) from raw_crm.contact) from raw_ops.loads") == [
        (True,)
    ]


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_rebuild_without_its_files_is_refused(refused: Landing, change: str) -> None:
    before = everything(refused)
    path = refused.settings.landing_dir / "crm/contact/1.csv"
    if change == "gone":
        path.unlink()
    else:
        path.write_text(HEADER)
    with pytest.raises(RebuildRefusedError, match="restore the files first"):
        rebuild(refused.settings, refused.source)
    assert everything(refused) == before


def test_a_rebuild_that_cannot_land_changes_nothing(refused: Landing) -> None:
    before = everything(refused)
    refused.source = source(contact=contact(schema={"type_changes": "fail"}))
    with pytest.raises(Exception, match="could not be repeated"):
        rebuild(refused.settings, refused.source)
    assert everything(refused) == before


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = invoke(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_the_command_lists_shows_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("MERGANSER_HOME", str(home))
    (home / "sources").mkdir(parents=True)
    declaration = {
        "source": "crm",
        "title": "A CRM",
        "loader": "files",
        "legal_basis": "contract",
        "entities": {"contact": contact(), "card": contact(files="card/*", legal_basis="consent", purpose="rewards")},
    }
    (home / "sources" / "crm.yml").write_text(json.dumps(declaration))
    (home / "landing/crm/contact").mkdir(parents=True)
    (home / "landing/crm/contact/1.csv").write_text(HEADER + f"1,{SECRET},much,1,2026-01-01\n")
    assert command(capsys, "ingest", "crm")[0] == 0
    code, text = command(capsys, "quarantine", "list", "--json")
    listed = json.loads(text)
    assert (code, listed["total"], SECRET in text) == (0, 1, False)
    wrong = listed["records"][0]["quarantine_id"]
    code, text = command(capsys, "quarantine", "list", "--source", "crm")
    assert (code, "1 of them wait" in text, SECRET in text) == (0, True, False)
    assert SECRET in command(capsys, "quarantine", "show", wrong)[1]
    assert command(capsys, "quarantine", "show", "nope")[0] == 2
    assert command(capsys, "quarantine", "replay")[0] == 2
    assert command(capsys, "quarantine", "replay", wrong, "--set", "amount")[0] == 2
    code, text = command(capsys, "quarantine", "replay", wrong, "--set", "amount=1.5")
    assert (code, "1 landed" in text, SECRET in text) == (0, True, False)
    code, text = command(capsys, "ingest", "crm", "--rebuild", "--json")
    assert (code, json.loads(text)["report"]["entities"][0]["landed"]) == (0, 1)
    assert command(capsys, "ingest", "--all", "--rebuild")[0] == 2
    [held] = json.loads(command(capsys, "status", "--json")[1])["sources"]
    assert held["held_under"] == ["consent: rewards", "contract"]
    assert "consent: rewards; contract" in command(capsys, "status")[1]

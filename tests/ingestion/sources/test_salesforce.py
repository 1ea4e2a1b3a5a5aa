"""Salesforce's connector against a simulated server, and that server against simple-salesforce.

Keep out: faults (test_faults.py), what every connector does (test_extraction.py).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceMalformedRequest

from ingestion.connectors import StreamReport, Window
from ingestion.extraction import extract
from ingestion.landing import land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.sources.salesforce import client
from tests.ingestion.servers.base import Fault, FaultKind
from tests.ingestion.servers.salesforce import SalesforceServer, from_fivetran, moment, sobject
from vendors import retries

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "sources" / "salesforce_fivetran"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SALESFORCE = load_sources()["salesforce"]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def record_id(prefix: str, number: int) -> str:
    return f"{prefix}{number:012d}AAA"


class Organisation:
    """A home and a Salesforce organisation, read one run after the other."""

    def __init__(self, home: Path, server: SalesforceServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.environment = {
            "SALESFORCE_BASE_URL": server.url,
            "SALESFORCE_CLIENT_ID": server.client[0],
            "SALESFORCE_CLIENT_SECRET": server.client[1],
        }

    def run(self, *streams: str, **options: Any) -> dict[str, StreamReport]:
        reports = extract(self.settings, SALESFORCE, streams=streams, environment=self.environment, **options)
        return {report.stream: report for report in reports}

    def records(self, entity: str) -> list[dict[str, Any]]:
        """The landed files of an entity."""
        files = sorted((self.settings.landing_dir / "salesforce" / entity).glob("*"))
        return [json.loads(row["_payload"]) for path in files for row in pq.read_table(path).to_pylist()]

    def forget(self) -> None:
        """Deletes the landing files, to see only those of the next run."""
        for path in (self.settings.landing_dir / "salesforce").glob("*/*"):
            path.unlink()

    def requested(self, part: str) -> int:
        return sum(part in request.path for request in self.server.requests)

    def land(self) -> None:
        assert land(self.settings, [SALESFORCE]).ok

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def organisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Organisation]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    with SalesforceServer() as server:
        yield Organisation(tmp_path / "home", server)


def test_a_first_load_goes_through_a_bulk_job_and_the_next_by_rest(organisation: Organisation) -> None:
    organisation.server.page_size = 100
    organisation.server.tables["Contact"] = [
        sobject(record_id("003", n), at(n / 10), LastName=f'O"Hara, {n}\njr.', Email=None) for n in range(350)
    ]
    report = organisation.run("contact")["contact"]
    assert (report.error, report.records) == (None, {"contact": 350})
    assert (organisation.requested("/results"), organisation.requested("/query/01g")) == (4, 0)
    assert organisation.records("contact") == organisation.server.tables["Contact"]
    organisation.forget()
    organisation.server.page_size = 50
    organisation.run("contact")
    assert organisation.requested("/results") == 4
    # From 12:34:54 less fifteen minutes on, in pages of fifty.
    assert len(organisation.records("contact")) == 151
    assert organisation.requested("/query/01g") == 3
    known = {record["Id"]: record for record in organisation.server.tables["Contact"]}
    assert all(record == known[record["Id"]] for record in organisation.records("contact"))


def test_numbers_flags_and_moments_are_the_same_both_ways(organisation: Organisation) -> None:
    one = sobject(
        record_id("006", 1), at(0), Amount=1234.5, IsWon=True, Probability=90, CloseDate="2026-04-01", Name="ü"
    )
    organisation.server.tables["Opportunity"] = [one]
    organisation.run("opportunity")
    organisation.run("opportunity")
    bulk, rest = organisation.records("opportunity")
    assert bulk == rest == {**one, "LossReason": None}


def test_a_query_too_long_for_a_url_goes_by_bulk(organisation: Organisation) -> None:
    wide = {f"A_Custom_Field_With_A_Long_Name_{n}__c": str(n) for n in range(300)}
    organisation.server.tables["Account"] = [sobject(record_id("001", 1), at(0), **wide)]
    organisation.run("account")
    organisation.run("account")
    assert organisation.requested("/results") == 2
    assert organisation.records("account")[1]["A_Custom_Field_With_A_Long_Name_299__c"] == "299"


def test_deleted_and_merged_records_come(organisation: Organisation) -> None:
    winner, loser, gone = (record_id("003", n) for n in (1, 2, 3))
    organisation.server.tables["Contact"] = [
        sobject(winner, at(0), LastName="W"),
        sobject(loser, at(0), LastName="L", MasterRecordId=None),
        sobject(gone, at(0), LastName="G"),
    ]
    organisation.run("contact")
    organisation.server.tables["Contact"][1] |= {
        "IsDeleted": True, "MasterRecordId": winner, "SystemModstamp": moment(at(60)),
    }  # fmt: skip
    organisation.server.tables["Contact"][2] |= {"IsDeleted": True, "SystemModstamp": moment(at(61))}
    organisation.run("contact")
    organisation.land()
    assert organisation.query(
        "select id, is_deleted, master_record_id from raw_salesforce.contact where _superseded_at is null order by id"
    ) == [(winner, False, None), (loser, True, winner), (gone, True, None)]


def test_what_changes_while_pages_are_read_comes_with_the_next_run(organisation: Organisation) -> None:
    organisation.server.page_size = 5
    organisation.server.tables["Lead"] = [sobject(record_id("00Q", n), at(0), Status="Open") for n in range(20)]

    def change(page: int) -> None:
        if page == 2:
            organisation.server.tables["Lead"][0] |= {"Status": "Closed", "SystemModstamp": moment(at(20))}
            organisation.server.tables["Lead"][-1] |= {"SystemModstamp": moment(at(60))}

    organisation.server.before_page = change
    assert organisation.run("lead")["lead"].watermark_after == at(0).isoformat(timespec="microseconds")
    organisation.server.before_page = None
    organisation.run("lead")
    assert organisation.records("lead")[-20]["Status"] == "Closed"


def test_a_window_is_read_again_without_what_lies_outside(organisation: Organisation) -> None:
    organisation.server.tables["Task"] = [sobject(record_id("00T", n), at(n)) for n in range(10)]
    organisation.run("task", window=Window(at(3), at(6)))
    assert [record["Id"] for record in organisation.records("task")] == [record_id("00T", n) for n in (3, 4, 5)]


def test_the_loss_reason_is_the_field_that_the_setting_names(organisation: Organisation) -> None:
    organisation.server.tables["Opportunity"] = [sobject(record_id("006", 1), at(0), Why_We_Lost__c="Price")]
    organisation.environment["SALESFORCE_LOSS_REASON_FIELD"] = "Why_We_Lost__c"
    organisation.run("opportunity")
    organisation.land()
    assert organisation.query("select loss_reason_c from raw_salesforce.opportunity") == [("Price",)]
    organisation.environment["SALESFORCE_LOSS_REASON_FIELD"] = "Loss_Reason__c"
    refused = organisation.run("opportunity")["opportunity"].error
    assert "SALESFORCE_LOSS_REASON_FIELD is Loss_Reason__c, which opportunities do not have" in str(refused)


def test_history_and_contracts_reach_their_tables(organisation: Organisation) -> None:
    deal = record_id("006", 1)
    organisation.server.tables.update(
        Opportunity=[sobject(deal, at(0), StageName="Won", ContractId=record_id("800", 1))],
        OpportunityHistory=[
            sobject(record_id("008", n), at(n), OpportunityId=deal, StageName=stage, Amount=10.0)
            for n, stage in enumerate(("Open", "Won"))
        ],
        OpportunityFieldHistory=[
            {"Id": record_id("017", 1), "IsDeleted": False, "CreatedDate": moment(at(0)), "OpportunityId": deal,
             "Field": "Amount", "OldValue": 5, "NewValue": 10}
        ],
        Contract=[sobject(record_id("800", 1), at(0), Status="Activated", EndDate="2027-01-31", ContractTerm=12)],
        Event=[sobject(record_id("00U", 1), at(0), Subject="Demo", DurationInMinutes=30, IsChild=False)],
        User=[{key: value for key, value in sobject(record_id("005", 1), at(0), Email="u@x.example").items()
               if key != "IsDeleted"}],
    )  # fmt: skip
    reports = organisation.run()
    assert {name: report.error for name, report in reports.items() if report.error} == {}
    organisation.land()
    assert organisation.query(
        "select id, stage_name, amount::varchar, _fivetran_start::varchar"
        " from raw_salesforce.opportunity_history order by 4"
    ) == [(deal, "Open", "10.000000", "2026-03-01 12:00:00"), (deal, "Won", "10.000000", "2026-03-01 12:01:00")]
    assert organisation.query("select field, old_value, new_value from raw_salesforce.opportunity_field_history") == [
        ("Amount", "5", "10")
    ]
    assert organisation.query("select status, end_date::varchar, contract_term from raw_salesforce.contract") == [
        ("Activated", "2027-01-31", 12)
    ]
    assert organisation.query("select sum(records) from (select count(*) as records from raw_quarantine.records)") == [
        (0,)
    ]


def test_an_organisation_that_tracks_no_field_has_no_field_history(organisation: Organisation) -> None:
    report = organisation.run("opportunity_field_history")["opportunity_field_history"]
    assert (report.error, organisation.requested("jobs")) == (None, 0)


def test_a_job_that_fails_keeps_nothing_and_can_be_repeated(organisation: Organisation) -> None:
    organisation.server.tables["Task"] = [sobject(record_id("00T", 1), at(0))]
    organisation.server.failing_jobs = 1
    report = organisation.run("task")["task"]
    assert "the bulk query of Task ended as Failed" in str(report.error)
    assert (report.watermark_after, organisation.records("task")) == (None, [])
    assert organisation.run("task")["task"].error is None


# --- signing in


def test_a_session_that_ends_in_the_middle_is_renewed(organisation: Organisation) -> None:
    organisation.server.tables["Task"] = [sobject(record_id("00T", n), at(0)) for n in range(30)]
    organisation.server.page_size = 10
    organisation.server.faults = [Fault(FaultKind.EXPIRED_TOKEN, at=6)]
    assert organisation.run("task")["task"].error is None
    assert (organisation.server.sessions, len(organisation.records("task"))) == (2, 30)


def test_a_refresh_token_signs_a_user_in(organisation: Organisation) -> None:
    organisation.server.tables["Task"] = [sobject(record_id("00T", 1), at(0))]
    organisation.environment["SALESFORCE_REFRESH_TOKEN"] = organisation.server.refresh_token
    assert organisation.run("task")["task"].error is None
    assert b"grant_type=refresh_token" in organisation.server.requests[0].body


def test_a_refused_sign_in_names_no_secret(organisation: Organisation) -> None:
    organisation.environment["SALESFORCE_REFRESH_TOKEN"] = "stolen"
    error = str(organisation.run("task")["task"].error)
    assert "HTTP 400 (invalid_grant)" in error
    assert not any(secret in error for secret in ("stolen", organisation.server.client[1]))


def test_the_days_limit_is_waited_for(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(retries, "sleep", waited.append)
    organisation.server.tables["Task"] = [sobject(record_id("00T", 1), at(0))]
    organisation.server.faults = [Fault(FaultKind.THROTTLED, at=2)]
    assert organisation.run("task")["task"].error is None
    assert max(waited) >= client.LIMIT_PAUSE_SECONDS


@pytest.mark.parametrize(
    "kind", [FaultKind.TRUNCATED_JSON, FaultKind.HTML, FaultKind.INVALID_UTF8, FaultKind.CUT_BODY], ids=lambda k: k.name
)
def test_a_bulk_result_that_came_broken_is_asked_for_again(organisation: Organisation, kind: FaultKind) -> None:
    organisation.server.tables["Task"] = [sobject(record_id("00T", n), at(0), Subject="x") for n in range(30)]
    organisation.server.page_size = 10
    organisation.server.faults = [Fault(kind, at=6)]
    assert organisation.run("task")["task"].error is None
    assert organisation.requested("/results") == 4
    assert organisation.records("task") == organisation.server.tables["Task"]


# --- the server, by simple-salesforce


@pytest.fixture
def official(organisation: Organisation) -> Salesforce:
    """Their client, directed to the server; by itself it requires https."""
    official = Salesforce(instance_url=organisation.server.url, session_id=organisation.server.token)
    official.base_url = f"{organisation.server.url}/services/data/v59.0/"
    official.bulk2_url = f"{organisation.server.url}/services/data/v59.0/jobs/"
    return official


def test_their_client_pages_and_sees_what_was_deleted(
    organisation: Organisation, official: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation.server.page_size = 3
    organisation.server.tables["Contact"] = [
        sobject(record_id("003", n), at(n), Email=f"p{n}@x.example", IsDeleted=n == 7) for n in range(8)
    ]
    first = official.query("SELECT Id, Email FROM Contact")
    assert (first["totalSize"], first["done"], len(first["records"])) == (7, False, 3)
    second = official.query_more(first["nextRecordsUrl"].split("/")[-1])
    assert second["records"][0]["Email"] == "p3@x.example"
    assert official.query("SELECT Id FROM Contact LIMIT 10", include_deleted=True)["totalSize"] == 8
    described = official._call_salesforce("GET", f"{official.base_url}sobjects/Contact/describe").json()
    assert {field["name"]: field["type"] for field in described["fields"]}["MailingAddress"] == "address"


def test_their_client_runs_a_bulk_query(organisation: Organisation, official: Salesforce) -> None:
    organisation.server.page_size = 2
    organisation.server.tables["Contact"] = [
        sobject(record_id("003", n), at(n), Email=f"p{n}@x.example") for n in range(5)
    ]
    pages = list(official.bulk2.Contact.query("SELECT Id, Email FROM Contact", max_records=2, wait=0.01))
    rows = [row for page in pages for row in csv.DictReader(page.splitlines())]
    assert [row["Email"] for row in rows] == [f"p{n}@x.example" for n in range(5)]


def test_their_client_understands_refusals(organisation: Organisation, official: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        official.query("SELECT Colour FROM Contact")
    organisation.server.token = "another"
    with pytest.raises(SalesforceExpiredSession):
        official.query("SELECT Id FROM Contact")


# --- one raw table for both loaders


def test_records_of_the_api_are_those_that_fivetran_had_landed(organisation: Organisation) -> None:
    """Fivetran's table lands first; then the same organisation by its API: equal columns, and no contact twice."""
    if not SAMPLES.is_dir():
        pytest.skip("skipped: needs ../shared/data/sources/salesforce_fivetran")
    folder = organisation.settings.landing_dir / "salesforce" / "contact"
    folder.mkdir(parents=True)
    sample = SAMPLES / "sf_contact_data.csv"
    (folder / sample.name).write_bytes(sample.read_bytes())
    organisation.land()
    seen = (
        "select id, email, first_name, account_id, created_date, is_deleted from raw_salesforce.contact"
        " where _superseded_at is null order by id"
    )
    before = organisation.query(seen)
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    fields = ("Id", "Email", "FirstName", "LastName", "AccountId", "CreatedDate", "SystemModstamp", "IsDeleted")
    organisation.server.tables["Contact"] = from_fivetran(rows, fields)
    organisation.run("contact")
    organisation.land()
    assert len(before) == 4
    assert organisation.query(seen) == before

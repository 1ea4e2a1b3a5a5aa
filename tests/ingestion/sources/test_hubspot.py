"""HubSpot's connector against a server that answers as HubSpot does, and that server against HubSpot's own client.

Add here: what is HubSpot's own. Keep out: faults (test_faults.py), and what every connector does (test_extraction.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hubspot
import pyarrow.parquet as pq
import pytest
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import ApiException, BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest

from ingestion.connectors import StreamReport, Window
from ingestion.extraction import extract
from ingestion.landing import land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.sources.hubspot.client import OBJECTS
from ingestion.synthetic import WorldConfig, write_world
from tests.ingestion.servers.base import Fault, FaultKind
from tests.ingestion.servers.hubspot import HubSpotServer, crm_record, from_samples, from_world
from vendors import retries

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "sources" / "hubspot_dlt_api_mocks"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HUBSPOT = load_sources()["hubspot"]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Account:
    """A home and a HubSpot account, read one run after the other."""

    def __init__(self, home: Path, server: HubSpotServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.environment = {"HUBSPOT_ACCESS_TOKEN": server.token, "HUBSPOT_BASE_URL": server.url}
        self.read: set[Path] = set()

    def run(self, *streams: str, **options: Any) -> dict[str, StreamReport]:
        reports = extract(self.settings, HUBSPOT, streams=streams, environment=self.environment, **options)
        return {report.stream: report for report in reports}

    def new(self, entity: str, complete: bool = False) -> list[dict[str, Any]]:
        """The records of an entity that runs since the last call wrote, or the complete scopes."""
        rows = [
            row
            for path in sorted((self.settings.landing_dir / "hubspot" / entity).glob("*"))
            for row in pq.read_table(path).to_pylist()
        ]
        return [json.loads(row["_payload"]) for row in rows if row["_complete"] == complete]

    def ids(self, entity: str) -> list[str]:
        return [record["id"] for record in self.new(entity)]

    def query(self, sql: str) -> list[Any]:
        """The one column that a query of the warehouse gives."""
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return [value for (value,) in connection.execute(sql).fetchall()]

    def forget(self) -> None:
        """Deletes the landing files, to see only those of the next run."""
        for path in (self.settings.landing_dir / "hubspot").glob("*/*"):
            path.unlink()


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    with HubSpotServer() as server:
        yield Account(tmp_path / "home", server)


def test_what_staging_reads_is_asked_for() -> None:
    """Properties must be requested; the connector requests the custom properties of the account."""
    made_here = {"contract_status", "contract_start_date", "contract_end_date"}
    for name, crm_object in OBJECTS.items():
        declared = {column.path or "" for column in HUBSPOT.entities[name].columns.values()}
        read = {path.removeprefix("/properties/") for path in declared if path.startswith("/properties/")}
        assert read - made_here <= set(crm_object.properties), name


def test_every_contact_comes_whatever_its_page(account: Account) -> None:
    account.server.tables["contacts"] = [crm_record(n, at(n % 7), email=f"p{n}@example.com") for n in range(1, 451)]
    report = account.run("contacts")["contacts"]
    assert report.error is None
    assert sorted(map(int, account.ids("contacts"))) == list(range(1, 451))
    assert report.watermark_after == at(6).isoformat(timespec="microseconds")
    first = account.new("contacts")[0]
    assert (first["properties"]["email"], first["archived"]) == ("p1@example.com", False)


def test_more_than_a_search_can_page_through(account: Account) -> None:
    """All of them changed in one moment, as after an import."""
    account.server.search_results = 400
    account.server.tables["notes"] = [crm_record(n, NOON) for n in range(1, 1002)]
    assert account.run("notes")["notes"].error is None
    assert len(set(account.ids("notes"))) == 1001


def test_the_next_run_asks_for_changes_only(account: Account) -> None:
    account.server.tables["contacts"] = [crm_record(n, at(n)) for n in range(1, 61)]
    account.run("contacts")
    account.forget()
    account.server.tables["contacts"][0] = crm_record(1, at(70), email="new@example.com")
    account.run("contacts")
    # The overlap of fifteen minutes before 13:00, and the one that changed.
    assert sorted(map(int, account.ids("contacts"))) == [1, *range(45, 61)]


def test_what_changes_while_pages_are_read_comes_with_the_next_run(account: Account) -> None:
    account.server.tables["contacts"] = [crm_record(n, at(0)) for n in range(1, 501)]

    def change(page: int) -> None:
        if page == 2:  # contact 1 was on the first page
            account.server.tables["contacts"][0] = crm_record(1, at(20), email="changed@example.com")
            account.server.tables["contacts"][-1] = crm_record(500, at(40), email="changed@example.com")

    account.server.before_page = change
    account.run("contacts")
    assert [c["properties"].get("email") for c in account.new("contacts") if c["id"] == "1"] == [None]
    account.server.before_page = None
    account.forget()
    account.run("contacts")
    assert {c["id"]: c["properties"].get("email") for c in account.new("contacts")}["1"] == "changed@example.com"


def test_a_window_is_read_again_without_what_lies_outside(account: Account) -> None:
    account.server.tables["deals"] = [crm_record(n, at(n)) for n in range(1, 11)]
    account.run("deals", window=Window(at(3), at(6)))
    assert account.ids("deals") == ["3", "4", "5"]


def test_archived_records_are_deletes_and_lose_their_links(account: Account) -> None:
    account.server.tables["contacts"] = [crm_record(1, at(0)), crm_record(2, at(0))]
    account.server.tables["associations"] = [{"from": "contacts", "from_id": "1", "to": "deals", "to_id": "7"}]
    account.run("contacts")
    assert account.new("contacts__deals")[0] | {"association_types": 0} == {
        "value": "1",
        "deals_id": "7",
        "association_types": 0,
    }
    account.forget()
    account.server.tables["contacts"][0] = crm_record(1, at(30), archived=True, email="a@example.com")
    account.server.tables["associations"] = []
    account.run("contacts")
    assert [(c["id"], c["archived"]) for c in account.new("contacts")] == [("2", False), ("1", True)]
    assert account.new("contacts__deals") == []
    assert account.new("contacts__deals", complete=True) == [{"value": "2"}, {"value": "1"}]


def test_an_old_archive_is_not_read_again(account: Account) -> None:
    account.server.tables["tasks"] = [crm_record(1, at(0), archived=True), crm_record(2, at(60))]
    account.run("tasks")
    assert account.ids("tasks") == ["2", "1"]
    account.forget()
    account.run("tasks")
    assert account.ids("tasks") == ["2"]


def test_the_losers_of_a_merge_are_deletes(account: Account) -> None:
    account.server.tables["contacts"] = [crm_record(5, at(1), hs_merged_object_ids="3;4")]
    account.run("contacts")
    changed = account.server.tables["contacts"][0]["updatedAt"]
    assert [(c["id"], c["archived"], c["properties"]["lastmodifieddate"]) for c in account.new("contacts")] == [
        ("5", False, changed),
        ("3", True, changed),
        ("4", True, changed),
    ]


def test_a_loser_that_is_listed_as_archived_comes_once(account: Account) -> None:
    account.server.tables["contacts"] = [
        crm_record(5, at(1), hs_merged_object_ids="3"),
        crm_record(3, at(1), archived=True, email="a@example.com"),
    ]
    account.run("contacts")
    assert [(c["id"], c["properties"].get("email")) for c in account.new("contacts")] == [
        ("5", None),
        ("3", "a@example.com"),
    ]


def test_links_are_told_from_both_ends(account: Account) -> None:
    account.server.tables.update(
        contacts=[crm_record(1, at(0)), crm_record(2, at(0))],
        companies=[crm_record(10, at(0))],
        deals=[crm_record(100, at(0))],
        associations=[
            {"from": "contacts", "from_id": "1", "to": "companies", "to_id": "10"},
            {"from": "deals", "from_id": "100", "to": "contacts", "to_id": "2"},
            {"from": "companies", "from_id": "10", "to": "deals", "to_id": "100"},
        ],
    )
    account.run("contacts", "companies", "deals")

    def links(entity: str, child: str) -> list[tuple[str, str]]:
        return [(link["value"], link[child]) for link in account.new(entity)]

    assert links("companies__contacts", "contacts_id") == [("10", "1")] * 2
    assert links("contacts__deals", "deals_id") == [("2", "100")] * 2
    assert links("companies__deals", "deals_id") == [("10", "100")] * 2
    assert account.new("contacts__deals", complete=True) == [{"value": "2"}, {"value": "1"}, {"deals_id": "100"}]


def test_a_link_that_is_taken_away_at_either_end_goes_from_raw(account: Account) -> None:
    links = [{"from": "contacts", "from_id": str(n), "to": "deals", "to_id": "100"} for n in (1, 2, 3)]
    account.server.tables.update(
        contacts=[crm_record(n, at(0)) for n in (1, 2, 3)], deals=[crm_record(100, at(0))], associations=links
    )
    streams = ("contacts", "deals")

    def there() -> list[str]:
        account.run(*streams)
        assert land(account.settings, [HUBSPOT]).ok
        return account.query('select "value" from raw_hubspot.contacts__deals where _deleted_at is null order by 1')

    assert there() == ["1", "2", "3"]
    # HubSpot moves the change of one end alone: once the contact, once the deal, and a contact that is archived.
    account.server.tables["associations"] = links[1:]
    account.server.tables["contacts"][0] = crm_record(1, at(60))
    assert there() == ["2", "3"]
    account.server.tables["associations"] = links[2:]
    account.server.tables["deals"][0] = crm_record(100, at(60))
    assert there() == ["3"]
    account.server.tables["associations"] = []
    account.server.tables["contacts"][2] = crm_record(3, at(120), archived=True)
    assert there() == []
    assert account.query("select id from raw_hubspot.contacts where _superseded_at is null and is_deleted") == ["3"]
    account.server.tables["associations"] = links[1:2]
    account.server.tables["contacts"][1] = crm_record(2, at(180))
    assert there() == ["2"]


def test_a_company_with_more_contacts_than_a_page_holds(account: Account) -> None:
    account.server.tables["companies"] = [crm_record(1, at(0))]
    account.server.tables["associations"] = [
        {"from": "companies", "from_id": "1", "to": "contacts", "to_id": str(n)} for n in range(1200)
    ]
    account.run("companies")
    assert len({link["contacts_id"] for link in account.new("companies__contacts")}) == 1200
    assert account.new("companies__contacts", complete=True) == [{"value": "1"}]


def test_links_that_could_not_be_read_are_not_called_complete(account: Account) -> None:
    account.server.tables["calls"] = [crm_record(1, at(0)), crm_record(2, at(0))]
    account.server.unreadable = frozenset({"2"})
    account.run("calls")
    assert account.new("calls__contacts", complete=True) == [{"calls_id": "1"}]


def test_stage_history_has_every_entry(account: Account) -> None:
    history = [
        {"value": "won", "timestamp": "2026-02-03T00:00:00Z", "sourceType": "CRM_UI"},
        {"value": "offer", "timestamp": "2026-02-02T00:00:00Z", "sourceType": "CRM_UI"},
        {"value": "won", "timestamp": "2026-02-01T00:00:00Z", "sourceType": "CRM_UI"},
    ]
    account.server.tables["deals"] = [
        {**crm_record(n, at(0), dealstage="won"), "history": {"dealstage": history}} for n in range(1, 121)
    ]
    assert account.run("deals")["deals"].error is None
    entries = [(e["stage"], e["hs_v2_date_enteredx"]) for e in account.new("stages_timing_deals") if e["id"] == "1"]
    assert entries == [(entry["value"], entry["timestamp"]) for entry in history]
    assert len(account.new("stages_timing_deals")) == 360


def test_properties_of_the_account_and_those_wished_for_come(account: Account) -> None:
    account.server.tables["custom"] = [{"object": "deals", "name": "contract_status"}]
    account.server.tables["deals"] = [
        crm_record(1, at(0), contract_status="active", hs_analytics_source="PAID_SOCIAL", hs_secret="x")
    ]
    account.environment["HUBSPOT_PROPERTIES"] = "hs_analytics_source, hs_arr"
    account.run("deals")
    properties = account.new("deals")[0]["properties"]
    assert (properties["contract_status"], properties["hs_analytics_source"]) == ("active", "PAID_SOCIAL")
    assert "hs_secret" not in properties


def test_pipelines_and_owners_come_whole(account: Account) -> None:
    stage = {"id": "won", "label": "Won", "displayOrder": 1, "metadata": {"isClosed": "true", "probability": "1.0"}}
    account.server.tables["pipelines"] = [{"id": "default", "label": "Sales", "stages": [stage]}]
    account.server.tables["owners"] = [{"id": str(n), "email": "o@x.example", "archived": n > 101} for n in range(103)]
    account.run("pipelines", "owners")
    assert account.new("pipelines_deals__stages") == [{**stage, "pipeline_id": "default"}]
    assert account.new("pipelines_deals__stages", complete=True) == [{"pipeline_id": "default"}]
    assert len(account.ids("owners")) == 103


def test_a_scope_that_is_missing_is_named_and_stops_only_its_stream(account: Account) -> None:
    account.server.scopes = frozenset(OBJECTS) - {"deals"}
    account.server.tables["contacts"] = [crm_record(1, at(0))]
    reports = account.run("contacts", "deals")
    assert reports["contacts"].error is None
    assert "HTTP 403 (MISSING_SCOPES)" in str(reports["deals"].error)
    assert account.server.token not in str(reports)


def test_an_account_that_is_busy_is_asked_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(retries, "sleep", waited.append)
    account.server.tables["notes"] = [crm_record(1, at(0))]
    account.server.faults = [Fault(FaultKind.THROTTLED_FOR, at=2)]
    assert account.run("notes")["notes"].error is None
    assert max(waited) >= 7


# --- the server, by HubSpot's own client


@pytest.fixture
def official(account: Account) -> Any:
    """HubSpot's client for Python, with every API of it turned to the server."""
    client = hubspot.Client.create(access_token=account.server.token)

    def turned(api: Any) -> Any:
        api.api_client.configuration.host = account.server.url
        return api

    client.turned = turned
    return client


def test_their_client_pages_through_our_server(account: Account, official: Any) -> None:
    if SAMPLES.is_dir():
        account.server.tables = from_samples(SAMPLES)
    else:
        account.server.tables["contacts"] = [crm_record(n, at(n)) for n in (1, 51)]
    api = official.turned(official.crm.contacts.basic_api)
    first = api.get_page(limit=1, properties=["email"])
    second = api.get_page(limit=1, properties=["email"], after=first.paging.next.after)
    assert [page.results[0].id for page in (first, second)] == ["1", "51"]
    assert second.paging is None
    requested = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": "1"}]}],
        sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        properties=["email"],
        limit=200,
    )
    found = official.turned(official.crm.contacts.search_api).do_search(requested)
    assert (found.total, [record.id for record in found.results]) == (1, ["51"])


def test_their_client_reads_batches_links_and_history(account: Account, official: Any) -> None:
    history = [{"value": "won", "timestamp": "2026-02-03T00:00:00Z", "sourceType": "CRM_UI"}]
    account.server.tables.update(
        deals=[{**crm_record(1, at(0), dealname="One"), "history": {"dealstage": history}}],
        owners=[{"id": "7", "email": "o@x.example", "archived": False, "createdAt": "2026-01-01T00:00:00Z",
                 "updatedAt": "2026-01-01T00:00:00Z", "type": "PERSON"}],
        associations=[{"from": "deals", "from_id": "1", "to": "contacts", "to_id": "5"}],
    )  # fmt: skip
    requested = BatchReadInputSimplePublicObjectId(
        properties=["dealname"], properties_with_history=["dealstage"], inputs=[{"id": "1"}, {"id": "404"}]
    )
    read = official.turned(official.crm.deals.batch_api).read(requested)
    assert read.results[0].properties["dealname"] == "One"
    assert read.results[0].properties_with_history["dealstage"][0].value == "won"
    assert read.num_errors == 1
    links = official.turned(official.crm.associations.v4.batch_api).get_page(
        "deals",
        "contacts",
        BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": "1"}, {"id": "2"}]),
    )
    assert [(r._from.id, [end.to_object_id for end in r.to]) for r in links.results] == [("1", ["5"])]
    assert links.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert official.turned(official.crm.owners.owners_api).get_page().results[0].id == "7"


def test_their_client_understands_a_refusal(account: Account, official: Any) -> None:
    account.server.token = "another"
    with pytest.raises(ApiException) as refused:
        official.turned(official.crm.contacts.basic_api).get_page()
    assert (refused.value.status, json.loads(refused.value.body)["category"]) == (401, "INVALID_AUTHENTICATION")


# --- the demo business


def current(settings: Settings, entity: str) -> set[tuple[Any, ...]]:
    """The current rows of a raw table, in the columns that both loaders fill; moments to the millisecond."""
    columns = ", ".join(
        f"date_trunc('millisecond', \"{name}\")" if column.type == "timestamp" else f'"{name}"'
        for name, column in HUBSPOT.entities[entity].columns.items()
        if not name.startswith("_dlt") and name not in {"hs_object_id", "pipeline_id"}
    )
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        sql = f'select {columns} from raw_hubspot."{entity}" where _superseded_at is null and _deleted_at is null'
        return set(connection.execute(sql).fetchall())


def test_the_demo_business_comes_through_the_api_as_its_files_tell_it(account: Account, tmp_path: Path) -> None:
    """One business twice: in files as dlt's verified source wrote them, and in an account that is read by API."""
    by_file = Settings.from_home(tmp_path / "files")
    write_world(WorldConfig(customers=120, history_days=120), by_file.landing_dir, tmp_path / "truth")
    assert land(by_file, [HUBSPOT]).ok
    account.server.tables = from_world(by_file.landing_dir)
    assert [report.error for report in account.run().values() if report.error] == []
    report = land(account.settings, [HUBSPOT])
    assert (report.ok, report.quarantined) == (True, 0)
    for entity in HUBSPOT.entities:
        if (by_file.landing_dir / "hubspot" / entity).is_dir():
            assert current(account.settings, entity) == current(by_file, entity), entity

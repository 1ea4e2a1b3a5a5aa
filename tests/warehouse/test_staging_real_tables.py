"""Staging on tables of real loaders: dlt's HubSpot source, and the seeds of Fivetran's packages.

Add here: what must hold for a loader's own files. Keep out: what invented rows can show (unit tests beside the models).
"""

from __future__ import annotations

import csv
import functools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.landing import LandingReport, land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from orchestration.stages import build
from runtime.building import BuildReport
from runtime.home import Home

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared" / "data" / "sources"
# The folder of a source's sample tables, and the name of its file for an entity.
FILES = {
    "hubspot": ("hubspot_dlt_raw_tables", "{}.csv"),
    "hubspot_fivetran": ("hubspot_fivetran", "{}_data.csv"),
    "salesforce": ("salesforce_fivetran", "sf_{}_data.csv"),
    "shopify": ("shopify_fivetran", "shopify_{}_data.csv"),
    "shopify_graphql": ("shopify_fivetran", "shopify_gql_{}_data.csv"),
    "google_ads": ("google_ads_fivetran", "{}_data.csv"),
    "meta_ads": ("facebook_ads_fivetran", "facebook_ads_{}_data.csv"),
    "klaviyo": ("klaviyo_fivetran", "{}.csv"),
    "stripe": ("stripe_fivetran", "{}_data.csv"),
    "zendesk": ("zendesk_fivetran", "{}_data.csv"),
    "segment": ("segment_dbtlabs", "example_segment_{}.csv"),
    "ga4_fivetran": ("ga4_export_fivetran", "{}_data.csv"),
}
# The staging model of each table in a sample.
STAGED = {
    ("segment", "pages"): "stg_segment__pages",
    ("ga4_fivetran", "event"): "base_ga4__events_fivetran",
    ("hubspot_fivetran", "merged_deal"): "stg_hubspot__deal_merges",
    ("hubspot_fivetran", "engagement_deal"): "stg_hubspot__engagements_deals",
    ("shopify", "order_adjustment"): "stg_shopify__refund_adjustments",
    ("hubspot", "contacts"): "base_hubspot__contacts_api",
    ("hubspot", "companies"): "base_hubspot__companies_api",
    ("hubspot", "deals"): "base_hubspot__deals_api",
    ("hubspot", "contacts__deals"): "base_hubspot__contacts_deals_api",
    ("hubspot", "companies__contacts"): "stg_hubspot__companies_contacts",
    ("hubspot", "companies__deals"): "base_hubspot__companies_deals_api",
    ("hubspot", "pipelines_deals"): "base_hubspot__pipelines_api",
    ("hubspot", "pipelines_deals__stages"): "base_hubspot__pipelines_stages_api",
    ("hubspot", "stages_timing_deals"): "base_hubspot__deal_stages_api",
    ("hubspot", "owners"): "base_hubspot__owners_api",
    ("hubspot_fivetran", "contact"): "base_hubspot__contacts_fivetran",
    ("hubspot_fivetran", "company"): "base_hubspot__companies_fivetran",
    ("hubspot_fivetran", "deal"): "base_hubspot__deals_fivetran",
    ("hubspot_fivetran", "deal_stage"): "base_hubspot__deal_stages_fivetran",
    ("hubspot_fivetran", "deal_pipeline"): "base_hubspot__pipelines_fivetran",
    ("hubspot_fivetran", "deal_pipeline_stage"): "base_hubspot__pipelines_stages_fivetran",
    ("hubspot_fivetran", "deal_contact"): "base_hubspot__contacts_deals_fivetran",
    ("hubspot_fivetran", "deal_company"): "base_hubspot__companies_deals_fivetran",
    ("hubspot_fivetran", "owner"): "base_hubspot__owners_fivetran",
    ("hubspot_fivetran", "engagement_call"): "base_hubspot__calls_fivetran",
    ("hubspot_fivetran", "engagement_email"): "base_hubspot__emails_fivetran",
    ("hubspot_fivetran", "engagement_meeting"): "base_hubspot__meetings_fivetran",
    ("hubspot_fivetran", "engagement_note"): "base_hubspot__notes_fivetran",
    ("hubspot_fivetran", "engagement_task"): "base_hubspot__tasks_fivetran",
    ("hubspot_fivetran", "engagement_contact"): "base_hubspot__engagements_contacts_fivetran",
    ("hubspot_fivetran", "contact_merge_audit"): "stg_hubspot__contact_merges",
    ("salesforce", "account"): "stg_salesforce__companies",
    ("salesforce", "contact"): "stg_salesforce__contacts",
    ("salesforce", "lead"): "stg_salesforce__leads",
    ("salesforce", "opportunity"): "stg_salesforce__deals",
    ("salesforce", "opportunity_history"): "stg_salesforce__deal_stages",
    ("salesforce", "event"): "stg_salesforce__meetings",
    ("salesforce", "task"): "stg_salesforce__tasks",
    ("salesforce", "user"): "stg_salesforce__owners",
    ("shopify", "customer"): "base_shopify__customers_rest",
    ("shopify", "order"): "base_shopify__orders_rest",
    ("shopify", "order_line"): "base_shopify__order_lines_rest",
    ("shopify", "refund"): "base_shopify__refunds_rest",
    ("shopify", "order_line_refund"): "base_shopify__order_line_refunds_rest",
    ("shopify", "abandoned_checkout"): "base_shopify__abandoned_checkouts_rest",
    ("shopify_graphql", "customer"): "base_shopify__customers_graphql",
    ("shopify_graphql", "order"): "base_shopify__orders_graphql",
    ("shopify_graphql", "order_line"): "base_shopify__order_lines_graphql",
    ("shopify_graphql", "refund"): "base_shopify__refunds_graphql",
    ("shopify_graphql", "refund_line_item"): "base_shopify__order_line_refunds_graphql",
    ("shopify_graphql", "abandoned_checkout"): "base_shopify__abandoned_checkouts_graphql",
    ("google_ads", "campaign_stats"): "stg_google_ads__campaign_stats",
    ("google_ads", "ad_stats"): "stg_google_ads__ad_stats",
    ("meta_ads", "basic_ad"): "stg_meta_ads__ad_stats",
    ("meta_ads", "basic_ad_actions"): "stg_meta_ads__ad_actions",
    ("meta_ads", "basic_ad_action_values"): "stg_meta_ads__ad_action_values",
    ("meta_ads", "creative_history"): "stg_meta_ads__creatives",
    ("klaviyo", "person"): "stg_klaviyo__persons",
    ("klaviyo", "event"): "stg_klaviyo__events",
    ("klaviyo", "metric"): "stg_klaviyo__metrics",
    ("klaviyo", "campaign"): "stg_klaviyo__campaigns",
    ("klaviyo", "flow"): "stg_klaviyo__flows",
    ("stripe", "customer"): "stg_stripe__customers",
    ("stripe", "product"): "stg_stripe__products",
    ("stripe", "price"): "stg_stripe__prices",
    ("stripe", "subscription_history"): "stg_stripe__subscriptions",
    ("stripe", "subscription_item"): "stg_stripe__subscription_items",
    ("stripe", "invoice"): "stg_stripe__invoices",
    ("stripe", "invoice_line_item"): "stg_stripe__invoice_lines",
    ("stripe", "charge"): "stg_stripe__charges",
    ("stripe", "refund"): "stg_stripe__refunds",
    ("zendesk", "user"): "stg_zendesk__users",
    ("zendesk", "organization"): "stg_zendesk__organizations",
    ("zendesk", "ticket"): "stg_zendesk__tickets",
    ("zendesk", "ticket_comment"): "stg_zendesk__ticket_comments",
}
# History tables: one row per change; one row per object is current.
HISTORIES = {
    ("google_ads", "account_history"): ("stg_google_ads__accounts", "account_id"),
    ("google_ads", "ad_group_history"): ("stg_google_ads__ad_groups", "ad_group_id"),
    ("google_ads", "ad_history"): ("stg_google_ads__ads", "ad_id"),
    ("google_ads", "campaign_history"): ("stg_google_ads__campaigns", "campaign_id"),
    ("meta_ads", "account_history"): ("stg_meta_ads__accounts", "account_id"),
    ("meta_ads", "campaign_history"): ("stg_meta_ads__campaigns", "campaign_id"),
    ("meta_ads", "ad_set_history"): ("stg_meta_ads__ad_sets", "ad_set_id"),
    ("meta_ads", "ad_history"): ("stg_meta_ads__ads", "ad_id"),
}


@functools.cache
def declared_sources() -> dict[str, SourceSpec]:
    return load_sources()


def utc(*parts: int) -> datetime:
    """A moment in UTC without zone, as the warehouse stores it."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


def sample_file(source: str, entity: str) -> Path:
    folder, name = FILES[source]
    return SAMPLES / folder / name.format(entity)


def read_sample(source: str, entity: str) -> list[dict[str, str]]:
    """The records of a sample file, parsed independently of landing."""
    csv.field_size_limit(10_000_000)
    with sample_file(source, entity).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class RealTables:
    """A home with the landed samples, staged by dbt."""

    home: Home
    landed: LandingReport

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def one(self, sql: str) -> tuple[Any, ...]:
        (row,) = self.query(sql)
        return row

    def execute(self, statement: str) -> None:
        with duckdb.connect(str(self.home.warehouse)) as connection:
            connection.execute(statement)

    def land(self) -> LandingReport:
        return land(Settings.from_home(self.home.path), list(declared_sources().values()))

    def build(self, *selection: str) -> BuildReport:
        return build(self.home, selection, unit_tests=False)

    @contextmanager
    def changed(self, change: str, undo: str) -> Iterator[None]:
        """Runs one statement on the warehouse, and undoes it at the end."""
        try:
            self.execute(change)
            yield
        finally:
            self.execute(undo)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealTables:
    if not SAMPLES.is_dir():
        pytest.skip("skipped: needs ../shared/data/sources")
    home = Home(tmp_path_factory.mktemp("real-tables"))
    for source in FILES:
        for entity in declared_sources()[source].entities:
            file = sample_file(source, entity)
            if file.is_file():
                folder = home.landing / source / entity
                folder.mkdir(parents=True)
                shutil.copy(file, folder / file.name)
    report = land(Settings.from_home(home.path), list(declared_sources().values()))
    assert report.ok, [entity.error for entity in report.entities if entity.error]
    tables = RealTables(home, report)
    seeds = ("path:dbt_project/seeds/reference", "partner_licences", "consent_records")
    built = tables.build("path:dbt_project/models/staging", *seeds)
    assert built.succeeded, built.failures
    # Without tests: those of its seeds read models that are not built here.
    parsed = build(home, ["+cnf_lookups__phone_numbers"], exclude=["resource_type:test"], unit_tests=False)
    assert parsed.succeeded, parsed.failures
    return tables


def test_every_sample_has_its_table(real: RealTables) -> None:
    landed = {(entity.source, entity.entity) for entity in real.landed.entities if entity.file_count}
    assert landed == {*STAGED, *HISTORIES}


@pytest.mark.parametrize(("source", "entity"), [*STAGED, *HISTORIES])
def test_every_record_is_landed_or_accounted_for(real: RealTables, source: str, entity: str) -> None:
    (report,) = [e for e in real.landed.entities if (e.source, e.entity) == (source, entity)]
    records = read_sample(source, entity)
    assert report.extracted == len(records)
    assert report.extracted == report.landed + report.quarantined + report.unchanged
    assert report.quarantined == 0
    key = declared_sources()[source].entities[entity].key
    assert real.one(f'select count(*) from raw_{source}."{entity}" where _superseded_at is null') == (
        len({tuple(record[column] for column in key) for record in records}),
    )


@pytest.mark.parametrize(("source", "entity", "model"), [(*table, model) for table, model in STAGED.items()])
def test_staging_holds_each_key_once(real: RealTables, source: str, entity: str, model: str) -> None:
    declared = declared_sources()[source].entities[entity]
    current = "where is_current" if declared.mode == "merge" else ""
    keys = {tuple(record[column] for column in declared.key) for record in read_sample(source, entity)}
    assert real.one(f"select count(*) from staging.{model} {current}") == (len(keys),)


@pytest.mark.parametrize(("table", "staged"), HISTORIES.items())
def test_histories_have_one_current_row_per_object(
    real: RealTables, table: tuple[str, str], staged: tuple[str, str]
) -> None:
    model, key = staged
    records = read_sample(*table)
    assert real.query(f"select count(*), count(*) filter (is_current), count(distinct {key}) from staging.{model}") == [
        (len(records), len({record["id"] for record in records}), len({record["id"] for record in records}))
    ]


def test_byte_order_marks_do_not_hide_the_first_column(real: RealTables) -> None:
    assert sample_file("shopify", "customer").read_bytes().startswith(b"\xef\xbb\xbf")
    ids = {record["id"] for record in read_sample("shopify", "customer")}
    staged = real.query("select shopify_customer_id from staging.base_shopify__customers_rest")
    assert set(staged) == {(number,) for number in ids}


def test_odd_headers_become_columns(real: RealTables) -> None:
    written = {record["property_hs_all-funky-a9384-syntax"] for record in read_sample("hubspot_fivetran", "company")}
    landed = real.query("select distinct property_hs_all_funky_a9384_syntax from raw_hubspot_fivetran.company")
    assert {value for (value,) in landed if value} == written - {""}


def test_undeclared_columns_are_kept(real: RealTables) -> None:
    custom = {(record["id"], record["my_custom__field"] or None) for record in read_sample("hubspot", "contacts")}
    assert "x" in {value for _, value in custom}
    field = "json_extract_string(_extra, '$.my_custom__field')"
    assert set(real.query(f"select id, {field} from raw_hubspot.contacts")) == custom
    # Some thirty of a Salesforce contact's 368 columns are declared; the others keep their values.
    status = "json_extract_string(_extra, '$.contact_status_c')"
    assert set(real.query(f"select id, {status} from raw_salesforce.contact")) == {
        (record["id"], record["contact_status_c"] or None) for record in read_sample("salesforce", "contact")
    }


def test_tables_without_a_file_are_staged_empty(real: RealTables) -> None:
    for model in (
        "base_hubspot__calls_api",
        "stg_zendesk__satisfaction_ratings",
        "stg_segment__tracks",
        "stg_partner__customers",
    ):
        assert real.one(f"select count(*) from staging.{model}") == (0,)


def test_optional_columns_that_no_file_has_are_null(real: RealTables) -> None:
    assert real.query(
        "select distinct country_code, lifecycle_stage, merged_contact_ids, has_opted_out_of_email"
        " from staging.base_hubspot__contacts_api"
    ) == [(None, None, None, None)]


def test_hubspot_values(real: RealTables) -> None:
    assert real.one(
        "select email, phone_e164, first_name, created_at, is_deleted from staging.base_hubspot__contacts_api"
        " left join conformed.cnf_lookups__phone_numbers on phone = phone_text where contact_id = '1'"
    ) == ("emailmaria@hubspot.com", "+31201234567", "Maria", utc(2023, 2, 24, 3, 0, 13, 460000), False)
    assert real.query(
        "select contact_id, deal_id from staging.base_hubspot__contacts_deals_api order by 1"
    ) == [("1", "6744192456"), ("51", "6744457152")]  # fmt: skip
    assert real.query(
        "select stage_id, pipeline_id, probability, is_closed, is_won from staging.base_hubspot__pipelines_stages_api"
        " order by display_order"
    ) == [("qualifiedtobuy", "default", 0.4, False, False), ("closedwon", "default", 1.0, True, True)]
    assert real.one("select amount, lost_reason from staging.base_hubspot__deals_api where deal_id = '6744457152'") == (
        Decimal("3233.00"),
        "price",
    )


def test_hubspot_of_fivetran_values(real: RealTables) -> None:
    deleted = {r["stage_id"] for r in read_sample("hubspot_fivetran", "deal_pipeline_stage")
               if r["_fivetran_deleted"] == "TRUE"}  # fmt: skip
    won = {r["stage_id"] for r in read_sample("hubspot_fivetran", "deal_pipeline_stage") if r["closed_won"] == "TRUE"}
    staged = real.query("select stage_id, is_deleted, is_won from staging.base_hubspot__pipelines_stages_fivetran")
    assert {stage for stage, is_deleted, _ in staged if is_deleted} == deleted
    assert {stage for stage, _, is_won in staged if is_won} == won
    assert real.one(
        "select email, merged_contact_ids from staging.base_hubspot__contacts_fivetran where contact_id = '78971951'"
    ) == (None, "76340251;46897301;76226001")  # the sample's address is a hash, not an address
    assert dict(
        real.query("select country_code, count(*) from staging.base_hubspot__companies_fivetran group by 1")
    ) == {"US": 22, "GB": 2}


def test_salesforce_values(real: RealTables) -> None:
    # (555) 555-5555 is not a number in any country.
    assert real.query(
        "select email, phone, phone_e164, country_code from staging.stg_salesforce__contacts"
        " left join conformed.cnf_lookups__phone_numbers on phone = phone_text where email is not null"
    ) == [("hi@google.com", "US|(555) 555-5555", None, "US")]
    assert real.one("select email, is_converted, converted_contact_id from staging.stg_salesforce__leads") == (
        "h@gmail.com",
        True,
        "0031G00001QtDPlQAN",
    )
    assert real.one(
        "select amount, is_won, closed_at, is_deleted from staging.stg_salesforce__deals"
        " where deal_id = '006q000000HddohAAB'"
    ) == (Decimal("24120000.00"), True, utc(2018, 12, 19), True)
    assert real.one("select count(*) from staging.stg_salesforce__calls") == (0,)  # the ten tasks are not calls


def test_shopify_values(real: RealTables) -> None:
    assert real.one(
        "select currency_code, total_amount, shopify_customer_id, ordered_at from staging.base_shopify__orders_rest"
        " where order_id = '2674098602081'"
    ) == ("GBP", Decimal("2.80"), "3589760876641", utc(2020, 9, 11, 19, 35, 42))
    carts = {(r["id"], r["cart_token"] or None, r["checkout_token"] or None) for r in read_sample("shopify", "order")}
    assert set(real.query("select order_id, cart_id, checkout_id from staging.base_shopify__orders_rest")) == carts
    assert real.one(
        "select checkout_id, email, currency_code, total_amount from staging.base_shopify__abandoned_checkouts_rest"
        " where shopify_customer_id = '121'"
    ) == ("f050eda12f111b261", "tnyrnbs@hh.com", "USD", Decimal("501.36"))
    # A blank is not a moment: the sample has one for an order that was not cancelled.
    assert real.one(
        "select cancelled_at, country_code, total_amount, is_deleted from staging.base_shopify__orders_graphql"
        " where order_id = '4001'"
    ) == (None, "US", Decimal("55.00"), False)
    assert real.query(
        "select email_marketing_status, count(*) from staging.base_shopify__customers_graphql group by 1 order by 1"
    ) == [("not_subscribed", 3), ("subscribed", 5), ("unsubscribed", 2)]
    assert real.one(
        "select quantity, subtotal_amount from staging.base_shopify__order_line_refunds_graphql"
        " where order_line_refund_id = '10001'"
    ) == (1, Decimal("19.99"))


def test_stripe_values(real: RealTables) -> None:
    assert real.one(
        "select amount, currency_code, is_paid, is_test, created_at from staging.stg_stripe__charges"
        " where charge_id = 'ch_0IMDAfig6peNXzgDJYQKfT3B'"
    ) == (Decimal("32932.32"), "USD", False, False, utc(2021, 2, 18, 14, 7, 57))
    assert real.query("select count(*) from staging.stg_stripe__customers where is_deleted") == [(1,)]
    assert real.one(
        "select unit_amount, currency_code, recurring_interval, recurring_interval_count"
        " from staging.stg_stripe__prices where price_id = 'price_4'"
    ) == (Decimal(80), "EUR", "month", 3)
    assert real.one(
        "select status, is_ending, is_deleted, ended_at from staging.stg_stripe__subscriptions"
        " where subscription_id = 'sdgfs4536'"
    ) == (
        "active",
        True,
        False,
        utc(2021, 2, 19, 14, 16, 37),
    )
    assert real.one("select refund_amount from staging.stg_stripe__refunds where charge_id like '%vdM6nM'") == (
        Decimal("6750.00"),
    )


def test_advertising_and_messaging_values(real: RealTables) -> None:
    assert real.one(
        "select campaign_id, device, spend_amount, click_count from staging.stg_google_ads__campaign_stats"
        " where spend_date = date '2021-02-03' and click_count = 35"
    ) == ("9935249409", "mobile", Decimal("24.57"), 35)
    assert real.one("select distinct ad_group_id, conversion_count from staging.stg_google_ads__ad_stats") == (
        "100031227574",
        None,
    )
    assert real.one(
        "select spend_amount, spend_date from staging.stg_meta_ads__ad_stats where impression_count = 4233"
    ) == (Decimal("76.53"), date(2020, 12, 10))
    phones = real.query(
        "select phone_e164, country_code from staging.stg_klaviyo__persons"
        " inner join conformed.cnf_lookups__phone_numbers on phone = phone_text"
    )
    assert phones == [("+15165555555", "US")] * 2
    assert real.one("select occurred_at from staging.stg_klaviyo__events where message_event_id = '3gBNHPGp'") == (
        utc(2020, 4, 5, 20, 2, 45),
    )


def test_help_desk_values(real: RealTables) -> None:
    deleted = {record["id"] for record in read_sample("zendesk", "ticket") if record["status"] == "deleted"}
    assert deleted
    assert set(real.query("select ticket_id from staging.stg_zendesk__tickets where is_deleted")) == {
        (ticket,) for ticket in deleted
    }
    assert real.one(
        "select subject, body, channel, organization_id, is_deleted from staging.stg_zendesk__tickets"
        " where ticket_id = '16988'"
    ) == ("subject1", "description1", "email", "370469077513", False)
    assert real.one(
        "select ticket_id, author_id, body, is_public, created_at from staging.stg_zendesk__ticket_comments"
        " where ticket_comment_id = '1030820361033'"
    ) == ("1077", "402935450113", "body1", True, utc(2020, 2, 11, 7, 49, 14))
    assert real.one(
        "select full_name, role, organization_id, is_deleted from staging.stg_zendesk__users"
        " where zendesk_user_id = '1111'"
    ) == ("Arthur Agent", "agent", "370326203233", False)


def test_web_events_values(real: RealTables) -> None:
    assert real.one("select event_id, user_id, utm_source, page_path, occurred_at from staging.stg_segment__pages") == (
        "ajs-9527e97fc714abe02a23b3d24cf09a36",
        "97980cfea0067",
        "facebook",
        "/product",
        utc(2015, 2, 23, 22, 28, 55),
    )
    assert real.one(
        "select event_name, user_id, session_key, value_amount, currency_code, order_id, is_session_engaged,"
        " occurred_at from staging.base_ga4__events_fivetran where event_name = 'purchase'"
    ) == (
        "purchase",
        "user_123",
        "pseudo_123.session_123",
        Decimal("29.99"),
        "USD",
        "txn_123",
        True,
        utc(2024, 9, 10, 12, 35),
    )
    # Of two columns with the same name, the second is kept under another name.
    assert real.query("select count(*) from raw_ga4_fivetran.event where _extra is null") == [(0,)]


def test_a_column_that_is_empty_in_all_records_states_no_consent(real: RealTables) -> None:
    """No contact of the sample has a bounce: DuckDB fails to compare a null that it knows from statistics."""
    assert {record["email_bounced_date"] for record in read_sample("salesforce", "contact")} == {""}
    assert real.query("select decision_word from conformed.cnf_salesforce__consents") == []


def test_a_second_run_writes_nothing(real: RealTables) -> None:
    """No record lands again, and the lookups are unchanged: rowid would reveal a delete and insert."""
    kept = "select rowid, * from conformed.cnf_lookups__phone_numbers order by rowid"
    before = real.query(kept)
    assert len(before) > 10
    again = real.land()
    assert (again.ok, again.landed, again.quarantined) == (True, 0, 0)
    assert real.build("cnf_lookups__phone_numbers").succeeded
    assert real.query(kept) == before


def test_a_key_that_is_current_twice_is_detected(real: RealTables) -> None:
    """The failing twin of the uniqueness tests: one extra current version, for one key and for two columns."""
    with (
        real.changed(
            "insert into raw_hubspot.contacts select * replace ('twice' as _load_id) from raw_hubspot.contacts",
            "delete from raw_hubspot.contacts where _load_id = 'twice'",
        ),
        real.changed(
            "insert into raw_hubspot.contacts__deals"
            " select * replace ('twice' as _load_id) from raw_hubspot.contacts__deals",
            "delete from raw_hubspot.contacts__deals where _load_id = 'twice'",
        ),
    ):
        built = real.build("stg_hubspot__contacts", "stg_hubspot__contacts_deals")
    # A rule about sources' data is a data rule: rows are counted, and `merganser check` tests the share.
    assert built.failures == []
    warned = {(warning.name, warning.rule, warning.columns) for warning in built.warnings}
    assert warned == {
        ("keeps_rules_stg_hubspot__contacts", "unique", "contact_id"),
        ("keeps_rules_stg_hubspot__contacts_deals", "is_unique_together", "contact_id, deal_id"),
    }

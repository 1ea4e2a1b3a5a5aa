"""The demo world: it fits the declarations, is reproducible, and its truth tables cover it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers
import pytest
import yaml

from ingestion.synthetic import Mess, World, WorldConfig, WorldReport, write_world

SOURCES = Path(__file__).parents[2] / "ingestion" / "sources"
SHAPES = Path(__file__).parents[2] / "ingestion" / "synthetic" / "shapes"
DEMO_SOURCES = (
    "consent_banner",
    "google_ads",
    "hubspot",
    "klaviyo",
    "meta_ads",
    "partner",
    "segment",
    "shopify",
    "third_party",
    "zendesk",
)
# The demo has those entities that have a shape, with the columns that one loader would write.
DECLARED = {
    f"{source}.{entity}": declaration
    for source in DEMO_SOURCES
    for entity, declaration in yaml.safe_load((SOURCES / source / "source.yml").read_text(encoding="utf-8"))[
        "entities"
    ].items()
    if (SHAPES / f"{source}__{entity}.sql").is_file()
}
SMALL = WorldConfig(customers=120, history_days=120)
UNTIL = "timestamp '2026-06-30'"
CALLS = ("segment.identifies", "segment.tracks", "segment.pages")


class Landed:
    """A written world, to ask questions of."""

    def __init__(self, place: Path, report: WorldReport) -> None:
        self.place = place
        self.report = report
        self.connection = duckdb.connect()

    def path(self, entity: str) -> str:
        source, name = entity.split(".")
        return str(self.place / "landing" / source / name / "*")

    def table(self, entity: str) -> str:
        """The entity's files as a table expression, all text in CSV."""
        source = entity.partition(".")[0]
        reader = {
            "consent_banner": "read_json('{}')",
            "google_ads": "read_csv('{}', all_varchar = true)",
            "meta_ads": "read_csv('{}', all_varchar = true)",
            "partner": "read_csv('{}', all_varchar = true)",
            "third_party": "read_csv('{}', all_varchar = true)",
            "zendesk": "read_csv('{}', all_varchar = true)",
        }.get(source, "read_parquet('{}')")
        return reader.format(self.path(entity))

    def columns(self, entity: str) -> list[str]:
        return [row[0] for row in self.rows(f"describe select * from {self.table(entity)}")]

    def truth(self, table: str) -> str:
        return f"read_parquet('{self.place / 'truth' / table}.parquet')"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def mess_counts(self) -> dict[str, int]:
        return dict(
            self.connection.execute(f"select kind, count(*) from {self.truth('mess_truth')} group by 1").fetchall()
        )


def _write(place: Path, config: WorldConfig, threads: int | None = None) -> Landed:
    return Landed(place, write_world(config, place / "landing", place / "truth", threads=threads))


def _digests(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """The world of the end-to-end tests: 300 customers and defaults."""
    landed = _write(tmp_path_factory.mktemp("world"), WorldConfig(customers=300))
    yield landed
    landed.connection.close()


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_every_entity_has_rows_and_declared_columns_only(world: Landed, entity: str) -> None:
    assert world.report.row_counts[entity] > 0
    assert set(world.columns(entity)) <= set(DECLARED[entity]["columns"])


def test_no_file_is_written_for_what_no_source_declares(world: Landed) -> None:
    assert set(world.report.row_counts) == set(DECLARED)


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_values_have_the_declared_type_and_required_ones_are_there(world: Landed, entity: str) -> None:
    written = world.columns(entity)
    for name, column in DECLARED[entity]["columns"].items():
        if name not in written:
            continue
        kind = column["type"] if isinstance(column, dict) else column
        required = (isinstance(column, dict) and column.get("required", False)) or name in DECLARED[entity]["key"]
        wrong = world.one(
            f"select count(*) from {world.table(entity)}"
            f' where "{name}" is not null and try_cast("{name}" as {kind}) is null'
        )
        missing = world.one(f'select count(*) from {world.table(entity)} where "{name}" is null') if required else 0
        assert (name, wrong, missing) == (name, 0, 0)


@pytest.mark.parametrize("entity", sorted(DECLARED))
def test_a_key_comes_again_only_in_a_newer_version(world: Landed, entity: str) -> None:
    declaration = DECLARED[entity]
    parts = [*declaration["key"], *([declaration["version"]] if "version" in declaration else [])]
    key = ", ".join(f'"{part}"' for part in parts)
    repeated = world.rows(f"select {key} from {world.table(entity)} group by all having count(*) > 1")
    if declaration["mode"] == "append":
        kinds = f"kind = 'duplicate_events' and source || '.' || entity = '{entity}'"
        allowed = world.rows(f"select distinct record_id from {world.truth('mess_truth')} where {kinds}")
        assert set(repeated) <= set(allowed)
    else:
        assert repeated == []


def test_arrivals_lie_within_the_world(world: Landed) -> None:
    for entity, column in (
        ("segment.pages", "received_at"),
        ("shopify.order", "_fivetran_synced"),
        ("klaviyo.event", "_fivetran_synced"),
        ("hubspot.contacts", "lastmodifieddate at time zone 'UTC'"),
    ):
        earliest, latest = world.rows(f"select min({column}), max({column}) from {world.table(entity)}")[0]
        assert datetime(2025, 1, 6) <= earliest < latest < datetime(2026, 6, 30)  # noqa: DTZ001 (UTC without a zone)


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    _write(tmp_path / "one", SMALL, threads=1)
    _write(tmp_path / "two", SMALL, threads=2)
    digests = _digests(tmp_path / "one")
    assert digests == _digests(tmp_path / "two")
    assert len(digests) > 40


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    for seed in (7, 8):
        with World(replace(SMALL, seed=seed)) as made:
            made.write_truth(tmp_path / str(seed))
    assert _digests(tmp_path / "7") != _digests(tmp_path / "8")


def test_batches_hold_the_records_of_one_whole_write(tmp_path: Path) -> None:
    config = replace(SMALL, customers=100, history_days=90)
    with World(config) as made:
        made.write_raw(tmp_path / "whole" / "landing")
        # Months first, the last days one by one.
        since = config.starts_at.date()
        for days in (50, 30, 6, 1, 1, 1, 1):
            made.write_raw(tmp_path / "parts" / "landing", since=since, through=since + timedelta(days=days - 1))
            since += timedelta(days=days)
    assert since == config.until.date()
    whole = Landed(tmp_path / "whole", WorldReport(files=(), truth={}))
    parts = Landed(tmp_path / "parts", WorldReport(files=(), truth={}))
    compared = 0
    for place in sorted((tmp_path / "whole" / "landing").glob("*/*")):
        entity = f"{place.parent.name}.{place.name}"
        records = whole.rows(f"select * from {whole.table(entity)}")
        assert sorted(map(repr, records)) == sorted(map(repr, parts.rows(f"select * from {parts.table(entity)}"))), (
            entity
        )
        compared += len(records)
    assert compared > 1000


def test_a_window_names_its_files_and_must_not_end_before_it_begins(tmp_path: Path) -> None:
    with World(replace(SMALL, customers=100)) as made:
        day = made.config.until.date() - timedelta(days=1)
        files = made.write_raw(tmp_path, since=day, through=day)
        assert {file.path.name.partition(".")[0] for file in files} == {"2026-06-29_2026-06-29"}
        assert all(file.rows > 0 and file.path.exists() for file in files)
        assert len(list(tmp_path.rglob("2026*"))) == len(files)
        with pytest.raises(ValueError, match="before it"):
            made.write_raw(tmp_path, since=day, through=day - timedelta(days=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"customers": 99}, "at least 100 customers"),
        ({"history_days": 10}, "at least 90 days"),
        ({"seed": -1}, "the seed is"),
    ],
)
def test_a_config_out_of_range_says_what_is_wrong(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorldConfig(**change)  # type: ignore[arg-type]


def test_a_rate_is_between_nought_and_one() -> None:
    with pytest.raises(ValueError, match="mess rate typos is"):
        Mess(typos=1.5)


@pytest.fixture(scope="module")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    return _write(tmp_path_factory.mktemp("tidy"), WorldConfig(customers=300, mess=Mess.none()))


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    more = {rate: min(1.0, value * 4) for rate, value in Mess().rates().items()}
    more["kiosk_visits"] = 0.6
    return _write(tmp_path_factory.mktemp("messy"), WorldConfig(customers=300, mess=Mess(**more)))


def test_a_world_without_mess_has_none(tidy: Landed) -> None:
    assert tidy.mess_counts() == {}
    assert tidy.one(f"select count(*) from {tidy.table('segment.pages')} where context_user_agent ilike '%bot%'") == 0
    assert tidy.one(f"select count(*) from {tidy.table('hubspot.contacts')} where is_deleted") == 0
    assert tidy.one(f"select count(*) from {tidy.table('hubspot.contacts')} where email = 'test@test.com'") == 0
    for entity in CALLS:
        assert tidy.one(f"select count(*) - count(distinct id) from {tidy.table(entity)}") == 0


def test_without_mess_an_identifier_is_one_persons(tidy: Landed) -> None:
    shared = f"""
        select identifier_type, identifier_value from {tidy.truth("identifier_truth")}
        group by all having count(distinct person_id) > 1"""
    assert tidy.rows(shared) == []


@pytest.mark.parametrize("kind", [rate.name for rate in fields(Mess)])
def test_a_higher_rate_makes_more_of_its_mess(world: Landed, messy: Landed, kind: str) -> None:
    assert 0 < world.mess_counts().get(kind, 0) < messy.mess_counts()[kind]


def test_the_mess_can_be_seen_in_the_raw_data(messy: Landed) -> None:
    contacts, pages = messy.table("hubspot.contacts"), messy.table("segment.pages")
    seen = {
        "role mailbox": f"select count(*) from {contacts} where email like 'info@%'",
        "placeholder": f"select count(*) from {messy.table('shopify.order')} where email = 'test@test.com'",
        "no number": f"select count(*) from {contacts} where phone = '000-0000'",
        "merge": f"""
            select count(*) from {contacts} as winner
            inner join {contacts} as loser on winner.hs_merged_object_ids = loser.id and loser.is_deleted""",
        "bot": f"select count(*) from {pages} where context_user_agent ilike '%bot/%'",
        "twice": f"select count(*) - count(distinct id) from {pages}",
        "late": f"select count(*) from {pages} where received_at > timestamp + interval 1 day",
        "clock": f"select count(*) from {pages} where abs(epoch(sent_at - received_at)) > 3600",
        "from the future": f"select count(*) from {pages} where timestamp > received_at + interval 1 hour",
        "abroad": f"""
            select count(*) from {messy.table("shopify.order")} where shipping_address_address_1 = 'Hotel Nordkai'""",
        "non-Latin": f"select count(*) from {contacts} where regexp_matches(firstname, '[^\\x00-\\x{{24F}}]')",
        "accents": f"select count(*) from {contacts} where strip_accents(lastname) <> lastname",
        "currencies": f"select count(distinct currency) from {messy.table('shopify.order')}",
        "tablet or kiosk": f"""
            select count(*) from (
                select anonymous_id from {messy.table("segment.identifies")}
                group by 1 having count(distinct user_id) >= 2)""",
        "kiosk": f"""
            select count(*) from (
                select anonymous_id from {messy.table("segment.identifies")}
                group by 1 having count(distinct user_id) >= 12)""",
    }
    assert {what: messy.one(sql) for what, sql in seen.items() if messy.one(sql) == 0} == {}


def test_the_crm_holds_an_address_once(messy: Landed) -> None:
    for entity, key in (
        ("hubspot.contacts", "id"),
        ("zendesk.user", "id"),
        ("klaviyo.person", "id"),
        ("shopify.customer", "id"),
    ):
        twice = f"""
            select lower(email) from {messy.table(entity)} where email is not null
            group by 1 having count(distinct {key}) > 1"""
        assert messy.rows(twice) == [], entity


def test_names_that_are_used_by_nobody_real(world: Landed) -> None:
    for entity, column in (
        ("hubspot.contacts", "email"),
        ("shopify.order", "email"),
        ("shopify.customer", "email"),
        ("segment.identifies", "email"),
        ("klaviyo.person", "email"),
        ("zendesk.user", "email"),
        ("partner.customers", "email"),
        ("hubspot.owners", "email"),
    ):
        real = f"""
            select "{column}" from {world.table(entity)}
            where "{column}" is not null and not regexp_matches("{column}", '^[a-z0-9._-]+@([a-z0-9-]+[.])+example$')
            and "{column}" <> 'test@test.com'"""
        assert world.rows(real) == [], entity


def test_phone_numbers_are_valid_where_they_are_meant_to_be(tmp_path: Path) -> None:
    landed = _write(tmp_path, WorldConfig(customers=1500, history_days=90))
    numbers = landed.rows(f"""
        select distinct identifier_value from {landed.truth("identifier_truth")} where identifier_type = 'phone'
        union select family_phone from {landed.truth("households")}""")
    wrong = [number for (number,) in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(number))]
    assert (len(numbers) > 1500, wrong) == (True, [])
    written = landed.rows(f"""
        select phone, country from {landed.table("partner.customers")}
        where phone is not null and phone <> '000-0000'""")
    unread = [
        (number, country)
        for number, country in written
        if not phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    ]
    assert (len(written) > 50, unread) == (True, [])


def test_raw_never_names_a_person_of_the_truth(world: Landed) -> None:
    for entity in DECLARED:
        columns = ", ".join(f'cast("{name}" as varchar)' for name in world.columns(entity))
        leaks = world.rows(f"""
            select value from (select unnest([{columns}]) as value from {world.table(entity)})
            where regexp_matches(value, '\\b[PHF][0-9]{{7,9}}\\b')""")
        assert leaks == [], entity


@pytest.mark.parametrize(
    ("entity", "key"),
    [
        ("hubspot.contacts", "id"),
        ("hubspot.deals", "id"),
        ("hubspot.calls", "id"),
        ("shopify.customer", "id"),
        ("shopify.order", "id"),
        ("shopify.abandoned_checkout", "id"),
        ("segment.identifies", "id"),
        ("segment.tracks", "id"),
        ("segment.pages", "id"),
        ("klaviyo.person", "id"),
        ("klaviyo.event", "id"),
        ("zendesk.ticket", "id"),
        ("partner.customers", "partner_record_id"),
        ("consent_banner.decisions", "decision_id"),
    ],
)
def test_the_truth_knows_whose_every_record_is(messy: Landed, entity: str, key: str) -> None:
    source, name = entity.split(".")
    owned = f"select record_id from {messy.truth('record_truth')} where source = '{source}' and entity = '{name}'"
    assert messy.one(f'select count(*) from {messy.table(entity)} where "{key}" not in ({owned})') == 0
    assert messy.one(f"select count(*) - count(distinct record_id) from ({owned})") == 0


@pytest.mark.parametrize(
    ("entity", "column", "identifier_type"),
    [
        ("hubspot.contacts", "email", "email"),
        ("shopify.order", "email", "email"),
        ("segment.identifies", "email", "email"),
        ("segment.identifies", "phone", "phone"),
        ("segment.identifies", "user_id", "user_id"),
        ("segment.pages", "anonymous_id", "anonymous_id"),
        ("klaviyo.person", "id", "klaviyo_person_id"),
        ("hubspot.contacts", "id", "hubspot_contact_id"),
        ("partner.customers", "partner_record_id", "partner_record_id"),
    ],
)
def test_the_truth_knows_whose_every_identifier_is(
    messy: Landed, entity: str, column: str, identifier_type: str
) -> None:
    """But for placeholders, and crawlers' cookies."""
    unknown = messy.rows(f"""
        select distinct lower("{column}") from {messy.table(entity)}
        where "{column}" is not null and "{column}" <> 'test@test.com' and lower("{column}") not in (
            select lower(identifier_value) from {messy.truth("identifier_truth")}
            where identifier_type = '{identifier_type}'
        ) and lower("{column}") not in (select record_id from {messy.truth("mess_truth")} where kind = 'bots')""")
    assert unknown == []


def test_every_customer_is_known_to_some_system_and_visitors_to_none(world: Landed) -> None:
    known = f"""
        select person_id from {world.truth("record_truth")}
        where source in ('hubspot', 'shopify', 'klaviyo', 'zendesk', 'partner')"""
    unknown = world.one(f"""
        select count(*) from {world.truth("persons")} where is_customer and person_id not in ({known})""")
    named = world.one(f"""
        select count(*) from {world.truth("persons")} where not is_customer and person_id in ({known})""")
    visitors = world.one(f"select count(*) from {world.truth('persons')} where not is_customer")
    assert (unknown, named, visitors) == (0, 0, 150)


def test_shared_things_are_shared_by_several(messy: Landed) -> None:
    for kind, few in (("shared_tablets", 2), ("kiosk_visits", 12), ("recycled_phones", 2)):
        largest = messy.one(f"""
            select max(people) from (
                select record_id, count(distinct person_id) as people from {messy.truth("mess_truth")}
                where kind = '{kind}' group by 1)""")
        assert largest >= few, kind


def test_an_order_adds_up(world: Landed) -> None:
    lines = f"""
        select order_id, sum(price * quantity) as items, sum(total_discount) as discount
        from {world.table("shopify.order_line")} group by 1"""
    wrong = world.rows(f"""
        select id from {world.table("shopify.order")} as placed
        inner join ({lines}) as lines on lines.order_id = placed.id
        where items <> total_line_items_price or discount <> total_discounts or items - discount <> total_price
        or total_tax >= total_price""")
    assert wrong == []
    assert (
        world.one(
            f"select count(*) from {world.table('shopify.order')} where id not in (select order_id from ({lines}))"
        )
        == 0
    )


def test_web_events_and_orders_tell_one_story(world: Landed) -> None:
    tracks, pages, orders = world.table("segment.tracks"), world.table("segment.pages"), world.table("shopify.order")
    customers, clicks = world.table("shopify.customer"), world.table("google_ads.click_view")
    cookies = world.table("third_party.audience_segments")
    counts = {
        # The loader of orders may come after the world has ended.
        "order unknown": f"""
            select count(*) <= 1 from {tracks}
            where order_id is not null and order_id not in (select id from {orders})""",
        "user without account": f"""
            select count(*) = 0 from {tracks}
            where user_id is not null and user_id not in (select id from {customers})""",
        "click known to the ad platform": f"""
            select count(*) > 20 from {pages}
            where regexp_extract(url, 'gclid=([^&]+)', 1) in (select gclid from {clicks})""",
        "more clicks than landings": f"""
            select sum(cast(clicks as bigint)) > (select count(*) from {clicks})
            from {world.table("google_ads.campaign_stats")}""",
        "cookie known to the data provider": f"""
            select count(distinct anonymous_id) > 20 from {pages}
            where anonymous_id in (select cookie_id from {cookies})""",
    }
    assert {what: world.one(sql) for what, sql in counts.items()} == dict.fromkeys(counts, True)


@pytest.mark.parametrize(
    ("segment", "sql"),
    [
        (
            "abandoned cart, with consent to be written to",
            """select count(*) from {shopify.abandoned_checkout} as cart
            where created_at between {until} - interval 7 day and {until} - interval 4 hour and completed_at is null
            and email in (
                select email from {consent_banner.decisions}
                where purpose = 'email_marketing' and decision = 'granted')
            and email not in (select email from {shopify.order} as later where later.created_at > cart.created_at)""",
        ),
        (
            "birthday within seven days",
            """select count(*) from {hubspot.contacts}
            where strftime(cast(date_of_birth as date), '%m-%d') between '06-30' and '07-07'""",
        ),
        (
            "first-time buyer",
            "select count(*) from (select email from {shopify.order} group by 1 having count(distinct id) = 1)",
        ),
        (
            "lapsed buyer, with consent to advertising",
            """select count(*) from (
                select email from {shopify.order} group by 1 having max(created_at) < {until} - interval 120 day
            ) where email in (
                select email from {consent_banner.decisions} where purpose = 'advertising' and decision = 'granted')""",
        ),
        (
            "a category three times in seven days",
            """select count(*) from (
                select anonymous_id, category from {segment.tracks}
                where event = 'product_viewed' and timestamp > {until} - interval 7 day
                group by all having count(distinct id) >= 3)""",
        ),
        ("a city", "select count(*) from {hubspot.contacts} where city = 'Berlin'"),
        (
            "open deal with a contract that ends within 60 days",
            """select count(*) from (
                select
                    id, arg_max(hs_is_closed, hs_lastmodifieddate) as closed,
                    arg_max(contract_end_date, hs_lastmodifieddate) as ends
                from {hubspot.deals} group by 1
            ) where closed = 'false' and ends between {until} and {until} + interval 60 day""",
        ),
        (
            "anonymous visitor with a live interest",
            """select count(*) from {third_party.audience_segments}
            where cast(expires_at as timestamp) > {until}
            and cookie_id in (select anonymous_id from {segment.pages})
            and cookie_id not in (select anonymous_id from {segment.identifies})""",
        ),
        (
            "newsletter opener",
            """select count(distinct person_id) from {klaviyo.event}
            where type = 'Opened Email' and datetime > {until} - interval 30 day""",
        ),
    ],
)
def test_every_segment_finds_somebody(world: Landed, segment: str, sql: str) -> None:
    for entity in DECLARED:
        sql = sql.replace(f"{{{entity}}}", world.table(entity))
    assert world.one(sql.replace("{until}", UNTIL)) >= 1, segment


def test_third_party_data_lives_thirteen_months_at_most(world: Landed) -> None:
    longest, gone, live = world.rows(f"""
        select
            max(cast(expires_at as timestamp) - cast(collected_at as timestamp)) <= interval 396 day,
            count(*) filter (cast(expires_at as timestamp) < {UNTIL}),
            count(*) filter (cast(expires_at as timestamp) > {UNTIL})
        from {world.table("third_party.audience_segments")}""")[0]
    assert (longest, gone > 10, live > 10) == (True, True, True)


def test_a_partner_licence_may_have_ended(world: Landed) -> None:
    ended = world.one(
        f"select count(*) from {world.table('partner.customers')} where cast(expires_at as timestamp) < {UNTIL}"
    )
    assert 0 < ended < world.report.row_counts["partner.customers"]


def test_all_purposes_are_granted_denied_and_withdrawn(messy: Landed) -> None:
    decided = messy.rows(f"select distinct purpose, channel, decision from {messy.table('consent_banner.decisions')}")
    channels = {
        "advertising": "ads",
        "email_marketing": "email",
        "sms_marketing": "sms",
        "personalisation": "web",
        "analytics": "web",
    }
    assert set(decided) == {
        (purpose, channel, decision)
        for purpose, channel in channels.items()
        for decision in ("granted", "denied", "withdrawn")
    }


def test_what_was_added_to_the_cart_is_what_was_bought(world: Landed) -> None:
    tracks, lines = world.table("segment.tracks"), world.table("shopify.order_line")
    carts = f"""
        select cart_id, sum(price * quantity) as added from (
            select distinct id, cart_id, price, quantity from {tracks} where event = 'product_added') group by 1"""
    wrong = f"""
        select placed.id from {world.table("shopify.order")} as placed
        inner join ({carts}) as carts on carts.cart_id = placed.cart_token
        inner join (select order_id, sum(price * quantity) as bought from {lines} group by 1) as lines
            on lines.order_id = placed.id
        where added <> bought"""
    assert world.rows(wrong) == []


def test_deals_move_through_their_stages(world: Landed) -> None:
    deals = world.table("hubspot.deals")
    assert world.one(f"select count(distinct closed_lost_reason) from {deals}") > 2
    assert world.one(f"select count(distinct closed_won_reason) from {deals}") > 2
    assert world.one(f"select max(versions) from (select count(*) as versions from {deals} group by id)") >= 4
    assert world.one(f"select count(*) from {deals} where hs_is_closed_won = 'true' and contract_end_date is null") == 0


def test_counts_grow_with_the_customers(world: Landed, tmp_path: Path) -> None:
    larger = _write(tmp_path, WorldConfig(customers=1200))
    for entity in (*CALLS, "shopify.order", "hubspot.contacts", "klaviyo.event"):
        ratio = larger.report.row_counts[entity] / world.report.row_counts[entity]
        assert 3 < ratio < 5.5, entity
    assert larger.report.event_count >= 10 * 1200

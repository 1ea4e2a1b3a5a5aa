"""Gates: each kind of bad data is held by its gate, and good data passes.

The shop is synthetic: 400 orders with customers, amounts, currencies and times of day, all from one seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion.consent_landings import consent_landings_path
from ingestion.holding import Acceptance
from ingestion.landing import EntityReport, land
from ingestion.rebuilding import rebuild
from ingestion.registry import load_sources
from ingestion.spec import SourceSpec
from ingestion.synthetic import World, WorldConfig
from tests.ingestion.landing_zone import Landing

Record = dict[str, Any]
Poison = Callable[[list[Record]], Sequence[Record]]

START = datetime(2026, 1, 5)  # noqa: DTZ001 (moments are UTC without a zone, as in the warehouse)
NAMES = ("Zoë", "Jürgen", "Anaïs", "Björn", "Miloš", "Ann", "Bob", "Carla", "Dan", "Eve", "Frank", "Gül", "Hana", "Ivo")
COLUMNS = {
    "id": {"type": "varchar", "required": True},
    "email": {"type": "varchar", "pii": "direct"},
    "phone": {"type": "varchar", "pii": "direct"},
    "name": {"type": "varchar", "pii": "direct"},
    "city": "varchar",
    "currency": "varchar",
    "subscribed": "boolean",
    "amount": "decimal(18,2)",
    "note": "varchar",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}


def shop(**changes: Any) -> SourceSpec:
    """A source with the one entity `order`; a value None removes a key."""
    entity = {
        "files": "shop/order/*",
        "mode": "merge",
        "key": ["id"],
        "version": "updated_at",
        "columns": COLUMNS,
        **changes,
    }
    return SourceSpec.model_validate(
        {
            "source": "shop",
            "title": "A shop",
            "loader": "files",
            "legal_basis": "contract",
            "entities": {"order": {key: value for key, value in entity.items() if value is not None}},
        }
    )


def orders(count: int, *, first: int = 0, seed: int = 1, growth: float = 1.0) -> list[Record]:
    """Realistic orders: mostly at daytime, with varied amounts, 20 % without a phone."""
    made = random.Random(f"{seed}/{first}")
    found = []
    for number in range(first, first + count):
        hour = made.choice((8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
        minute, second = made.randrange(60), made.randrange(60)
        moment = START + timedelta(days=number // 40, hours=hour, minutes=minute, seconds=second)
        name = f"{made.choice(NAMES)} {made.choice(NAMES)}berg{number % 37}"
        found.append(
            {
                "id": str(100_000 + number),
                "email": f"person{made.randrange(10**6)}@mail{number % 7}.example" if made.random() < 0.96 else None,
                "phone": f"+4930{made.randrange(10**6, 10**7)}" if made.random() < 0.8 else None,
                "name": name,
                "city": made.choice(("Köln", "Berlin", "Zürich", "Wien", "Graz")),
                "currency": made.choices(("EUR", "CHF", "GBP"), (85, 10, 5))[0],
                "subscribed": str(made.random() < 0.3).lower(),
                "amount": round(made.lognormvariate(3.5, 0.8) * growth, 2),
                "note": "gift" if made.random() < 0.05 else None,
                "created_at": moment.isoformat(sep=" "),
                "updated_at": (moment + timedelta(minutes=made.randrange(600))).isoformat(sep=" "),
            }
        )
    return found


def write(landing: Landing, name: str, records: Sequence[Record], form: str = "csv") -> None:
    """A file of orders, as CSV (its header is what the first record has) or as lines of JSON."""
    if form == "ndjson":
        landing.write_ndjson(f"shop/order/{name}.ndjson", records)
        return
    header = list(records[0]) if records else list(COLUMNS)
    lines = [",".join(header)]
    lines += [
        ",".join("" if record[column] is None else str(record[column]) for column in header) for record in records
    ]
    landing.write(f"shop/order/{name}.csv", "\n".join(lines) + "\n")


def started(landing: Landing, count: int = 400, form: str = "csv", **changes: Any) -> Landing:
    """A home in which orders landed."""
    landing.source = shop(**changes)
    write(landing, "2026-01", orders(count), form)
    assert landing.land_one().status == "landed"
    return landing


def gates(report: EntityReport) -> set[tuple[str, str | None]]:
    return {(one.finding.gate, one.finding.column) for one in report.held}


def changed(column: str, value: Callable[[Record], Any], every: int = 1) -> Poison:
    """Changes a column in each n-th record."""

    def poison(records: list[Record]) -> list[Record]:
        return [
            {**record, column: value(record)} if number % every == 0 else record
            for number, record in enumerate(records)
        ]

    return poison


def without(column: str) -> Poison:
    return lambda records: [{key: value for key, value in one.items() if key != column} for one in records]


def shifted(records: list[Record]) -> list[Record]:
    """Shifts the values of three columns by one."""
    return [{**one, "email": one["phone"], "phone": one["name"], "name": one["city"]} for one in records]


def moved(hours: int) -> Poison:
    def value(record: Record, column: str) -> str:
        return (datetime.fromisoformat(record[column]) + timedelta(hours=hours)).isoformat(sep=" ")

    return lambda records: [{**one, **{c: value(one, c) for c in ("created_at", "updated_at")}} for one in records]


MOJIBAKE = changed("name", lambda one: one["name"].encode().decode("cp1252", errors="replace"))
POISONS: dict[str, tuple[Poison, str, str | None]] = {
    "half of the e-mails are null": (changed("email", lambda one: None, every=2), "null_rate", "email"),
    "the e-mail column is empty": (changed("email", lambda one: None), "missing_column", "email"),
    "the e-mail column is gone": (without("email"), "missing_column", "email"),
    "the phone column is gone": (without("phone"), "missing_column", "phone"),
    "amounts times 100": (changed("amount", lambda one: round(one["amount"] * 100, 2)), "number_scale", "amount"),
    "amounts by 100": (changed("amount", lambda one: round(one["amount"] / 100, 2)), "number_scale", "amount"),
    "amounts are negative": (changed("amount", lambda one: -one["amount"]), "value_shape", "amount"),
    "amounts are 0": (changed("amount", lambda one: 0), "constant_column", "amount"),
    "one e-mail for all": (changed("email", lambda one: "info@shop.example"), "constant_column", "email"),
    "one e-mail for half": (changed("email", lambda one: "info@shop.example", every=2), "constant_column", "email"),
    "another currency": (changed("currency", lambda one: "USD"), "category_mix", "currency"),
    "everybody subscribed": (changed("subscribed", lambda one: "true"), "category_mix", "subscribed"),
    "columns moved": (shifted, "value_shape", "phone"),
    "dates in 1970": (changed("created_at", lambda one: "1970-01-20 10:00:00"), "date_range", "created_at"),
    "amounts in words": (changed("amount", lambda one: "many", every=2), "quarantined_share", None),
    "local time": (moved(7), "hour_of_day", "created_at"),
    "local time in the west": (moved(-6), "hour_of_day", "created_at"),
    "mojibake": (MOJIBAKE, "broken_encoding", "name"),
}


@pytest.mark.parametrize("again", [True, False], ids=["the same orders again", "new orders"])
@pytest.mark.parametrize("name", POISONS)
def test_a_poison_is_held_by_its_gate(landing: Landing, name: str, again: bool) -> None:
    poison, gate, column = POISONS[name]
    started(landing)
    fresh = orders(400) if again else orders(150, first=400)
    write(landing, "2026-02", list(poison(fresh)), form="ndjson" if again else "csv")
    report = landing.land_one()
    assert report.status == "held"
    assert (gate, column) in gates(report)
    assert landing.rows("select count(*) from raw_shop.order") == [(400,)]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_sound_loads_pass(landing: Landing, form: str) -> None:
    """The twin: the same orders again, new ones, ten times as many, and more expensive ones."""
    started(landing, form=form)
    write(landing, "2026-02", orders(400), form)
    assert (landing.land_one().status, landing.land_one().unchanged) == ("nothing_new", 0)
    sound = (
        orders(150, first=400),
        orders(4000, first=550),
        orders(300, first=9000, growth=2.5),
        orders(3, first=9900),
    )
    for number, records in enumerate(sound):
        write(landing, f"2026-03-{number}", records, form)
        report = landing.land_one()
        assert (report.status, report.landed, report.held) == ("landed", len(records), ())


@pytest.mark.parametrize("mode", ["merge", "append"])
@pytest.mark.parametrize(
    "renamed",
    [lambda one: f"x-{one['id']}", lambda one: str(int(one["id"]) + 5_000_000)],
    ids=["with a prefix", "under new numbers"],
)
def test_the_same_orders_under_new_ids_are_held(landing: Landing, mode: str, renamed: Callable[[Record], str]) -> None:
    started(landing, mode=mode, version="updated_at" if mode == "merge" else None)
    fresh = [{**one, "id": renamed(one), "updated_at": "2026-03-01 12:00:00"} for one in orders(400)]
    write(landing, "2026-02", fresh, "ndjson")
    report = landing.land_one()
    assert ("copied_content", None) in gates(report)
    assert landing.rows("select count(*) from raw_shop.order") == [(400,)]


def test_equal_content_under_many_keys_is_usual_where_history_has_it(landing: Landing) -> None:
    """The twin: daily statistics, messages and lines are often equal, and pass."""
    columns = {"id": "varchar", "sku": "varchar", "amount": "bigint", "sent_at": "timestamp"}
    landing.source = shop(mode="append", key=["id"], version=None, columns=columns)

    def lines(first: int) -> list[Record]:
        return [
            {
                "id": str(first + n),
                "sku": f"sku-{n % 9}",
                "amount": n % 7,
                "sent_at": f"2026-01-01 {n % 24:02}:{n % 60:02}:00",
            }
            for n in range(300)
        ]

    write(landing, "1", lines(0), "ndjson")
    assert landing.land_one().landed == 300
    write(landing, "2", lines(1000), "ndjson")
    assert landing.land_one().landed == 300


def test_a_file_that_comes_twice_under_another_name_is_unchanged(landing: Landing) -> None:
    started(landing, mode="append", version=None)
    write(landing, "copy", orders(400))
    report = landing.land_one()
    assert (report.status, report.unchanged, report.held) == ("nothing_new", 400, ())


WHOLE: dict[str, dict[str, Any]] = {
    "replace": {"mode": "replace"},
    "snapshot": {"mode": "snapshot", "version": None},
    "snapshot without a key": {"mode": "snapshot", "version": None, "key": None},
}


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("kept", [40, 200])
def test_a_whole_table_that_shrinks_is_held(landing: Landing, whole: str, kept: int) -> None:
    started(landing, **WHOLE[whole])
    write(landing, "2026-02", orders(400)[:kept])
    report = landing.land_one()
    assert (report.status, gates(report)) == ("held", {("removed_rows", None)})
    assert landing.rows("select count(*) from raw_shop.order where _superseded_at is null and _deleted_at is null") == [
        (400,)
    ]


@pytest.mark.parametrize("whole", WHOLE)
def test_a_whole_table_that_shrinks_a_little_lands(landing: Landing, whole: str) -> None:
    started(landing, **WHOLE[whole])
    write(landing, "2026-02", orders(400)[:320])
    assert landing.land_one().status == "landed"


@pytest.mark.parametrize("whole", ["replace", "snapshot"])
def test_the_table_of_another_shop_is_held(landing: Landing, whole: str) -> None:
    started(landing, **WHOLE[whole])
    write(landing, "2026-02", orders(400, first=70_000, seed=8))
    assert ("removed_rows", None) in gates(landing.land_one())


def test_a_later_whole_table_passes_a_held_one_over(landing: Landing) -> None:
    started(landing, mode="replace")
    write(landing, "2026-02", orders(400)[:100])
    assert landing.land_one().status == "held"
    write(landing, "2026-03", orders(410))
    report = landing.land_one()
    assert (report.status, report.landed, report.held) == ("landed", 10, ())
    assert any("would be held, but is skipped" in warning for warning in report.warnings)
    assert landing.rows("select gate, outcome from raw_ops.held_loads") == [("removed_rows", "withdrawn")]


@pytest.mark.parametrize("left", [0, 40])
@pytest.mark.parametrize("mode", ["merge", "append"])
def test_a_file_that_is_emptied_or_truncated_in_place_is_held(landing: Landing, mode: str, left: int) -> None:
    started(landing, mode=mode, version="updated_at" if mode == "merge" else None)
    write(landing, "2026-01", orders(400)[:left])
    report = landing.land_one()
    assert (report.status, gates(report)) == ("held", {("shrunken_file", None)})


def test_a_file_without_a_byte_is_held_where_it_had_records(landing: Landing) -> None:
    started(landing)
    landing.write("shop/order/2026-01.csv", "")
    assert gates(landing.land_one()) == {("shrunken_file", None)}


def test_a_new_file_with_a_tenth_of_the_usual_rows_is_held(landing: Landing) -> None:
    landing.source = shop(mode="append", version=None)
    for day in range(6):
        write(landing, f"2026-01-0{day}", orders(100, first=day * 100))
        assert landing.land_one().status == "landed"
    write(landing, "2026-01-07", orders(10, first=600))
    assert gates(landing.land_one()) == {("row_count", None)}
    write(landing, "2026-01-07", orders(60, first=600))
    assert landing.land_one().landed == 60


def test_files_of_unlike_sizes_have_no_usual_size(landing: Landing) -> None:
    landing.source = shop(mode="append", version=None)
    first = 0
    for day, size in enumerate((400, 100, 60, 90, 150, 70, 80, 9, 3)):
        write(landing, f"2026-01-0{day}", orders(size, first=first))
        first += size
        assert landing.land_one().status == "landed"


def test_a_held_file_does_not_stop_the_others(landing: Landing) -> None:
    """Order does not matter here: a file is held on its own, in the same load and later."""
    started(landing)
    poison = POISONS["amounts times 100"][0]
    write(landing, "2026-02", list(poison(orders(150, first=400))))
    write(landing, "2026-03", orders(150, first=550))
    report = landing.land_one()
    assert (report.status, report.landed) == ("held", 150)
    assert {one.files for one in report.held} == {("shop/order/2026-02.csv",)}
    write(landing, "2026-04", orders(150, first=700))
    again = landing.land_one()
    assert (again.status, again.landed) == ("held", 150)
    assert landing.rows("select status, landed_count from raw_ops.loads order by load_id")[1:] == [("held", 150)] * 2
    assert landing.rows("select count(*), count(outcome) from raw_ops.held_loads") == [(1, 0)]


def test_where_order_decides_later_files_wait_and_say_so(landing: Landing) -> None:
    """A merge without a version: the last file wins, so later files wait for a held one."""
    started(landing, version=None, complete_within=["city"])
    landing.write_parquet("shop/order/1700000001.1.a.parquet", _payloads(POISONS["amounts times 100"][0](orders(150))))
    landing.write_parquet("shop/order/1700000002.1.a.parquet", _payloads(orders(150, first=400)))
    report = landing.land_one()
    assert (report.status, report.landed) == ("held", 0)
    assert "1 later batch waits behind it" in str(report.error)
    accepted = _accept(landing, "number_scale")
    assert (accepted.status, accepted.landed) == ("landed", 300)


def _payloads(records: Sequence[Record]) -> str:
    texts = ", ".join("'" + json.dumps(one).replace("'", "''") + "'" for one in records)
    return f"select unnest([{texts}]) as _payload, 1::bigint as _page, false as _complete"


def _accept(landing: Landing, *names: str) -> EntityReport:
    acceptance = Acceptance(frozenset(names), "a new price list", "ann")
    [report] = land(landing.settings, [landing.source], acceptance=acceptance).entities
    return report


def test_a_held_load_is_accepted_by_whom_and_why(landing: Landing) -> None:
    started(landing)
    write(landing, "2026-02", list(POISONS["amounts times 100"][0](orders(150, first=400))))
    assert _accept(landing, "all").status == "held"  # a load that was never reported as held is not accepted
    assert _accept(landing, "null_rate").status == "held"
    report = _accept(landing, "number_scale")
    assert (report.status, report.landed) == ("landed", 150)
    assert landing.rows("select gate, column_name, outcome, settled_by, reason from raw_ops.held_loads") == [
        ("number_scale", "amount", "accepted", "ann", "a new price list")
    ]
    # What was accepted is history: the next load of the kind passes.
    write(landing, "2026-03", list(POISONS["amounts times 100"][0](orders(150, first=550))))
    assert landing.land_one().status == "landed"


def test_a_corrected_file_lands_and_closes_what_was_held(landing: Landing) -> None:
    started(landing)
    write(landing, "2026-02", list(POISONS["the e-mail column is gone"][0](orders(150, first=400))))
    report = landing.land_one()
    assert "missing_column of email" in str(report.error)
    assert "--accept-load missing_column" in str(report.error)
    write(landing, "2026-02", orders(150, first=400))
    assert landing.land_one().landed == 150
    assert landing.rows("select outcome from raw_ops.held_loads") == [("withdrawn",)]


def test_a_column_that_is_not_in_the_header_of_a_small_file_is_held(landing: Landing) -> None:
    started(landing)
    write(landing, "2026-02", list(without("email")(orders(3, first=400))))
    assert gates(landing.land_one()) == {("missing_column", "email")}


def test_three_records_of_an_api_without_a_column_land(landing: Landing) -> None:
    """The twin: an API leaves out empty fields, and three records are not enough."""
    started(landing)
    write(landing, "2026-02", list(without("email")(orders(3, first=400))), "ndjson")
    assert landing.land_one().landed == 3


def test_a_first_load_has_no_history(landing: Landing) -> None:
    landing.source = shop()
    write(landing, "2026-01", list(POISONS["half of the e-mails are null"][0](orders(400))))
    assert landing.land_one().landed == 400


def test_many_small_loads_are_a_history_too(landing: Landing) -> None:
    landing.source = shop()
    for number in range(20):
        write(landing, f"2026-01-{number:02}", orders(15, first=number * 15))
        assert landing.land_one().landed == 15
    write(landing, "2026-02", list(POISONS["half of the e-mails are null"][0](orders(150, first=400))))
    assert ("null_rate", "email") in gates(landing.land_one())


def test_thresholds_are_declared_by_entity_and_column(landing: Landing) -> None:
    started(landing)
    columns: dict[str, Any] = {
        **COLUMNS,
        "amount": {"type": "decimal(18,2)", "gates": {"number_scale": {"factor": 500}}},
    }
    landing.source = shop(columns=columns, gates={"null_rate": "off"})
    write(landing, "2026-02", list(POISONS["amounts times 100"][0](orders(150, first=400))))
    write(landing, "2026-03", list(POISONS["half of the e-mails are null"][0](orders(150, first=550))))
    assert landing.land_one().landed == 300


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"nul_rate": "off"}, "is not a gate"),
        ({"null_rate": {"rise": 1}}, "has no threshold rise"),
        ({"null_rate": 1}, "null_rate"),
    ],
)
def test_a_gate_that_is_misspelt_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        shop(gates=declared)


def test_a_bare_off_is_understood() -> None:
    assert shop(gates={"null_rate": False}).entities["order"].gates == {"null_rate": "off"}


def test_a_rebuild_takes_what_was_accepted_and_not_what_is_held(landing: Landing) -> None:
    started(landing)
    write(landing, "2026-02", list(POISONS["amounts times 100"][0](orders(150, first=400))))
    landing.land_one()
    _accept(landing, "all")
    write(landing, "2026-03", list(POISONS["half of the e-mails are null"][0](orders(150, first=550))))
    landing.land_one()
    [report] = rebuild(landing.settings, landing.source).entities
    assert (report.landed, landing.rows("select count(*) from raw_shop.order")) == (550, [(550,)])


@given(data=st.data())
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_sound_growth_is_never_held(landing: Landing, data: st.DataObject) -> None:
    """Repeated loads of any size, with seasonal prices and corrections of earlier records."""
    landing.settings.warehouse_path.unlink(missing_ok=True)
    for file in (landing.settings.landing_dir / "shop/order").glob("*"):
        file.unlink()
    mode = data.draw(st.sampled_from(["merge", "append"]))
    landing.source = shop(mode=mode, version=None)
    seed, first = data.draw(st.integers(0, 10**6)), 0
    for number in range(data.draw(st.integers(2, 5))):
        size = data.draw(st.one_of(st.integers(1, 60), st.integers(100, 2500)))
        growth = data.draw(st.floats(0.5, 2.0))
        overlap = data.draw(st.integers(0, min(first, 50))) if mode == "merge" else 0  # appended records never change
        records = orders(size, first=first, seed=seed, growth=growth)
        before = orders(overlap, first=0, seed=seed) if overlap else []
        write(landing, f"{number}", [*before, *records], data.draw(st.sampled_from(["csv", "ndjson"])))
        first += size
        report = landing.land_one()
        assert report.held == (), [str(one) for one in report.held]


def test_profiles_hold_no_value(landing: Landing) -> None:
    started(landing)
    text = str(landing.rows("from raw_ops.load_profiles"))
    assert "@" not in text
    assert "Jürgen" not in text
    assert landing.rows("select max(row_count), count(distinct slice) from raw_ops.load_profiles") == [(400, 8)]


def test_the_demo_and_what_is_added_to_it_are_never_held(landing: Landing) -> None:
    """All sources of the demo business, by months, weeks and days."""
    config = WorldConfig(customers=250, seed=19, history_days=100)
    since = config.starts_at.date()
    with World(config) as world:
        for days in (70, 14, 14, 1, 1):
            world.write_raw(landing.settings.landing_dir, since=since, through=since + timedelta(days=days - 1))
            report = land(landing.settings, list(load_sources().values()))
            assert report.ok, [(one.source, one.entity, one.error) for one in report.entities if one.error]
            since += timedelta(days=days)
    assert landing.rows("select count(*) from raw_ops.held_loads") == [(0,)]


def test_a_held_load_of_consents_stops_exports(landing: Landing) -> None:
    """A held load may have a withdrawal: consent_landings.json says that it has not landed."""
    landing.source = shop(bears_consent=True)
    write(landing, "2026-01", orders(400))
    landing.land()
    write(landing, "2026-02", list(POISONS["the e-mail column is gone"][0](orders(150, first=400))))
    assert landing.land_one().status == "held"
    [state] = json.loads(consent_landings_path(landing.settings.home).read_text())["entities"].values()
    assert state["outcome"] == "failed"
    assert _accept(landing, "all").status == "landed"
    [state] = json.loads(consent_landings_path(landing.settings.home).read_text())["entities"].values()
    assert state["outcome"] == "landed"


@pytest.mark.parametrize(("scopes", "status"), [(1, "landed"), (20, "held")])
def test_one_scope_may_be_emptied_but_not_many(landing: Landing, scopes: int, status: str) -> None:
    columns = {"id": "varchar", "list_id": "varchar"}
    landing.source = shop(mode="merge", key="id", version=None, columns=columns, complete_within="list_id")
    lists = [{"list_id": str(number)} for number in range(20)]
    members = [{"id": f"{number}-{one['list_id']}", **one} for one in lists for number in range(30)]
    landing.write_payloads("shop/order/1700000001.1.a.parquet", [members], lists)
    assert landing.land_one().landed == 600
    left = [one for one in members if int(one["list_id"]) >= scopes]
    landing.write_payloads("shop/order/1700000002.1.a.parquet", [left], lists)
    assert landing.land_one().status == status


KNOWN: dict[str, tuple[Poison, str, str]] = {
    "half of the few notes": (
        lambda records: [{**one, "note": None if n % 2 else one["note"]} for n, one in enumerate(records)],
        "null_rate",
        "note",
    ),
    "one hour": (moved(1), "hour_of_day", "created_at"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_records_that_are_there_are_their_own_history(landing: Landing, name: str) -> None:
    """What statistics of a whole load do not show: a rarely filled column, and a shift by one hour."""
    poison, gate, column = KNOWN[name]
    landing.source = shop()
    noted = [{**one, "note": "gift" if n % 8 < 2 else None} for n, one in enumerate(orders(400))]
    write(landing, "2026-01", noted)
    assert landing.land_one().landed == 400
    write(landing, "2026-02", list(poison(noted)))
    assert (gate, column) in gates(landing.land_one())
    write(landing, "2026-02", [{**one, "note": "a card"} if n % 9 == 0 else one for n, one in enumerate(noted)])
    assert landing.land_one().status == "landed"


def test_a_small_file_that_is_emptied_or_loses_a_column_is_held(landing: Landing) -> None:
    """A partner shares a dozen customers; no statistics are needed."""
    started(landing, count=12)
    landing.write("shop/order/2026-01.csv", "")
    assert gates(landing.land_one()) == {("shrunken_file", None)}
    write(landing, "2026-01", orders(12))
    assert landing.land_one().status == "nothing_new"
    write(landing, "2026-02", list(without("email")(orders(12, first=12))))
    assert gates(landing.land_one()) == {("missing_column", "email")}


def test_an_older_version_that_comes_late_is_not_a_loss(landing: Landing) -> None:
    """The twin: the older version of a deal had no reason yet."""
    landing.source = shop()
    write(landing, "2026-02", [{**one, "note": "won"} for one in orders(400)])
    landing.land()
    older = [
        {**one, "note": "won" if n % 2 else None, "updated_at": "2026-01-01 00:00:00"}
        for n, one in enumerate(orders(60))
    ]
    landing.source = shop(columns={**COLUMNS, "updated_at": {"type": "timestamp", "gates": {"constant_column": "off"}}})
    write(landing, "2026-01", older)
    assert "null_rate" not in {one.finding.gate for one in landing.land_one().held if "known" in one.finding.found}


def test_a_day_of_few_visitors_is_not_a_loss(landing: Landing) -> None:
    """All clicks of one visitor are one observation of whether visitors sign in."""
    columns = {"id": "varchar", "user_id": "varchar"}
    landing.source = shop(mode="append", version=None, columns=columns)

    def clicks(first: int, visitors: int, signed_in: int) -> list[Record]:
        return [
            {"id": f"{first}-{visitor}-{click}", "user_id": f"u{first}{visitor}" if visitor < signed_in else None}
            for click in range(20)
            for visitor in range(visitors)
        ]

    write(landing, "1", clicks(1, 40, 20), "ndjson")
    landing.land()
    write(landing, "2", clicks(2, 5, 1), "ndjson")
    assert landing.land_one().status == "landed"


def test_a_few_records_by_hand_are_no_export(landing: Landing) -> None:
    """A dozen records without e-mail address, all with one name, pass beside four hundred; a slice is held."""
    started(landing)
    by_hand = [{**one, "email": None, "name": "Test"} for one in orders(60, first=400)]
    write(landing, "2026-02", by_hand[:12])
    assert landing.land_one().status == "landed"
    write(landing, "2026-03", by_hand[12:] + [{**one, "email": None} for one in orders(60, first=500)])
    assert ("missing_column", "email") in gates(landing.land_one())


def test_appended_consent_decisions_are_never_held(landing: Landing) -> None:
    """A withdrawal must not wait, and replaces nothing. The failing twin: the same records without consent."""
    appended = {"mode": "append", "version": None}
    started(landing, **appended, bears_consent=True)
    odd = [{**one, "email": None, "name": "Test", "amount": 1} for one in orders(300, first=400)]
    write(landing, "2026-02", odd)
    assert landing.land_one().status == "landed"
    landing.source = shop(**appended)
    write(landing, "2026-03", [{**one, "phone": None} for one in orders(300, first=900)])
    assert ("missing_column", "phone") in gates(landing.land_one())

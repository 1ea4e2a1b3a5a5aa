"""The probabilistic tier in a warehouse: who is matched without a shared identifier, who is not, and how decisions and
changed records affect that. docs/reference/identity_scenarios.md describes the stories."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from identity import decisions
from orchestration.cli import main as cli
from runtime import building
from runtime.home import Home
from tests.warehouse.identity.telling import FIRST_BATCH, RECORDS_OF_TODAY, build_identity, copied_project
from tests.warehouse.workbench import AS_OF, Workbench

ROOT = Path(__file__).resolve().parents[3]
Record = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with the tier on: answers are rows of its seeds."""
    with copied_project(tmp_path_factory.mktemp("project"), is_matching=True) as copy:
        yield copy


def contact(number: str, first: str, last: str, **more: Any) -> Record:
    return "hubspot", "contacts", {"id": number, "firstname": first, "lastname": last, "is_deleted": False, **more}


def profile(number: str, first: str, last: str, **more: Any) -> Record:
    said = {"id": number, "first_name": first, "last_name": last, "_fivetran_deleted": False, **more}
    return "klaviyo", "person", said


def shared(number: str, first: str, last: str, **more: Any) -> Record:
    licence = {"licence": "NK-2025-014", "purpose": "advertising", "expires_at": "2027-01-01"}
    said = {"partner_record_id": number, "first_name": first, "last_name": last, **licence, **more}
    return "partner", "customers", said


def land(bench: Workbench, batch: int, *records: Record) -> None:
    moment = (FIRST_BATCH + timedelta(days=batch)).isoformat()
    versions = {"hubspot": "lastmodifieddate", "klaviyo": "updated", "partner": "shared_at"}
    for source, entity, record in records:
        path = bench.settings.landing_dir / source / entity / f"batch-{batch}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**record, versions[source]: moment}) + "\n")
    bench.land(FIRST_BATCH + timedelta(days=batch, hours=12))


FAMILY = {"address": "Am Markt 3", "zip": "50667", "city": "Köln", "phone": "+49 221 5550101"}
FIRST = (
    contact("c-anna", "Anna-Lena", "Brinkmann", zip="10115", email="anna@story.example", date_of_birth="1980-02-03"),
    shared("p-anna", "Anna Lena", "BRINKMANN", postal_code="10115"),
    contact("c-petra", "Petra", "Vogt", **FAMILY),
    contact("c-klaus", "Klaus", "Vogt", **FAMILY),
    contact("c-lotte", "Lotte", "Vogt", **FAMILY),
    shared("p-petra", "Petra", "Vogt", postal_code="50667", phone=FAMILY["phone"]),
    contact("c-ute", "Ute", "Kohl", zip="54290", city="Trier"),
    profile("k-ute", "U.", "Kohl", city="Ulm"),
    contact("c-mara", "Mara", "Lindner", zip="80331", city="München"),
    profile("k-mara", "Maria", "Lindner", city="Augsburg"),
    contact("c-thomas", "Thomas", "Weber", zip="04109"),
    profile("k-tom", "Tom", "Weber", zip="04109"),
    contact("c-greta", "Greta", "Ohm", city="Bonn", date_of_birth="1990-01-01"),
    profile("k-greta", "Greta", "Ohm", city="Bonn"),
)
SECOND = (
    profile("k-tom", "Ingrid", "Sommer", zip="04109"),
    profile("k-greta", "Greta", "Ohm", city="Bonn", _fivetran_deleted=True),
    shared("p-lotte", "Lotte", "Vogt", postal_code="50667"),
)
NAMED = "('hubspot_contact_id', 'klaviyo_person_id', 'partner_record_id')"
PAIRS = "identifier_no_a, identifier_no_b, match_weight, verdict, reason, model_version, basis"


def together(bench: Workbench) -> set[frozenset[str]]:
    """The own identifiers of each customer with more than one."""
    told = bench.query(
        "select list(identifier_value) from intermediate.int_identity__customer_identifiers"
        f" where identifier_type in {NAMED} group by customer_id having count(*) > 1"
    )
    return {frozenset(values) for (values,) in told}


def pairs(bench: Workbench) -> list[tuple[Any, ...]]:
    return bench.query(f"select {PAIRS} from intermediate.int_identity__person_pairs order by all")


def questions(bench: Workbench) -> list[tuple[Any, ...]]:
    """The two records and the reason of each question, the likeliest first."""
    return bench.query("""
        select a.identifier_value, b.identifier_value, queue.reason
        from intermediate.int_identity__review_queue as queue
        inner join intermediate.int_identity__identifiers as a on queue.identifier_no_a = a.identifier_no
        inner join intermediate.int_identity__identifiers as b on queue.identifier_no_b = b.identifier_no
        order by queue.match_probability desc
    """)


@dataclass(frozen=True)
class Step:
    """The results of a build."""

    together: set[frozenset[str]]
    questions: list[tuple[Any, ...]]
    pairs: list[tuple[Any, ...]]
    customers: set[tuple[Any, ...]]

    @classmethod
    def of(cls, bench: Workbench) -> Step:
        customers = "intermediate.int_identity__customer_identifiers"
        return cls(together(bench), questions(bench), pairs(bench), bench.rows(customers, ["identifier_value"]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(Home(tmp_path_factory.mktemp("persons"), AS_OF))


@pytest.fixture(scope="module")
def steps(project: Path, bench: Workbench) -> list[Step]:
    """Two batches with a review in between, and then a full rebuild."""
    land(bench, 0, *FIRST)
    bench.build("nicknames", "partner_licences")
    build_identity(bench, [], with_seeds=True)
    bench.build("bdg_customer_identifiers")
    told = [Step.of(bench)]

    golden = ", ".join(f"null::varchar as {name}" for name in decisions._PROFILE)
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        customers = f"select distinct customer_id, {golden} from marts.bdg_customer_identifiers"
        connection.execute(f"create table marts.dim_customers as {customers}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO("y\nThe same voice\nn\nHis mother\n"))
        assert cli.invoke(["identity", "review", "--by", "Ada", "--home", str(bench.home.path)]) == 0
    assert [decision.action for decision in decisions.read_decisions()] == ["include", "exclude"]

    land(bench, 1, *SECOND)
    for full_refresh in (False, True):
        report = building.build(
            bench.home,
            ["identity_overrides", *RECORDS_OF_TODAY, "int_identity__*"],
            exclude=["resource_type:test"],
            full_refresh=full_refresh,
        )
        assert report.succeeded, report.failures
        told.append(Step.of(bench))
    return told


def test_a_partners_list_without_a_key_is_matched(steps: list[Step]) -> None:
    assert frozenset({"c-anna", "p-anna"}) in steps[0].together


def test_a_family_at_one_address_and_phone_stays_apart(steps: list[Step]) -> None:
    assert frozenset({"c-petra", "p-petra"}) in steps[0].together
    assert not any({"c-klaus", "c-lotte"} & customer for customer in steps[0].together)


def test_what_is_in_between_is_asked_and_joins_nobody(steps: list[Step]) -> None:
    assert steps[0].questions == [("c-mara", "k-mara", "question"), ("c-ute", "k-ute", "question")]
    assert not any({"c-mara", "c-ute"} & customer for customer in steps[0].together)


def test_an_answer_is_kept(steps: list[Step]) -> None:
    assert frozenset({"c-mara", "k-mara"}) in steps[1].together
    assert not any("c-ute" in customer for customer in steps[1].together)
    assert steps[1].questions == []


def test_a_new_record_a_changed_one_and_a_deleted_one(steps: list[Step]) -> None:
    assert {frozenset({"c-thomas", "k-tom"}), frozenset({"c-greta", "k-greta"})} <= steps[0].together
    assert not any({"c-thomas", "k-tom", "c-greta", "k-greta"} & customer for customer in steps[1].together)
    assert frozenset({"c-lotte", "p-lotte"}) in steps[1].together


def test_increments_equal_a_full_refresh(steps: list[Step]) -> None:
    assert steps[1] == steps[2]
    assert steps[0] != steps[1]


@pytest.mark.skipif(not os.environ.get("TORTURE"), reason="parses the project twice more: TORTURE=1 runs it")
def test_switching_it_off_removes_its_joins(steps: list[Step], project: Path, bench: Workbench) -> None:
    """Only joins by exact identifiers and people remain. Switched on again, it restores all joins."""
    settings = project / "dbt_project.yml"
    said = settings.read_text()
    for is_on in (False, True):
        settings.write_text(said.replace("identity_probabilistic: True", f"identity_probabilistic: {is_on}"))
        bench.build("int_identity__*")
        if not is_on:
            assert together(bench) == {frozenset({"c-mara", "k-mara"})}
            for table in ("persons", "person_pairs", "review_queue"):
                assert bench.query(f"select count(*) from intermediate.int_identity__{table}") == [(0,)], table
    assert Step.of(bench) == steps[2]

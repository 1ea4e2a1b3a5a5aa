"""Lands and builds stories, batch by batch, and reads the resulting customers.

Add here: how a line of a story becomes a raw record, or a row of a seed. Keep out: expected outcomes (stories.py
and the tests).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runtime import building
from runtime import home as places
from runtime.home import PROJECT_ROOT
from tests.warehouse.identity.stories import Story
from tests.warehouse.workbench import Workbench

TYPES = {
    "h": "hubspot_contact_id",
    "s": "shopify_customer_id",
    "u": "user_id",
    "a": "anonymous_id",
    "e": "email",
    "p": "phone",
    "k": "klaviyo_person_id",
    "z": "zendesk_user_id",
    "o": "shopify_order_id",
    "r": "partner_record_id",
}
BROKEN_BATCH, BROKEN_OFF_BEHIND = 2, ("int_identity__identifiers", "int_identity__pairs", "int_identity__partition")
RULES = {
    "limit": "max_per_customer",
    "shared": "max_persons_before_shared",
    "lifetime": "usable_days",
    "tier": "tier",
}
FIRST_BATCH = datetime.fromisoformat("2026-06-01")
# What identity reads that is not rebuilt with it: tables of the records that landed, and their lookups.
LOOKUPS_OF_TODAY = ("cnf_lookups__unparsed_values", "cnf_lookups__phone_numbers", "cnf_lookups__email_domains")
RECORDS_OF_TODAY = ("cnf_*__identifiers", *LOOKUPS_OF_TODAY)
PUBLISHED = (
    "fct_identity_changes",
    "dim_customer_redirects",
    "dim_identity_conflicts",
    "bdg_customer_identifiers_history",
    "fct_identity_metrics",
)
Identifier = tuple[str, str]
_OPTION = re.compile(
    r" (?:@(?P<date>\S+)|x(?P<times>\d+)|until (?P<until>\S+)|>(?P<loser>\S+)|<(?P<previous>\S+)"
    r"|\[(?P<name>[^\]]*)\]|\*(?P<born>\S+))"
)


@contextmanager
def copied_project(copy: Path, *, is_matching: bool) -> Iterator[Path]:
    """A copy of the project, with the probabilistic tier on or off, which builds use meanwhile."""
    shutil.copytree(PROJECT_ROOT / "dbt_project", copy / "dbt_project")
    for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        shutil.copy(PROJECT_ROOT / name, copy)
    settings = copy / "dbt_project.yml"
    said, switches = re.subn(
        r"identity_probabilistic: \w+", f"identity_probabilistic: {is_matching}", settings.read_text()
    )
    assert switches == 1
    settings.write_text(said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "PROJECT_ROOT", copy)
        patch.setattr(building, "PROJECT_ROOT", copy)
        yield copy


@dataclass
class Teller:
    """Turns the lines of one story into raw records and seed rows; `number` makes its identifiers unique."""

    number: int
    moment: datetime = FIRST_BATCH
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: int = 0

    def identifier(self, name: str) -> Identifier:
        """(type, normalised value) of a short name."""
        kind, number = name[0], name[1:]
        if number.startswith(":"):
            return TYPES[kind], number[1:]
        value = {
            "s": f"8{self.number:03}{number:0>4}",
            "u": f"8{self.number:03}{number:0>4}",
            "e": f"e{number}@story-{self.number}.example",
            "p": f"+49151{self.number:03}{number:0>5}",
        }.get(kind, f"{kind}{number}-story-{self.number}")
        return TYPES[kind], value

    def records(self, line: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(source, entity, record) of one line."""
        options = {key: value for found in _OPTION.finditer(line) for key, value in found.groupdict().items() if value}
        words = _OPTION.sub("", line)
        if words.startswith("!"):
            yield from self._deleted(words[1:])
            return
        names = re.split(r" (?=[a-z][:0-9])", words)
        values: dict[str, list[str]] = {}
        for name in names:
            values.setdefault(name[0], []).append(self.identifier(name)[1])
        self.moment += timedelta(seconds=1)
        seen_at = datetime.fromisoformat(options["date"]) if "date" in options else self.moment
        for _ in range(int(options.get("times", 1))):
            source, entity, record = self._record(names[0], values, seen_at, options)
            self.last[names[0]] = {"source": source, "entity": entity, "record": record}
            yield source, entity, record

    def _record(
        self, own: str, values: dict[str, list[str]], seen_at: datetime, options: dict[str, str]
    ) -> tuple[str, str, dict[str, Any]]:
        def one(kind: str, position: int = 0) -> str | None:
            return values[kind][position] if len(values.get(kind, ())) > position else None

        moment = seen_at.isoformat()
        first, _, last = options.get("name", "").partition("/")
        named, born = {"first_name": first or None, "last_name": last or None}, options.get("born")
        match own[0]:
            case "h":
                loser = options.get("loser")
                return "hubspot", "contacts", {
                    "id": one("h"), "email": one("e"), "phone": one("p"), "mobilephone": one("p", 1),
                    "hs_merged_object_ids": self.identifier(loser)[1] if loser else None,
                    "lastmodifieddate": moment, "is_deleted": False,
                    "firstname": first or None, "lastname": last or None, "date_of_birth": born,
                }  # fmt: skip
            case "s":
                return "shopify", "customer", {
                    "id": one("s"), "email": one("e"), "phone": one("p"), "updated_at": moment,
                    "_fivetran_deleted": False, **named,
                }  # fmt: skip
            case "k":
                return "klaviyo", "person", {
                    "id": one("k"), "email": one("e"), "phone_number": one("p"), "updated": moment,
                    "_fivetran_deleted": False, **named,
                }  # fmt: skip
            case "z":
                return "zendesk", "user", {
                    "id": one("z"), "email": one("e"), "phone": one("p"), "external_id": one("u"), "role": "end-user",
                    "active": True, "updated_at": moment, "_fivetran_deleted": False,
                    "name": f"{first} {last}".strip() or None,
                }  # fmt: skip
            case "o":
                return "shopify", "order", {
                    "id": one("o"), "email": one("e"), "phone": one("p"), "processed_at": moment, "updated_at": moment,
                    "_fivetran_deleted": False,
                }  # fmt: skip
            case "r":
                return "partner", "customers", {
                    "partner_record_id": one("r"), "email": one("e"), "phone": one("p"), "licence": "NK-2025-022",
                    "purpose": "personalisation", "shared_at": moment, "expires_at": options.get("until", "2027-01-01"),
                }  # fmt: skip
        self.events += 1
        event = {
            "id": f"event-{self.number}-{self.events}", "anonymous_id": one("a"), "user_id": one("u"),
            "original_timestamp": moment, "received_at": moment,
        }  # fmt: skip
        if "previous" in options:
            return "segment", "aliases", {**event, "previous_id": self.identifier(options["previous"])[1]}
        if "e" in values or "p" in values:
            return "segment", "identifies", {**event, "email": one("e"), "phone": one("p"), **named, "birthday": born}
        return "segment", "pages", event

    def _deleted(self, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        self.moment += timedelta(seconds=1)
        last = self.last[name]
        moment = self.moment.isoformat()
        versions = {"hubspot": ("lastmodifieddate", "is_deleted"), "klaviyo": ("updated", "_fivetran_deleted")}
        version, flag = versions.get(last["source"], ("updated_at", "_fivetran_deleted"))
        yield last["source"], last["entity"], {**last["record"], version: moment, flag: True}


def _is_decision(line: str) -> bool:
    return line[0] in "+-~#" or line.split(maxsplit=1)[0] in RULES


def apply_decision(connection: duckdb.DuckDBPyConnection, teller: Teller, line: str) -> None:
    """Writes a decision into the seeds' tables, like a reviewed change of the CSV."""
    if line.split(maxsplit=1)[0] in RULES:
        rule, name, number = line.split()
        seed, key = ("identifier_types", "identifier_type") if name in TYPES else ("match_rules", "rule")
        connection.execute(
            f"update seeds.{seed} set {RULES[rule]} = ? where {key} = ?",
            [int(number), TYPES.get(name, name)],
        )
        return
    named = [teller.identifier(name) for name in line[1:].split()]
    match line[0]:
        case "#":
            row = [*named[0], "told by a story"]
            connection.execute("insert into seeds.identifier_blocklist values (?, 'exact', ?, false, ?)", row)
        case "~":
            connection.execute(
                "delete from seeds.identity_overrides where identifier_value_a = ? and identifier_value_b = ?",
                [named[0][1], named[1][1]],
            )
        case sign:
            action = "include" if sign == "+" else "exclude"
            row = [action, *named[0], *named[1], "a story", FIRST_BATCH, "told by a story"]
            connection.execute("insert into seeds.identity_overrides values (?, ?, ?, ?, ?, ?, ?, ?)", row)


@dataclass(frozen=True)
class Told:
    """The warehouse after a build: customer ids by identifier, refused edges, redirects, changes, history."""

    customers: dict[Identifier, str | None]
    refused: list[tuple[Any, ...]]
    redirects: dict[str, str | None]
    changes: list[tuple[Any, ...]]
    history: list[tuple[Any, ...]]
    causes: set[tuple[str, str]]

    @classmethod
    def read(cls, bench: Workbench) -> Told:
        return cls(
            customers={
                (kind, value): customer
                for kind, value, customer in bench.query(
                    "select identifier_type, identifier_value, customer_id "
                    "from intermediate.int_identity__customer_identifiers"
                )
            },
            refused=bench.query(
                "select identifier_no_a, identifier_no_b, rule, source, record_id, reason "
                "from intermediate.int_identity__refused_edges order by all"
            ),
            redirects=dict(bench.query("select retired_customer_id, customer_id from marts.dim_customer_redirects")),
            changes=bench.query(
                "select change_type, from_customer_id, to_customer_id, reason, changed_at "
                "from marts.fct_identity_changes order by all"
            ),
            history=bench.query(
                "select identifier_type, identifier_value, customer_id, present_customer_id, valid_from, valid_to "
                "from marts.bdg_customer_identifiers_history order by identifier_no, valid_from"
            ),
            causes=set(
                bench.query(
                    "select coalesce(from_customer_id, to_customer_id), cause from marts.fct_identity_changes "
                    "where change_type in ('merged', 'split')"
                )
            ),
        )


def land_batch(
    bench: Workbench, tellers: Sequence[Teller], stories: Sequence[Story], batch: int
) -> list[tuple[Teller, str]]:
    """Lands one batch of all stories; returns the decisions of the batch."""
    files: dict[tuple[str, str], list[dict[str, Any]]] = {}
    decisions = []
    for teller, story in zip(tellers, stories, strict=True):
        teller.moment = max(teller.moment, FIRST_BATCH + timedelta(days=batch))
        for line in filter(None, story.batches[batch].split("\n")):
            if _is_decision(line):
                decisions.append((teller, line))
                continue
            for source, entity, record in teller.records(line):
                files.setdefault((source, entity), []).append(record)
    for (source, entity), records in files.items():
        path = bench.settings.landing_dir / source / entity / f"batch-{batch}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    bench.land(FIRST_BATCH + timedelta(days=batch, hours=12))
    return decisions


def build_identity(bench: Workbench, decisions: Iterable[tuple[Teller, str]], *, with_seeds: bool) -> Told:
    """Builds identity. `with_seeds`: also its parents; otherwise the decisions in the seeds' tables stay."""
    if with_seeds:
        bench.build(
            *("+int_identity__records", "+employee_domains", "identifier_blocklist"),
            *("identity_overrides", "identifier_types", "match_rules", "identity_metric_limits", "nicknames"),
        )
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        for teller, line in decisions:
            apply_decision(connection, teller, line)
    bench.build(*RECORDS_OF_TODAY, "int_identity__*", *PUBLISHED)
    return Told.read(bench)


def break_off(bench: Workbench, model: str) -> None:
    """Leaves the warehouse of a build that stopped after a model: this and its parents are new, the rest is old."""
    bench.build(*RECORDS_OF_TODAY, f"+{model},int_identity__*")


def tell(bench: Workbench, stories: Sequence[Story]) -> list[Told]:
    """Lands and builds all stories in four batches. Returns the results after each, a re-run, and one full run.

    Before the third batch is built, three builds of it stop after different models: the next build repairs the result.
    """
    bench.empty()
    tellers = [Teller(number) for number in range(1, len(stories) + 1)]
    told, decided = [], []
    for batch in range(4):
        decisions = land_batch(bench, tellers, stories, batch)
        decided += decisions
        for model in BROKEN_OFF_BEHIND if batch == BROKEN_BATCH else ():
            break_off(bench, model)
        told.append(build_identity(bench, decisions, with_seeds=batch == 0))
    told.append(build_identity(bench, [], with_seeds=False))
    bench.drop_built()
    told.append(build_identity(bench, decided, with_seeds=True))
    return told


def expected_groups(teller: Teller, outcome: str) -> tuple[set[frozenset[Identifier]], set[Identifier]]:
    """The customers in an outcome, and the identifiers that must have no customer."""
    groups, nobody = set(), set()
    for part in outcome.split("|"):
        words = part.strip()
        names = {teller.identifier(name) for name in words.removeprefix("nobody:").split()}
        if words.startswith("nobody:"):
            nobody |= names
        else:
            groups.add(frozenset(names))
    return groups, nobody

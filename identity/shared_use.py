"""Which records that name one shared identifier may be one person.

People share phones, addresses and devices by nature. Such an identifier joins the records that name it unless something
else speaks against it. Then it belongs to the group of records with the strongest evidence, and the edges of the others
are refused, each with its reason. The result depends on the evidence alone: not on the order of the records, and not on
numbers that follow arrival.
Add here: evidence against one person. Keep out: how names are compared (names.py), where the evidence comes from
(int_identity__shared_use_evidence).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product
from typing import Any

from identity.names import FULL_NAME, Agreement, Name, agreement, fold, is_one_off

REASONS = ("name", "birth_date", "account", "email", "unclear", "crowded")
"""Why an edge is refused, the strongest first. unclear: the record fits more than one of the persons. crowded: so many
different records name the identifier that it is not a household's."""

SHORTEST_MAILBOX = 6
"""Characters before the @ from which two addresses may be one name: `anna@` at two providers may be two persons."""

MOST_UNITS = 40
"""Different records from which an identifier is crowded; the number of pairs grows with its square."""


@dataclass(frozen=True)
class Namer:
    """What is known of a record (its own identifier) that names a shared identifier.

    `links`: identifiers of persons that it has. `accounts`: those of which a person has only one, as
    `type value`. `weight` orders groups: tier, times seen, sources, last seen.
    """

    key: str
    tier: int
    times_seen: int
    sources: frozenset[str]
    last_seen_at: datetime
    names: frozenset[Name] = frozenset()
    birth_dates: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()

    @property
    def known(self) -> tuple[frozenset[Any], ...]:
        """All that is known: records of which the same is known need no comparison."""
        return (self.names, self.birth_dates, self.emails, self.accounts, self.links)


def refused(
    namers: Iterable[Mapping[str, Any]], evidence: Iterable[Mapping[str, Any]], nicknames: Iterable[tuple[str, str]]
) -> list[tuple[int, int, str]]:
    """The edges that do not join: (identifier_no, namer_no, reason).

    `namers`: rows identifier_no, namer_no, source, namer_type, namer_value, tier, times_seen, last_seen_at.
    `evidence`: rows namer_no, kind (name, birth_date, email, account or link), value, last_name, full_name.
    """
    formal: dict[str, set[str]] = defaultdict(set)
    for nickname, given_name in nicknames:
        formal["".join(fold(nickname))].add("".join(fold(given_name)))
    formal_names = {nickname: frozenset(names) for nickname, names in formal.items()}
    facts: dict[int, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for row in evidence:
        is_name = row["kind"] == "name"
        facts[row["namer_no"]][row["kind"]].add(
            Name.of(row["value"], row["last_name"], row["full_name"]) if is_name else row["value"]
        )
    groups: dict[int, dict[int, Namer]] = defaultdict(dict)
    for row in namers:
        found = facts[row["namer_no"]]
        key = f"{row['namer_type']}:{row['namer_value']}"
        namer = Namer(
            key,
            row["tier"],
            row["times_seen"],
            frozenset([row["source"]]),
            row["last_seen_at"],
            *(frozenset(found[kind]) for kind in ("name", "birth_date", "email", "account", "link")),
        )
        members = groups[row["identifier_no"]]
        known_namer = members.get(row["namer_no"])
        members[row["namer_no"]] = _merged([known_namer, namer]) if known_namer else namer
    return [
        (identifier_no, namer_no, reason)
        for identifier_no, members in sorted(groups.items())
        for namer_no, reason in sorted(refused_of_one(members, formal_names).items())
    ]


def refused_of_one(members: Mapping[int, Namer], nicknames: Mapping[str, frozenset[str]]) -> dict[int, str]:
    """The reasons by namer_no, of the namers of one identifier that it does not join."""
    units = _units(members)
    if len(units) > MOST_UNITS:
        return dict.fromkeys(members, "crowded")
    against = {
        frozenset((one, other)): _against(units[one], units[other], nicknames)
        for one, other in combinations(sorted(units), 2)
    }
    persons, unclear = _persons(units, against)
    if len(persons) <= 1 and not unclear:
        return {}
    owner = min(persons, key=lambda person: _order([units[unit] for unit in person]), default=frozenset())
    reasons: dict[int, str] = {}
    for unit in units.keys() - owner:
        found = {against[frozenset((unit, other))] for other in owner} - {""}
        reason = "unclear" if unit in unclear else min(found or {"unclear"}, key=REASONS.index)
        keys = units[unit].links | {unit}
        reasons |= {namer_no: reason for namer_no, namer in members.items() if namer.key in keys}
    return reasons


# --- units: records that strong identifiers join anyway ---------------------------------------------------------------


def _units(members: Mapping[int, Namer]) -> dict[str, Namer]:
    """Namers that share a person's identifier, or of which the same is known, as one; by the smallest of their keys."""
    by_key = {namer.key: namer for namer in members.values()}
    first: dict[Hashable, str] = {}
    edges = []
    for key, namer in sorted(by_key.items()):
        for shared in (*namer.links, key, namer.known):
            edges.append((first.setdefault(shared, key), key))
    return {min(keys): _merged([by_key[key] for key in sorted(keys)]) for keys in _connected(by_key, edges)}


def _merged(namers: Iterable[Namer]) -> Namer:
    merged, *others = sorted(namers, key=lambda namer: namer.key)
    for other in others:
        merged = Namer(
            merged.key,
            min(merged.tier, other.tier),
            merged.times_seen + other.times_seen,
            merged.sources | other.sources,
            max(merged.last_seen_at, other.last_seen_at),
            merged.names | other.names,
            merged.birth_dates | other.birth_dates,
            merged.emails | other.emails,
            merged.accounts | other.accounts,
            merged.links | other.links | {other.key},
        )
    return merged


def _order(namers: list[Namer]) -> tuple[Any, ...]:
    """The strongest evidence first, as where a limit cuts a component; arrival does not count."""
    merged = _merged(namers)
    return (merged.tier, -merged.times_seen, -len(merged.sources), -merged.last_seen_at.timestamp(), merged.key)


# --- evidence against one person --------------------------------------------------------------------------------------


def _against(one: Namer, other: Namer, nicknames: Mapping[str, frozenset[str]]) -> str:
    """Why two cannot be one person; empty if they can."""
    named = max(
        (agreement(name, second, nicknames) for name in one.names for second in other.names), default=Agreement.UNKNOWN
    )
    if named == Agreement.DIFFERENT:
        return "name"
    if one.birth_dates and other.birth_dates and not one.birth_dates & other.birth_dates:
        is_typo = any(_is_typo(date, second) for date in one.birth_dates for second in other.birth_dates)
        if named < Agreement.SAME or not is_typo:
            return "birth_date"
    if _is_one_person_by_name(named, one, other):
        return ""
    if _kinds(one.accounts) & _kinds(other.accounts) and not one.accounts & other.accounts:
        return "account"
    if one.emails and other.emails and not _share_a_mailbox(one.emails, other.emails):
        return "email"
    return ""


def _is_one_person_by_name(named: Agreement, one: Namer, other: Namer) -> bool:
    """Whether two addresses or accounts are no evidence: many people have two, and limits count the accounts.

    They are evidence where the names leave it open: similar given names, another family name, or two names in scripts
    that cannot be compared. Without a name, or with an initial, they are not: that is all such a record can have.
    """
    if named == Agreement.CHANGED:
        return bool(one.birth_dates & other.birth_dates)
    if named == Agreement.UNKNOWN:
        return min(_strength(one), _strength(other)) < FULL_NAME
    return named == Agreement.SAME


def _strength(namer: Namer) -> int:
    return max((name.strength for name in namer.names), default=0)


def _kinds(accounts: Iterable[str]) -> set[str]:
    return {account.partition(" ")[0] for account in accounts}


def _is_typo(one: str, other: str) -> bool:
    """One wrong digit, or day and month swapped."""
    return is_one_off(one, other) or (one[:4] == other[:4] and one[5:7] == other[8:10] and one[8:10] == other[5:7])


def _share_a_mailbox(ones: Iterable[str], others: Iterable[str]) -> bool:
    return any(_is_same_mailbox(one, other) for one, other in product(ones, others))


def _is_same_mailbox(one: str, other: str) -> bool:
    """One name at two providers, or one address misspelled."""
    ones, others = one.partition("@")[0], other.partition("@")[0]
    if min(len(ones), len(others)) < SHORTEST_MAILBOX:
        return one == other
    return ones == others or (is_one_off(one, other) and re.sub(r"\D", "", one) == re.sub(r"\D", "", other))


# --- persons ----------------------------------------------------------------------------------------------------------


def _persons(
    units: Mapping[str, Namer], against: Mapping[frozenset[str], str]
) -> tuple[list[frozenset[str]], set[str]]:
    """The groups of units that can be one person, and the units that fit several of them.

    Units with a given name form the groups. Those with initials, and then those without a name, join the only group
    that they fit.
    """

    def fits(unit: str, person: Iterable[str]) -> bool:
        return not any(against[frozenset((unit, other))] for other in person)

    persons: list[frozenset[str]] = []
    unclear: set[str] = set()
    by_strength: dict[int, list[str]] = defaultdict(list)
    for unit, namer in sorted(units.items()):
        by_strength[_strength(namer)].append(unit)
    for strength in range(FULL_NAME, -1, -1):
        joining: dict[int, list[str]] = defaultdict(list)
        alone = []
        for unit in by_strength[strength]:
            fitting = [place for place, person in enumerate(persons) if fits(unit, person)]
            if len(fitting) == 1:
                joining[fitting[0]].append(unit)
            elif fitting:
                unclear.add(unit)
            else:
                alone.append(unit)
        grouped, contested = _grouped(alone, against)
        added = [person | {*joining[place]} for place, person in enumerate(persons)]
        persons = [*added, *grouped]
        unclear |= contested
    return persons, unclear


def _grouped(units: list[str], against: Mapping[frozenset[str], str]) -> tuple[list[frozenset[str]], set[str]]:
    """Connected units without evidence against each other. A unit that connects two with evidence against each other
    is left out, because it could be either."""
    unclear: set[str] = set()
    while True:
        left = [unit for unit in units if unit not in unclear]
        agreeing = [pair for pair in combinations(left, 2) if not against[frozenset(pair)]]
        groups = _connected(left, agreeing)
        beside: dict[str, set[str]] = defaultdict(set)
        for one, other in agreeing:
            beside[one].add(other)
            beside[other].add(one)
        torn = {
            unit
            for group in groups
            for unit in group
            if any(against[frozenset(pair)] for pair in combinations(sorted(beside[unit]), 2))
        }
        if not torn:
            return groups, unclear
        unclear |= torn


def _connected(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    group = {node: {node} for node in nodes}
    for one, other in edges:
        if group[one] is not group[other]:
            group[one] |= group[other]
            for node in group[other]:
                group[node] = group[one]
    return sorted({frozenset(members) for members in group.values()}, key=min)

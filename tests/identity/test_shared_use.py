"""Which records that name one phone, address or device may be one person."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest

from identity.shared_use import MOST_UNITS, REASONS, refused

NICKNAMES = [("bob", "robert"), ("alex", "alexander"), ("alex", "alexandra")]
SEEN = datetime.fromisoformat("2026-01-01")


class Phone:
    """The records that name one phone: `namers` and `evidence` as the warehouse has them."""

    def __init__(self) -> None:
        self.namers: list[dict[str, Any]] = []
        self.evidence: list[dict[str, Any]] = []

    def named_by(self, *names: str, times: int = 1, tier: int = 3, **facts: str) -> int:
        """Adds a record with names (`First/Last`) and facts: birth_date, email, account, link."""
        number = 100 + len(self.namers)
        self.namers.append({
            "identifier_no": 1, "namer_no": number, "source": "crm", "namer_type": "contact",
            "namer_value": f"c{number}", "tier": tier, "times_seen": times, "last_seen_at": SEEN,
        })  # fmt: skip
        for name in names:
            first, _, last = name.partition("/")
            self._know(number, "name", first or None, last or None)
        for kind, value in facts.items():
            self._know(number, kind, value)
        return number

    def _know(self, number: int, kind: str, value: str | None, last: str | None = None) -> None:
        self.evidence.append({
            "identifier_no": 1, "namer_no": number, "kind": kind, "value": value, "last_name": last, "full_name": None,
        })  # fmt: skip

    def refused(self) -> dict[int, str]:
        return {number: reason for _, number, reason in refused(self.namers, self.evidence, NICKNAMES)}


def test_nothing_speaks_against_one_person() -> None:
    phone = Phone()
    phone.named_by("Robert/Berg", email="robert.berg@one.example")
    phone.named_by("Bob/Berg", email="bb77@two.example")
    phone.named_by()
    phone.named_by("R./Berg")
    assert phone.refused() == {}


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (("Ann/Berg", {}), ("Bob/Berg", {}), "name"),
        (("Karl/Berg", {"birth_date": "1950-01-02"}), ("Karl/Berg", {"birth_date": "1980-03-04"}), "birth_date"),
        (("Anna/Berg", {"email": "anna.berg@x.example"}), ("Anna/Tal", {"email": "tal80@x.example"}), "email"),
        (("Anna/Berg", {"account": "user_id 1"}), ("Anna/Tal", {"account": "user_id 2"}), "account"),
        (("Anna/Berg", {"email": "anna.berg@x.example"}), ("Anne/Berg", {"email": "sunny@y.example"}), "email"),
        (("Aya/Oguchi", {"email": "aya.oguchi@x.example"}), ("太郎/小口", {"email": "taro.oguchi@x.example"}), "email"),
    ],
)
def test_what_speaks_against_one_person(
    first: tuple[str, dict[str, str]], second: tuple[str, dict[str, str]], reason: str
) -> None:
    """The record that names the phone more often keeps it."""
    phone = Phone()
    phone.named_by(first[0], times=2, **first[1])
    loser = phone.named_by(second[0], **second[1])
    assert phone.refused() == {loser: reason}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Karl/Berg", {"birth_date": "1950-01-02"}), ("Karl/Berg", {"birth_date": "1950-02-01"})),  # day and month
        (("Karl/Berg", {"birth_date": "1950-01-02"}), ("Karl/Berg", {"birth_date": "1950-01-12"})),  # a wrong digit
        (("Anna/Berg", {"email": "anna.berg@x.example"}), ("Anna/Berg", {"email": "work77@y.example"})),
        (("Anna/Berg", {"account": "user_id 1"}), ("Anna/Tal", {"account": "shopify_customer_id 2"})),
        (("Anna/Berg", {"account": "user_id 1"}), ("Anna/Tal", {"account": "user_id:address anna@x.example"})),
        (("Katarina/Berg", {"email": "kat.berg@x.example"}), ("Katharina/Berg", {"email": "kat.berg@y.example"})),
        (("Anna/Berg", {"email": "anna.berg@x.example"}), ("", {"email": "work77@y.example"})),
    ],
)
def test_what_does_not(first: tuple[str, dict[str, str]], second: tuple[str, dict[str, str]]) -> None:
    phone = Phone()
    phone.named_by(first[0], **first[1])
    phone.named_by(second[0], **second[1])
    assert phone.refused() == {}


def test_a_record_that_fits_two_persons_joins_neither() -> None:
    phone = Phone()
    phone.named_by("Alexander/Berg", times=3)
    other = phone.named_by("Alexandra/Berg", times=2)
    either = phone.named_by("Alex/Berg")
    nameless = phone.named_by()
    assert phone.refused() == {other: "name", either: "unclear", nameless: "unclear"}


def test_a_shared_identifier_shows_whose_record_it_is() -> None:
    phone = Phone()
    phone.named_by("Ann/Berg", times=2, link="7")
    bob = phone.named_by("Bob/Berg", link="8")
    hers, his = phone.named_by(link="7"), phone.named_by(link="8")
    assert phone.refused() == {bob: "name", his: "name"}
    assert hers not in phone.refused()


def test_the_strongest_evidence_keeps_the_phone() -> None:
    phone = Phone()
    often = phone.named_by("Ann/Berg", times=9)
    phone.named_by("Bob/Berg", tier=2)
    assert phone.refused() == {often: "name"}


def test_an_identifier_of_too_many_records_joins_nobody() -> None:
    phone = Phone()
    numbers = [phone.named_by(f"{chr(97 + n % 26)}{chr(97 + n // 26)}ka/Berg") for n in range(MOST_UNITS + 1)]
    assert phone.refused() == dict.fromkeys(numbers, "crowded")


def test_many_records_of_one_person_are_one() -> None:
    phone = Phone()
    for _ in range(5 * MOST_UNITS):
        phone.named_by("Ann/Berg")
    bob = phone.named_by("Bob/Berg")
    assert phone.refused() == {bob: "name"}


def test_order_and_numbers_do_not_matter() -> None:
    """Invariant 1: the same records under other numbers and in another order are refused for the same reasons."""
    for seed in range(40):
        draw = random.Random(seed)
        phone = Phone()
        for _ in range(draw.randint(2, 9)):
            name = draw.choice(["Ann/Berg", "Anne/Berg", "Bob/Berg", "Robert/Tal", "A./Berg", "Alex/Berg", "/Berg", ""])
            facts = {
                "email": draw.choice(["one.berg@x.example", "two.tal@y.example"]),
                "birth_date": draw.choice(["1980-02-03", "1990-04-05"]),
                "link": draw.choice("123456"),
            }
            known = {kind: value for kind, value in facts.items() if draw.random() < 0.5}
            phone.named_by(*([name] if name else []), times=draw.randint(1, 2), **known)
        expected = phone.refused()
        assert set(expected.values()) <= set(REASONS)
        other = Phone()
        numbers = [row["namer_no"] for row in phone.namers]
        renumbered = dict(zip(numbers, draw.sample(range(1000), len(numbers)), strict=True))
        for rows, copied in ((phone.namers, other.namers), (phone.evidence, other.evidence)):
            copied += [{**row, "namer_no": renumbered[row["namer_no"]]} for row in draw.sample(rows, len(rows))]
        assert other.refused() == {renumbered[number]: reason for number, reason in expected.items()}, seed

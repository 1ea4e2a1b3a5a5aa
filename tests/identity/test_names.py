"""Whether two written names can be one person's."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from identity.names import Agreement, Name, agreement, fold, is_one_off

ROOT = Path(__file__).resolve().parents[2]
SAME, CHANGED, CLOSE = Agreement.SAME, Agreement.CHANGED, Agreement.CLOSE
UNKNOWN, DIFFERENT = Agreement.UNKNOWN, Agreement.DIFFERENT


@pytest.fixture(scope="module")
def nicknames() -> dict[str, frozenset[str]]:
    names: dict[str, set[str]] = {}
    with (ROOT / "dbt_project/seeds/identity/nicknames.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            names.setdefault("".join(fold(row["nickname"])), set()).add("".join(fold(row["given_name"])))
    return {nickname: frozenset(found) for nickname, found in names.items()}


def name(text: str) -> Name:
    """`First/Last`, or a full name without a slash."""
    first, slash, last = text.partition("/")
    return Name.of(first, last) if slash else Name.of(None, None, text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Anna/Berg", "ANNA/BERG", SAME),
        ("Robert/Berg", "Bob/Berg", SAME),
        ("Charlotte/Berg", "Lottie/Berg", SAME),
        ("Michael/Berg", "Mike/Berg", SAME),  # folded like the seed
        ("Jürgen/Müller", "Juergen/Mueller", SAME),
        ("José/García", "Jose/Garcia", SAME),
        ("Łukasz/Wójcik", "Lukasz/Wojcik", SAME),
        ("Anna-Lena/Berg", "Anna Lena/Berg", SAME),
        ("Annalena/Berg", "Anna-Lena/Berg", SAME),
        ("Anna Maria/Berg", "Maria/Berg", SAME),
        ("Dr. Anna/Berg", "Anna/Berg", SAME),
        ("Berg/Anna", "Anna/Berg", SAME),
        ("Anna Berg", "Anna/Berg", SAME),
        ("Berg, Anna", "Anna/Berg", SAME),
        ("Anna/Berg", "Anna/Berg-Tal", SAME),
        ("Ольга/Кузнецова", "Olga/Kuznetsova", SAME),
        ("Юлия/Иванова", "Julia/Ivanova", SAME),
        ("Νίκος/Παππάς", "Nikos/Pappas", SAME),
        ("直樹/小口", "直樹/小口", SAME),
        ("Anna/Berg", "Anna/Tal", CHANGED),
        ("Katharina/Berg", "Katarina/Berg", CLOSE),
        ("Christian/Berg", "Chrisitan/Berg", CLOSE),
        ("Françoise/Berg", "François/Berg", DIFFERENT),
        ("Anna/Berg", "Annabelle/Berg", DIFFERENT),
        ("Daniel/Berg", "Daniela/Berg", DIFFERENT),
        ("Mario/Berg", "Maria/Berg", DIFFERENT),
        ("Andreas/Berg", "Andrea/Berg", DIFFERENT),
        ("Alexander/Berg", "Alexandra/Berg", DIFFERENT),
        ("Christian/Berg", "Christina/Berg", DIFFERENT),
        ("Sara/Berg", "Sarah/Berg", CLOSE),
        ("Anna/Berg", "Anne/Berg", CLOSE),
        ("R./Berg", "Bob/Berg", UNKNOWN),
        ("Anna Maria/Berg", "Eva Maria/Berg", DIFFERENT),  # siblings with one second name
        ("Karl/Berg Jr.", "Karl/Berg Sr", DIFFERENT),
        ("Ольга/Кузнецова", "Иван/Кузнецов", DIFFERENT),
        ("Ольга/Кузнецова", "Ivan/Kuznetsov", DIFFERENT),
        ("直樹/小口", "直美/小口", DIFFERENT),
        ("A./Berg", "B./Berg", DIFFERENT),
        ("Anna/Berg", "B/Berg", DIFFERENT),
        ("A./Berg", "Anna/Tal", DIFFERENT),
        ("A./Berg", "Anna/Berg", UNKNOWN),
        ("/Berg", "Anna/Tal", DIFFERENT),
        ("/Berg", "Anna/Berg", UNKNOWN),
        ("Berg", "Anna/Berg", UNKNOWN),  # one field, which holds the family name
        ("太郎/小口", "Aya/Oguchi", UNKNOWN),
        ("/", "Anna/Berg", UNKNOWN),
    ],
)
def test_agreement(one: str, other: str, expected: Agreement, nicknames: dict[str, frozenset[str]]) -> None:
    assert agreement(name(one), name(other), nicknames) == expected
    assert agreement(name(other), name(one), nicknames) == expected


def test_without_nicknames_two_names_differ() -> None:
    assert agreement(name("Robert/Berg"), name("Bob/Berg"), {}) == DIFFERENT


@pytest.mark.parametrize(
    ("one", "other"), [("abcd", "abcd"), ("abcd", "abd"), ("abcd", "abdc"), ("abcd", "abxd"), ("", "a")]
)
def test_one_off(one: str, other: str) -> None:
    assert is_one_off(one, other)
    assert is_one_off(other, one)


@pytest.mark.parametrize(("one", "other"), [("abcd", "ab"), ("abcd", "badc"), ("abcd", "axyd"), ("abcd", "bcda")])
def test_not_one_off(one: str, other: str) -> None:
    assert not is_one_off(one, other)
    assert not is_one_off(other, one)

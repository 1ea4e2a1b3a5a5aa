"""Names: in the case that people write, and full names in parts."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.warehouse.python_models import imported_model


@pytest.fixture(scope="module")
def lookup() -> ModuleType:
    return imported_model("conformed/lookups/cnf_lookups__names.py")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("MÜLLER", "Müller"),
        ("müller", "Müller"),
        ("mcdonald", "McDonald"),
        ("MACDONALD", "MacDonald"),
        ("MACHADO", "Machado"),
        ("o'brien", "O'Brien"),
        ("O\u2019BRIEN", "O\u2019Brien"),
        ("D'ANGELO", "D'Angelo"),
        ("van der berg", "van der Berg"),
        ("VAN DEN HEUVEL", "van den Heuvel"),
        ("de la cruz", "de la Cruz"),
        ("DA SILVA", "da Silva"),
        ("GARCÍA MÁRQUEZ", "García Márquez"),
        ("smith-jones", "Smith-Jones"),
        ("'t hooft", "'t Hooft"),
        ("LE", "Le"),
        ("ng", "Ng"),
        ("NG", "Ng"),
        ("IJSSELSTEIN", "IJsselstein"),
        ("SMITH III", "Smith III"),
        ("ŁUKASIEWICZ", "Łukasiewicz"),
        ("ÇELİK", "Çelik"),
        ("McDonald", "McDonald"),  # in two cases: as typed
        ("deVries", "deVries"),
        ("van der Berg", "van der Berg"),
        ("李", "李"),
        ("\u0418\u0412\u0410\u041d\u041e\u0412", "\u0418\u0412\u0410\u041d\u041e\u0412"),
        ("-", "-"),
    ],
)
def test_family_names_have_their_capitals(lookup: ModuleType, typed: str, expected: str) -> None:
    assert lookup.parse_name("last_name", typed) == (None, expected)
    assert lookup.parse_name("last_name", expected) == (None, expected)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("JEAN-LUC", "Jean-Luc"),
        ("jean-luc", "Jean-Luc"),
        ("MARIA DE LOS ANGELES", "Maria de los Angeles"),
        ("anne marie", "Anne Marie"),
        ("JP", "JP"),
        ("ED", "Ed"),
        ("j.r.", "J.R."),
        ("sa'id", "Sa'id"),
        ("DE", "De"),
    ],
)
def test_first_names_have_their_capitals(lookup: ModuleType, typed: str, expected: str) -> None:
    assert lookup.parse_name("first_name", typed) == (expected, None)


@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [
        ("Anna Smit", "Anna", "Smit"),
        ("ANNA SMIT", "Anna", "Smit"),
        ("Anna", "Anna", None),
        ("Dr. Anna Smit", "Anna", "Smit"),
        ("Prof. Dr. Anna Smit", "Anna", "Smit"),
        ("Herr Müller", "Müller", None),  # one word remains
        ("John Smith Jr.", "John", "Smith"),
        ("John Smith, Jr.", "John", "Smith"),
        ("Smith, John", "John", "Smith"),
        ("SMITH, JOHN", "John", "Smith"),
        ("Smith Jr., John", "John", "Smith"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Jan Peter van der Berg", "Jan Peter", "van der Berg"),
        ("juan carlos de la cruz", "Juan Carlos", "de la Cruz"),
        ("Gabriel García Márquez", "Gabriel", "García Márquez"),
        ("Juan Carlos García Márquez", "Juan Carlos", "García Márquez"),
        ("María del Carmen García López", "María del Carmen", "García López"),
        ("Santiago Ramón y Cajal", "Santiago", "Ramón y Cajal"),
        ("Ana da Silva Santos", "Ana", "da Silva Santos"),
        ("Anna Maria Schmidt", "Anna Maria", "Schmidt"),
        ("Mohammed bin Salman", "Mohammed", "bin Salman"),
        ('Robert "Bob" Miller', "Robert", "Miller"),
        ("Anna  Smit (Acme)", "Anna", "Smit"),
        ("李小龍", "李小龍", None),
        ("Иван Петров", "Иван", "Петров"),
        ("anna@shop.example", None, None),
        ("user123", None, None),
        ("?", None, None),
        ("", None, None),
        (",", None, None),
        ("Smit,", "Smit", None),
        ("de la Cruz", "de la", "Cruz"),
    ],
)
def test_full_names_are_split(lookup: ModuleType, typed: str, first: str | None, last: str | None) -> None:
    assert lookup.parse_name("full_name", typed) == (first, last)

"""Phones: what counts as a number, and that the lookup reads each phone that a staging model joins."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from jinja2 import Environment

STAGING = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "staging"
JOIN = re.compile(r"join_phone\(\s*'\w+',\s*'([^']+)'(?:,\s*'([^']+)')?\s*\)")
COUNTRY_JOIN = re.compile(r"join_country\('(\w+)', '([^']+)'\)")


@pytest.fixture(scope="module")
def lookup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("phones", STAGING / "lookups" / "stg_lookups__phone_numbers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("raw_phone", "country_code", "expected"),
    [
        ("020 123 4567", "NL", "+31201234567"),
        ("+31 (0)20 123 4567", "", "+31201234567"),
        ("0031 20 123 4567", "NL", "+31201234567"),
        ("06-12345678", "NL", "+31612345678"),
        ("+31 6 12345678", "US", "+31612345678"),  # the number's own country overrides the record's
        ("(212) 555-0123", "US", "+12125550123"),
        ("030 901820", "DE", "+4930901820"),
    ],
)
def test_numbers_are_read(lookup: ModuleType, raw_phone: str, country_code: str, expected: str) -> None:
    e164, phone_type, is_valid = lookup.read_phone(raw_phone, country_code)
    assert (e164, is_valid) == (expected, True)
    assert phone_type in {"mobile", "fixed_line", "fixed_line_or_mobile", "other"}


@pytest.mark.parametrize(
    ("raw_phone", "country_code"),
    [
        ("020 123 4567", ""),  # ambiguous: a country is never guessed
        ("0031 20 123 4567", ""),  # the meaning of 00 depends on the country of the caller
        ("0000000", "NL"),
        ("0000000000", "US"),
        ("1111111111", "US"),
        ("1234567890", "US"),
        ("9999999999", "US"),
        ("(555) 555-5555", "US"),
        ("n/a 1", "NL"),
        ("12", "NL"),
        ("d41d8cd98f00b204e9800998ecf8427e", "US"),
        ("020 123 4567", "ZZ"),
        ("", "NL"),
    ],
)
def test_what_is_no_number_is_null(lookup: ModuleType, raw_phone: str, country_code: str) -> None:
    assert lookup.read_phone(raw_phone, country_code) == (None, None, False)


def test_placeholders_of_any_plan(lookup: ModuleType) -> None:
    assert lookup.is_placeholder("222222222")
    assert lookup.is_placeholder("123456789")
    assert lookup.is_placeholder("987654321")
    assert not lookup.is_placeholder("201234567")


def joined_phones() -> set[tuple[str, str, str, tuple[str, ...]]]:
    """(source, entity, phone expression, country expressions) of every phone that a staging model joins."""
    found = set()
    for path in [*STAGING.rglob("stg_*.sql"), *STAGING.rglob("base_*.sql")]:
        text = path.read_text()
        countries = dict(COUNTRY_JOIN.findall(text))
        for phone, country in JOIN.findall(text):
            sources = re.findall(
                r"with source as \(\s*(?:select \* from {{ source|{{ union_feeds)\('(\w+)', '(\w+)'", text
            )
            (table,) = sources
            aliases = re.findall(r"(\w+)\.country_code", country)
            found.add((*table, phone, tuple(countries[alias] for alias in aliases)))
    return found


def read_phones() -> set[tuple[str, str, str, tuple[str, ...]]]:
    """The same for every phone that the lookup reads: the `places` of stg_lookups__phone_values."""
    text = (STAGING / "lookups" / "stg_lookups__phone_values.sql").read_text()
    head = text[: text.index("with stated as")]
    places = Environment().from_string(head).module.places  # type: ignore[attr-defined]
    return {
        (source, entity, phone, tuple(countries)) for source, entity, phones, countries in places for phone in phones
    }


def test_every_joined_phone_is_read(lookup: ModuleType) -> None:
    joined = joined_phones()
    assert len(joined) >= 15
    assert joined == read_phones()

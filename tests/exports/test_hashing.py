"""Hashes with known results: from vendors' documents if available, and from values normalised by hand.

The macros run as in a model: compiled by dbt, executed by DuckDB. The expected hash comes from Python's hashlib.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.command import dbt

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT.parent / "shared" / "specs" / "normalisation_vectors.json"
MACROS = {
    "email": "hash_meta_email('value')",
    "phone": "hash_meta_phone('value')",
    "name": "hash_meta_name('value')",
    "city": "hash_meta_city('value')",
    "postal_code": "hash_meta_postal_code('value', 'country')",
    "country": "hash_meta_country('value')",
}
HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each macro as SQL over the columns value and country."""
    text = "\n-- next\n".join(f"{{{{ {macro} }}}}" for macro in MACROS.values())
    output = dbt(tmp_path_factory.mktemp("compiled"), "compile", "--inline", text)
    return dict(zip(MACROS, output.split("-- next"), strict=True))


def hashed(sql: str, value: str | None, country: str | None = None) -> str | None:
    row = duckdb.execute(f"select {sql} from (select ?::varchar as value, ?::varchar as country)", [value, country])
    (result,) = row.fetchone() or (None,)
    return result


@pytest.mark.parametrize(
    ("macro", "value", "country", "normalised"),
    [
        ("email", " Anna.Smit+Shop@Example.COM\t", None, "anna.smit+shop@example.com"),
        ("email", "first.last@gmail.com", None, "first.last@gmail.com"),
        ("phone", "+31612345678", None, "31612345678"),
        ("phone", "+12025550123", None, "12025550123"),
        ("name", " Jean-Luc ", None, "jeanluc"),
        ("name", "O'BRIEN", None, "obrien"),
        ("name", "van der  Berg", None, "van der berg"),
        ("name", "ÉMILIE", None, "émilie"),
        ("name", "李小龍", None, "李小龍"),
        ("name", "Ольга", None, "ольга"),
        ("city", "São Paulo", None, "sãopaulo"),
        ("city", "'s-Hertogenbosch", None, "shertogenbosch"),
        ("postal_code", "94103-1234", "US", "94103"),
        ("postal_code", "941 03", "us", "94103"),
        ("postal_code", "SW1A 1AA", "GB", "sw1a1aa"),
        ("postal_code", "1012 AB", None, "1012ab"),
        ("country", "NL", None, "nl"),
        ("country", " gb ", None, "gb"),
    ],
)
def test_a_value_is_normalised_as_meta_does(
    compiled: dict[str, str], macro: str, value: str, country: str | None, normalised: str
) -> None:
    assert hashed(compiled[macro], value, country) == hashlib.sha256(normalised.encode()).hexdigest()


@pytest.mark.parametrize(
    ("macro", "values"),
    [
        ("email", [None, "", "  ", "\t\n"]),
        (
            "phone",
            [None, "", "0612345678", "612345678", "+0000000000", "+31", "0031612345678", "+31 612345678", "+44(0)20"],
        ),
        ("name", [None, "", " ", "-", "...", "'"]),
        ("city", [None, "", " ", "--"]),
        ("postal_code", [None, "", " ", "-"]),
        ("country", [None, "", "Netherlands", "N1", "NLD", "n"]),
    ],
)
def test_nothing_is_never_hashed(compiled: dict[str, str], macro: str, values: list[str | None]) -> None:
    assert [hashed(compiled[macro], value, "US") for value in values] == [None] * len(values)
    assert hashed(compiled[macro], "+31612345678" if macro == "phone" else "nl", "US") not in (None, HASH_OF_NOTHING)


@pytest.mark.skipif(not VECTORS.exists(), reason="skipped: needs ../shared/specs")
def test_vendors_own_vectors_agree_where_the_rules_do(compiled: dict[str, str]) -> None:
    """Meta publishes no hashes. If another vendor normalises a value as Meta does, its published hash must be equal.

    E-mail: the vendor also only trims and lowers. Names: lower, without punctuation. Phones: other vendors hash them
    with a plus, so it is added before the comparison.
    """
    text = VECTORS.read_text()
    vectors: list[dict[str, Any]] = json.loads(text[text.index("[") :])
    compared = 0
    for vector in vectors:
        expected = vector["expected"]
        if vector["encoding"] == "base64":
            expected = base64.b64decode(expected).hex()
        raw, field = vector["raw"], vector["field"]
        if field == "email" and vector["normalised"] == raw.strip().lower():
            assert hashed(compiled["email"], raw) == expected, raw
        elif field in ("given_name", "family_name"):
            assert hashed(compiled["name"], raw) == expected, raw
        elif field == "phone":
            number = vector["normalised"]
            assert hashlib.sha256(number.encode()).hexdigest() == expected, raw
            assert hashed(compiled["phone"], number) == hashlib.sha256(number[1:].encode()).hexdigest(), raw
        else:
            continue
        compared += 1
    assert compared >= 15

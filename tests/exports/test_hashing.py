"""Hashes with known results: from vendors' documents if available, and from values normalised by hand.

The macros run as in a model: compiled by dbt, executed by DuckDB. The expected hash comes from Python's hashlib.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import runpy
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.command import dbt

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT.parent / "shared" / "specs" / "normalisation_vectors.json"
LOOKUPS = ROOT / "dbt_project" / "models" / "conformed" / "lookups"
SDK_VECTORS = ROOT.parent / "shared" / "data" / "eval" / "normalise_vectors"
MACROS = {
    "email": "hash_meta_email('value')",
    "phone": "hash_meta_phone('value')",
    "name": "hash_meta_name('value')",
    "city": "hash_meta_city('value')",
    "postal_code": "hash_meta_postal_code('value', 'country')",
    "country": "hash_meta_country('value')",
    "google_email": "hash_google_email('value')",
    "google_phone": "hash_google_phone('value')",
    "google_name": "hash_google_name('value')",
    "normalize_email": "normalize_email('value')",
    "versions": "normaliser_versions() | tojson",
}
META_FIELDS = {
    "em": "email", "ph": "phone", "fn": "name", "ln": "name", "ct": "city", "st": "region", "zp": "postal_code",
    "country": "country", "db": "birth_date", "ge": "gender", "external_id": "external_id", "dobd": "birth_day",
    "dobm": "birth_month", "doby": "birth_year", "f5first": "name_start", "f5last": "name_start", "fi": "initial",
    "currency": "currency",
}  # fmt: skip
GOOGLE_FIELDS = {
    "email": "email", "phone": "phone", "given_name": "name", "family_name": "name", "region": "country",
    "postal": "postal_code",
}  # fmt: skip
FIELDS = {f"meta_value.{field}" for field in META_FIELDS.values()} | {
    f"google_value.{field}" for field in GOOGLE_FIELDS.values()
}
MACROS |= {field: "{}('{}', 'value')".format(*field.split(".")) for field in sorted(FIELDS)}
MACROS_OF_META = {
    "em": "email", "ph": "phone", "fn": "name", "ln": "name", "ct": "city", "zp": "postal_code", "country": "country",
}  # fmt: skip
MACROS_OF_GOOGLE = {
    "email": "google_email", "phone": "google_phone", "given_name": "google_name", "family_name": "google_name",
}  # fmt: skip
NATIONAL = [
    None, "", "0612345678", "612345678", "+0000000000", "+31", "0031612345678", "+31 612345678", "+44(0)20",
]  # fmt: skip
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
        ("name", " Jean-Luc ", None, "jean-luc"),
        ("name", "O'BRIEN", None, "o'brien"),
        ("name", "van der  Berg", None, "van der berg"),
        ("name", "ÉMILIE", None, "émilie"),
        ("name", "李小龍", None, "李小龍"),
        ("name", "Ольга", None, "ольга"),
        ("city", "São Paulo", None, "sãopaulo"),
        ("city", "'s-Hertogenbosch", None, "'shertogenbosch"),
        ("postal_code", "94103-1234", "US", "94103"),
        ("postal_code", "941 03", "us", "94103"),
        ("postal_code", "SW1A 1AA", "GB", "sw1a1aa"),
        ("postal_code", "1012 AB", None, "1012ab"),
        ("country", "NL", None, "nl"),
        ("country", " gb ", None, "gb"),
        ("google_email", " A.B+c@GoogleMail.com", None, "ab@googlemail.com"),
        ("google_email", "a.b+c@example.com", None, "a.b+c@example.com"),
        ("google_phone", "+31612345678", None, "+31612345678"),
        ("google_name", " van der  Berg", None, "van der berg"),
    ],
)
def test_a_value_is_normalised_as_its_receiver_does(
    compiled: dict[str, str], macro: str, value: str, country: str | None, normalised: str
) -> None:
    assert hashed(compiled[macro], value, country) == hashlib.sha256(normalised.encode()).hexdigest()


@pytest.mark.parametrize(
    ("macro", "values"),
    [
        ("email", [None, "", "  ", "\t\n", "a@b", "nobody"]),
        ("phone", NATIONAL),
        ("name", [None, "", " ", "-", "...", "'"]),
        ("google_email", [None, "", " ", "@example.com", "a b@example.com", ".+x@gmail.com", "a@b@c.de"]),
        ("google_phone", NATIONAL),
        ("google_name", [None, "", " ", "-", "...", "'"]),
        ("city", [None, "", " ", "--"]),
        ("postal_code", [None, "", " ", "-"]),
        ("country", [None, "", "Netherlands", "N1", "NLD", "n", "UK", "ZZ"]),
    ],
)
def test_nothing_is_never_hashed(compiled: dict[str, str], macro: str, values: list[str | None]) -> None:
    assert [hashed(compiled[macro], value, "US") for value in values] == [None] * len(values)
    something = {"phone": "+31612345678", "email": "anna@example.com"}.get(macro.removeprefix("google_"), "nl")
    assert hashed(compiled[macro], something, "US") not in (None, HASH_OF_NOTHING)


@pytest.mark.skipif(not VECTORS.exists(), reason="skipped: needs ../shared/specs")
def test_vendors_own_vectors_agree_where_the_rules_do(compiled: dict[str, str]) -> None:
    """Meta publishes no hashes. If another vendor normalises a value as Meta does, its published hash must be equal.

    E-mail: the vendor also only trims and lowers. Names: trimmed and lower. Phones: other vendors hash them
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


def sdk_vectors(name: str) -> dict[str, list[dict[str, Any]]]:
    """The vectors of a file by kind; none without the data of the issue."""
    path = SDK_VECTORS / name
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        vector = json.loads(line)
        by_kind.setdefault(vector["kind"], []).append(vector)
    return by_kind


def results(sql: str, values: list[str | None]) -> list[str | None]:
    """A macro over all values, in one statement."""
    rows = duckdb.execute(
        f"select {sql} from (select unnest(?::varchar[]) as value, null::varchar as country)", [values]
    )
    return [result for (result,) in rows.fetchall()]


@pytest.mark.parametrize(
    ("name", "macro", "fields", "count"),
    [
        ("meta_capi_normalize.jsonl", "meta_value", META_FIELDS, 185),
        ("google_datamanager_format.jsonl", "google_value", GOOGLE_FIELDS, 122),
    ],
)
def test_values_are_normalised_as_the_vendors_own_code_does(
    compiled: dict[str, str], name: str, macro: str, fields: dict[str, str], count: int
) -> None:
    """What the SDK refuses and what it makes an empty text of is null."""
    if not (vectors := sdk_vectors(name)):
        pytest.skip("skipped: needs ../shared/data/eval/normalise_vectors")
    assert sum(map(len, vectors.values())) == count
    assert set(vectors) == set(fields)
    for kind, of_kind in vectors.items():
        found = results(compiled[f"{macro}.{fields[kind]}"], [vector["input"] for vector in of_kind])
        expected = [vector["normalized"].get("ok") or None for vector in of_kind]
        assert dict(enumerate(found)) == dict(enumerate(expected)), kind


def test_hashes_are_those_of_the_vendors_own_code(compiled: dict[str, str]) -> None:
    """Phones are the exception: a number that is not E.164 is never hashed, which the SDKs do."""
    cases = [("meta_capi_normalize.jsonl", kind, "hashed", MACROS_OF_META[kind]) for kind in MACROS_OF_META] + [
        ("google_datamanager_format.jsonl", kind, "hex", MACROS_OF_GOOGLE[kind]) for kind in MACROS_OF_GOOGLE
    ]
    if not sdk_vectors(cases[0][0]):
        pytest.skip("skipped: needs ../shared/data/eval/normalise_vectors")
    compared = 0
    for name, kind, key, macro in cases:
        vectors = sdk_vectors(name)[kind]
        if macro.endswith("phone"):
            vectors = [vector for vector in vectors if re.fullmatch("[+][1-9][0-9]{6,14}", vector["input"] or "")]
        found = results(compiled[macro], [vector["input"] for vector in vectors])
        expected = [vector[key]["ok"] if (vector["normalized"].get("ok") or "") != "" else None for vector in vectors]
        assert dict(enumerate(found)) == dict(enumerate(expected)), kind
        compared += len(vectors)
    assert compared > 180


# Version and digest of the results of each normaliser (test_a_changed_result_has_a_new_version).
VERSIONS = {
    "phone": (2, "68c4cd683bb5"), "name": (1, "6e310474b54c"),
    "email": (1, "851f092cfbd5"), "meta": (2, "0b2693fa83a3"), "google": (1, "696bf34fda58")
}  # fmt: skip
# Comments, quoted mailboxes, literal and numeric domains, and what is too long to be delivered.
NOT_TYPED_BY_PEOPLE = ("RFC5321", "RFC5322", "DEPREC", "CFWS_COMMENT")
SAMPLE = [
    " Anna.Smit+Shop@GMail.com\t", "a.b@example.org", "x@y", "MÜLLER", "O'Brien", "van der  Berg", "+31612345678",
    "0612345678", "St. Louis 10", "94035-1234", "DE", "ⅷ", "-", "Ann <ann@example.org>", "Łódź",
    "Dr. SMITH, JOHN", "de la cruz",
]  # fmt: skip


def digests(compiled: dict[str, str]) -> dict[str, str]:
    """One short digest per normaliser of what it makes of the sample."""
    phones, names = LOOKUPS / "cnf_lookups__phone_numbers.py", LOOKUPS / "cnf_lookups__names.py"
    parse_phone, parse_name = runpy.run_path(str(phones))["parse_phone"], runpy.run_path(str(names))["parse_name"]
    parts: dict[str, list[Any]] = {
        "phone": [parse_phone(f"NL|{text}") for text in SAMPLE],
        "name": [parse_name(kind, text) for kind in ("first_name", "last_name", "full_name") for text in SAMPLE],
        "email": [],
        "meta": [],
        "google": [],
    }
    for macro, sql in compiled.items():
        if macro == "versions":
            continue
        family = "email" if macro == "normalize_email" else "google" if macro.startswith("google") else "meta"
        parts[family].append((macro, results(sql, list(SAMPLE))))
    return {family: hashlib.sha256(json.dumps(part).encode()).hexdigest()[:12] for family, part in parts.items()}


def test_addresses_are_judged_as_isemail_does_or_as_decided(compiled: dict[str, str]) -> None:
    """We take what a person types, and refuse what the grammar of mail allows and no shop can use (decision 0036)."""
    if not (vectors := sdk_vectors("isemail.jsonl").get("email_syntax")):
        pytest.skip("skipped: needs ../shared/data/eval/normalise_vectors")
    found = results(compiled["normalize_email"], [vector["input"].replace("\0", " ") for vector in vectors])
    for vector, address in zip(vectors, found, strict=True):
        diagnosis = vector["diagnosis"].removeprefix("ISEMAIL_")
        bare = vector["input"].strip('\r\n "(.')
        if address is None:
            assert (
                not vector["valid"]
                or diagnosis.startswith(NOT_TYPED_BY_PEOPLE)
                or not re.search("@.*[.][a-z]{2,}$", vector["input"])  # no last label as people have it
            ), vector
        else:
            assert address == bare.lower(), vector
            assert vector["valid"] or bare == "test@iana.org", vector
    assert sum(address is not None for address in found) == 47


def test_a_changed_result_has_a_new_version(compiled: dict[str, str]) -> None:
    """Results of another digest need a higher version in normaliser_versions, so that they are sent again."""
    versions = json.loads(compiled["versions"].strip())
    found = digests(compiled)
    assert {name: (version, found[name]) for name, version in versions.items()} == VERSIONS
    assert digests({**compiled, "google_name": compiled["google_email"]})["google"] != found["google"]

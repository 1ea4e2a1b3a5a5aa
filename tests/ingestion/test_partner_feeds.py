"""Data of partners: refused without licence, purpose and expiry; records with a late expiry go to quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.errors import DeclarationError
from ingestion.registry import get_source, read_source
from tests.ingestion.landing_zone import Landing

LENT = {
    "partner_record_id": {"type": "varchar", "required": True, "from": "Customer No"},
    "email": {"type": "varchar", "pii": "direct", "from": "E-Mail"},
    "licence": {"type": "varchar", "value": "AC-2026-003"},
    "purpose": {"type": "varchar", "value": "advertising"},
    "expires_at": {"type": "timestamp", "value": "2027-06-30"},
}


def declaration(**columns: Any) -> dict[str, Any]:
    """A feed of customers under a licence; a column None is left out."""
    merged = {name: column for name, column in {**LENT, **columns}.items() if column is not None}
    entity = {"mode": "merge", "key": ["partner_record_id"], "columns": merged}
    return {
        "source": "acme",
        "title": "Customers of Acme",
        "loader": "files",
        "legal_basis": "licence",
        "entities": {"customers": entity},
    }


def declared(path: Path, content: dict[str, Any]) -> Path:
    """A declaration as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


def test_what_the_file_does_not_say_the_declaration_says_for_every_record(landing: Landing, tmp_path: Path) -> None:
    landing.source = read_source(declared(tmp_path / "acme.yml", declaration()))
    landing.write("acme/customers/2026/a.csv", "Customer No,E-Mail,Licence\n1,a@example.com,forged\n2,,\n")
    assert landing.land_one().landed == 2
    assert landing.rows(
        "select partner_record_id, email, licence, purpose, cast(expires_at as varchar), _extra"
        " from raw_acme.customers order by 1"
    ) == [
        ("1", "a@example.com", "AC-2026-003", "advertising", "2027-06-30 00:00:00", '{"licence":"forged"}'),
        ("2", None, "AC-2026-003", "advertising", "2027-06-30 00:00:00", None),
    ]


@pytest.mark.parametrize("column", ["licence", "purpose", "expires_at"])
@pytest.mark.parametrize("how", [None, "varchar"])
def test_a_feed_without_licence_purpose_or_expiry_is_refused(tmp_path: Path, column: str, how: str | None) -> None:
    path = declared(tmp_path / "acme.yml", declaration(**{column: how}))
    with pytest.raises(DeclarationError, match=f"has no {column} for each record"):
        read_source(path)


def test_a_value_is_one_of_its_type(tmp_path: Path) -> None:
    path = declared(tmp_path / "acme.yml", declaration(expires_at={"type": "timestamp", "value": "next year"}))
    with pytest.raises(DeclarationError, match="expires_at"):
        read_source(path)


def test_a_value_and_a_field_at_once_are_refused(tmp_path: Path) -> None:
    both = {"type": "varchar", "value": "x", "from": "Licence"}
    with pytest.raises(DeclarationError, match="either a `value`"):
        read_source(declared(tmp_path / "acme.yml", declaration(licence=both)))


def test_third_party_rows_expire_within_thirteen_months(landing: Landing) -> None:
    landing.source = get_source("third_party")
    landing.write(
        "third_party/audience_segments/a.csv",
        "cookie_id,segment_taxonomy,provider,consent_string,collected_at,expires_at\n"
        "c1,t,p,CP1,2026-01-31 00:00:00,2027-02-28 00:00:00\n"
        "c2,t,p,CP2,2026-01-31 00:00:00,2027-02-28 00:00:01\n"
        "c3,t,p,CP3,2026-01-31 00:00:00,\n"
        "c4,t,p,CP4,2026-01-31 00:00:00,never\n",
    )
    report = landing.land()
    assert (report.landed, report.quarantined) == (1, 3)
    assert landing.rows("select cookie_id, consent_string from raw_third_party.audience_segments") == [("c1", "CP1")]
    assert landing.quarantine() == [
        (2, "expires_at", "expiry", "expires_at: more than 13 months after collected_at"),
        (3, "expires_at", "required", "expires_at: is null or empty"),
        (4, "expires_at", "type", "expires_at: not a timestamp"),
    ]


@pytest.mark.parametrize(
    ("expires", "why"),
    [
        ({"column": "until", "after": "collected_at", "months": 13}, "names 'until'"),
        ({"after": "partner_record_id", "months": 13}, "names 'partner_record_id'"),
        ({"after": "expires_at", "months": 0}, "months"),
    ],
)
def test_an_expiry_that_names_no_moment_is_refused(tmp_path: Path, expires: dict[str, Any], why: str) -> None:
    content = declaration()
    content["entities"]["customers"]["expires"] = expires
    with pytest.raises(DeclarationError, match=why):
        read_source(declared(tmp_path / "acme.yml", content))

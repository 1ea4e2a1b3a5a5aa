"""Further feeds of second and third parties: a user declares them, and their rows join those of the first."""

from __future__ import annotations

import yaml

from tests.warehouse.workbench import Workbench

ACME = {
    "source": "partner_acme",
    "title": "Customers shared by Acme",
    "loader": "files",
    "legal_basis": "licence",
    "entities": {
        "customers": {
            "mode": "merge",
            "key": ["partner_record_id"],
            "columns": {
                "partner_record_id": {"type": "bigint", "required": True, "from": "Customer No"},
                "email": {"type": "varchar", "pii": "direct", "from": "E-Mail"},
                "phone": {"type": "varchar", "pii": "direct"},
                "country": {"type": "varchar", "value": "NL"},
                "licence": {"type": "varchar", "value": "NK-2025-014"},
                "purpose": {"type": "varchar", "value": "Advertising"},
                "expires_at": {"type": "date", "value": "2027-06-30"},
            },
        }
    },
}
SEGMENTS = {
    "source": "third_party_dmp",
    "title": "Segments by device",
    "loader": "files",
    "legal_basis": "consent",
    "entities": {
        "audience_segments": {
            "mode": "append",
            "expires": {"after": "collected_at", "months": 13},
            "columns": {
                "cookie_id": {"type": "varchar", "required": True, "from": "maid"},
                "id_type": {"type": "varchar", "value": "GAID"},
                "provider": {"type": "varchar", "value": "dmp"},
                "segment_taxonomy": {"type": "varchar", "required": True, "from": "segment"},
                "collected_at": {"type": "timestamp", "required": True},
                "expires_at": {"type": "timestamp", "required": True},
            },
        }
    },
}


def test_feeds_of_ones_own_reach_the_staging_of_the_first(workbench: Workbench) -> None:
    sources = workbench.home.path / "sources"
    sources.mkdir(exist_ok=True)
    landing = workbench.home.landing
    files = {
        "partner/customers/a.csv": "partner_record_id,email,licence,purpose,shared_at,expires_at\n"
        "1,first@example.com,NK-2025-022,personalisation,2026-01-01,2027-01-01\n",
        "partner_acme/customers/a.csv": "Customer No,E-Mail,phone\n1, Acme@Example.com,06 12345678\n",
        "third_party_dmp/audience_segments/a.csv": "maid,segment,collected_at,expires_at\n"
        "d1,IAB-1,2026-01-01,2026-12-31\nd2,IAB-1,2026-01-01,2028-01-01\n",
    }
    try:
        for declaration in (ACME, SEGMENTS):
            (sources / f"{declaration['source']}.yml").write_text(yaml.safe_dump(declaration))
        for name, content in files.items():
            (landing / name).parent.mkdir(parents=True, exist_ok=True)
            (landing / name).write_text(content)
        assert workbench.land().quarantined == 1
        workbench.build("+stg_partner__customers", "+stg_third_party__audience_segments")
    finally:
        for path in sources.iterdir():
            path.unlink()
    assert workbench.query(
        "select partner_record_id, email, phone, licence, purpose, cast(expires_at as varchar), is_current"
        " from staging.stg_partner__customers order by 1"
    ) == [
        ("1", "first@example.com", None, "NK-2025-022", "personalisation", "2027-01-01 00:00:00", True),
        ("acme:1", "acme@example.com", "NL|06 12345678", "NK-2025-014", "advertising", "2027-06-30 00:00:00", True),
    ]
    assert workbench.query(
        "select cookie_id, id_type, provider, taxonomy_id from staging.stg_third_party__audience_segments"
    ) == [("d1", "gaid", "dmp", "IAB-1")]

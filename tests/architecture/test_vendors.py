"""Only staging, conformed models and exports name a vendor in SQL: a concept model reads vars.concept_sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ingestion.registry import SHIPPED_SOURCES

# Names that are also common words; they count only in a model's name.
WORDS = {"segment", "partner", "third_party"}
PLACES = ("models/staging/", "models/conformed/")
# Files that still name a vendor, and why. Take a file out once it does not; add none.
EXCEPTIONS = {
    "macros/normalisation/normalize_salesforce_id.sql": "only staging models of Salesforce call it",
}


def vendors() -> set[str]:
    """Names of the shipped sources, as ingestion declares them."""
    return {path.parent.name for path in SHIPPED_SOURCES.glob("*/source.yml")}


def files_that_name_vendors(files: Iterable[tuple[str, str]], names: set[str]) -> list[str]:
    """Paths among (path below dbt_project, SQL) that name a vendor where that is not allowed; comments do not count.

    An export names its own destination.
    """
    found = []
    for path, text in files:
        allowed = re.match(r"models/exports/(\w+)/", path)
        patterns = [
            rf"(stg|base|cnf)_{name}__" if name in WORDS else re.escape(name)
            for name in sorted(names)
            if not (allowed and name.startswith(allowed[1]))
        ]
        sql = re.sub(r"\{#.*?#\}|--[^\n]*", "", text, flags=re.DOTALL)
        if not path.startswith(PLACES) and re.search("|".join(patterns), sql, re.IGNORECASE):
            found.append(path)
    return sorted(found)


def test_only_staging_conformed_and_exports_name_a_vendor(root: Path) -> None:
    project = root / "dbt_project"
    files = [(str(path.relative_to(project)), path.read_text()) for path in project.rglob("*.sql")]
    named = files_that_name_vendors(files, vendors())
    assert len(vendors()) >= 14
    assert len(files) > 200
    assert [path for path in named if path not in EXCEPTIONS] == []
    assert [path for path in EXCEPTIONS if path not in named] == [], "an exception is no longer needed"


def test_a_vendor_in_a_concept_model_is_seen() -> None:
    files = [
        ("models/staging/shopify/stg_shopify__orders.sql", "select shopify_customer_id from orders"),
        ("models/conformed/shopify/cnf_shopify__orders.sql", "select 'shopify_customer_id' as identifier_type"),
        ("models/exports/hubspot/exp_hubspot__values.sql", "where identifier_type = 'hubspot_contact_id'"),
        ("models/exports/webhook/exp_webhook__values.sql", "where identifier_type = 'hubspot_contact_id'"),
        ("models/intermediate/commerce/int_commerce__orders.sql", "where source = 'Shopify'"),
        ("models/intermediate/events/int_events__events.sql", "select * from {{ ref('stg_segment__tracks') }}"),
        ("models/marts/core/fct_events.sql", "{# HubSpot's #} select segment, partner -- as in Shopify"),
        ("macros/privacy/find_ids.sql", "in ('user_id', 'klaviyo_person_id')"),
    ]
    assert files_that_name_vendors(files, vendors()) == [
        "macros/privacy/find_ids.sql",
        "models/exports/webhook/exp_webhook__values.sql",
        "models/intermediate/commerce/int_commerce__orders.sql",
        "models/intermediate/events/int_events__events.sql",
    ]

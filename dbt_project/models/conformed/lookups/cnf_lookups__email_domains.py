"""Internationalised mail domains in one form. Keep out: whose address it is (the models that join this)."""

from __future__ import annotations

import pyarrow as pa

from identity.domains import readable_domain

SCHEMA = pa.schema([("domain_text", pa.string()), ("email_domain", pa.string())])


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="table")
    values = (
        dbt.ref("cnf_lookups__unparsed_values").filter("value_type = 'email_domain'").select("value").order("value")
    )
    domains = [(domain, readable_domain(domain)) for (domain,) in values.fetchall()]
    changed = [(domain, readable) for domain, readable in domains if domain != readable]
    return pa.table(
        {"domain_text": [domain for domain, _ in changed], "email_domain": [readable for _, readable in changed]},
        schema=SCHEMA,
    )

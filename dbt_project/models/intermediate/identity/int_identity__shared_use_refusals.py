"""The edges of shared identifiers that evidence speaks against, with the reason. Keep out: the evidence
(int_identity__shared_use_evidence), the judgement (identity/shared_use.py)."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema([("identifier_no", pa.int64()), ("namer_no", pa.int64()), ("reason", pa.string())])


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="table")
    from identity.shared_use import refused

    evidence = dbt.ref("int_identity__shared_use_evidence")
    contested = evidence.select("identifier_no").distinct()
    namers = dbt.ref("int_identity__shared_use").join(contested, "identifier_no")
    nicknames = dbt.ref("nicknames").select("nickname, given_name").fetchall()
    rows = refused(namers.to_arrow_table().to_pylist(), evidence.to_arrow_table().to_pylist(), nicknames)
    columns = list(zip(*rows, strict=True)) if rows else [[], [], []]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)

"""The households of customers: whoever a shared phone or address connects. Keep out: what connects them
(int_identity__household_evidence), how components are found (identity/components.py)."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema([("customer_no", pa.int64()), ("household_no", pa.int64())])


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="table")
    import numpy as np

    from identity.components import connected_components

    most_customers = dbt.config.get("most_customers")
    evidence = dbt.ref("int_identity__household_evidence")
    first = "min(customer_no) over (partition by kind, shared_key) as first_no"
    edges = evidence.select(f"customer_no, {first}").fetchnumpy()
    members, firsts = np.asarray(edges["customer_no"], np.int64), np.asarray(edges["first_no"], np.int64)
    numbers = np.unique(members)
    labels = connected_components(firsts, members, int(numbers.max(initial=0)) + 1)[numbers]
    households, sizes = np.unique(labels, return_counts=True)
    is_kept = np.isin(labels, households[sizes <= most_customers])
    return pa.table({"customer_no": numbers[is_kept], "household_no": labels[is_kept]}, schema=SCHEMA)

"""Trained models of person records; the last one is in use. A model is trained once and kept, so that an incremental
run and a full run give the same result. Keep out: the training (identity/model.py) and the scoring
(int_identity__person_pairs)."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("model_no", pa.int64()),
        ("model_version", pa.string()),
        ("signature", pa.string()),
        ("columns", pa.string()),
        ("model", pa.string()),
        ("record_count", pa.int64()),
        ("trained_at", pa.timestamp("us")),
    ]
)
COLUMNS = ("birth_date", "city", "company_name", "email", "phone", "postal_code", "street")


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(
        materialized="incremental",
        incremental_strategy="append",
        full_refresh=False,
        on_schema_change="fail",
        meta={"clock": []},
    )
    if not dbt.config.get("is_on"):
        return SCHEMA.empty_table()

    from identity.groups import Fixed
    from identity.kept_scores import learn, signature
    from identity.model import TRAINED_FROM

    persons = dbt.ref("int_identity__persons").filter("is_living")
    nicknames = dbt.ref("nicknames")
    exact = dbt.ref("int_identity__judged_evidence")
    counts = persons.aggregate(f"count(*), {', '.join(f'count({column})' for column in COLUMNS)}").fetchall()[0]
    filled = [column for column, count in zip(COLUMNS, counts[1:], strict=True) if count]
    if counts[0] < TRAINED_FROM:
        return SCHEMA.empty_table()
    last = None
    if dbt.is_incremental:
        last = session.table(str(dbt.this)).order("model_no desc").limit(1).to_arrow_table().to_pylist()
    number = 1 + (last[0]["model_no"] if last else 0)
    is_fit = (
        last
        and last[0]["signature"] == signature()
        and set(filled) <= set(last[0]["columns"].split(","))
        and counts[0] < 2 * last[0]["record_count"]
    )
    if is_fit and not dbt.config.get("is_retrained"):
        return SCHEMA.empty_table()
    joined = exact.filter("refusal_reason is null").select("identifier_no_a, identifier_no_b").distinct().fetchnumpy()
    nobody = joined["identifier_no_a"][:0]
    made = learn(
        persons.select(
            "identifier_no as person_no, cast(identifier_no as varchar) as record_id, identifier_type as source,"
            " first_name, last_name, full_name, email, phone, birth_date, company_name as company,"
            " street, city, region, postal_code, country_code as country"
        ).to_arrow_table(),
        nicknames.select("nickname, given_name").fetchall(),
        Fixed(joined["identifier_no_a"], joined["identifier_no_b"], nobody, nobody),
    )
    row = [number, made.version, signature(), ",".join(filled), made.to_json(), counts[0]]
    columns = [[value] for value in [*row, datetime.now(UTC).replace(tzinfo=None)]]
    return pa.table([pa.array(*one) for one in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)

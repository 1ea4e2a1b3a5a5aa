"""Pairs of person records that a model has scored, with the verdict of the guarded clustering. Only pairs of changed
records are scored; the table is rewritten from kept and new scores. Keep out: the scoring (identity/kept_scores.py) and
the use of verdicts (int_identity__judged_links, int_identity__review_queue)."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("identifier_no_a", pa.int64()),
        ("identifier_no_b", pa.int64()),
        ("match_weight", pa.float64()),
        ("match_probability", pa.float64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("model_version", pa.string()),
        ("basis", pa.string()),
        ("persons_revision_no", pa.int64()),
    ]
)


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="incremental", incremental_strategy="replace_all", on_schema_change="fail")
    if not dbt.config.get("is_on"):
        return SCHEMA.empty_table()

    import numpy as np

    from identity.groups import Fixed
    from identity.kept_scores import Kept, Thresholds, judge, opened
    from identity.model import TRAINED_FROM, Model

    persons = dbt.ref("int_identity__persons")
    models = dbt.ref("int_identity__person_models")
    nicknames = dbt.ref("nicknames")
    exact = dbt.ref("int_identity__judged_evidence")
    exclusions = dbt.ref("int_identity__exclusions")
    revision = persons.aggregate("coalesce(max(revision_no), 0)").fetchall()[0][0]
    kept = None
    if dbt.is_incremental:
        known = session.table(str(dbt.this))
        last = known.aggregate("min(basis), max(persons_revision_no)").fetchall()[0]
        if last[0] is not None and last[1] <= revision:
            kept = Kept(
                pairs=known.select(
                    "identifier_no_a as person_no_a, identifier_no_b as person_no_b, match_weight as weight, verdict"
                ).to_arrow_table(),
                basis=last[0],
                changed=persons.filter(f"is_living and revision_no > {last[1]}")
                .select("identifier_no")
                .fetchnumpy()["identifier_no"],
            )
    living = persons.filter("is_living").select(
        "identifier_no as person_no, cast(identifier_no as varchar) as record_id, identifier_type as source,"
        " first_name, last_name, full_name, email, phone, birth_date, company_name as company,"
        " street, city, region, postal_code, country_code as country,"
        " case when is_exclusive then cast(dense_rank() over (order by identifier_type) as bigint) end as exclusive_no"
    )
    living = living.to_arrow_table()
    trained = models.order("model_no desc").limit(1).select("model").fetchall()
    joined = exact.filter("refusal_reason is null").select("identifier_no_a, identifier_no_b").distinct().fetchnumpy()
    apart = exclusions.select("identifier_no_a, identifier_no_b").fetchnumpy()
    names = nicknames.select("nickname, given_name").fetchall()
    with opened(living, names) as connection:
        judged = judge(
            connection,
            living,
            Model.from_json(trained[0][0]) if trained and living.num_rows >= TRAINED_FROM else None,
            nicknames=names,
            fixed=Fixed(
                joined["identifier_no_a"], joined["identifier_no_b"], apart["identifier_no_a"], apart["identifier_no_b"]
            ),
            thresholds=Thresholds.of_percent(dbt.config.get("match_percent"), dbt.config.get("review_percent")),
            kept=kept,
        )
    rows = judged.pairs.num_rows
    return pa.table(
        {
            "identifier_no_a": judged.pairs["person_no_a"],
            "identifier_no_b": judged.pairs["person_no_b"],
            "match_weight": judged.pairs["weight"],
            "match_probability": 1 / (1 + np.exp2(-judged.pairs["weight_of_groups"].to_numpy())),
            "verdict": judged.pairs["verdict"],
            "reason": judged.pairs["reason"],
            "model_version": [judged.model.version] * rows,
            "basis": [judged.basis] * rows,
            "persons_revision_no": [revision] * rows,
        },
        schema=SCHEMA,
    )

"""The stages of a run, the command line and the Dagster definitions. Only `orchestration/defs` imports Dagster.

Add here: when something runs, in which order, and what happens when it fails. Keep out: what a row means (dbt), how a
file lands (ingestion), how a record is sent (exports).
"""

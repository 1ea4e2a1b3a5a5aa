"""The corridor: opens the doors of the house in order and owns no furniture. The only place that imports Dagster.

Add here: when something runs, in which order, and what happens when it fails. Keep out: what a row means (dbt), how a
file is landed (ingestion), how a record is sent (exports).
"""

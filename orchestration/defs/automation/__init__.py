"""When things run: a job per room, one for the whole main job, and the schedules that exports declare.

Add here: a job over a group, a schedule read from a declaration. Keep out: assets, schedules for a thing by its name.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from exports.spec import ExportSpec
from orchestration.defs import exports as deliveries
from orchestration.defs import ingestion, quality

_DBT_GROUPS = ("seeds", "staging", "conformed", "intermediate", "marts", "segments", "exports")


def build_defs(exports: Mapping[str, ExportSpec]) -> dg.Definitions:
    """Jobs and schedules; every schedule is off until somebody switches it on."""
    landing = dg.AssetSelection.groups(ingestion.GROUP)
    building = dg.AssetSelection.groups(*_DBT_GROUPS)
    auditing = dg.AssetSelection.groups(quality.GROUP)
    delivering = dg.AssetSelection.groups(deliveries.GROUP)
    main_job = dg.define_asset_job(
        "main_job", dg.AssetSelection.all(), description="Ingest, build, check, publish, export"
    )
    jobs = [
        dg.define_asset_job("ingestion_job", landing, description="Land what is new of every source"),
        dg.define_asset_job("transform_job", building, description="Build and test every model"),
        dg.define_asset_job("quality_job", auditing, description="Audit what was built, and publish it"),
        dg.define_asset_job("exports_job", delivering, description="Deliver every export"),
        main_job,
    ]
    schedules = [
        dg.ScheduleDefinition(
            name="main_daily_schedule", job=main_job, cron_schedule="0 5 * * *", execution_timezone="UTC"
        )
    ]
    schedules += [
        dg.ScheduleDefinition(
            name=f"{spec.name}_schedule",
            target=dg.AssetSelection.assets(deliveries.delivery_key(spec)),
            cron_schedule=spec.schedule,
            execution_timezone="UTC",
        )
        for spec in exports.values()
        if spec.schedule
    ]
    return dg.Definitions(jobs=jobs, schedules=schedules)

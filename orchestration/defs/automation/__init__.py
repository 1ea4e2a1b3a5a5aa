"""Jobs and schedules: a job per stage, one for the whole main job, and the schedules that exports declare.

Add here: a job for a group, a schedule read from a declaration. Keep out: assets, schedules of an asset by name.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from exports.spec import ExportSpec
from orchestration.defs import exports as deliveries
from orchestration.defs import ingestion, quality

_DBT_GROUPS = ("seeds", "staging", "conformed", "intermediate", "marts", "segments", "exports")


def build_defs(exports: Mapping[str, ExportSpec]) -> dg.Definitions:
    """Jobs and schedules. Schedules are off until a user switches them on.

    The job of a sync lands, builds, checks and publishes before it delivers, so that it sends current data. Runs wait
    for each other (dagster.yaml), so two schedules never write the warehouse at the same time.
    """
    landing = dg.AssetSelection.groups(ingestion.GROUP)
    building = dg.AssetSelection.groups(*_DBT_GROUPS)
    auditing = dg.AssetSelection.groups(quality.GROUP)
    delivering = dg.AssetSelection.groups(deliveries.GROUP)
    main_job = dg.define_asset_job(
        "main_job", dg.AssetSelection.all(), description="Ingest, build, check, publish, export"
    )
    preparing = dg.AssetSelection.all() - delivering
    sync_jobs = {
        spec.name: dg.define_asset_job(
            f"{spec.name}_job",
            preparing | dg.AssetSelection.assets(deliveries.delivery_key(spec)),
            description=f"Ingest, build, check, publish, and deliver {spec.name}",
        )
        for spec in exports.values()
    }
    jobs = [
        dg.define_asset_job("ingestion_job", landing, description="Land the new records of every source"),
        dg.define_asset_job("transform_job", building, description="Build and test every model"),
        dg.define_asset_job("quality_job", auditing, description="Audit the build and publish it"),
        dg.define_asset_job("exports_job", delivering, description="Deliver every export"),
        main_job,
        *sync_jobs.values(),
    ]
    schedules = [
        dg.ScheduleDefinition(
            name="main_daily_schedule", job=main_job, cron_schedule="0 5 * * *", execution_timezone="UTC"
        )
    ]
    schedules += [
        dg.ScheduleDefinition(
            name=f"{spec.name}_schedule",
            job=sync_jobs[spec.name],
            cron_schedule=spec.schedule,
            execution_timezone="UTC",
        )
        for spec in exports.values()
        if spec.schedule
    ]
    return dg.Definitions(jobs=jobs, schedules=schedules)

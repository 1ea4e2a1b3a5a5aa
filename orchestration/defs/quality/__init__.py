"""The audit and the publication in Dagster: readers and destinations get a build only through these.

Add here: another step between a build and its readers. Keep out: rules (publication/expectations.yml).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration import stages
from orchestration.defs.resources import PATIENCE, WAREHOUSE_POOL, HomeResource, reported
from publication import publishing, quality
from runtime.errors import PublicationRefusedError
from runtime.locking import held

GROUP = "quality"
AUDIT = dg.AssetKey(["quality", "audit"])
SERVING = dg.AssetKey(["quality", "serving"])


def build_defs(manifest: Mapping[str, Any]) -> dg.Definitions:
    """The audit of all published tables, and the publication after it."""
    published = [
        dg.AssetKey([relation.schema, relation.name]) for relation in publishing.published_relations(dict(manifest))
    ]

    @dg.asset(
        key=AUDIT,
        deps=published,
        group_name=GROUP,
        kinds={"great_expectations"},
        pool=WAREHOUSE_POOL,
        retry_policy=PATIENCE,
        description="All declared rules, run on the warehouse",
    )
    def audit(home: HomeResource) -> dg.MaterializeResult[None]:
        with reported():
            place = home.opened()
            with held(place, "check"):
                report = quality.check(place)
            try:
                stages.fail_unless_checked(place, report)
            except PublicationRefusedError as error:
                raise dg.Failure(error.message, allow_retries=False) from error
            return dg.MaterializeResult(
                metadata={
                    "build_id": report.build_id,
                    "rules": len(report.results),
                    "report": dg.MetadataValue.path(str(place.quality_report)),
                }
            )

    @dg.asset(
        key=SERVING,
        deps=[AUDIT],
        group_name=GROUP,
        kinds={"duckdb"},
        pool=WAREHOUSE_POOL,
        retry_policy=PATIENCE,
        description="The file that readers open, replaced by a build that passed its audit",
    )
    def serving(home: HomeResource) -> dg.MaterializeResult[None]:
        with reported():
            place = home.opened()
            with held(place, "publish"):
                try:
                    report = publishing.publish(place)
                except PublicationRefusedError as error:
                    raise dg.Failure(error.message, allow_retries=False) from error
            return dg.MaterializeResult(
                metadata={
                    "build_id": report.build_id,
                    "tables": len(report.row_counts),
                    "dagster/row_count": sum(report.row_counts.values()),
                    "path": dg.MetadataValue.path(report.path),
                }
            )

    return dg.Definitions(assets=[audit, serving])

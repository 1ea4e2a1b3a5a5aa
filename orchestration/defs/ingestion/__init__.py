"""Ingestion in Dagster: one op per source, one asset `[raw, source, entity]` per entity, from the registry.

Add here: what Dagster should know about a landing. Keep out: sources by name, how a file lands (ingestion/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import dagster as dg

from ingestion.spec import SourceSpec
from orchestration import stages
from orchestration.defs.resources import PATIENCE, WAREHOUSE_POOL, HomeResource, reported
from runtime.locking import held

GROUP = "ingestion"
# A source that was not read for this long is stale, even if it has no new data. dbt cannot detect that.
_STALE_AFTER = timedelta(hours=36)


def build_defs(sources: Mapping[str, SourceSpec]) -> dg.Definitions:
    """The raw assets of all declared sources."""
    return dg.Definitions(assets=[_source_assets(source) for source in sources.values()])


def raw_key(source: str, entity: str) -> dg.AssetKey:
    """The key of a raw table, to which dbt's sources map."""
    return dg.AssetKey(["raw", source, entity])


def _source_assets(source: SourceSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"land_{source.source}",
        specs=[
            dg.AssetSpec(
                raw_key(source.source, entity),
                group_name=GROUP,
                description=f"{source.title}: {entity}, as it arrived",
                kinds={source.loader, "duckdb"},
                freshness_policy=dg.FreshnessPolicy.time_window(fail_window=_STALE_AFTER),
            )
            for entity in source.entities
        ],
        pool=WAREHOUSE_POOL,
        retry_policy=PATIENCE,
    )
    def land(home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
        with reported():
            place = home.opened()
            with held(place, f"land {source.source}"):
                report = stages.ingest(place, [source.source])
            for entity in report.landing.entities:
                yield dg.MaterializeResult(
                    asset_key=raw_key(entity.source, entity.entity),
                    metadata={
                        "load_id": report.landing.load_id,
                        "status": entity.status,
                        "extracted": entity.extracted,
                        "landed": entity.landed,
                        "quarantined": entity.quarantined,
                        "unchanged": entity.unchanged,
                    },
                )
            stages.fail_unless_landed(report)

    return land

"""dbt in Dagster: nodes are assets `[schema, model]`, tests are checks, sources are the raw assets.

Add here: what Dagster should know about a model, from the model's meta. Keep out: models by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from orchestration import stages
from orchestration.defs.ingestion import raw_key
from orchestration.defs.resources import PATIENCE, WAREHOUSE_POOL, HomeResource, environment_of, reported
from runtime import building
from runtime.locking import held
from runtime.project import project_of


class LayerTranslator(DagsterDbtTranslator):
    """Keys and groups by layer; sources as the raw assets that ingestion lands."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`[raw, source, entity]` for a source, `[schema, name]` for anything that dbt builds."""
        if dbt_resource_props["resource_type"] == "source":
            source = dbt_resource_props["schema"].removeprefix("raw_")
            if source == "quarantine":  # every landing writes it, and all run before dbt
                return raw_key("consent_banner", "decisions")
            return raw_key(source, dbt_resource_props.get("identifier") or dbt_resource_props["name"])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer: the first folder under models, or the kind of the node."""
        if dbt_resource_props["resource_type"] == "model":
            return str(dbt_resource_props["fqn"][1])
        return f"{dbt_resource_props['resource_type']}s"


def build_defs(manifest: Mapping[str, Any]) -> dg.Definitions:
    """The assets of the dbt project, by its manifest."""

    @dbt_assets(
        manifest=manifest,
        name="dbt",
        dagster_dbt_translator=LayerTranslator(),
        pool=WAREHOUSE_POOL,
        retry_policy=PATIENCE,
    )
    def dbt_project(context, home: HomeResource, dbt: DbtCliResource) -> Iterator[Any]:  # type: ignore[no-untyped-def]
        # `context` has no annotation: Dagster rejects postponed annotations, and all are postponed here.
        with reported():
            place = home.opened()
            with held(place, "build"), environment_of(place):
                landed = stages.prepare_build(place)
                project_of(place)  # as the additions and their variables are now
                selection = [key.to_user_string() for key in context.selected_asset_keys] if context.is_subset else []
                record = building.BuildRecord.begin(place, selection, consent_landings=landed)
                invocation = dbt.cli(
                    ["build", "--exclude-resource-type", "unit_test"], context=context, raise_on_error=False
                )
                yield from invocation.stream()
                report = record.end(building.results_in(invocation.get_artifact("run_results.json"), manifest))
            if not report.succeeded:
                names = ", ".join(failure.name for failure in report.failures[:5])
                raise dg.Failure(f"The build failed in {len(report.failures)} places: {names}", allow_retries=False)

    return dg.Definitions(assets=[dbt_project])

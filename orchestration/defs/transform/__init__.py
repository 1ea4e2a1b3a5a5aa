"""dbt in Dagster: nodes are assets `[schema, model]`, tests are checks, sources are the raw assets.

Add here: what Dagster should know about a model, from the model's meta. Keep out: models by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from orchestration import stages
from orchestration.defs.ingestion import raw_key
from orchestration.defs.resources import PATIENCE, WAREHOUSE_POOL, HomeResource, environment_of, reported
from publication.arrivals import published_until
from runtime import building
from runtime.changes import Changes, Plan
from runtime.home import Home
from runtime.locking import held
from runtime.project import project_of

_LONGEST_ARGUMENT = 100_000  # characters; Linux allows 131,072. Where a list of names is longer, everything runs


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
            tested = replace(place, published_until=published_until(place))
            with held(place, "build"), environment_of(tested):
                landed = stages.prepare_build(place)
                project_of(place)  # as the additions and their variables are now
                selection = [key.to_user_string() for key in context.selected_asset_keys] if context.is_subset else []
                record = building.BuildRecord.begin(place, selection, consent_landings=landed)
                changes, plan = _changes(place, record.unfinished.moment, everything=bool(selection))
                for key in _unchanged_assets(changes, plan):
                    yield dg.MaterializeResult(asset_key=key, metadata={"unchanged": True})
                if plan is not None and not plan.running:
                    record.end_unchanged(plan, changes)
                    return
                arguments = ["build", "--exclude-resource-type", "unit_test", *_excluded(changes, plan)]
                invocation = dbt.cli(arguments, context=context, raise_on_error=False)
                yield from invocation.stream()
                parsed = invocation.get_artifact("manifest.json")  # what dbt ran, if a file has changed since
                results = building.results_in(invocation.get_artifact("run_results.json"), parsed)
                report = record.end(results, plan, replace(changes, manifest=parsed))
            if not report.succeeded:
                names = ", ".join(failure.name for failure in report.failures[:5])
                raise dg.Failure(f"The build failed in {len(report.failures)} places: {names}", allow_retries=False)

    return dg.Definitions(assets=[dbt_project])


def _changes(home: Home, moment: str, *, everything: bool) -> tuple[Changes, Plan | None]:
    """The state before a build, and what it must run; no plan where all that was chosen runs."""
    is_known = building.is_current(home)
    changes = building.read_changes(home, moment)
    if everything or not is_known or not changes.is_possible:
        return changes, None
    plan = changes.plan()
    return changes, plan if len(" ".join(_excluded(changes, plan))) < _LONGEST_ARGUMENT else None


def _excluded(changes: Changes, plan: Plan | None) -> list[str]:
    """dbt's options that leave out what has not changed: dagster-dbt adds a selection, so only --exclude narrows it."""
    names = [f"fqn:{'.'.join(changes.nodes[key]['fqn'])}" for key in plan.unchanged] if plan else []
    return ["--exclude", " ".join(names)] if names else []


def _unchanged_assets(changes: Changes, plan: Plan | None) -> list[dg.AssetKey]:
    """Dagster skips what depends on an asset without a materialization, so that each unchanged asset gets one. They are
    ordered parents first, and none is built from a node that runs."""
    translator = LayerTranslator()
    unchanged = [changes.nodes[key] for key in plan.unchanged] if plan else []
    return [translator.get_asset_key(node) for node in unchanged if node["resource_type"] != "test"]

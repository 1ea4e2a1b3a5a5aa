"""Exports in Dagster: one asset `[exports, destination, payload]` per declared export, from the manifest.

Add here: what Dagster should know about a delivery. Keep out: exports by name, how a record is sent (exports/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dagster as dg

from exports.errors import TransientError
from exports.spec import ExportSpec
from orchestration import stages
from orchestration.defs.quality import SERVING
from orchestration.defs.resources import PATIENCE, HomeResource, reported
from runtime.errors import LockedError, MerganserError
from runtime.locking import held

GROUP = "activation"
_LEDGER_POOL = "ledger"
_CHECK = "delivered_as_planned"


def build_defs(exports: Mapping[str, ExportSpec]) -> dg.Definitions:
    """The deliveries of all declared exports."""
    return dg.Definitions(assets=[_delivery(spec) for spec in exports.values()])


def delivery_key(spec: ExportSpec) -> dg.AssetKey:
    """`exp_meta__lapsed_buyers` is delivered as `[exports, meta, lapsed_buyers]`."""
    destination, payload = spec.name.removeprefix("exp_").split("__", 1)
    return dg.AssetKey(["exports", destination, payload])


def _delivery(spec: ExportSpec) -> dg.AssetsDefinition:
    key = delivery_key(spec)

    @dg.asset(
        key=key,
        deps=[SERVING, dg.AssetKey([spec.relation_schema, spec.relation_name])],
        group_name=GROUP,
        kinds={spec.destination},
        tags={"purpose": spec.purpose, "channel": spec.channel},
        description=f"{spec.description} Delivered to {spec.destination}.",
        check_specs=[dg.AssetCheckSpec(_CHECK, asset=key, description="Every planned record got an answer")],
        pool=_LEDGER_POOL,
        retry_policy=PATIENCE,
    )
    def deliver(home: HomeResource) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with reported():
            place = home.opened()
            try:
                with held(place, f"deliver {spec.name}"):
                    plan = stages.plan_export(place, spec.name)
                    receipt = stages.deliver_export(place, spec.name, variables=home.variables())
            except LockedError:
                raise
            except MerganserError as error:
                # A guard, a stale file or a missing setting needs a person: a retry only delays the alarm.
                waits = isinstance(error.__cause__, TransientError)
                raise dg.Failure(error.message, allow_retries=waits) from error
            answered = receipt.delivered + sum(receipt.rejected.values()) + sum(receipt.deferred.values())
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "status": receipt.status,
                    "added": receipt.adds,
                    "updated": receipt.updates,
                    "removed": receipt.removes,
                    "unchanged": receipt.unchanged,
                    "withheld": dict(receipt.withheld),
                    "rejected": dict(receipt.rejected),
                },
            )
            yield dg.AssetCheckResult(
                check_name=_CHECK,
                asset_key=key,
                passed=answered == plan.operations,
                metadata={"planned": plan.operations, "answered": answered},
            )

    return deliver

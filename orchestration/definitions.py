"""Assembles Dagster's definitions: each package's factory reads the package's own registry.

Add here: a factory. Keep out: assets, jobs, settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.defs import automation, exports, ingestion, quality, transform
from orchestration.defs.resources import HomeResource, dbt_command_line
from orchestration.stages import known_exports, known_sources
from runtime.building import load_manifest


def build_defs(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All definitions; `overrides` replace resources by name (`home`, `dbt`)."""
    given = overrides or {}
    home = given.get("home", HomeResource()).opened()
    resources = {"home": HomeResource(), "dbt": dbt_command_line(home), **given}
    manifest, declared = load_manifest(home), known_exports(home)
    return dg.Definitions.merge(
        ingestion.build_defs(known_sources(home)),
        transform.build_defs(manifest),
        quality.build_defs(manifest),
        exports.build_defs(declared),
        automation.build_defs(declared),
        dg.Definitions(resources=resources),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The entry point of `dagster dev`."""
    return build_defs()

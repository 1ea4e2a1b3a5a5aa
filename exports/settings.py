"""Where the export room finds its files, and the environment its destinations are configured from.

Add here when: a path or a variable is read by more than one module. Keep out: values of secrets in any message or
repr.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Paths under one MERGANSER_HOME, and the environment as it was when the run started."""

    home: Path
    serving_path: Path
    ledger_path: Path
    exports_dir: Path
    manifest_path: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_home(cls, home: Path | str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
        """Settings for a home.

        `home`: the directory, or None for MERGANSER_HOME (default ./.merganser). `environment`: variables to read
        instead of the process's own. The manifest is looked for under DBT_TARGET_PATH, else under the home.
        """
        variables = dict(os.environ if environment is None else environment)
        root = Path(home if home is not None else variables.get("MERGANSER_HOME") or ".merganser").absolute()
        target = Path(variables.get("DBT_TARGET_PATH") or root / "dbt" / "target")
        return cls(
            home=root,
            serving_path=root / "serving.duckdb",
            ledger_path=root / "ledger" / "ledger.duckdb",
            exports_dir=root / "exports",
            manifest_path=target / "manifest.json",
            environment=variables,
        )

    def with_environment(self, **variables: str) -> Settings:
        """The same settings with some variables set: how the demo points the webhook at its own loopback receiver."""
        return replace(self, environment={**self.environment, **variables})

    def variable(self, name: str) -> str | None:
        """A variable's value, or None where it is unset or empty."""
        return self.environment.get(name) or None

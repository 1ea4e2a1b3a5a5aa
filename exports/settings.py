"""The paths of deliveries in a home, and the environment that configures destinations.

Add here when: a path or a variable is read by more than one module. Keep out: values of secrets in any message or
repr.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exports.errors import InvalidSettingError

MAX_AGE_VARIABLE = "MERGANSER_SERVING_MAX_AGE_HOURS"
DEFAULT_MAX_AGE_HOURS = 36.0  # a daily build may be half a day late
LONGEST_MAX_AGE_HOURS = 8784.0
AS_OF_VARIABLE = "MERGANSER_AS_OF"


@dataclass(frozen=True)
class Settings:
    """Paths under one MERGANSER_HOME, and the environment at the start of the run."""

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

    @property
    def consent_landings_path(self) -> Path:
        """The file that lists the landings of consent decisions."""
        return self.home / "consent_landings.json"

    @property
    def max_serving_age(self) -> timedelta:
        """How long after the start of its build the serving file may be delivered. Raises InvalidSettingError."""
        text = self.variable(MAX_AGE_VARIABLE)
        try:
            hours = DEFAULT_MAX_AGE_HOURS if text is None else float(text)
        except ValueError:
            hours = 0.0
        if not 0 < hours <= LONGEST_MAX_AGE_HOURS:
            raise InvalidSettingError(
                f"{MAX_AGE_VARIABLE} (serving_max_age_hours in settings.yml) must be hours above 0 and up to "
                f"{LONGEST_MAX_AGE_HOURS:g}",
                code="invalid_setting",
            )
        return timedelta(hours=hours)

    @property
    def as_of(self) -> datetime | None:
        """The pinned moment (UTC, without zone) at which consent is judged; None: now. Raises InvalidSettingError."""
        text = self.variable(AS_OF_VARIABLE)
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise InvalidSettingError(
                f"{AS_OF_VARIABLE} is not a moment in ISO 8601, such as 2026-06-30T00:00:00", code="invalid_setting"
            ) from None
        if moment is not None and moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return moment

    def with_environment(self, **variables: str) -> Settings:
        """The same settings with some variables set. The demo sets the address of its loopback receiver."""
        return replace(self, environment={**self.environment, **variables})

    def variable(self, name: str) -> str | None:
        """A variable's value, or None if it is unset or empty."""
        return self.environment.get(name) or None

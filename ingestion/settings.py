"""The settings of ingestion: paths and limits.

Add here when landing needs another path or limit. Keep out: settings of one source (its source.yml).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import SettingError
from runtime.warehouse import DEFAULT_MEMORY

_MEMORY_FORMAT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """The paths of one MERGANSER_HOME, and the memory limit of DuckDB."""

    home: Path
    landing_dir: Path
    warehouse_path: Path
    memory: str = DEFAULT_MEMORY

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes; units are powers of 1000, or of 1024 with an i (GiB)."""
        found = _MEMORY_FORMAT.fullmatch(self.memory)
        if found is None:
            raise SettingError("MERGANSER_MEMORY is not a size; write a number and a unit, such as 8GB or 512MB.")
        power = " KMGT".index(found[2].upper() or " ")
        return int(float(found[1]) * (1024 if found[3] else 1000) ** power)

    @classmethod
    def from_home(cls, home: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of one home directory.

        `home`: the directory; by default MERGANSER_HOME, else ./.merganser. `environment`: used instead of os.environ.
        MERGANSER_LANDING is a landing zone outside the home, for another user's loader. Raises SettingError if
        MERGANSER_MEMORY is not a size such as 8GB.
        """
        environment = os.environ if environment is None else environment
        chosen = Path(home if home is not None else environment.get("MERGANSER_HOME") or ".merganser").expanduser()
        absolute = chosen.resolve()
        memory = environment.get("MERGANSER_MEMORY") or DEFAULT_MEMORY
        if not _MEMORY_FORMAT.fullmatch(memory.strip()):
            raise SettingError("MERGANSER_MEMORY is not a size; write a number and a unit, such as 8GB or 512MB.")
        return cls(
            home=absolute,
            landing_dir=Path(environment.get("MERGANSER_LANDING") or absolute / "landing").expanduser().resolve(),
            warehouse_path=absolute / "warehouse.duckdb",
            memory=memory.strip(),
        )

"""A vendor's API for a connector: a client with the base URL, rate and variables that its source declares."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ingestion.errors import SettingError
from ingestion.spec import ApiSpec
from vendors.client import VendorClient


class Api(VendorClient):
    """Requests to a vendor's API, and the variables that the source declares. See VendorClient for errors."""

    def __init__(self, source: str, spec: ApiSpec, environment: Mapping[str, str] | None = None) -> None:
        self.source = source
        self._spec = spec
        self._environment = os.environ if environment is None else environment
        base_url_setting = f"{source.upper()}_BASE_URL"
        super().__init__(
            source,
            self._environment.get(base_url_setting)
            or re.sub(r"\{([A-Z0-9_]+)\}", lambda found: self.value(found[1]), spec.base_url),
            requests_per_second=spec.requests_per_second,
            credentials=[name for name, variable in spec.variables.items() if variable.secret],
            base_url_setting=base_url_setting,
        )

    def value(self, name: str) -> str:
        """A declared variable from the environment, else its default.

        Raises SettingError, which names the variable and what it is for.
        """
        variable = self._spec.variables[name]
        found = self._environment.get(name) or variable.default
        if found is None:
            raise SettingError(f"{name} is not set ({variable.description}); set it in the environment.")
        return found

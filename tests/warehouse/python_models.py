"""Models in Python, imported as modules.

Add here: how such a model is imported. Keep out: assertions.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType

from runtime.home import PROJECT_ROOT


def imported_model(path: str) -> ModuleType:
    """A model as a module; `path` is below dbt_project/models."""
    file = PROJECT_ROOT / "dbt_project" / "models" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

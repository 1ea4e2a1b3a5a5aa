"""Imports between packages and references between dbt layers follow the design (Architecture)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Which of our packages each package may import (design: Architecture). `dbt_project` stands for its Python models.
ALLOWED_IMPORTS = {
    "runtime": set(),
    "vendors": {"runtime"},
    "ingestion": {"runtime", "vendors"},
    "dbt_project": {"identity"},
    "identity": {"runtime"},
    "publication": {"runtime"},
    "exports": {"runtime", "vendors"},
    "orchestration": {"runtime", "vendors", "ingestion", "identity", "publication", "exports"},
}
LAYERS = ["staging", "conformed", "intermediate", "marts", "segments", "exports"]
# The layers and resources that each layer may read.
ALLOWED_PARENTS = {
    "staging": {"source", "seed", "staging"},
    "conformed": {"staging", "seed", "conformed"},
    "intermediate": {"conformed", "seed", "intermediate"},
    "marts": {"intermediate", "seed", "marts"},
    "segments": {"marts", "seed", "segments"},
    "exports": {"marts", "segments", "seed", "exports"},
}


def imported_modules(source: str) -> set[str]:
    """Full names of all modules that a Python text imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def wrong_python_imports(files: Iterable[tuple[str, str]]) -> list[str]:
    """Violations among (path relative to the root, text) pairs of Python files."""
    wrong = []
    for path, text in files:
        package = path.split("/")[0]
        seen: set[str] = set()
        for module in sorted(imported_modules(text)):
            if any(module.startswith(f"{name}.") for name in seen):
                continue  # `from a import b` names a and a.b: one import
            seen.add(module)
            target = module.split(".")[0]
            if target in ALLOWED_IMPORTS and target != package and target not in ALLOWED_IMPORTS[package]:
                wrong.append(f"{path}: {package} may not import {module}")
            if target in {"dagster", "dagster_dbt"} and not path.startswith(
                ("orchestration/defs/", "orchestration/definitions.py")
            ):
                wrong.append(f"{path}: only orchestration/defs imports dagster")
            if path.startswith("orchestration/defs/") and module.startswith("orchestration.cli"):
                wrong.append(f"{path}: defs may not import the command line ({module})")
    return wrong


def import_cycles(files: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Sets of packages that import each other, directly or through others."""
    reaches: dict[str, set[str]] = {}
    for path, text in files:
        package = path.split("/")[0]
        targets = {module.split(".")[0] for module in imported_modules(text)} & ALLOWED_IMPORTS.keys() - {package}
        reaches.setdefault(package, set()).update(targets)
    for _ in reaches:
        for near in reaches.values():
            near |= {far for package in near for far in reaches.get(package, set())}
    cycles = [{other for other in reaches if other in reaches[a] and a in reaches[other]} for a in reaches]
    return [cycle for cycle in cycles if cycle]


def layer_of(node: dict[str, Any]) -> str:
    """The layer of a dbt node: its first folder under models, or its kind for seeds and sources."""
    if node["resource_type"] != "model":
        return str(node["resource_type"])
    return str(node["fqn"][1])


def wrong_dbt_references(models: dict[str, Any], everything: dict[str, Any]) -> list[str]:
    """Models that read a layer that they may not read."""
    wrong = []
    for node in models.values():
        layer = layer_of(node)
        if layer not in ALLOWED_PARENTS:
            wrong.append(f"{node['name']}: {layer} is not a layer")
            continue
        for parent in node["depends_on"]["nodes"]:
            parent_layer = layer_of(everything[parent])
            if parent_layer not in ALLOWED_PARENTS[layer]:
                wrong.append(f"{node['name']}: {layer} may not read {parent_layer} ({everything[parent]['name']})")
    return wrong


def environment_writes(files: Iterable[tuple[str, str]]) -> list[str]:
    """Places that write os.environ: a process that works on two homes must not mix their settings."""
    write = re.compile(r"os\.environ(\[[^]]+\]\s*=[^=]|\.(update|setdefault|pop|clear)\()|os\.(un)?(putenv|setenv)\(")
    return [f"{path}:{n}" for path, text in files for n, line in enumerate(text.splitlines(), 1) if write.search(line)]


def python_files(root: Path) -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(root)), path.read_text())
        for package in sorted(ALLOWED_IMPORTS)
        for path in (root / package).rglob("*.py")
    ]


def test_packages_import_what_the_design_allows(root: Path) -> None:
    files = python_files(root)
    assert {path.split("/")[0] for path, _ in files} >= {"runtime", "vendors", "ingestion", "identity", "dbt_project"}
    assert wrong_python_imports(files) == []
    assert import_cycles(files) == []


def test_nothing_writes_the_environment(root: Path) -> None:
    exceptions = {
        "orchestration/defs/resources.py",  # Dagster's resource hands its own environment to dbt, in a process per step
        "ingestion/extraction.py",  # dlt reads its telemetry switch there when it starts: the same value for every home
    }
    written = environment_writes(python_files(root))
    assert {place.rpartition(":")[0] for place in written} == exceptions


def test_a_write_to_the_environment_is_seen() -> None:
    text = 'import os\nos.environ["A"] = "b"\nos.environ.update(a)\nif os.environ["A"] == "b": pass\n'
    assert environment_writes([("runtime/home.py", text)]) == ["runtime/home.py:2", "runtime/home.py:3"]


def test_every_package_is_in_the_table(root: Path) -> None:
    packages = {path.parent.name for path in root.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= ALLOWED_IMPORTS.keys()


def test_a_wrong_import_is_seen() -> None:
    files = [
        ("ingestion/landing.py", "def f():\n    from exports import ledger\n"),
        ("runtime/home.py", "import ingestion.settings\n"),
        ("exports/reader.py", "import dagster\n"),
        ("vendors/client.py", "from ingestion.spec import ApiSpec\n"),
        ("orchestration/stages.py", "import dagster\n"),
        ("orchestration/defs/quality.py", "from orchestration.cli import console\n"),
        ("dbt_project/models/a.py", "def model(dbt, session):\n    from publication import quality\n"),
    ]
    assert len(wrong_python_imports(files)) == 7


def test_a_cycle_of_packages_is_seen() -> None:
    files = [
        ("identity/a.py", "import runtime.home\n"),
        ("runtime/b.py", "from publication import c\n"),
        ("publication/c.py", "import identity.a\n"),
    ]
    assert {"identity", "runtime", "publication"} in import_cycles(files)


def test_dbt_layers_read_what_the_design_allows(manifest: dict[str, Any], models: dict[str, Any]) -> None:
    assert len(models) > 60
    assert wrong_dbt_references(models, {**manifest["nodes"], **manifest["sources"]}) == []


def test_a_wrong_dbt_reference_is_seen() -> None:
    staging = {"name": "stg_a__b", "resource_type": "model", "fqn": ["m", "staging"], "depends_on": {"nodes": []}}
    export = {"name": "exp_a__b", "resource_type": "model", "fqn": ["m", "exports"], "depends_on": {"nodes": ["s"]}}
    assert wrong_dbt_references({"e": export}, {"s": staging}) == ["exp_a__b: exports may not read staging (stg_a__b)"]
    concept = {**export, "name": "int_b__c", "fqn": ["m", "intermediate"]}
    assert wrong_dbt_references({"c": concept}, {"s": staging}) == [
        "int_b__c: intermediate may not read staging (stg_a__b)"
    ]
    conformed = {**staging, "name": "cnf_a__b", "fqn": ["m", "conformed"]}
    mart = {**export, "name": "fct_b", "fqn": ["m", "marts"]}
    assert wrong_dbt_references({"m": mart}, {"s": conformed}) == ["fct_b: marts may not read conformed (cnf_a__b)"]


def test_sources_are_read_by_staging_only(manifest: dict[str, Any], models: dict[str, Any]) -> None:
    readers = {
        layer_of(node)
        for node in models.values()
        if any(parent.startswith("source.") for parent in node["depends_on"]["nodes"])
    }
    assert readers == {"staging"}


def test_every_raw_table_has_its_staging_view(manifest: dict[str, Any], models: dict[str, Any]) -> None:
    read = {parent for node in models.values() for parent in node["depends_on"]["nodes"]}
    unread = sorted(source["name"] for key, source in manifest["sources"].items() if key not in read)
    assert unread == []

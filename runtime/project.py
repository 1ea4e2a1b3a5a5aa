"""The dbt project of a home: the product's, with the additions of a user.

Additions are in the folder custom/ of the repository, or in the folder that MERGANSER_CUSTOM names, in the product's
own layout. They are read and never written.

dbt reads variables from dbt_project.yml only. It also takes each path relative to the project: with an absolute
path it writes compiled SQL over the model's own file. So a home with additions has a project directory of its own,
<home>/dbt/project: links to the product's files and to the folder, and a dbt_project.yml that contains vars.yml.

Add here: what an addition may consist of. Keep out: how dbt is called (building.py), templates (orchestration/).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import WrongUseError
from runtime.files import make_private_directory, write_whole
from runtime.home import PROJECT_ROOT, Home

VARIABLE = "MERGANSER_CUSTOM"
SOURCES = "ingestion/sources"
MODELS = "dbt_project/models"
VARS = "vars.yml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FILE = re.compile(r"_?[a-z][a-z0-9_]*\.(sql|yml|yaml|md|csv|py)")
_LINKED = ("dbt_project", "profiles.yml", "selectors.yml")


def custom_place(root: Path = PROJECT_ROOT) -> Path:
    """Where additions belong (absolute), whether the folder exists or not: MERGANSER_CUSTOM, else custom/."""
    named = os.environ.get(VARIABLE)
    return (Path(named).expanduser() if named else root / "custom").resolve()


def custom_folder(root: Path = PROJECT_ROOT) -> Path | None:
    """The folder of additions (absolute): MERGANSER_CUSTOM, else custom/ in the repository; None where there is none.

    Raises WrongUseError when MERGANSER_CUSTOM names no directory, or one that contains the product.
    """
    folder = custom_place(root)
    if not folder.is_dir():
        if not os.environ.get(VARIABLE):
            return None
        raise WrongUseError(
            f"{VARIABLE} names {folder}, which is not a directory.",
            f"Make it (`merganser new` writes the first files), or unset {VARIABLE}.",
        )
    if root.resolve().is_relative_to(folder):
        raise WrongUseError(
            f"{VARIABLE} names {folder}, which contains the product itself.", "Name a folder of your own for additions."
        )
    return folder


def project_of(home: Home, root: Path = PROJECT_ROOT) -> Path:
    """The directory that dbt runs in for a home: the repository, or the home's own where there are additions.

    Raises WrongUseError for additions that are not valid, and where the home was built with additions that are not
    there now: a build without them would record that customers left their segments.
    """
    folder = custom_folder(root)
    project = home.path / "dbt" / "project"
    link = project / "custom"
    if folder is None:
        if link.is_symlink():
            raise WrongUseError(
                f"This home was built with the additions in {link.readlink()}, and there are none now.",
                f"Set {VARIABLE} to their folder. To build without them, remove {project}.",
            )
        return root
    variables = check_additions(folder, root)
    make_private_directory(project)
    for name in _LINKED:
        _link(project / name, root / name)
    _link(link, folder)
    content = yaml.safe_load((root / "dbt_project.yml").read_text())
    content["vars"]["merganser"] |= {**variables, "custom_folder": str(folder)}
    tests = content.get("data_tests", {}).get("merganser", {})
    if "models" in tests:  # by dbt's name for the folder custom/dbt_project/models
        tests["dbt_project"] = {"models": tests["models"]}
    written = "# Written by merganser: dbt_project.yml of the product with the variables of custom/vars.yml.\n"
    written += yaml.safe_dump(content, sort_keys=False)
    if not (project / "dbt_project.yml").exists() or (project / "dbt_project.yml").read_text() != written:
        write_whole(project / "dbt_project.yml", written)
    return project


def check_additions(folder: Path, root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """The variables of a folder of additions whose files and variables are valid. Raises WrongUseError."""
    _check_files(folder)
    return read_vars(folder, root)


def read_vars(folder: Path, root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """The variables in a folder's vars.yml: those of the product with other values, and the user's own (custom_<name>).

    Raises WrongUseError for a file that is not a mapping, a name that neither knows, and sources or concepts that are
    not names.
    """
    path = folder / VARS
    variables = read_mapping_of_vars(path)
    if not variables:
        return {}
    known = yaml.safe_load((root / "dbt_project.yml").read_text())["vars"]["merganser"]
    for name in variables:
        if name not in known and not re.fullmatch(r"custom_[a-z0-9_]+", str(name)):
            near = difflib.get_close_matches(str(name), known, n=1)
            raise WrongUseError(
                f"{path}: the product has no variable {name}." + (f" Did you mean {near[0]}?" if near else ""),
                "A variable of your own starts with custom_.",
            )
    sources = variables.get("custom_concept_sources") or {}
    valid = isinstance(sources, dict) and all(
        _is_name(source) and isinstance(concepts, list) and all(map(_is_name, concepts))
        for source, concepts in sources.items()
    )
    if not valid:
        raise WrongUseError(
            f"{path}: custom_concept_sources is not a mapping of sources to lists of concepts.",
            "Write for example: custom_concept_sources: {loyalty: [identifiers, attributes]}",
        )
    return variables


def read_mapping_of_vars(path: Path) -> dict[str, Any]:
    """The mapping in a vars.yml, names not checked; empty where there is no file. Raises WrongUseError."""
    try:
        variables = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WrongUseError(f"{path} is not valid YAML: {error}", "Correct the file.") from error
    if not isinstance(variables or {}, dict):
        raise WrongUseError(f"{path} is not a mapping of variables to values.", "Write for example: birthday_days: 14")
    return variables or {}


def _is_name(text: object) -> bool:
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def _check_files(folder: Path) -> None:
    """Raises WrongUseError for a link that leaves the folder, and for a name that could not be one in SQL."""
    for path in _files(folder):
        if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(folder)):
            raise WrongUseError(
                f"{path} is a link to a directory, or to a file outside of {folder}.",
                "Put the files themselves there.",
            )
    for path in sorted((folder / MODELS).rglob("*")):
        if path.is_file() and not _FILE.fullmatch(path.name):
            raise WrongUseError(f"{path!s}: the name of a model is in snake_case.", "Rename the file.")
    for path in sorted((folder / SOURCES).glob("*/")):
        if not NAME.fullmatch(path.name):
            raise WrongUseError(f"{path!s}: the name of a source is in snake_case.", "Rename the folder.")


def _files(folder: Path) -> Iterator[Path]:
    """Files, folders and links below a folder, without those that begin with a dot (.git)."""
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [*folders, *sorted(files)]:
            if not name.startswith("."):
                yield Path(directory, name)


def _link(link: Path, target: Path) -> None:
    """Make a link point at its target, in one rename."""
    if link.is_symlink() and link.readlink() == target:
        return
    aside = link.with_name(f".{link.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(link)

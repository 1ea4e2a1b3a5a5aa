"""The declared sources: those in ingestion/sources, and those that a user declares.

Add here when declarations come from another place. Keep out: what a declaration may say (spec.py).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ingestion.errors import DeclarationError, UnknownSourceError
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from runtime.project import SOURCES, custom_folder

try:
    from yaml import CSafeLoader as Loader  # four times faster
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

SHIPPED_SOURCES = Path(__file__).parent / "sources"


def load_sources(
    extra: Sequence[Path] = (), *, shipped: bool = True, home: Path | None = None
) -> dict[str, SourceSpec]:
    """All declared sources by name, sorted by name; without `shipped` only those that users declare.

    Reads ingestion/sources/*/source.yml of the product and of the folder of additions (runtime/project.py), then every
    *.yml in the directories of MERGANSER_SOURCES (separated by the system's path separator), in <home>/sources (`home`:
    by default MERGANSER_HOME), and in `extra` (directories or files). Raises DeclarationError, which names file,
    entity, field and rule, and if two files declare the same name.
    """
    found: dict[str, tuple[Path, SourceSpec]] = {}
    for path in _declaration_files(extra, shipped=shipped, home=home):
        spec = read_source(path)
        if spec.source in found:
            raise DeclarationError(
                f"two sources are named {spec.source!r}: {found[spec.source][0]} and {path}; rename one of them."
            )
        found[spec.source] = (path, spec)
    return {name: found[name][1] for name in sorted(found)}


def get_source(name: str, sources: dict[str, SourceSpec] | None = None) -> SourceSpec:
    """The source of that name, among `sources` or all that load_sources finds. Raises UnknownSourceError."""
    known = load_sources() if sources is None else sources
    if name in known:
        return known[name]
    closest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    raise UnknownSourceError(f"no source is named {name!r}.{hint} Known sources: {', '.join(known) or 'none'}.")


def read_source(path: Path) -> SourceSpec:
    """The declaration in one file. Raises DeclarationError."""
    try:
        return _declared(path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: not UTF-8; save it as UTF-8.") from error
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=256)  # every stage reads all declarations, and Dagster runs a stage per source
def _declared(path: Path, text: str) -> SourceSpec:
    """The declaration that a file contains. Raises DeclarationError."""
    try:
        content = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise DeclarationError(f"{path}: not YAML{where}: {getattr(error, 'problem', 'cannot be parsed')}.") from error
    if not isinstance(content, dict):
        raise DeclarationError(f"{path}: a source is a mapping that starts with `source: <name>`.")
    try:
        return SourceSpec.model_validate(content)
    except ValidationError as error:
        rules = "\n".join(f"  {_where(item)}: {_rule(item)}" for item in error.errors(include_url=False))
        raise DeclarationError(f"{path}:\n{rules}") from error


def _declaration_files(extra: Sequence[Path], *, shipped: bool, home: Path | None) -> Iterator[Path]:
    if shipped:
        yield from sorted(SHIPPED_SOURCES.glob("*/source.yml"))
    listed = [Path(part).expanduser() for part in os.environ.get("MERGANSER_SOURCES", "").split(os.pathsep) if part]
    for directory in listed:
        if not directory.is_dir():
            raise DeclarationError(f"MERGANSER_SOURCES names {directory}, which is not a directory.")
    seen: set[Path] = set()
    yield from _added()
    for place in [*listed, Settings.from_home(home).home / "sources", *extra]:
        for path in [place] if place.is_file() else sorted(place.glob("*.yml")):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _added() -> Iterator[Path]:
    """The declarations in the folder of additions. A source has the name of its folder, where its client is found."""
    folder = custom_folder()
    for path in sorted((folder / SOURCES).glob("*/source.yml")) if folder else ():
        name = read_source(path).source
        if name != path.parent.name:
            raise DeclarationError(f"{path}: the folder of the source {name} must be named {name}.")
        yield path


def _where(item: Any) -> str:
    """The location of an error in words, such as: entity order, column id, type."""
    words = {"entities": "entity", "columns": "column"}
    location = [str(part) for part in item["loc"]]
    named: list[str] = []
    while location:
        part = location.pop(0)
        if part in words and location and location[0] != "[key]":
            named.append(f"{words[part]} {location.pop(0)}")
        else:
            named.append(part)
    return ", ".join(named) or "the file"


def _rule(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its spelling"
    if item["type"] == "missing":
        return "is missing"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")

"""Writes the files of a user's own source, segment, sync or attribute from templates, so that they build at once.

The templates are in orchestration/templates/<kind>, in the layout of the folder custom/. Words in capitals stand for
names; lines between `# >>> orders` and `# <<< orders` are for a source with orders. This is the only place that
writes into that folder, and it overwrites nothing.

Add here: another kind of addition. Keep out: what additions may consist of (runtime/project.py).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import WrongUseError
from runtime.files import write_whole
from runtime.home import PROJECT_ROOT
from runtime.project import MODELS, NAME, SOURCES, VARS, custom_folder, custom_place, read_mapping_of_vars

TEMPLATES = Path(__file__).parent / "templates"
DATA_TYPES = ("string", "date", "bigint", "double", "boolean", "timestamp")
PII = ("direct", "indirect", "none")
_RESERVED = {"quarantine", "ops", "custom", "merganser"}
_ORDERS = re.compile(r"^# >>> orders\n(.*?)^# <<< orders\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class AdditionReport:
    """What was written: new files, files that got one line more, and the next steps."""

    kind: str
    name: str
    folder: Path
    files: Sequence[Path] = ()
    changed: Sequence[Path] = ()
    next_steps: Sequence[str] = field(default_factory=list)


def add_source(name: str, *, orders: bool = False, root: Path = PROJECT_ROOT) -> AdditionReport:
    """A source of customers, and of orders where asked: declaration, staging, conformed models, its line in vars.yml.

    Raises WrongUseError for a name that is invalid or taken, and where a file exists.
    """
    _check_name(name, "source")
    if name in _RESERVED or (root / SOURCES / name).exists():
        raise WrongUseError(f"The product has a source {name} already.", "Take another name.")
    folder = _folder(root)
    concepts = ["attributes", "identifiers", *(["orders"] if orders else [])]
    files = _rendered("source", folder, {"NAME": name}, orders=orders)
    variables = _with_concepts(folder / VARS, name, concepts)
    _write({**files, folder / VARS: variables})
    return AdditionReport(
        "source",
        name,
        folder,
        sorted(files),
        [folder / VARS],
        [
            f"Describe your columns in {folder / SOURCES / name / 'source.yml'} and in the models beside it.",
            f"Put files into landing/{name}/customers of the home, then: merganser ingest {name}",
            "merganser build",
        ],
    )


def add_segment(name: str, *, root: Path = PROJECT_ROOT) -> AdditionReport:
    """A segment seg_<name>. Raises WrongUseError for a name that is invalid or taken, and where a file exists."""
    _check_name(name, "segment")
    name = name.removeprefix("seg_")
    _check_model(f"seg_{name}", root)
    folder = _folder(root)
    files = _rendered("segment", folder, {"NAME": name, "TITLE": name.replace("_", " ").capitalize()})
    _write(files)
    condition = folder / MODELS / "segments" / f"seg_{name}.sql"
    steps = [f"Write the condition in {condition}.", f"merganser build seg_{name} dim_segments fct_segment_memberships"]
    return AdditionReport("segment", name, folder, sorted(files), next_steps=steps)


def add_sync(
    name: str, *, segment: str, purpose: str, channel: str, destination: str = "crm_file", root: Path = PROJECT_ROOT
) -> AdditionReport:
    """A sync exp_<destination>__<payload> of a segment's members (`name` is <destination>__<payload>).

    `destination` is what receives the records, a folder of exports/destinations/. Raises WrongUseError for a name that
    is invalid or taken, an unknown segment or destination, and a purpose and channel that no row of the seed purposes
    names together.
    """
    from exports.registry import destination_names

    name = name.removeprefix("exp_")
    group, separator, payload = name.partition("__")
    if not separator:
        raise WrongUseError(f"'{name}' is not the name of a sync.", "Write <destination>__<payload>: meta__vips.")
    for part in (group, payload):
        _check_name(part, "sync")
    _check_model(f"exp_{name}", root)
    segment = segment.removeprefix("seg_")
    folder = _folder(root)
    if f"seg_{segment}" not in {*_models(root), *_models(folder)}:
        raise WrongUseError(f"There is no segment {segment}.", f"Write it first: merganser new segment {segment}")
    if destination not in destination_names():
        raise WrongUseError(f"There is no destination {destination}.", f"Known: {', '.join(destination_names())}.")
    known = _purposes(root)
    if (purpose, channel) not in known:
        raise WrongUseError(
            f"No row of seeds/privacy/purposes.csv has the purpose {purpose} on the channel {channel}.",
            f"Known: {', '.join(' on '.join(pair) for pair in known)}.",
        )
    words = {"NAME": name, "DESTINATION": group, "RECEIVER": destination, "SEGMENT": segment}
    files = _rendered("sync", folder, {**words, "PURPOSE": purpose, "CHANNEL": channel})
    _write(files)
    steps = ["merganser build", "merganser check", "merganser publish", f"merganser export plan exp_{name}"]
    return AdditionReport("sync", name, folder, sorted(files), next_steps=steps)


def add_attribute(
    name: str,
    *,
    data_type: str = "string",
    pii: str = "direct",
    source: str | None = None,
    column: str | None = None,
    root: Path = PROJECT_ROOT,
) -> AdditionReport:
    """A golden attribute: its entry in vars.yml and, where `source` is one of the user's own, the line that offers it.

    `column`: of the source's staging model; else the attribute's name. Raises WrongUseError for a name that is invalid
    or taken, and for a source that is not in the folder.
    """
    _check_name(name, "attribute")
    for value, allowed in ((data_type, DATA_TYPES), (pii, PII)):
        if value not in allowed:
            raise WrongUseError(f"'{value}' is not one of {', '.join(allowed)}.")
    if column is not None:
        _check_name(column, "column")
    product = yaml.safe_load((root / "dbt_project.yml").read_text())["vars"]["merganser"].get("attributes") or []
    if name in {attribute["name"] for attribute in product}:
        raise WrongUseError(f"The product has an attribute {name} already.", "Take another name.")
    folder = _folder(root)
    line = f"'{name}': '{column or name}'"
    changed = [folder / VARS]
    steps = ["merganser build"]
    offered = None
    if source is None:
        steps.insert(0, f"Add {line} to cnf_<source>__attributes of each source that offers it.")
    else:
        _check_name(source, "source")
        model = folder / MODELS / "conformed" / source / f"cnf_{source}__attributes.sql"
        offered = _with_line(model, "attributes = {", f"    {line},\n")
        changed.append(model)
        if column is None:
            steps.insert(0, f"Check that stg_{source} has a column {name}, or change the line in {model}.")
    variables = _with_attribute(folder / VARS, name, data_type, pii)
    _write({folder / VARS: variables} if offered is None else {folder / VARS: variables, changed[-1]: offered})
    return AdditionReport("attribute", name, folder, changed=changed, next_steps=steps)


def _folder(root: Path) -> Path:
    """The folder of additions, absent or not: the one that MERGANSER_CUSTOM names, else custom/ in the repository."""
    place = custom_place(root)
    return (custom_folder(root) or place) if place.exists() else place


def _check_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name) or "__" in name:
        raise WrongUseError(
            f"'{name}' is not the name of a {kind}.",
            "Write small letters, digits and single underscores, a letter first.",
        )


def _check_model(name: str, root: Path) -> None:
    if name in _models(root):
        raise WrongUseError(f"The product has a model {name} already.", "Take another name.")


def _models(folder: Path) -> set[str]:
    return {path.stem for path in (folder / MODELS).rglob("*.sql")}


def _purposes(root: Path) -> list[tuple[str, str]]:
    with (root / "dbt_project/seeds/privacy/purposes.csv").open(newline="") as file:
        return [(row["purpose"], row["channel"]) for row in csv.DictReader(file)]


def _rendered(kind: str, folder: Path, words: Mapping[str, str], *, orders: bool = False) -> dict[Path, str]:
    """The files of a template with names in the place of its words, by path. Raises WrongUseError where one exists."""

    def fill(text: str) -> str:
        return re.sub(r"(?<![A-Z])(" + "|".join(words) + r")(?![A-Z])", lambda found: words[found[1]], text)

    files = {}
    for template in sorted(path for path in (TEMPLATES / kind).rglob("*") if path.is_file()):
        if template.stem.endswith("__orders") and not orders:
            continue
        text = _ORDERS.sub(r"\1" if orders else "", template.read_text(encoding="utf-8"))
        files[folder / fill(str(template.relative_to(TEMPLATES / kind)))] = fill(text)
    taken = [path for path in files if path.exists() or path.is_symlink()]
    if taken:
        raise WrongUseError(f"{taken[0]} exists already.", "Take another name, or remove what is there.")
    return files


def _write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def _with_concepts(path: Path, source: str, concepts: Sequence[str]) -> str:
    """The text of vars.yml with the source's line in custom_concept_sources."""
    line = f"  {source}: [{', '.join(concepts)}]\n"
    return _with_entry(path, "custom_concept_sources", line, lambda value: value.get(source) == list(concepts))


def _with_attribute(path: Path, name: str, data_type: str, pii: str) -> str:
    """The text of vars.yml with the attribute's entry in custom_attributes."""
    entry = {"name": name, "data_type": data_type, "group": name, "survivorship": "best_record", "pii": pii}
    entry["description"] = f"{name.replace('_', ' ').capitalize()}."
    if any(known.get("name") == name for known in read_mapping_of_vars(path).get("custom_attributes") or []):
        raise WrongUseError(f"{path} has an attribute {name} already.", "Take another name, or edit its entry.")
    line = "  - {" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}\n"
    return _with_entry(path, "custom_attributes", line, lambda value: entry in value)


def _with_entry(path: Path, key: str, line: str, is_there: Callable[[Any], bool]) -> str:
    """The text of vars.yml with a line below a key; all else stays. Raises WrongUseError where that fails."""
    before = read_mapping_of_vars(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if before.get(key):
        text = re.sub(rf"^{key}:[ \t]*(#.*)?\n", lambda found: found[0] + line, text, count=1, flags=re.MULTILINE)
    elif key not in before:
        text = f"{text.rstrip()}\n\n{key}:\n{line}".lstrip()
    try:
        after = yaml.safe_load(text)
        same = {name: value for name, value in after.items() if name != key}
        added = is_there(after[key]) and len(after[key]) == len(before.get(key) or []) + 1
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        added = False
    if not added or same != {name: value for name, value in before.items() if name != key}:
        raise WrongUseError(f"{path} cannot be changed without rewriting it.", f"Add below {key}: {line.strip()}")
    return text


def _with_line(path: Path, marker: str, line: str) -> str:
    """The text of a model with a line after the one line that contains the marker."""
    if not path.exists():
        raise WrongUseError(f"{path} does not exist.", "Name a source of your own with --source, or leave it out.")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [number for number, text in enumerate(lines) if text.rstrip().endswith(marker)]
    if len(found) != 1:
        raise WrongUseError(f"{path} has no single line that ends in '{marker}'.", f"Add there: {line.strip()}")
    return "".join([*lines[: found[0] + 1], line, *lines[found[0] + 1 :]])

"""Sets up a home for real data: switches sources on and writes the variables that they need into .env.example.

Add here: another setting of a new home. Keep out: whether the setup works (doctor.py), the demo (demo.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import demo
from orchestration.stages import known_sources
from runtime.errors import WrongUseError
from runtime.files import write_whole
from runtime.home import LOADERS, Home, sources_in_settings, write_settings
from runtime.locking import held

if TYPE_CHECKING:
    from ingestion.spec import SourceSpec


@dataclass(frozen=True)
class SetupReport:
    """What `merganser init` wrote: sources with their loaders, and the variables of each that are not set yet."""

    sources: Mapping[str, str]
    settings: Path
    example: Path
    missing: Mapping[str, Sequence[str]]


def configure(home: Home, wanted: Sequence[str], *, fresh: bool = False) -> SetupReport:
    """Switches sources on in a home, in addition to those that are on, and writes .env.example for all of them.

    `wanted`: names, or name:loader (dlt if Merganser fetches the source itself, fivetran, files). `fresh` deletes the
    demo in this home. Raises WrongUseError for an unknown source or loader, and if the home holds the demo: its made-up
    people must never mix with real ones.
    """
    from ingestion.fetching import missing_variables

    home.prepare()
    with held(home, "init"):
        if demo.is_demo(home):
            if not fresh:
                raise WrongUseError(
                    f"{home.path} holds the made-up business of the demo.",
                    "Name another directory with --home, or use --fresh to delete the demo.",
                )
            demo.clear(home)
        declared = known_sources(home)
        chosen = dict(_choice(text, declared) for text in wanted)
        sources = {**(sources_in_settings(home) or {}), **chosen}
        write_settings(home, sources=sources)
        example = home.path / ".env.example"
        specs = [declared[name] for name in sources if name in declared]
        write_whole(example, env_example([spec for spec in specs if sources[spec.source] == "dlt"]))
    missing = {spec.source: missing_variables(spec) for spec in specs if sources[spec.source] == "dlt"}
    return SetupReport(sources, home.settings, example, {name: names for name, names in missing.items() if names})


def default_loader(source: SourceSpec) -> str:
    """The loader of a source by default: dlt if Merganser can fetch it, else the declared one."""
    from ingestion.fetching import is_fetched

    if is_fetched(source):
        return "dlt"
    return "fivetran" if source.loader == "fivetran" else "files"


def env_example(sources: Sequence[SourceSpec]) -> str:
    """The variables of these sources with their descriptions, to be filled in. The only values are public defaults."""
    from ingestion.fetching import variables

    lines = [
        "# Copy to .env, fill in, keep it out of version control, and load it before a run: set -a; . ./.env; set +a",
    ]
    for source in sources:
        lines += ["", f"# {source.title}"]
        for name, variable in variables(source).items():
            lines.append(f"# {variable.description}")
            lines.append(f"{name}=" if variable.default is None else f"# {name}={variable.default}")
    return "\n".join(lines) + "\n"


def _choice(text: str, declared: Mapping[str, SourceSpec]) -> tuple[str, str]:
    from ingestion.fetching import is_fetched

    name, _, loader = text.strip().partition(":")
    if name not in declared:
        near = difflib.get_close_matches(name, declared, n=1)
        raise WrongUseError(
            f"No source is named '{name}'.",
            f"Did you mean {near[0]}?" if near else f"Declared are {', '.join(declared)}.",
        )
    loader = loader or default_loader(declared[name])
    if loader not in LOADERS:
        raise WrongUseError(f"'{loader}' is not a loader.", f"Loaders are {', '.join(LOADERS)}.")
    if loader == "dlt" and not is_fetched(declared[name]):
        raise WrongUseError(f"{name} has no connector: it reads files.", f"Use {name}:files, or {name} alone.")
    return name, loader

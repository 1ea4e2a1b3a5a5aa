"""The demo: a made-up business, written once into a home, and the main job run on it.

Add here: what the demo needs that a real home does not. Keep out: how the business is made up (ingestion/synthetic).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from secrets import token_hex
from typing import Any

from orchestration import stages
from runtime.errors import WrongUseError
from runtime.files import write_whole
from runtime.home import Home, open_home, sources_in_settings, write_settings
from runtime.locking import held
from runtime.progress import Progress, silent

MARKER = "demo.json"


def run(
    home: Home,
    *,
    customers: int,
    seed: int,
    fresh: bool = False,
    progress: Callable[[str], Progress] = lambda stage: silent,
) -> tuple[Home, stages.RunReport]:
    """Writes the business (unless the same one is there) and runs all stages; returns the home with its moment.

    During the run, a receiver on the loopback address stores what the webhook export sends under exports/. `fresh`
    deletes an earlier demo in this home.
    Raises WrongUseError if the home holds another demo, or data that is not from a demo.
    """
    from exports.destinations.webhook.destination import ALLOWED_VARIABLE, SECRET_VARIABLE, URL_VARIABLE
    from exports.destinations.webhook.loopback import serve

    home = prepare(home, customers=customers, seed=seed, fresh=fresh, progress=progress("demo"))
    secret = token_hex(32)
    with serve(home.exports / "webhook", secret) as receiver:
        variables = {URL_VARIABLE: receiver.url, SECRET_VARIABLE: secret, ALLOWED_VARIABLE: "127.0.0.1"}
        return home, stages.run(home, variables=variables, progress=progress)


def prepare(home: Home, *, customers: int, seed: int, fresh: bool = False, progress: Progress = silent) -> Home:
    """Writes the business and the home's settings; the same business is not written twice. Raises as `run` does."""
    from ingestion.synthetic.config import WorldConfig
    from ingestion.synthetic.world import write_world

    try:
        config = WorldConfig(customers=customers, seed=seed)
    except ValueError as error:
        raise WrongUseError(f"This business cannot be generated: {error}") from error
    wanted = json.loads(json.dumps(asdict(config), default=str))
    with held(home, "demo"):
        _refuse_other_data(home)
        if fresh:
            clear(home)
        there = _read_marker(home)
        if there and there.get("config") != wanted:
            raise WrongUseError(
                f"{home.path} holds another demo ({_words(there.get('config') or {})}).",
                "Use --fresh to delete it, or name another home with --home.",
            )
        if not there.get("complete"):
            _write_marker(home, wanted, complete=False)
            write_world(
                config, home.landing, home.truth, progress=lambda step, done, total: progress(done, total, step)
            )
            _write_marker(home, wanted, complete=True)
        write_settings(home, as_of=config.until.isoformat(timespec="seconds"))
    return open_home(home.path)


def _refuse_other_data(home: Home) -> None:
    """Raises WrongUseError unless the home is empty or holds a demo: a demo never mixes with real data."""
    if not home.landing.is_relative_to(home.path):
        raise WrongUseError(
            f"The landing zone is {home.landing}, outside the home.", "Unset MERGANSER_LANDING for the demo."
        )
    if is_demo(home):
        return
    if home.warehouse.exists() or any(home.landing.glob("*")) or sources_in_settings(home) is not None:
        raise WrongUseError(
            f"{home.path} holds data that is not from a demo.", "Name another directory for the demo with --home."
        )


def is_demo(home: Home) -> bool:
    """Whether a demo made this home."""
    return (home.path / MARKER).exists()


def clear(home: Home) -> None:
    """Deletes everything in a home."""
    for path in home.path.iterdir():
        if path == home.lock:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    home.prepare()


def _read_marker(home: Home) -> dict[str, Any]:
    marker = home.path / MARKER
    try:
        content = json.loads(marker.read_text()) if marker.exists() else {}
    except ValueError:  # a full disk or a killed process interrupted the write
        content = {}
    return content if isinstance(content, dict) else {}


def _write_marker(home: Home, config: dict[str, Any], *, complete: bool) -> None:
    write_whole(home.path / MARKER, json.dumps({"complete": complete, "config": config}, indent=2))


def _words(config: dict[str, Any]) -> str:
    return f"{config.get('customers')} customers, seed {config.get('seed')}"

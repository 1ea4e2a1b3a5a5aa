"""Whether the serving file may be delivered: it must contain every consent decision that has landed, and be recent.

The serving file lists the consent landings that its build knew (`main.build_info.consent_landings`); the home's
consent_landings.json lists the current ones. Neither needs the lock on the warehouse. Decision 0014.

Add here when: another fact makes a published build too old to send. Keep out: the decisions of a person (reader.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from exports.errors import ServingError
from exports.settings import MAX_AGE_VARIABLE, Settings

VERSION = 1
CLOCK_SKEW = timedelta(hours=1)
NAMES_SHOWN = 5
BUILD_AGAIN = "run `merganser run`, or build, check and publish"


@dataclass(frozen=True)
class Staleness:
    """Why the serving file must not be delivered; empty if it may."""

    too_old: tuple[str, ...] = ()
    """Reasons that only a new build resolves."""
    not_landed: tuple[str, ...] = ()
    """Failed loads of consent decisions: they can be repaired, or overridden with a reason."""

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*self.too_old, *self.not_landed)


def check_freshness(connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime) -> Staleness:
    """Compares the attached serving file with the clock (`now`, UTC) and with the landings of consent decisions.

    Raises ServingError if the file has no build time, InvalidSettingError for an invalid maximum age.
    """
    built_at, known = _read_build(connection, settings)
    too_old = [reason for reason in (_age_fault(built_at, now, settings.max_serving_age),) if reason]
    landings = _read_landings(settings)
    if landings is None:
        too_old.append(
            f"{settings.consent_landings_path} is damaged, so it is unknown which consent decisions have landed: "
            f"{BUILD_AGAIN}, which writes it again"
        )
        return Staleness(tuple(too_old))
    not_landed = []
    failed = [name for name, landing in landings.items() if landing["outcome"] == "failed"]
    if failed:
        not_landed.append(
            f"the last load of consent decisions failed for {_listed(failed)}: a withdrawal may be among them; "
            "`merganser ingest` says why, repair it and run it again"
        )
    begun = [name for name, landing in landings.items() if landing["outcome"] not in ("landed", "failed")]
    if begun:
        too_old.append(
            f"a load of consent decisions has begun and not ended for {_listed(begun)}: run `merganser ingest`, then "
            "build, check and publish"
        )
    if known is None:
        too_old.append(f"its build does not say which consent decisions it knew: {BUILD_AGAIN}")
    else:
        gone = sorted(known.keys() - landings.keys())
        if gone:
            too_old.append(
                f"{settings.consent_landings_path} is absent or does not list {_listed(gone)}, so it is unknown which "
                f"consent decisions have landed: {BUILD_AGAIN}, which writes it again"
            )
        changed = [name for name, landing in sorted(landings.items()) if landing["token"] != known.get(name)]
        if changed:
            too_old.append(
                f"consent decisions of {_listed(changed)} have landed since its build began ({_text(built_at)} UTC): "
                f"{BUILD_AGAIN}"
            )
    return Staleness(tuple(too_old), tuple(not_landed))


def _age_fault(built_at: datetime, now: datetime, limit: timedelta) -> str:
    if built_at - now > CLOCK_SKEW:
        return f"its build began in the future ({_text(built_at)} UTC), so its age is unknown: correct the clock"
    if now - built_at > limit:
        hours = (now - built_at).total_seconds() / 3600
        return (
            f"its build began {hours:.1f} hours ago ({_text(built_at)} UTC), and {MAX_AGE_VARIABLE} allows "
            f"{limit.total_seconds() / 3600:g}: {BUILD_AGAIN}"
        )
    return ""


def _read_build(connection: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[datetime, Mapping[str, str] | None]:
    """When the build of the serving file began, and the landings that it knew; None if the file does not list them."""
    try:
        row = connection.execute("select * from serving.main.build_info").fetchone()
        columns = [column[0] for column in connection.description or ()]
    except duckdb.Error as error:
        raise ServingError(
            f"{settings.serving_path} does not say when it was built ({type(error).__name__}): publish it again"
        ) from None
    info = dict(zip(columns, row or (), strict=False))
    built_at = info.get("built_at")
    if not isinstance(built_at, datetime):
        raise ServingError(f"{settings.serving_path} does not say when it was built: publish it again")
    try:
        known = json.loads(info.get("consent_landings") or "null")
    except ValueError:
        known = None
    return built_at, known if isinstance(known, dict) else None


def _read_landings(settings: Settings) -> Mapping[str, Mapping[str, Any]] | None:
    """The entries of consent_landings.json by `source.entity`; empty without a file, None if it is damaged."""
    try:
        content = json.loads(settings.consent_landings_path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            return None
        entities: dict[str, dict[str, Any]] = dict(content["entities"])
        texts = [entry[name] for entry in entities.values() for name in ("token", "outcome")]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entities if all(isinstance(text, str) for text in texts) else None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _text(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")

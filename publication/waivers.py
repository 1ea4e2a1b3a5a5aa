"""Waivers and overrides: who allowed the publication of a broken rule, until when, and why.

A waiver holds for every build until its last day; an override for one publication. Both name a rule as the check
does (`marts.fct_orders.rows_fell`, `fct_orders.rows_fell`, or `rows_fell` for every table), and each use is logged.
Add here: another property of an exception. Keep out: the rules (quality.py).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from runtime.errors import WrongUseError
from runtime.files import append_line, damaged, make_private_directory, read_mapping, write_whole
from runtime.home import Home

_SUGGESTED = 3


@dataclass(frozen=True)
class Waiver:
    """One exception: `until` is the last day (ISO, UTC) on which it holds."""

    rule: str
    until: str
    owner: str
    reason: str
    granted_at: str

    def holds(self, day: date) -> bool:
        """True up to and including its last day."""
        return day <= date.fromisoformat(self.until)


def rule_id(table: str, rule: str) -> str:
    """The id of a rule of a table: `marts.fct_messages.accepted_values:channel`."""
    return f"{table}.{rule.replace(': ', ':')}"


def names(pattern: str, table: str, rule: str) -> bool:
    """True if the pattern names this rule: with schema and table, with the table alone, or for all tables."""
    whole, written = rule_id(table, rule), pattern.strip().replace(": ", ":")
    return written in {whole, whole.split(".", 1)[-1], rule.replace(": ", ":")}


def all_waivers(home: Home) -> list[Waiver]:
    """All waivers of a home, expired ones included. Raises DamagedFileError."""
    if not home.waivers.exists():
        return []
    remedy = "Correct the file, or remove it: every waiver is then gone, and `merganser check waive` grants them again."
    try:
        waivers = [Waiver(**entry) for entry in read_mapping(home.waivers, remedy)["waivers"]]
        for waiver in waivers:
            date.fromisoformat(waiver.until)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(home.waivers, remedy) from error
    return waivers


def waive(
    home: Home, rule: str, *, until: str, owner: str, reason: str, known: Collection[str], contracts: Collection[str]
) -> Waiver:
    """Grants a waiver and stores it in the home; it replaces an older one of the same rule.

    `known` are the ids of rules that can be waived, `contracts` those that cannot. Raises WrongUseError.
    """
    written = rule.strip().replace(": ", ":")
    if not owner.strip() or not reason.strip():
        raise WrongUseError("A waiver needs an owner and a reason.", "Give --owner and --reason.")
    try:
        last = date.fromisoformat(until)
    except ValueError as error:
        raise WrongUseError(f"'{until}' is not a date.", "Write it like 2026-06-30.") from error
    if last < today():
        raise WrongUseError(f"{until} has passed.", "Name a later day.")
    if not matching(written, known):
        if matching(written, contracts):
            raise WrongUseError(
                f"{written} is a contract: it cannot be waived.",
                "Keys, columns, consent and what reconciles hold, or nothing is published.",
            )
        raise WrongUseError(f"There is no rule {written}.", suggestion(written, known))
    granted = Waiver(written, until, owner.strip(), reason.strip(), now())
    kept = [waiver for waiver in all_waivers(home) if waiver.rule != written]
    write_whole(home.waivers, json.dumps({"waivers": [asdict(waiver) for waiver in [*kept, granted]]}, indent=2))
    log_use(home, "granted", written, owner=granted.owner, until=until, reason=granted.reason)
    return granted


def matching(written: str, ids: Collection[str]) -> list[str]:
    """The ids that a name matches: with schema and table, with table, or alone."""
    return [known for known in ids if written in {known, known.split(".", 1)[-1], known.rsplit(".", 1)[-1]}]


def suggestion(written: str, known: Collection[str]) -> str:
    """The closest known names, as a hint."""
    candidates = sorted({name for one in known for name in (one, one.split(".", 1)[-1], one.rsplit(".", 1)[-1])})
    close = difflib.get_close_matches(written, candidates, _SUGGESTED, 0.5)
    return f"Did you mean {', '.join(close)}?" if close else "`merganser check` names every rule that is broken."


def log_use(home: Home, how: str, rule: str, **details: str) -> None:
    """Appends one line to the home's log of exceptions: granted, waived (in a check), overridden (in a publication)."""
    make_private_directory(home.path)
    line = json.dumps({"at": now(), "how": how, "rule": rule, **details})
    append_line(home.overrides_log, line)


def waiver_for(waivers: Sequence[Waiver], table: str, rule: str) -> Waiver | None:
    """The waiver that holds today for a rule; if there are several, the one that ends last."""
    fitting = [waiver for waiver in waivers if waiver.holds(today()) and names(waiver.rule, table, rule)]
    return max(fitting, key=lambda waiver: waiver.until, default=None)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def now() -> str:
    """The moment in UTC, as text."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")

"""Waivers and overrides: who said that a broken rule may be published, until when, and why.

A waiver holds for every build until its day has passed; an override for one publication. Both name a rule as the check
does (`marts.fct_orders.rows_fell`, `fct_orders.rows_fell`, or `rows_fell` for every table), and each use is logged.
Add here: what such an exception may say. Keep out: which rules there are (quality.py).
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
        """True up to and on its last day."""
        return day <= date.fromisoformat(self.until)


def rule_id(table: str, rule: str) -> str:
    """A rule of a table as people name it: `marts.fct_messages.accepted_values:channel`."""
    return f"{table}.{rule.replace(': ', ':')}"


def names(pattern: str, table: str, rule: str) -> bool:
    """True where what a person wrote names this rule: with its table, the table's bare name, or for every table."""
    whole, written = rule_id(table, rule), pattern.strip().replace(": ", ":")
    return written in {whole, whole.split(".", 1)[-1], rule.replace(": ", ":")}


def all_waivers(home: Home) -> list[Waiver]:
    """Every waiver of a home, also those that have expired. Raises DamagedFileError."""
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
    """Grant a waiver, in place of an older one of the same rule, and keep it in the home.

    `known` are the ids of rules that may be waived, `contracts` those that may not. Raises WrongUseError.
    """
    written = rule.strip().replace(": ", ":")
    if not owner.strip() or not reason.strip():
        raise WrongUseError("A waiver needs an owner and a reason.", "Say --owner and --reason.")
    try:
        last = date.fromisoformat(until)
    except ValueError as error:
        raise WrongUseError(f"'{until}' is no day.", "Write it like 2026-06-30.") from error
    if last < today():
        raise WrongUseError(f"{until} has passed.", "Name a day to come.")
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
    """The ids that a person's words name."""
    return [known for known in ids if written in {known, known.split(".", 1)[-1], known.rsplit(".", 1)[-1]}]


def suggestion(written: str, known: Collection[str]) -> str:
    """What a person may have meant."""
    candidates = sorted({name for one in known for name in (one, one.split(".", 1)[-1], one.rsplit(".", 1)[-1])})
    close = difflib.get_close_matches(written, candidates, _SUGGESTED, 0.5)
    return f"Did you mean {', '.join(close)}?" if close else "`merganser check` names every rule that is broken."


def log_use(home: Home, how: str, rule: str, **details: str) -> None:
    """Append one line to the home's log of exceptions: granted, waived (in a check), overridden (in a publication)."""
    make_private_directory(home.path)
    line = json.dumps({"at": now(), "how": how, "rule": rule, **details})
    append_line(home.overrides_log, line)


def waiver_for(waivers: Sequence[Waiver], table: str, rule: str) -> Waiver | None:
    """The waiver that holds today for a rule, the one that holds longest."""
    fitting = [waiver for waiver in waivers if waiver.holds(today()) and names(waiver.rule, table, rule)]
    return max(fitting, key=lambda waiver: waiver.until, default=None)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def now() -> str:
    """The moment in UTC, as text."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")

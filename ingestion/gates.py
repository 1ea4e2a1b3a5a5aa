"""Gates: compare the statistics of a load with the entity's own history.

The statistics of earlier loads, and of slices of them, span a range. A load breaks a gate if it is outside that range
by the gate's threshold (thresholds.py), and chance does not explain it. A first load has no history and passes.

Add here when a load can be wrong in another way. Keep out: computing statistics (profiles.py), holding loads
(holding.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingestion.profiles import SMALLEST_PROFILE_ROWS, ColumnProfile, Profile, kind_of, profiled_columns
from ingestion.spec import EntitySpec
from ingestion.thresholds import GATES, SIGNIFICANCE

_SETS_FOR_A_MIX = 3  # profiles needed to know the usual variation of a mix of values
_SPREAD_HOURS = 6  # of the day, with at least 2 % each: a batch that runs once a day may run at another hour
_NEARLY_ALL = 0.9  # filled
# Records that people add by hand are few, and differ from an export: less than a hundred rows, and less than half of
# the rows of every load or slice that they would be compared with.
_FEW_ROWS, _SMALL_SHARE = 100, 0.5
_MANY_VALUES, _SOME_VALUES = 20, 12  # of a column, in every earlier load
_FUTURE_ALLOWED = 0.01  # a column with more dates in the future holds plans or expiries
_SHAPES = {
    "at": "values with an @",
    "space": "values with a space",
    "scheme": "values that are URLs",
    "plus": "values that start with +",
    "long": "values of 32 characters and more",
    "upper": "values in upper case",
    "numeric": "values that are numbers",
    "negative": "negative values",
}


@dataclass(frozen=True)
class Finding:
    """A gate that a unit of a load breaks: the column, and the usual and the found statistic as text without values."""

    gate: str
    column: str | None
    usual: str
    found: str
    unit: str = ""

    @property
    def cause(self) -> str:
        """The usual cause."""
        return GATES[self.gate].cause

    def __str__(self) -> str:
        column = f" of {self.column}" if self.column else ""
        return f"{self.gate}{column}: {self.found}; {self.usual}. Likely cause: {self.cause}"


class Limits:
    """The thresholds of an entity: the defaults and the overrides of its declaration."""

    def __init__(self, entity: EntitySpec) -> None:
        self.entity = entity

    def of(self, gate: str, column: str | None = None) -> Mapping[str, float] | None:
        """The thresholds of a gate, by name; None if it is switched off.

        Appended consent decisions pass every gate: they replace nothing, and a withdrawal must not wait. The gates of
        the build find wrong grants: they compare how many customers may be contacted.
        """
        if self.entity.bears_consent and self.entity.mode == "append":
            return None
        chosen = dict(GATES[gate].thresholds)
        for overrides in (self.entity.gates, self.entity.columns[column].gates if column else {}):
            override = overrides.get(gate, {})
            if override == "off":
                return None
            chosen.update(override)
        return chosen


def compare(entity: EntitySpec, profile: Profile, history: Sequence[Profile]) -> list[Finding]:
    """The gates that a unit breaks, compared with the history of its entity."""
    known = [past for past in history if past.rows >= SMALLEST_PROFILE_ROWS]
    if not known or profile.rows < min(_FEW_ROWS, _SMALL_SHARE * min(past.rows for past in known)):
        return []
    limits = Limits(entity)
    findings: list[Finding] = []
    for name in profiled_columns(entity):
        before = [(past.rows, past.column(name)) for past in known]
        findings.extend(_compare_column(entity, limits, name, profile, before))
    return [replace(finding, unit=profile.unit) for finding in findings]


def _compare_column(
    entity: EntitySpec, limits: Limits, name: str, profile: Profile, before: Sequence[tuple[int, ColumnProfile]]
) -> Iterator[Finding]:
    now = profile.column(name)
    missing = _missing_or_empty(limits, name, profile.rows, now, before)
    if missing:
        yield missing
        return
    past = [column for _, column in before if column.filled >= SMALLEST_PROFILE_ROWS]
    if not past or now.filled == 0:
        return
    kind = kind_of(entity.columns[name].type)
    is_id = name in entity.key or name == "id" or name.endswith("_id")
    checks = [_broken_encoding, _value_shape]
    if name not in entity.key:
        checks.append(_constant_column)
    if not is_id:
        checks.append(_number_scale)
    if kind == "time":
        checks = [_date_range, _hour_of_day, _constant_column]
    elif not is_id:  # ids are always new
        checks.append(_category_mix)
    for check in checks:
        found = check(limits, name, now, past)
        if found:
            yield found


def _missing_or_empty(
    limits: Limits, name: str, rows: int, now: ColumnProfile, before: Sequence[tuple[int, ColumnProfile]]
) -> Finding | None:
    least, of_rows = min((column.filled / count, count) for count, column in before)
    usual = f"at least {_percent(least)} filled in earlier loads"
    limit = limits.of("missing_column", name)
    if limit and now.filled == 0 and least > 0 and rows >= limit["min_rows"]:
        chance = rows * math.log10(1 - min(least, 0.99))
        if chance < -6:
            return Finding("missing_column", name, usual, "empty in every record")
    limit = limits.of("null_rate", name)
    share = now.filled / rows
    if not limit or rows < limit["min_rows"] or share >= least * (1 - limit["fall"]):
        return None
    # If a column is partly filled and its values repeat (a visitor's clicks), each distinct value is one observation.
    repeats = min((column.distinct / column.filled for _, column in before if column.filled), default=1.0)
    weight = repeats if least < _NEARLY_ALL else 1.0
    if _standard_errors(share, rows * weight, least, of_rows * weight) < SIGNIFICANCE:
        return None
    return Finding("null_rate", name, usual, f"{_percent(share)} filled")


def _constant_column(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("constant_column", name)
    fewest = min(column.distinct for column in past)
    if not limit or now.filled < limit["min_rows"] or fewest < _SOME_VALUES:
        return None
    most, count = max((column.top / column.filled, column.filled) for column in past)
    share = now.top / now.filled
    # In a column with few values, one value may be more frequent than usual, but rarely the only one.
    enough = most + limit["rise"] if fewest >= _MANY_VALUES else max(most + limit["rise"], 0.95)
    if share < enough or _standard_errors(share, now.filled, most, count) < SIGNIFICANCE:
        return None
    return Finding(
        "constant_column",
        name,
        f"at most {_percent(most)} in earlier loads",
        f"one value fills {_percent(share)}",
    )


def _number_scale(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("number_scale", name)
    if not limit or not now.median or not _is_numeric([now, *past]):
        return None
    medians = [column for column in past if column.median]
    if _sized(now) < limit["min_rows"] or max(map(_sized, medians), default=0) < limit["min_rows"]:
        return None
    # The median is beyond nine tenths of the earlier values, which chance does not explain with thirty values.
    smallest, largest = min(column.median or 0 for column in medians), max(column.median or 0 for column in medians)
    rose = now.median > largest * limit["factor"] and now.median > max(column.high or 0 for column in medians)
    fell = now.median < smallest / limit["factor"] and now.median < min(column.low or 0 for column in medians)
    if not (rose or fell):
        return None
    ratio = now.median / (largest if rose else smallest)
    return Finding(
        "number_scale",
        name,
        f"between {smallest:,.2f} and {largest:,.2f} in earlier loads",
        f"the median is {now.median:,.2f}, {ratio:,.3g} times as large",
    )


def _sized(column: ColumnProfile) -> int:
    """The number of values other than 0: most orders have no discount."""
    return column.filled - column.shapes.get("zero", 0)


def _is_numeric(columns: Sequence[ColumnProfile]) -> bool:
    """Numbers, or text that is nearly always a number."""
    return all(column.shapes.get("numeric", column.distinct) >= 0.95 * column.distinct for column in columns)


def _value_shape(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("value_shape", name)
    # Distinct values are counted, because a campaign or a product repeats one value. Signs are counted by record.
    negative = "negative" in now.shapes
    count = now.filled if negative else now.distinct
    if not limit or count < limit["min_rows"]:
        return None
    rich = [column for column in past if (column.filled if negative else column.distinct) >= limit["min_rows"]]
    for shape, words in _SHAPES.items() if rich else ():
        if shape not in now.shapes:
            continue
        shares = [
            (column.shapes.get(shape, 0) / (column.filled if negative else column.distinct), column.filled)
            for column in rich
        ]
        share = now.shapes[shape] / count
        (least, few), (most, many) = min(shares), max(shares)
        bound, of_rows = (most, many) if share > most else (least, few)
        is_off = share > most + limit["change"] or share < least - limit["change"]
        if is_off and _standard_errors(share, count, bound, of_rows) >= SIGNIFICANCE:
            usual = f"{_percent(least)} to {_percent(most)} in earlier loads"
            return Finding("value_shape", name, usual, f"{_percent(share)} are {words}")
    return None


def _broken_encoding(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("broken_encoding", name)
    if not limit or "broken" not in now.shapes or now.distinct < limit["min_rows"]:
        return None
    most, count = max((column.shapes.get("broken", 0) / column.distinct, column.distinct) for column in past)
    share = now.shapes["broken"] / now.distinct
    # At least five: a single broken name is not a problem of the load.
    if now.shapes["broken"] < 5 or share < most + limit["rise"]:
        return None
    if most > 0 and _standard_errors(share, now.distinct, most, count) < SIGNIFICANCE:
        return None
    return Finding(
        "broken_encoding",
        name,
        f"at most {_percent(most)} in earlier loads",
        f"{_percent(share)} of the values have broken characters",
    )


def _category_mix(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("category_mix", name)
    mixes = [column.mix for column in past if column.mix]
    if not limit or not now.mix or now.filled < limit["min_rows"] or len(mixes) < max(_SETS_FOR_A_MIX, len(past)):
        return None
    # Campaigns, subjects and event types change often, so only codes and flags are compared.
    if limits.entity.columns[name].type != "boolean" and not all(map(_is_code, [now, *past])):
        return None
    pool = _pooled(mixes)
    usual = max(_distance(mix, _pooled([other for other in mixes if other is not mix])) for mix in mixes)
    change = _distance(now.mix, pool)
    chance = 0.5 * math.sqrt(len(pool) / now.filled)
    if change < usual + limit["change"] + chance:
        return None
    return Finding(
        "category_mix",
        name,
        f"at most {_percent(usual)} between earlier loads",
        f"{_percent(change)} of the records have unusual values",
    )


def _is_code(column: ColumnProfile) -> bool:
    """Whether all values are short and in upper case, like currencies and countries."""
    return column.shapes.get("code", 0) == column.distinct


def _date_range(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("date_range", name)
    if not limit or now.filled < limit["min_rows"]:
        return None
    for shape, words in (("old", "in 1970 or earlier"), ("future", "in the future")):
        most, count = max((column.shapes.get(shape, 0) / column.filled, column.filled) for column in past)
        share = now.shapes.get(shape, 0) / now.filled
        if shape == "future" and most > _FUTURE_ALLOWED:
            continue
        if share >= most + limit["rise"] and _standard_errors(share, now.filled, most, count) >= SIGNIFICANCE:
            return Finding(
                "date_range", name, f"at most {_percent(most)} in earlier loads", f"{_percent(share)} {words}"
            )
    return None


def _hour_of_day(limits: Limits, name: str, now: ColumnProfile, past: Sequence[ColumnProfile]) -> Finding | None:
    limit = limits.of("hour_of_day", name)
    clocks = [column.hours for column in past if column.hours]
    if not limit or not now.hours or not clocks or now.filled < limit["min_rows"]:
        return None
    pool = _pooled(clocks)
    total = sum(pool.values())
    at_midnight = all(column.shapes.get("midnight", 0) >= 0.95 * column.filled for column in past)
    if not at_midnight and sum(count >= 0.02 * total for count in pool.values()) < _SPREAD_HOURS:
        return None
    usual = max(_distance(clock, pool) for clock in clocks)
    change = _distance(now.hours, pool)
    shifted = {
        by: _distance({(hour + by) % 24: count for hour, count in now.hours.items()}, pool) for by in range(1, 24)
    }
    by = min(shifted, key=lambda hours: shifted[hours])
    if change < usual + limit["change"] or shifted[by] > change / 2:
        return None
    hours = -by if by <= 12 else 24 - by
    return Finding(
        "hour_of_day", name, "hours of the day as in earlier loads", f"the hours of the day are shifted by {hours:+d}"
    )


@dataclass(frozen=True)
class KnownValues:
    """Values of a column in records with known keys: how many were filled, and how many of these are now empty.

    `ratios`: quartiles of new number / old number, over `pairs` where both are not 0. `shifts`: quartiles of the
    seconds by which timestamps changed.
    """

    filled: int
    gone: int
    pairs: int = 0
    ratios: Sequence[float] | None = None
    shifts: Sequence[float] | None = None


def compare_known(limits: Limits, name: str, known: KnownValues) -> Finding | None:
    """Compares a column of records with known keys: here each record is its own history."""
    usual = "compared with the same records in raw"
    limit = limits.of("null_rate", name)
    if limit and known.filled >= limit["min_rows"] and known.gone >= known.filled * limit["fall"]:
        return Finding("null_rate", name, usual, f"{_percent(known.gone / known.filled)} of the known values are gone")
    limit = limits.of("number_scale", name)
    if limit and known.ratios and known.pairs >= limit["min_rows"]:
        low, _, high = known.ratios
        if low >= limit["factor"] or high <= 1 / limit["factor"]:
            return Finding("number_scale", name, usual, f"the numbers are {known.ratios[1]:,.3g} times as large")
    limit = limits.of("hour_of_day", name)
    if limit and known.shifts and known.filled >= SMALLEST_PROFILE_ROWS:
        low, _, high = known.shifts
        is_zone = low == high and low % 900 == 0 and 0 < abs(low) <= 14 * 3600
        if is_zone:
            return Finding("hour_of_day", name, usual, f"the timestamps are shifted by {low / 3600:+g} hours")
    return None


def compare_files(
    limits: Limits, counts: Mapping[str, int], earlier: Mapping[str, int], usual_sizes: Sequence[int]
) -> list[Finding]:
    """Finds files with far fewer records than usual.

    `counts`: records by file. `earlier`: the fewest records that a file of this name had in any landed version.
    `usual_sizes`: records of the latest landed files with other names.
    """
    findings = []
    shrunken, fewer = limits.of("shrunken_file"), limits.of("row_count")
    for file, count in counts.items():
        before = earlier.get(file, 0)
        least_before = "min_rows" if count else "min_rows_if_empty"
        if shrunken and before >= shrunken[least_before] and count < before * shrunken["share"]:
            findings.append(
                Finding("shrunken_file", None, f"the file of this name had {before:,}", f"{count:,} records", file)
            )
        elif fewer and file not in earlier and len(usual_sizes) >= fewer["min_files"]:
            least, most = min(usual_sizes), max(usual_sizes)
            if least >= fewer["min_rows"] and most <= 2 * least and count < least * fewer["share"]:
                usual = f"between {least:,} and {most:,} in the last {len(usual_sizes)} files"
                findings.append(Finding("row_count", None, usual, f"{count:,} records", file))
    return findings


def compare_removals(limits: Limits, removed: int, before: int) -> Finding | None:
    """Finds a whole table, or scope, without too many of the known rows."""
    limit = limits.of("removed_rows")
    if not limit or before == 0 or removed < limit["min_rows"] or removed / before <= limit["share"]:
        return None
    return Finding(
        "removed_rows",
        None,
        f"the table has {before:,} of them",
        f"{removed:,} rows are absent ({_percent(removed / before)}) and would be deleted",
    )


def compare_refusals(limits: Limits, refused: int, of: int, refused_before: int, of_before: int) -> Finding | None:
    """Finds more quarantined records than in earlier loads."""
    limit = limits.of("quarantined_share")
    if not limit or of < limit["min_rows"] or of_before < limit["min_rows"]:
        return None
    share, usual = refused / of, refused_before / of_before
    if share < usual + limit["rise"] or _standard_errors(share, of, usual, of_before) < SIGNIFICANCE:
        return None
    return Finding(
        "quarantined_share",
        None,
        f"{_percent(usual)} in earlier loads",
        f"{_percent(share)} of the records would go to quarantine",
    )


def compare_copies(limits: Limits, copied: int, of: int, usual: float) -> Finding | None:
    """Finds records with new keys that equal records with other keys. `usual`: the share of such records in raw."""
    limit = limits.of("copied_content")
    if not limit or of < limit["min_rows"] or copied / of < usual + limit["share"]:
        return None
    return Finding(
        "copied_content",
        None,
        f"{_percent(usual)} is usual",
        f"{_percent(copied / of)} of the records with a new key equal a record with another key",
    )


def _standard_errors(share: float, of: float, usual: float, of_usual: float) -> float:
    """The difference of two shares in standard errors (two-proportion z-test, pooled)."""
    pooled = (share * of + usual * of_usual) / (of + of_usual)
    error = math.sqrt(max(pooled * (1 - pooled), 1e-9) * (1 / of + 1 / of_usual))
    return abs(share - usual) / error


def _pooled(counts: Sequence[Mapping[int, int]]) -> dict[int, float]:
    """The mean of several distributions, each with the same weight."""
    pool: dict[int, float] = {}
    for part in counts:
        total = sum(part.values())
        for value, count in part.items():
            pool[value] = pool.get(value, 0.0) + count / total / len(counts)
    return pool


def _distance(counts: Mapping[int, int], pool: Mapping[int, float]) -> float:
    """Total variation distance: the share of records that would need another value."""
    total = sum(counts.values())
    return 0.5 * sum(abs(counts.get(value, 0) / total - pool.get(value, 0.0)) for value in {*counts, *pool})


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"

"""Holding: a load that breaks a gate does not land. It stays in the landing zone until somebody accepts or changes it.

raw_ops.held_loads has a row per held unit (a file, or the files of one extraction), gate and column. It is open while
the load is held. `outcome` says how it ended: accepted (by whom and why), or withdrawn (the file was replaced, removed,
skipped for a later whole table, or no longer breaks the gate).

Add here when something else may be held, or settled in another way. Keep out: statistics (profiles.py), gates
(gates.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb

from ingestion.errors import IngestionError
from ingestion.files import LandingFile
from ingestion.gates import (
    Finding,
    KnownValues,
    Limits,
    compare,
    compare_copies,
    compare_files,
    compare_known,
    compare_refusals,
    compare_removals,
)
from ingestion.loads import EXTRACTED_FILE, Counts, Load, Outcome, Target, key_in
from ingestion.profiles import (
    LARGEST_SAMPLE_ROWS,
    MOST_SLICES,
    ROWS_PER_UNIT,
    SAMPLE_ROWS,
    SMALLEST_PROFILE_ROWS,
    Profile,
    kind_of,
    profile_sample,
    profiled_columns,
    read_history,
    store,
    take_sample,
)
from ingestion.readers.incoming import Incoming
from ingestion.statements import key_hash, literal, quote, same

_UNIT = f"coalesce(nullif(regexp_extract(_file, {literal(EXTRACTED_FILE)}, 1), ''), _file)"
_KNOWN_SAMPLE = 2_000  # records with known keys that are compared
_COPIES_SAMPLE = 500  # records with new keys that are compared
_USUAL_FILES = 10
_LARGE_LOAD = 100_000  # records; a sample of fewer is cheap anyway
_BLOCK_ROWS, _BLOCKS = 2048, 20  # DuckDB's unit of reading


@dataclass(frozen=True)
class Acceptance:
    """The decision to land what these gates hold ("all": any gate): by whom and why."""

    gates: frozenset[str]
    reason: str
    by: str

    def covers(self, gate: str) -> bool:
        """Whether it applies to this gate."""
        return gate in self.gates or "all" in self.gates


@dataclass(frozen=True)
class HeldLoad:
    """Files that do not land, and the gate that they break."""

    source: str
    entity: str
    files: tuple[str, ...]
    finding: Finding

    def __str__(self) -> str:
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.finding} ({self.files[0]}{more})"


class LoadHeldError(IngestionError):
    """Units of a batch break gates; nothing of the batch was kept."""

    def __init__(self, held: Sequence[HeldLoad]) -> None:
        super().__init__("; ".join(map(str, held)))
        self.held = tuple(held)


class Gatekeeper:
    """Examines the batches of one entity in one load, and records what it holds in raw_ops.held_loads."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        target: Target,
        load: Load,
        acceptance: Acceptance | None = None,
    ) -> None:
        self.connection = connection
        self.target = target
        self.entity = target.entity
        self.table = target.table
        self.load = load
        self.acceptance = acceptance
        self.limits = Limits(target.entity)
        self.source, self.name = target.source.source, target.name
        self.names = [self.source, self.name]
        self.held: list[HeldLoad] = []

    def examine(
        self, outcome: Outcome, staged: Incoming, files: Sequence[LandingFile], *, alone: bool
    ) -> Mapping[str, int]:
        """Compares a batch with the entity's history, in the batch's transaction; returns records per file.

        `alone`: its files are held together or not at all. Raises LoadHeldError for what breaks a gate and was not
        accepted.
        """
        judged = outcome.counts
        extracted = judged.extracted
        counts = self._count_by_file(outcome, staged, files, extracted)
        findings = compare_files(self.limits, counts, self._earlier_counts(counts), self._usual_sizes(files))
        removal = compare_removals(self.limits, outcome.removed, outcome.rows_before)
        findings += [removal] if removal else []
        findings += self._compare_refusals(judged, counts, files, alone=alone)
        if extracted:
            findings += self._profile(outcome, staged, files, extracted, alone=alone)
        held = self._by_unit(findings, files, alone=alone)
        refused = [one for one in held if not self._is_accepted(one)]
        if refused:
            raise LoadHeldError(refused)
        for one in held:
            self._settle(one.files, one.finding, "accepted")
        return counts

    # --- what is compared

    def _count_by_file(
        self, outcome: Outcome, staged: Incoming, files: Sequence[LandingFile], extracted: int
    ) -> dict[str, int]:
        if len(files) == 1:
            return {files[0].name: extracted}
        came = f"(select _file from {self.table} where {self._inserted(outcome)})"
        if not staged.streams:
            came = "(select _file from incoming union all select _file from rejected)"
        found = dict(self.connection.execute(f"select _file, count(*) from {came} group by all").fetchall())
        return {file.name: found.get(file.name, 0) for file in files}

    def _compare_refusals(
        self, judged: Counts, counts: Mapping[str, int], files: Sequence[LandingFile], *, alone: bool
    ) -> list[Finding]:
        if not judged.quarantined:
            return []
        [(refused_before, of_before)] = self.connection.execute(
            "select coalesce(sum(quarantined_count), 0), coalesce(sum(extracted_count), 0) from raw_ops.loads"
            " where source = ? and entity = ? and load_id <> ?",
            [*self.names, self.load.load_id],
        ).fetchall()
        refused = {"": judged.quarantined}
        if not alone and len(files) > 1:
            refused = dict(
                self.connection.execute(
                    "select file_name, count(*) from raw_quarantine.records where source = ? and entity = ?"
                    " and load_id = ? and file_name in (select unnest(?)) group by 1",
                    [*self.names, self.load.load_id, list(counts)],
                ).fetchall()
            )
        findings = []
        for file, count in refused.items():
            of = counts.get(file, judged.extracted)
            finding = compare_refusals(self.limits, count, of, int(refused_before), int(of_before))
            findings += [replace(finding, unit=file)] if finding else []
        return findings

    def _earlier_counts(self, counts: Mapping[str, int]) -> dict[str, int]:
        return dict(
            self.connection.execute(
                "select file_name, coalesce(min(record_count), 0) from raw_ops.files"
                " where source = ? and entity = ? and file_name in (select unnest(?)) group by 1",
                [*self.names, list(counts)],
            ).fetchall()
        )

    def _usual_sizes(self, files: Sequence[LandingFile]) -> list[int]:
        rows = self.connection.execute(
            "select arg_max(record_count, load_id) from raw_ops.files where source = ? and entity = ?"
            " and not regexp_matches(file_name, ?) and file_name not in (select unnest(?)) and record_count is not null"
            f" group by file_name order by max(load_id) desc, file_name desc limit {_USUAL_FILES}",
            [*self.names, EXTRACTED_FILE, [file.name for file in files]],
        ).fetchall()
        return [count for (count,) in rows]

    def _profile(
        self, outcome: Outcome, staged: Incoming, files: Sequence[LandingFile], extracted: int, *, alone: bool
    ) -> list[Finding]:
        """Profiles the batch, stores the profiles, and returns the gates that its columns and contents break."""
        lost = self._lost_columns(outcome, staged, files)
        if extracted < SMALLEST_PROFILE_ROWS:
            return lost
        history = read_history(self.connection, self.source, self.name) or self._baseline(outcome)
        slices = len(history) < MOST_SLICES
        self._sample(outcome, staged, extracted, 1 if alone else len(files), alone=alone, slices=slices)
        profiles = profile_sample(self.connection, self.entity, tomorrow=self._tomorrow(), slices=slices)
        profiles = [profile for profile in profiles if profile.rows >= SMALLEST_PROFILE_ROWS]
        findings = [found for one in profiles if one.slice is None for found in compare(self.entity, one, history)]
        reported = {finding.column for finding in findings}
        findings += [finding for finding in lost if finding.column not in reported]
        if history:
            findings += self._compare_copies(outcome, profiles)
            columns = {(finding.unit, finding.column) for finding in findings}
            findings += [one for one in self._compare_known(outcome) if (one.unit, one.column) not in columns]
        store(self.connection, self.source, self.name, self.load.load_id, profiles)
        return findings

    def _lost_columns(self, outcome: Outcome, staged: Incoming, files: Sequence[LandingFile]) -> list[Finding]:
        """Declared columns that every earlier record had, and that no file of this batch has."""
        # APIs and JSON lines may leave out empty fields: there a column is lost if it is never filled.
        is_structured = all(file.format != "ndjson" and not re.match(EXTRACTED_FILE, file.name) for file in files)
        if not staged.fields or not is_structured or self.entity.policy.missing_columns == "ignore":
            return []
        names = [name for name in profiled_columns(self.entity) if name not in staged.fields]
        rows = self.connection.execute(
            "select field from raw_ops.fields where source = ? and entity = ? and is_in_every_record"
            " and lost_load_id is null and field in (select unnest(?))",
            [*self.names, names],
        ).fetchall()
        return [
            Finding("missing_column", name, "every earlier file had it", "the column is absent")
            for (name,) in sorted(rows)
            if self._was_filled(outcome, name)
        ]

    def _was_filled(self, outcome: Outcome, name: str) -> bool:
        limit = self.limits.of("missing_column", name)
        if limit is None:
            return False
        [(filled,)] = self.connection.execute(
            f"select count({quote(name)}) from {self.table}{self._before(outcome)}"
        ).fetchall()
        return bool(filled >= limit["min_rows"])

    def _baseline(self, outcome: Outcome) -> list[Profile]:
        """Profiles of the raw table, if loads were too small for profiles, or are older than profiles."""
        before = self._before(outcome)
        [(count,)] = self.connection.execute(f"select count(*) from {self.table}{before}").fetchall()
        if count < SMALLEST_PROFILE_ROWS:
            return []
        share = max(1, count // SAMPLE_ROWS)
        relation = f"(select *, rowid as place from {self.table}{before})"
        take_sample(self.connection, self.entity, relation, unit="''", number="place", share=share, slices=True)
        return profile_sample(self.connection, self.entity, tomorrow=self._tomorrow(), slices=True)

    def _sample(
        self, outcome: Outcome, staged: Incoming, extracted: int, units: int, *, alone: bool, slices: bool
    ) -> None:
        wanted = min(max(SAMPLE_ROWS, ROWS_PER_UNIT * units), LARGEST_SAMPLE_ROWS)
        share = max(1, extracted // wanted)
        loaded = f"_load_id = {literal(self.load.load_id)}"
        relation = '(select * from incoming where "$problems" is null)' if staged.may_have_problems else "incoming"
        if staged.streams:
            relation = f"(select * from {self.table} where {self._inserted(outcome)})"
        elif units == 1 and extracted >= _LARGE_LOAD and self._is_all_new(outcome, extracted):
            # DuckDB skips the other blocks of a table; a file would be read completely.
            blocks = max(1, extracted // _BLOCK_ROWS // _BLOCKS)
            relation = f"(select * from {self.table} where {loaded} and rowid // {_BLOCK_ROWS} % {blocks} = 0)"
            share = max(1, extracted // blocks // wanted)
        take_sample(
            self.connection,
            self.entity,
            relation,
            unit="''" if alone else _UNIT,
            number="_row",
            share=share,
            slices=slices,
        )

    def _is_all_new(self, outcome: Outcome, extracted: int) -> bool:
        """Whether this load has only this batch so far, and every record of it landed."""
        loaded = f"{self.table} where _load_id = {literal(self.load.load_id)}"
        [(landed,)] = self.connection.execute(f"select count(*) from {loaded}").fetchall()
        return bool(landed == extracted)

    def _compare_known(self, outcome: Outcome) -> list[Finding]:
        """Compares records with known keys with their raw rows."""
        if not outcome.has_known_keys or not self.entity.key:
            return []
        names = [name for name in profiled_columns(self.entity) if name not in self.entity.key]
        figures = []
        for name in names:
            new, old = f"given.{quote(name)}", f"raw.{quote(name)}"
            kind = kind_of(self.entity.columns[name].type)
            pair = f"{new} <> 0 and {old} <> 0" if kind == "number" else "false"
            ratio = f"cast({new} as double) / cast({old} as double)" if kind == "number" else "cast(null as double)"
            shift = f"cast(epoch({new}) - epoch({old}) as double)" if kind == "time" else "cast(null as double)"
            figures.append(
                f"count({old}), count({old}) - count(case when {old} is not null then {new} end),"
                f" count(*) filter ({pair}), quantile_disc({ratio}, [.25, .5, .75]) filter ({pair}),"
                f" quantile_disc({shift}, [.25, .5, .75])"
            )
        if not figures:
            return []
        version = self.entity.version
        newer = f" and given.{quote(version)} >= raw.{quote(version)}" if version else ""
        # The latest version of each key before this batch: it is current, or this load has superseded it.
        rows = self.connection.execute(
            "with given as materialized (select *,"
            f" {key_hash(self.entity)} as _hash from sample where hash(_row) % greatest((select count(*) from sample)"
            f" // {_KNOWN_SAMPLE}, 1) = 0),"
            " pairs as (select given.*, known_rows.raw_row from given"
            " inner join known_rows on given._hash = known_rows.hash)"
            f" select given.unit, {', '.join(figures)} from pairs as given inner join {self.table} as raw"
            f" on raw.rowid = given.raw_row and (raw._superseded_at is null or raw._superseded_at = ?){newer}"
            " group by 1",
            [self.load.loaded_at],
        ).fetchall()
        findings = []
        for unit, *values in rows:
            for place, name in enumerate(names):
                found = compare_known(self.limits, name, KnownValues(*values[5 * place : 5 * place + 5]))
                if found:
                    findings.append(replace(found, unit=unit))
        return findings

    def _compare_copies(self, outcome: Outcome, profiles: Sequence[Profile]) -> list[Finding]:
        if not self.entity.key or not self.limits.of("copied_content"):
            return []
        findings = []
        for profile in profiles:
            probe = self._probe(profile) if profile.slice is None else None
            if probe is None:
                continue
            new = (
                f"(select * from sample where unit = {literal(profile.unit)}{self._has_new_key(outcome)}"
                f" order by hash(_row) limit {_COPIES_SAMPLE})"
            )
            copied, of = self._count_copies(outcome, new, probe)
            if compare_copies(self.limits, copied, of, 0.0) is None:
                continue
            known = f"(select * from {self.table}{self._before(outcome)} using sample {_COPIES_SAMPLE} rows)"
            same_before, of_before = self._count_copies(outcome, known, probe)
            found = compare_copies(self.limits, copied, of, same_before / max(of_before, 1))
            if found:
                findings.append(Finding(found.gate, None, found.usual, found.found, profile.unit))
        return findings

    def _has_new_key(self, outcome: Outcome) -> str:
        """A condition on the sample; streamed records are always new."""
        if outcome.first_row is not None:
            return ""
        key = key_hash(self.entity)
        known = f"select {key} from {self.table}{self._before(outcome)} and {key_in(self.entity, 'sample')}"
        return f" and {key} not in ({known})"

    def _probe(self, profile: Profile) -> str | None:
        """The column to find copies by: not an id, and different in most records; timestamps are preferred to text."""
        candidates = [
            (kind_of(self.entity.columns[name].type) == "time", column.distinct, name)
            for name, column in profile.columns.items()
            if name not in (*self.entity.key, self.entity.version)
            and not (name == "id" or name.endswith("_id"))
            and self.entity.columns[name].type not in ("json", "boolean")
            and column.distinct >= 0.5 * profile.rows
        ]
        return max(candidates)[2] if candidates else None

    def _count_copies(self, outcome: Outcome, records: str, probe: str) -> tuple[int, int]:
        """How many records equal a raw row with another key in 8 of 10 filled fields, and how many there are."""
        left_out = {*self.entity.key, self.entity.version, probe}
        fields = [quote(name) for name in profiled_columns(self.entity) if name not in left_out]
        filled = " + ".join(f"cast(given.{field} is not null as integer)" for field in fields) or "0"
        equal = " + ".join(f"coalesce(cast(given.{field} = raw.{field} as integer), 0)" for field in fields) or "0"
        [(copied, of)] = self.connection.execute(
            f"with given as materialized (select *, row_number() over () as _place from {records}),"
            " copies as (select distinct _place from given inner join"
            f" (select * from {self.table}{self._before(outcome)}"
            f" and {quote(probe)} in (select {quote(probe)} from given))"
            f" as raw on given.{quote(probe)} = raw.{quote(probe)}"
            f" where not ({same(self.entity.key, 'given', 'raw')}) and ({filled}) >= 2"
            f" and ({equal}) >= 0.8 * ({filled}))"
            " select (select count(*) from copies), (select count(*) from given)"
        ).fetchall()
        return int(copied), int(of)

    def _inserted(self, outcome: Outcome) -> str:
        return f"_load_id = {literal(self.load.load_id)} and rowid >= {outcome.first_row}"

    def _before(self, outcome: Outcome) -> str:
        """A where clause: rows from before this batch."""
        if outcome.first_row is None:
            [(first,)] = self.connection.execute(
                f"select min(rowid) from {self.table} where _load_id = {literal(self.load.load_id)}"
            ).fetchall()
            return f" where rowid < {first}" if first is not None else " where true"
        return f" where rowid < {outcome.first_row}"

    def _tomorrow(self) -> str:
        return (self.load.loaded_at + timedelta(days=1)).isoformat(sep=" ")

    # --- what is held

    def _by_unit(self, findings: Sequence[Finding], files: Sequence[LandingFile], *, alone: bool) -> list[HeldLoad]:
        every = tuple(file.name for file in files)
        units: dict[str, list[str]] = defaultdict(list)
        if not alone:
            for name, unit in self.connection.execute(
                f"select _file, {_UNIT} from (select unnest(?) as _file)", [list(every)]
            ).fetchall():
                units[unit].append(name)
        by_file = {name: tuple(members) for members in units.values() for name in members}
        held = []
        for finding in findings:
            members = every if alone else by_file.get(finding.unit) or tuple(units.get(finding.unit, every))
            held.append(HeldLoad(self.source, self.name, members, finding))
        return held

    def _is_accepted(self, one: HeldLoad) -> bool:
        """Whether it was accepted after it had been reported as held."""
        if self.acceptance is None or not self.acceptance.covers(one.finding.gate):
            return False
        return bool(
            self.connection.execute(
                f"select 1 from raw_ops.held_loads where {_SAME} and outcome is null limit 1",
                self._key(one.files, one.finding),
            ).fetchall()
        )

    def hold(self, held: Sequence[HeldLoad]) -> None:
        """Records held loads; one that is already recorded gets today's statistics."""
        for one in held:
            key = self._key(one.files, one.finding)
            self.connection.execute(
                f"update raw_ops.held_loads set usual = ?, found = ? where {_SAME} and outcome is null",
                [one.finding.usual, one.finding.found, *key],
            )
            self.connection.execute(
                "insert into raw_ops.held_loads (source, entity, file_names, gate, column_name, usual, found, cause,"
                " first_load_id, held_at) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 where not exists ("
                " select 1 from raw_ops.held_loads where source = $1 and entity = $2 and file_names = $3 and gate = $4"
                " and column_name is not distinct from $5 and outcome is null)",
                [
                    *key,
                    *(one.finding.usual, one.finding.found, one.finding.cause),
                    *(self.load.load_id, self.load.loaded_at),
                ],
            )
        self.held.extend(held)

    def settle_others(self) -> None:
        """Closes the records of loads that are no longer held."""
        still = {(one.files, one.finding.gate, one.finding.column) for one in self.held}
        for files, gate, column in self.connection.execute(
            "select file_names, gate, column_name from raw_ops.held_loads"
            " where source = ? and entity = ? and outcome is null",
            self.names,
        ).fetchall():
            if (tuple(files), gate, column) not in still:
                self._settle(files, Finding(gate, column, "", ""), "withdrawn")

    def _settle(self, files: Sequence[str], finding: Finding, outcome: str) -> None:
        accepted = self.acceptance if outcome == "accepted" else None
        self.connection.execute(
            "update raw_ops.held_loads set outcome = ?, settled_at = ?, settled_load_id = ?, settled_by = ?, reason = ?"
            f" where {_SAME} and outcome is null",
            [
                *(outcome, self.load.loaded_at, self.load.load_id),
                *(accepted.by if accepted else None, accepted.reason if accepted else None),
                *self._key(files, finding),
            ],
        )

    def _key(self, files: Sequence[str], finding: Finding) -> list[object]:
        return [*self.names, list(files), finding.gate, finding.column]


_SAME = "source = ? and entity = ? and file_names = ? and gate = ? and column_name is not distinct from ?"


@dataclass(frozen=True)
class OpenHold:
    """A load that is held now."""

    source: str
    entity: str
    files: tuple[str, ...]
    gate: str
    column: str | None
    usual: str
    found: str
    cause: str
    held_at: datetime


def open_holds(connection: duckdb.DuckDBPyConnection, source: str | None = None) -> list[OpenHold]:
    """The loads that are held now, of one source or of all; none if raw_ops.held_loads does not exist yet."""
    if not connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'raw_ops' and table_name = 'held_loads'"
    ).fetchall():
        return []
    rows = connection.execute(
        "select source, entity, file_names, gate, column_name, usual, found, cause, held_at from raw_ops.held_loads"
        " where outcome is null and (cast(? as varchar) is null or source = ?) order by all",
        [source, source],
    ).fetchall()
    return [OpenHold(source, entity, tuple(files), *rest) for source, entity, files, *rest in rows]

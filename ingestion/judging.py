"""Judging: which records of a delivery land, which supersede or delete others, and which do nothing.

How records of one key are told apart. Most keys of a delivery are new and single; those are inserted as they stream by.
The others are found by 64 bits of hash and then compared whole: *settled* is a key that is once in the delivery and
equal to a raw row; *contested* is a key that is otherwise in the raw table, or twice in the delivery:

- append: the record that came first stands. An equal one is unchanged, another content is quarantined as duplicate_key.
- merge with a version: every content lands once. The highest version is current; between equal ones (or none given) the
  later arrival is. An older version that comes late lands as superseded.
- merge without a version: a delivery brings one content for a key (the first; others are quarantined as duplicate_key),
  and it replaces the current one unless it equals it. Where records came in pages, the last page has the newest.
- replace: as merge, but a delivery is the whole table: only current rows count, and a key that is absent is deleted.
- snapshot: a delivery is the whole table and lands whole; whatever was there before is superseded.

A delete is a mark (`_deleted_at`) on the row that is current, or on the new row where a declared flag says so. A
key that comes back after its absence lands again.

Arrival is the order of deliveries, then of file names (of one extraction: of pages), then of records in a file. Without
a key the whole content is the key; with the key [_file, _row] each line of a file is a record of its own, equal lines
too.

Add here when a delivery does something new to a raw table. Keep out: parsing (readers.py), what a load is (landing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

import duckdb

from ingestion.errors import DeliveryRefusedError, IngestionError
from ingestion.readers import Incoming, Stream
from ingestion.spec import EntitySpec, SourceSpec
from ingestion.statements import content_columns, identity_columns, json_record, key_hash, literal, quote, same
from ingestion.warehouse import raw_table

# Files that one extraction wrote: <load id of dlt>.<file id>.parquet; the group is what they share.
EXTRACTED_FILE = r"^((?:.*/)?\d+\.\d+)\.[^./]+\.parquet$"

# A list may be emptied and an order lose its lines; that many scopes do not lose a third of their rows at once.
_MANY_SCOPES = 10

# An expression: where a payload stood, as the start of a message.
_PAGE_PREFIX = """coalesce('page ' || "$page" || ': ', '')"""


@dataclass(frozen=True)
class Load:
    """One call of `land`: the id and the moment that it is known by."""

    load_id: str
    loaded_at: datetime


@dataclass(frozen=True)
class Target:
    """An entity of a source, and its raw table."""

    source: SourceSpec
    name: str

    @property
    def entity(self) -> EntitySpec:
        return self.source.entities[self.name]

    @property
    def table(self) -> str:
        return raw_table(self.source, self.name)


@dataclass(frozen=True)
class Counts:
    """What a delivery did. extracted = landed + quarantined + unchanged; `deleted` are marks on what was there."""

    extracted: int
    landed: int
    quarantined: int
    unchanged: int
    deleted: int
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether raw or quarantine is another than before."""
        return bool(self.landed or self.quarantined or self.deleted)


class _CountMismatchError(IngestionError):
    """Records went missing or were counted twice within a delivery."""


class NotAllGoodError(IngestionError):
    """Among records that were hoped to be good and new there is another; it takes staging to say which."""


class Judge:
    """The statements of one delivery, within a transaction that the caller opens; the delivery is staged.

    `is_whole`: the delivery is the whole table. `is_paged`: its records came in pages, so that a later one is newer.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        target: Target,
        load: Load,
        *,
        is_whole: bool,
        is_paged: bool,
    ) -> None:
        self.connection = connection
        self.target = target
        self.entity = target.entity
        self.table = target.table
        self.load = load
        self.is_whole = is_whole
        self.is_paged = is_paged
        self.flagged = 0
        self.has_met = False  # whether `met` has the raw rows with the keys of the delivery
        self.first_row: int | None = None  # row id of the first record of a stream
        self.removed, self.before_removal = 0, 0  # rows that are absent from a whole table or scope, of how many
        self.content = content_columns(target.entity)
        self.columns = _list((*target.entity.columns, "_extra", "_payload"))

    def land(self, staged: Incoming, *, allow_empty: bool) -> Counts:
        """Lands what is staged.

        Raises DeliveryRefusedError when a whole delivery brings nothing where there is something, and NotAllGoodError
        when a record of a stream is broken, or its key is in the raw table or twice in the delivery.
        """
        if staged.streams:
            return self._land_streams(staged.streams)
        extracted = self._count("incoming") + self._count("rejected")
        refused = self._quarantine_rejected()
        broken = self._quarantine_problems() if staged.may_have_problems else 0
        good = '(select * from incoming where "$problems" is null)' if broken else "incoming"
        if self.is_whole and not allow_empty:
            self._refuse_empty(good)
        deleted, warnings = self._delete_absent(staged, has_unreadable=refused > 0)
        landed, unchanged, duplicates = self._insert_good(good)
        quarantined = refused + broken + duplicates
        if extracted != landed + quarantined + unchanged:
            raise _CountMismatchError(
                f"{extracted} records were read, but {landed} landed, {quarantined} were quarantined and {unchanged}"
                " were unchanged. Nothing of this delivery was kept; this is a defect of landing, please report it."
            )
        return Counts(extracted, landed, quarantined, unchanged, deleted + self.flagged, warnings)

    def _count(self, relation: str) -> int:
        [(count,)] = self.connection.execute(f"select count(*) from {relation}").fetchall()
        return int(count)

    def _any(self, relation: str) -> bool:
        return bool(self.connection.execute(f"select 1 from {relation} limit 1").fetchall())

    # --- into quarantine

    def _quarantine_rejected(self) -> int:
        """Records that could not be read, or whose file lacks a column."""
        return self._quarantine("select _file, _row, _page, _field, _rule, _message, _record from rejected")

    def _quarantine_problems(self) -> int:
        """Records with a field that breaks a rule. The first such field is named, all of them are told."""
        types = " ".join(
            f"when {literal(name)} then {literal('not a ' + column.type)}"
            for name, column in self.entity.columns.items()
        )
        message = (
            "case problem.rule when 'required' then 'is null or empty' when 'encoding' then 'not UTF-8'"
            f" when 'expiry' then {literal(self._expiry_message())} when 'new_column' then 'is not declared'"
            f" else case problem.field {types} end end"
        )
        return self._quarantine(
            'select _file, _row, "$page", "$problems"[1].field, "$problems"[1].rule,'
            f' {_PAGE_PREFIX} || array_to_string(list_transform("$problems",'
            f" lambda problem: problem.field || ': ' || {message}), '; '),"
            ' "$record" from incoming where "$problems" is not null'
        )

    def _expiry_message(self) -> str:
        expires = self.entity.expires
        return f"more than {expires.months} months after {expires.after}" if expires else ""

    def _quarantine_duplicates(self) -> int:
        fields = [(spec.from_ or name, f"contested.{quote(name)}") for name, spec in self.entity.columns.items()]
        declared, extra = json_record(fields), "cast(contested._extra as varchar)"
        record = f"coalesce(left({declared}, -1) || ',' || substr({extra}, 2), {declared}, {extra})"  # one flat object
        message = "'the key has come with another content, and no version tells which is newer'"
        return self._quarantine(
            f"select _file, _row, \"$page\", {literal(', '.join(self.entity.key) or '*')}, 'duplicate_key',"
            f" {_PAGE_PREFIX} || {message}, coalesce(cast(contested._payload as varchar), {record})"
            " from contested inner join judged using (arrival) where verdict = 'duplicate_key'"
        )

    def _quarantine(self, records: str) -> int:
        """Inserts `records` (file, row, page, field, rule, message, text). The id is of the load, file and row."""
        cursor = self.connection.execute(
            "insert into raw_quarantine.records by name"
            " select md5(concat_ws('|', $load, $source, $entity, file, row)) as quarantine_id, $source as source,"
            " $entity as entity, $load as load_id, file as file_name, row as row_number, page, field, rule, message,"
            f" record, $loaded_at as quarantined_at from ({records})"
            " as broken(file, row, page, field, rule, message, record)",
            {
                "load": self.load.load_id,
                "source": self.target.source.source,
                "entity": self.target.name,
                "loaded_at": self.load.loaded_at,
            },
        )
        return _changed(cursor)

    def mark_replayed(self) -> None:
        """Marks the records in quarantine that this delivery brought back, with what became of each."""
        here = "source = $source and entity = $entity and load_id = $load"
        self.connection.execute(
            "update raw_quarantine.records as held set replayed_at = $loaded_at, replayed_load_id = $load, outcome ="
            f" case when exists (select 1 from raw_quarantine.records as again where {here}"
            " and again.file_name = replays._file and again.row_number = replays._row) then 'quarantined'"
            f" when exists (select 1 from {self.table} as raw where raw._load_id = $load and raw._file = replays._file"
            " and raw._row = replays._row) then 'landed' else 'unchanged' end"
            " from replays where held.quarantine_id = replays._quarantine_id",
            {
                "load": self.load.load_id,
                "source": self.target.source.source,
                "entity": self.target.name,
                "loaded_at": self.load.loaded_at,
            },
        )

    # --- what a delivery says by leaving it out

    def _refuse_empty(self, good: str) -> None:
        if self._any(f"{self.table} where _superseded_at is null and _deleted_at is null") and not self._any(good):
            raise DeliveryRefusedError(
                f"the newest delivery of {self.target.source.source}.{self.target.name} holds no good record, and it is"
                " declared to be the whole table, which has rows. If the source is empty indeed, run with --allow-empty"
            )

    def _delete_absent(self, staged: Incoming, *, has_unreadable: bool) -> tuple[int, tuple[str, ...]]:
        """Deletes the keys that a whole delivery, or a scope that came whole, no longer has; supersedes snapshots."""
        whole = self.is_whole and bool(self.entity.key)
        if not whole and not staged.has_scopes:
            if self.is_whole:
                there = self._count(f"{self.table} where _superseded_at is null and _deleted_at is null")
                came = self._count('incoming where "$problems" is null')
                self.removed, self.before_removal = max(there - came, 0), there
                self._supersede_all()
            return 0, ()
        null_key = " or ".join(f"{quote(name)} is null" for name in self.entity.key)
        has_unreadable = has_unreadable or (
            staged.may_have_problems and self._any(f'incoming where "$problems" is not null and ({null_key})')
        )
        if has_unreadable and self.entity.mode != "snapshot":
            warning = (
                "some records of the delivery have no readable key, so nothing was deleted for being absent from it."
            )
            return 0, (warning,)
        key = _list(self.entity.key)
        scope = "" if whole else f" and rowid in ({self._scoped()})"
        scoped = "" if whole else f" and raw.rowid in ({self._scoped()})"
        cursor = self.connection.execute(
            f"update {self.table} set _deleted_at = ? where rowid in (select raw.rowid from {self.table} as raw"
            f" anti join (select {key} from incoming) as given on {_equal(self.entity.key, 'raw', 'given')}"
            f" where raw._superseded_at is null and raw._deleted_at is null{scoped})",
            [self.load.loaded_at],
        )
        deleted = _changed(cursor)
        if deleted and (whole or self._count("scopes") >= _MANY_SCOPES):
            left = self._count(f"{self.table} where _superseded_at is null and _deleted_at is null{scope}")
            self.removed, self.before_removal = deleted, deleted + left
        if self.entity.mode == "snapshot":
            self._supersede_all()
        return deleted, ()

    def _scoped(self) -> str:
        """Raw rows of the scopes that came whole. A scope holds by those columns that it names, of all that it may."""
        columns = self.entity.complete_within
        found = []
        for named in (part for size in range(len(columns)) for part in combinations(columns, size + 1)):
            are_named = " and ".join(f"{quote(name)} is {'not ' if name in named else ''}null" for name in columns)
            found.append(
                f"select raw.rowid from {self.table} as raw semi join (from scopes where {are_named}) as scopes"
                f" on {_equal(named, 'raw', 'scopes')}"
            )
        return " union all ".join(found)

    def _supersede_all(self) -> None:
        self.connection.execute(
            f"update {self.table} set _superseded_at = ? where _superseded_at is null", [self.load.loaded_at]
        )

    # --- into the raw table

    @staticmethod
    def may_stream(entity: EntitySpec) -> bool:
        """Whether records of this entity may be inserted before they are judged."""
        return entity.mode == "append" and entity.flag is None

    def _land_streams(self, streams: Sequence[Stream]) -> Counts:
        """Inserts records as they are parsed, then asks whether all are new and single, as nearly always they are.

        The connection keeps their order.
        """
        was_empty = not self._any(self.table)
        began = None
        for stream in streams:
            try:
                self._insert_new(f"select {self.columns}, _file, cast(null as bigint) from ({stream.select})")
            except duckdb.InvalidInputException as error:
                raise NotAllGoodError from error
            first = self._number_arrived(stream)
            began = first if began is None else began
        self.first_row = began
        total = sum(stream.count for stream in streams)
        arrived = f"{self.table} where _load_id = {literal(self.load.load_id)} and rowid >= {began}"
        key = key_hash(self.entity)
        if self._any(f"(select {key} as hash from {arrived} group by hash having count(*) > 1)"):
            raise NotAllGoodError
        # Not asked of the rows before them alone: of a filtered table the engine expects few, and hashes all of it.
        if not was_empty and self._count(f"{self.table} where {self.key_in(arrived)}") > total:
            raise NotAllGoodError
        return Counts(total, total, 0, 0, 0)

    def _number_arrived(self, stream: Stream) -> int:
        """Numbers the records of a stream, which stand in its order; returns the row id of the first."""
        here = f"{self.table} where _load_id = {literal(self.load.load_id)} and _row is null"
        [(first, last, count)] = self.connection.execute(
            f"select min(rowid), max(rowid), count(*) from {here}"
        ).fetchall()
        if not last - first + 1 == count == stream.count:
            raise NotAllGoodError
        self.connection.execute(
            f"update {self.table} set _row = rowid - {first} + 1"
            f" where _load_id = {literal(self.load.load_id)} and _row is null"
        )
        return int(first)

    def _insert_good(self, good: str) -> tuple[int, int, int]:
        """Lands the good records. Returns how many landed, were unchanged, and were quarantined as duplicates."""
        if self.entity.mode == "snapshot" and not self.entity.key:
            return self._insert_new(f"select {self.columns}, _file, _row from {good}"), 0, 0
        settled, contested = self._sort_out(good)
        if settled + contested == 0:
            return self._insert_new(f"select {self.columns}, _file, _row from {good}"), 0, 0
        known = f"{key_hash(self.entity)} in (from settled union all from contested_hashes)"
        landed = self._insert_new(f"select {self.columns}, _file, _row from {good} where not ({known})")
        if contested == 0:
            return landed, settled, 0
        self._take_contested(good)
        if self.entity.mode == "append":
            self._judge_append()
        elif self.entity.version is None and not self.is_paged:
            self._judge_without_version()
        else:
            self._judge_by_rank()
        duplicates = self._quarantine_duplicates()
        unchanged = self._count("(from judged where verdict = 'unchanged')")
        if self.entity.mode != "append":
            self._supersede_landed()
        return landed + self._insert_judged(), settled + unchanged, duplicates

    def _sort_out(self, good: str) -> tuple[int, int]:
        """Parts the keys of the delivery by their hashes, and counts two of three kinds.

        `settled`: once in the delivery, and equal to a raw row, as most of a full export is. `contested_hashes`: other
        keys that are in the raw table (`met` has the rows) or twice in the delivery. The rest is new and single.
        """
        key = key_hash(self.entity)
        current = "" if self._keeps_history else " and _superseded_at is null"
        self.connection.execute("create temp table met (raw_row bigint, hash ubigint, is_gone boolean)")
        if self._any(self.table):
            self.has_met = True
            self.connection.execute(
                f"insert into met select rowid, {key}, _superseded_at is null and {self._gone} from {self.table}"
                f" where {self.key_in(good)}{current}"
            )
        self.connection.execute(
            "create temp table multiples as"
            f" select hash from (select {key} as hash from {good}) group by hash having count(*) > 1"
        )
        self.connection.execute("create temp table settled (hash ubigint)")
        if self._any("met"):
            raw_columns = ", ".join(f"raw.{quote(column)}" for column in self.content)
            self.connection.execute(
                "insert into settled select given.hash"
                f" from (select {key} as hash, {_list(self.content)} from {good}) as given inner join"
                f" (select met.hash, {raw_columns} from {self.table} as raw inner join met on raw.rowid = met.raw_row)"
                f" as held on given.hash = held.hash and {same(self.content, 'given', 'held')}"
                " where given.hash not in (from multiples union all select hash from met where is_gone)"
            )
        self.connection.execute(
            "create temp table contested_hashes as"
            " (select hash from met union select hash from multiples) except from settled"
        )
        return self._count("settled"), self._count("contested_hashes")

    def key_in(self, records: str) -> str:
        """A condition: these records may have the row's key. One column is quicker compared than its hash is made."""
        key = quote(*self.entity.key) if len(self.entity.key) == 1 else key_hash(self.entity)
        return f"{key} in (select {key} from {records})"

    @property
    def _keeps_history(self) -> bool:
        """Whether a content that was superseded counts as known."""
        return self.entity.mode == "merge" and self.entity.version is not None

    @property
    def _flagged(self) -> str:
        """A condition: the record says of itself that it is deleted."""
        if self.entity.flag is None:
            return "false"
        values = ", ".join(literal(value) for value in self.entity.flag.values)
        return f"coalesce(cast({quote(self.entity.flag.column)} as varchar) in ({values}), false)"

    @property
    def _gone(self) -> str:
        """A condition on a raw row: it was deleted by its absence. The same content is news then."""
        return f"(_deleted_at is not null and not {self._flagged})"

    def _take_contested(self, good: str) -> None:
        arrival = f"coalesce(nullif(regexp_extract(_file, {literal(EXTRACTED_FILE)}, 1), ''), _file)"
        self.connection.execute(
            f'create temp table contested as select row_number() over (order by {arrival}, "$page", _file, _row)'
            f' as arrival, {self.columns}, _file, _row, "$page" from {good}'
            f" where {key_hash(self.entity)} in (from contested_hashes)"
        )
        gone_key = f"bool_or(met.is_gone) over (partition by {_list(identity_columns(self.entity))})"
        self.connection.execute(
            f"create temp table existing as select met.raw_row, {self.columns}, _file, _row,"
            f" _superseded_at is null as is_current, {gone_key} as is_gone"
            f" from {self.table} as raw inner join met on raw.rowid = met.raw_row"
            " where met.hash in (from contested_hashes)"
        )

    def _judge_append(self) -> None:
        identity = identity_columns(self.entity)
        self.connection.execute(
            f"create temp table judged as with {self._first_of_key()}"
            " select contested.arrival, case"
            " when existing.raw_row is null and contested.arrival = first_of_key.arrival then 'landed'"
            f" when existing.raw_row is null and {same(self.content, 'contested', 'first_of_key')} then 'unchanged'"
            f" when existing.raw_row is not null and {same(self.content, 'contested', 'existing')} then 'unchanged'"
            " else 'duplicate_key' end as verdict, cast(null as timestamp) as superseded_at"
            f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
            f" left join existing on {same(identity, 'contested', 'existing')}"
        )

    def _judge_without_version(self) -> None:
        identity = identity_columns(self.entity)
        equal = (
            f"existing.raw_row is not null and not existing.is_gone and {same(self.content, 'contested', 'existing')}"
        )
        self.connection.execute(
            f"create temp table judged as with {self._first_of_key()}"
            " select contested.arrival, case"
            f" when not ({same(self.content, 'contested', 'first_of_key')}) then 'duplicate_key'"
            " when contested.arrival <> first_of_key.arrival then 'unchanged'"
            f" when {equal} then 'unchanged'"
            " else 'landed' end as verdict, cast(null as timestamp) as superseded_at"
            f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
            f" left join existing on {same(identity, 'contested', 'existing')}"
        )

    def _first_of_key(self) -> str:
        return (
            "first_of_key as (select * from contested"
            f" qualify row_number() over (partition by {_list(identity_columns(self.entity))} order by arrival) = 1)"
        )

    def _judge_by_rank(self) -> None:
        """Every content of the delivery lands once, and the newest is current: by version, then by arrival.

        Where history counts, what is in the raw table competes too; else the delivery has the last word.
        """
        key = _list(self.entity.key)
        version = quote(self.entity.version) if self.entity.version else "cast(null as bigint)"
        competing = f" union all select 0, {key}, {version} from existing where is_current and not is_gone"
        which_copy, competes = ("", competing) if self._keeps_history else (" desc", "")
        self.connection.execute(
            "create temp table judged as with numbered as ("
            f" select *, row_number() over (partition by {_list(self.content)} order by arrival{which_copy}) as copy"
            " from contested),"
            " fresh as (select * from numbered where copy = 1 and not exists ("
            f" select 1 from existing where not is_gone and {same(self.content, 'existing', 'numbered')})),"
            f" versions as (select arrival, {key}, {version} as version from"
            f" {'fresh' if self._keeps_history else '(from numbered where copy = 1)'}{competes}),"
            f" ranked as (select arrival, row_number() over (partition by {key}"
            " order by version desc nulls last, arrival desc) as rank from versions)"
            " select contested.arrival, case when fresh.arrival is null then 'unchanged' else 'landed' end as verdict,"
            " case when ranked.rank > 1 then cast(? as timestamp) end as superseded_at from contested"
            " left join fresh on contested.arrival = fresh.arrival"
            " left join ranked on contested.arrival = ranked.arrival",
            [self.load.loaded_at],
        )

    def _supersede_landed(self) -> None:
        """Marks the raw rows that a landing record replaces: the current ones of its key."""
        self.connection.execute(
            f"update {self.table} set _superseded_at = ? where rowid in ("
            " select existing.raw_row from existing inner join contested"
            f" on {same(self.entity.key, 'existing', 'contested')}"
            " inner join judged on contested.arrival = judged.arrival"
            " where existing.is_current and judged.verdict = 'landed' and judged.superseded_at is null)",
            [self.load.loaded_at],
        )

    def _insert_new(self, records: str) -> int:
        return self._insert(f"select *, cast(null as timestamp) as superseded_at from ({records})")

    def _insert_judged(self) -> int:
        order = f"{quote(self.entity.version)} nulls first, arrival" if self.entity.version else "arrival"
        return self._insert(
            f"select {self.columns}, _file, _row, superseded_at from contested inner join judged using (arrival)"
            f" where verdict = 'landed' order by {order}"
        )

    def _insert(self, records: str) -> int:
        """Inserts records (content, file, row, superseded_at) as landed by this load."""
        cursor = self.connection.execute(
            f"insert into {self.table} ({self.columns}, _file, _row, _superseded_at, _load_id, _loaded_at, _deleted_at)"
            " select *, cast($load as varchar), cast($loaded_at as timestamp),"
            f" case when {self._flagged} then cast($loaded_at as timestamp) end from ({records})",
            {"load": self.load.load_id, "loaded_at": self.load.loaded_at},
        )
        inserted = _changed(cursor)
        if inserted and self.entity.flag:
            self.flagged += self._count(f"({records}) where superseded_at is null and {self._flagged}")
        return inserted


def _list(columns: Sequence[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def _equal(columns: Sequence[str], left: str, right: str) -> str:
    return " and ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in columns)


def _changed(cursor: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = cursor.fetchall()
    return int(count)

"""Refused records of a batch go to raw_quarantine.records, each with the rule that it breaks.

Add here when a record is refused for another reason. Keep out: what people do with refused records (quarantine.py).
"""

from __future__ import annotations

from ingestion.loads import BatchLoad, changed_rows
from ingestion.spec import EntitySpec
from ingestion.statements import json_record, literal, quote

# An expression: the page of a payload as the start of a message.
_PAGE_PREFIX = """coalesce('page ' || "$page" || ': ', '')"""


def quarantine_rejected(batch: BatchLoad) -> int:
    """Quarantines records that could not be read, or whose file has no required column; returns how many."""
    return _quarantine(batch, "select _file, _row, _page, _field, _rule, _message, _record from rejected")


def quarantine_problems(batch: BatchLoad) -> int:
    """Quarantines records with a field that breaks a rule; returns how many. The message has all such fields."""
    message = _problem_message(batch.entity)
    return _quarantine(
        batch,
        'select _file, _row, "$page", "$problems"[1].field, "$problems"[1].rule,'
        f' {_PAGE_PREFIX} || array_to_string(list_transform("$problems",'
        f" lambda problem: problem.field || ': ' || {message}), '; '),"
        ' "$record" from incoming where "$problems" is not null',
    )


def quarantine_duplicates(batch: BatchLoad) -> int:
    """Quarantines records whose verdict is duplicate_key; returns how many."""
    entity = batch.entity
    fields = [(spec.from_ or name, f"contested.{quote(name)}") for name, spec in entity.columns.items()]
    declared, extra = json_record(fields), "cast(contested._extra as varchar)"
    record = f"coalesce(left({declared}, -1) || ',' || substr({extra}, 2), {declared}, {extra})"  # one flat object
    message = "'another record with this key has other content, and no version says which is newer'"
    return _quarantine(
        batch,
        f"select _file, _row, \"$page\", {literal(', '.join(entity.key) or '*')}, 'duplicate_key',"
        f" {_PAGE_PREFIX} || {message}, coalesce(cast(contested._payload as varchar), {record})"
        " from contested inner join verdicts using (arrival) where verdict = 'duplicate_key'",
    )


def mark_replayed(batch: BatchLoad) -> None:
    """Marks the quarantined records that this batch brought back, with the outcome of each."""
    here = "source = $source and entity = $entity and load_id = $load"
    batch.connection.execute(
        "update raw_quarantine.records as held set replayed_at = $loaded_at, replayed_load_id = $load, outcome ="
        f" case when exists (select 1 from raw_quarantine.records as again where {here}"
        " and again.file_name = replays._file and again.row_number = replays._row) then 'quarantined'"
        f" when exists (select 1 from {batch.table} as raw where raw._load_id = $load"
        " and raw._file = replays._file and raw._row = replays._row) then 'landed' else 'unchanged' end"
        " from replays where held.quarantine_id = replays._quarantine_id",
        batch.parameters,
    )


def _quarantine(batch: BatchLoad, records: str) -> int:
    """Inserts `records` (file, row, page, field, rule, message, text). The id is a hash of load, file and row."""
    cursor = batch.connection.execute(
        "insert into raw_quarantine.records by name"
        " select md5(concat_ws('|', $load, $source, $entity, file, row)) as quarantine_id, $source as source,"
        " $entity as entity, $load as load_id, file as file_name, row as row_number, page, field, rule, message,"
        f" record, $loaded_at as quarantined_at from ({records})"
        " as broken(file, row, page, field, rule, message, record)",
        batch.parameters,
    )
    return changed_rows(cursor)


def _problem_message(entity: EntitySpec) -> str:
    """An expression: what is wrong with the field of a `problem`."""
    types = " ".join(
        f"when {literal(name)} then {literal('not a ' + column.type)}" for name, column in entity.columns.items()
    )
    expires = entity.expires
    expiry = f"more than {expires.months} months after {expires.after}" if expires else ""
    return (
        "case problem.rule when 'required' then 'is null or empty' when 'encoding' then 'not UTF-8'"
        f" when 'expiry' then {literal(expiry)} when 'new_column' then 'is not declared'"
        f" else case problem.field {types} end end"
    )

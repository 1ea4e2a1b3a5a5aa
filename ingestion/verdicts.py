"""Statements that decide about contested records: each creates `verdicts` (arrival, verdict, superseded_at).

They read `contested`, the records of a batch whose keys occur twice in it or are in the raw table with other
content, and `existing`, the raw rows with these keys. A verdict is landed, unchanged or duplicate_key.
"""

from __future__ import annotations

from ingestion.loads import column_list
from ingestion.spec import EntitySpec
from ingestion.statements import content_columns, identity_columns, quote, same


def keeps_history(entity: EntitySpec) -> bool:
    """Whether a superseded content counts as known."""
    return entity.mode == "merge" and entity.version is not None


def append_verdicts(entity: EntitySpec) -> str:
    """Mode append: the first record of a key lands, an equal one is unchanged, any other is a duplicate."""
    identity, content = identity_columns(entity), content_columns(entity)
    return (
        f"create temp table verdicts as with {_first_of_key(entity)}"
        " select contested.arrival, case"
        " when existing.raw_row is null and contested.arrival = first_of_key.arrival then 'landed'"
        f" when existing.raw_row is null and {same(content, 'contested', 'first_of_key')} then 'unchanged'"
        f" when existing.raw_row is not null and {same(content, 'contested', 'existing')} then 'unchanged'"
        " else 'duplicate_key' end as verdict, cast(null as timestamp) as superseded_at"
        f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
        f" left join existing on {same(identity, 'contested', 'existing')}"
    )


def unversioned_verdicts(entity: EntitySpec) -> str:
    """Without a version: the first record of a key replaces the current row, unless they are equal."""
    identity, content = identity_columns(entity), content_columns(entity)
    equal = f"existing.raw_row is not null and not existing.is_absent and {same(content, 'contested', 'existing')}"
    return (
        f"create temp table verdicts as with {_first_of_key(entity)}"
        " select contested.arrival, case"
        f" when not ({same(content, 'contested', 'first_of_key')}) then 'duplicate_key'"
        " when contested.arrival <> first_of_key.arrival then 'unchanged'"
        f" when {equal} then 'unchanged'"
        " else 'landed' end as verdict, cast(null as timestamp) as superseded_at"
        f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
        f" left join existing on {same(identity, 'contested', 'existing')}"
    )


def ranked_verdicts(entity: EntitySpec) -> str:
    """Every content lands once; the highest version is current, then the latest arrival. One parameter: loaded_at.

    Where history is kept, current raw rows compete too; elsewhere the batch decides.
    """
    key = column_list(entity.key)
    version = quote(entity.version) if entity.version else "cast(null as bigint)"
    competing = f" union all select 0, {key}, {version} from existing where is_current and not is_absent"
    copy_order, competes = ("", competing) if keeps_history(entity) else (" desc", "")
    content = content_columns(entity)
    return (
        "create temp table verdicts as with numbered as ("
        f" select *, row_number() over (partition by {column_list(content)} order by arrival{copy_order}) as copy"
        " from contested),"
        " fresh as (select * from numbered where copy = 1 and not exists ("
        f" select 1 from existing where not is_absent and {same(content, 'existing', 'numbered')})),"
        f" versions as (select arrival, {key}, {version} as version from"
        f" {'fresh' if keeps_history(entity) else '(from numbered where copy = 1)'}{competes}),"
        f" ranked as (select arrival, row_number() over (partition by {key}"
        " order by version desc nulls last, arrival desc) as rank from versions)"
        " select contested.arrival, case when fresh.arrival is null then 'unchanged' else 'landed' end as verdict,"
        " case when ranked.rank > 1 then cast(? as timestamp) end as superseded_at from contested"
        " left join fresh on contested.arrival = fresh.arrival"
        " left join ranked on contested.arrival = ranked.arrival"
    )


def _first_of_key(entity: EntitySpec) -> str:
    return (
        "first_of_key as (select * from contested"
        f" qualify row_number() over (partition by {column_list(identity_columns(entity))} order by arrival) = 1)"
    )

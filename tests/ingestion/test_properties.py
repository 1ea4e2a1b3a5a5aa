"""Nothing is lost, and the split into files and loads does not matter."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.settings import Settings
from tests.ingestion.landing_zone import Landing, contact, source

EXAMPLES = 200 if os.environ.get("TORTURE") else 12
QUICK = settings(max_examples=EXAMPLES)


def _records(ids: list[str | None], amounts: list[str | None], moments: list[str | None]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "id": st.sampled_from(ids),
            "email": st.sampled_from(["a@example.org", "b@example.org", 'q"uo,te', None]),
            "amount": st.sampled_from(amounts),
            "updated_at": st.sampled_from(moments),
        },
        optional={"undeclared": st.sampled_from(["x", "y"])},
    )


_VALID = _records(["1", "2", "3"], ["1.50", "2", None], ["2026-01-01", "2026-01-02T10:00:00Z", "2026-01-03"])
_ANY = _records(["1", "2", "3", "", None], ["1.50", "2", "much", None], ["2026-01-01", "2026-01-03", "never", None])
_BROKEN_LINES = st.sampled_from(['{"id": ', "[]", "broken"])


def _lists(others: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists where one of any three records is valid: a file of three refused records does not land."""
    groups = st.lists(st.tuples(_VALID, st.lists(others, max_size=2)), max_size=5)
    return groups.map(lambda found: [record for valid, rest in found for record in (valid, *rest)])


RECORDS = _lists(_ANY)
RECORDS_AND_LINES = _lists(_ANY | _BROKEN_LINES)
CUTS = st.lists(st.tuples(st.integers(0, 14), st.booleans()), max_size=4)


def _cut(records: list[Any], cuts: list[tuple[int, bool]]) -> list[list[list[Any]]]:
    """Loads of files, in the order of the records; a cut ends a file, or with True a load."""
    loads: list[list[list[Any]]] = [[[]]]
    ends = dict(cuts)
    for number, record in enumerate(records):
        if number in ends:
            if ends[number]:
                loads.append([[]])
            else:
                loads[-1].append([])
        loads[-1][-1].append(record)
    return loads


def _land(entity: dict[str, Any], loads: list[list[list[Any]]]) -> tuple[list[int], list[Any], list[Any]]:
    """Lands the loads in a fresh home: the counts, the current rows, and every landed row."""
    with tempfile.TemporaryDirectory() as directory:
        landing = Landing(Settings.from_home(Path(directory)), source(contact=entity))
        counts = [0, 0, 0, 0]
        for number, files in enumerate(loads):
            for part, records in enumerate(files):
                lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
                landing.write(f"crm/contact/{number:02d}-{part:02d}.ndjson", "".join(f"{line}\n" for line in lines))
            report = landing.land()
            assert report.ok, report
            for place, count in enumerate((report.extracted, report.landed, report.quarantined, report.unchanged)):
                counts[place] += count
        content = "id, email, amount, visits, updated_at, _extra"
        current = landing.rows(f"select {content} from raw_crm.contact where _superseded_at is null order by all")
        landed = landing.rows(f"select {content} from raw_crm.contact order by all")
        quarantined = landing.rows("select count(*) from raw_quarantine.records")
        assert [len(landed), quarantined[0][0]] == counts[1:3]
        return counts, current, landed


_OLDER = {"id": "1", "email": None, "amount": "1.50", "updated_at": "2026-01-01"}
_NEWER = {"id": "1", "email": None, "amount": None, "updated_at": "2026-01-03"}


@QUICK
@given(RECORDS_AND_LINES, CUTS)
@example([_NEWER, _OLDER, _NEWER], [(1, True)])  # a late version beside a repeat of the current one
def test_versions_do_not_depend_on_the_cut(records: list[Any], cuts: list[tuple[int, bool]]) -> None:
    counts, current, landed = _land(contact(), [[records]])
    assert counts[0] == len(records) == sum(counts[1:])
    assert _land(contact(), _cut(records, cuts)) == (counts, current, landed)
    keys = [row[0] for row in current]
    assert len(keys) == len(set(keys))


@QUICK
@given(RECORDS, CUTS)
def test_appended_records_do_not_depend_on_the_cut(records: list[Any], cuts: list[tuple[int, bool]]) -> None:
    for key in (["id"], None):
        entity = contact(mode="append", key=key, version=None)
        counts, current, landed = _land(entity, [[records]])
        assert counts[0] == len(records) == sum(counts[1:])
        assert current == landed
        assert _land(entity, _cut(records, cuts)) == (counts, current, landed)


@QUICK
@given(RECORDS, CUTS)
def test_without_a_version_nothing_is_lost_and_the_cut_into_files_is_free(
    records: list[Any], cuts: list[tuple[int, bool]]
) -> None:
    entity = contact(version=None)
    counts, current, landed = _land(entity, [[records]])
    assert counts[0] == len(records) == sum(counts[1:])
    assert _land(entity, _cut(records, [(place, False) for place, _ in cuts])) == (counts, current, landed)
    assert sum(_land(entity, _cut(records, cuts))[0][1:]) == len(records)


@QUICK
@given(RECORDS)
def test_a_second_arrival_lands_nothing(records: list[Any]) -> None:
    entity = contact()
    once = _land(entity, [[records]])
    twice = _land(entity, [[records], [[*records]]])
    assert twice[1:] == once[1:]
    assert twice[0][1] == once[0][1]

"""Exact identifiers of a file: what people share joins only the records that nothing speaks against."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from identity.exact import exact_pairs
from identity.kept_scores import opened

COLUMNS = ("record_id", "source", "first_name", "last_name", "full_name", "birth_date", "email", "phone", "ssn")
PHONE, NUMBER = "+49 731 5550101", "201-77-7719"
ANNA = {"first_name": "Anna", "last_name": "Maurer", "birth_date": "1970-03-01"}
PETER = {"first_name": "Peter", "last_name": "Maurer", "birth_date": "1968-11-20"}


def joined(*given: dict[str, Any], links_only: bool = False) -> set[tuple[int, int]]:
    records = pa.table({
        name: pa.array([str(place) if name == "record_id" else one.get(name) for place, one in enumerate(given, 1)],
                       pa.string())
        for name in COLUMNS
    })  # fmt: skip
    nicknames = [("bob", "robert")]
    with opened(records, nicknames) as connection:
        a, b = exact_pairs(connection, records, nicknames=nicknames, links_only=links_only)
    return set(zip(a.tolist(), b.tolist(), strict=True))


@pytest.mark.parametrize("shared", [{"phone": PHONE}, {"email": "maurer@mail.test"}, {"ssn": NUMBER}])
def test_an_identifier_of_a_family_joins_only_the_records_of_one_person(shared: dict[str, str]) -> None:
    members = [{**person, **shared} for person in (ANNA, PETER, {**PETER, "first_name": "Petr"})]
    assert joined(*members) == {(2, 3)}
    assert joined({**ANNA, **shared}, {**ANNA, **shared, "birth_date": "2001-05-05"}) == set()


def test_nicknames_and_full_names_are_read() -> None:
    whole = {"full_name": "Robert Ash", "phone": PHONE}
    assert joined(whole, {"first_name": "Bob", "last_name": "Ash", "phone": PHONE}) == {(1, 2)}
    assert joined(whole, {"full_name": "Ruth Ash", "phone": PHONE}) == set()


def test_a_record_without_a_name_joins_by_an_address_but_not_by_the_phone_of_two_persons() -> None:
    """Record 3 is Anna by her address. Record 4 could be either of the two."""
    address = {"email": "a.maurer@mail.test"}
    anna, peter = {**ANNA, **address, "phone": PHONE}, {**PETER, "phone": PHONE}
    assert joined(anna, peter, {**address, "phone": PHONE}, {"phone": PHONE}) == {(1, 3)}


def test_an_identifier_that_two_records_of_a_source_without_duplicates_have_joins_neither() -> None:
    ours = [{**ANNA, "email": "a@mail.test", "source": source} for source in ("crm", "crm", "shop")]
    assert joined(*ours) == {(1, 2), (1, 3)}
    assert joined(*ours, links_only=True) == set()
    assert joined(*ours[1:], links_only=True) == {(1, 2)}

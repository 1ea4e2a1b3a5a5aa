"""The model of pairs of groups: it sees what a pair of records does not show."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from identity.group_model import weigh_groups
from identity.groups import Fixed, Groups
from identity.kept_scores import learn_people, opened
from identity.model import Model
from identity.people import COLUMNS

FIRST = "anna bert carla david elena frank greta hugo irene jonas karla lars maria nils olga paul rosa simon tina"
Person = dict[str, Any]


def business(chance: random.Random, size: int) -> tuple[list[Person], list[tuple[int, int]], dict[str, list[Any]]]:
    """Persons with one record in a shop and one at a newsletter, which share an address. One in five uses another
    address in each instead; one in five has a namesake. Returns the records, exact joins, and by kind pairs of records
    of two groups."""
    records: list[Person] = []
    joined: list[tuple[int, int]] = []
    pairs: dict[str, list[Any]] = {"one person": [], "namesakes": []}
    for number in range(size):
        name = {
            "first_name": chance.choice(FIRST.split()),
            "last_name": "".join(chance.choices("abcdefgiklmnorstu", k=8)),
        }
        groups = [("x", "x"), ("y", "y")] if number % 5 == 1 else [("x", "x")]
        if number % 5 == 0:
            groups = [("x", "y")]
        first = len(records) + 1
        for of_shop, of_newsletter in groups:
            records.append({**name, "source": "shop", "email": f"{of_shop}{number}@mail.test"})
            records.append({**name, "source": "newsletter", "email": f"{of_newsletter}{number}@mail.test"})
            if of_shop == of_newsletter:
                joined.append((len(records) - 1, len(records)))
            else:
                pairs["one person"].append((first, first + 1))
        if len(groups) == 2:
            pairs["namesakes"].append((first, first + 3))  # the shop of one, the newsletter of the other
    return records, joined, pairs


def weights(records: list[Person], joined: list[tuple[int, int]], pairs: list[Any]) -> tuple[Model, Any]:
    """The model of the records, and the weight of the two groups of each pair."""
    persons = pa.table(
        {
            "person_no": pa.array(range(1, len(records) + 1), pa.int64()),
            "record_id": [f"{number:06}" for number in range(len(records))],
            **{one: pa.array([person.get(one) for person in records], pa.string()) for one in COLUMNS[1:]},
        }
    )
    a, b = (np.array(ends, np.int64) for ends in zip(*joined, strict=True)) if joined else (np.empty(0, np.int64),) * 2
    nobody = np.empty(0, np.int64)
    with opened(persons, []) as connection:
        groups = Groups.of(connection, persons, Fixed(a, b, nobody, nobody))
        model = learn_people(connection, groups)
        one, other = (groups.of_person[np.array(ends, np.int64) - 1] for ends in zip(*pairs, strict=True))
        return model, weigh_groups(connection, model, groups, one, other)


def test_a_source_that_has_each_person_once_tells_namesakes_apart() -> None:
    """A name is all that two records of one person have in common, and two records of namesakes. But the shop has a
    record of both namesakes, and of one person only one. Without sources the pairs look the same."""
    records, joined, pairs = business(random.Random(5), 600)
    cut = len(pairs["one person"])
    everything = pairs["one person"] + pairs["namesakes"]
    model, found = weights(records, joined, everything)
    assert model.is_trained, model.note
    assert set(model.sources) == {"shop", "newsletter"}
    assert found[:cut].mean() > found[cut:].mean() + 3

    blind, unseen = weights([{**one, "source": None} for one in records], joined, everything)
    assert not blind.sources
    assert unseen[:cut].mean() == pytest.approx(unseen[cut:].mean(), abs=1)


def test_what_another_record_of_the_group_knows_counts() -> None:
    """Of two records with one name, one lacks a birth date. Another record of its group has one, which differs."""
    records, joined, _ = business(random.Random(6), 600)
    born: dict[str, str] = {}
    for number, record in enumerate(records):
        day = born.setdefault(record["last_name"], f"{1940 + number % 60}-0{1 + number % 9}-{11 + number % 17}")
        record["birth_date"] = day if number % 3 else None
    twin = {"first_name": "Xenia", "last_name": "Zorn", "city": "Ulm"}
    last = len(records)
    records += [{**twin, "birth_date": "1970-03-01"}, twin, {**twin, "birth_date": "1955-11-23"}]
    records += [{**twin, "last_name": "Zander", "birth_date": "1970-03-01"}, {**twin, "last_name": "Zander"}]
    pairs = [(last + 1, last + 2), (last + 4, last + 5)]
    _, found = weights(records, [*joined, (last + 2, last + 3)], pairs)
    assert found[0] < found[1] - 3


def test_without_groups_a_pair_of_groups_is_a_pair_of_records() -> None:
    records, _, pairs = business(random.Random(7), 300)
    model, _ = weights(records, [], pairs["one person"])
    assert model.is_trained, model.note
    assert not model.group_probabilities
    assert model.of_groups is model

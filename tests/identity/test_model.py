"""The model of persons: what it learns, what it refuses to learn, and that its probabilities are right."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from identity.comparisons import COMPARISONS
from identity.kept_scores import learn, learn_people, opened
from identity.model import KINDS, Model, score
from identity.people import COLUMNS

SYLLABLES = [consonant + vowel for consonant in "bdfklmnrst" for vowel in "aeiou"]
TWINS = 0.03  # the share of the further members of a household who were born on the same day as another
Person = dict[str, Any]


def name(chance: random.Random, parts: int) -> str:
    return "".join(chance.choices(SYLLABLES, k=parts))


def table(people: list[Person]) -> pa.Table:
    return pa.table(
        {
            "person_no": pa.array(range(1, len(people) + 1), pa.int64()),
            "record_id": [f"{number:06}" for number in range(len(people))],
            **{one: pa.array([person.get(one) for person in people], pa.string()) for one in COLUMNS[2:]},
        }
    )


def business(chance: random.Random, *, homes: int, doubles: float, errors: float) -> tuple[list[Person], list[int]]:
    """Households of one to four persons; a share of the persons has a second record, whose values are wrong or missing
    at the rate of errors. Returns the records and the person of each."""
    records, owners = [], []
    for _ in range(homes):
        home = {"last_name": name(chance, 3), "street": f"{name(chance, 3)} {chance.randint(1, 99)}"}
        home |= {"city": name(random.Random(chance.randint(1, 40)), 2), "postal_code": str(chance.randint(100, 300))}
        born = ""
        for _ in range(chance.choice([1, 1, 2, 3, 4])):
            if not born or chance.random() >= TWINS:
                born = f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            person = {**home, "first_name": name(chance, 2), "birth_date": born}
            owner = len(records)
            for _ in range(1 + (chance.random() < doubles)):
                record = dict(person)
                for column in record if record is not person and owners and owners[-1] == owner else ():
                    if chance.random() < errors:
                        record[column] = chance.choice([None, str(record[column])[:-1], name(chance, 3)])
                records.append(record)
                owners.append(owner)
    return records, owners


@pytest.mark.parametrize(("doubles", "errors"), [(0.05, 0.1), (0.3, 0.05), (0.3, 0.15)])
def test_of_pairs_that_are_promised_at_p_p_are_right(doubles: float, errors: float) -> None:
    """Calibration, within five points (ten among the few doubtful pairs), among households, at several rates of
    duplicates and errors."""
    records, owners = business(random.Random(8), homes=900, doubles=doubles, errors=errors)
    persons = table(records)
    with opened(persons, []) as connection:
        model = learn_people(connection)
        score(connection, model, "candidates", "scored")
        found = connection.execute("select person_no_a, person_no_b, weight from scored where weight > -7").fetchnumpy()
    assert model.is_trained, model.note
    of = np.array([-1, *owners])
    right = of[found["person_no_a"]] == of[found["person_no_b"]]
    promised = 1 / (1 + np.exp2(-found["weight"]))
    true = len(owners) - len(set(owners))
    expected = model.shares["same"] * len(records) * (len(records) - 1) / 2
    assert expected == pytest.approx(true, rel=0.15)
    for least, most, within_points in ((0.9, 1.0, 0.05), (0.5, 1.0, 0.05), (0.1, 0.9, 0.1)):
        within = (promised > least) & (promised <= most)
        if within.sum() >= 30:
            assert right[within].mean() == pytest.approx(promised[within].mean(), abs=within_points)
    certain = right & (promised > 0.9)
    assert certain.sum() > 0.7 * true


def test_a_file_of_families_without_duplicates_is_learned_as_such() -> None:
    records, owners = business(random.Random(3), homes=600, doubles=0.0, errors=0.1)
    model = learn(table(records), [])
    pairs = len(records) * (len(records) - 1) / 2
    assert len(set(owners)) == len(owners)
    assert model.shares["same"] * pairs < 0.01 * len(records)
    assert model.shares["household"] * pairs > 0.3 * len(records)


def test_what_is_not_a_model_of_persons_is_not_used() -> None:
    """Each person has a second record under another given name, as in a pseudonymised file: training learns that given
    names differ."""
    chance = random.Random(5)
    records, _ = business(chance, homes=400, doubles=0.0, errors=0.0)
    records += [{**one, "first_name": name(chance, 4)} for one in records]
    model = learn(table(records), [])
    assert not model.is_trained
    assert model.note.startswith("given differs in")
    by_name = {one.name: one for one in COMPARISONS}
    for comparison in model.comparisons:
        shipped = by_name[comparison.name].probabilities("same")
        assert model.probabilities[comparison.name]["same"] == pytest.approx(shipped)


def test_one_per_cent_of_the_records_changes_little() -> None:
    records, _ = business(random.Random(6), homes=700, doubles=0.3, errors=0.1)
    whole = learn(table(records), [])
    chance = random.Random(1)
    fewer = learn(table([one for one in records if chance.random() > 0.01]), [])
    for comparison in whole.comparisons:
        one, other = (np.array(model.probabilities[comparison.name]["same"]) for model in (whole, fewer))
        assert np.abs(one - other).max() < 0.02
    assert math.log2(whole.shares["same"] / fewer.shares["same"]) == pytest.approx(0, abs=0.1)


def test_a_common_name_is_weaker_evidence_than_a_rare_one() -> None:
    chance = random.Random(2)
    records = [{"first_name": name(chance, 3), "last_name": name(chance, 3), "city": "Ulm"} for _ in range(600)]
    for number in range(100):
        records[number]["first_name"] = "Maria"
    model = replace(learn(table(records), []), shares={"same": 1e-4, "household": 1e-6, "namesake": 1e-6})
    pairs = [{"first_name": one, "last_name": "Zorn", "city": "Ulm"} for one in ("Maria", "Maria", "Xenia", "Xenia")]
    with opened(table(pairs), []) as connection:
        connection.execute("create table asked as select 1 as person_no_a, 2 as person_no_b union all select 3, 4")
        score(connection, model, "asked", "scored")
        (common,), (rare,) = connection.execute("select weight from scored order by person_no_a").fetchall()
    assert rare - common > 3


def test_mailboxes_that_are_built_from_one_name_are_no_evidence() -> None:
    """The name counts once: two persons called Jürgen Grüner have such mailboxes, and so do two called Jürgen."""
    people = [
        {"first_name": "Jürgen", "last_name": "Grüner", "city": "Ulm", "email": email}
        for email in (None, "juergengruener@a.test", "juergen-gruener71@b.test", "juergen.berger@a.test")
    ] + [{"first_name": "Jürgen", "last_name": "Grüner", "city": "Ulm", "email": f"wombat{n}@a.test"} for n in (7, 8)]
    with opened(table(people), []) as connection:
        model = learn_people(connection)
        connection.execute(
            "create table asked as select 1 as person_no_a, unnest([2, 3, 4, 5]) as person_no_b"
            " union all values (2, 3), (2, 4), (5, 6)"
        )
        score(connection, model, "asked", "scored")
        found = connection.execute("select person_no_a, person_no_b, weight from scored").fetchall()
    weights = {(a, b): weight for a, b, weight in found}
    assert weights[2, 3] < weights[1, 2]
    assert weights[2, 4] < weights[1, 2]
    assert weights[5, 6] > weights[1, 5]  # one letter of a mailbox that no name explains


def test_a_stored_model_is_the_same_model() -> None:
    records, _ = business(random.Random(9), homes=350, doubles=0.3, errors=0.1)
    model = learn(table(records), [])
    again = Model.from_json(model.to_json())
    assert again == model
    assert again.version == model.version
    for text in ("[]", "{}", '{"settings": {}}', "x"):
        with pytest.raises((ValueError, TypeError, KeyError)):
            Model.from_json(text)


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda one: one.name)
def test_shipped_probabilities_are_probabilities(comparison: Any) -> None:
    for kind in KINDS:
        levels = comparison.probabilities(kind)
        assert len(levels) == len(comparison.agreeing) + 1
        assert (levels > 0).all()
        assert levels.sum() == pytest.approx(1)
    assert comparison.probabilities("same")[0] > comparison.probabilities("unrelated")[0]

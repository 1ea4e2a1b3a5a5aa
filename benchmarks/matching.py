"""The probabilistic tier: 100,000 person records from nothing, then one per cent of new ones, each in its own process.

Run `python -m benchmarks matching [--scale 0.1]`. A process reads records, does what the warehouse's models do (train
and store a model, score pairs, cluster), and writes the pairs; reading, writing and loading Splink count. The persons
are generated with a fixed seed: realistic frequencies of names, seven in ten records are unique, the others are
duplicates with typing errors, moves and gaps, and some families share a home. New records have the same distribution.
Add here: another question about speed. Keep out: accuracy (the scoreboard).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import middle, run

RECORDS = 100_000
ROUNDS = 3
SYLLABLES = "an ber car da el fri gre ha in jo ka li ma ni ol pe ri sa to ul vi wil"
THRESHOLDS = (90, 10)
Record = dict[str, Any]


def _names(count: int, syllables: int, chance: random.Random) -> tuple[list[str], list[float]]:
    """Names, and their cumulative frequencies: the n-th name has the frequency 1 / n."""
    made = sorted({"".join(chance.choices(SYLLABLES.split(), k=syllables)) for _ in range(3 * count)})
    chance.shuffle(made)
    return made[:count], list(accumulate(1 / (place + 3) for place in range(min(count, len(made)))))


def make_records(count: int) -> list[Record]:
    """Person records by a fixed seed, in random order."""
    chance = random.Random(20)
    (given, given_weight), (family, family_weight) = _names(2_000, 2, chance), _names(20_000, 3, chance)
    streets, street_weight = _names(5_000, 3, chance)
    records: list[Record] = []
    while len(records) < count:
        home = {
            "last_name": chance.choices(family, cum_weights=family_weight)[0],
            "street": f"{chance.choices(streets, cum_weights=street_weight)[0]}str. {chance.randint(1, 120)}",
            "postal_code": f"{chance.randint(10000, 12000)}",
            "phone": f"+4930{chance.randint(10**6, 10**7 - 1)}",
        }
        home["city"] = f"city{int(home['postal_code']) // 20}"
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            first = chance.choices(given, cum_weights=given_weight)[0]
            person = {
                **home,
                "first_name": first,
                "birth_date": f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
                "email": f"{first}.{home['last_name']}{chance.randint(1, 999)}@mail.example",
            }
            records += [person, *(_slipped(person, chance) for _ in range(chance.choice([0, 0, 0, 0, 0, 0, 1, 1, 2])))]
    chance.shuffle(records)
    return records[:count]


def _slipped(person: Record, chance: random.Random) -> Record:
    other = dict(person)
    for name in chance.sample(sorted(other), k=chance.randint(1, 4)):
        value, kind = other[name], chance.random()
        place = chance.randrange(len(value))
        other[name] = None if kind < 0.6 else value[:place] + value[place + 1 :] if kind < 0.8 else value[:place]
    return other


def _table(records: list[Record]) -> pa.Table:
    count = len(records)
    names = ("first_name", "last_name", "birth_date", "street", "postal_code", "city", "phone", "email")
    return pa.table(
        {
            "person_no": np.arange(1, count + 1),
            "record_id": [str(number) for number in range(1, count + 1)],
            "exclusive_no": pa.nulls(count, pa.int64()),
            **{name: pa.array([record.get(name) for record in records], pa.string()) for name in names},
        }
    )


def step(place: Path, known: int, count: int) -> dict[str, Any]:
    """Matches the first `count` records of the file; the first `known` were in the last run."""
    from identity.groups import Fixed
    from identity.kept_scores import Kept, Thresholds, judge, learn, opened
    from identity.model import Model

    started = time.monotonic()
    persons = pq.read_table(place / "records.parquet").slice(0, count)
    kept, basis = None, place / "basis.txt"
    if known:
        model = Model.from_json((place / "model.json").read_text())
        kept = Kept(pq.read_table(place / "pairs.parquet"), basis.read_text(), np.arange(known + 1, count + 1))
    elif (place / "model.json").exists():
        model = Model.from_json((place / "model.json").read_text())
    else:
        model = learn(persons, [])
        (place / "model.json").write_text(model.to_json())
    learned = time.monotonic() - started
    nothing = np.empty(0, np.int64)
    thresholds = Thresholds.of_percent(*THRESHOLDS)
    fixed = Fixed(nothing, nothing, nothing, nothing)
    with opened(persons, []) as connection:
        judged = judge(connection, persons, model, nicknames=[], fixed=fixed, thresholds=thresholds, kept=kept)
    pq.write_table(judged.pairs, place / f"pairs{'_now' if known else ''}.parquet")
    basis.write_text(judged.basis)
    return {
        "seconds_until_the_model_is_there": round(learned, 2),
        "weighed_pairs": judged.weighed,
        "kept_pairs": judged.pairs.num_rows,
        "matches": judged.pairs["verdict"].to_pylist().count("match"),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def measure(scale: float) -> dict[str, Any]:
    """Seconds and MB of a full run and of one per cent more records, each the median of three; and whether the
    increment equals a full run."""
    known = int(RECORDS * scale)
    count = known + known // 100
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        pq.write_table(_table(make_records(count)), place / "records.parquet")
        full, new = [], []
        for _ in range(ROUNDS):
            (place / "model.json").unlink(missing_ok=True)
            full.append(_measured(place, 0, known))
            new.append(_measured(place, known, count))
        _measured(place, 0, count)
        is_equal = pq.read_table(place / "pairs.parquet").equals(pq.read_table(place / "pairs_now.parquet"))
    found = {"full": middle(full), "one_per_cent_new": middle(new)}
    share = round(found["one_per_cent_new"]["seconds"] / found["full"]["seconds"], 3)
    return {"records": known, **found, "share": share, "equals_full_run": is_equal}


def _measured(place: Path, known: int, count: int) -> dict[str, Any]:
    done = run([sys.executable, "-m", "benchmarks.matching", str(place), str(known), str(count)])
    return {"seconds": done.seconds, "processor_seconds": done.processor_seconds, **json.loads(done.output)}


def main() -> None:
    """One step in this process, for `measure`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=main.__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("known", type=int)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    print(json.dumps(step(arguments.place, arguments.known, arguments.count)))


if __name__ == "__main__":
    main()

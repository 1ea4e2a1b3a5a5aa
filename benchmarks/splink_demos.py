"""Splink as its own published demos set it up: what they compare, block on, learn from, and where they draw the line.

The demos lie below docs/demos in Splink's repository (read in November 2026): examples/duckdb/febrl3, the tutorials 04
and 05, examples/duckdb_no_test/pseudopeople-acs. A column that a demo has and a set has not is left out.
A demo that draws no clusters gets the line of deduplicate_50k_synthetic, .95. Seeds are ours.
Add here: another demo. Keep out: settings that no demo has, but for those that say so.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from splink import ColumnExpression, DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as compare
from splink.internals.exceptions import EMTrainingException

Block = tuple[str, ...]


@dataclass(frozen=True)
class Demo:
    """One demo's settings. `alike`: rules that find about `recall` of the pairs (columns, or SQL), for how likely two
    records are one person; without them it is one in the largest source. `learn_on`: blocks that weights are learned
    in; without any, Splink's defaults stand."""

    name: str
    comparisons: Callable[[], Sequence[Any]]
    blocks: tuple[Block, ...]
    alike: tuple[Block | str, ...] = ()
    recall: float = 0.0
    pairs_to_sample: float = 1e6
    learn_on: tuple[Block, ...] = ()
    keeps_frequencies: bool = True
    predict_above: float = 0.2
    cluster_above: float = 0.95
    prepared: str = "*"


def _by_frequency(column: str) -> Any:
    return compare.ExactMatch(column).configure(term_frequency_adjustments=True)


def _names(**thresholds: Any) -> list[Any]:
    return [compare.NameComparison(column, **thresholds) for column in ("first_name", "last_name")]


def _tutorial() -> list[Any]:
    born = ColumnExpression("birth_date").cast_to_string()
    return [
        *_names(),
        compare.LevenshteinAtThresholds(born, 1),
        _by_frequency("city"),
        compare.EmailComparison("email"),
    ]


FEBRL3 = Demo(
    name="febrl3",
    comparisons=lambda: [
        *_names(),
        compare.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y%m%d"),
        compare.DamerauLevenshteinAtThresholds("ssn", [2]),
        _by_frequency("house_number"),
        _by_frequency("postal_code"),
    ],
    blocks=(("ssn",), ("first_name",), ("last_name",), ("birth_date",), ("postal_code",)),
    alike=(
        ("ssn",),
        ("first_name", "last_name", "birth_date"),
        "l.first_name = r.last_name and l.last_name = r.first_name and l.birth_date = r.birth_date",
    ),
    recall=0.9,
    learn_on=(("birth_date",), ("postal_code",)),
)
FAKE_1000 = Demo(
    name="tutorial",
    comparisons=_tutorial,
    blocks=(("first_name", "city"), ("last_name",)),
    alike=(
        ("first_name", "birth_date"),
        "l.first_name = r.first_name and levenshtein(r.last_name, l.last_name) <= 2",
        ("email",),
    ),
    recall=0.7,
    pairs_to_sample=2e6,
    learn_on=(("first_name", "last_name"), ("birth_date",)),
    predict_above=0.1,
    cluster_above=0.2,
)
PSEUDOPEOPLE = Demo(
    # The demo links two files that both have addresses; of ours two have a national number, which is compared as in
    # febrl3 and blocked on.
    name="pseudopeople-acs",
    comparisons=lambda: [
        *(found.configure(term_frequency_adjustments=True) for found in _names(jaro_winkler_thresholds=[0.9])),
        _by_frequency("middle_initial"),
        compare.DamerauLevenshteinAtThresholds("birth_date", [1]),
        compare.DamerauLevenshteinAtThresholds("address").configure(term_frequency_adjustments=True),
        compare.DamerauLevenshteinAtThresholds("ssn", [2]),
    ],
    blocks=(("first_name",), ("last_name",), ("birth_date",), ("street",), ("house_number",), ("ssn",)),
    learn_on=(("birth_date",), ("last_name",)),
    keeps_frequencies=False,
    prepared="*, left(middle_name, 1) as middle_initial,"
    " trim(house_number || ' ' || street || ' ' || city || ' ' || region || ' ' || postal_code || ' '"
    " || coalesce(unit, '')) as address",
)
CONTACTS = replace(
    # Customers with a phone beside what the tutorial's persons have; the keys that they share are blocked on, too.
    FAKE_1000,
    name="tutorial, with phone",
    comparisons=lambda: [*_tutorial(), compare.ExactMatch("phone")],
    blocks=(*FAKE_1000.blocks, ("email",), ("phone",)),
)


def cluster(records: Path, demo: Demo) -> tuple[dict[str, Any], float]:
    """Cluster by record of a Parquet file of persons, as the demo would find it, and the seconds that it took."""
    started = time.monotonic()
    with duckdb.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection.execute(f"create table persons as select {demo.prepared} from read_parquet('{records}')")
        likely = {} if demo.alike else {"probability_two_random_records_match": _one_in_the_largest_source(connection)}
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record_id",
            comparisons=list(demo.comparisons()),
            blocking_rules_to_generate_predictions=[block_on(*block) for block in demo.blocks],
            **likely,
        )
        linker = Linker(DuckDBAPI(connection).register("persons"), settings, log_level=None)
        if demo.alike:
            rules = [rule if isinstance(rule, str) else block_on(*rule) for rule in demo.alike]
            linker.training.estimate_probability_two_random_records_match(rules, recall=demo.recall)
        linker.training.estimate_u_using_random_sampling(max_pairs=demo.pairs_to_sample, seed=1)
        for block in demo.learn_on:
            with suppress(EMTrainingException, ValueError):  # a set too small to learn from: its defaults stand
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block_on(*block), estimate_without_term_frequencies=not demo.keeps_frequencies
                )
        predicted = linker.inference.predict(threshold_match_probability=demo.predict_above)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, demo.cluster_above)
        found = connection.execute(f"select record_id, cluster_id from {clusters.physical_name}").fetchall()
    return dict(found), time.monotonic() - started


def _one_in_the_largest_source(connection: duckdb.DuckDBPyConnection) -> float:
    [(count,)] = connection.execute(
        "select max(records) from (select count(*) as records from persons group by source)"
    ).fetchall()
    return 1 / int(count)

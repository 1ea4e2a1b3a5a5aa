"""Splink with the best plain settings that we found, for the columns that a file has.

Splink gets the records as our own normalisation leaves them (identity/people.py). Its settings follow its
documentation:
- names, with frequencies: Splink's comparison of both together, or one comparison for each (`NAMES`);
- birth date, national number, phone: equal, or one or two characters off; e-mail: Splink's comparison;
- address: one comparison of street, house number, postal code and city together, because they move together;
- middle name: equal, or one an initial;
- pairs that share one of `BLOCKS`, the prior from the strict rules `ALIKE`, whose recall is taken as 70 %;
- levels of unrelated persons from a million random pairs, the others from one session per block of `LEARN_ON`;
- clusters are connected pairs from a threshold on.
Of `NAMES` and `THRESHOLDS` the best are taken for each file, by F1. This needs the truth, which a user of Splink does
not have: a row of the scoreboard is the best of these settings.
Add here: a setting that makes a row better. Keep out: settings for one set.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_level_library as level
from splink import comparison_library as compare
from splink.internals.exceptions import EMTrainingException, SplinkException

from identity.kept_scores import opened
from identity.model import filled_columns

THRESHOLDS = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
RECALL_OF_ALIKE = 0.7
MOST_PAIRS = 100  # per record: a block with more is left out
MOST_PAIRS_TO_LEARN = 500
BLOCKS = (
    ("national_id",), ("email",), ("phone",), ("first_name", "last_name"), ("first_name", "birth_date"),
    ("last_name", "birth_date"), ("postal_code", "birth_date"), ("last_name", "postal_code"), ("last_name", "city"),
    ("first_name", "postal_code"), ("first_name", "city"), ("street", "house_number"), ("last_name", "first_letter"),
    ("last_name_consonants", "first_letter"), ("postal_code",),
)  # fmt: skip
ALIKE = (
    ("national_id",), ("email",), ("first_name", "last_name", "birth_date"),
    ("first_name", "last_name", "street", "house_number"), ("first_name", "last_name", "phone"),
)  # fmt: skip
ALIKE_BY_PLACE = (("first_name", "last_name", "postal_code"), ("first_name", "last_name", "city"))
"""Where a file has nothing but names and place."""
LEARN_ON = (("first_name", "last_name"), ("birth_date",), ("postal_code",), ("email",), ("city",))

Clusters = dict[str, Any]


def _joint(columns: set[str]) -> list[Any]:
    if not {"first_name", "last_name"} <= columns:
        return _separate(columns)
    names = compare.ForenameSurnameComparison("first_name", "last_name", forename_surname_concat_col_name="whole_name")
    return [names.configure(term_frequency_adjustments=True)]


def _separate(columns: set[str]) -> list[Any]:
    return [
        compare.NameComparison(name).configure(term_frequency_adjustments=True)
        for name in ("first_name", "last_name")
        if name in columns
    ]


NAMES = {"names together": _joint, "names apart": _separate}


def _address(columns: set[str]) -> list[Any]:
    """One comparison of what of an address the file has, from the most exact agreement down."""
    place = [name for name in ("postal_code", "city") if name in columns]
    if not place:
        return []
    nothing = " and ".join(f'("{name}_l" is null or "{name}_r" is null)' for name in (*place, *{"street"} & columns))
    levels = [level.CustomLevel(nothing).configure(is_null_level=True)]
    if "street" in columns:
        levels += [
            level.CustomLevel('"street_l" = "street_r" and "house_number_l" = "house_number_r"'),
            level.CustomLevel(
                'jaro_winkler_similarity("street_l", "street_r") >= 0.9 and "house_number_l" = "house_number_r"'
            ),
            level.CustomLevel('"street_l" = "street_r"'),
        ]
    if len(place) == 2:
        levels.append(level.CustomLevel('"postal_code_l" = "postal_code_r" and "city_l" = "city_r"'))
    levels += [level.ExactMatchLevel(name, term_frequency_adjustments=True) for name in place]
    levels += [level.JaroWinklerLevel(name, 0.9) for name in place if name == "city"]
    levels += [level.DamerauLevenshteinLevel(name, 1) for name in place if name == "postal_code"]
    return [compare.CustomComparison(output_column_name="address", comparison_levels=[*levels, level.ElseLevel()])]


def _middle_name() -> Any:
    return compare.CustomComparison(
        output_column_name="middle_name",
        comparison_levels=[
            level.NullLevel("middle_name"),
            level.ExactMatchLevel("middle_name"),
            level.CustomLevel('"middle_name_l"[1] = "middle_name_r"[1]'),
            level.ElseLevel(),
        ],
    )


def _comparisons(columns: set[str], names: str) -> list[Any]:
    others = {
        "middle_name": _middle_name,
        "birth_date": lambda: compare.DamerauLevenshteinAtThresholds("birth_date", [1, 2]),
        "national_id": lambda: compare.DamerauLevenshteinAtThresholds("national_id", [1, 2]),
        "email": lambda: compare.EmailComparison("email"),
        "phone": lambda: compare.DamerauLevenshteinAtThresholds("phone", [1]),
    }
    return [*NAMES[names](columns), *_address(columns), *(make() for name, make in others.items() if name in columns)]


def _blocks(
    connection: duckdb.DuckDBPyConnection, blocks: Sequence[Sequence[str]], columns: set[str], most: int = MOST_PAIRS
) -> list[Any]:
    """The blocks of these columns that do not have too many pairs."""
    kept = []
    for block in blocks:
        if {*block} <= columns:
            [(pairs,)] = connection.execute(f"""
                select coalesce(sum(size * (size - 1) / 2), 0) / (select count(*) from persons)
                from (
                    select count(*) as size from persons
                    where {" and ".join(f"{name} is not null" for name in block)}
                    group by {", ".join(block)}
                )
            """).fetchall()
            if pairs <= most:
                kept.append(block_on(*block))
    return kept


def cluster(records: Path, f1: Callable[[Clusters], float]) -> tuple[Clusters, str, float]:
    """The cluster by record of a Parquet file of persons with the best settings by `f1`, what these are, and the
    seconds of one of them."""
    started = time.monotonic()
    logging.getLogger("splink").setLevel(logging.ERROR)  # it warns of each level that a session cannot learn
    found = {
        f"{names}, from {threshold}": clusters
        for names in NAMES
        for threshold, clusters in _clusters(records, names).items()
    }
    seconds = time.monotonic() - started
    best = max(found, key=lambda settings: f1(found[settings]))
    return found[best], best, seconds / len(NAMES)


def _clusters(records: Path, names: str) -> dict[float, Clusters]:
    """The clusters by threshold."""
    with opened(pq.read_table(records), []) as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        columns = {*filled_columns(connection), "house_number", "first_letter", "last_name_consonants"}
        connection.execute("""
            create table persons as
            select *, first_name || ' ' || last_name as whole_name, left(first_name, 1) as first_letter from people
        """)
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record_id",
            comparisons=_comparisons(columns, names),
            blocking_rules_to_generate_predictions=_blocks(connection, BLOCKS, columns),
        )
        linker = Linker(DuckDBAPI(connection).register("persons"), settings, log_level=None)
        alike = _blocks(connection, ALIKE, columns) or _blocks(connection, ALIKE_BY_PLACE, columns)
        linker.training.estimate_probability_two_random_records_match(alike, recall=RECALL_OF_ALIKE)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for block in _blocks(connection, LEARN_ON, columns, MOST_PAIRS_TO_LEARN):
            with suppress(EMTrainingException, SplinkException, ValueError):  # nothing to learn from or about
                linker.training.estimate_parameters_using_expectation_maximisation(block)
        predicted = linker.inference.predict(threshold_match_probability=min(THRESHOLDS))
        found = {}
        for threshold in THRESHOLDS:
            clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold)
            found[threshold] = dict(
                connection.execute(f"select record_id, cluster_id from {clusters.physical_name}").fetchall()
            )
        return found

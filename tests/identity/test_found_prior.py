"""The prior of a model, before and after it is set to the matches that were found."""

from __future__ import annotations

import math

import duckdb
import pytest

from identity.model import Model, with_found_prior

PEOPLE = 1_000
PAIRS = PEOPLE * (PEOPLE - 1) / 2


def scored(weights: list[float]) -> duckdb.DuckDBPyConnection:
    """A database of a thousand people, and pairs of these weights."""
    connection = duckdb.connect()
    connection.execute(f"create table people as select range as person_no from range({PEOPLE})")
    connection.execute("create table scored as select unnest(?::double[]) as weight", [weights])
    return connection


def model_expecting(pairs: float) -> Model:
    return Model({"probability_two_random_records_match": pairs / PAIRS}, ("first_name",), is_trained=True)


def test_a_low_prior_rises_with_the_matches_found() -> None:
    connection = scored([30.0] * 400 + [-1.0])
    found = with_found_prior(connection, model_expecting(100))
    assert found.settings["probability_two_random_records_match"] == pytest.approx((400 + 1 / 3) / PAIRS)
    [(doubtful,)] = connection.execute("select min(weight) from scored").fetchall()
    assert doubtful == pytest.approx(-1.0 + math.log2(4), abs=0.01), "four times as many were found as were expected"


def test_a_high_prior_falls_with_the_matches_found() -> None:
    connection = scored([30.0] * 50 + [0.5])
    with_found_prior(connection, model_expecting(200))
    assert connection.execute("select min(weight) < 0 from scored").fetchall() == [(True,)]


def test_without_compared_pairs_the_prior_stays() -> None:
    model = model_expecting(100)
    assert with_found_prior(scored([]), model) is model


def test_no_prior_makes_two_records_likely_one_person() -> None:
    found = with_found_prior(scored([30.0] * 400_000), model_expecting(100))
    assert found.settings["probability_two_random_records_match"] == 0.1

"""The model of pairs of groups: records that exact evidence joins are compared with others as one.

A weight of two records leaves out what only other records of their groups know: that both groups have an e-mail, and
different ones; that a shop which has each customer once has both. And two groups differ from two records: an equal
e-mail would have joined them, so that different ones say little.
Add here: what only a group shows. Keep out: two records (model.py) and clusters (closure.py).
"""

from __future__ import annotations

import math
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from identity.closure import Numbers
from identity.comparisons import MAILBOXES, ONLY_OF_GROUPS, Comparison
from identity.groups import Groups
from identity.model import (
    CONVERGED,
    KINDS,
    MOST_ITERATIONS,
    PRIOR_PAIRS,
    Array,
    Levels,
    Model,
    at_most,
    compare,
    kept,
    level_name,
    log_likelihood,
    sample_candidates,
    score,
    weights,
)

UNLIKELY = -12.0
"""Bits. Pairs of records with fewer teach nothing about one person."""

REFUSED = 0.02
"""The share of persons with an equal identifier whose records exact evidence does not join."""

_EXACT = ("email", "phone", "national")  # the comparisons of identifiers that join records
_OTHER_KINDS = KINDS[1:]
_TRUSTED = PRIOR_PAIRS / 4  # for how many pairs what is shipped counts where it says nothing


def learn_groups(connection: duckdb.DuckDBPyConnection, model: Model, groups: Groups) -> Model:
    """The model with what pairs of groups teach: how many are one person, and what their identifiers, sources and
    `ONLY_OF_GROUPS` say. Uses `candidates`. Names, birth dates and homes stay as pairs of records teach them."""
    if not model.is_trained or groups.counts.max(initial=0) < 2:
        return model
    one_in = sample_candidates(connection, groups)
    score(connection, model, "training_pairs", "scored_for_training")
    found = connection.execute(
        f"select person_no_a, person_no_b from scored_for_training where weight > {UNLIKELY} order by all"
    ).fetchnumpy()
    a, b = (groups.of_person[np.searchsorted(groups.numbers, found[name])] for name in ("person_no_a", "person_no_b"))
    key = np.unique(np.minimum(a, b) * groups.size + np.maximum(a, b))
    if not len(key):
        return model
    levels, rarity = _levels(connection, model, groups, key // groups.size, key % groups.size)
    comparisons = [*model.comparisons, *ONLY_OF_GROUPS]
    shares, probabilities = dict(model.shares), _start(connection, model, groups)
    begun = {kind: list(probabilities[kind]) for kind in ("same", "unrelated")}
    for _ in range(MOST_ITERATIONS):
        every = {**shares, "unrelated": 1 - sum(shares.values())}
        logs = {kind: math.log(every[kind]) + log_likelihood(levels, probabilities[kind]) for kind in KINDS}
        logs["unrelated"] = logs["unrelated"] + rarity
        same = one_in * np.exp(logs["same"] - np.logaddexp.reduce(list(logs.values()), axis=0))
        before, share = list(probabilities["same"]), shares["same"]
        for place, one in enumerate(comparisons):
            if one in ONLY_OF_GROUPS:
                probabilities["same"][place] = _learned(levels[:, place], same, begun["same"][place], _TRUSTED)
                others = _learned(levels[:, place], one_in - same, begun["unrelated"][place], _TRUSTED)
                for kind in _OTHER_KINDS:
                    probabilities[kind][place] = others
            elif one.name in _EXACT:
                probabilities["same"][place] = _learned(levels[:, place], same, begun["same"][place], PRIOR_PAIRS)
            elif one.is_of_source:
                learned = _learned(levels[:, place], same, begun["same"][place], PRIOR_PAIRS)
                # One source is never evidence for one person: training would take a source for a person.
                probabilities["same"][place] = at_most(learned, begun["unrelated"][place])
        shares["same"] = min(max(float(same.sum()), 1.0) / (groups.size * (groups.size - 1) / 2), 0.1)
        moved = max(float(np.abs(x - y).max()) for x, y in zip(before, probabilities["same"], strict=True))
        if moved < CONVERGED and abs(shares["same"] / share - 1) < CONVERGED * 10:
            break
    return replace(
        model,
        group_probabilities={
            one.name: {kind: [kept(p) for p in probabilities[kind][place]] for kind in KINDS}
            for place, one in enumerate(comparisons)
        },
        group_shares={kind: kept(share) for kind, share in shares.items()},
    )


def weigh_groups(connection: duckdb.DuckDBPyConnection, model: Model, groups: Groups, a: Numbers, b: Numbers) -> Array:
    """The weights of pairs of groups."""
    if not len(a) or not model.comparisons:
        return np.full(len(a), -1.0)
    levels, rarity = _levels(connection, model, groups, a, b)
    of_groups = model.of_groups
    return weights(of_groups, levels[:, : len(of_groups.comparisons)], rarity)


def _start(connection: duckdb.DuckDBPyConnection, model: Model, groups: Groups) -> dict[str, list[Array]]:
    """The probabilities where training starts: those of pairs of records, and for sources the shares of the groups."""
    of_source = connection.execute("select coalesce(source, '') as source from people order by person_no").fetchnumpy()[
        "source"
    ]
    sources = iter(sorted(model.sources))
    started: dict[str, list[Array]] = {kind: [] for kind in KINDS}
    pairs_of_records = {kind: model.of_kind(kind) for kind in KINDS}
    for place, one in enumerate(model.comparisons):
        for kind in KINDS:
            started[kind].append(pairs_of_records[kind][place])
        if one.name in _EXACT:
            started["same"][place] = _without_equal(started["same"][place])
        if one.is_of_source:
            share = len(np.unique(groups.of_person[of_source == next(sources)])) / groups.size
            for kind in _OTHER_KINDS:
                started[kind][place] = np.array([share**2, 1 - share**2])
    for kind in KINDS:
        started[kind] += [one.probabilities(kind) for one in ONLY_OF_GROUPS]
    return started


def _without_equal(levels: Array) -> Array:
    """The levels where exact evidence has joined most pairs on the closest one."""
    left = np.append(levels[0] * REFUSED, levels[1:])
    divided: Array = left / left.sum()
    return divided


def _learned(levels: Numbers, counts: Array, begun: Array, trusted: float) -> Array:
    known = levels >= 0
    counted = np.bincount(levels[known], weights=counts[known], minlength=len(begun))
    learned: Array = (counted + trusted * begun) / (counted.sum() + trusted)
    return learned


def _levels(
    connection: duckdb.DuckDBPyConnection, model: Model, groups: Groups, a: Numbers, b: Numbers
) -> tuple[Levels, Array]:
    """The levels, with those of `ONLY_OF_GROUPS`, and the rarity of pairs of groups: those of their likeliest pair of
    records, completed by what only other records know."""
    first, second, of_pair = groups.across(a, b)
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((high, low))
    low, high, of_pair = low[order], high[order], of_pair[order]
    connection.register("across", pa.table({"person_no_a": groups.numbers[low], "person_no_b": groups.numbers[high]}))
    comparisons: list[Comparison] = [*model.comparisons, MAILBOXES]
    compare(connection, comparisons, "across", model)
    connection.unregister("across")
    names = [level_name(one) for one in comparisons]
    found = connection.execute(
        f"select {', '.join(names)}, rarity from compared order by person_no_a, person_no_b"
    ).fetchnumpy()
    levels = np.stack([np.asarray(found[name], np.int64) for name in names], axis=1)
    rarity = np.asarray(found["rarity"], np.float64)
    ranked = np.lexsort((-weights(model, levels[:, :-1], rarity), of_pair))
    likeliest = ranked[np.searchsorted(of_pair[ranked], np.arange(len(a)))]
    unknown = np.iinfo(np.int64).max
    closest = np.full((len(a), len(names)), unknown)
    np.minimum.at(closest, of_pair, np.where(levels < 0, unknown, levels))
    completed = levels[likeliest]
    is_of_source = np.array([one.is_of_source for one in comparisons])
    completed = np.where(((completed < 0) | is_of_source) & (closest < unknown), closest, completed)
    others = _others(connection, groups, low[likeliest], high[likeliest])
    return np.append(completed, others[:, None], axis=1), rarity[likeliest]


def _others(connection: duckdb.DuckDBPyConnection, groups: Groups, a: Numbers, b: Numbers) -> Numbers:
    """The level of `OTHERS` for pairs of records: -1 if they have different names or none."""
    found = connection.execute(
        "select dense_rank() over (order by first_name, last_name) as name,"
        " first_name is not null and last_name is not null as is_named from people order by person_no"
    ).fetchnumpy()
    name, is_named = np.asarray(found["name"], np.int64), np.asarray(found["is_named"], np.bool_)
    counts = np.bincount(np.unique(np.stack([name, groups.of_person]), axis=1)[0])
    return np.where((name[a] == name[b]) & is_named[a], (counts[name[a]] > 2).astype(np.int64), -1)

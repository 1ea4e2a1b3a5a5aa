"""How two person records are compared: comparisons with the probabilities of their levels.

The probabilities here are the shipped model. Training starts from them and replaces those that the data determines
(model.py). If there are too few records for training, they are used unchanged.
Add here: a comparison of a column of people.py, or a level of one. Keep out: which pairs are compared (blocking.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import splink.comparison_level_library as levels
from splink.comparison_library import CustomComparison


@dataclass(frozen=True)
class Level:
    """One level of agreement: a SQL condition, and how often it is true for one person (m) and for two (u)."""

    condition: str
    m: float
    u: float
    frequency_of: str | None = None  # column whose rare values are stronger evidence


@dataclass(frozen=True)
class Comparison:
    """Levels from the closest to the loosest; pairs on none of them disagree."""

    name: str
    needs: tuple[str, ...]  # the comparison is used if one of these columns has values
    unknown: str
    agreeing: tuple[Level, ...]

    def for_splink(self) -> CustomComparison:
        """The comparison in Splink's form."""
        made: list[Any] = [
            levels.CustomLevel(sql_condition=self.unknown, label_for_charts="unknown").configure(is_null_level=True)
        ]
        for level in self.agreeing:
            extra: dict[str, Any] = {"tf_adjustment_column": level.frequency_of} if level.frequency_of else {}
            made.append(
                levels.CustomLevel(sql_condition=level.condition, label_for_charts=level.condition).configure(
                    m_probability=level.m, u_probability=level.u, **extra
                )
            )
        rest_m = 1 - sum(level.m for level in self.agreeing)
        rest_u = 1 - sum(level.u for level in self.agreeing)
        made.append(levels.ElseLevel().configure(m_probability=round(rest_m, 6), u_probability=round(rest_u, 6)))
        return CustomComparison(output_column_name=self.name, comparison_levels=made)


def _unknown(*columns: str) -> str:
    return " or ".join(f"{column}_l is null or {column}_r is null" for column in columns)


_SIMILAR = "jaro_winkler_similarity({0}_l, {0}_r) >= {1}"
_ONE_OFF = "damerau_levenshtein({0}_l, {0}_r) <= 1 and length({0}_l) > 3"


def given_names_agree(a: str, b: str) -> str:
    """A condition, never null: whether the given names of two records (with these prefixes) could be one person's.

    True if they are equal, or differ by a nickname, a misspelling, an initial or swapped names, or if one is missing.
    """
    return (
        f"({a}first_name is null or {b}first_name is null or coalesce("
        f"list_has_any({a}given_names, {b}given_names)"
        f" or jaro_winkler_similarity({a}first_name, {b}first_name) >= 0.92"
        f" or damerau_levenshtein({a}first_name, {b}first_name) <= 1 and length({a}first_name) > 3"
        f" or {a}first_name = {b}last_name or {a}last_name = {b}first_name"
        f" or {a}first_name = {b}middle_name or {a}middle_name = {b}first_name"
        f" or least(length({a}first_name), length({b}first_name)) = 1"
        f" and left({a}first_name, 1) = left({b}first_name, 1), false))"
    )


COMPARISONS = (
    Comparison(
        "given",
        ("first_name",),
        _unknown("first_name"),
        (
            Level("first_name_l = first_name_r", 0.7, 0.006, "first_name"),
            Level("list_has_any(given_names_l, given_names_r)", 0.06, 0.002),
            Level(f"{_SIMILAR.format('first_name', 0.92)} or {_ONE_OFF.format('first_name')}", 0.1, 0.008),
            Level(
                "first_name_l = last_name_r or first_name_r = last_name_l or first_name_l = middle_name_r"
                " or middle_name_l = first_name_r or (length(first_name_l) = 1 or length(first_name_r) = 1)"
                " and left(first_name_l, 1) = left(first_name_r, 1) or length(first_name_l) >= 3"
                " and length(first_name_r) >= 3"
                " and (starts_with(first_name_l, first_name_r) or starts_with(first_name_r, first_name_l))",
                0.08,
                0.01,
            ),
            Level(_SIMILAR.format("first_name", 0.8), 0.04, 0.03),
        ),
    ),
    Comparison(
        "family",
        ("last_name",),
        _unknown("last_name"),
        (
            Level("last_name_l = last_name_r", 0.75, 0.006, "last_name"),
            Level(f"{_SIMILAR.format('last_name', 0.92)} or {_ONE_OFF.format('last_name')}", 0.12, 0.003),
            Level("last_name_l = first_name_r or last_name_r = first_name_l", 0.03, 0.001),
            Level(_SIMILAR.format("last_name", 0.8), 0.03, 0.02),
        ),
    ),
    Comparison(
        "middle",
        ("middle_name",),
        _unknown("middle_name"),
        (
            Level(
                "middle_name_l = middle_name_r or left(middle_name_l, 1) = left(middle_name_r, 1)"
                " and (length(middle_name_l) = 1 or length(middle_name_r) = 1)",
                0.85,
                0.07,
            ),
        ),
    ),
    Comparison(
        "generation",
        ("generation",),
        _unknown("generation"),
        (Level("generation_l = generation_r", 0.999, 0.5),),
    ),
    Comparison(
        "birth",
        ("birth_date",),
        _unknown("birth_date"),
        (
            Level("birth_date_l = birth_date_r", 0.85, 0.0001),
            Level(
                "damerau_levenshtein(birth_date_l, birth_date_r) <= 1 or left(birth_date_l, 4) = left(birth_date_r, 4)"
                " and substr(birth_date_l, 5, 2) = substr(birth_date_r, 7, 2)"
                " and substr(birth_date_l, 7, 2) = substr(birth_date_r, 5, 2)",
                0.1,
                0.002,
            ),
            Level("damerau_levenshtein(birth_date_l, birth_date_r) <= 2", 0.04, 0.03),
        ),
    ),
    Comparison(
        "email",
        ("email",),
        _unknown("email"),
        (
            Level("email_l = email_r", 0.6, 0.001, "email"),
            Level("email_name_l = email_name_r", 0.08, 0.0003, "email_name"),
            Level(_SIMILAR.format("email", 0.9), 0.08, 0.001),
        ),
    ),
    Comparison(
        "phone",
        ("phone",),
        _unknown("phone"),
        (
            Level("phone_l = phone_r", 0.6, 0.001, "phone"),
            Level(
                "damerau_levenshtein(phone_l, phone_r) <= 1"
                " or ends_with(phone_l, phone_r) or ends_with(phone_r, phone_l)",
                0.08,
                0.0003,
            ),
        ),
    ),
    Comparison(
        "national",
        ("national_id",),
        _unknown("national_id"),
        (
            Level("national_id_l = national_id_r", 0.85, 0.00001),
            Level("damerau_levenshtein(national_id_l, national_id_r) <= 1", 0.08, 0.0001),
            Level("damerau_levenshtein(national_id_l, national_id_r) <= 2", 0.04, 0.001),
        ),
    ),
    # One comparison for the whole address. Two comparisons merged spouses and siblings, who agree on every part of it.
    Comparison(
        "home",
        ("street", "postal_code"),
        "(street_l is null or street_r is null) and (postal_code_l is null or postal_code_r is null)"
        " and (city_l is null or city_r is null)",
        (
            Level(
                "street_l = street_r and house_number_l = house_number_r and unit_l is not distinct from unit_r",
                0.5,
                0.002,
            ),
            Level(
                "house_number_l = house_number_r and jaro_winkler_similarity(street_l, street_r) >= 0.9"
                " or street_l = street_r and (house_number_l is null or house_number_r is null"
                " or damerau_levenshtein(house_number_l, house_number_r) <= 1)",
                0.15,
                0.002,
            ),
            Level("street_l = street_r or jaro_winkler_similarity(street_l, street_r) >= 0.92", 0.05, 0.002),
            Level("postal_code_l = postal_code_r and city_l = city_r", 0.08, 0.01),
            Level("postal_code_l = postal_code_r or city_l = city_r", 0.08, 0.05),
        ),
    ),
    Comparison(
        "place",
        ("city",),
        _unknown("city"),
        (
            Level("city_l = city_r", 0.6, 0.05, "city"),
            Level(_SIMILAR.format("city", 0.9), 0.1, 0.01),
        ),
    ),
    Comparison(
        "employer",
        ("company",),
        _unknown("company"),
        (Level("company_l = company_r", 0.5, 0.005, "company"), Level(_SIMILAR.format("company", 0.9), 0.1, 0.005)),
    ),
    Comparison(
        "occupation",
        ("occupation",),
        _unknown("occupation"),
        (Level("occupation_l = occupation_r", 0.5, 0.05, "occupation"),),
    ),
)


def chosen(filled: set[str]) -> list[Comparison]:
    """The comparisons for these columns; `place` only if there is no other part of an address."""
    made = [comparison for comparison in COMPARISONS if filled & set(comparison.needs)]
    names = {comparison.name for comparison in made}
    return [comparison for comparison in made if comparison.name != "place" or "home" not in names]

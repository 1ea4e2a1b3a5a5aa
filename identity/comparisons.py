"""How two person records are compared: comparisons, and the probabilities of their levels.

The probabilities here are the shipped model. Training starts from them (model.py). If there are too few records for
training, they are used unchanged.
Add here: a comparison of a column of people.py, or a level of one. Keep out: which pairs are compared (blocking.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SIDE = re.compile(r"\b(\w+)_([lr])\b")


@dataclass(frozen=True)
class Level:
    """One level of agreement: a SQL condition on the columns of both sides (`_l`, `_r`), and how often it is true for
    two records of one person, of two unrelated persons, of two persons of one household, and of two persons with the
    same name (None: as often as for unrelated ones)."""

    condition: str
    same: float
    unrelated: float
    household: float
    namesake: float | None = None
    frequency_of: str | None = None  # column whose rare values are stronger evidence


@dataclass(frozen=True)
class Comparison:
    """Levels from the closest to the loosest; pairs on none of them disagree."""

    name: str
    needs: tuple[str, ...]  # the comparison is used if one of these columns has values
    unknown: str
    agreeing: tuple[Level, ...]
    is_personal: bool = False  # what distinguishes the members of a household
    is_of_source: bool = False

    def level(self, left: str, right: str) -> str:
        """SQL for the number of the level: from 0 for the closest; -1 if a value is missing."""
        cases = " ".join(f"when {level.condition} then {place}" for place, level in enumerate(self.agreeing))
        text = f"case when {self.unknown} then -1 {cases} else {len(self.agreeing)} end"
        return _SIDE.sub(lambda found: f"{left if found[2] == 'l' else right}.{found[1]}", text)

    def probabilities(self, kind: str) -> NDArray[np.float64]:
        """The shipped probabilities of the levels in pairs of a kind; the last one is disagreement."""
        agreeing = [
            level.unrelated if kind == "namesake" and level.namesake is None else getattr(level, kind)
            for level in self.agreeing
        ]
        return np.array([*agreeing, 1 - sum(agreeing)])

    @property
    def of_namesakes(self) -> bool:
        """Whether persons with the same name differ from unrelated ones here."""
        return any(level.namesake is not None for level in self.agreeing)


def _unknown(*columns: str) -> str:
    return " or ".join(f"{column}_l is null or {column}_r is null" for column in columns)


_SIMILAR = "jaro_winkler_similarity({0}_l, {0}_r) >= {1}"
_ONE_OFF = "damerau_levenshtein({0}_l, {0}_r) <= 1 and length({0}_l) > 3"
_SWAPPED = (
    "((first_name_l = last_name_r or first_name_r = last_name_l)"
    " and jaro_winkler_similarity(first_name_l, last_name_r) >= 0.8"
    " and jaro_winkler_similarity(first_name_r, last_name_l) >= 0.8)"
)
_ONE_NAME = "(is_email_of_name_l and is_email_of_name_r and email_letters_l = email_letters_r)"

COMPARISONS = (
    Comparison(
        "given",
        ("first_name",),
        _unknown("first_name"),
        (
            Level("first_name_l = first_name_r", 0.7, 0.006, 0.03, 0.9, "first_name"),
            Level("list_has_any(given_names_l, given_names_r)", 0.06, 0.002, 0.01, 0.04),
            Level(f"{_SIMILAR.format('first_name', 0.92)} or {_ONE_OFF.format('first_name')}", 0.11, 0.008, 0.02, 0.03),
            Level(
                # Swapped names: of a family, only the family name is found on the other side.
                f"{_SWAPPED} or first_name_l = middle_name_r"
                " or middle_name_l = first_name_r or (length(first_name_l) = 1 or length(first_name_r) = 1)"
                " and left(first_name_l, 1) = left(first_name_r, 1) or length(first_name_l) >= 3"
                " and length(first_name_r) >= 3"
                " and (starts_with(first_name_l, first_name_r) or starts_with(first_name_r, first_name_l))",
                0.08,
                0.01,
                0.04,
                0.01,
            ),
            Level(_SIMILAR.format("first_name", 0.8), 0.03, 0.03, 0.1, 0.005),
        ),
        is_personal=True,
    ),
    Comparison(
        "family",
        ("last_name",),
        _unknown("last_name"),
        (
            Level("last_name_l = last_name_r", 0.75, 0.006, 0.8, 0.95, "last_name"),
            Level(f"{_SIMILAR.format('last_name', 0.92)} or {_ONE_OFF.format('last_name')}", 0.12, 0.003, 0.05, 0.03),
            Level("last_name_l = first_name_r or last_name_r = first_name_l", 0.03, 0.001, 0.02, 0.001),
            Level(_SIMILAR.format("last_name", 0.8), 0.03, 0.02, 0.02, 0.005),
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
                0.1,
            ),
        ),
        is_personal=True,
    ),
    Comparison(
        "generation",
        ("generation",),
        _unknown("generation"),
        (Level("generation_l = generation_r", 0.999, 0.5, 0.3),),
        is_personal=True,
    ),
    Comparison(
        "birth",
        ("birth_date",),
        _unknown("birth_date"),
        (
            Level("birth_date_l = birth_date_r", 0.85, 0.0001, 0.02),  # twins
            Level(
                "damerau_levenshtein(birth_date_l, birth_date_r) <= 1 or left(birth_date_l, 4) = left(birth_date_r, 4)"
                " and substr(birth_date_l, 5, 2) = substr(birth_date_r, 7, 2)"
                " and substr(birth_date_l, 7, 2) = substr(birth_date_r, 5, 2)",
                0.1,
                0.002,
                0.003,
            ),
            Level("damerau_levenshtein(birth_date_l, birth_date_r) <= 2", 0.04, 0.03, 0.03),
        ),
        is_personal=True,
    ),
    # Mailboxes that are built from one name say what the names say: they agree only if they are equal.
    Comparison(
        "email",
        ("email",),
        _unknown("email"),
        (
            Level("email_l = email_r", 0.6, 0.001, 0.08, 0.01, "email"),
            Level(f"email_name_l = email_name_r and not {_ONE_NAME}", 0.05, 0.0001, 0.005, 0.001, "email_name"),
            Level(
                "abs(length(email_name_l) - length(email_name_r)) <= 2"
                " and (left(email_name_l, 2) = left(email_name_r, 2)"
                " or right(email_name_l, 2) = right(email_name_r, 2))"
                f" and damerau_levenshtein(email_name_l, email_name_r) <= 2 and not {_ONE_NAME}"
                " and email_domain_l = email_domain_r"
                # Siblings: Francois.V@ and Francoise.V@ differ as the given names do.
                " and (not (is_email_of_name_l and is_email_of_name_r) or first_name_l = first_name_r)",
                0.08,
                0.0001,
                0.005,
                0.02,
            ),
        ),
    ),
    Comparison(
        "phone",
        ("phone",),
        _unknown("phone"),
        (
            Level("phone_l = phone_r", 0.6, 0.001, 0.35, None, "phone"),
            Level(
                "damerau_levenshtein(phone_l, phone_r) <= 1"
                " or ends_with(phone_l, phone_r) or ends_with(phone_r, phone_l)",
                0.08,
                0.0003,
                0.02,
            ),
        ),
    ),
    Comparison(
        "national",
        ("national_id",),
        _unknown("national_id"),
        (
            Level("national_id_l = national_id_r", 0.85, 0.00001, 0.00001),
            Level("damerau_levenshtein(national_id_l, national_id_r) <= 1", 0.08, 0.0001, 0.0001),
            Level("damerau_levenshtein(national_id_l, national_id_r) <= 2", 0.04, 0.001, 0.001),
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
                0.75,
            ),
            Level(
                "house_number_l = house_number_r and jaro_winkler_similarity(street_l, street_r) >= 0.9"
                " or street_l = street_r and (house_number_l is null or house_number_r is null"
                " or damerau_levenshtein(house_number_l, house_number_r) <= 1)",
                0.15,
                0.002,
                0.08,
            ),
            Level("street_l = street_r or jaro_winkler_similarity(street_l, street_r) >= 0.92", 0.05, 0.002, 0.03),
            Level("postal_code_l = postal_code_r and city_l = city_r", 0.08, 0.01, 0.03),
            Level("postal_code_l = postal_code_r or city_l = city_r", 0.08, 0.05, 0.03),
        ),
    ),
    Comparison(
        "place",
        ("city",),
        _unknown("city"),
        (
            Level("city_l = city_r", 0.6, 0.05, 0.9, None, "city"),
            Level(_SIMILAR.format("city", 0.9), 0.1, 0.01, 0.03),
        ),
    ),
    Comparison(
        "employer",
        ("company",),
        _unknown("company"),
        (
            Level("company_l = company_r", 0.5, 0.005, 0.05, None, "company"),
            Level(_SIMILAR.format("company", 0.9), 0.1, 0.005, 0.01),
        ),
    ),
    Comparison(
        "occupation",
        ("occupation",),
        _unknown("occupation"),
        (Level("occupation_l = occupation_r", 0.5, 0.05, 0.08, None, "occupation"),),
        is_personal=True,
    ),
)


# Of two groups of records with one name, and only training knows what it says: whether no other group has the name, and
# whether their different mailboxes are not both built from it.
OTHERS = Comparison("others", (), "", (Level("", 0.9, 0.9, 0.9),))
MAILBOXES = Comparison(
    "mailboxes",
    (),
    "email_l is null or email_r is null or email_l = email_r or first_name_l is distinct from first_name_r"
    " or last_name_l is distinct from last_name_r",
    (Level(f"not {_ONE_NAME}", 0.6, 0.6, 0.6),),
)
ONLY_OF_GROUPS = (MAILBOXES, OTHERS)


def of_source(number: int, source: str, share: float) -> Comparison:
    """Whether both records are of this source, which has a `share` of the records.

    A shop that has each customer once says that two of its records are two persons; a CRM with many doubles does not.
    The shipped probabilities say nothing: only training knows a source.
    """
    text = "'" + source.replace("'", "''") + "'"
    both = Level(f"source_l = {text} and source_r = {text}", share**2, share**2, share**2)
    return Comparison(f"source_{number}", ("source",), _unknown("source"), (both,), is_of_source=True)


def chosen(filled: set[str], sources: Mapping[str, float] | None = None) -> list[Comparison]:
    """The comparisons for these columns and sources; `place` only if there is no other part of an address."""
    made = [comparison for comparison in COMPARISONS if filled & set(comparison.needs)]
    names = {comparison.name for comparison in made}
    made = [comparison for comparison in made if comparison.name != "place" or "home" not in names]
    shares = sorted((sources or {}).items() if made else [])
    return [*made, *(of_source(number, source, share) for number, (source, share) in enumerate(shares))]

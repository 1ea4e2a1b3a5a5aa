"""Names in the case that people write, and full names in parts, once per distinct new value.

Keep out: whose name it is (int_traits__golden_records), whether two names are one person's (identity).
"""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa

SCHEMA = pa.schema([(name, pa.string()) for name in ("name_type", "name_text", "first_name", "last_name")])


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Lower case before a family name. Italian names (Di Maio, De Luca) and French ones with Le are typed too differently.
PARTICLES = words_of("van von vom der den de da das do dos du del ter ten te zu zum zur af av y bin ibn los las 't 's")
INNER_PARTICLES = PARTICLES | {"la", "le", "e"}
TITLES = words_of("mr mrs ms miss mx dr prof sir madam mme mlle monsieur madame herr frau sra srta dhr mevr sig ing")
SUFFIXES = words_of("jr sr ii iii iv phd md esq mba dds")
MAC_NAMES = words_of("donald gregor lean leod arthur millan intyre farlane dougall pherson")
# Whoever has one of these before the last word has two family names.
PAIRED_SURNAMES = words_of(
    """garcia gonzalez rodriguez fernandez lopez martinez sanchez perez gomez martin jimenez ruiz hernandez
    diaz moreno munoz alvarez romero alonso gutierrez navarro torres dominguez vazquez ramos gil ramirez
    serrano blanco molina morales suarez ortega delgado castro ortiz rubio marin sanz nunez iglesias medina
    garrido cortes castillo santos lozano guerrero cano prieto mendez cruz calvo gallego vidal leon marquez
    herrera pena flores cabrera campos vega fuentes carrasco diez reyes caballero nieto aguilar pascual
    santana herrero montero hidalgo gimenez ibanez ferrer duran vargas rojas silva souza sousa oliveira
    pereira ferreira almeida costa rodrigues alves lima gomes ribeiro carvalho rivera chavez mendoza guzman
    salazar soto contreras espinoza"""
)


def folded(word: str) -> str:
    """Return a word without case, accents and dots, to be looked up."""
    letters = unicodedata.normalize("NFKD", word.lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).replace(".", "").strip(",")


def capitalised(part: str, keeps_initials: bool) -> str:
    """Return one part of a name with its capitals: Brien, McDonald, IJsbrand, J.R."""
    low = part.replace("İ", "i").lower()
    if keeps_initials and part.isupper() and len(part) <= 3 and not re.search("[aeiouy]", folded(part)):
        return part
    if low in {"ii", "iii", "iv"}:
        return low.upper()
    if low.startswith("mc") and len(low) > 4:
        return "Mc" + low[2].upper() + low[3:]
    if low.startswith("mac") and low[3:] in MAC_NAMES:
        return "Mac" + low[3].upper() + low[4:]
    if low.startswith("ij") and len(low) > 3:
        return "IJ" + low[2:]
    return re.sub(r"(^|[.(])([^\W\d_])", lambda found: found[1] + found[2].upper(), low)


def cased_word(word: str, keeps_initials: bool) -> str:
    """Return a word whose parts at hyphens, and behind O' and D', are names of their own."""
    parts = []
    for hyphenated in re.split("(-)", word):
        before, mark, behind = re.match("^([^'\u2019]*)(['\u2019]?)(.*)$", hyphenated, re.DOTALL).groups()  # type: ignore[union-attr]
        if mark and len(before) <= 1 and len(behind) > 1:
            parts.append(before.upper() + mark + capitalised(behind, keeps_initials=False))
        elif mark:
            parts.append(capitalised(before, keeps_initials=False) + mark + behind.lower())
        else:
            parts.append(capitalised(hyphenated, keeps_initials))
    return "".join(parts)


def is_one_case(text: str) -> bool:
    """Return whether a name has Latin letters, all capitals or all small."""
    has_latin = any("LATIN" in unicodedata.name(letter, "") for letter in text if letter.isalpha())
    return has_latin and not (any(map(str.isupper, text)) and any(map(str.islower, text)))


def cased(text: str, name_type: str) -> str:
    """Return a name as people write it: as typed, unless it is all capitals or all small."""
    if not is_one_case(text):
        return text
    words = text.split(" ")
    done = []
    for place, word in enumerate(words):
        is_last = place == len(words) - 1
        if place > 0 and not is_last:
            is_particle = word.lower() in INNER_PARTICLES
        else:
            is_particle = name_type == "last_name" and not is_last and word.lower() in PARTICLES
        done.append(word.lower() if is_particle else cased_word(word, name_type == "first_name"))
    return " ".join(done)


def start_of_family_name(words: list[str]) -> int:
    """Return the place of the first word of the family name, of two or more words."""
    last = len(words) - 1
    for place in range(1, last):
        if folded(words[place]) not in PARTICLES:
            continue
        if folded(words[place]) == "y":  # Ramón y Cajal
            return max(place - 1, 1)
        end = place
        while end < last and folded(words[end]) in INNER_PARTICLES:
            end += 1
        if place == 1 and folded(words[0]) == "maria" and end < last:  # María del Carmen García
            return end + 1
        return place
    return last - 1 if last > 1 and folded(words[last - 1]) in PAIRED_SURNAMES else last


def split(text: str) -> tuple[str | None, str | None]:
    """Return first and last name of a full name; (None, None) where it is none.

    A name of one word is a first name. What has an @ or a digit is the name of an account.
    """
    text = " ".join(re.sub(r"\([^()]*\)|\"[^\"]*\"|\u201c[^\u201d]*\u201d", " ", text).split())
    if not text or re.search(r"[@\d]", text) or not any(map(str.isalpha, text)):
        return None, None
    family, comma, given = text.partition(",")
    if comma and all(folded(word) in SUFFIXES for word in given.replace(",", " ").split()):
        comma = given = ""
    words = (given.split() if comma else family.split()) or family.split()
    while len(words) > 1 and folded(words[0]) in TITLES:
        words = words[1:]
    while len(words) > 1 and folded(words[-1]) in SUFFIXES:
        words = words[:-1]
    if comma and given.strip():
        first, last = words, [word for word in family.split() if folded(word) not in TITLES | SUFFIXES]
    else:
        start = start_of_family_name(words) if len(words) > 1 else 1
        first, last = words[:start], words[start:]
    return " ".join(first) or None, " ".join(last) or None


def parse_name(name_type: str, text: str) -> tuple[str | None, str | None]:
    """Return first and last name as people write them; one of them for a name that is only one."""
    if name_type == "first_name":
        return cased(text, name_type), None
    if name_type == "last_name":
        return None, cased(text, name_type)
    first, last = split(text)
    if is_one_case(text):
        first, last = first and cased(first, "first_name"), last and cased(last, "last_name")
    return first, last


def model(dbt, session):  # type: ignore[no-untyped-def]  # dbt's own signature
    dbt.config(materialized="incremental", incremental_strategy="append", on_schema_change="append_new_columns")
    values = (
        dbt.ref("cnf_lookups__unparsed_values")
        .filter("value_type in ('first_name', 'last_name', 'full_name')")
        .select("value_type as name_type, value as name_text")
    )
    if dbt.is_incremental:
        values = values.except_(session.table(str(dbt.this)).select("name_type, name_text"))
    new = values.order("name_type, name_text").fetchall()
    parsed = [parse_name(name_type, name_text) for name_type, name_text in new]
    return pa.table(
        {
            "name_type": [name_type for name_type, _ in new],
            "name_text": [name_text for _, name_text in new],
            "first_name": [first for first, _ in parsed],
            "last_name": [last for _, last in parsed],
        },
        schema=SCHEMA,
    )

"""Whether two written names can be one person's: nicknames, initials, swapped parts, other scripts, changed surnames.

Add here: a way in which one person's name is written. Keep out: other evidence about two records (shared_use.py), the
comparisons of the probabilistic model (comparisons.py).
"""

# ruff: noqa: RUF001 (letters of three scripts look alike, and are meant)
from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property


class Agreement(IntEnum):
    """How well two names agree, from evidence against one person to evidence for it."""

    DIFFERENT = 0
    UNKNOWN = 1  # nothing to compare: no given name, an initial, or two scripts that nobody can compare
    CLOSE = 2  # similar given names: a misspelling, or another person's similar name
    CHANGED = 3  # the same given name with another family name
    SAME = 4


FULL_NAME = 2
"""The strength of a name with a given name; 1 is an initial, 0 no given name."""

_TITLES = {"dr", "prof", "mr", "mrs", "ms", "miss", "herr", "frau", "ing", "mag", "dipl", "sir", "dame"}
_GENERATIONS = {"jr": "junior", "junior": "junior", "ii": "junior", "iii": "third", "sr": "senior", "senior": "senior"}
_PARTICLES = {"de", "da", "do", "dos", "das", "del", "della", "di", "du", "la", "le", "van", "von", "der", "den", "al"}
# Letters that Unicode does not decompose, and Cyrillic and Greek letters as they are usually transliterated.
_LETTERS = str.maketrans({
    "ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h",
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "ё": "e", "є": "ie", "ж": "zh", "з": "z",
    "и": "i", "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ў": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "iu", "я": "ia", "ђ": "d", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c",
    "џ": "dz",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
})  # fmt: skip
# Spellings of one sound, for names that were transliterated by different rules.
_SOUNDS = (
    ("shch", "s"), ("sch", "s"), ("sh", "s"), ("tch", "c"), ("ch", "c"), ("ts", "c"), ("tz", "c"), ("zh", "z"),
    ("kh", "h"), ("ph", "f"), ("th", "t"), ("ck", "k"), ("ks", "x"), ("dj", "j"), ("w", "v"), ("q", "k"), ("c", "k"),
    ("z", "s"), ("j", "i"), ("y", "i"),
)  # fmt: skip
_OTHER_SEX = ("a", "e", "ia", "ie", "ina", "ine", "ette", "etta", "elle", "ella", "belle", "bella", "s")
_SHORTEST_STEM = 4
_SHORTEST_PREFIX = 3


@dataclass(frozen=True)
class Name:
    """A name as words without accents, titles and generation. `is_transliterated`: from another script."""

    given: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    generation: str = ""
    is_transliterated: bool = False

    @classmethod
    def of(cls, first: str | None, last: str | None, full: str | None = None) -> Name:
        """The name of two fields, or of one: the last word of a full name is the family name."""
        given, family = fold(first), fold(last)
        if not given and not family and full:
            before, comma, after = full.partition(",")
            words = [*fold(after), *fold(before)] if comma else fold(full)
            count = len(fold(before)) if comma else 1
            given, family = (words[:-count], words[-count:]) if len(words) > count else (words, [])
        generation = next((_GENERATIONS[word] for word in [*family, *given[1:]] if word in _GENERATIONS), "")
        return cls(
            tuple(word for word in given if word not in _GENERATIONS and word not in _TITLES),
            tuple(word for word in family if word not in _GENERATIONS and word not in _TITLES),
            generation,
            any(_script(letter) in ("CYRILLIC", "GREEK") for text in (first, last, full) for letter in text or ""),
        )

    @cached_property
    def strength(self) -> int:
        """How much of a given name there is (FULL_NAME)."""
        return 0 if not self.given else FULL_NAME if any(len(word) > 1 for word in self.given) else 1


def agreement(one: Name, other: Name, nicknames: Mapping[str, frozenset[str]]) -> Agreement:
    """How well two names agree. `nicknames`: the given names that a nickname may stand for."""
    if one.generation and other.generation and one.generation != other.generation:
        return Agreement.DIFFERENT
    lenient = one.is_transliterated != other.is_transliterated
    given = _given(one.given, other.given, nicknames, lenient=lenient)
    family = _family(one.family, other.family, lenient=lenient)
    if given < Agreement.SAME or family < Agreement.SAME:
        crossed = (
            _given(one.given, other.family, nicknames, lenient=lenient),
            _given(one.family, other.given, nicknames, lenient=lenient),
        )
        if min(crossed) >= Agreement.CLOSE:
            return Agreement.SAME
        if given == Agreement.DIFFERENT and Agreement.SAME in crossed and not (one.family and other.family):
            return Agreement.UNKNOWN  # one field only, which holds the family name
    if given == Agreement.SAME:
        return Agreement.CHANGED if family == Agreement.DIFFERENT else Agreement.SAME
    return Agreement.DIFFERENT if family == Agreement.DIFFERENT else given


def is_one_off(one: str, other: str) -> bool:
    """Whether two texts are equal or differ by one character: another, a missing or two swapped ones."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    rest, rests = one[start:], other[start:]
    return rest[1:] == rests[1:] or (rest[:2] == rests[1::-1] and rest[2:] == rests[2:])


def fold(text: str | None) -> list[str]:
    """The words of a name: lower case, no accents, umlauts as their vowels, Cyrillic and Greek transliterated."""
    lowered = unicodedata.normalize("NFKD", (text or "").lower())
    plain = "".join(letter for letter in lowered if not unicodedata.combining(letter)).translate(_LETTERS)
    plain = unicodedata.normalize("NFC", plain).replace("'", "").replace("\u2019", "")
    words = re.findall(r"[^\W\d_]+", plain)
    return [re.sub(r"([aou])e", r"\1", word) if len(word) > _SHORTEST_PREFIX else word for word in words]


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "NONE").split()[0]


def _given(
    one: tuple[str, ...], other: tuple[str, ...], nicknames: Mapping[str, frozenset[str]], *, lenient: bool
) -> Agreement:
    """Of the given names the first word counts: two siblings may share a second name."""
    if not one or not other:
        return Agreement.UNKNOWN
    if "".join(one) == "".join(other):
        return Agreement.SAME
    best = _word(one[0], other[0], nicknames, lenient=lenient)
    for first, others in ((one[0], other[1:]), (other[0], one[1:])):
        for second in others:
            if len(first) > 1 and len(second) > 1:
                found = _word(first, second, nicknames, lenient=lenient)
                is_called_by_it = len(one) == 1 or len(other) == 1
                best = max(best, found if is_called_by_it else min(found, Agreement.CLOSE))
    return best


def _word(one: str, other: str, nicknames: Mapping[str, frozenset[str]], *, lenient: bool) -> Agreement:
    if one == other:
        return Agreement.SAME
    if _script(one[0]) != _script(other[0]):
        return Agreement.UNKNOWN
    ones, others = nicknames.get(one, frozenset()) | {one}, nicknames.get(other, frozenset()) | {other}
    if len(one) == 1 or len(other) == 1:
        is_initial = {name[0] for name in ones} & {name[0] for name in others} and _script(one[0]) == "LATIN"
        return Agreement.UNKNOWN if is_initial else Agreement.DIFFERENT
    if ones & others or (lenient and _sounds(one) == _sounds(other)):
        return Agreement.SAME
    return Agreement.CLOSE if _is_similar(one, other, lenient=lenient) else Agreement.DIFFERENT


def _is_similar(one: str, other: str, *, lenient: bool) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if _is_other_sex(shorter, longer):
        return False
    skeleton = _skeleton(one)
    return (
        (len(shorter) >= _SHORTEST_PREFIX and longer.startswith((shorter, _stem(shorter))))
        or (len(shorter) >= _SHORTEST_STEM and (longer.endswith(shorter) or is_one_off(shorter, longer)))
        or (len(skeleton) >= _SHORTEST_STEM - lenient and skeleton == _skeleton(other))
    )


def _stem(word: str) -> str:
    """A short form without its ending: Andi and Gabby are Andreas and Gabriele."""
    stem = re.sub(r"(.)\1$", r"\1", re.sub(r"(ie|y|i)$", "", word))
    return stem if len(stem) >= _SHORTEST_PREFIX else word


def _is_other_sex(shorter: str, longer: str) -> bool:
    """Daniel and Daniela, Mario and Maria, Andrea and Andreas, Anna and Annabelle: two names, not one misspelled."""
    if len(shorter) < _SHORTEST_STEM:
        return False
    if longer.startswith(shorter) and longer[len(shorter) :] in _OTHER_SEX:
        return True
    endings = {shorter.removesuffix("h")[-1], longer.removesuffix("h")[-1]}
    return "a" in endings and len(endings) == 2 and not endings & set("eiy")


def _family(one: tuple[str, ...], other: tuple[str, ...], *, lenient: bool) -> Agreement:
    """A double name agrees with each of its parts."""
    if not one or not other:
        return Agreement.UNKNOWN
    if "".join(one) == "".join(other) or ({*one} - _PARTICLES) & ({*other} - _PARTICLES):
        return Agreement.SAME
    best = Agreement.DIFFERENT
    for word in one:
        for second in other:
            if _script(word[0]) != _script(second[0]):
                best = max(best, Agreement.UNKNOWN)
            elif min(len(word), len(second)) >= _SHORTEST_STEM and (
                is_one_off(word, second)
                or word.startswith(second)
                or second.startswith(word)
                or _skeleton(word) == _skeleton(second)
                or (lenient and _sounds(word) == _sounds(second))
            ):
                best = max(best, Agreement.CLOSE)
            elif 1 in (len(word), len(second)) and word[0] == second[0]:
                best = max(best, Agreement.UNKNOWN)
    return best


@cache
def _sounds(word: str) -> str:
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    return re.sub(r"(.)\1+", r"\1", word)


@cache
def _skeleton(word: str) -> str:
    """The first letter and the consonants after it."""
    sounds = _sounds(word)
    return sounds[0] + re.sub(r"[aeiouh]", "", sounds[1:])

"""Removes personal values from messages before they are logged or shown: a database quotes the value that it rejects.

A message about data keeps the words that DuckDB and Python themselves use, and names of types. Everything else may come
from a record and is replaced by an ellipsis. A list of safe words fails closed, and quotes are no guide: values contain
quotes and line breaks, and some messages quote nothing (`error(name)`, a regular expression, a line of a CSV file).

Add here: another message that quotes data, a word that helps to understand one. Keep out: which columns are personal
(config.meta.pii), words that are also names of persons.
"""

from __future__ import annotations

import re

# DuckDB's errors about data; errors of the catalogue, the binder and the parser quote names, which readers need.
_ABOUT_DATA = re.compile(
    r"\b(?:Conversion|Constraint|Invalid Input|Invalid type|Invalid|Out of Range|Mismatch Type|Not implemented|"
    r"Division by Zero|Decimal|Object Size|Sequence|Unknown Type|Serialization) (?:Error|Exception): ",
    re.IGNORECASE,
)
_PYTHON = re.compile(r"^(?P<name>(?:\w+\.)*\w*(?:Error|Exception|Invalid|Failure|Warning)): ", re.MULTILINE)
_PYTHON_ABOUT_CODE = {
    "AttributeError", "ImportError", "IndentationError", "ModuleNotFoundError", "NameError", "SyntaxError",
    "UnboundLocalError", "NotImplementedError", "FileNotFoundError", "PermissionError", "OSError", "MemoryError",
    "MerganserError", "CatalogException", "BinderException", "ParserException", "IOException", "BdbQuit",
}  # fmt: skip
_E_MAIL = re.compile(r"[^\s'\"<>(),:;=]+@[^\s'\"<>(),:;=]+")
_LONG_NUMBER = re.compile(r"(?<![\w./-])\+?\d(?:[ ()-]?\d){8,}(?![\w/-])")

_TYPE = (
    r"(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INT(?:EGER)?(?:8|16|32|64|128)?|INTEGER_LITERAL|FLOAT|DOUBLE|DECIMAL|NUMERIC|"
    r"BOOL|BOOLEAN|VARCHAR|STRING|TEXT|BLOB|BIT|BIGNUM|DATE|TIME|TIMESTAMP(?:_S|_MS|_NS)?|INTERVAL|UUID|JSON|ENUM|STRUCT"
    r"|LIST|MAP|UNION|ARRAY|NULL|NOT|KEY|PRIMARY|UNIQUE|CHECK|FOREIGN|CSV|UTF-?8|WITH|ZONE)"
    r"(?:\(\d+(?:, ?\d+)?\)|\[\d*\])*"
)
_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    a about according after already an and any are argument array as at be because but by byte bytes can
    cannot cast casting character check code column columns constraint conversion convert converted converting could
    create data date decode deserialize destination digit division does doesn doesn't duplicate during element empty
    encountered end epoch error escape exceeded exist exists expected expression extract fail failed field file for
    foreign format found from function greater has have hex if implemented in index infinity input integer into invalid
    is it its key keys larger length less like limit line list literal longer malformed match maximum memory minimum
    missing months more multiplication addition subtraction must negative no non not null number numeric object of on
    one only operator or original out overflow parse part point position precision primary provided range read record
    record/value referenced regular repetition required returned row rows scalar scale seconds sequence single size
    source specifier starts string subquery substring suffix supported table than that the this time timestamp to too
    type types unexpected unique unknown unsupported unterminated update used value values violates when with within
    without wrong year zero years
    Cannot Could Date Division Duplicate Error Failed Epoch Invalid Input Line Malformed Map More Original Overflow
    Python Substring Type Value Violates Unable allocate model can't isn't named module positional arguments takes given
    object's attribute unhashable iterable subscriptable tuple dict int str float bool NoneType
    """,
    )
)
_SAFE = re.compile(rf"(?<![\w.+@'/-])(?:{_TYPE}|[A-Za-z][a-z/']*)(?![\w@'/-]|[.]\w)|[\s:;,.()\[\]!?<>=*/+…-]+")
_NAMES_A_COLUMN = re.compile(r'NOT NULL constraint failed: [\w."]+\s*')
_SOURCE_COLUMN = re.compile(r" when casting from source column (\w+)\s*\Z")
_WHERE = re.compile(r"\n+\s*LINE (\d+): [^\n]*(?:\n[\s^]*)?\Z")
_LINE = re.compile(r" \(line \d+ of the compiled SQL\)")
_COMPILED = re.compile(r"\n\s*compiled code at [^\n]+\s*\Z")


def without_values(message: str) -> str:
    """The message without anything that may be a value of a record. A second call changes nothing."""
    compiled = _COMPILED.search(message)
    if compiled:
        return without_values(message[: compiled.start()]) + message[compiled.start() :]
    if "Traceback (most recent call last)" in message:
        return _traceback(message)
    about_data = _ABOUT_DATA.search(message)
    if about_data and _NAMES_A_COLUMN.fullmatch(message[about_data.end() :]):
        return message
    if about_data:
        return _long_values_masked(message[: about_data.end()]) + _known_words(message[about_data.end() :])
    python = _PYTHON.search(message)
    if python and python["name"].rpartition(".")[2] not in _PYTHON_ABOUT_CODE:
        return _long_values_masked(message[: python.end()]) + _known_words(message[python.end() :])
    return _long_values_masked(message)


def hide_values(error: BaseException) -> None:
    """Removes values of records from an error and from all errors that it was raised from.

    A new error would not be enough: Python would show it together with this one, as its context.
    """
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        found = pending.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        pending += [found.__cause__, found.__context__]
        name = type(found).__name__
        is_ours = type(found).__module__.partition(".")[0] in (
            "ingestion",
            "exports",
            "identity",
            "orchestration",
            "publication",
            "runtime",
            "vendors",
            "dagster",
            "dbt_common",
        )
        text = str(getattr(found, "msg", found))
        safe = without_values(text) if is_ours else without_values(f"{name}: {text}").removeprefix(f"{name}: ")
        found.args = (safe,)
        found.__notes__ = []
        if hasattr(found, "msg"):
            found.msg = safe


def _long_values_masked(text: str) -> str:
    """E-mail addresses and long numbers are values in any message."""
    return _LONG_NUMBER.sub("…", _E_MAIL.sub("…", text))


def _known_words(text: str) -> str:
    """A message of DuckDB or Python about data, without the data."""
    where = _WHERE.search(text)
    if where:  # keep only its number: the line could contain a value
        text = text[: where.start()] + f" (line {where[1]} of the compiled SQL)"
    line = _LINE.search(text)
    if line:
        return _known_words(text[: line.start()]) + text[line.start() : line.end()]
    column = _SOURCE_COLUMN.search(text)
    if column:
        return _known_words(text[: column.start()]) + f" when casting from source column {column[1]}"
    kept, end = [], 0
    for piece in _SAFE.finditer(text):
        word = piece.group()
        if word[0].isalpha() and not (word in _WORDS or re.fullmatch(_TYPE, word)):
            continue
        kept += ["…"] * (piece.start() > end) + [word]
        end = piece.end()
    kept += ["…"] * (len(text) > end)
    return re.sub(r"…(?:[\s.,:;'\"()*/+<>=!?\[\]-]*…)+", "…", re.sub(r"\s+", " ", "".join(kept))).strip()


def _traceback(message: str) -> str:
    """The frames of a traceback with their lines of code, and its exceptions without values."""
    kept: list[str] = []
    in_frames = False
    for line in message.splitlines():
        if line.lstrip().startswith(("Traceback (most recent", 'File "', "During handling of", "The above exception")):
            in_frames = True
            kept.append(line)
        elif in_frames and (line.startswith("    ") or not line.strip()):
            kept.append(line)
        elif in_frames and (exception := re.match(r"\s*(?:\w+\.)*\w+(?=:|$)", line)):
            in_frames = False
            kept.append(without_values(line) if ": " in line else _long_values_masked(exception.group()))
        elif not kept:
            kept.append(_long_values_masked(line))  # the text above the traceback
    return "\n".join(kept)

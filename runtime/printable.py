"""Text from outside as a terminal, a page or a picture may show it: what would steer them is written as an escape.

File names, header cells, values, names of exports and models come from outside; so may anything in an error about them.
Add here: nothing but this. Keep out: layout (console.py).
"""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control and invisible characters, bidirectional overrides among them, as `\\x1b` or `\\u202e`."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """The same for a message of several lines: those after the first are indented, so that none of them looks like a
    message of its own."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n    ".join(map(printable, lines))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"

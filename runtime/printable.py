"""Makes text from outside safe to show: control characters are written as escapes.

File names, header cells, values, and names of exports and models come from outside, and appear in errors.
Add here: nothing else. Keep out: layout (orchestration/cli/console.py).
"""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control, invisible and bidirectional characters as escapes, such as `\\x1b` or `\\u202e`."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """The same for a message of several lines. All but the first are indented: none looks like a new message."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n    ".join(map(printable, lines))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"

"""Keeps values of persons out of what the corridor records and shows: a database quotes the value it fell over.

Add here: another message that quotes data. Keep out: rules on what is personal (config.meta.pii).
"""

from __future__ import annotations

import re

# DuckDB quotes data in these; in catalogue, binder and parser errors it quotes names, which a reader needs.
_QUOTES_DATA = re.compile(
    r"(Conversion|Constraint|Invalid Input|Out of Range|Mismatch Type|Invalid) (Error|Exception)", re.I
)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


def without_values(message: str) -> str:
    """The message, with whatever it quotes replaced by an ellipsis where the quoted text may be data."""
    return _QUOTED.sub("'…'", message) if _QUOTES_DATA.search(message) else message

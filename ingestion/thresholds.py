"""The gates of a load, with the default thresholds and their reasons.

A load is compared with the earlier loads of its entity. A gate breaks only at a large change, with enough records, and
(if it compares shares) a change that chance does not explain. A declaration overrides a threshold per entity or per
column with `gates:` in its source.yml, or switches a gate off there.

Add here: a gate, a threshold and its reason. Keep out: how statistics are computed (profiles.py) and compared
(gates.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SIGNIFICANCE = 4.0  # standard errors; by chance once in 30,000 comparisons, and a load has hundreds


@dataclass(frozen=True)
class Gate:
    """A gate: its thresholds, and the usual cause of a load that breaks it."""

    thresholds: Mapping[str, float]
    cause: str


GATES: Mapping[str, Gate] = {
    # A dropped column is empty in every record. Ten records are enough if the column was nearly always filled.
    "missing_column": Gate(
        {"min_rows": 10},
        "the source dropped or renamed the column, or the export left it out",
    ),
    # `fall` is the share of filled values that are gone. Campaigns and seasons change a share by a fifth; a broken
    # export or a failed join at the source removes half or more.
    "null_rate": Gate(
        {"fall": 0.34, "min_rows": 30},
        "a broken join or mapping at the source, or a field that the loader may no longer read",
    ),
    # `rise` of the share of the most frequent value. Only columns with many values count (names, e-mails, amounts).
    "constant_column": Gate(
        {"rise": 0.4, "min_rows": 30},
        "a default or placeholder was written in place of the values",
    ),
    # Minor units and decimal commas move numbers by 100 or 1,000, other units by 10; prices and seasons by less than a
    # factor of 3.
    "number_scale": Gate(
        {"factor": 5.0, "min_rows": 30},
        "another unit (cents in place of euros), or a decimal comma that was dropped",
    ),
    # `change` of the share of distinct values that look a certain way: with an @, digits only, with spaces, negative.
    "value_shape": Gate(
        {"change": 0.4, "min_rows": 30},
        "columns moved (a header that no longer fits its values), or another format of the values",
    ),
    # Mojibake is rare in correct data of any language, so a few per cent of the distinct values are enough.
    "broken_encoding": Gate(
        {"rise": 0.02, "min_rows": 30},
        "the file was decoded with the wrong encoding at the source",
    ),
    # `change` of the mix of a column of codes (currency, country) or of a flag, beyond what earlier loads had.
    "category_mix": Gate(
        {"change": 0.4, "min_rows": 50},
        "values of another currency, country or shop, or a code list that changed",
    ),
    # `rise` of the share of dates in 1970 or earlier, and of dates in the future.
    "date_range": Gate(
        {"rise": 0.34, "min_rows": 30},
        "a date that could not be parsed became 0, or seconds were read as milliseconds",
    ),
    # The hours of the day are the same, but shifted. `change` is of the mix of hours, beyond what earlier loads had.
    "hour_of_day": Gate(
        {"change": 0.2, "min_rows": 100},
        "moments in local time that are read as UTC, or the reverse",
    ),
    # `share` of the records with a new key that equal a record with another key in 8 of 10 filled fields. Where equal
    # records under several keys are usual (order lines, daily figures), the usual share is added.
    "copied_content": Gate(
        {"share": 0.3, "min_rows": 20},
        "the records landed before under other ids: a new id scheme, a prefix, or an import that ran twice",
    ),
    # `rise` of the share of records that break a rule. Single records go to quarantine and stop nothing.
    "quarantined_share": Gate(
        {"rise": 0.3, "min_rows": 30},
        "a required column is no longer filled, or its values have another format",
    ),
    # `share` of the rows that a whole table or scope would delete by leaving them out. Fewer rows are ordinary churn.
    "removed_rows": Gate(
        {"share": 0.3, "min_rows": 20},
        "a truncated or filtered export, or the table of another account",
    ),
    # A file with the name of an earlier one has less than this `share` of the records of any earlier version. For an
    # empty file, fewer earlier records are enough.
    "shrunken_file": Gate(
        {"share": 0.2, "min_rows": 20, "min_rows_if_empty": 5},
        "the file was emptied or truncated in place",
    ),
    # A new file with less than this `share` of the smallest earlier file, if their sizes are similar.
    "row_count": Gate(
        {"share": 0.2, "min_rows": 50, "min_files": 5},
        "a truncated export or transfer",
    ),
}

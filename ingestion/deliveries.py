"""Deliveries: which files of an entity belong together, and in which order they are landed.

A delivery lands in one transaction. If the order of arrival matters (a whole table, a complete scope, records without a
version), a delivery is the files of one extraction, or a single file. Otherwise it is all files at once, which is
faster. Records that are replayed from quarantine come last.

Add here when files belong together in another way. Keep out: what a delivery does to a raw table (judging.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.files import LandingFile
from ingestion.loads import EXTRACTED_FILE
from ingestion.spec import EntitySpec

_EXTRACTED = re.compile(EXTRACTED_FILE)


@dataclass(frozen=True)
class Delivery:
    """Files that land together.

    `is_whole`: they are the whole table. `is_paged`: an extraction wrote them. `is_ordered`: the result depends on the
    deliveries before it.
    """

    files: tuple[LandingFile, ...]
    is_whole: bool = False
    is_paged: bool = False
    is_ordered: bool = False
    is_replay: bool = False


def deliveries(entity: EntitySpec, files: Sequence[LandingFile]) -> list[Delivery]:
    """Groups the files of an entity into deliveries, in the order in which they land."""
    fresh = [file for file in files if not file.is_replay]
    replayed = tuple(file for file in files if file.is_replay)
    found = list(_one_by_one(entity, fresh)) if _order_matters(entity) else [Delivery(tuple(fresh))]
    return [delivery for delivery in [*found, Delivery(replayed, is_replay=True)] if delivery.files]


def _order_matters(entity: EntitySpec) -> bool:
    return entity.mode != "append" and (entity.version is None or entity.is_whole or bool(entity.complete_within))


def _one_by_one(entity: EntitySpec, files: Sequence[LandingFile]) -> Iterator[Delivery]:
    groups: dict[str, list[LandingFile]] = {}
    for file in files:
        extracted = _EXTRACTED.match(file.name)
        # Files of a merge are one delivery: the split of records into files has no meaning.
        alone = file.name if entity.is_whole else ""
        groups.setdefault(extracted[1] if extracted else alone, []).append(file)
    for name, members in sorted(groups.items()):
        is_paged = bool(name) and name != members[0].name
        yield Delivery(tuple(members), entity.is_whole, is_paged, is_ordered=True)

"""Batches of files: which files of an entity land together, and in which order.

A batch lands in one transaction. If the order of arrival matters (a whole table, a complete scope, records without a
version), a batch is the files of one extraction, or a single file. Otherwise it is all files at once, which is
faster. Records that are replayed from quarantine come last.

Add here when files belong together in another way. Keep out: what a batch does to a raw table (judging.py).
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
class FileBatch:
    """Files that land together.

    `is_whole`: they are the whole table. `is_paged`: an extraction wrote them. `is_ordered`: the result depends on the
    batches before it.
    """

    files: tuple[LandingFile, ...]
    is_whole: bool = False
    is_paged: bool = False
    is_ordered: bool = False
    is_replay: bool = False


def file_batches(entity: EntitySpec, files: Sequence[LandingFile]) -> list[FileBatch]:
    """Groups the files of an entity into batches, in the order in which they land."""
    fresh = [file for file in files if not file.is_replay]
    replayed = tuple(file for file in files if file.is_replay)
    found = list(_one_by_one(entity, fresh)) if _order_matters(entity) else [FileBatch(tuple(fresh))]
    return [batch for batch in [*found, FileBatch(replayed, is_replay=True)] if batch.files]


def _order_matters(entity: EntitySpec) -> bool:
    return entity.mode != "append" and (entity.version is None or entity.is_whole or bool(entity.complete_within))


def _one_by_one(entity: EntitySpec, files: Sequence[LandingFile]) -> Iterator[FileBatch]:
    groups: dict[str, list[LandingFile]] = {}
    for file in files:
        extracted = _EXTRACTED.match(file.name)
        # Files of a merge are one batch: the split of records into files has no meaning.
        alone = file.name if entity.is_whole else ""
        groups.setdefault(extracted[1] if extracted else alone, []).append(file)
    for name, members in sorted(groups.items()):
        is_paged = bool(name) and name != members[0].name
        yield FileBatch(tuple(members), entity.is_whole, is_paged, is_ordered=True)

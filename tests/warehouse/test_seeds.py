"""Seeds over a warehouse from an older version."""

from __future__ import annotations

import duckdb

from tests.warehouse.workbench import Workbench


def test_a_seed_that_gained_a_column_builds_over_the_older_table(workbench: Workbench) -> None:
    """An upgrade may add a column to a seed; an existing home must then build without a full refresh."""
    workbench.land()
    workbench.build("purposes")
    before = workbench.rows("seeds.purposes")
    with duckdb.connect(str(workbench.home.warehouse)) as connection:
        connection.execute("alter table seeds.purposes drop column validity_days")
    workbench.build("purposes")
    assert workbench.rows("seeds.purposes") == before

"""A build with an earlier parse of the project: it has everything that the macros read."""

from __future__ import annotations

from tests.warehouse.workbench import Workbench


def test_macros_see_the_graph_of_a_parsed_project(workbench: Workbench) -> None:
    """The macro required_columns reads the contract of a fact from `graph`, which is not in a manifest from a file."""
    workbench.land()
    assert workbench.manifest is not None
    assert "model.merganser.fct_order_lines" in workbench.manifest.flat_graph["nodes"]

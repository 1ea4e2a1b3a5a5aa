"""The declarations in docs/connect load, and each page names the variables that they read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestion.fetching import variables
from ingestion.registry import read_source

PAGES = Path(__file__).parents[2] / "docs" / "connect"


@pytest.mark.parametrize("name", ["files", "database", "partner", "third_party"])
def test_a_declaration_of_a_page_loads(name: str, tmp_path: Path) -> None:
    page = (PAGES / f"{name}.md").read_text()
    blocks = re.findall(r"```yaml\n(source: .+?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "source.yml").write_text(block)
        source = read_source(tmp_path / "source.yml")
        assert [variable for variable in variables(source) if f"`{variable}`" not in page] == []

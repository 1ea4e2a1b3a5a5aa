"""The SQL linter: our configuration reports each kind of violation of the conventions, and accepts clean SQL.

Without this test a configuration that selects no rules would pass as clean code. The dbt templater is left out here:
`make lint-sql` runs it on every model.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = """with

customers as (

    select
        person.customer_id,
        contact.email
    from people as person
    inner join contacts as contact on person.person_id = contact.person_id
    where person.is_current

),

final as (

    select * from customers

)

select * from final
"""

FAULTS = {
    "upper-case keyword": ("CP01", "where person", "WHERE person"),
    "four spaces": ("LT02", "        contact.email", "       contact.email"),
    "trailing space": ("LT01", "from customers\n", "from customers  \n"),
    "leading comma": ("LT04", "customer_id,\n        contact.email", "customer_id\n        , contact.email"),
    "alias without as": ("AL01", "people as person", "people person"),
    "join without its kind": ("AM05", "inner join", "join"),
    "union without all": ("AM04", "select * from final", "select * from final union select * from final"),
    "column without its table": ("RF02", "where person.is_current", "where is_current"),
    "subquery in a join": ("ST05", "contacts as contact", "(select person_id from contacts) as contact"),
    "comparison with null": ("CV05", "person.is_current", "person.is_current = null"),
    "no line break at the end": ("LT12", "select * from final\n", "select * from final"),
}


def lint(directory: Path, root: Path, sql: str) -> set[str]:
    configuration = (root / ".sqruff").read_text().replace("templater = dbt", "templater = raw")
    (directory / ".sqruff").write_text(configuration)
    (directory / "model.sql").write_text(sql)
    sqruff = Path(sys.executable).with_name("sqruff")
    done = subprocess.run([sqruff, "lint", "model.sql"], cwd=directory, capture_output=True, text=True, check=False)
    return set(re.findall(r"\| ([A-Z]{2}\d\d) \|", done.stdout + done.stderr))


def test_clean_sql_passes(root: Path, tmp_path: Path) -> None:
    assert lint(tmp_path, root, CLEAN) == set()


@pytest.mark.parametrize(("rule", "right", "wrong"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported(root: Path, tmp_path: Path, rule: str, right: str, wrong: str) -> None:
    assert right in CLEAN
    assert rule in lint(tmp_path, root, CLEAN.replace(right, wrong))

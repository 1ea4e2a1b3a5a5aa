"""Personal values stay in their places: the tests provoke failures in each layer, then search every file of the home
for every person of the demo.

It works on a copy of the project, to which models that fail are added, and on a copy of the demo's home.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from runtime.home import Home
from tests.end_to_end.project_copy import ProjectCopy, copy_project

# The places of personal values, each with its reason. Nothing else in a home may have any.
ALLOWED = {
    "landing": "the input, as it came",
    "warehouse.duckdb": "the records themselves, their quarantine, and rows that failed a test that stores them",
    "warehouse.duckdb.wal": "the same, on its way",
    "serving.duckdb": "what readers open",
    "ledger": "what was sent to identify a record, which a removal must name again",
    "exports": "what was delivered",
    "truth": "of the demo alone",
}
SEARCHED: dict[bytes, list[str]] = {}  # kinds of personal values by the digest of a file: most files stay as they are
# One model per way in which a value causes an error of the database or of Python.
EXPRESSIONS = {
    "cast_of_an_email": "cast(email as integer)",
    "cast_of_a_name": "cast(last_name || chr(10) || first_name as date)",
    "cast_of_a_phone": "cast(phone as decimal(4, 2))",
    "cast_of_a_document": "cast('{\"name\": \"' || first_name || ' ' || last_name || '\", ' || email as json)",
    "overflow": "cast(replace(phone, '+', '') as bigint) * 9000000000",
    "division": "case when 0 = 1 // length(last_name) then error(first_name || ' ' || last_name || ' divides') end",
    "regular_expression": "regexp_matches('x', '(' || last_name)",
    "date_format": "strptime(first_name || ' ' || last_name, '%Y')",
}
DIGITS = set("0123456789")
PYTHON_MODEL = """
def model(dbt, session):
    dbt.config(materialized="table")
    people = session.sql("select first_name, last_name, email, phone from marts.dim_customers where phone is not null")
    first, last, email, phone = people.limit(1).fetchall()[0]
    raise ValueError(f"no score for {first} {last} <{email}>, {phone}, {dict(email=email)}")
    return session.sql("select 1 as one")
"""
STORED = """
{{ config(store_failures=true, schema='audit') }}
select customers.customer_id, customers.email, customers.phone, customers.last_name
from {{ ref('leak_people') }} as customers
"""
THROUGH_DAGSTER = """
import dagster as dg
from orchestration.definitions import build_defs

definitions = build_defs()
with dg.DagsterInstance.get() as instance:
    for name in ("land_hubspot", "dbt", "quality__audit"):
        asset = next(a for a in definitions.assets if isinstance(a, dg.AssetsDefinition) and a.op.name == name)
        job = dg.Definitions(
            assets=[asset], jobs=[dg.define_asset_job("one", [asset])], resources=definitions.resources
        ).resolve_job_def("one")
        keys = [key for key in asset.keys if name != "dbt" or key.path[-1].startswith("leak_")]
        result = job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=keys)
        print(name, result.success)
"""


@pytest.fixture(scope="module")
def broken(demo_home: Home, tmp_path_factory: pytest.TempPathFactory) -> ProjectCopy:
    """The project with models that fail, over a home that was built."""
    copy = copy_project(tmp_path_factory.mktemp("broken") / "project", demo_home.path)
    models = copy.path / "dbt_project" / "models" / "intermediate" / "traits"
    for name, expression in EXPRESSIONS.items():
        (models / f"leak_{name}.sql").write_text(
            f"{{{{ config(materialized='table') }}}}\n\nselect {expression} as failing\n"
            "from {{ ref('dim_customers') }}\nwhere email is not null and phone is not null and last_name is not null\n"
        )
    (models / "leak_key.sql").write_text(
        "{{ config(materialized='table',\n"
        "    pre_hook='create or replace table intermediate.keyed (k varchar primary key)',\n"
        "    post_hook='insert into intermediate.keyed select email || first_name from marts.dim_customers, range(2)"
        " where email is not null and first_name is not null') }}\n\n"
        "select 1 as one from {{ ref('dim_customers') }}\n"
    )
    (models / "leak_people.sql").write_text("select * from {{ ref('dim_customers') }}\n")
    (models / "leak_python.py").write_text(PYTHON_MODEL)
    (copy.path / "dbt_project" / "tests" / "leak_stored.sql").write_text(STORED)
    return copy


@pytest.fixture(scope="module")
def persons(demo_home: Home) -> dict[bytes, str]:
    """Every e-mail address, phone number and full name of the demo, raw and normalised, with its kind."""
    found: dict[bytes, str] = {}
    with duckdb.connect(str(demo_home.warehouse), read_only=True) as connection:
        for column in ("email", "phone"):
            tables = connection.execute(
                "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR'"
                " and (column_name = ? or column_name like '%\\_' || ?  escape '\\') and schema_name like 'raw\\_%'"
                " escape '\\'",
                [column, column],
            ).fetchall()
            for schema, table, name in tables:
                rows = connection.execute(f'select distinct "{name}" from "{schema}"."{table}"').fetchall()
                found |= {
                    text.encode(): column
                    for (text,) in rows
                    if text and len(text) > 6 and set(text) & DIGITS != {"0"}  # 000-0000 is nobody's number
                }
        rows = connection.execute("select email, phone, first_name, last_name from marts.dim_customers").fetchall()
    for email, phone, first, last in rows:
        found |= {text.encode(): kind for text, kind in ((email, "email"), (phone, "phone")) if text}
        if first and last:
            found[f"{first} {last}".encode()] = "name"
    return found


def places(home: Path, persons: dict[bytes, str]) -> Iterator[str]:
    """Files outside of the allowed places with personal values, and the kinds of these."""
    for path in sorted(home.rglob("*")):
        relative = path.relative_to(home)
        if path.is_file() and relative.parts[0] not in ALLOWED:
            content = path.read_bytes()
            digest = hashlib.sha256(content).digest()
            if digest not in SEARCHED:
                SEARCHED[digest] = sorted({kind for value, kind in persons.items() if value in content})
            kinds = SEARCHED[digest]
            if kinds:
                yield f"{relative}: {', '.join(kinds)}"


def told_of(text: str, persons: dict[bytes, str]) -> list[str]:
    """Kinds of personal values in the output of a command."""
    return sorted({kind for value, kind in persons.items() if value in text.encode()})


def fail(copy: ProjectCopy, script: str, **environment: str) -> str:
    """The output of a script that ends with or without an error."""
    return copy.shell(f"( {script} ) 2>&1 || true", environment)


def test_nobody_is_named_outside_of_the_allowed_places(broken: ProjectCopy, persons: dict[bytes, str]) -> None:
    home = broken.home
    assert len(persons) > 500
    assert list(places(home, persons)) == []

    printed = {"build": fail(broken, "merganser build leak_*")}
    assert "Conversion Error: Could not convert string … to INT32" in printed["build"]
    assert "ValueError" in (home / "dbt" / "logs" / "dbt.log").read_text()
    build = json.loads((home / "dbt" / "build.json").read_text())
    failed = {failure["name"] for failure in build["failures"]}
    assert failed == {*(f"leak_{name}" for name in EXPRESSIONS), "leak_key", "leak_python", "leak_stored"}
    results = json.loads((home / "dbt" / "target" / "run_results.json").read_text())["results"]
    assert sum(result["status"] == "error" for result in results) >= 10

    paths = {"DBT_LOG_PATH": str(home / "dbt" / "logs"), "DBT_TARGET_PATH": str(home / "dbt" / "target")}
    printed["dbt"] = fail(broken, "dbt --log-level-file debug build -s leak_*", MERGANSER_HOME=str(home), **paths)
    assert "Could not convert string" in printed["dbt"]

    landing = home / "landing" / "hubspot" / "contacts"
    landing.mkdir(parents=True, exist_ok=True)
    email, name = (
        next(v for v, k in persons.items() if k == "email"),
        next(v for v, k in persons.items() if k == "name"),
    )
    (landing / "broken.csv").write_text(f'id,email,{email.decode()}\n{name.decode()},"{email.decode()}\n')
    (landing / "broken.json").write_text(
        f'{{"results": [{{"id": "{email.decode()}", "properties": {name.decode()}}}]}}'
    )
    printed["ingest"] = fail(broken, "merganser ingest hubspot; merganser ingest hubspot --json")
    printed["quarantine"] = fail(broken, "merganser quarantine list")

    (broken.path / "through_dagster.py").write_text(THROUGH_DAGSTER)
    (home / "dagster").mkdir(exist_ok=True)
    own = {"MERGANSER_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    printed["dagster"] = fail(broken, "python through_dagster.py", **own, **paths)
    assert "dbt False" in printed["dagster"]
    assert list((home / "dagster").rglob("*.db"))

    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("insert into marts.dim_customers select * from marts.dim_customers")
        connection.execute("insert into marts.bdg_customer_identifiers select * from marts.bdg_customer_identifiers")
        connection.execute("alter table marts.fct_orders rename to fct_orders_kept")
        connection.execute(
            "create view marts.fct_orders as select cast(email as integer) as order_id from marts.dim_customers"
        )
    printed["check"] = fail(broken, "merganser check; merganser status; merganser publish; merganser run")
    assert "broken" in printed["check"]

    assert list(places(home, persons)) == []
    assert {command: told_of(text, persons) for command, text in printed.items() if told_of(text, persons)} == {}


def test_the_search_finds_what_a_failure_leaves_where_nothing_is_hidden(
    broken: ProjectCopy, persons: dict[bytes, str], tmp_path: Path
) -> None:
    """The failing twin: the same failure with the plugin taken out of the profile."""
    copy = ProjectCopy(broken.path)
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    lines = (copy.path / "profiles.yml").read_text().splitlines(keepends=True)
    (profiles / "profiles.yml").write_text("".join(line for line in lines if "plugin" not in line))
    home = tmp_path / "home"
    shutil.copytree(copy.home, home)
    paths = {"DBT_LOG_PATH": str(home / "dbt" / "logs"), "DBT_TARGET_PATH": str(home / "dbt" / "target")}
    script = f"dbt build -s leak_cast_of_an_email leak_python --profiles-dir {profiles}"
    printed = fail(copy, script, MERGANSER_HOME=str(home), **paths)
    assert told_of(printed, persons) == ["email", "name", "phone"]
    assert [place.split(":")[0] for place in places(home, persons)] == [
        "dbt/logs/dbt.log",
        "dbt/target/run_results.json",
    ]


def test_the_functions_that_the_plugin_replaces_exist() -> None:
    """This test detects an upgrade of dbt-duckdb that renames them, before a person's name is in a log."""
    script = textwrap.dedent("""
        import inspect
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.adapters.duckdb.environments import Environment
        assert "raise dbt.exceptions.DbtRuntimeError(str(e)) from e" in inspect.getsource(DuckDBConnectionManager)
        assert "Python model failed" in inspect.getsource(Environment.run_python_job.__func__)
    """)
    import sys

    subprocess.run([sys.executable, "-c", script], check=True)

"""The documents are correct: their instructions are executed literally on a copy of the project and of the demo's home,
and everything that they name exists.

Add here: the expected result of a document. Keep out: how a document is read (documents.py).
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer

from ingestion.fetching import variables
from ingestion.registry import load_sources
from orchestration.cli.main import EXIT_CODES, app
from runtime.home import Home
from tests.end_to_end.documents import (
    Block,
    Document,
    changed_by,
    follow,
    made_by,
    misplaced,
    parse,
    place,
    unknown_commands,
    unknown_paths,
    unknown_targets,
)
from tests.end_to_end.project_copy import ROOT, ProjectCopy, copy_project, restore_project

GUIDES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/guides/*.md"))
CONNECTING = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/connect/*.md"))  # most need an account
DOCUMENTS = sorted(
    {"README.md", "CONTRIBUTING.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))}
)
APART = "docs/guides/keep_your_additions_apart.md"
FOLLOWED_HERE = {
    "docs/guides/add_a_segment.md",
    "docs/guides/add_a_source.md",
    "docs/guides/add_a_sync.md",
    "docs/guides/add_a_trait.md",
    "docs/guides/add_an_attribute.md",
    "docs/guides/add_an_identifier_type.md",
    APART,
    "docs/guides/match_persons.md",
    "docs/guides/understand_identity.md",
}
FOLLOWED_ELSEWHERE = {"docs/guides/online_retail.md"}  # test_real_orders.py
DECLARED_BY_USERS = {"docs/connect/files.md", "docs/connect/database.md"}  # ingestion/test_pages.py


def document(name: str) -> Document:
    return parse(name, (ROOT / name).read_text())


# --- following -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _saved(tmp_path_factory: pytest.TempPathFactory, demo_home: Home) -> tuple[ProjectCopy, Path]:
    """A copy of the project with the demo's home in it, parsed once, and the place to which each test copies it."""
    place_of_work = tmp_path_factory.mktemp("documentation") / "project"
    copy = copy_project(place_of_work, demo_home.path)
    copy.shell(
        "source .venv/bin/activate\npython -c 'from runtime import building, home; building.parse(home.open_home())'"
    )
    for rewritten in ("compiled", "run"):
        shutil.rmtree(copy.home / "dbt" / "target" / rewritten)
    return restore_project(copy, place_of_work.with_name("saved")), place_of_work


@pytest.fixture
def project(_saved: tuple[ProjectCopy, Path]) -> ProjectCopy:
    """A fresh copy of the project with the demo's home in it."""
    return restore_project(*_saved)


def test_readme(project: ProjectCopy) -> None:
    """Every stage by hand, all of them in one, plain dbt, and the query of a dashboard."""
    output = follow(document("README.md"), project)
    counted = project.served("select segment, count(*) from segments.fct_segment_memberships group by 1")
    assert counted
    assert all(segment in output for segment, _ in counted), "the query of the README shows every segment with members"


def test_add_a_source_then_an_identifier_type(project: ProjectCopy) -> None:
    """Three cards land and one breaks a rule; then a card's number belongs to the customer with its e-mail."""
    known = project.query(
        """
        select customer_id, identifier_value from intermediate.int_identity__customer_identifiers
        where identifier_type = 'email' and identifier_status = 'usable' order by identifier_value limit 1
        """
    )
    ((customer, email),) = known
    cards = project.landing / "loyalty" / "cards"
    cards.mkdir(parents=True)
    (cards / "cards.csv").write_text(
        "card_id,E-Mail,tier,points,updated_at,colour\n"
        f"L-1, {email.upper()} ,Gold,120,2026-06-01T10:00:00,blue\n"
        "L-2,nobody.knows@cards.net,silver,7,2026-06-02T10:00:00,red\n"
        "L-3,broken@cards.net,silver,many,2026-06-03T10:00:00,red\n"
    )
    follow(document("docs/guides/add_a_source.md"), project)
    assert project.query(
        "select loyalty_card_id, email, loyalty_tier, point_count from staging.stg_loyalty__cards order by 1"
    ) == [("L-1", email, "gold", 120), ("L-2", "nobody.knows@cards.net", "silver", 7)]
    assert project.query(
        "select entity, row_number, field, rule from raw_quarantine.records where source = 'loyalty'"
    ) == [("cards", 3, "points", "type")]
    assert project.query("select json_extract_string(_extra, '$.colour') from raw_loyalty.cards order by card_id") == [
        ("blue",),
        ("red",),
    ]

    holders = "select count(*) from marts.bdg_customer_identifiers where identifier_value = 'nobody.knows@cards.net'"
    assert project.query(holders) == [(1,)]

    follow(document("docs/guides/add_an_identifier_type.md"), project)
    belongs = dict(
        project.query(
            """
            select identifier_value, customer_id from marts.bdg_customer_identifiers
            where identifier_type = 'loyalty_card_id'
            """
        )
    )
    assert belongs["L-1"] == customer
    ((of_nobody,),) = project.query(
        "select customer_id from marts.bdg_customer_identifiers where identifier_value = 'nobody.knows@cards.net'"
    )
    assert belongs["L-2"] == of_nobody != customer
    assert set(belongs) == {"L-1", "L-2"}


def test_add_a_segment(project: ProjectCopy) -> None:
    follow(document("docs/guides/add_a_segment.md"), project)
    members = set(project.query("select customer_id from segments.seg_regular_buyers"))
    assert members == set(project.query("select customer_id from marts.dim_customers where order_count >= 3"))
    stays = "select customer_id from segments.fct_segment_memberships where segment = ? and exited_at is null"
    assert members
    assert set(project.query(stays, ["regular_buyers"])) == members


def test_add_a_trait(project: ProjectCopy) -> None:
    follow(document("docs/guides/add_a_trait.md"), project)
    counted = """
        select customer_id, count(distinct product_id) as products from marts.fct_order_lines where is_purchase
        and customer_id is not null group by 1
    """
    expected = dict(project.query(counted))
    published = dict(project.query("select customer_id, distinct_product_count from marts.dim_customers"))
    assert max(published.values()) > 1
    assert published == {customer: expected.get(customer, 0) for customer in published}


def test_add_an_attribute(project: ProjectCopy) -> None:
    """One entry and one line per source: the column is typed, described, masked, and comes with the company."""
    guide = document("docs/guides/add_an_attribute.md")
    assert [block.said.split()[1] for block in guide.blocks if block.said] == [
        "dbt_project.yml",
        "dbt_project/models/conformed/hubspot/cnf_hubspot__attributes.sql",
        "dbt_project/models/conformed/salesforce/cnf_salesforce__attributes.sql",
    ]
    follow(guide, project)
    expected = dict(
        project.query(
            """
            select companies.customer_id, contacts.job_title
            from marts.fct_customer_attributes as companies
            inner join staging.stg_hubspot__contacts as contacts
                on companies.source = 'hubspot' and companies.source_record_id = contacts.contact_id
            where companies.attribute = 'company_name' and contacts.is_current and contacts.job_title is not null
            """
        )
    )
    assert expected
    assert (
        dict(project.query("select customer_id, job_title from marts.dim_customers where job_title is not null"))
        == expected
    )
    manifest = json.loads((project.home / "dbt" / "target" / "manifest.json").read_text())
    column = manifest["nodes"]["model.merganser.dim_customers"]["columns"]["job_title"]
    assert (column["data_type"], column["description"], column["config"]["meta"]) == (
        "string",
        "Job title.",
        {"pii": "indirect"},
    )


def test_add_a_sync(project: ProjectCopy) -> None:
    """The delivery has the counts of the plan, hashed and with consent; a second delivery sends nothing."""
    output = follow(document("docs/guides/add_a_sync.md"), project)
    name = "exp_meta__newsletter_openers"
    planned = int(re.search(rf"{name} to meta_file: (\d+) to add, 0 to update, 0 to remove", output).group(1))  # type: ignore[union-attr]
    files = project.home / "exports" / name
    records = duckdb.sql(f"select * from read_csv('{files}/*.add.csv', all_varchar = true)").fetchall()
    assert planned == len(records) > 0
    assert project.served(f"select count(*) from exports.{name}") == [(planned,)]
    assert project.served(
        f"""
        select count(*) from exports.{name} as sent inner join marts.dim_consents as consents using (customer_id)
        where purpose = 'advertising' and channel = 'ads' and status = 'granted'
        """
    ) == [(planned,)]
    withheld = project.served(f"select count(*) from exports.exp_withheld__customers where export = '{name}'")
    assert project.served("select count(*) from segments.seg_newsletter_openers") == [(planned + withheld[0][0],)]

    again = json.loads(project.shell(f"merganser export deliver {name} --json"))["exports"][0]
    assert again["status"] == "nothing to send"
    assert again["receipt"]["unchanged"] == planned


def test_keep_your_additions_apart(project: ProjectCopy) -> None:
    """They build, and the product's files stay as they were."""
    before = project.shell("git status --short")
    follow(document(APART), project)
    assert project.shell("git status --short") == before
    assert project.query("select count(*) from segments.seg_loyal_buyers")[0][0] > 0


def test_understand_identity(project: ProjectCopy) -> None:
    """A picture is drawn, and a cookie without customer belongs to the customer to which it was joined."""
    ((email, phone),) = project.query(
        """
        select min(emails.identifier_value), min(phones.identifier_value)
        from marts.bdg_customer_identifiers as emails
        inner join marts.bdg_customer_identifiers as phones using (customer_id)
        where emails.identifier_type = 'email' and phones.identifier_type = 'phone'
        group by customer_id order by count(*), customer_id limit 1
        """
    )
    alone = """
        select min(identifier_value) from marts.bdg_customer_identifiers group by customer_id
        having count(*) = 1 and min(identifier_type) = 'anonymous_id' order by 1 limit 1
    """
    ((cookie,),) = project.query(alone)
    given = {"ann@shop.example": email, "phone:+4915112345678": f"phone:{phone}", "5f0c": cookie}
    follow(document("docs/guides/understand_identity.md"), project, given)
    assert email[:20] in (project.path / "ann.svg").read_text()
    owner = "select customer_id from marts.bdg_customer_identifiers where identifier_type = ? and identifier_value = ?"
    of_cookie, of_email = (project.query(owner, list(one)) for one in (("anonymous_id", cookie), ("email", email)))
    assert of_cookie == of_email


def test_match_persons(project: ProjectCopy) -> None:
    """The demo's persons train a model; certain pairs join by its rule, and uncertain ones are in the review queue."""
    assert "questions" in follow(document("docs/guides/match_persons.md"), project)
    ((models,),) = project.query("select count(*) from intermediate.int_identity__person_models")
    assert models == 2  # of the demo's build and of the guide's command
    edges = "select count(*) from intermediate.int_identity__edges where rule = 'person_match'"
    ((joined,),) = project.query(edges)
    verdicts = dict(
        project.query("select verdict, count(*) from intermediate.int_identity__person_pairs group by 1 order by 1")
    )
    assert joined == verdicts["match"] > 0
    assert verdicts["known"] > verdicts["match"]


@pytest.mark.parametrize(
    ("guide", "changed"),
    [
        ("add_a_segment", []),
        ("add_a_source", ["dbt_project.yml"]),
        ("add_a_sync", []),
        ("online_retail", ["dbt_project.yml", "dbt_project/seeds/identity/identifier_types.csv"]),
    ],
)
def test_an_addition_changes_no_other_file(guide: str, changed: list[str]) -> None:
    assert changed_by(document(f"docs/guides/{guide}.md")) == changed


def test_a_guide_that_changes_other_files_is_seen() -> None:
    text = """
<!-- file: new.sql -->
```sql
select 1
```
<!-- insert: old.sql before: final -->
```sql
select 2
```
```bash
git apply docs/guides/some.patch
```
"""
    assert changed_by(parse("guide", text)) == ["old.sql", "git apply docs/guides/some.patch"]


def test_guides_go_together(tmp_path: Path) -> None:
    """Guides can be followed one after the other: their files and patches do not collide."""
    copy = copy_project(tmp_path / "project")
    for name in [*GUIDES, *CONNECTING]:
        if name == APART:  # it changes files that its commands write
            continue
        for block in document(name).blocks:
            place(block, copy.path)
    lines = (line for block in document("docs/guides/online_retail.md").blocks for line in block.text.splitlines())
    copy.shell("\n".join(line for line in lines if line.startswith(("cp ", "git apply "))))
    assert "online_retail_order_id" in (copy.path / "dbt_project/seeds/identity/identifier_types.csv").read_text()
    assert "loyalty_card_id" in (copy.path / "dbt_project/seeds/identity/identifier_types.csv").read_text()


def test_every_guide_is_followed() -> None:
    assert set(GUIDES) == FOLLOWED_HERE | FOLLOWED_ELSEWHERE


@pytest.mark.parametrize("name", sorted(set(CONNECTING) - DECLARED_BY_USERS))
def test_a_connection_names_its_variables(name: str) -> None:
    source = Path(name).stem
    text = (ROOT / name).read_text()
    assert [variable for variable in variables(load_sources()[source]) if f"`{variable}`" not in text] == []
    assert f"merganser init --source {source}" in text


# --- naming ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def command() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_names_exists(name: str, command: Any, demo_home: Home) -> None:
    read = document(name)
    made = made_by(document(guide) for guide in [*GUIDES, *CONNECTING])
    assert unknown_commands(read, command) == []
    assert unknown_targets(read, (ROOT / "Makefile").read_text()) == []
    assert unknown_paths(read, ROOT, demo_home.path, made) == []


def test_the_readme_says_what_every_verb_takes_and_how_it_ends(command: Any) -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    assert EXIT_CODES.removeprefix("Exit codes: ").rstrip(".") in text
    assert "Each takes `--help`, `--json`, `--home`" in text
    lines = next(block.text for block in document("README.md").blocks if "merganser run" in block.text).splitlines()
    for line in (line for line in lines if line.startswith("merganser ")):
        verb = command.commands[line.split()[1]]
        verb = getattr(verb, "commands", {}).get(line.split()[2], verb) if len(line.split()) > 2 else verb
        assert {"--json", "--home"} <= {option for parameter in verb.params for option in parameter.opts}, line


@pytest.mark.parametrize("name", [*GUIDES, *CONNECTING])
def test_blocks_say_where_they_go(name: str) -> None:
    assert misplaced(document(name)) == []


def test_a_wrong_name_is_seen(tmp_path: Path, command: Any) -> None:
    """The failing twins of the checks above: each wrong line is reported, and no correct one."""
    read = parse(
        "README.md",
        "Run `merganser bild` or `merganser build --fast`, `merganser export send x`, `merganser status now`, "
        "`--stale`, `--fresh`, `make demo` and `make believe`. "
        "Right: `merganser build +dim_customers`, `merganser export list`.\n"
        "See [there](there.md), [here](here.md#a), [them](https://example.com), `docs/there/`, `docs/*.md`.\n"
        "```bash\nmerganser demo --customers 150\nmerganser demo --clients 150\nmake tea\n```\n",
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").touch()
    (tmp_path / "here.md").touch()
    named = [line.removeprefix("README.md: ") for line in unknown_commands(read, command)]
    assert named == [
        "merganser demo --clients 150",
        "merganser bild",
        "merganser build --fast",
        "merganser export send x",
        "merganser status now",
        "--stale",
    ]
    assert unknown_targets(read, "demo: x ## y\n\tz\n") == ["README.md: make believe", "README.md: make tea"]
    assert unknown_paths(read, tmp_path, tmp_path / "home", ()) == ["README.md: there.md", "README.md: docs/there/"]


def test_a_block_without_a_place_is_seen(tmp_path: Path) -> None:
    read = parse("r.md", "<!-- put: x.sql -->\n```sql\nselect 1\n```\n\n```yaml\na: 1\n```\n\n```text\nb\n```\n")
    assert misplaced(read) == ["r.md, line 2: put: x.sql", "r.md, line 6: says nothing"]
    (tmp_path / "x.sql").write_text("one\ntwo\ntwo\n")
    for before, found in (("two", 2), ("three", 0)):
        with pytest.raises(ValueError, match=f"{found} lines of x.sql contain {before}"):
            place(Block(1, "sql", "more\n", f"insert: x.sql before: {before}"), tmp_path)
    with pytest.raises(ValueError, match="there already"):
        place(Block(1, "sql", "more\n", "file: x.sql"), tmp_path)
    place(Block(1, "sql", "more\n", "insert: x.sql before: one"), tmp_path)
    place(Block(1, "sql", "last\n", "append: x.sql"), tmp_path)
    assert (tmp_path / "x.sql").read_text() == "more\none\ntwo\ntwo\nlast\n"


def test_a_line_that_nobody_runs_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nobody runs"):
        follow(parse("r.md", "```bash\nrm -r x\n```\n"), ProjectCopy(tmp_path))
    with pytest.raises(AssertionError, match="exit code"):
        follow(parse("r.md", "```bash\ncp nothing somewhere\n```\n"), ProjectCopy(tmp_path))


# --- the contract with readers ---------------------------------------------------------------------------------------

CONTRACT = "docs/reference/data_contracts.md"
_TABLE = re.compile(r"^### `(?P<table>\w+\.\w+)`$", re.MULTILINE)
_PROMISE = re.compile(r"^(?:Key|Columns): (?P<listed>(?:.|\n(?!\n))*)", re.MULTILINE)


def promised(text: str) -> dict[str, list[str]]:
    """Tables of the contract (`schema.table`) and the columns that readers may rely on."""
    parts = _TABLE.split(text)
    return {
        table: [name for match in _PROMISE.finditer(said) for name in re.findall(r"`(\w+)`", match["listed"])]
        for table, said in zip(parts[1::2], parts[2::2], strict=True)
    }


def broken_promises(text: str, there: dict[str, set[str]]) -> list[str]:
    """Tables and columns of the contract that do not exist, and tables without a contract."""
    contract = promised(text)
    wrong = [f"{table} is not there" for table in contract if table not in there]
    wrong += [f"{table} promises nothing" for table, columns in contract.items() if not columns]
    return wrong + [
        f"{table} has no column {column}"
        for table, columns in contract.items()
        for column in columns
        if column not in there.get(table, {column})
    ]


@pytest.fixture(scope="session")
def there(demo_home: Home) -> dict[str, set[str]]:
    """Columns by table: of the models, as the manifest declares them, and of the raw schemas, as landing creates
    them."""
    nodes = json.loads(demo_home.manifest.read_text())["nodes"].values()
    found = {
        f"{node['schema']}.{node['name']}": set(node["columns"]) for node in nodes if node["resource_type"] == "model"
    }
    with duckdb.connect(str(demo_home.warehouse), read_only=True) as connection:
        landed = connection.execute(
            "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
            "where schema_name like 'raw%' group by 1"
        ).fetchall()
    with duckdb.connect(str(demo_home.serving), read_only=True) as connection:
        beside = connection.execute(
            "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
            "where schema_name = 'main' and not internal group by 1"
        ).fetchall()
    return {**found, **{table: set(columns) for table, columns in [*landed, *beside]}}


def test_the_contract_names_what_exists(there: dict[str, set[str]]) -> None:
    assert broken_promises((ROOT / CONTRACT).read_text(), there) == []


def test_every_published_table_has_its_contract(there: dict[str, set[str]]) -> None:
    """Segments and exports have one contract per kind; every table of the marts has its own."""
    contract = promised((ROOT / CONTRACT).read_text())
    assert {table for table in there if table.startswith("marts.")} == {
        table for table in contract if table.startswith("marts.")
    }
    for table, columns in there.items():
        if table.startswith("segments.seg_"):
            assert "customer_id" in columns, table
        if table.startswith("exports.exp_") and table != "exports.exp_withheld__customers":
            assert {"record_key", "customer_id"} <= columns, table


def test_a_broken_contract_is_seen() -> None:
    text = (
        "### `marts.a`\n\nOne.\n\nKey: `x`\nColumns: `y`,\n`z`\n\nNot: `w`\n\n### `marts.b`\n\n"
        "### `marts.c`\n\nKey: `q`\n"
    )
    assert promised(text)["marts.a"] == ["x", "y", "z"]
    assert broken_promises(text, {"marts.a": {"x", "z"}, "marts.b": {"x"}}) == [
        "marts.c is not there",
        "marts.b promises nothing",
        "marts.a has no column y",
    ]

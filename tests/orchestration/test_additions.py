"""`merganser new` writes files from templates, and overwrites nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from ingestion.registry import read_source
from orchestration import additions
from runtime.errors import WrongUseError
from runtime.home import PROJECT_ROOT
from runtime.project import read_vars
from tests.command import call, environment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What the templates are checked against: names of the product's models, sources, purposes and variables."""
    root = tmp_path / "product"
    for name in ("dbt_project/models/segments", "dbt_project/models/exports", "dbt_project/seeds/privacy"):
        shutil.copytree(PROJECT_ROOT / name, root / name)
    (root / "ingestion/sources/stripe").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "dbt_project.yml", root)
    return root


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_source_is_written_whole(root: Path) -> None:
    report = additions.add_source("loyalty", root=root)
    written = contents(root / "custom")
    assert {str(path.relative_to(root / "custom")) for path in (*report.files, *report.changed)} == set(written)
    assert not [name for name, text in written.items() if "NAME" in name + text or ">>>" in text or "orders" in text]
    spec = read_source(root / "custom/ingestion/sources/loyalty/source.yml")
    assert (spec.source, list(spec.entities)) == ("loyalty", ["customers"])
    assert read_vars(root / "custom", root) == {"custom_concept_sources": {"loyalty": ["attributes", "identifiers"]}}


def test_a_source_with_orders_has_more_models(root: Path) -> None:
    additions.add_source("till", orders=True, root=root)
    written = contents(root / "custom")
    assert "dbt_project/models/conformed/till/cnf_till__orders.sql" in written
    assert not [name for name, text in written.items() if ">>>" in text or "<<<" in text]
    assert list(read_source(root / "custom/ingestion/sources/till/source.yml").entities) == ["customers", "orders"]
    assert read_vars(root / "custom", root)["custom_concept_sources"]["till"] == ["attributes", "identifiers", "orders"]


def test_vars_keep_what_a_user_wrote(root: Path) -> None:
    path = root / "custom/vars.yml"
    path.parent.mkdir()
    path.write_text("# ours\nbirthday_days: 14 # two weeks\ncustom_concept_sources: # our sources\n  old: [orders]\n")
    additions.add_source("loyalty", root=root)
    additions.add_attribute("shoe_size", data_type="bigint", pii="none", root=root)
    assert path.read_text() == (
        "# ours\nbirthday_days: 14 # two weeks\ncustom_concept_sources: # our sources\n"
        "  loyalty: [attributes, identifiers]\n  old: [orders]\n\ncustom_attributes:\n"
        "  - {name: shoe_size, data_type: bigint, group: shoe_size, survivorship: best_record, pii: none,"
        " description: Shoe size.}\n"
    )


@pytest.mark.parametrize(
    "text", ["custom_concept_sources: {old: [orders]}\n", "custom_concept_sources:\n", "7\n", "a: ["]
)
def test_vars_that_cannot_be_extended_stay_as_they_are(text: str, root: Path) -> None:
    path = root / "custom/vars.yml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(WrongUseError, match=r"vars\.yml"):
        additions.add_source("loyalty", root=root)
    assert contents(root / "custom") == {"vars.yml": text}


def test_an_attribute_is_offered_by_a_source(root: Path) -> None:
    additions.add_source("loyalty", root=root)
    report = additions.add_attribute("loyalty_level", pii="none", source="loyalty", column="tier", root=root)
    model = root / "custom/dbt_project/models/conformed/loyalty/cnf_loyalty__attributes.sql"
    assert "    'loyalty_level': 'tier',\n" in model.read_text()
    assert [path.name for path in report.changed] == ["vars.yml", model.name]
    with pytest.raises(WrongUseError, match="has an attribute loyalty_level already"):
        additions.add_attribute("loyalty_level", root=root)


def test_an_attribute_of_a_source_that_is_not_there_changes_nothing(root: Path) -> None:
    with pytest.raises(WrongUseError, match="does not exist"):
        additions.add_attribute("loyalty_level", source="hubspot", root=root)
    assert not (root / "custom").exists(), "a command that fails leaves no folder"


def test_a_segment_and_its_sync(root: Path) -> None:
    additions.add_segment("vip_buyers", root=root)
    additions.add_sync("meta__vips", segment="vip_buyers", purpose="advertising", channel="ads", root=root)
    written = contents(root / "custom/dbt_project/models")
    assert set(written) == {
        "segments/seg_vip_buyers.sql",
        "segments/_vip_buyers__models.yml",
        "exports/meta/exp_meta__vips.sql",
        "exports/meta/_meta__vips__models.yml",
    }
    (segment,) = yaml.safe_load(written["segments/_vip_buyers__models.yml"])["models"]
    assert segment["config"]["meta"]["segment"]["title"] == "Vip buyers"
    (sync,) = yaml.safe_load(written["exports/meta/_meta__vips__models.yml"])["models"]
    export = sync["config"]["meta"]["export"]
    assert (export["purpose"], export["channel"], export["destination"]) == ("advertising", "ads", "crm_file")
    assert export["candidates"] == "seg_vip_buyers"


def test_nothing_is_overwritten(root: Path) -> None:
    additions.add_segment("vip_buyers", root=root)
    path = root / "custom/dbt_project/models/segments/seg_vip_buyers.sql"
    path.write_text("select 'mine' as customer_id")
    with pytest.raises(WrongUseError, match="exists already"):
        additions.add_segment("vip_buyers", root=root)
    assert path.read_text() == "select 'mine' as customer_id"


@pytest.mark.parametrize("name", ["", "Loyalty", "2x", "a b", "../x", "a/b", "a'b", "a__b", "x" * 64, "stripe", "ops"])
def test_a_name_that_is_invalid_or_taken_is_refused(name: str, root: Path) -> None:
    with pytest.raises(WrongUseError):
        additions.add_source(name, root=root)
    assert not (root / "custom").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "vips"}, "is not the name of a sync"),
        ({"name": "meta__lapsed_buyers"}, "has a model exp_meta__lapsed_buyers already"),
        ({"segment": "nobody"}, "There is no segment nobody"),
        ({"destination": "pigeon"}, "There is no destination pigeon"),
        ({"channel": "email"}, "No row of seeds/privacy/purposes.csv"),
        ({"purpose": "x' or '1'='1"}, "No row of seeds/privacy/purposes.csv"),
    ],
)
def test_a_sync_names_what_exists(changes: dict[str, str], said: str, root: Path) -> None:
    arguments = {
        "name": "meta__vips",
        "segment": "lapsed_buyers",
        "purpose": "advertising",
        "channel": "ads",
        **changes,
    }
    with pytest.raises(WrongUseError, match=said):
        additions.add_sync(**arguments, root=root)
    assert not (root / "custom").exists(), "a command that fails leaves no folder"


def test_the_command_answers_in_json(tmp_path: Path) -> None:
    variables = environment(MERGANSER_CUSTOM=str(tmp_path / "ours"))
    ended = call("merganser", "new", "segment", "vip_buyers", "--json", env=variables)
    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["ok"], answer["command"]) == (0, True, "new segment")
    assert all(Path(path).exists() for path in answer["files"])
    again = call("merganser", "new", "segment", "vip_buyers", env=variables)
    assert again.returncode == 2
    assert "exists already" in again.stderr

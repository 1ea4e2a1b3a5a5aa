"""The folder of additions: where it is, what may be in it, and the project that dbt runs in because of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ingestion.errors import DeclarationError
from ingestion.extraction import load_client
from ingestion.registry import load_sources
from orchestration.doctor import examine
from runtime.errors import WrongUseError
from runtime.home import Home
from runtime.project import custom_folder, project_of, read_vars

SOURCE = """
source: loyalty
title: Loyalty cards
loader: files
legal_basis: contract
entities: {cards: {mode: merge, key: [card_id], columns: {card_id: {type: varchar, required: true}}}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small product."""
    root = tmp_path / "product"
    (root / "dbt_project/models").mkdir(parents=True)
    for name in ("profiles.yml", "selectors.yml"):
        (root / name).write_text("{}")
    (root / "dbt_project.yml").write_text(
        "name: merganser\ndata_tests: {merganser: {models: {staging: {+severity: warn}}}}\n"
        "vars: {merganser: {birthday_days: 7, lapsed_buyer_days: 90}}"
    )
    return root


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    monkeypatch.setenv("MERGANSER_CUSTOM", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_additions_dbt_runs_in_the_product(root: Path, home: Home) -> None:
    assert custom_folder(root) is None
    assert project_of(home, root) == root
    assert not home.path.exists()


def test_the_folder_is_in_the_product_or_named(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "custom").mkdir()
    assert custom_folder(root) == folder
    monkeypatch.delenv("MERGANSER_CUSTOM")
    assert custom_folder(root) == root / "custom"


def test_a_named_folder_must_be_one(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "file")
    for wrong, said in (
        (tmp_path / "absent", "not a directory"),
        (tmp_path / "file", "not a directory"),
        (root, "itself"),
    ):
        monkeypatch.setenv("MERGANSER_CUSTOM", str(wrong))
        with pytest.raises(WrongUseError, match=said):
            custom_folder(root)


def test_the_project_links_to_both_and_contains_the_variables(root: Path, folder: Path, home: Home) -> None:
    write(folder / "vars.yml", "birthday_days: 14\ncustom_concept_sources: {loyalty: [identifiers]}\n")
    project = project_of(home, root)
    assert project.is_relative_to(home.path)
    assert (project / "dbt_project").resolve() == root / "dbt_project"
    assert (project / "custom").resolve() == folder
    assert yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]["merganser"] == {
        "birthday_days": 14,
        "lapsed_buyer_days": 90,
        "custom_concept_sources": {"loyalty": ["identifiers"]},
        "custom_folder": str(folder),
    }
    tests = yaml.safe_load((project / "dbt_project.yml").read_text())["data_tests"]["merganser"]
    assert tests["dbt_project"]["models"]["staging"] == {"+severity": "warn"}, "tests of own staging are tolerant, too"
    assert (project / "dbt_project.yml").stat().st_mode & 0o077 == 0
    written = (project / "dbt_project.yml").stat().st_mtime_ns
    project_of(home, root)
    assert (project / "dbt_project.yml").stat().st_mtime_ns == written, "an unchanged project is not parsed again"


def test_another_product_beneath_the_same_folder(root: Path, folder: Path, home: Home, tmp_path: Path) -> None:
    project_of(home, root)
    moved = root.rename(tmp_path / "newer")
    (moved / "dbt_project.yml").write_text("name: merganser\nvars: {merganser: {birthday_days: 8}}")
    project = project_of(home, moved)
    assert (project / "dbt_project").resolve() == moved / "dbt_project"
    assert yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]["merganser"]["birthday_days"] == 8


def test_a_home_with_additions_is_not_built_without_them(
    root: Path, folder: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_of(home, root)
    monkeypatch.delenv("MERGANSER_CUSTOM")
    with pytest.raises(WrongUseError, match="was built with the additions in"):
        project_of(home, root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("birthday_dais: 14", "has no variable birthday_dais. Did you mean birthday_days"),
        ("customs: 1", "has no variable customs"),
        ("[1]", "not a mapping"),
        ("a: [", "not valid YAML"),
        ("custom_concept_sources: [loyalty]", "custom_concept_sources is not a mapping"),
        ('custom_concept_sources: {"it\'s": [orders]}', "custom_concept_sources is not a mapping"),
        ("custom_concept_sources: {loyalty: ['x; drop']}", "custom_concept_sources is not a mapping"),
        ("custom_concept_sources: {loyalty: orders}", "custom_concept_sources is not a mapping"),
    ],
)
def test_wrong_variables_are_named(text: str, said: str, root: Path, folder: Path) -> None:
    write(folder / "vars.yml", text)
    with pytest.raises(WrongUseError, match=said):
        read_vars(folder, root)


def test_own_variables_are_taken(root: Path, folder: Path) -> None:
    write(folder / "vars.yml", "custom_shops: [Berlin]\n")
    assert read_vars(folder, root) == {"custom_shops": ["Berlin"]}


@pytest.mark.parametrize(
    "name",
    [
        "dbt_project/models/segments/seg_It's.sql",
        "dbt_project/models/segments/seg a.sql",
        "dbt_project/models/Segments.SQL",
        "ingestion/sources/Loyalty/source.yml",
    ],
)
def test_a_name_that_is_not_one_in_sql_is_refused(name: str, root: Path, folder: Path, home: Home) -> None:
    write(folder / name)
    with pytest.raises(WrongUseError, match="snake_case"):
        project_of(home, root)


def test_links_do_not_leave_the_folder(root: Path, folder: Path, home: Home, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/seg_a.sql")
    models = folder / "dbt_project/models"
    inside = write(models / "seg_b.sql")
    (models / "seg_c.sql").symlink_to(inside)
    project_of(home, root)
    for target in (outside, outside.parent, folder):
        (models / "link.sql").symlink_to(target)
        with pytest.raises(WrongUseError, match="is a link"):
            project_of(home, root)
        (models / "link.sql").unlink()


def test_sources_of_the_folder_are_known_with_their_clients(folder: Path) -> None:
    place = folder / "ingestion/sources/loyalty"
    write(place / "source.yml", SOURCE)
    write(place / "client.py", "class Client:\n    def __init__(self, api):\n        self.api = api\n")
    assert list(load_sources(shipped=False)) == ["loyalty"]
    source = load_sources()["loyalty"]
    assert load_client(source, None).api is None  # type: ignore[arg-type,attr-defined]


def test_a_source_bears_the_name_of_its_folder(folder: Path) -> None:
    write(folder / "ingestion/sources/cards/source.yml", SOURCE)
    with pytest.raises(DeclarationError, match="must be named loyalty"):
        load_sources()


def test_doctor_looks_at_the_folder(folder: Path, home: Home) -> None:
    def seen() -> tuple[str, str]:
        (finding,) = [finding for finding in examine(home) if finding.subject == "additions"]
        return finding.state, finding.message

    write(folder / "vars.yml", "custom_concept_sources: {loyalty: [identifiers]}")
    assert seen() == ("fine", f"{folder}: loyalty")
    write(folder / "vars.yml", "birthday_dais: 14")
    state, output = seen()
    assert state == "missing"
    assert "Did you mean birthday_days" in output

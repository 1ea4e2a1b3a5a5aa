"""Declarations: which are read, and which are refused with file, entity, field and rule."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.errors import DeclarationError, UnknownSourceError
from ingestion.registry import get_source, load_sources
from ingestion.spec import normalise_name
from tests.ingestion.landing_zone import contact


def declaration(name: str = "mine", **changes: Any) -> dict[str, Any]:
    return {
        "source": name,
        "title": "Mine",
        "loader": "files",
        "legal_basis": "contract",
        "entities": {"contact": contact(**changes)},
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGANSER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MERGANSER_SOURCES", raising=False)


def test_shipped_sources_are_found_in_order_of_name() -> None:
    sources = load_sources()
    assert list(sources) == sorted(sources)
    assert {"hubspot", "segment", "shopify"} <= set(sources)


def test_a_user_declares_sources_at_home_and_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "home/sources/one.yml", declaration("one"))
    write(tmp_path / "a/two.yml", declaration("two"))
    write(tmp_path / "b/three.yml", declaration("three"))
    monkeypatch.setenv("MERGANSER_SOURCES", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    four = write(tmp_path / "four.yml", declaration("four"))
    assert {"one", "two", "three", "four"} <= set(load_sources([four]))
    assert get_source("two").entities["contact"].columns["amount"].type == "decimal(18,2)"


def test_a_directory_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGANSER_SOURCES", str(tmp_path / "nowhere"))
    with pytest.raises(DeclarationError, match="nowhere"):
        load_sources()


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "home/sources/one.yml", declaration("twin"))
    write(tmp_path / "home/sources/two.yml", declaration("twin"))
    with pytest.raises(DeclarationError, match=r"'twin': .*one\.yml and .*two\.yml"):
        load_sources()


def test_an_unknown_source_lists_the_known_and_the_closest() -> None:
    with pytest.raises(UnknownSourceError, match=r"'hubspt'. Did you mean 'hubspot'\? Known sources: .*shopify"):
        get_source("hubspt")
    assert get_source("hubspot").source == "hubspot"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": None}, ["entity contact", "mode merge needs a key"]),
        ({"key": ["uid"]}, ["entity contact", "key column 'uid' is not declared"]),
        ({"key": ["id", "id"]}, ["twice"]),
        ({"version": "changed"}, ["version column 'changed' is not declared"]),
        ({"version": "id"}, ["cannot be part of the key"]),
        ({"mode": "append"}, ["mode append has no version"]),
        ({"mode": "upsert"}, ["entity contact, mode"]),
        ({"mode": None}, ["entity contact, mode: is missing"]),
        ({"format": "xlsx"}, ["entity contact, format"]),
        ({"delimiter": "||"}, ["entity contact, delimiter", "one character"]),
        ({"colums": {}}, ["entity contact, colums: unknown key"]),
        ({"columns": {"id": "text"}}, ["entity contact, column id, type", "unknown type 'text'", "varchar"]),
        ({"columns": {"id": "decimal(50,2)"}}, ["column id, type", "decimal(p,s) requires"]),
        ({"columns": {"id": {"type": "varchar", "primary": True}}}, ["column id, primary: unknown key"]),
        ({"columns": {"id": {"type": "varchar", "pii": "yes"}}}, ["column id, pii"]),
        ({"columns": {"Id": "varchar"}}, ["column 'Id' is not snake case", "from: 'Id'"]),
        ({"columns": {"_row": "varchar"}}, ["'_row' is reserved for landing"]),
        ({"columns": {}}, ["entity contact, columns"]),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    path = write(tmp_path / "home/sources/mine.yml", declaration(**changes))
    with pytest.raises(DeclarationError) as error:
        load_sources()
    assert str(path) in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("source: [", "not YAML"),
        ("- a", "a source is a mapping"),
        ("", "a source is a mapping"),
        (declaration("Mine"), "source"),
        (declaration("ops"), "is reserved for landing"),
        ({**declaration(), "loader": "ftp"}, "loader"),
        ({**declaration(), "legal_basis": "curiosity"}, "legal_basis"),
        ({**declaration(), "entities": {}}, "entities"),
        ({**declaration(), "entities": {"Contact": contact()}}, "'Contact' is not a valid name"),
    ],
)
def test_a_file_that_declares_no_source_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    write(tmp_path / "home/sources/mine.yml", content)
    with pytest.raises(DeclarationError, match=words):
        load_sources()


def test_a_good_declaration_passes(tmp_path: Path) -> None:
    write(tmp_path / "home/sources/mine.yml", declaration())
    assert get_source("mine").entities["contact"].key == ("id",)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("\ufeffId", "id"),
        ("Odd-Name", "odd_name"),
        (" First  Name ", "first_name"),
        ("_fivetran_deleted", "_fivetran_deleted"),
        ("properties__hs_object_id", "properties__hs_object_id"),
        ("é", "_"),
        ("", "column"),
    ],
)
def test_headers_become_snake_case(header: str, name: str) -> None:
    assert normalise_name(header) == name

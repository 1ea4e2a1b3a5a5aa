"""dbt's parse is shared between homes, but only if it is valid for the next one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt_common.exceptions import CompilationError

from runtime import building
from runtime.errors import MerganserError
from runtime.home import PROJECT_ROOT, Home

FROM_NOTHING = "Unable to do partial parsing"  # in dbt's log when it parses the whole project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, under the profile of the real one."""
    root = tmp_path / "project"
    (root / "models").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "profiles.yml", root)
    (root / "dbt_project.yml").write_text("name: small\nversion: '1.0'\nprofile: merganser\n")
    write(root, "select 1 as a")
    monkeypatch.setattr(building, "PROJECT_ROOT", root)
    return root


def write(project: Path, sql: str) -> None:
    (project / "models" / "only.sql").write_text(sql)


def parsed(home: Home) -> dict[str, Any]:
    """Parses for a home; returns the model in its manifest, and whether dbt parsed the whole project."""
    shutil.rmtree(home.dbt_logs, ignore_errors=True)
    home.manifest.unlink(missing_ok=True)
    building.parse(home)
    node = building.load_manifest(home)["nodes"]["model.small.only"]
    return {**node, "from_nothing": FROM_NOTHING in (home.dbt_logs / "dbt.log").read_text()}


def homes(tmp_path: Path, *names: str) -> list[Home]:
    return [Home(tmp_path / name, "2026-06-30T00:00:00") for name in names]


def test_a_new_home_uses_the_shared_parse_and_sees_changes(project: Path, tmp_path: Path) -> None:
    first, second, third = homes(tmp_path, "first", "second", "third")
    assert parsed(first)["from_nothing"]
    assert not parsed(second)["from_nothing"]
    write(project, "{{ config(materialized='table') }} select 2 as b")
    for home in (third, second, first):
        found = parsed(home)
        assert (found["from_nothing"], found["config"]["materialized"]) == (False, "table")
        assert "select 2" in found["raw_code"]
    (project / "dbt_project.yml").write_text(
        "name: small\nversion: '1.0'\nprofile: merganser\nmodels: {+materialized: view, +tags: [new]}\n"
    )
    (found,) = map(parsed, homes(tmp_path, "fourth"))
    assert (found["from_nothing"], found["tags"]) == (True, ["new"])


def test_a_moved_or_copied_home_uses_the_shared_parse(project: Path, tmp_path: Path) -> None:
    first, copy = homes(tmp_path, "first", "copy")
    parsed(first)
    shutil.copytree(first.path, copy.path)
    assert not parsed(copy)["from_nothing"]


@pytest.mark.parametrize("named", ["env_var('MERGANSER_HOME')", "target.path"])
def test_home_specific_parses_are_not_shared(named: str, project: Path, tmp_path: Path) -> None:
    write(project, f"{{{{ config(meta={{'place': {named}}}) }}}} select 1 as a")
    for home in homes(tmp_path, "first", "second"):
        assert parsed(home)["config"]["meta"]["place"].startswith(str(home.path))


def test_another_moment_is_seen(project: Path, tmp_path: Path) -> None:
    write(project, "{{ config(meta={'moment': env_var('MERGANSER_AS_OF')}) }} select 1 as a")
    for home in (Home(tmp_path / "first", "2026-01-01"), Home(tmp_path / "second", "2027-01-01")):
        assert parsed(home)["config"]["meta"]["moment"] == home.as_of


def test_another_profile_is_another_parse(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = homes(tmp_path, "first", "second", "third")
    parsed(first)
    monkeypatch.setenv("MERGANSER_MEMORY", "3GB")
    assert parsed(second)["from_nothing"]
    monkeypatch.delenv("MERGANSER_MEMORY")
    assert not parsed(third)["from_nothing"]


def test_a_damaged_parse_and_a_project_of_another_user(project: Path, tmp_path: Path) -> None:
    first, second, third, fourth = homes(tmp_path, "first", "second", "third", "fourth")
    parsed(first)
    (kept,) = (project / "target" / "parsed").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    assert parsed(second)["alias"] == "only"
    assert not parsed(third)["from_nothing"], "the next one that is parsed takes the damaged one's place"
    shutil.rmtree(project / "target")
    (project / "target").write_text("nothing can be written here")
    assert parsed(fourth)["from_nothing"]


def test_the_manifest_is_written_when_the_parse_changed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As dbt would write it; not again in a run over an unchanged project; and again if it is lost."""
    (home,) = homes(tmp_path, "only")
    building.build(home)
    ours = building.load_manifest(home)
    (ran,) = json.loads((home.dbt_target / "run_results.json").read_text())["results"]
    assert (ran["unique_id"], ran["status"]) == ("model.small.only", "success")
    written = home.manifest.stat().st_mtime_ns
    building.build(home)
    assert home.manifest.stat().st_mtime_ns == written
    write(project, "select 2 as b")
    building.build(home)
    assert "select 2" in building.load_manifest(home)["nodes"]["model.small.only"]["raw_code"]
    home.manifest.unlink()
    building.build(home)
    assert home.manifest.exists()

    write(project, "select 1 as a")
    home.manifest.unlink()
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    dbtRunner().invoke(["parse", "--project-dir", str(project), "--profiles-dir", str(project), "--quiet"])
    theirs = building.load_manifest(home)
    for manifest in (ours, theirs):
        del manifest["metadata"]  # when and in which run it was written
        for node in (*manifest["nodes"].values(), *manifest["macros"].values()):
            del node["created_at"]
    assert ours == theirs


def test_a_damaged_parse_hides_no_mistake_in_a_model(project: Path, tmp_path: Path) -> None:
    (home,) = homes(tmp_path, "only")
    building.build(home)
    shutil.rmtree(project / "target")
    home.manifest.unlink()
    parse = home.dbt_target / "partial_parse.msgpack"
    parse.write_bytes(parse.read_bytes()[:1000])
    write(project, "select {{ nothing( }}")
    with pytest.raises(MerganserError, match="only"):
        building.build(home)


def test_an_error_by_an_earlier_parse_is_checked_by_a_full_one(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbt's partial parse can call a description a duplicate after an upgrade moved it to another file."""
    (home,) = homes(tmp_path, "only")
    assert building.build(home).succeeded
    invoke, calls = dbtRunner.invoke, []

    def stale(self: dbtRunner, args: list[str], **options: Any) -> dbtRunnerResult:
        calls.append(args[0])
        if args[0] != "parse" or "--no-partial-parse" in args:
            return invoke(self, args, **options)
        return dbtRunnerResult(success=False, exception=CompilationError("two schema.yml entries for only"))

    monkeypatch.setattr(dbtRunner, "invoke", stale)
    write(project, "select 2 as a")
    assert building.build(home).succeeded
    assert calls == ["parse", "parse", "build"]
    write(project, "select {{ nothing( }}")
    with pytest.raises(MerganserError, match="only"):
        building.build(home)

"""Only its owner can read a home: 0700 and 0600, whatever the umask (tests/command.py runs commands with 000)."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import MerganserError
from runtime.files import append_line, is_private, make_private, read_mapping, write_whole
from runtime.home import Home, open_home
from tests.command import call, environment, merganser


def open_to_others(root: Path) -> list[str]:
    """Files and directories that another user could read, write or enter, with their modes."""
    found = [root, *root.rglob("*")]
    modes = {path: path.lstat().st_mode for path in found if not path.is_symlink()}
    return [f"{stat.filemode(mode)} {path.relative_to(root)}" for path, mode in modes.items() if mode & 0o077]


def widen(root: Path) -> None:
    """Gives other users all rights, as `chmod -R a+rwX` does."""
    for path in [root, *root.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)


def test_a_whole_run_leaves_nothing_that_others_read(demo_home: Home) -> None:
    assert open_to_others(demo_home.path) == []
    kinds = {path.suffix for path in demo_home.path.rglob("*") if path.is_file()}
    assert {".duckdb", ".parquet", ".json", ".html", ".log", ".csv", ".done", ".yml", ".msgpack"} <= kinds
    assert stat.S_IMODE(demo_home.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in demo_home.path.rglob("*") if path.is_file()} == {0o600}


def test_no_command_leaves_anything_that_others_read(copied_home: Home) -> None:
    home, landing = copied_home.path, copied_home.landing / "consent_banner" / "decisions"
    landing.mkdir(parents=True, exist_ok=True)
    broken = {"decision_id": "x-1", "purpose": "email", "decision": "denied", "decided_at": "no moment"}
    (landing / "broken.ndjson").write_text(json.dumps(broken) + "\n")
    (landing / "broken.ndjson").chmod(0o666)
    merganser("init", "--source", "hubspot:files", "--fresh", "--home", home.with_name("other"))
    merganser("ingest", "consent_banner", "--home", home)
    choice = ("--source", "consent_banner", "--rule", "type")
    replayed = merganser("quarantine", "replay", *choice, "--set", "decided_at=2026-06-01", "--home", home)
    assert replayed["replayed"] >= 1
    merganser("build", "stg_consent_banner__decisions", "--home", home)
    ended = call("merganser", "doctor", "--home", home)
    assert "Traceback" not in ended.stderr
    merganser("status", "--home", home)
    prepare = (
        "import sys; from orchestration import webserver; from runtime import home;"
        " webserver.prepare(home.open_home(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", prepare, home], check=True, umask=0, env=environment(), capture_output=True)
    assert (copied_home.dagster / "dagster.yaml").exists()
    assert open_to_others(home) == []
    assert open_to_others(home.with_name("other")) == []


def test_a_home_that_others_can_open_is_closed_with_a_note(copied_home: Home) -> None:
    widen(copied_home.path)
    count = len(open_to_others(copied_home.path))
    assert count > 100
    first = call("merganser", "status", "--home", copied_home.path)
    assert f"{count:,} files and directories are closed to them" in first.stderr
    assert open_to_others(copied_home.path) == []
    assert "closed to them" not in call("merganser", "status", "--home", copied_home.path).stderr


def test_a_landing_zone_that_a_loader_shares_keeps_its_modes(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    folder = shared / "consent_banner" / "decisions"
    folder.mkdir(parents=True)
    decision = {"decision_id": "x-1", "purpose": "email", "decision": "denied", "decided_at": "2026-06-01 10:00:00"}
    (folder / "one.ndjson").write_text(json.dumps(decision) + "\n")
    for path in (shared, shared / "consent_banner", folder):
        path.chmod(0o775)
    (folder / "one.ndjson").chmod(0o664)
    report = merganser("ingest", "consent_banner", "--home", home, MERGANSER_LANDING=str(shared))
    assert report["sources"]["consent_banner"]["landed"] == 1
    assert stat.S_IMODE((folder / "one.ndjson").stat().st_mode) == 0o664
    assert stat.S_IMODE(folder.stat().st_mode) == 0o775
    assert open_to_others(home) == []
    demo = call("merganser", "demo", "--home", tmp_path / "demo", env=environment(MERGANSER_LANDING=str(shared)))
    assert demo.returncode == 2
    assert "MERGANSER_LANDING" in demo.stderr


def test_targets_of_links_stay_as_they_are(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    for directory in (home, outside):
        directory.mkdir(mode=0o755)
    (outside / "file").write_text("theirs")
    (outside / "file").chmod(0o644)
    outside.chmod(0o755)
    (home / "to_file").symlink_to(outside / "file")
    (home / "to_directory").symlink_to(outside)
    (home / "own").write_text("ours")
    (home / "own").chmod(0o644)
    home.chmod(0o755)
    assert not is_private(home)
    assert make_private(home) == 2
    assert is_private(home)
    assert make_private(home) == 0
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o644
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_after_opening_a_home_the_process_writes_private_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        (tmp_path / "earlier").write_text("")
        open_home(tmp_path / "home")
        (tmp_path / "later").write_text("")
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "later") == []
    assert open_to_others(tmp_path / "earlier") != []  # the failing twin


def test_a_file_is_written_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_whole(path, '{"number": 1}')
    path.chmod(0o666)

    def no_space(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(MerganserError, match=r"record\.json cannot be written: No space left on device") as raised:
            write_whole(path, '{"number": 2}')
    assert "Free space" in raised.value.hint
    assert read_mapping(path, "") == {"number": 1}
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, '{"number": 3}')
    assert read_mapping(path, "") == {"number": 3}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_killed_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    """The next writer of the file deletes what it left, and not what a running process is writing."""
    dying = "import os, sys, pathlib; from runtime.files import whole_file\n"
    dying += "with whole_file(pathlib.Path(sys.argv[1])) as file: file.write(b'half'); file.flush(); os._exit(9)"
    path = tmp_path / "record.json"
    assert subprocess.run([sys.executable, "-c", dying, str(path)], check=False).returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    assert not path.exists()
    other = tmp_path / f".record.json.{os.getppid()}.tmp"
    other.write_text("a running process writes this")
    write_whole(path, "{}")
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append_line(path, "first")
    append_line(path, "second")
    assert path.read_text() == "first\nsecond\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("without an end")
    append_line(path, "third")
    assert path.read_text() == "without an end\nthird\n"

"""Every file of a home, truncated, emptied or overwritten: each command names the file and what to do."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from publication import quality
from runtime import building
from runtime.damage import damaged_database, explained
from runtime.errors import DamagedFileError, MerganserError, WrongUseError
from runtime.files import read_mapping
from runtime.home import Home, open_home, sources_in_settings
from runtime.warehouse import opened
from tests.command import call, copy_of, environment
from tests.orchestration.handmade import write

Invoke = Callable[..., tuple[int, str, str]]
FILES = (
    "settings.yml",
    "merganser.lock",
    "serving.duckdb",
    "warehouse.duckdb",
    "dbt/build.json",
    "dbt/target/manifest.json",
    "dbt/target/partial_parse.msgpack",
    "quality/result.json",
)
COMMANDS = (
    ("status",),
    ("doctor",),
    ("publish",),
    ("export", "list"),
    ("export", "plan", "exp_meta__lapsed_buyers"),
    ("quarantine", "list"),
    ("identity", "stats"),
)
# The files that each command needs: it must fail if one is damaged, and may work without all others.
NEEDS = {
    "settings.yml": {"status", "publish", "export list"},
    "serving.duckdb": {"status", "doctor", "export plan exp_meta__lapsed_buyers", "identity stats"},
    "warehouse.duckdb": {"publish", "quarantine list"},
    "dbt/build.json": {"status", "publish"},
    "dbt/target/manifest.json": {"status", "publish", "export list"},
    "quality/result.json": {"status", "publish"},
}
DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "emptied": lambda content, chance: b"",
    "cut short": lambda content, chance: content[: chance.randrange(1, max(2, len(content) // 2))],
    "zeroed": lambda content, chance: bytes(len(content)),
    "noise": lambda content, chance: chance.randbytes(min(len(content), 20_000)),
}


@pytest.fixture(scope="module")
def whole(demo_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which every command works before and after each test."""
    home = copy_of(demo_home, tmp_path_factory.mktemp("damaged") / "home")
    for command in (
        ("quarantine", "list"),
        ("check",),
    ):  # the first may change the records of loads, the second settles the home
        assert call("merganser", *command, "--home", home.path).returncode == 0
    return home


@pytest.fixture(params=FILES)
def damaged(whole: Home, request: pytest.FixtureRequest) -> Iterator[Path]:
    """One of its files, restored at the end."""
    path = whole.path / request.param
    before = path.read_bytes()
    status = path.stat()
    yield path
    path.write_bytes(before)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for other in whole.path.glob("*.wal"):
        other.unlink()


@pytest.mark.parametrize("damage", ["emptied", "cut short", "noise"])
def test_each_command_names_the_damaged_file(whole: Home, damaged: Path, damage: str, merganser: Invoke) -> None:
    name = damaged.relative_to(whole.path).as_posix()
    content = damaged.read_bytes()
    failed = set()
    for command in COMMANDS:
        damaged.write_bytes(DAMAGES[damage](content, random.Random(f"{name} {command}")))
        code, output, error = merganser(*command, "--home", whole.path)
        assert code in (0, 1, 2, 3), (name, damage, command, output, error)
        assert "Traceback" not in output + error
        assert "MERGANSER_DEBUG" not in error, (name, damage, command, error)
        if code:
            failed.add(" ".join(command))
            assert name in error or (name == "warehouse.duckdb" and code == 3), (name, damage, command, error)
            code_again, output, _ = merganser(*command, "--home", whole.path, "--json")
            assert (code_again, json.loads(output.splitlines()[-1])["ok"]) == (code, False)
        elif name == "warehouse.duckdb" and command == ("status",):
            assert name in output  # it continues with the serving file
    if damage == "emptied" and name == "settings.yml":
        return  # an empty file is a file without settings
    needed = NEEDS.get(name, set())
    assert needed <= failed, (name, damage, needed - failed)


def test_the_home_works_if_the_files_are_intact(whole: Home, merganser: Invoke) -> None:
    """The failing twin of all above."""
    for command in COMMANDS:
        assert merganser(*command, "--home", whole.path)[0] == 0, command


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_lands_in_a_damaged_warehouse(home: Home, damage: str, merganser: Invoke) -> None:
    write(home, "create table t as select range as i from range(100000)")
    home.warehouse.write_bytes(DAMAGES[damage](home.warehouse.read_bytes(), random.Random(1)))
    before = home.warehouse.read_bytes()
    for command in (("ingest", "consent_banner"), ("build", "seg_lapsed_buyers"), ("run",), ("check",)):
        code, output, error = merganser(*command, "--home", home.path)
        assert code == 1, (command, output)
        assert str(home.warehouse) in error, (command, error)
        assert "MERGANSER_DEBUG" not in error, (command, error)
    assert home.warehouse.read_bytes() == before


def test_a_build_writes_a_damaged_manifest_again(copied_home: Home) -> None:
    for path in (copied_home.manifest, copied_home.dbt_target / "partial_parse.msgpack", copied_home.build_record):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DamagedFileError, match=r"manifest\.json is damaged") as raised:
        building.load_manifest(copied_home)
    assert "merganser build" in raised.value.hint
    ended = call("merganser", "build", "seg_upcoming_birthday", "--home", copied_home.path)
    assert ended.returncode == 0, ended.stderr
    assert building.load_manifest(copied_home)["nodes"]
    assert building.last_build(copied_home) is not None


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "null",
        "{}",
        '{"failures": [{}]}',
        '{"results": 3}',
        '{"failures": [], "results": [], "x": 1}',
        "[" * 100_000,
    ],
)
def test_records_of_another_shape_are_damaged_records(home: Home, content: str) -> None:
    home.build_record.write_text(content)
    home.quality_result.write_text(content)
    home.manifest.write_text(content)
    for read, path in (
        (building.last_build, home.build_record),
        (quality.last_check, home.quality_result),
        (building.load_manifest, home.manifest),
    ):
        with pytest.raises(DamagedFileError) as raised:
            read(home)
        assert str(path) in raised.value.message
        assert "merganser" in raised.value.hint


@pytest.mark.parametrize(
    "content",
    ["as_of: 2026-02-31", "as_of: tomorrow", "as_of: [", "- a", "sources: 3", "as_of: {a: b}", "\ud800", "a: &a [*a"],
)
def test_invalid_settings_name_their_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.yml").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(WrongUseError, match=r"settings\.yml"):
        sources_in_settings(open_home(tmp_path))


def test_a_file_that_is_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "record.json").mkdir()
    with pytest.raises(MerganserError, match=r"record\.json is damaged"):
        read_mapping(tmp_path / "record.json", "Remove it.")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes that can really be full."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here: full disks are tried as root alone")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, leave: int) -> Path:
    """Fills a disk except for this many bytes."""
    ballast = place / "ballast"
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    with ballast.open("wb") as file:
        file.write(bytes(max(free - leave, 0)))
    return ballast


@pytest.mark.parametrize(
    ("command", "leave"),
    [
        (("build",), 3_000_000),
        (("check",), 1),
        (("publish",), 2_000_000),
        (("ingest", "--all"), 3_000_000),
    ],
    ids=["build", "check", "publish", "ingest"],
)
def test_a_full_disk_is_named_and_the_next_run_recovers(
    demo_home: Home, small_disk: Path, command: tuple[str, ...], leave: int
) -> None:
    home = copy_of(demo_home, small_disk / "home")
    if "ingest" in command:
        home.warehouse.unlink()  # everything lands again
    before = home.serving.read_bytes()
    ballast = fill(small_disk, leave)
    ended = call("merganser", *command, "--home", home.path)
    assert ended.returncode in (1, 3), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert "MERGANSER_DEBUG" not in ended.stderr
    assert str(small_disk) in ended.stderr, ended.stderr
    assert "ree space" in ended.stderr, ended.stderr
    assert home.serving.read_bytes() == before
    assert call("merganser", "status", "--home", home.path).returncode == 0
    ballast.unlink()
    if command == ("publish",):
        assert call("merganser", "check", "--home", home.path).returncode == 0
    again = call("merganser", *command, "--home", home.path, env=environment())
    assert again.returncode == 0, again.stdout + again.stderr


def test_the_scan_names_the_database_that_is_corrupt(home: Home) -> None:
    write(home, "create table t as select range as i, md5(range::varchar) as text from range(100000)")
    assert damaged_database(home) is None
    content = bytearray(home.warehouse.read_bytes())
    quarter = len(content) // 4
    content[quarter : 3 * quarter] = bytes(2 * quarter)
    home.warehouse.write_bytes(content)
    fault = damaged_database(home)
    assert fault is not None
    assert str(home.warehouse) in fault.message
    with pytest.raises(duckdb.Error) as raised, opened(home) as connection:
        connection.execute("select bit_xor(hash(t)) from t").fetchall()
    explanation = explained(home, raised.value)
    assert explanation is not None
    assert explanation.message == fault.message

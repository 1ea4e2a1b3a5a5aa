"""The command line: fast help, clear errors, and pure JSON on request."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.cli import main as cli
from runtime import locking
from runtime.home import Home
from tests.command import held_open
from tests.orchestration.handmade import RELATIONS, record_build, write

Invoke = Callable[..., tuple[int, str, str]]
HEAVY = [
    "dagster",
    "dbt",
    "duckdb",
    "great_expectations",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "requests",
    "sqlalchemy",
]
COMMANDS = [
    (),
    ("demo",),
    ("ingest",),
    ("build",),
    ("check",),
    ("publish",),
    ("export",),
    ("export", "list"),
    ("export", "plan"),
    ("export", "deliver"),
    ("identity",),
    ("identity", "explain"),
    ("identity", "conflicts"),
    ("identity", "review"),
    ("identity", "join"),
    ("identity", "split"),
    ("identity", "history"),
    ("identity", "stats"),
    ("run",),
    ("status",),
    ("dev",),
]


def test_help_imports_nothing_heavy() -> None:
    ask = textwrap.dedent(f"""
        import sys
        from orchestration.cli import main as cli
        assert cli.invoke(["--help"]) == 0
        print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)
    """)
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: merganser" in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_its_exit_codes(command: tuple[str, ...], merganser: Invoke) -> None:
    code, output, _ = merganser(*command, "--help")
    assert code == 0
    assert "Usage: merganser" in output
    assert "4 locked" in " ".join(output.split())


def test_version(merganser: Invoke) -> None:
    code, output, _ = merganser("--version")
    assert code == 0
    assert output.startswith("merganser ")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("build", "--no-such-option"), ("demo", "--customers", "3"), ("export", "plan")],
    ids=" ".join,
)
def test_wrong_use_of_the_command_line(arguments: tuple[str, ...], merganser: Invoke) -> None:
    code, output, error = merganser(*arguments)
    assert code == 2
    assert output == ""
    assert "Error" in error


def test_an_unknown_source_is_reported_with_the_known_ones(tmp_path: Path, merganser: Invoke) -> None:
    code, output, error = merganser("ingest", "shopfy", "--home", tmp_path)
    assert code == 2
    assert output == ""
    assert "shopfy" in error
    assert "consent_banner" in error
    assert "Traceback" not in error


def test_ingest_needs_a_source_or_all(tmp_path: Path, merganser: Invoke) -> None:
    code, _, error = merganser("ingest", "--home", tmp_path)
    assert code == 2
    assert "Name a source, or use --all" in error
    assert "shopify" in error
    assert merganser("ingest", "shopify", "--all", "--home", tmp_path)[0] == 2


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01"])
def test_an_invalid_moment(moment: str, tmp_path: Path, merganser: Invoke) -> None:
    code, _, error = merganser("check", "--home", tmp_path, "--as-of", moment)
    assert code == 2
    assert moment in error


def test_a_home_that_is_a_file(tmp_path: Path, merganser: Invoke) -> None:
    (tmp_path / "file").touch()
    code, _, error = merganser("status", "--home", tmp_path / "file")
    assert code == 2
    assert "is a file, not a home" in " ".join(error.split())


def test_a_home_that_cannot_be_created(tmp_path: Path, merganser: Invoke) -> None:
    (tmp_path / "file").touch()
    code, _, error = merganser("ingest", "--all", "--home", tmp_path / "file" / "home")
    assert code == 1
    assert "cannot be created" in " ".join(error.split())


def test_an_empty_home_says_what_to_do_first(tmp_path: Path, merganser: Invoke) -> None:
    code, output, _ = merganser("status", "--home", tmp_path / "new")
    assert code == 0
    assert "merganser demo" in output
    assert not (tmp_path / "new").exists()


def test_publication_is_refused_with_its_own_code(built_by_hand: Home, merganser: Invoke) -> None:
    code, output, error = merganser("publish", "--home", built_by_hand.path)
    assert code == 3
    assert output == ""
    assert "merganser check" in error


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("publish",), 3),
        (("ingest", "nobody"), 2),
        (("status",), 0),
        (("ingest", "--all"), 0),
    ],
)
def test_json_is_alone_on_standard_output(
    arguments: tuple[str, ...], code: int, tmp_path: Path, merganser: Invoke
) -> None:
    ended, output, _ = merganser(*arguments, "--json", "--home", tmp_path / "home")
    assert ended == code
    report = json.loads(output)
    assert report["ok"] is (code == 0)
    assert report["exit_code"] == code
    assert ("error" in report) is (code != 0)


def test_a_home_in_use_is_reported_with_its_command(home: Home, merganser: Invoke) -> None:
    with locking.held(home, "run"):
        code, _, error = merganser("ingest", "--all", "--home", home.path)
    assert code == 4
    assert "`run`" in error
    assert merganser("ingest", "--all", "--home", home.path)[0] == 0


@pytest.mark.parametrize("arguments", [("ingest", "--all"), ("build",), ("check",)], ids=" ".join)
def test_a_warehouse_that_another_process_holds(
    arguments: tuple[str, ...], built_by_hand: Home, merganser: Invoke
) -> None:
    with held_open(built_by_hand.warehouse) as holder:
        code, output, error = merganser(*arguments, "--home", built_by_hand.path)
    assert code == 4
    assert output == ""
    assert str(holder) in error
    assert "Traceback" not in error


def test_a_lock_ends_with_its_process(home: Home, merganser: Invoke) -> None:
    """A killed run leaves its lock file, and nobody waits for it."""
    dying = textwrap.dedent("""
        import os, sys
        from runtime import locking
        from runtime.home import open_home
        with locking.held(open_home(sys.argv[1]), "run"):
            os._exit(9)
    """)
    assert subprocess.run([sys.executable, "-c", dying, str(home.path)], check=False).returncode == 9
    assert merganser("ingest", "--all", "--home", home.path)[0] == 0


def test_an_unexpected_error_is_one_message(home: Home, merganser: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Conversion Error: Could not convert string 'ada@example.com' to INT32")

    monkeypatch.setattr("orchestration.summary.read_status", fail)
    code, _, error = merganser("status", "--home", home.path)
    assert code == 1
    assert "MERGANSER_DEBUG=1" in error
    assert "Traceback" not in error
    assert "ada@example.com" not in error
    monkeypatch.setenv("MERGANSER_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.invoke(["status", "--home", str(home.path)])


def test_the_demo_keeps_out_of_a_home_with_data(built_by_hand: Home, merganser: Invoke) -> None:
    before = built_by_hand.warehouse.read_bytes()
    for arguments in (("demo",), ("demo", "--fresh")):
        code, _, error = merganser(*arguments, "--home", built_by_hand.path)
        assert code == 2
        assert "holds data that is not from a demo" in " ".join(error.split())
    assert built_by_hand.warehouse.read_bytes() == before


def test_a_failed_check_has_its_own_code_and_names_table_and_rule(
    built_by_hand: Home, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.orchestration.handmade import SUITES

    monkeypatch.setattr("publication.quality.load_suites", lambda exports, manifest: SUITES)
    monkeypatch.setattr("publication.quality.load_manifest", lambda home: {"nodes": {}, "sources": {}})
    monkeypatch.setattr("publication.quality.declared_exports", lambda manifest: [])
    assert merganser("check", "--home", built_by_hand.path)[0] == 0
    write(built_by_hand, "insert into marts.fct_orders values ('O99', 'nobody')")
    code, output, error = merganser("check", "--home", built_by_hand.path)
    assert code == 3
    assert "marts.fct_orders" in output
    assert "Every order's customer is a customer" in output
    assert "O99" in output
    assert "report.html" in " ".join(error.split()).replace(" ", "")
    code, output, _ = merganser("check", "--json", "--home", built_by_hand.path)
    report = json.loads(output)
    assert (code, report["passed"]) == (3, False)
    assert [result["rule"] for result in report["results"] if not result["passed"]] == ["orders_have_customers"]


def test_publish_prints_what_readers_get(
    checked_by_hand: Home, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publication.publishing.load_manifest", lambda home: {})
    monkeypatch.setattr("publication.publishing.published_relations", lambda manifest: RELATIONS)
    code, output, _ = merganser("publish", "--home", checked_by_hand.path)
    assert code == 0
    assert "Published build b1: 2 tables" in output
    record_build(checked_by_hand, "b2", succeeded=False)
    assert merganser("publish", "--home", checked_by_hand.path)[0] == 3

"""Text from outside cannot control the terminal: real commands with hostile file names, values and names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestration.cli import console
from runtime.errors import MerganserError
from runtime.home import Home
from runtime.printable import printable, printable_lines
from tests.orchestration.handmade import record_build, write

Invoke = Callable[..., tuple[int, str, str]]
CONTROLS = {chr(number) for number in [*range(32), *range(127, 160)]} - {"\n"}
INVISIBLE = set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\u061c")
ESCAPE = "\x1b[2J\x1b]0;title\x07"
HOSTILE = f"{ESCAPE}[bold red]alert[/]\u202etxt.exe\r\x9b31m :warning:"


def is_tame(text: str) -> bool:
    return not (set(text) & (CONTROLS | INVISIBLE))


@given(st.text())
def test_printed_text_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()
    assert is_tame(printable_lines(text))
    assert printable(printable(text)) == printable(text)
    assert printable("Zoë Ångström, 漢字, 😀 [x]") == "Zoë Ångström, 漢字, 😀 [x]"


@given(st.text(), st.text())
def test_no_value_looks_like_a_separate_line(before: str, value: str) -> None:
    _, *others = printable_lines(f"{before}: {value}").split("\n")
    assert all(line.startswith("    ") for line in others)


@pytest.mark.parametrize("text", [HOSTILE, "[/bold]", "[link=https://x.example]y[/link]", "a\nError: forged", "\ud800"])
def test_no_way_to_print_passes_control_characters(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    table = console.new_table(text, "name", text)
    table.add_row(text, text)
    console.out().print(table)
    console.out().print(text)
    console.err().print(text, style="red")
    console.show_error(MerganserError(f"The file {text} is wrong.", f"Fix {text}."))
    console.show_note(text)
    output = capfd.readouterr()
    for line in (output.out + output.err).splitlines():
        assert is_tame(line), line
    shown = printable_lines(text).split("\n")[0].split()[0]
    assert output.out.count(shown) >= 4
    assert "\nError: forged" not in output.out + output.err


def test_a_plain_rich_console_passes_them(capfd: pytest.CaptureFixture[str]) -> None:
    """The failing twin."""
    Console(width=160).print(HOSTILE)
    output = capfd.readouterr().out
    assert "\u202e" in output
    assert "[bold red]" not in output


def test_hostile_file_names_and_values(home: Home, merganser: Invoke) -> None:
    folder = home.landing / "consent_banner" / "decisions"
    folder.mkdir(parents=True)
    name = f"{HOSTILE.replace('/', '')}.ndjson"
    record = {
        "decision_id": HOSTILE,
        "purpose": HOSTILE,
        "decision": "granted",
        "decided_at": HOSTILE,
        HOSTILE: HOSTILE,
    }
    (folder / name).write_text(json.dumps(record) + "\n")
    (folder / f"not json {name}").write_text(HOSTILE)
    for command in (("ingest", "consent_banner"), ("quarantine", "list"), ("status",), ("doctor",)):
        _, output, error = merganser(*command, "--home", home.path)
        assert output + error
        assert all(map(is_tame, (output + error).splitlines())), command
        code, output, error = merganser(*command, "--home", home.path, "--json")
        assert all(map(is_tame, (output + error).splitlines())), command
        assert isinstance(json.loads(output), dict), code
    ids = [
        found["quarantine_id"]
        for found in json.loads(merganser("quarantine", "list", "--json", "--home", home.path)[1])["records"]
    ]
    _, output, error = merganser("quarantine", "show", *ids, "--home", home.path)
    assert "alert" in output
    assert all(map(is_tame, (output + error).splitlines()))


def test_hostile_arguments_and_names(home: Home, merganser: Invoke) -> None:
    for arguments in (
        ("export", "plan", HOSTILE),
        ("build", HOSTILE),
        ("ingest", HOSTILE),
        ("quarantine", "show", HOSTILE),
        ("init", "--source", HOSTILE),
        ("check", "--as-of", HOSTILE),
    ):
        code, output, error = merganser(*arguments, "--home", home.path)
        assert code in (1, 2), (arguments, output, error)
        assert all(map(is_tame, (output + error).splitlines())), arguments


def test_hostile_names_of_models_and_keys(home: Home, merganser: Invoke) -> None:
    write(home, "create schema marts", "create table marts.dim_customers as select 1 as customer_id")
    record_build(home, HOSTILE, succeeded=False)
    content = json.loads(home.build_record.read_text())
    content["failures"] = [{"name": HOSTILE, "kind": HOSTILE, "path": HOSTILE, "message": HOSTILE}]
    home.build_record.write_text(json.dumps(content))
    for command in ("status", "check", "publish"):
        _, output, error = merganser(command, "--home", home.path)
        assert "alert" in output + error
        assert all(map(is_tame, (output + error).splitlines())), command


def test_a_hostile_path_of_a_home(tmp_path: Path, merganser: Invoke) -> None:
    place = tmp_path / HOSTILE.replace("/", "")
    for command in ("status", "doctor", "publish"):
        _, output, error = merganser(command, "--home", place)
        assert all(map(is_tame, (output + error).splitlines())), command

"""Anything but plain files is skipped with a warning; the plain files beside it land."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from ingestion import landing as landing_module
from ingestion.files import unread_folders
from tests.ingestion.landing_zone import Landing, contact, source

GOOD = "id,email\n1,ann@example.org\n"


def beside_a_good_file(landing: Landing) -> Path:
    """The folder of an entity, with one file in it."""
    return landing.write("crm/contact/1.csv", GOOD).parent


def test_a_link_that_leads_out_is_not_followed(landing: Landing, tmp_path: Path) -> None:
    folder = beside_a_good_file(landing)
    (tmp_path / "outside.csv").write_text("id,email\n2,stranger\n")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    report = landing.land_one()
    assert (report.status, report.landed) == ("landed", 1)
    assert any("crm/contact/link.csv: is a symbolic link" in warning for warning in report.warnings)


def test_nor_a_folder_that_is_a_link(landing: Landing, tmp_path: Path) -> None:
    landing.source = source(contact=contact(files="crm/contact/**/*.csv"))
    folder = beside_a_good_file(landing)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "2.csv").write_text("id,email\n2,stranger\n")
    (folder / "deep").symlink_to(tmp_path / "outside")
    report = landing.land_one()
    assert report.landed == 1
    assert any("crm/contact/deep/2.csv: is a symbolic link" in warning for warning in report.warnings)


def test_nor_the_folder_of_the_entity_itself(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "2.csv").write_text(GOOD)
    landing.settings.landing_dir.mkdir(parents=True)
    (landing.settings.landing_dir / "crm").mkdir()
    (landing.settings.landing_dir / "crm" / "contact").symlink_to(tmp_path / "outside")
    report = landing.land_one()
    assert (report.landed, len(report.warnings)) == (0, 1)


def test_a_link_within_the_landing_folder_is_followed(landing: Landing) -> None:
    target = landing.write("incoming/2.csv", "id,email\n2,bob@example.org\n")
    (beside_a_good_file(landing) / "link.csv").symlink_to(target)
    report = landing.land_one()
    assert (report.landed, report.warnings) == (2, ())


def test_a_loop_of_links_lands_each_file_once(landing: Landing) -> None:
    landing.source = source(contact=contact(files="crm/contact/**/*.csv"))
    folder = beside_a_good_file(landing)
    (folder / "again").symlink_to(folder)
    (folder / "copy.csv").symlink_to(folder / "1.csv")
    report = landing.land_one()
    assert (report.status, report.file_count, report.landed) == ("landed", 1, 1)


def test_the_landing_folder_itself_may_be_a_link(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    landing.settings.home.mkdir(parents=True)
    landing.settings.landing_dir.symlink_to(tmp_path / "disk")
    beside_a_good_file(landing)
    assert landing.land_one().landed == 1


def test_a_declared_folder_elsewhere_is_a_folder_too(landing: Landing, tmp_path: Path) -> None:
    folder = tmp_path / "share" / "contacts"
    folder.mkdir(parents=True)
    (folder / "1.csv").write_text(GOOD)
    (tmp_path / "secret.csv").write_text("id,email\n2,stranger\n")
    (folder / "2.csv").symlink_to(tmp_path / "secret.csv")
    landing.source = source(contact=contact(files=f"{folder}/*.csv"))
    report = landing.land_one()
    assert (report.landed, len(report.warnings)) == (1, 1)


def test_pipes_sockets_and_devices_are_passed_over(landing: Landing, tmp_path: Path) -> None:
    folder = beside_a_good_file(landing)
    os.mkfifo(folder / "pipe.csv")
    (folder / "linked.csv").symlink_to(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket is short
        try:
            listener.bind("socket.csv")
        finally:
            os.chdir(here)
    expected = {"pipe.csv": "named pipe", "linked.csv": "named pipe", "socket.csv": "socket"}
    if os.geteuid() == 0:
        try:
            os.mknod(folder / "zero.csv", stat.S_IFCHR | 0o600, os.makedev(1, 5))
            expected["zero.csv"] = "device"
        except OSError:  # a container may not make devices
            pass
    report = landing.land_one()
    assert (report.status, report.landed, report.file_count) == ("landed", 1, 1)
    for name, kind in expected.items():
        assert any(f"crm/contact/{name}: is a {kind}" in warning for warning in report.warnings), (
            name,
            report.warnings,
        )


def test_a_folder_that_is_named_like_a_file_is_a_folder(landing: Landing) -> None:
    landing.source = source(contact=contact(files="crm/contact/**/*.csv"))
    landing.write("crm/contact/export.csv/part-0.csv", GOOD)
    report = landing.land_one()
    assert (report.landed, report.warnings) == (1, ())


@pytest.mark.parametrize(
    "name",
    [
        "a*.csv",
        "a?.csv",
        "[ab].csv",
        "{a,b}.csv",
        "~.csv",
        "$HOME.csv",
        "%2e%2e.csv",
        "-rf.csv",
        "a'b\"c.csv",
        "a b.csv",
    ],
)
def test_a_name_with_marks_of_patterns_is_only_a_name(landing: Landing, name: str) -> None:
    landing.source = source(contact=contact(files="crm/contact/*", mode="append", version=None))
    landing.write(f"crm/contact/{name}", "id,email\nodd,x\n")
    landing.write("crm/contact/a.csv", "id,email\n1,a\n")
    landing.write("crm/contact/ab.csv", "id,email\n2,b\n")
    assert landing.land_one().landed == 3
    assert landing.rows("select _file from raw_crm.contact where id = 'odd'") == [(f"crm/contact/{name}",)]


@pytest.mark.parametrize("suffix", ["ndjson", "parquet"])
def test_so_in_every_format(landing: Landing, suffix: str) -> None:
    landing.source = source(contact=contact(mode="append", version=None))
    for name, key in (("a*", "odd"), ("ab", "1"), ("[ab]*", "odder")):
        if suffix == "parquet":
            landing.write_parquet(f"crm/contact/{name}.{suffix}", f"select '{key}' as id")
        else:
            landing.write_ndjson(f"crm/contact/{name}.{suffix}", [{"id": key}])
    assert landing.land_one().landed == 3
    assert landing.rows("select id, _file from raw_crm.contact where id like 'odd%' order by id") == [
        ("odd", f"crm/contact/a*.{suffix}"),
        ("odder", f"crm/contact/[ab]*.{suffix}"),
    ]


def test_a_name_with_control_characters_lands_and_is_escaped_in_messages(landing: Landing) -> None:
    landing.write("crm/contact/a\nb\x1b[31m.csv", GOOD)
    landing.write("crm/contact/c\nd\x1b[31m.csv", "a;b\n1;2\n")
    report = landing.land_one()
    assert (report.status, report.landed) == ("failed", 1)
    assert "crm/contact/c\\nd\\x1b[31m.csv: every record is refused" in str(report.error)
    assert "\x1b" not in str(report.error)
    assert landing.rows("select _file from raw_crm.contact") == [("crm/contact/a\nb\x1b[31m.csv",)]


def test_a_name_that_is_not_utf_8_is_refused(landing: Landing) -> None:
    folder = beside_a_good_file(landing)
    with open(os.fsencode(folder) + b"/b\xfccher.csv", "w") as file:  # noqa: PTH123  no path of text has this name
        file.write(GOOD)
    report = landing.land_one()
    assert (report.status, report.landed) == ("failed", 1)
    assert "its name is not UTF-8; rename it" in str(report.error)
    str(report.error).encode()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission_is_refused(landing: Landing) -> None:
    beside_a_good_file(landing)
    landing.write("crm/contact/2.csv", GOOD).chmod(0)
    report = landing.land_one()
    assert (report.status, report.landed) == ("failed", 1)
    assert "crm/contact/2.csv: cannot be opened: Permission denied" in str(report.error)


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_a_file_that_is_replaced_while_it_is_read_waits(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """The header may be from one file and the records from the other."""
    texts = {"csv": ("id,email\n2,b\n", "email,id\nc,3\n"), "ndjson": ('{"id": 2}\n', '{"id": 3}\n')}
    beside_a_good_file(landing)
    path = landing.write(f"crm/contact/2.{suffix}", texts[suffix][0])
    stage = landing_module.stage

    def replacing(*given: object, **options: object) -> object:
        staged = stage(*given, **options)  # type: ignore[arg-type]
        other = path.with_name(".other")
        other.write_text(texts[suffix][1])
        other.rename(path)
        return staged

    monkeypatch.setattr(landing_module, "stage", replacing)
    report = landing.land_one()
    monkeypatch.undo()
    assert (report.status, report.landed) == ("failed", 1)
    assert f"2.{suffix}: was replaced while it was read" in str(report.error)
    assert landing.land_one().landed == 1
    assert [key for key, *_ in landing.contacts()] == ["1", "3"]


def test_a_file_that_grows_while_it_is_read_lands_as_far_as_it_was_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landing.write("crm/contact/1.ndjson", '{"id": 1}\n')
    stage = landing_module.stage

    def growing(*given: object, **options: object) -> object:
        staged = stage(*given, **options)  # type: ignore[arg-type]
        with path.open("a") as file:
            file.write('{"id": 2}\n')
        return staged

    monkeypatch.setattr(landing_module, "stage", growing)
    assert (landing.land_one().landed, landing.land().ok) == (1, True)
    monkeypatch.undo()
    landing.land()
    assert [key for key, *_ in landing.contacts()] == ["1", "2"]


def test_a_folder_that_nothing_reads_is_named(landing: Landing) -> None:
    """A wrong name, or a table that is not declared: its records are not lost without a word."""
    beside_a_good_file(landing)
    for name in ("crm/contacts/1.csv", "crm/contacts/2.csv", "crm/contact/1.unread", "1.csv"):
        landing.write(name, GOOD)
    for name in ("crm/contacts/.3.csv", "crm/contacts/_SUCCESS", "crm/part/1.csv.part", "_replayed/crm/contact/1.csv"):
        landing.write(name, GOOD)
    entities = landing.source.entities.values()
    read_all = any(entity.files.endswith("/*") for entity in entities)
    expected = {".": 1, "crm/contacts": 2} | ({} if read_all else {"crm/contact": 1})
    assert unread_folders(landing.settings, entities) == expected


def test_a_pattern_whose_variable_is_not_set_reads_nothing(landing: Landing) -> None:
    landing.source = source(contact=contact(files="{NOT_SET_ANYWHERE}/*.csv"))
    landing.write("crm/contact/1.csv", GOOD)
    assert unread_folders(landing.settings, landing.source.entities.values()) == {"crm/contact": 1}

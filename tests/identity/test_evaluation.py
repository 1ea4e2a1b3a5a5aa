"""`merganser identity evaluate`: what it prints, what it refuses, and its accuracy on made-up persons."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from orchestration.cli import main as cli

FIRST = (
    "anna bert carla david elena frank greta hugo irene jonas karla lars maria nils olga paul rosa simon tina ulrich"
)
LAST = "acker brandt conrad dietz ebert fuchs gruber hahn issel jung kaiser lorenz maurer neumann otto pohl roth seidel"

Case = tuple[tuple[str, ...], list[tuple[object, ...]], list[tuple[object, ...]], list[str], str]


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def persons(path: Path, count: int) -> tuple[Path, Path]:
    """Two records per person: one correct, one with an error in the name or the date, by a fixed seed."""
    chance = random.Random(4)
    records, truth = [], []
    for number in range(count):
        first = chance.choice(FIRST.split()) + chance.choice(["", "", "e", "lie", "mar"])
        last = chance.choice(LAST.split()) + chance.choice(["", "er", "mann", "s", "feld", "inger"])
        born = f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        city = chance.choice(["Berlin", "Köln", "Wien", "Bern", "Graz", "Ulm", "Jena"])
        slip = chance.randint(0, 2)
        place = chance.randint(1, len(last) - 1)
        other = (
            last[:place] + last[place + 1 :] if slip == 0 else last,
            first[0] if slip == 1 else first,
            f"{born[:4]}-{born[8:]}-{born[5:7]}" if slip == 2 and int(born[8:]) <= 12 else born,
        )
        records.append((f"a{number}", "shop", first.title(), last.title(), born, city))
        records.append((f"b{number}", "till", other[1].upper(), other[0].upper(), other[2], city))
        truth += [(f"a{number}", number), (f"b{number}", number)]
    chance.shuffle(records)
    columns = ("record_id", "source", "first_name", "surname", "birth_date", "city")
    return write(path / "r.csv", columns, records), write(path / "t.csv", ("record_id", "entity_id"), truth)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.invoke(["identity", "evaluate", *map(str, arguments)])
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.mark.parametrize("extra", [[], ["--links-only"]])
def test_made_up_persons_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str]) -> None:
    records, truth = persons(tmp_path, 400)
    files = set(tmp_path.iterdir())
    code, out, _ = run(capsys, "--records", records, "--truth", truth, "--map", "last_name=surname", "--json", *extra)
    report = json.loads(out)
    assert code == 0
    assert (report["records"], report["entities"], report["is_model_trained"]) == (800, 400, True)
    assert report["pairwise"]["precision"] > 0.97
    assert report["pairwise"]["recall"] > 0.9
    assert report["bcubed"]["f1"] > 0.95
    assert report["largest_cluster"] <= 4
    assert report["peak_mb"] > 0
    assert set(tmp_path.iterdir()) == files


def test_a_shared_mailbox_joins_nobody_and_a_personal_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = [(n, name, f"{name}sen", "desk@firm.test") for n, name in enumerate(FIRST.split())]
    own = [("x", "Robert", "Ash", "r.ash@mail.test"), ("y", "Bob", "Ash", "R.Ash@mail.test ")]
    records = write(tmp_path / "r.csv", ("record_id", "first_name", "last_name", "email"), [*shared, *own])
    truth = write(
        tmp_path / "t.csv", ("record_id", "entity_id"), [*((n, n) for n, *_ in shared), ("x", "x"), ("y", "x")]
    )
    code, out, _ = run(capsys, "--records", records, "--truth", truth, "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["pairwise"]["f1"], report["largest_cluster"], report["is_model_trained"]) == (1.0, 2, False)


def test_a_household_is_not_one_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("Mill Lane 4", "12345", "Ulm", "0731 5550101")
    rows = [(n, name, "Maurer", born, *home) for n, (name, born) in enumerate(
        [("Anna", "1970-03-01"), ("Peter", "1968-11-20"), ("Lena", "2001-05-05"), ("Max", "2001-05-05")]
    )]  # fmt: skip
    columns = ("record_id", "first_name", "last_name", "birth_date", "street", "postal_code", "city", "phone")
    records = write(tmp_path / "r.csv", columns, rows)
    truth = write(tmp_path / "t.csv", ("record_id", "entity_id"), [(row[0], row[0]) for row in rows])
    code, out, _ = run(capsys, "--records", records, "--truth", truth, "--json")
    assert (code, json.loads(out)["largest_cluster"]) == (0, 1)


def test_a_kept_model_is_used_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, truth = persons(tmp_path, 300)
    given = ["--records", records, "--truth", truth, "--map", "last_name=surname", "--json"]
    keep = tmp_path / "keep.yml"
    keep.write_text(f"save_model: {tmp_path}/model.json\n")
    use = tmp_path / "use.yml"
    use.write_text(f"model: {tmp_path}/model.json\n")
    first = json.loads(run(capsys, *given, "--config", keep)[1])
    again = json.loads(run(capsys, *given, "--config", use)[1])
    assert first["model"] == again["model"]
    assert first["pairwise"] == again["pairwise"]


def test_columns_and_the_threshold_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = write(tmp_path / "r.csv", ("Record_ID", "FIRST_NAME", "shoe"), [(1, "Anna", 42), (2, "Bert", 43)])
    truth = write(tmp_path / "t.csv", ("record_id", "entity_id"), [(1, 1), (2, 2)])
    code, out, err = run(capsys, "--records", records, "--truth", truth)
    assert code == 0, err
    text = " ".join(out.split())
    assert "Pairs join from 92 % on." in text
    assert "ignored: shoe." in text
    assert "Columns not in the file: source, middle_name, last_name," in text
    config = tmp_path / "c.yml"
    config.write_text("match_percent: 75\n")
    answer = json.loads(run(capsys, "--records", records, "--truth", truth, "--config", config, "--json")[1])
    assert (answer["match_percent"], answer["ignored_columns"]) == (75, ["shoe"])
    assert answer["model_note"] == "fewer than 500 records"


@pytest.mark.parametrize("name", ["clusters.csv", "clusters.parquet"])
def test_clusters_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    rows = [("b", "Anna", "a@b.test"), ("a", "Anna", "a@b.test"), ("c", "Bert", "b@b.test")]
    records = write(tmp_path / "r.csv", ("record_id", "first_name", "email"), rows)
    truth = write(tmp_path / "t.csv", ("record_id", "entity_id"), [("a", 1), ("b", 1), ("c", 2)])
    code, _, err = run(capsys, "--records", records, "--truth", truth, "--clusters-out", tmp_path / name)
    assert code == 0, err
    with duckdb.connect() as connection:
        found = connection.execute("from query_table(?)", [str(tmp_path / name)]).fetchall()
    assert found == [("a", "a"), ("b", "a"), ("c", "c")]
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    code, _, err = run(capsys, "--records", records, "--truth", truth, "--clusters-out", records / "c.csv")
    assert code != 0
    assert "cannot be written" in err


@pytest.mark.parametrize(
    "case",
    [
        (("id", "email"), [(1, "a@b.test")], [(1, 1)], [], "no column record_id"),
        (("record_id",), [(1,), (1,)], [(1, 1)], [], "more than once"),
        (("record_id",), [(1,), ("",)], [(1, 1)], [], "without a record_id"),
        (("record_id", "email"), [(1, "a@b.test")], [(1, 1), (2, 1)], [], "has 1 of 2 records"),
        (("record_id", "email"), [(1, "a@b.test")], [(1, 1), (1, 2)], [], "two entities"),
        (("record_id",), [(1,)], [(1, 1)], ["--map", "email=mail"], "no column mail"),
        (("record_id",), [(1,)], [(1, 1)], ["--map", "shoe=size"], "no column shoe"),
        (("record_id",), [(1,)], [(1, 1)], ["--map", "email"], "name=column"),
        (("record_id", "email"), [(1, "")], [(1, 1)], ["--links-only"], "needs the column source"),
        (("record_id", "shoe"), [(1, 42)], [(1, 1)], [], "no column of a person"),
    ],
)
def test_invalid_input_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case) -> None:
    columns, rows, truth, extra, message = case
    records = write(tmp_path / "r.csv", columns, rows)
    labels = write(tmp_path / "t.csv", ("record_id", "entity_id"), truth)
    code, out, err = run(capsys, "--records", records, "--truth", labels, *extra)
    assert code == 2
    assert message in " ".join(err.split())
    assert out == ""


def test_truth_without_entities_and_missing_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = write(tmp_path / "r.csv", ("record_id", "email"), [(1, "a@b.test")])
    wrong = write(tmp_path / "t.csv", ("record_id", "person"), [(1, 1)])
    assert "no column entity_id" in run(capsys, "--records", records, "--truth", wrong)[2]
    assert "There is no file" in run(capsys, "--records", tmp_path / "no.csv", "--truth", wrong)[2]

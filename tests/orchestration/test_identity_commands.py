"""`merganser identity`: answers about a small handmade graph and about the demo, and decisions whose preview equals the
next build."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import decisions, graph, picture, preview
from identity.decisions import Decision
from identity.graph import Edge, GraphAnswer, Identifier
from orchestration.cli import identity as identity_cli
from runtime import building
from runtime import home as places
from runtime.errors import WrongUseError
from runtime.home import Home
from tests.command import copy_of, held_open
from tests.orchestration.handmade import read, write
from tests.warehouse.identity.stories import Story
from tests.warehouse.identity.telling import PUBLISHED, Teller, build_identity, land_batch
from tests.warehouse.workbench import AS_OF, Workbench

Invoke = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[2]
MEMBERS = "select identifier_type || ':' || identifier_value, customer_id from marts.bdg_customer_identifiers"

# A contact and a profile share a phone; a requester and a guest order are strangers; two logins share a cookie; two
# people have a role mailbox; an account and a login of another person have the same number; spouses share a phone.
TOLD = "\n".join(
    [
        *["h1 e1 p1", "k1 e2 p1", "z1 e3", "o1 e4", "a1 u1 x3", "a1 u2", "h5 e:info@story-1.example", "s:777 e7"],
        *["a9 u:777", "h7 e8 p7 [Ann/Berg] x2", "h8 e9 p7 [Bob/Berg] @2026-01-01"],
    ]
)
H1, K1, E1, E2 = (
    "hubspot_contact_id:h1-story-1",
    "klaviyo_person_id:k1-story-1",
    "e1@story-1.example",
    "e2@story-1.example",
)
P1, Z1, O1 = "phone:+4915100100001", "zendesk_user_id:z1-story-1", "shopify_order_id:o1-story-1"
E3 = "e3@story-1.example"
U1, U2, INFO = "user_id:80010001", "user_id:80010002", "email:info@story-1.example"


# --- a project and a small graph of its own ---------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the dbt project: decisions are written into it, and dbt reads them from it."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "dbt_project", copy / "dbt_project")
    for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        shutil.copy(ROOT / name, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "PROJECT_ROOT", copy)
        patch.setattr(building, "PROJECT_ROOT", copy)
        yield copy


@pytest.fixture
def overrides(project: Path) -> Iterator[Path]:
    """The file of decisions, empty before and after."""
    path = decisions.overrides_file()
    assert path.is_relative_to(project)
    empty = path.read_bytes()
    yield path
    path.write_bytes(empty)


@pytest.fixture(scope="module")
def small(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small graph, built by dbt. Do not change it."""
    bench = Workbench(Home(tmp_path_factory.mktemp("small"), AS_OF))
    story = Story("small", (TOLD, "", "", ""), ("", "", "", ""))
    land_batch(bench, [Teller(1)], [story], 0)
    build_identity(bench, [], with_seeds=True)
    bench.build("bdg_customer_identifiers")
    golden = ", ".join(f"null::varchar as {name}" for name in decisions._PROFILE if name != "email")
    write(
        bench.home,
        f"""
        create table marts.dim_customers as
        select customer_id, min(identifier_value) filter (where identifier_type = 'email') as email, {golden}
        from marts.bdg_customer_identifiers where customer_id is not null group by 1
        """,
    )
    return bench.home


@pytest.fixture
def ask(small: Home, merganser: Invoke) -> Callable[..., Any]:
    """The parsed answer of one command about the small graph."""

    def asked(*arguments: str) -> Any:
        code, output, error = merganser("identity", *arguments, "--json", "--home", small.path)
        assert code == 0, error
        return json.loads(output)

    return asked


def refusal(merganser: Invoke, home: Home, *arguments: str, code: int = 2) -> str:
    """The errors of a command that ends with the given code and prints nothing on standard output."""
    ended, output, error = merganser("identity", *arguments, "--home", home.path)
    assert (ended, output) == (code, ""), error
    return " ".join(error.split())


# --- explain ----------------------------------------------------------------------------------------------------------


def test_explains_why_two_persons_share_a_phone(ask: Callable[..., Any], merganser: Invoke, small: Home) -> None:
    """The refused edge says what the two differ in, and nothing of the other person."""
    answer = ask("explain", "e8@story-1.example", "e9@story-1.example")
    assert answer["is_one_customer"] is False
    refused = [edge["refused"] for step in answer["steps"] for edge in step["edges"] if edge["refused"]]
    assert refused == ["other_person:name"]
    code, output, _ = merganser("identity", "explain", "e9@story-1.example", "--home", small.path)
    assert code == 0
    assert "other_person:name" in output
    assert not [word for word in ("Ann", "Bob", "e8@story-1.example", "+4915100100007") if word in output]


def test_a_path_is_shown_edge_by_edge(ask: Callable[..., Any]) -> None:
    answer = ask("explain", H1, E2)
    assert answer["is_one_customer"]
    way = [answer["start"], *(step["to"] for step in answer["steps"])]
    assert [f"{one['identifier_type']}:{one['value']}" for one in way] == [H1, P1, K1, f"email:{E2}"]
    (edge,) = answer["steps"][0]["edges"]
    assert (edge["rule"], edge["source"], edge["source_record_id"]) == ("hubspot_contact", "hubspot", "h1-story-1")
    assert edge["first_seen_at"].startswith("2026-06-01")
    assert edge["refused"] is None


def test_a_path_reads_the_same_backwards(ask: Callable[..., Any]) -> None:
    there, back = ask("explain", H1, E2), ask("explain", E2, H1)
    assert [step["edges"] for step in there["steps"]] == [step["edges"] for step in back["steps"]][::-1]


def test_what_keeps_two_customers_apart(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    """Two logins on one cookie: the path is shown, with the refused step and its limit."""
    answer = ask("explain", U1, U2)
    assert not answer["is_one_customer"]
    refused = [{edge["refused"] for edge in step["edges"]} for step in answer["steps"]]
    assert refused == [{None}, {"limit:user_id"}]
    code, output, _ = merganser("identity", "explain", U1, U2, "--home", small.path)
    assert code == 0
    assert "Not one customer" in output
    assert "refused: limit:user_id" in output


def test_strangers_have_no_path(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    assert ask("explain", H1, Z1)["steps"] == []
    assert "No record connects the two" in merganser("identity", "explain", H1, Z1, "--home", small.path)[1]


def test_a_customer_whole(ask: Callable[..., Any]) -> None:
    answer = ask("explain", E1)
    assert {f"{one['identifier_type']}:{one['value']}" for one in answer["identifiers"]} == {
        H1, K1, P1, f"email:{E1}", f"email:{E2}",
    }  # fmt: skip
    assert len(answer["edges"]) == 4
    assert answer["refused"] == []
    by_id = ask("explain", answer["customer_id"])
    assert by_id["identifiers"] == answer["identifiers"]


def test_an_identifier_without_customer_has_a_reason(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    answer = ask("explain", INFO)
    assert answer["customer_id"] is None
    assert {edge["refused"] for edge in answer["refused"]} == {"blocked"}
    assert "nobody's (blocked)" in merganser("identity", "explain", INFO, "--home", small.path)[1]


def test_values_of_others_are_not_shown(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    """The answer about one login shows that another one is kept apart, but not its value."""
    answer = ask("explain", U1)
    assert [edge["refused"] for edge in answer["refused"]] == ["limit:user_id"]
    for output in (json.dumps(answer), merganser("identity", "explain", U1, "--home", small.path)[1]):
        assert "80010001" in output
        assert "80010002" not in output
    assert "80010002" in json.dumps(ask("explain", U1, U2)), "named, it is shown"


@pytest.mark.parametrize(
    "written", ["email:e1@story-1.example", "e1@story-1.example", " E1@Story-1.example ", "phone:+49 151 001-00001"]
)
def test_an_identifier_may_be_written_in_other_spellings(written: str, ask: Callable[..., Any]) -> None:
    assert len(ask("explain", written)["identifiers"]) == 5


def test_a_value_of_two_types_needs_a_type(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    output = refusal(merganser, small, "explain", "777")
    assert "shopify_customer_id, user_id" in output
    assert "777" not in output
    assert ask("explain", "user_id:777")["asked"]["identifier_type"] == "user_id"


@pytest.mark.parametrize("unknown", ["email:ada.secret@story-1.example", "ada.secret@story-1.example", "x:ada.secret"])
def test_an_unknown_identifier_is_not_repeated(unknown: str, small: Home, merganser: Invoke) -> None:
    output = refusal(merganser, small, "explain", unknown)
    assert "ever arrived" in output
    assert "ada.secret" not in output
    code, output, error = merganser("identity", "explain", unknown, "--json", "--home", small.path)
    assert code == 2
    assert "ada.secret" not in output + error


def test_the_same_identifier_twice(small: Home, merganser: Invoke) -> None:
    assert "same identifier" in refusal(merganser, small, "explain", E1, f"email:{E1}")


def test_an_unknown_customer(small: Home, merganser: Invoke) -> None:
    assert "no customer C0000009999" in refusal(merganser, small, "explain", "C0000009999")
    assert "never was a customer C0000009999" in refusal(merganser, small, "history", "C0000009999")


Link = tuple[int, int, bool]


def an_edge(a: int, b: int, is_refused: bool = False) -> Edge:
    moment = datetime.fromisoformat("2026-01-01")
    return Edge(min(a, b), max(a, b), "r", "s", "1", 1, 1, moment, moment, "blocked" if is_refused else None)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=14))
def test_no_path_is_shorter(links: list[Link]) -> None:
    """Compared with all paths: fewest refused steps, then fewest steps; and each step follows the one before."""
    edges = [an_edge(*link) for link in links if link[0] != link[1]]
    joined = {frozenset((e.identifier_no_a, e.identifier_no_b)) for e in edges if e.refused is None}
    linked = {frozenset((e.identifier_no_a, e.identifier_no_b)) for e in edges}

    def costs(node: int, seen: frozenset[int]) -> Iterator[tuple[int, int]]:
        if node == 6:
            yield (0, 0)
        for pair in linked:
            if node in pair and not (rest := pair - {node}) <= seen:
                (following,) = rest
                for refused, length in costs(following, seen | rest):
                    yield refused + (pair not in joined), length + 1

    steps = graph.shortest_path(edges, 0, 6)
    best = min(costs(0, frozenset({0})), default=None)
    found = (sum(all(edge.refused for edge in said) for _, _, said in steps), len(steps)) if steps else None
    assert found == best
    if steps:
        assert (steps[0][0], steps[-1][1]) == (0, 6)
        assert all(before[1] == after[0] for before, after in pairwise(steps))


def test_an_answer_with_too_many_edges_is_refused(
    small: Home, monkeypatch: pytest.MonkeyPatch, merganser: Invoke
) -> None:
    monkeypatch.setattr(graph, "MOST_EDGES", 4)
    assert merganser("identity", "explain", H1, "--home", small.path)[0] == 0
    monkeypatch.setattr(graph, "MOST_EDGES", 3)
    assert "more than 3 edges" in refusal(merganser, small, "explain", H1, code=1)


# --- pictures ---------------------------------------------------------------------------------------------------------


def texts(drawn: str) -> list[tuple[float, float, str]]:
    """(x, y, words) of each text of a picture, which is well-formed."""
    root = ET.fromstring(drawn)
    found = root.iter("{http://www.w3.org/2000/svg}text")
    return [(float(one.attrib["x"]), float(one.attrib["y"]), "".join(one.itertext())) for one in found]


def crowded(drawn: str) -> list[tuple[float, float, str]]:
    """Texts that overlap: they begin or end where another one does, closer than its height."""
    found = sorted(texts(drawn))
    return [two for one, two in pairwise(found) if one[0] == two[0] and two[1] - one[1] < 11]


def test_a_picture_of_a_path_and_of_a_customer(small: Home, tmp_path: Path, ask: Callable[..., Any]) -> None:
    ask("explain", H1, E2, "--svg", str(tmp_path / "path.svg"))
    ask("explain", U1, "--svg", str(tmp_path / "customer.svg"))
    path, customer = ((tmp_path / f"{name}.svg").read_text() for name in ("path", "customer"))
    words = " ".join(output for _, _, output in texts(path))
    assert all(value in words for value in ("h1-story-1", "+4915100100001", "k1-story-1", E2))
    assert "hubspot_contact (hubspot)" in words
    assert "80010002" not in customer
    assert "limit:user_id" in customer
    assert crowded(path) == crowded(customer) == []


def a_customer(size: int) -> GraphAnswer:
    """One contact with very many hostile addresses, each linked to the one before as well."""
    moment = datetime.fromisoformat("2026-01-01")
    found = [
        Identifier(no, "email", f'<b>&"\'{no}" ' + "x" * 99, "C0000000000", "usable", moment, moment)
        for no in range(size)
    ]
    edges = [an_edge(0, no) for no in range(1, size)] + [an_edge(no, no + 1) for no in range(1, size - 1)]
    return GraphAnswer(found[0], "C0000000000", found, edges, [], [])


@pytest.mark.parametrize("size", [1, 2, 30, 500])
def test_a_picture_stays_readable(size: int) -> None:
    drawn = picture.draw_graph(a_customer(size))
    boxes = [box for box in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}rect") if "class" in box.attrib]
    assert len(boxes) == min(size, picture.MOST_DRAWN)
    assert ("nearest" in drawn) == (size > picture.MOST_DRAWN)
    assert crowded(drawn) == []


def test_a_crowded_picture_is_seen() -> None:
    drawn = picture.draw_graph(a_customer(30))
    assert crowded(re.sub(r' y="\d+">', ' y="9">', drawn)) != []


def test_a_picture_that_cannot_be_written(small: Home, tmp_path: Path, merganser: Invoke) -> None:
    (tmp_path / "file").touch()
    output = refusal(merganser, small, "explain", H1, "--svg", str(tmp_path / "file" / "x.svg"), code=1)
    assert "cannot be written" in output


HOSTILE = "[/red]\x1b[2J\x00<b>&"


def test_a_hostile_value_is_shown_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not markup for the terminal, clears no screen and breaks no picture."""
    whole = a_customer(2)
    hostile = replace(whole, identifiers=[replace(one, value=HOSTILE) for one in whole.identifiers])
    identity_cli.show_graph(hostile)
    output = capsys.readouterr().out
    assert "[/red]" in output
    assert "\x1b" not in output
    assert "\x00" not in output
    assert any("[/red]" in words for _, _, words in texts(picture.draw_graph(hostile)))


# --- conflicts, history, numbers --------------------------------------------------------------------------------------


def test_conflicts_show_values_only_of_named_customers(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    (conflict,) = ask("conflicts")["conflicts"]
    assert conflict["reason"] == "limit:user_id"
    assert conflict["identifier_value_a"] is conflict["identifier_value_b"] is None
    assert "story-1" not in merganser("identity", "conflicts", "--home", small.path)[1]
    (named,) = ask("conflicts", U2)["conflicts"]
    assert "80010002" in (named["identifier_value_a"], named["identifier_value_b"])
    assert ask("conflicts", H1)["conflicts"] == []


def test_numbers_add_up(small: Home, ask: Callable[..., Any], merganser: Invoke) -> None:
    answer = ask("stats")
    ((customers,),) = read(small.warehouse, f"select count(distinct customer_id) from ({MEMBERS})")
    assert answer["customers"] == sum(answer["customers_by_size"].values()) == customers
    assert answer["identifiers"]["email"] == {"usable": 7, "blocked": 1}
    assert answer["refused_by_reason"] == {"blocked": 1, "limit:user_id": 1, "other_person:name": 1}
    assert {metric["metric"] for metric in answer["metrics"]} >= {"largest_customer", "overrides_not_applied"}
    assert "limit:user_id" in merganser("identity", "stats", "--home", small.path)[1]


def test_history_at_a_moment(ask: Callable[..., Any]) -> None:
    answer = ask("history", H1)
    assert [change["change_type"] for change in answer["changes"]] == ["created"]
    assert len(answer["stays"]) == 5
    assert ask("history", H1, "--on", "2026-05-01")["stays"] == []
    assert len(ask("history", H1, "--on", "2026-06-20")["stays"]) == 5


def test_history_of_an_unknown_customer_and_at_an_invalid_moment(small: Home, merganser: Invoke) -> None:
    assert "belongs to no customer" in refusal(merganser, small, "history", INFO)
    assert "not a moment" in refusal(merganser, small, "history", H1, "--on", "yesterday")


# --- decisions --------------------------------------------------------------------------------------------------------

WHY = ("--reason", "They said so", "--by", "Ada")


def grouped(home: Home, identifiers: set[str]) -> dict[str, set[str]]:
    """Customers by id, limited to these identifiers."""
    found: dict[str, set[str]] = {}
    for identifier, customer in read(home.warehouse, MEMBERS):
        if identifier in identifiers:
            found.setdefault(str(customer), set()).add(str(identifier))
    return found


def shown(groups: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The same of a plan."""
    return {
        group["customer_id"]: {f"{one['identifier_type']}:{one['value']}" for one in group["identifiers"]}
        for group in groups
    }


def test_the_next_build_equals_the_preview(
    small: Home, tmp_path: Path, overrides: Path, merganser: Invoke, request: pytest.FixtureRequest
) -> None:
    """A split, a join, and a join across a limit: the build gives what each preview showed."""
    untouched = (small.path / "warehouse.duckdb").read_bytes()
    plans = {}
    for verb, one, other in (("split", H1, K1), ("join", Z1, O1), ("join", U1, U2)):
        code, output, error = merganser("identity", verb, one, other, *WHY, "--yes", "--json", "--home", small.path)
        assert code == 0, error
        plans[one] = json.loads(output)
        assert plans[one]["is_written"]
    assert [plan["plan"]["unbuilt"] for plan in plans.values()] == [0, 1, 2]
    assert (small.path / "warehouse.duckdb").read_bytes() == untouched

    rows = list(csv.DictReader(overrides.open()))
    assert [row["action"] for row in rows] == ["exclude", "include", "include"]
    assert {(row["decided_by"], row["reason"]) for row in rows} == {("Ada", "They said so")}

    before = (small.path / "warehouse.duckdb").read_bytes()
    request.addfinalizer(lambda: (small.path / "warehouse.duckdb").write_bytes(before))
    bench = Workbench(small)
    bench.build("identity_overrides", "int_identity__*", "bdg_customer_identifiers", *PUBLISHED)
    for one, answer in plans.items():
        then = shown(answer["plan"]["after"])
        assert grouped(small, set().union(*then.values())) == then, one

    # A withdrawn decision is not built yet either: the preview already leaves it out.
    decided = overrides.read_text().splitlines(keepends=True)
    overrides.write_text("".join(line for line in decided if O1.partition(":")[2] not in line))
    withdrawn = planned(merganser, small, "join", Z1, E3)
    assert withdrawn["unbuilt"] == 1
    assert sorted(map(len, shown(withdrawn["after"]).values())) == [2, 2]
    overrides.write_text("".join(decided))

    # History before the decision still has the former customer.
    (moment,) = {row["decided_at"] for row in rows if row["identifier_type_a"] == "zendesk_user_id"}
    (gone,) = set(shown(plans[Z1]["plan"]["before"])) - set(shown(plans[Z1]["plan"]["after"]))
    on = (datetime.fromisoformat(moment) - timedelta(seconds=1)).isoformat()
    stays = read(
        small.warehouse,
        "select count(*) from marts.bdg_customer_identifiers_history "
        f"where customer_id = '{gone}' and valid_from <= timestamp '{on}' and valid_to >= timestamp '{moment}'",
    )
    assert stays == [(2,)]
    assert len(shown(plans[H1]["plan"]["after"])) == 2
    assert len(shown(plans[Z1]["plan"]["after"])) == len(shown(plans[U1]["plan"]["after"])) == 1

    (gone,) = set(shown(plans[Z1]["plan"]["before"])) - set(shown(plans[Z1]["plan"]["after"]))
    code, output, _ = merganser("identity", "history", gone, "--json", "--home", small.path)
    history = json.loads(output)
    assert history["customer_id"] == next(iter(shown(plans[Z1]["plan"]["after"])))
    assert history["former_ids"] == [gone]
    assert {(change["change_type"], change["cause"]) for change in history["changes"]} >= {("merged", "override")}
    path = json.loads(merganser("identity", "explain", Z1, O1, "--json", "--home", small.path)[1])
    assert [edge["rule"] for edge in path["steps"][0]["edges"]] == ["override_include"]
    apart = json.loads(merganser("identity", "explain", H1, K1, "--json", "--home", small.path)[1])
    assert not apart["is_one_customer"]
    assert "override_exclude" in {edge["refused"] for step in apart["steps"] for edge in step["edges"]}


def customer_of(home: Home, identifier: str) -> str:
    return next(str(customer) for name, customer in read(home.warehouse, MEMBERS) if name == identifier)


def planned(merganser: Invoke, home: Home, *arguments: str) -> dict[str, Any]:
    code, output, error = merganser("identity", *arguments, *WHY, "--json", "--home", home.path)
    assert code == 0, error
    plan: dict[str, Any] = json.loads(output)["plan"]
    return plan


def test_customers_are_joined_as_persons(small: Home, overrides: Path, merganser: Invoke) -> None:
    """Not their oldest cookies: of each limited type, the join names what the two have."""
    ids = [customer_of(small, identifier) for identifier in (U1, U2)]
    plan = planned(merganser, small, "join", *ids)
    assert plan["is_one_customer"]
    assert len(shown(plan["after"])) == 1
    (row,) = plan["decisions"]
    assert {row["identifier_type_a"], row["identifier_type_b"]} == {"user_id"}
    assert "same identifier" in refusal(merganser, small, "join", ids[0], ids[0], *WHY)


def test_a_preview_includes_decisions_that_are_not_built(small: Home, overrides: Path, merganser: Invoke) -> None:
    """A join across a split that the next build reads leaves two customers."""
    assert planned(merganser, small, "join", E1, E2)["before"] == []
    planned(merganser, small, "split", H1, K1, "--yes")
    plan = planned(merganser, small, "join", E1, E2)
    assert plan["unbuilt"] == 1
    assert not plan["is_one_customer"]
    assert len(plan["after"]) == 2
    output = merganser("identity", "join", E1, E2, *WHY, "--dry-run", "--home", small.path)[1]
    assert "would not become one" in output
    assert "No customer would change" not in output


def test_a_join_without_effect_is_reported(small: Home, overrides: Path, merganser: Invoke) -> None:
    """A cookie that is joined to another login does not join the two logins, because of a limit."""
    arguments = ("identity", "join", "anonymous_id:a1-story-1", U2, *WHY, "--dry-run", "--home", small.path)
    code, output, _ = merganser(*arguments)
    assert code == 0
    assert "would not become one" in output
    assert overrides.read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "answer", "is_written"),
    [
        ((), "y\n", True),
        ((), "n\n", False),
        ((), "", False),
        (("--dry-run",), "y\n", False),
        (("--json",), "y\n", False),
    ],
    ids=["yes", "no", "silence", "dry run", "machine"],
)
def test_nothing_is_written_without_a_yes(
    *,
    arguments: tuple[str, ...],
    answer: str,
    is_written: bool,
    small: Home,
    overrides: Path,
    merganser: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    merganser("identity", "join", Z1, O1, *WHY, *arguments, "--home", small.path)
    assert (overrides.read_text().count("\n") == 2) is is_written


@pytest.mark.parametrize("verb", ["join", "split"])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((H1, INFO, *WHY), "has no customer"),
        ((H1, H1, *WHY), "same identifier"),
        ((H1, "email:ada.secret@x.example", *WHY), "ever arrived"),
        ((H1, K1, "--reason", " ", "--by", "Ada"), "a name and a reason"),
        ((H1, K1, "--reason", "x", "--by", ""), "a name and a reason"),
        ((H1, K1), "--reason"),
    ],
)
def test_a_decision_without_effect_is_refused(
    *, verb: str, arguments: tuple[str, ...], says: str, small: Home, overrides: Path, merganser: Invoke
) -> None:
    before = overrides.read_bytes()
    output = refusal(merganser, small, verb, *arguments, "--yes")
    assert says in output
    assert "ada.secret" not in output
    assert "info@" not in output
    assert overrides.read_bytes() == before


def test_a_contradiction_is_refused_before_anything_is_tried(small: Home, overrides: Path, merganser: Invoke) -> None:
    decisions.write(a_decision("include", "h1-story-1", "k1-story-1"))
    before = overrides.read_bytes()
    output = refusal(merganser, small, "split", K1, H1, *WHY, "--yes")
    assert "decision of Grace" in output
    assert "line 2" in output
    assert "story-1" not in output
    assert "is the same" in refusal(merganser, small, "join", K1, H1, *WHY, "--yes")
    assert overrides.read_bytes() == before


def a_decision(action: str, one: str, other: str) -> Decision:
    kinds = {"h": "hubspot_contact_id", "k": "klaviyo_person_id"}
    ends = (kinds.get(one[0], "email"), one, kinds.get(other[0], "email"), other)
    return Decision(action, *ends, "Grace", "2026-01-01 00:00:00", "a reason, with a comma")


@pytest.mark.parametrize(
    ("known", "new", "contradicts"),
    [
        (["+ab"], "-ab", True),
        (["+ab"], "-ba", True),
        (["-ab"], "+ab", True),
        (["+ab"], "+ba", True),
        (["+ab", "+bc"], "-ac", True),
        (["+ab", "-bc"], "+ac", True),
        (["+ab", "+cd", "-ad"], "+bc", True),
        ([], "-ab", False),
        (["+ab", "+bc"], "+ac", False),
        (["-ab", "-bc"], "-ac", False),
        (["+ab", "-bc"], "-ac", False),
        (["-ab", "-bc"], "+ac", False),
        (["+ab", "+cd", "-ad"], "+ef", False),
    ],
)
def test_contradictions_are_transitive(known: list[str], new: str, contradicts: bool) -> None:
    def decided(said: str) -> Decision:
        return a_decision("include" if said[0] == "+" else "exclude", said[1], said[2])

    try:
        decisions.refuse_contradiction([decided(said) for said in known], decided(new))
    except WrongUseError:
        assert contradicts
    else:
        assert not contradicts


def test_a_decision_is_read_back_as_it_was_written(overrides: Path) -> None:
    hostile = a_decision("include", 'a,"b"\n', "é;'--")
    overrides.write_text(overrides.read_text().removesuffix("\n"))
    decisions.write(hostile)
    decisions.write(a_decision("exclude", "x", "y"))
    assert decisions.read_decisions() == [hostile, a_decision("exclude", "x", "y")]


def test_two_people_may_decide_at_once(overrides: Path) -> None:
    """Each reads the file again when it writes: the second of two contradicting decisions is refused."""
    decisions.write(a_decision("include", "a", "b"))
    with pytest.raises(WrongUseError):
        decisions.write(a_decision("exclude", "a", "b"))
    assert len(decisions.read_decisions()) == 1


@pytest.mark.parametrize("damage", ["", "action,who\n", "maybe,a,b,c,d,e,f,g\n", "include,a\n"])
def test_a_damaged_file_of_decisions_is_reported(damage: str, small: Home, overrides: Path, merganser: Invoke) -> None:
    header = overrides.read_text()
    is_header = damage in ("", "action,who\n")
    overrides.write_text(damage if is_header else header + damage)
    output = refusal(merganser, small, "join", Z1, O1, *WHY, "--yes", code=1)
    assert ("the wrong columns" if is_header else "Line 2") in output


def test_no_file_of_decisions(small: Home, overrides: Path, merganser: Invoke) -> None:
    overrides.rename(overrides.with_suffix(".away"))
    try:
        assert "cannot be opened" in refusal(merganser, small, "join", Z1, O1, *WHY, "--yes", code=1)
    finally:
        overrides.with_suffix(".away").rename(overrides)


# --- review -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def queued(small: Home, tmp_path: Path) -> Home:
    """The small graph with a review queue of two questions, as the probabilistic tier writes it."""
    copy = Home(tmp_path / "queued", AS_OF)
    copy.path.mkdir()
    shutil.copy(small.warehouse, copy.warehouse)
    number = "(select identifier_no from marts.bdg_customer_identifiers where identifier_value = '{}')"
    pairs = [("h1-story-1", "z1-story-1", 0.9), ("z1-story-1", "o1-story-1", 0.7), ("h1-story-1", "k1-story-1", 0.8)]
    rows = ", ".join(
        f"({number.format(one)}, {number.format(two)}, 'question', {chance})" for one, two, chance in pairs
    )
    write(
        copy,
        "create or replace table intermediate.int_identity__review_queue "
        "(identifier_no_a bigint, identifier_no_b bigint, reason varchar, match_probability double)",
        f"insert into intermediate.int_identity__review_queue values {rows}",
    )
    return copy


def test_without_a_queue_review_says_so(small: Home, queued: Home, merganser: Invoke) -> None:
    """No queue was built yet; if the tier is off, the queue is empty."""
    write(queued, "drop table intermediate.int_identity__review_queue")
    assert "int_identity__review_queue was not built" in refusal(merganser, queued, "review", code=1)
    assert "nothing to review" in merganser("identity", "review", "--by", "Ada", "--home", small.path)[1]


def test_review_writes_what_a_person_answers(
    queued: Home, overrides: Path, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most likely pair first; pairs of one customer are skipped; an invalid answer repeats the question."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("maybe\ny\nThe same address\nn\nTwo people\n"))
    code, output, _ = merganser("identity", "review", "--by", "Ada", "--home", queued.path)
    assert code == 0
    assert "1 of 2" in output
    assert "90% likely one person" in output
    assert E3 in output
    assert "2 decisions are written" in output
    written = decisions.read_decisions()
    assert [(one.action, one.identifier_type_a, one.reason) for one in written] == [
        ("include", "hubspot_contact_id", "The same address"),
        ("exclude", "zendesk_user_id", "Two people"),
    ]
    assert "nothing to review" in merganser("identity", "review", "--by", "Ada", "--home", queued.path)[1]


@pytest.mark.parametrize("answers", ["", "q\n", "s\ns\n", "y\n"], ids=["silence", "quit", "skip", "no reason"])
def test_review_writes_nothing_else(
    answers: str, queued: Home, overrides: Path, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
    code, output, _ = merganser("identity", "review", "--by", "Ada", "--home", queued.path)
    assert code == 0
    assert "Nothing was written" in output
    assert decisions.read_decisions() == []


def test_review_of_conflicts_joins_what_the_limit_is_about(
    small: Home, overrides: Path, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\nOne person with two logins\n"))
    code, _, error = merganser("identity", "review", "--conflicts", "--by", "Ada", "--home", small.path)
    assert code == 0, error
    (written,) = decisions.read_decisions()
    assert written.ends == {("user_id", "80010001"), ("user_id", "80010002")}


def test_review_as_json_lists_the_questions(queued: Home, overrides: Path, merganser: Invoke) -> None:
    code, output, error = merganser("identity", "review", "--json", "--home", queued.path)
    assert code == 0, error
    assert [question["probability"] for question in json.loads(output)["questions"]] == [0.9, 0.7]
    assert "story-1" not in output


# --- homes without a graph --------------------------------------------------------------------------------------------

EVERY_COMMAND = [
    ("explain", H1),
    ("explain", H1, K1),
    ("conflicts",),
    ("review",),
    ("join", H1, K1, *WHY),
    ("split", H1, K1, *WHY),
    ("history", H1),
    ("stats",),
]


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=lambda arguments: arguments[0])
def test_a_home_without_a_graph(arguments: tuple[str, ...], built_by_hand: Home, home: Home, merganser: Invoke) -> None:
    """A handmade home has a few tables and no graph; without a warehouse, the error says that instead."""
    assert "has no identity graph" in refusal(merganser, built_by_hand, *arguments, code=1)
    built_by_hand.warehouse.unlink()
    assert "no warehouse" in refusal(merganser, built_by_hand, *arguments, code=1)


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=lambda arguments: arguments[0])
def test_a_locked_warehouse(arguments: tuple[str, ...], built_by_hand: Home, merganser: Invoke) -> None:
    with held_open(built_by_hand.warehouse) as holder:
        assert str(holder) in refusal(merganser, built_by_hand, *arguments, code=4)


def test_a_failed_preview_writes_nothing(
    *, small: Home, project: Path, overrides: Path, tmp_path: Path, merganser: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A macro that needs more of dbt than a preview has."""
    macros = tmp_path / "dbt_project" / "macros"
    shutil.copytree(project / "dbt_project" / "macros", macros)
    changed = macros / "identity" / "select_claims.sql"
    changed.write_text(changed.read_text().replace("with\n", "{{ target.schema }} with\n", 1))
    monkeypatch.setattr(preview, "places", SimpleNamespace(PROJECT_ROOT=tmp_path))
    assert "do not run without dbt" in refusal(merganser, small, "join", Z1, O1, *WHY, "--yes", code=1)
    assert decisions.read_decisions() == []


def test_the_preview_of_all_components_is_the_partition(demo_home: Home, small: Home) -> None:
    """The macros give in memory what dbt built, limits included: two logins on one cookie are cut."""
    for home, is_cut in ((demo_home, False), (small, True)):
        with duckdb.connect(str(home.warehouse), read_only=True) as connection:
            nodes, identifiers, pairs = (
                connection.sql(f"select * from intermediate.int_identity__{name}").to_arrow_table()
                for name in ("nodes", "identifiers", "pairs")
            )
            built = connection.execute(
                "select identifier_no, customer_no, component_no from intermediate.int_identity__partition"
            ).fetchall()
        numbers = preview.customers_of(nodes=nodes, identifiers=identifiers, pairs=pairs, size_cap=1000)
        assert numbers == {number: customer for number, customer, _ in built}
        assert not is_cut or any(customer != component for _, customer, component in built)


# --- the demo business ------------------------------------------------------------------------------------------------


def test_every_customer_of_the_demo_is_connected(demo_home: Home) -> None:
    """Every identifier of each of the largest customers has a path to the oldest one without a refused step."""
    with duckdb.connect(str(demo_home.warehouse), read_only=True) as connection:
        largest = connection.execute(
            "select customer_id from marts.bdg_customer_identifiers where customer_id is not null "
            "group by 1 order by count(*) desc, 1 limit 20"
        ).fetchall()
    for (customer,) in largest:
        answer = graph.explain_customer(demo_home, customer)
        for member in answer.identifiers:
            steps = graph.shortest_path(answer.edges, answer.asked.identifier_no, member.identifier_no)
            assert steps or member == answer.asked
        assert crowded(picture.draw_graph(answer)) == []


def test_the_published_graph_answers_while_a_build_holds_the_warehouse(demo_home: Home, tmp_path: Path) -> None:
    home = copy_of(demo_home, tmp_path / "home")
    with duckdb.connect(str(home.serving), read_only=True) as connection:
        (customer,) = connection.execute(
            "select max_by(customer_id, identifier_count) from marts.dim_customers"
        ).fetchone() or ("",)

    def ask() -> list[object]:
        return [
            graph.explain_customer(home, customer),
            graph.list_conflicts(home, customer),
            graph.read_history(home, customer),
            graph.read_stats(home),
        ]

    with held_open(home.warehouse):
        published = ask()
    home.serving.unlink()
    assert ask() == published, "the warehouse answers the same"


def test_what_keeps_customers_of_the_demo_apart_is_explained(demo_home: Home) -> None:
    conflicts = graph.list_conflicts(demo_home)
    apart = [(conflict.customer_id_a, conflict.customer_id_b, conflict.reason) for conflict in conflicts]
    apart += read(
        demo_home.warehouse,
        """
        select ones.customer_id, others.customer_id, min(refused.reason)
        from intermediate.int_identity__refused_edges as refused
        inner join intermediate.int_identity__customers as ones on refused.customer_no_a = ones.customer_no
        inner join intermediate.int_identity__customers as others on refused.customer_no_b = others.customer_no
        where refused.reason like 'other_person:%' and ones.customer_no <> others.customer_no
        group by 1, 2 having count(distinct refused.reason) = 1
        order by 1, 2
        """,
    )
    assert apart
    for first, second, reason in apart:
        answer = graph.explain_pair(demo_home, first, second)
        assert reason in {edge.refused for step in answer.steps for edge in step.edges}
        assert not answer.is_one_customer
    questions = decisions.open_questions(demo_home, conflicts=True)
    assert len(questions) == len(conflicts)
    assert all(question.first_profile and question.second_profile for question in questions)

"""Waivers and overrides: which broken rules allow a publication, by whom, until when; and which never do."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import timedelta

import pytest

from publication import publishing, quality, waivers
from publication.data_rules import CountedRule
from publication.expectations import Rule, TableSuite
from publication.quality import AuditResult, CheckReport
from runtime.errors import MerganserError, PublicationRefusedError, WrongUseError
from runtime.home import Home
from tests.orchestration.handmade import RELATIONS, write

KNOWN = {"marts.fct_orders.rows_fell", "marts.dim_customers.accepted_values:status"}
CONTRACTS = {"exports.exp_ads__lapsed.consent_is_live"}
LATER = (waivers.today() + timedelta(days=2)).isoformat()  # not the next day: midnight may pass
YESTERDAY = (waivers.today() - timedelta(days=1)).isoformat()
VOCABULARY = [
    TableSuite(
        "marts.dim_customers",
        rules=(
            Rule(
                "accepted_values: status",
                "status is one of new, known",
                "select customer_id from {batch} where status not in ('new', 'known')",
                kind="data",
            ),
        ),
    )
]
Invoke = Callable[..., tuple[int, str, str]]


def waive(home: Home, rule: str = "accepted_values:status", until: str = LATER, **words: str) -> waivers.Waiver:
    given = {"owner": "ada", "reason": "the source is being corrected", **words}
    return waivers.waive(home, rule, until=until, known=KNOWN, contracts=CONTRACTS, **given)


def log(home: Home) -> list[dict[str, str]]:
    return [json.loads(line) for line in home.overrides_log.read_text().splitlines()]


def break_data_rule(home: Home) -> CheckReport:
    write(home, "update marts.dim_customers set status = 'odd'")
    return quality.check(home, suites=VOCABULARY)


def test_a_few_broken_rows_stop_nothing() -> None:
    """Ten always, beyond that the tolerated share."""

    def holds(broken: int, rows: int) -> bool:
        return CountedRule("marts.dim_customers", "accepted_values: status", "says", broken, rows, 0.02).holds

    assert [holds(10, 20), holds(11, 20), holds(20, 1000), holds(21, 1000)] == [True, False, True, False]


def test_a_waived_rule_is_shown_and_logged_and_stops_nothing(built_by_hand: Home) -> None:
    assert not break_data_rule(built_by_hand).passed
    waive(built_by_hand)
    report = quality.check(built_by_hand, suites=VOCABULARY)
    assert report.passed
    assert report.failures == []
    assert report.waived[0].waiver == {"owner": "ada", "until": LATER, "reason": "the source is being corrected"}
    publishing.publish(built_by_hand, relations=RELATIONS)
    assert [entry["how"] for entry in log(built_by_hand)] == ["granted", "waived"]
    assert "waived" in built_by_hand.quality_report.read_text()
    for path in (built_by_hand.waivers, built_by_hand.overrides_log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_expired_waiver_has_no_effect(built_by_hand: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    break_data_rule(built_by_hand)
    waive(built_by_hand)
    assert quality.check(built_by_hand, suites=VOCABULARY).passed
    later = waivers.today() + timedelta(days=4)
    monkeypatch.setattr(waivers, "today", lambda: later)
    with pytest.raises(PublicationRefusedError, match="accepted_values"):
        publishing.publish(built_by_hand, relations=RELATIONS)  # checked before the waiver expired, published after
    assert not quality.check(built_by_hand, suites=VOCABULARY).passed


@pytest.mark.parametrize(
    ("rule", "until", "words", "message"),
    [
        ("accepted_values:statsu", LATER, {}, "no rule"),
        ("consent_is_live", LATER, {}, "contract"),
        ("exp_ads__lapsed.consent_is_live", LATER, {}, "contract"),
        ("rows_fell", YESTERDAY, {}, "has passed"),
        ("rows_fell", "soon", {}, "not a date"),
        ("rows_fell", LATER, {"owner": " "}, "owner"),
        ("rows_fell", LATER, {"reason": ""}, "reason"),
    ],
)
def test_what_cannot_be_waived_is_refused(
    home: Home, rule: str, until: str, words: dict[str, str], message: str
) -> None:
    with pytest.raises(WrongUseError, match=message):
        waive(home, rule, until, **words)
    assert not home.waivers.exists()


def test_a_misspelt_rule_is_suggested(home: Home) -> None:
    with pytest.raises(WrongUseError) as raised:
        waive(home, "row_fell")
    assert "rows_fell" in raised.value.hint


def test_a_contract_stops_although_the_file_names_it(built_by_hand: Home) -> None:
    """A file written by hand cannot waive a contract either."""
    rule = Rule("consent_is_live", "Nobody leaves", "select customer_id from {batch}")
    waive(built_by_hand, "rows_fell")
    content = built_by_hand.waivers.read_text().replace("rows_fell", "consent_is_live")
    built_by_hand.waivers.write_text(content)
    report = quality.check(built_by_hand, suites=[TableSuite("marts.fct_orders", rules=(rule,))])
    assert not report.passed
    assert not report.waived


def test_a_damaged_file_of_waivers_is_named(built_by_hand: Home) -> None:
    built_by_hand.waivers.write_text('{"waivers": [{"rule": "rows_fell"')
    with pytest.raises(MerganserError, match=r"waivers\.json is damaged"):
        quality.check(built_by_hand, suites=VOCABULARY)


def test_an_override_holds_for_one_publication_and_is_logged(built_by_hand: Home) -> None:
    break_data_rule(built_by_hand)
    with pytest.raises(WrongUseError, match="needs a reason"):
        publishing.publish(built_by_hand, relations=RELATIONS, overrides=["accepted_values:status"])
    with pytest.raises(WrongUseError, match="names no broken rule"):
        publishing.publish(built_by_hand, relations=RELATIONS, overrides=["rows_fell"], reason="x")
    report = publishing.publish(
        built_by_hand, relations=RELATIONS, overrides=["accepted_values: status"], reason="a new word"
    )
    assert report.overridden == ["marts.dim_customers.accepted_values:status"]
    entry = log(built_by_hand)[-1]
    assert (entry["how"], entry["build_id"], entry["reason"]) == ("overridden", "b1", "a new word")
    with pytest.raises(PublicationRefusedError):
        publishing.publish(built_by_hand, relations=RELATIONS)


def test_a_contract_is_not_overridden(built_by_hand: Home) -> None:
    write(built_by_hand, "insert into marts.dim_customers values ('C3', 'x', 'new')")
    suite = TableSuite("marts.dim_customers", unique=(("customer_id",),))
    assert not quality.check(built_by_hand, suites=[suite]).passed
    with pytest.raises(WrongUseError, match="contract"):
        publishing.publish(built_by_hand, relations=RELATIONS, overrides=["unique:customer_id"], reason="x")


def test_a_rule_is_named_with_and_without_its_table() -> None:
    result = AuditResult("marts.fct_messages", "accepted_values: channel", "says", passed=False)
    assert result.id == "marts.fct_messages.accepted_values:channel"
    for pattern in (result.id, "fct_messages.accepted_values:channel", "accepted_values: channel"):
        assert waivers.names(pattern, result.table, result.rule)
    assert not waivers.names("fct_orders.accepted_values:channel", result.table, result.rule)


def test_the_command_lists_waivers(home: Home, merganser: Invoke) -> None:
    assert merganser("check", "waivers", "--home", home.path)[1].strip() == "No rule is waived."
    waive(home, "rows_fell")
    code, output, _ = merganser("check", "waivers", "--json", "--home", home.path)
    assert code == 0
    assert [entry["rule"] for entry in json.loads(output)["waivers"]] == ["rows_fell"]

"""Inputs that gave wrong results in earlier versions, in ../shared/cases: all are landed at once and published.

Add here: a fixed case with its correct result. Keep out: other inputs of its kind (tests of the concept).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import demo, stages
from publication import publishing, quality
from runtime.home import PROJECT_ROOT, Home, open_home

CASES = PROJECT_ROOT.parent / "shared" / "cases"
REPAIRED = {
    "01-segment-screen": lambda rows: rows == [("screen",)],
    "02-session-split-at-login": lambda rows: [row[:3] for row in rows] == [("paid_search", "google", 4)],
    "03-click-ids": lambda rows: (
        {row[0]: row[1] for row in rows}
        == {
            **dict.fromkeys(("anon-gclid", "anon-gbraid", "anon-wbraid", "anon-msclkid"), "paid_search"),
            **dict.fromkeys(("anon-ttclid", "anon-lifat"), "paid_social"),
            "anon-dclid": "display",
        }
    ),
    "04-self-referral": lambda rows: [row[1:] for row in rows] == [("direct", None), ("direct", None)],
    "05-refund-adjustment": lambda rows: (
        [tuple(map(str, row[3:])) for row in rows] == [("10.00", "90.00"), ("53.00", "7.00")]
    ),
    "06-gift-card": lambda rows: [str(row[2]) for row in rows] == ["50.00"],
    "07-currency-without-rate": lambda rows: [(row[2], row[5]) for row in rows] == [(None, None)],
    "09-merged-deal": lambda rows: [(row[1], str(row[2])) for row in rows] == [(1, "1000.00")],
    "10-opt-out-by-phone": lambda rows: [row[2] for row in rows if row[1] == "sms_marketing"] == ["withdrawn"],
    "11-reconsent": lambda rows: [row[2] for row in rows if row[1] == "email_marketing"] == ["granted"],
    "12-phone-extension": lambda rows: (
        len({row[2] for row in rows if row[0] == "email"}) == 2
        and not {row[2] for row in rows if row[0] == "phone"} & {row[2] for row in rows if row[0] == "email"}
    ),
    "18-machine-open": lambda rows: rows == [],
    "31-user-id-is-email": lambda rows: (
        {row[0] for row in rows} == {"user_id", "email"} and len({row[2] for row in rows}) == 1
    ),
    "39-40-consent-words": lambda rows: (
        {(row[0].partition("@")[0], row[1]): row[2] for row in rows}.items()
        >= {
            ("vera.vokabel", "email_marketing"): "granted",
            ("theresa_feldmann", "advertising"): "withdrawn",
            ("theresa_feldmann", "email_marketing"): "withdrawn",
            ("nicolas_brebois", "advertising"): "withdrawn",
        }.items()
    ),
    "52-withdrawal-in-quarantine": lambda rows: rows == [],
    "58-additional-emails": lambda rows: len(rows) == 2 and len({row[2] for row in rows}) == 1,
    "59-item-removed": lambda rows: [str(row[3]) for row in rows] == ["70.00"],
    "60-placeholder-user-ids": lambda rows: len(rows) > 0 and {row[1] for row in rows} == {1},
    "67-call-without-moment": lambda rows: rows == [],
}
SCREENS = "select event_type from marts.fct_events where event_id like '%scr-0001'"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The demo for which the cases were written, with all of them landed after it, checked and published."""
    if not CASES.is_dir():
        pytest.skip("skipped: needs ../shared/cases")
    home = demo.prepare(open_home(tmp_path_factory.mktemp("cases") / "home"), customers=150, seed=7)
    stages.ingest(home)
    for name in REPAIRED:
        if (CASES / name / "landing").is_dir():
            shutil.copytree(CASES / name / "landing", home.landing, dirs_exist_ok=True)
    (home.landing / "segment/screens").mkdir(parents=True, exist_ok=True)
    shutil.copy(CASES / "01-segment-screen/screens.ndjson", home.landing / "segment/screens")
    stages.ingest(home)
    assert stages.build(home).whole
    assert quality.check(home).passed
    publishing.publish(home)
    return home


@pytest.mark.parametrize("name", REPAIRED)
def test_a_reported_case_is_correct(published: Home, name: str) -> None:
    question: Path = CASES / name / "query.sql"
    is_right: Callable[[list[tuple[Any, ...]]], bool] = REPAIRED[name]
    with duckdb.connect(str(published.serving), read_only=True) as serving:
        rows = serving.execute(question.read_text() if question.exists() else SCREENS).fetchall()
    assert is_right(rows), rows


def test_the_call_without_a_moment_is_published(published: Home) -> None:
    with duckdb.connect(str(published.serving), read_only=True) as serving:
        calls = "select is_occurred_at_estimated from marts.fct_interactions where interaction_id like '%99001'"
        assert serving.execute(calls).fetchall() == [(True,)]

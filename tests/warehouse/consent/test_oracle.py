"""The oracle on cases written by hand: which it must answer with no, which with yes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.consent.oracle import (
    EMAIL,
    SMS,
    Answer,
    Oracle,
    Pair,
    emails_in,
    folded,
    phones_in,
    read_landing,
    read_moment,
    scopes,
)
from tests.warehouse.consent.worlds import AS_OF, STORIES, make_world

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
ADS: Pair = ("advertising", "ads")
SERVICE: Pair = ("customer_service", "crm")
ARRIVED = datetime(2026, 6, 20)  # noqa: DTZ001
OWNERS = {
    ("email", "ada@kundenpost.de"): "ada",
    ("phone", "+4915123456001"): "ada",
    ("user_id", "u-1"): "ada",
    ("shopify_customer_id", "77"): "ada",
    ("hubspot_contact_id", "88"): "ada",
    ("email", "bo@kundenpost.de"): "bo",
}
YES = {"email": "ada@kundenpost.de", "purpose": "advertising", "channel": "ads", "decision": "granted",
       "decided_at": "2026-05-01T08:00:00Z"}  # fmt: skip


def ask(landing: Path, *banner: dict[str, Any] | str, pair: Pair = ADS, who: str = "ada", **files: list[Any]) -> Answer:
    """The answer after one load of these lines. `files`: records by <source>__<entity>."""
    lines = {"consent_banner__decisions": list(banner), **files}
    names = []
    for place, records in lines.items():
        source, entity = place.split("__")
        path = landing / source / entity / "one.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        numbered = [
            line if isinstance(line, str) else json.dumps({"decision_id": f"d{number}", **line})
            for number, line in enumerate(records)
        ]
        path.write_text("\n".join(numbered) + "\n", encoding="utf-8")
        names.append(f"{source}/{entity}/one.ndjson")
    answers = Oracle(read_landing(landing, [(ARRIVED, names)]), OWNERS, AS_OF).answers()
    return answers[who, pair].answer


def test_a_plain_yes_is_a_yes_and_silence_is_a_no(tmp_path: Path) -> None:
    assert ask(tmp_path, YES) is Answer.YES
    assert ask(tmp_path, YES, pair=EMAIL) is Answer.NO
    assert ask(tmp_path, YES, who="bo") is Answer.NO


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "withdrawn"},
        {"decision": "opt-out", "purpose": "all", "channel": None},
        {"decision": "zzq"},
        {"decision": None},
        {"decision": ""},
        {"decision": False},
        {"decision": "denied", "purpose": None, "channel": None},
        {"decision": "denied", "purpose": "", "channel": "ads"},
        {"decision": "denied", "purpose": "zzquux", "channel": None},
        {"decision": "denied", "channel": "zzpigeon"},
        {"decision": "denied", "channel": "email"},
        {"decision": "denied", "purpose": ["email_marketing", "advertising"], "channel": None},
        {"decision": "denied", "decided_at": None},
        {"decision": "denied", "decided_at": "15/06/2026"},
        {"decision": "denied", "decided_at": "2027-01-01T00:00:00Z"},
        {"decision": "denied", "decided_at": "1970-01-01T00:00:00Z"},
        {"decision": "denied", "email": "Ada <ADA@kundenpost.de>"},
        {"decision": "denied", "email": None, "mail": "mailto:ada@kundenpost.de"},
        {"decision": "denied", "email": None, "phone": "+49 151 23456001"},
        {"decision": "denied", "email": None, "mobile": "0151 / 23456001"},
        {"decision": "denied", "email": None, "user_id": "u-1"},
        {"decision": "denied", "email": None, "customer_id": "77"},
        {"decision": "denied", "email": None, "traits": {"email": "ada@kundenpost.de"}},
    ],
)
def test_whatever_may_be_a_no_is_a_no(tmp_path: Path, change: dict[str, Any]) -> None:
    assert ask(tmp_path, YES, {**YES, "decided_at": "2026-06-15T08:00:00Z", **change}) is Answer.NO


def test_a_no_of_somebody_else_or_for_something_else_is_none(tmp_path: Path) -> None:
    no = {**YES, "decision": "withdrawn", "decided_at": "2026-06-15T08:00:00Z"}
    assert ask(tmp_path, YES, {**no, "email": "bo@kundenpost.de"}) is Answer.YES
    assert ask(tmp_path, YES, {**no, "purpose": "email_marketing", "channel": "email"}) is Answer.YES
    assert ask(tmp_path, YES, {**no, "purpose": "", "channel": "email"}) is not Answer.NO
    assert ask(tmp_path, YES, {**no, "decision": "pending"}) is not Answer.NO


def test_a_later_yes_beats_a_no_and_not_what_cannot_be_read(tmp_path: Path) -> None:
    early = {**YES, "decision": "withdrawn", "decided_at": "2026-04-01T08:00:00Z"}
    assert ask(tmp_path, early, YES) is Answer.YES
    assert ask(tmp_path, {**early, "decided_at": YES["decided_at"]}, YES) is Answer.NO
    assert ask(tmp_path, {**early, "decision": "zzq"}, YES) is Answer.NO
    assert ask(tmp_path, {**early, "purpose": "zzquux"}, YES) is Answer.NO


@pytest.mark.parametrize(
    "change", [{"decided_at": "2025-01-01T00:00:00Z"}, {"decided_at": None}, {"decided_at": "2026-08-01"},
    {"channel": "email"},
               {"purpose": "zzquux"}, {"decision": "pending"}]
)  # fmt: skip
def test_a_yes_that_is_expired_or_not_understood_grants_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    assert ask(tmp_path, {**YES, **change}) is Answer.NO


def test_a_line_that_is_no_record_holds_whom_it_names(tmp_path: Path) -> None:
    assert ask(tmp_path, YES, '{"email": "ada@kundenpost.de", "decision": "withdr') is Answer.NO
    assert ask(tmp_path, YES, 'x,,+4915123456001,advertising,ads,"withdrawn') is Answer.NO
    assert ask(tmp_path, YES, '{"email": "bo@kundenpost.de", "decision": "withdr') is Answer.YES


def test_a_known_key_with_another_content_holds(tmp_path: Path) -> None:
    again = {**YES, "decision_id": "d0", "decision": "withdrawn", "decided_at": "2026-06-15T08:00:00Z"}
    assert ask(tmp_path, YES, again) is Answer.NO


def test_a_repaired_record_holds_nobody(tmp_path: Path) -> None:
    broken = {**YES, "decision_id": "r", "decision": "denied", "decided_at": "gestern"}
    mended = {**broken, "decided_at": "2026-04-01T08:00:00Z"}
    for number, lines in enumerate(([{**YES, "decision_id": "y"}, broken], [mended])):
        (tmp_path / "consent_banner" / "decisions").mkdir(parents=True, exist_ok=True)
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (tmp_path / "consent_banner" / "decisions" / f"{number}.ndjson").write_text(text)
    files = [f"consent_banner/decisions/{number}.ndjson" for number in (0, 1)]
    before = read_landing(tmp_path, [(ARRIVED, files[:1])])
    after = read_landing(tmp_path, [(ARRIVED, files[:1]), (datetime(2026, 6, 25), files[1:])])  # noqa: DTZ001
    assert Oracle(before, OWNERS, AS_OF).answers()["ada", ADS].answer is Answer.NO
    assert Oracle(after, OWNERS, AS_OF).answers()["ada", ADS].answer is Answer.YES


def test_statuses_without_a_date_are_noes_from_arrival(tmp_path: Path) -> None:
    yes = {**YES, "purpose": "email_marketing", "channel": "email"}
    shop = {"id": "77", "email": "ada@kundenpost.de", "updated_at": "2026-06-01T00:00:00Z"}
    for state in ("UNSUBSCRIBED", "redacted", "zzpaused"):
        noes = [{**shop, "email_marketing_consent_state": state}]
        assert ask(tmp_path, yes, pair=EMAIL, shopify__customer=noes) is Answer.NO
    pending = [{**shop, "email_marketing_consent_state": "PENDING"}]
    assert ask(tmp_path, yes, pair=EMAIL, shopify__customer=pending) is Answer.YES
    subscribed = [
        {**shop, "sms_marketing_consent_state": "SUBSCRIBED", "sms_marketing_consent_consent_updated_at": "2026-05-01"}
    ]
    assert ask(tmp_path, yes, pair=SMS, shopify__customer=subscribed) is Answer.YES
    optout = [{"id": "88", "email": "ada@kundenpost.de", "hs_email_optout": "true", "lastmodifieddate": "2026-01-01"}]
    assert ask(tmp_path, yes, pair=EMAIL, hubspot__contacts=optout) is Answer.NO


def test_a_contract_is_a_yes_until_its_purpose_or_all_is_refused(tmp_path: Path) -> None:
    order = [{"id": "1", "customer_id": "77", "created_at": "2026-01-01T00:00:00Z"}]
    assert ask(tmp_path, YES, pair=SERVICE) is Answer.NO
    assert ask(tmp_path, YES, pair=SERVICE, shopify__order=order) is Answer.YES
    no = {**YES, "decision": "withdrawn"}
    assert ask(tmp_path, {**no, "purpose": "all"}, pair=SERVICE, shopify__order=order) is not Answer.YES
    assert ask(tmp_path, {**no, "purpose": "all", "channel": None}, pair=SERVICE, shopify__order=order) is Answer.NO
    assert (
        ask(tmp_path, {**no, "purpose": "customer service", "channel": ""}, pair=SERVICE, shopify__order=order)
        is Answer.NO
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Kim <kim@a-b.de>", {"kim@a-b.de"}),
        ("\u00a0KIM\u200b@a-b.de. ", {"kim@a-b.de"}),
        ("mailto:kim@a-b.de?subject=stop", {"kim@a-b.de"}),
        ("kim\uff20a-b.de; lee@c.org", {"kim@a-b.de", "lee@c.org"}),
        ("kim at a-b.de", set()),
        ("@a-b.de", set()),
    ],
)
def test_addresses_are_found(text: str, found: set[str]) -> None:
    assert emails_in(text) == found


@pytest.mark.parametrize(
    ("text", "numbers", "tails"),
    [
        ("+49 (0)151 234-56001", {"+4915123456001"}, set()),
        ("tel:0049 151 23456001", {"+4915123456001"}, set()),
        ("0151/23456001", set(), {"15123456001"}),
        ("12345", set(), set()),
    ],
)
def test_phones_are_found(text: str, numbers: set[str], tails: set[str]) -> None:
    assert phones_in(text) == (numbers, tails)


def test_words_and_dates() -> None:
    assert folded(" Opt\u200b - Out ") == folded("\uff2f\uff30\uff34__OUT") == "opt_out"
    assert scopes("Advertising ", "Facebook")[0] == {ADS}
    assert scopes("advertising", "email") == ({ADS, EMAIL}, set(), True)
    assert scopes("zzquux", "sms")[0] == {SMS}
    assert read_moment("2026-06-15T10:00:00+02:00").at == datetime(2026, 6, 15, 8)  # noqa: DTZ001
    assert read_moment("1781510400").kind == "fuzzy"
    assert {read_moment(text).kind for text in ("15/06/2026", "1970-01-01", "0000-00-00", "soon")} == {"bad"}
    assert {read_moment(text).kind for text in (None, "", " ")} == {"none"}


@pytest.mark.parametrize(
    ("case", "email", "pair", "answer"),
    [
        ("10-opt-out-by-phone", "sam.stop@kundenpost.de", SMS, Answer.NO),
        ("11-reconsent", "rebecca.again@kundenpost.de", EMAIL, Answer.YES),
        ("39-40-consent-words", "vera.vokabel@kundenpost.de", EMAIL, Answer.YES),
        ("39-40-consent-words", "theresa_feldmann@web-mail.example", ADS, Answer.NO),
        ("39-40-consent-words", "nicolas_brebois@courriel.example", ADS, Answer.NO),
        ("52-withdrawal-in-quarantine", "mkoenighuber4920517@second-box.example", ADS, Answer.NO),
    ],
)
def test_the_cases_of_strangers(case: str, email: str, pair: Pair, answer: Answer) -> None:
    if not CASES.exists():
        pytest.skip(f"needs ../shared/cases/{case}")
    landing = CASES / case / "landing"
    files = [str(path.relative_to(landing)) for path in landing.rglob("*") if path.is_file()]
    records = read_landing(landing, [(ARRIVED, files)])
    owners = {("email", email): email}
    for record in records:
        fields = record.fields or {}
        if record.source == "shopify" and fields["email"] == email:
            owners[("shopify_customer_id", fields["id"])] = email
            owners[("phone", fields["phone"] or "none")] = email
    assert Oracle(records, owners, AS_OF).answers()[email, pair].answer is answer


def test_a_world_holds_every_story() -> None:
    world = make_world(7, 2 * len(STORIES))
    assert {person.story for person in world.people} == set(STORIES)
    assert [person.lines for person in world.people[:40]] == [person.lines for person in make_world(7, 40).people]

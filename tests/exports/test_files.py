"""Deliveries as files: first, repeated, changed, removed; the format of a file; files that cannot be written."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.delivery import DeliveryReceipt, deliver, plan
from exports.errors import DestinationError, GuardError
from exports.files import _csv_cell, is_formula
from tests.exports.worlds import CRM, META, World, contact, member, sha256

ROOT = Path(__file__).resolve().parents[2]


def rows_of(receipt: DeliveryReceipt, action: str) -> list[dict[str, str]]:
    """The rows of one file of a delivery."""
    for path in receipt.artefacts:
        if path.name.endswith(f".{action}.csv"):
            return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    return []


class MetaAudience:
    """Meta's side of the files: a member is found by any of its identifiers, and a removal removes all members
    found."""

    def __init__(self) -> None:
        self.members: list[dict[str, str]] = []

    def take(self, receipt: DeliveryReceipt) -> None:
        """Applies a delivery by its manifest."""
        done = receipt.artefacts[-1]
        for entry in json.loads(done.read_text())["files"]:
            path = done.with_name(entry["file"])
            content = path.read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
            rows = list(csv.DictReader(io.StringIO(content.decode())))
            assert len(rows) == entry["rows"]
            for row in rows:
                if entry["operation"] == "remove":
                    self.members = [one for one in self.members if not self._same(one, row)]
                else:
                    self.members = [one for one in self.members if one["EXTERN_ID"] != row["EXTERN_ID"]] + [row]

    @staticmethod
    def _same(one: dict[str, str], other: dict[str, str]) -> bool:
        return any(one[key] and one[key] == other.get(key) for key in ("EXTERN_ID", "EMAIL", "PHONE"))

    @property
    def ids(self) -> list[str]:
        return sorted(one["EXTERN_ID"] for one in self.members)


def test_the_first_delivery_adds_and_the_second_sends_nothing(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    first = deliver(world.settings, META)
    assert (first.status, first.adds, first.updates, first.removes) == ("delivered", 2, 0, 0)
    assert rows_of(first, "add") == [
        {
            "EXTERN_ID": row["customer_id"],
            "EMAIL": row["email_sha256"],
            "PHONE": row["phone_sha256"],
            "FN": row["first_name_sha256"],
        }
        for row in (member(1), member(2))
    ]
    before = sorted(world.home.rglob("exports/**/*"))
    second = deliver(world.settings, META)
    assert (second.status, second.delivery_id, second.delivered, second.unchanged) == ("nothing to send", None, 0, 2)
    assert sorted(world.home.rglob("exports/**/*")) == before
    assert world.ledger("select count(*) from deliveries") == [(1,)]


def test_publishing_the_same_again_sends_nothing(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    deliver(world.settings, META)
    world.publish({META: [member(2), member(1)]})
    assert deliver(world.settings, META).status == "nothing to send"


def test_a_changed_record_is_updated(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    deliver(world.settings, META)
    world.publish({META: [member(1), member(2, first_name_sha256=sha256("bo"))]})
    receipt = deliver(world.settings, META)
    assert (receipt.adds, receipt.updates, receipt.removes, receipt.unchanged) == (0, 1, 0, 1)
    assert [row["EXTERN_ID"] for row in rows_of(receipt, "update")] == ["C0002"]
    assert rows_of(receipt, "retract") == []


def test_a_removal_uses_the_hashes_that_were_sent(world: World) -> None:
    """Current values are irrelevant: the record is gone from the export, and its values may have changed before."""
    world.publish({META: [member(1), member(2), member(3)]})
    deliver(world.settings, META)
    world.publish({META: [member(1), member(3)]})
    receipt = deliver(world.settings, META)
    sent = member(2)
    assert rows_of(receipt, "remove") == [
        {"EXTERN_ID": "C0002", "EMAIL": sent["email_sha256"], "PHONE": sent["phone_sha256"]}
    ]
    assert world.ledger("select record_key from delivered_records order by 1") == [("C0001",), ("C0003",)]


def test_an_identifier_that_changed_is_retracted_as_it_was_sent(world: World) -> None:
    audience = MetaAudience()
    world.publish({META: [member(1), member(2)]})
    audience.take(deliver(world.settings, META))
    changed = member(2, email_sha256=sha256("new@example.com"))
    world.publish({META: [member(1), changed]})
    receipt = deliver(world.settings, META)
    assert [row["EMAIL"] for row in rows_of(receipt, "retract")] == [member(2)["email_sha256"]]
    assert [row["EMAIL"] for row in rows_of(receipt, "update")] == [changed["email_sha256"]]
    assert receipt.updates == 1
    assert receipt.removes == 0
    audience.take(receipt)
    assert audience.ids == ["C0001", "C0002"]


def test_a_new_normaliser_version_sends_everybody_again(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    deliver(world.settings, META)
    world.declare(**{META: {"normaliser_version": 2}})
    assert deliver(world.settings, META).updates == 2
    assert deliver(world.settings, META).status == "nothing to send"


def test_consent_withdrawn_is_a_removal_and_says_why(world: World) -> None:
    world.publish({META: [member(1), member(2), member(3)]})
    deliver(world.settings, META)
    world.publish({META: [member(1), member(3)]}, withheld=[(META, "C0002", "no_consent:withdrawn")])
    planned = plan(world.settings, META)
    assert (planned.removes, planned.withheld) == (1, {"no_consent:withdrawn": 1})
    receipt = deliver(world.settings, META)
    assert receipt.removes == 1
    assert receipt.withheld == {"no_consent:withdrawn": 1}


def test_a_merged_customer_stays_in_the_audience(world: World) -> None:
    """C0002 was merged into C0001: its row is removed, and the removal by a shared e-mail must not remove C0001."""
    audience = MetaAudience()
    shared = sha256("shared@example.com")
    world.publish({META: [member(1, email_sha256=shared), member(2, email_sha256=shared), member(3), member(4)]})
    audience.take(deliver(world.settings, META))
    world.publish({META: [member(1, email_sha256=shared), member(3), member(4)]})
    receipt = deliver(world.settings, META)
    assert (receipt.removes, receipt.updates, receipt.unchanged) == (1, 1, 2)
    audience.take(receipt)
    assert audience.ids == ["C0001", "C0003", "C0004"]
    assert deliver(world.settings, META).status == "nothing to send"


def test_a_member_unlike_the_removed_one_is_left_alone(world: World) -> None:
    """The twin of the test above: without a shared identifier nothing is sent again."""
    world.publish({META: [member(number) for number in range(4)]})
    deliver(world.settings, META)
    world.publish({META: [member(number) for number in range(3)]})
    receipt = deliver(world.settings, META)
    assert (receipt.removes, receipt.updates) == (1, 0)


def test_upsert_keeps_records_that_left_the_export(world: World) -> None:
    world.declare(**{CRM: {"mode": "upsert"}})
    world.publish({CRM: [contact(1), contact(2)]})
    deliver(world.settings, CRM)
    world.publish({CRM: [contact(1)]})
    assert deliver(world.settings, CRM).status == "nothing to send"
    world.publish({CRM: [contact(1), contact(2)]})
    assert deliver(world.settings, CRM).status == "nothing to send"


# --- guards ----------------------------------------------------------------------------------------------------------


def test_the_guard_on_removals_stops_before_anything_is_sent(world: World) -> None:
    world.publish({META: [member(number) for number in range(4)]})
    deliver(world.settings, META)
    before = sorted((world.home / "exports").rglob("*"))
    world.publish({META: [member(0)]})
    assert plan(world.settings, META).guard.tripped
    with pytest.raises(GuardError, match=r"3 of 4 delivered records .* --force") as caught:
        deliver(world.settings, META)
    assert META in str(caught.value)
    assert sorted((world.home / "exports").rglob("*")) == before
    assert deliver(world.settings, META, dry_run=True).guard.tripped
    assert deliver(world.settings, META, force=True, reason="a test").removes == 3


def test_the_guard_lets_half_go(world: World) -> None:
    world.publish({META: [member(number) for number in range(4)]})
    deliver(world.settings, META)
    world.publish({META: [member(0), member(1)]})
    assert deliver(world.settings, META).removes == 2


def test_an_empty_export_does_not_empty_the_audience(world: World) -> None:
    world.declare(**{META: {"guard": {"min_records": 1, "max_removed_share": 1.0}}})
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    world.publish({META: []})
    with pytest.raises(GuardError, match="holds 0 records, its guard requires 1"):
        deliver(world.settings, META)


def test_the_guard_ignores_an_export_that_was_always_empty(world: World) -> None:
    world.publish({META: []})
    assert deliver(world.settings, META).status == "nothing to send"


# --- the format of a file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_is_never_a_formula(world: World, start: str) -> None:
    world.publish({CRM: [contact(1, segment_note=f"{start}HYPERLINK(1)", lifetime_revenue_amount="-3.50")]})
    (row,) = rows_of(deliver(world.settings, CRM), "add")
    assert row["segment_note"] == f"'{start}HYPERLINK(1)".replace("\r", "\n")
    assert row["lifetime_revenue_amount"] == "-3.50"


FORMULAS = (
    "=1+1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\n=1", "\x00=1", "\uff1d1", "\uff0b1+A1", "\uff0dA1",
    "\uff20SUM(1)", " \uff1dHYPERLINK(1)", "\ufe621+A1", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)",
    "+A1", "-A1", "--1", "+49 170 1234567 x=1", "\t", "\rtext", "+\u0661A", "-1+1",
)  # fmt: skip
ORDINARY = (
    "+491701234567", "+49 170 123-45 67", "+1 (415) 555-0100", "+49/170/1234567", "-3.50", "-1,234.56", "-5", "-12.5%",
    "-", "+", "a=b", "a@b.example", "'=1", "", " text", "1-2", "2026-06-30", "Stra\u00dfe 1 - 3", "\u674e", "-1.234,56",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert _csv_cell(text) == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("text", ORDINARY)
def test_phone_numbers_and_negative_amounts_are_not_damaged(text: str) -> None:
    assert _csv_cell(text) == text


@given(st.text(), st.sampled_from(["", " ", "\t", "\u200b", "\u00a0"]), st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20"))
def test_what_begins_like_a_formula_and_holds_a_letter_is_guarded(text: str, before: str, start: str) -> None:
    cell = _csv_cell(f"{before}{start}{text}A")
    assert str(cell).startswith("'")


@given(st.text())
def test_a_cell_is_itself_or_guarded(text: str) -> None:
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    assert _csv_cell(text) in (unix, "'" + unix)
    assert is_formula(text) is (_csv_cell(text) != unix)


def test_an_ordinary_cell_is_left_as_it_is(world: World) -> None:
    world.publish({CRM: [contact(1, segment_note='a "b", c; =d ü 李')]})
    (row,) = rows_of(deliver(world.settings, CRM), "add")
    assert row["segment_note"] == 'a "b", c; =d ü 李'


def test_bytes_of_a_file(world: World) -> None:
    world.publish({CRM: [contact(1, segment_note="ü"), contact(2, segment_note=None)]})
    content = deliver(world.settings, CRM).artefacts[0].read_bytes()
    assert content.decode() == (
        "record_key,customer_id,lifetime_revenue_amount,segment_note\n5001,C0001,100.00,ü\n5002,C0002,100.00,\n"
    )


def test_ndjson_holds_the_same(world: World) -> None:
    world.declare(**{CRM: {"format": "ndjson"}})
    world.publish({CRM: [contact(1, segment_note="=1")]})
    (line,) = deliver(world.settings, CRM).artefacts[0].read_text().splitlines()
    expected: dict[str, Any] = {"record_key": "5001", "customer_id": "C0001"}
    assert json.loads(line) == {**expected, "lifetime_revenue_amount": "100.00", "segment_note": "=1"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email_sha256": "anna@example.com"}, "not_a_sha256"),
        ({"email_sha256": sha256("")}, "hash_of_nothing"),
        ({"email_sha256": None, "phone_sha256": None, "first_name_sha256": None}, "no_match_key"),
    ],
)
def test_a_record_that_meta_cannot_use_is_rejected_once(world: World, changes: dict[str, Any], code: str) -> None:
    world.publish({META: [member(1), member(2, **changes)]})
    receipt = deliver(world.settings, META)
    assert (receipt.adds, receipt.rejected) == (1, {code: 1})
    assert "anna@example.com" not in receipt.artefacts[0].read_text()
    again = deliver(world.settings, META)
    assert (again.status, again.held) == ("nothing to send", 1)
    world.publish({META: [member(1), member(2)]})
    assert deliver(world.settings, META).adds == 1


# --- when it cannot be written ---------------------------------------------------------------------------------------


def test_a_file_in_place_of_the_directory_is_a_clear_error(world: World) -> None:
    world.publish({META: [member(1)]})
    (world.home / "exports").write_text("in the way")
    with pytest.raises(DestinationError, match=r"cannot be written to .* deliver exp_meta__lapsed_buyers"):
        deliver(world.settings, META)
    (world.home / "exports").unlink()
    receipt = deliver(world.settings, META)
    assert (len(receipt.resumed), receipt.resumed[0].adds, receipt.status) == (1, 1, "nothing to send")


def test_a_full_disk_leaves_no_half_file(world: World) -> None:
    """A limit on the file size simulates the disk: the write fails half-way."""
    resource = pytest.importorskip("resource", reason="skipped: needs a POSIX system for the limit on file sizes")
    assert resource
    world.publish({META: [member(number) for number in range(9000)]})
    deliver_with_limit = textwrap.dedent(
        """
        import resource, signal, sys
        from exports.delivery import deliver
        from exports.settings import Settings
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        import exports.files
        inner = exports.files.FileSession.send
        def send(self, batch):
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
            try:
                return inner(self, batch)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        exports.files.FileSession.send = send
        deliver(Settings.from_home(sys.argv[1], {}), sys.argv[2])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", deliver_with_limit, str(world.home), META],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "DestinationError" in done.stderr
    assert "File too large" in done.stderr
    assert [path.name for path in (world.home / "exports" / META).iterdir()] == ["last_delivery.json"]
    receipt = deliver(world.settings, META)
    assert receipt.resumed[0].adds == 9000
    assert [path.suffix for path in receipt.resumed[0].artefacts] == [".csv", ".done"]


def test_an_interrupted_delivery_is_written_again_if_nothing_has_changed(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    first = deliver(world.settings, META)
    content = first.artefacts[0].read_bytes()
    world.rewind(first)
    (world.home / "exports" / META / f".{first.delivery_id}.add.csv.tmp").write_text("half")
    first.artefacts[-1].unlink()
    receipt = deliver(world.settings, META)
    assert receipt.resumed[0].delivery_id == first.delivery_id
    assert receipt.resumed[0].artefacts[0].read_bytes() == content
    assert receipt.status == "nothing to send"


def test_an_interrupted_delivery_is_planned_again_if_the_export_has_changed(world: World) -> None:
    world.publish({META: [member(1), member(2)]})
    first = deliver(world.settings, META)
    world.rewind(first)
    first.artefacts[-1].unlink()
    world.publish({META: [member(1)]})
    receipt = deliver(world.settings, META)
    assert receipt.resumed[0].status == "superseded"
    assert not first.artefacts[0].exists()
    assert (receipt.adds, receipt.removes) == (1, 0)


def test_a_published_delivery_counts_although_the_ledger_lacks_it(world: World) -> None:
    """Killed between the manifest and the ledger: the receiver may have read the files, so it may hold their
    records."""
    world.publish({META: [member(1), member(2), member(3)]})
    first = deliver(world.settings, META)
    world.rewind(first)
    world.publish({META: [member(1), member(2)]})
    receipt = deliver(world.settings, META)
    assert receipt.resumed[0].adds == 3
    assert (receipt.adds, receipt.removes) == (0, 1)

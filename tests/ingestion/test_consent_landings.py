"""consent_landings.json changes before a load of consent decisions commits, and is rebuilt if it is damaged."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from exports.freshness import _read_landings
from exports.settings import Settings as ExportSettings
from ingestion import consent_landings
from ingestion.consent_landings import consent_landings_path, read_tokens
from ingestion.landing import ensure_raw_tables, land
from ingestion.rebuilding import rebuild
from tests.ingestion.landing_zone import Landing, contact, source

NAME = "crm.contact"
ADA = {"id": "1", "email": "ada@example.com", "updated_at": "2026-06-01T00:00:00"}
BOB = {"id": "2", "email": "bob@example.com", "updated_at": "2026-06-02T00:00:00"}


@pytest.fixture(autouse=True)
def _bearing(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGANSER_HOME", str(landing.settings.home))
    landing.source = source(contact=contact(bears_consent=True), order=contact(files="crm/order/*"))


def entry(landing: Landing) -> dict[str, Any]:
    content = json.loads(consent_landings_path(landing.settings.home).read_text())
    found: dict[str, Any] = content["entities"][NAME]
    return found


def tokens(landing: Landing) -> dict[str, str]:
    found = read_tokens(landing.settings.home)
    assert found is not None
    return found


def test_a_load_changes_the_token_of_its_entity(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.write_ndjson("crm/order/1.ndjson", [ADA])
    landing.land()
    assert list(tokens(landing)) == [NAME]
    assert entry(landing)["outcome"] == "landed"
    first = tokens(landing)
    landing.land()
    assert tokens(landing) == first
    landing.write_ndjson("crm/contact/2.ndjson", [BOB])
    landing.land()
    assert tokens(landing) != first


def test_a_load_that_changes_nothing_leaves_the_token(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    first = tokens(landing)
    landing.write_ndjson("crm/contact/2.ndjson", [ADA])
    assert landing.land().unchanged == 1
    assert tokens(landing) == first


def test_a_quarantined_record_changes_the_token(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    first = tokens(landing)
    landing.write_ndjson("crm/contact/2.ndjson", [{**BOB, "id": None}])
    assert landing.land().quarantined == 1
    assert tokens(landing) != first


def test_a_load_that_fails_says_so_until_it_lands(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    broken = landing.write("crm/contact/2.parquet", "no parquet")
    assert not landing.land().ok
    assert entry(landing)["outcome"] == "failed"
    landing.land()
    assert entry(landing)["outcome"] == "failed"
    broken.unlink()
    landing.land()
    assert entry(landing)["outcome"] == "landed"


def test_an_entity_that_could_not_be_fetched_counts_as_failed(landing: Landing) -> None:
    land(landing.settings, [landing.source], unfetched={("crm", "contact"): "the vendor is out of reach"})
    assert entry(landing)["outcome"] == "failed"
    land(landing.settings, [landing.source])
    assert entry(landing)["outcome"] == "landed"


def test_a_process_that_dies_after_its_commit_leaves_a_changed_token(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token changes before the commit, so an export cannot mistake an earlier build for one with the decision."""
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    first = tokens(landing)
    landing.write_ndjson("crm/contact/2.ndjson", [BOB])

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.settle_landing", die)
        with pytest.raises(Killed):
            landing.land()
    assert len(landing.contacts()) == 2
    assert tokens(landing) != first
    assert entry(landing)["outcome"] == "landing"
    changed = tokens(landing)
    landing.land()
    assert entry(landing)["outcome"] == "landed"
    assert tokens(landing) == changed


def test_nothing_lands_where_the_state_cannot_be_written(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.write_ndjson("crm/order/1.ndjson", [ADA])
    landing.source = source(contact=contact(bears_consent=True), order=contact(files="crm/order/*"))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        report = land(landing.settings, [landing.source])
    by_entity = {one.entity: one for one in report.entities}
    assert by_entity["contact"].status == "failed"
    assert "consent_landings.json cannot be written: No space left on device" in str(by_entity["contact"].error)
    assert landing.rows("select count(*) from raw_crm.contact") == [(0,)]
    assert by_entity["order"].status == "landed"
    landing.land()
    assert landing.rows("select count(*) from raw_crm.contact") == [(1,)]


@pytest.mark.parametrize("content", [None, "", "{", '{"version": 9, "entities": {}}', '{"version": 1, "entities": []}'])
def test_a_damaged_state_is_written_again_from_the_books(landing: Landing, content: str | None) -> None:
    """With new tokens, so that no earlier build passes, and with the failures in raw_ops.loads."""
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    landing.write("crm/contact/2.parquet", "no parquet")
    landing.land()
    first = tokens(landing)
    path = consent_landings_path(landing.settings.home)
    path.unlink()
    if content is not None:
        path.write_text(content)
        assert read_tokens(landing.settings.home) is None
    ensure_raw_tables(landing.settings, [landing.source])
    assert list(tokens(landing)) == [NAME]
    assert tokens(landing) != first
    assert entry(landing)["outcome"] == "failed"


def test_a_home_in_which_nothing_landed_has_no_state(landing: Landing) -> None:
    landing.land()
    ensure_raw_tables(landing.settings, [landing.source])
    assert not consent_landings_path(landing.settings.home).exists()
    assert tokens(landing) == {}


def test_a_rebuild_changes_the_token_and_forgets_no_failure(landing: Landing) -> None:
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    first = tokens(landing)
    rebuild(landing.settings, landing.source)
    assert tokens(landing) != first
    landing.write("crm/contact/2.parquet", "no parquet")
    landing.land()
    rebuild(landing.settings, landing.source)
    assert entry(landing)["outcome"] == "failed"


def test_the_state_is_for_its_owner_only(landing: Landing) -> None:
    before = os.umask(0)
    try:
        landing.write_ndjson("crm/contact/1.ndjson", [ADA])
        landing.land()
    finally:
        os.umask(before)
    assert consent_landings_path(landing.settings.home).stat().st_mode & 0o777 == 0o600
    assert [path for path in landing.settings.home.iterdir() if path.name.endswith(".tmp")] == []


def test_deliveries_read_what_landing_writes(landing: Landing) -> None:
    """Two modules that share no code read the format."""
    landing.write_ndjson("crm/contact/1.ndjson", [ADA])
    landing.land()
    settings = ExportSettings.from_home(landing.settings.home, {})
    assert settings.consent_landings_path == consent_landings_path(landing.settings.home)
    read = _read_landings(settings)
    assert read is not None
    assert {name: one["token"] for name, one in read.items()} == tokens(landing)
    assert json.loads(settings.consent_landings_path.read_text())["version"] == consent_landings.VERSION

"""The declaration of an export. Errors name the model and the field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from exports.delivery import deliver, list_exports
from exports.errors import ServingError, SpecError, UnknownExportError
from exports.registry import destination_names, load_exports, open_destination
from exports.settings import Settings
from exports.spec import parse_node
from runtime import building
from runtime.home import Home
from tests.exports.worlds import CRM, META, WEBHOOK, World, contact, member, node

ROOT = Path(__file__).resolve().parents[2]


def test_a_declaration_is_read_completely(world: World) -> None:
    spec = load_exports(world.settings.manifest_path)[META]
    assert (spec.destination, spec.mode, spec.key, spec.purpose, spec.channel) == (
        "meta_file", "mirror", "record_key", "advertising", "ads",
    )  # fmt: skip
    assert spec.removal_fields == ("customer_id", "email_sha256", "phone_sha256")
    assert (spec.guard.min_records, spec.guard.max_removed_share) == (1, 0.5)
    assert spec.column_names[0] == "record_key"


@pytest.mark.parametrize("field", ["purpose", "channel", "candidates", "key", "mode", "destination", "owner"])
def test_an_absent_setting_is_named(field: str) -> None:
    with pytest.raises(SpecError, match=rf"^exp_meta__lapsed_buyers: config\.meta\.export\.{field}: "):
        parse_node(node(META, **{field: None}), destination_names())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", ""),
        ("mode", "replace"),
        ("destination", "carrier_pigeon"),
        ("key", "no_column"),
        ("removal_fields", ["no_column"]),
        ("purpos", "advertising"),
        ("relation_name", "another"),
        ("format", "xml"),
        ("normaliser_version", 0),
        ("guard", {"max_removed_share": 1.5}),
        ("guard", {"min_record": 1}),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: Any) -> None:
    with pytest.raises(SpecError, match=rf"^exp_meta__lapsed_buyers: config\.meta\.export\.{field}"):
        parse_node(node(META, **{field: value}), destination_names())


@pytest.mark.parametrize("declared", [None, [], "meta_file"])
def test_a_declaration_that_is_not_a_mapping_is_refused(declared: object) -> None:
    broken = node(META)
    broken["config"]["meta"]["export"] = declared
    with pytest.raises(SpecError, match="must be a mapping"):
        parse_node(broken, destination_names())


@pytest.mark.parametrize(("field", "value"), [("key", "email"), ("removal_fields", ["email"])])
def test_the_ledger_never_gets_a_direct_personal_value(field: str, value: Any) -> None:
    with pytest.raises(SpecError, match="'email' is declared pii: direct"):
        parse_node(node(WEBHOOK, **{field: value}), destination_names())


def test_meta_refuses_a_column_that_it_has_no_name_for(world: World) -> None:
    world.declare(**{CRM: {"destination": "meta_file"}})
    world.publish({CRM: [contact(1)]})
    with pytest.raises(SpecError, match="lifetime_revenue_amount, segment_note: not a column of Meta"):
        deliver(world.settings, CRM)


def test_meta_refuses_a_mirror_that_cannot_remove(world: World) -> None:
    world.declare(**{META: {"removal_fields": ["customer_id"]}})
    world.publish({META: [member(1)]})
    with pytest.raises(SpecError, match="removal_fields: Meta removes by match keys"):
        deliver(world.settings, META)


def test_an_unknown_name_lists_the_known_ones(world: World) -> None:
    world.publish({})
    with pytest.raises(UnknownExportError, match=f"no export 'exp_x__y'; declared: {CRM}, {META}, {WEBHOOK}"):
        deliver(world.settings, "exp_x__y")


def test_an_absent_or_broken_manifest_says_what_to_run(world: World) -> None:
    world.settings.manifest_path.write_text("{")
    with pytest.raises(SpecError, match=r"cannot be read .* run `merganser build`"):
        list_exports(world.settings)
    world.settings.manifest_path.unlink()
    with pytest.raises(SpecError, match="is absent: run `merganser build`"):
        list_exports(world.settings)


def test_an_absent_or_broken_serving_file_says_what_to_run(world: World) -> None:
    with pytest.raises(ServingError, match="is absent: run `merganser build`"):
        deliver(world.settings, CRM)
    world.settings.serving_path.write_bytes(b"not a database" * 1000)
    with pytest.raises(ServingError, match="cannot be opened"):
        deliver(world.settings, CRM)


@pytest.mark.parametrize("twice", [True, False])
def test_a_key_that_is_not_one_is_refused(world: World, twice: bool) -> None:
    rows = [contact(1), contact(1)] if twice else [contact(1), contact(2, record_key=None)]
    world.publish({CRM: rows})
    with pytest.raises(ServingError, match="the key record_key is null or repeated in 1 of 2 rows"):
        deliver(world.settings, CRM)


def test_every_folder_of_destinations_is_a_destination() -> None:
    assert set(destination_names()) >= {"meta_file", "crm_file", "webhook"}
    for name in destination_names():
        assert open_destination(name, Settings.from_home("home", {})).name == name
        files = {path.name for path in (ROOT / "exports" / "destinations" / name).glob("*.py")}
        assert {"__init__.py", "destination.py", "rendering.py"} <= files


def test_settings_keep_secrets_out_of_their_text() -> None:
    settings = Settings.from_home("home", {"MERGANSER_WEBHOOK_SECRET": "hush"})
    assert "hush" not in repr(settings)
    assert Settings.from_home("home", {"DBT_TARGET_PATH": "elsewhere"}).manifest_path == Path("elsewhere/manifest.json")


# --- the project's own exports ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's manifest, parsed in an empty home."""
    return building.parse(Home(tmp_path_factory.mktemp("parsed")))


def test_the_projects_exports_are_valid_and_fit_their_destinations(manifest_path: Path) -> None:
    specs = load_exports(manifest_path)
    assert {META, CRM, WEBHOOK} <= set(specs)
    for spec in specs.values():
        open_destination(spec.destination, Settings.from_home("home", {})).check(spec)


def test_every_export_checks_consent(manifest_path: Path) -> None:
    manifest = json.loads(manifest_path.read_text())
    for spec in load_exports(manifest_path).values():
        code = manifest["nodes"][f"model.merganser.{spec.name}"]["raw_code"]
        assert re.search(r"{{ consented\('\w+'\) }}", code), spec.name


def test_every_export_lists_the_customers_that_it_withholds(manifest_path: Path) -> None:
    manifest = json.loads(manifest_path.read_text())
    withheld = manifest["nodes"]["model.merganser.exp_withheld__customers"]["depends_on"]["nodes"]
    for spec in load_exports(manifest_path).values():
        assert {f"model.merganser.{name}" for name in (spec.name, spec.candidates)} <= set(withheld), spec.name

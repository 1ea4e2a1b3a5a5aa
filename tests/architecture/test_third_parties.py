"""What third parties say about a device stays with the device.

Add here: rules about models that use third-party data. Keep out: the data itself (tests of the models), and expiry by
the clock (tests/warehouse/test_expiry.py).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

INTERESTS = "int_devices__interests"
# The one table that readers have: it leaves out devices of customers with a name, and its audit proves that.
DEVICES = "bdg_device_segments"
CONSENT_NEEDED = "consent"
# What a row is about, if it is about a device or a person; columns with personal data count as well.
SUBJECTS = {"customer_id", "device_id", "identifier_no", "household_id"}


def descendants(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Models by unique id that are built from device interests, through any number of models, and whose rows are about
    devices or persons (not: dim_segments, which says what each segment is).
    """
    personal = {key: node for key, node in models.items() if _is_personal(node)}
    found = {key: node for key, node in models.items() if node["name"] == INTERESTS}
    size = 0
    while len(found) > size:
        size = len(found)
        found.update({k: node for k, node in personal.items() if found.keys() & set(node["depends_on"]["nodes"])})
    return found


def unlawful(models: dict[str, dict[str, Any]], purposes: dict[str, str]) -> list[str]:
    """Models that join device interests to what may have a name, and lack a declared purpose or the consent to it.

    `config.meta.third_party.purpose` declares the purpose, `purposes` has each with its legal basis.
    """
    used = descendants(models)
    wrong = []
    for node in used.values():
        if node["name"] in (INTERESTS, DEVICES):
            continue
        others = {key for key in node["depends_on"]["nodes"] if key.startswith("model.")} - used.keys()
        names = [name for name, column in node["columns"].items() if _meta(column).get("pii") == "direct"]
        purpose = (_meta(node).get("third_party") or {}).get("purpose")
        if purpose is None:
            if others or names:
                wrong.append(f"{node['name']} reads {', '.join(sorted(others)) or names} without a declared purpose")
        elif purposes.get(purpose) != CONSENT_NEEDED:
            wrong.append(f"{node['name']} declares {purpose}, which needs no consent")
        elif not _is_consented(node, purpose):
            wrong.append(f"{node['name']} does not select by the consent to {purpose}")
    return sorted(wrong)


def outliving(models: dict[str, dict[str, Any]], tests: list[dict[str, Any]]) -> list[str]:
    """Models of device interests whose rows may be used after they expire."""
    live = {
        test["attached_node"]
        for test in tests
        if "expires_at" in test["test_metadata"]["kwargs"].get("live", ()) and test["config"]["severity"] != "warn"
    }
    wrong = []
    for key, node in descendants(models).items():
        segment = _meta(node).get("segment")
        if key not in live:
            wrong.append(f"{node['name']} has no rule that expires_at is live")
        if segment is not None and segment.get("is_remembered", True):
            wrong.append(f"{node['name']} is remembered")
    return sorted(wrong)


def _is_personal(node: dict[str, Any]) -> bool:
    marks = {_meta(column).get("pii", "none") for column in node["columns"].values()}
    return bool(marks - {"none"}) or bool(SUBJECTS & node["columns"].keys()) or not node["columns"]


def _meta(thing: dict[str, Any]) -> dict[str, Any]:
    return (thing.get("config") or {}).get("meta") or {}


def _is_consented(node: dict[str, Any], purpose: str) -> bool:
    reads = {key.rpartition(".")[2] for key in node["depends_on"]["nodes"]}
    code = " ".join(node["compiled_code"].split())
    return "dim_consents" in reads and f"purpose = '{purpose}'" in code and "status = 'granted'" in code


def test_no_model_joins_device_interests_to_a_name(models: dict[str, dict[str, Any]], root: Path) -> None:
    with (root / "dbt_project/seeds/privacy/purposes.csv").open() as stream:
        purposes = {row["purpose"]: row["legal_basis"] for row in csv.DictReader(stream)}
    assert {DEVICES, "seg_anonymous_interest"} <= {node["name"] for node in descendants(models).values()}
    assert unlawful(models, purposes) == []


def test_no_model_keeps_device_interests_after_they_expire(
    manifest: dict[str, Any], models: dict[str, dict[str, Any]]
) -> None:
    tests = [
        node for node in manifest["nodes"].values() if (node.get("test_metadata") or {}).get("name") == "keeps_rules"
    ]
    assert outliving(models, tests) == []


def _model(
    name: str, *parents: str, code: str = "", pii: str = "none", subject: str = "customer_id", **meta: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "depends_on": {"nodes": [f"model.{parent}" for parent in parents]},
        "columns": {"value": {"config": {"meta": {"pii": pii}}}, **({subject: {}} if subject else {})},
        "config": {"meta": meta},
        "compiled_code": code,
    }


CONSENTED = "where purpose = 'advertising'\n    and status = 'granted'"
UNLAWFUL = (
    _model("seg_named", DEVICES, "dim_customers"),
    _model("seg_through_another", "seg_anonymous", "dim_customers"),
    _model("fct_named", DEVICES, pii="direct"),
    _model("seg_unasked", DEVICES, "dim_consents", code=CONSENTED, third_party={"purpose": "customer_service"}),
    _model("seg_invented", DEVICES, "dim_consents", code=CONSENTED, third_party={"purpose": "growth"}),
    _model("seg_ungated", DEVICES, "dim_customers", code=CONSENTED, third_party={"purpose": "advertising"}),
    _model("seg_other_purpose", DEVICES, "dim_consents", code=CONSENTED, third_party={"purpose": "analytics"}),
)
LAWFUL = (
    _model(INTERESTS, "int_identity__identifiers"),
    _model(DEVICES, INTERESTS, "dim_customers"),
    _model("seg_anonymous", DEVICES, segment={"is_remembered": False}),
    _model("dim_segments", DEVICES, "dim_customers", subject=""),
    _model("seg_buyers", "dim_customers", pii="direct", segment={}),
    _model(
        "seg_consented", DEVICES, "dim_consents", code=CONSENTED, third_party={"purpose": "advertising"}, segment={}
    ),
)


def test_a_join_without_purpose_or_consent_is_seen() -> None:
    models = {f"model.{node['name']}": node for node in (*LAWFUL, *UNLAWFUL)}
    purposes = {"advertising": "consent", "analytics": "consent", "customer_service": "contract"}
    found = unlawful(models, purposes)
    assert {reason.partition(" ")[0] for reason in found} == {node["name"] for node in UNLAWFUL}
    assert len(found) == len(UNLAWFUL)


def test_a_model_that_outlives_the_expiry_is_seen() -> None:
    def rule(model: str, severity: str, *live: str) -> dict[str, Any]:
        return {
            "attached_node": f"model.{model}",
            "config": {"severity": severity},
            "test_metadata": {"kwargs": {"live": list(live)}},
        }

    models = {f"model.{node['name']}": node for node in LAWFUL}
    tests = [
        rule(INTERESTS, "error", "expires_at"),
        rule(DEVICES, "warn", "expires_at"),
        rule("seg_anonymous", "error"),
        rule("seg_consented", "error", "expires_at"),
    ]
    assert outliving(models, tests) == [
        f"{DEVICES} has no rule that expires_at is live",
        "seg_anonymous has no rule that expires_at is live",
        "seg_consented is remembered",
    ]

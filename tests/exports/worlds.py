"""Small published worlds for the export tests: a serving file, a manifest and a home, as after a build.

Add here: shapes that more than one export test needs. Keep out: receivers (servers.py), assertions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from exports.delivery import DeliveryReceipt
from exports.settings import Settings

COLUMNS: dict[str, dict[str, str | None]] = {
    "exp_meta__lapsed_buyers": {
        "record_key": "indirect",
        "customer_id": "indirect",
        "email_sha256": "indirect",
        "phone_sha256": "indirect",
        "first_name_sha256": "indirect",
    },
    "exp_hubspot__customer_value": {
        "record_key": "indirect",
        "customer_id": "indirect",
        "lifetime_revenue_amount": None,
        "segment_note": None,
    },
    "exp_webhook__abandoned_cart": {
        "record_key": "indirect",
        "customer_id": "indirect",
        "email": "direct",
        "first_name": "direct",
        "total_amount": None,
        "left_at": None,
    },
}
TYPES = {"lifetime_revenue_amount": "decimal(18, 2)", "total_amount": "decimal(18, 2)", "left_at": "timestamp"}
DECLARED: dict[str, dict[str, Any]] = {
    "exp_meta__lapsed_buyers": {
        "destination": "meta_file",
        "purpose": "advertising",
        "channel": "ads",
        "removal_fields": ["customer_id", "email_sha256", "phone_sha256"],
    },
    "exp_hubspot__customer_value": {"destination": "crm_file", "purpose": "customer_service", "channel": "crm"},
    "exp_webhook__abandoned_cart": {"destination": "webhook", "purpose": "email_marketing", "channel": "email"},
}
META = "exp_meta__lapsed_buyers"
CRM = "exp_hubspot__customer_value"
WEBHOOK = "exp_webhook__abandoned_cart"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def node(name: str, **changes: Any) -> dict[str, Any]:
    """A manifest node of an export; `changes` replace declared settings, None removes one."""
    declared = {
        "mode": "mirror",
        "key": "record_key",
        "owner": "growth",
        "candidates": "seg_lapsed_buyers",
        "schedule": "0 6 * * *",
        "guard": {"min_records": 1, "max_removed_share": 0.5},
        **DECLARED[name],
        **changes,
    }
    return {
        "resource_type": "model",
        "name": name,
        "alias": name,
        "schema": "exports",
        "description": f"One row per record of {name}.\nMore.",
        "config": {"meta": {"export": {key: value for key, value in declared.items() if value is not None}}},
        "columns": {
            column: {
                "name": column,
                "data_type": TYPES.get(column, "varchar"),
                "config": {"meta": {"pii": pii or "none"}},
            }
            for column, pii in COLUMNS[name].items()
        },
    }


@dataclass
class World:
    """A home whose serving file can be published again with other rows."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.declare()

    @property
    def settings(self) -> Settings:
        return Settings.from_home(self.home, self.environment)

    def declare(self, **changes: dict[str, Any]) -> None:
        """Writes the manifest; `changes`: settings by export."""
        nodes = {f"model.merganser.{name}": node(name, **changes.get(name, {})) for name in COLUMNS}
        path = self.home / "dbt" / "target" / "manifest.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"nodes": nodes}))

    def publish(
        self,
        rows: dict[str, list[dict[str, Any]]],
        withheld: list[tuple[str, str, str]] | None = None,
        *,
        consents: list[tuple[str, str, str, str, datetime | None]] | None = None,
        built_at: datetime | None = None,
        landings: dict[str, str] | None = None,
    ) -> None:
        """Replaces the serving file.

        `withheld`: (export, customer_id, reason). `consents`: (customer_id, purpose, channel, status, expires_at);
        without them every customer of the rows has a grant that never expires. `built_at`: without it, now.
        `landings`: the consent landings that its build knew.
        """
        aside = self.home / "serving.tmp"
        aside.unlink(missing_ok=True)
        connection = duckdb.connect(str(aside))
        connection.execute("create schema exports")
        for name, columns in COLUMNS.items():
            typed = ", ".join(f'"{column}" {TYPES.get(column, "varchar")}' for column in columns)
            connection.execute(f'create table exports."{name}" ({typed})')
            values = [[row.get(column) for column in columns] for row in rows.get(name, [])]
            if values:
                marks = ", ".join("?" for _ in columns)
                connection.executemany(f'insert into exports."{name}" values ({marks})', values)
        connection.execute(
            "create table exports.exp_withheld__customers "
            "(withheld_key varchar, export varchar, customer_id varchar, reason varchar)"
        )
        for export, customer, reason in withheld or []:
            connection.execute(
                "insert into exports.exp_withheld__customers values (?, ?, ?, ?)",
                [f"{export}:{customer}", export, customer, reason],
            )
        if consents is None:
            consents = [
                (str(row["customer_id"]), DECLARED[name]["purpose"], DECLARED[name]["channel"], "granted", None)
                for name, members in rows.items()
                for row in members
            ]
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.dim_consents "
            "(customer_id varchar, purpose varchar, channel varchar, status varchar, expires_at timestamp)"
        )
        if consents:
            granted = list(dict.fromkeys(consents))
            connection.executemany("insert into marts.dim_consents values (?, ?, ?, ?, ?)", granted)
        connection.execute(
            "create table main.build_info (build_id varchar, built_at timestamp, consent_landings varchar)"
        )
        connection.execute(
            "insert into main.build_info values ('b1', ?, ?)",
            [built_at or datetime.now(UTC).replace(tzinfo=None), json.dumps(landings or {})],
        )
        connection.close()
        aside.replace(self.home / "serving.duckdb")

    def ledger(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the ledger, attached as `ledger`."""
        connection = duckdb.connect(str(self.home / "ledger" / "ledger.duckdb"), read_only=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def rewind(self, receipt: DeliveryReceipt) -> None:
        """Resets the ledger to the moment before it recorded a delivery of files as finished, as after a kill."""
        connection = duckdb.connect(str(self.home / "ledger" / "ledger.duckdb"))
        values = [receipt.delivery_id]
        connection.execute("update deliveries set status = 'planned', finished_at = null where delivery_id = ?", values)
        connection.execute(
            """
            update delivery_records set removal_fields = delivered.removal_fields
            from delivered_records as delivered
            where delivered.delivery_id = delivery_records.delivery_id
                and delivered.record_key = delivery_records.record_key
            """
        )
        connection.execute("delete from delivered_records where delivery_id = ?", values)
        connection.close()


def member(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the Meta audience."""
    return {
        "record_key": f"C{number:04d}",
        "customer_id": f"C{number:04d}",
        "email_sha256": sha256(f"person{number}@example.com"),
        "phone_sha256": sha256(f"3161234{number:04d}"),
        "first_name_sha256": sha256("anna"),
        **changes,
    }


def cart(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the abandoned carts."""
    return {
        "record_key": f"cart-{number:05d}",
        "customer_id": f"C{number:04d}",
        "email": f"person{number}@example.com",
        "first_name": f"Anna{number}",
        "total_amount": "12.50",
        "left_at": "2026-06-29 20:00:00",
        **changes,
    }


def contact(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the CRM update."""
    return {
        "record_key": f"{5000 + number}",
        "customer_id": f"C{number:04d}",
        "lifetime_revenue_amount": "100.00",
        "segment_note": "lapsed",
        **changes,
    }

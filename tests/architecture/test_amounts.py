"""Amounts of a mart that has several currencies can be summed: each has a twin in the reporting currency."""

from __future__ import annotations

from typing import Any


def amounts_without_twin(models: dict[str, Any]) -> list[str]:
    """Columns of marts that hold amounts in currency_code, and no column with the same in the reporting currency."""
    found = []
    for node in models.values():
        columns = set(node["columns"])
        if node["fqn"][1] == "marts" and "currency_code" in columns:
            amounts = [column for column in sorted(columns) if column == "amount" or column.endswith("_amount")]
            found += [f"{node['name']}.{column}" for column in amounts if f"{column}_reporting" not in columns]
    return found


def is_one_currency(node: dict[str, Any]) -> bool:
    """True where a row is about one currency, so that readers group by it."""
    return bool((node["config"].get("meta") or {}).get("one_currency_per_row"))


def test_every_amount_has_a_twin_in_the_reporting_currency(models: dict[str, Any]) -> None:
    mixed = {key: node for key, node in models.items() if not is_one_currency(node)}
    assert amounts_without_twin(mixed) == []
    assert sum("currency_code" in node["columns"] for node in models.values() if node["fqn"][1] == "marts") >= 8


def test_an_amount_without_a_twin_is_seen() -> None:
    def mart(*columns: str, layer: str = "marts") -> dict[str, Any]:
        return {
            "name": "fct_x",
            "fqn": ["merganser", layer, "fct_x"],
            "columns": {name: {} for name in columns},
            "config": {},
        }

    assert amounts_without_twin({"a": mart("currency_code", "net_amount")}) == ["fct_x.net_amount"]
    assert amounts_without_twin({"a": mart("currency_code", "amount", "amount_reporting", "weighted_amount")}) == [
        "fct_x.weighted_amount"
    ]
    assert amounts_without_twin({"a": mart("currency_code", "net_amount", "net_amount_reporting")}) == []
    assert amounts_without_twin({"a": mart("reporting_currency", "spend_amount")}) == []
    assert amounts_without_twin({"a": mart("currency_code", "net_amount", layer="segments")}) == []

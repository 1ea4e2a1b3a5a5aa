"""The audit as one HTML page that needs nothing from anywhere: what failed first, then every table with its rules.

Add here: what a reader of the report asks next. Keep out: running audits.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from orchestration.lib.files import write_whole

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1d2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .6rem .25rem 0;
vertical-align: top; border-bottom: 1px solid #dde3ea; } code { font-size: .9em; }
.good { color: #146c3a; } .bad { color: #b3261e; font-weight: 600; } .quiet { color: #5b6875; }
"""


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report (the mapping that result.json holds) as a page, replacing the last one in one rename."""
    write_whole(path, _page(report))


def _page(report: Mapping[str, Any]) -> str:
    results = report["results"]
    failed = [result for result in results if not result["passed"]]
    verdict = "<span class=good>passed</span>" if report["passed"] else "<span class=bad>failed</span>"
    tests = ", ".join(f"{count} {outcome}" for outcome, count in report["dbt_tests"].items()) or "none"
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Merganser: data quality</title>",
        f"<style>{_STYLE}</style></head><body><h1>Data quality: {verdict}</h1>",
        f"<p>Build <code>{escape(report['build_id'] or 'none')}</code>, checked {escape(report['checked_at'])} UTC, ",
        f"judged as of {escape(report['as_of'])} UTC, in {report['seconds']} s. ",
        f"{len(results)} rules on {report['table_count']} tables, {len(failed)} broken. ",
        f"dbt's data tests in that build: {escape(tests)}.</p>",
    ]
    if report["build_fault"]:
        parts.append(f"<p class=bad>Not to be published: {escape(report['build_fault'])}.</p>")
    if failed:
        parts.append("<h2>Broken</h2>" + _table(failed, with_table=True))
    for table, rows in groupby(sorted(results, key=lambda row: row["table"]), key=lambda row: row["table"]):
        parts.append(f"<h2><code>{escape(table)}</code></h2>" + _table(list(rows), with_table=False))
    parts.append("<p class=quiet>Counts and keys only: no value of a person stands on this page.</p></body></html>")
    return "".join(parts)


def _table(results: list[Mapping[str, Any]], *, with_table: bool) -> str:
    rows = []
    for result in results:
        cells = [f"<code>{escape(result['table'])}</code>"] if with_table else []
        cells += [f"<code>{escape(result['rule'])}</code>", escape(result["says"])]
        cells += ["<span class=good>holds</span>" if result["passed"] else f"<span class=bad>{_broken(result)}</span>"]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def _broken(result: Mapping[str, Any]) -> str:
    words = []
    if result["broken_count"]:
        words.append(f"{result['broken_count']:,} broken")
    if result["error"]:
        words.append(result["error"])
    if result["keys"]:
        words.append("for example " + ", ".join(result["keys"]))
    return escape("; ".join(words) or "broken")

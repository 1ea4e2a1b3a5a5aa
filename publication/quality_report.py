"""The audit as one HTML page without external resources: failures first, then every table with its rules.

Add here: what a reader of the report needs next. Keep out: running audits.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from runtime.files import write_whole

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1d2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .6rem .25rem 0;
vertical-align: top; border-bottom: 1px solid #dde3ea; } code { font-size: .9em; }
.good { color: #146c3a; } .bad { color: #b3261e; font-weight: 600; } .quiet { color: #5b6875; }
"""


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Writes the report (the mapping in result.json) as a page that replaces the last one."""
    write_whole(path, _page(report))


def _page(report: Mapping[str, Any]) -> str:
    results = report["results"]
    waived = [result for result in results if not result["passed"] and result["waiver"]]
    noted = [result for result in results if _is_note(result)]
    failed = [result for result in results if not result["passed"] and result not in waived and result not in noted]
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
    if waived:
        parts.append("<h2>Waived</h2>" + _table(waived, with_table=True))
    if noted:
        parts.append("<h2>Notices, which stop nothing</h2>" + _table(noted, with_table=True))
    for table, rows in groupby(sorted(results, key=lambda row: row["table"]), key=lambda row: row["table"]):
        parts.append(f"<h2><code>{escape(table)}</code></h2>" + _table(list(rows), with_table=False))
    parts.append("<p class=quiet>Counts and keys only: this page has no personal values.</p></body></html>")
    return "".join(parts)


def _table(results: list[Mapping[str, Any]], *, with_table: bool) -> str:
    rows = []
    for result in results:
        cells = [f"<code>{escape(result['table'])}</code>"] if with_table else []
        cells += [f"<code>{escape(result['rule'])}</code>", escape(result["says"])]
        cells += [_standing(result)]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def _is_note(result: Mapping[str, Any]) -> bool:
    return (result["kind"] == "notice" and not result["passed"]) or (result["passed"] and bool(result["broken_count"]))


def _standing(result: Mapping[str, Any]) -> str:
    """The state of a rule: it holds, or what breaks it, the loads that caused that, and what to do next."""
    if result["passed"] and not result["broken_count"]:
        return "<span class=good>holds</span>"
    style = "quiet" if result["waiver"] or _is_note(result) else "bad"
    lines = [f"<span class={style}>{_broken(result)}</span>"]
    if result["waiver"]:
        waiver = result["waiver"]
        lines.append(escape(f"waived until {waiver['until']} by {waiver['owner']}: {waiver['reason']}"))
    if result["values"]:
        lines.append(escape(f"values: {', '.join(result['values'])}"))
    for cause in result["causes"]:
        files = f", {', '.join(cause['files'])}" if cause["files"] else ""
        lines.append(
            escape(
                f"from {cause['source']}.{cause['entity']}, load {cause['load_id']}, landed {cause['landed_at']}: "
                f"{cause['landed']:,} records, {cause['deleted']:,} deleted{files}"
            )
        )
    if result["next"]:
        lines.append(f"<b>{escape(result['next'])}</b>")
    return "<br>".join(lines)


def _broken(result: Mapping[str, Any]) -> str:
    words = []
    if result["broken_count"]:
        words.append(f"{result['broken_count']:,} broken")
    if result["error"]:
        words.append(result["error"])
    if result["keys"]:
        words.append("for example " + ", ".join(result["keys"]))
    return escape("; ".join(words) or "broken")

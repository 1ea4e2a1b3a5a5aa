"""Dagster's definitions: the asset graph, jobs, schedules and sensors, and a small world that is built in process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from orchestration import demo, webserver
from orchestration.definitions import build_defs
from orchestration.defs.resources import WAREHOUSE_POOL, HomeResource, environment_of
from publication import publishing, quality
from runtime import building
from runtime.home import PROJECT_ROOT, Home, open_home
from runtime.warehouse import opened

# Every dependency between two groups of assets: (parent, child).
GROUP_EDGES = {
    ("conformed", "intermediate"),
    ("exports", "activation"),
    ("exports", "quality"),
    ("ingestion", "staging"),
    ("intermediate", "marts"),
    ("intermediate", "quality"),  # the published identity graph
    ("marts", "exports"),
    ("marts", "quality"),
    ("marts", "segments"),
    ("quality", "activation"),
    ("seeds", "conformed"),
    ("seeds", "intermediate"),
    ("seeds", "marts"),
    ("seeds", "segments"),
    ("seeds", "staging"),
    ("segments", "exports"),
    ("segments", "quality"),
    ("staging", "conformed"),
}


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = open_home(tmp_path_factory.mktemp("dagster") / "home")
    home.prepare()
    return home


@pytest.fixture(scope="module")
def definitions(module_home: Home) -> Iterator[dg.Definitions]:
    with environment_of(module_home):
        yield build_defs({"home": HomeResource(path=str(module_home.path))})


def graph_of(definitions: dg.Definitions) -> dict[str, Any]:
    """Groups and parents of every asset, by key."""
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "parents": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
        }
        for key in sorted(graph.get_all_asset_keys())
    }


def test_groups_depend_on_the_groups_before_them(definitions: dg.Definitions) -> None:
    graph = graph_of(definitions)
    found = {
        (graph[parent]["group"], node["group"])
        for node in graph.values()
        for parent in node["parents"]
        if graph[parent]["group"] != node["group"]
    }
    assert found == GROUP_EDGES


def test_every_raw_asset_is_landed_and_none_is_invented_by_dbt(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    raw = {key for key in graph.get_all_asset_keys() if key.path[0] == "raw"}
    assert len(raw) > 40
    assert [key.to_user_string() for key in raw if not graph.get(key).is_materializable] == []


def test_deliveries_depend_on_audit_and_publication(definitions: dg.Definitions) -> None:
    graph = graph_of(definitions)
    deliveries = {name: node for name, node in graph.items() if node["group"] == "activation"}
    assert len(deliveries) >= 3
    assert all("quality/serving" in node["parents"] for node in deliveries.values())
    assert graph["quality/serving"]["parents"] == ["quality/audit"]
    published = {name for name in graph if name.split("/")[0] in {"marts", "segments"}}
    assert published <= set(graph["quality/audit"]["parents"])


def test_jobs_and_schedules(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs()}
    assert {"ingestion_job", "transform_job", "quality_job", "exports_job", "main_job"} <= jobs
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert "main_daily_schedule" in schedules
    assert schedules["exp_meta__lapsed_buyers_schedule"].job_name == "exp_meta__lapsed_buyers_job"
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}


def test_a_scheduled_sync_builds_what_it_sends(definitions: dg.Definitions) -> None:
    """Its job is the whole pipeline with one delivery at the end; only a complete build may be published."""
    repository = definitions.get_repository_def()
    graph = graph_of(definitions)
    others = {name for name, node in graph.items() if node["group"] == "activation"}
    scheduled = [schedule for schedule in repository.schedule_defs if schedule.name.startswith("exp_")]
    assert len(scheduled) >= 3
    for schedule in scheduled:
        job = repository.get_job(schedule.job_name)
        selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        (delivery,) = selected & others
        destination, payload = schedule.name.removeprefix("exp_").removesuffix("_schedule").split("__", 1)
        assert delivery == f"exports/{destination}/{payload}"
        assert selected - {delivery} == {name for name in graph if name not in others}


def test_runs_wait_for_each_other(module_home: Home) -> None:
    """Two runs whose ops interleave would check one build and publish another."""
    webserver.write_settings(module_home)
    with dg.DagsterInstance.from_config(str(module_home.dagster)) as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1


def test_the_job_of_a_sync_sends_what_landed_after_the_last_publication(copied_home: Home) -> None:
    """A withdrawal in the landing zone when the schedule starts is a removal in its delivery."""
    from exports.ledger import open_ledger

    name = "exp_meta__lapsed_buyers"

    def delivered() -> set[str]:
        path = copied_home.path / "ledger" / "ledger.duckdb"
        with open_ledger(path, spill_path=copied_home.spill, write=False) as connection:
            query = "select record_key from ledger.delivered_records where export = ?"
            return {key for (key,) in connection.execute(query, [name]).fetchall()}

    before = delivered()
    with duckdb.connect(str(copied_home.serving), read_only=True) as connection:
        [(customer, email)] = connection.execute(
            "select customer_id, email from marts.dim_customers where email is not null and customer_id in"
            f" (select customer_id from exports.{name}) order by 1 limit 1"
        ).fetchall()
    assert customer in before
    decision = {"decision_id": "w1", "email": email, "purpose": "advertising", "channel": "ads"}
    decision |= {"decision": "withdrawn", "decided_at": "2026-06-29T12:00:00"}
    path = copied_home.landing / "consent_banner" / "decisions" / "late.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(decision) + "\n")
    with environment_of(copied_home):
        definitions = build_defs({"home": HomeResource(path=str(copied_home.path))})
        job = definitions.resolve_job_def(f"{name}_job")
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=True)
    assert result.success
    sent = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert {key for key in sent if key.startswith("exports/") and "exp_" not in key} == {"exports/meta/lapsed_buyers"}
    assert before - delivered() == {customer}


def test_what_writes_the_warehouse_shares_one_pool(definitions: dg.Definitions, module_home: Home) -> None:
    pools = {}
    for asset in definitions.assets or []:
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable:
            pools[asset.op.name] = asset.op.pool
    writers = {name for name in pools if name.startswith("land_")} | {"dbt", "quality__audit", "quality__serving"}
    assert {pools[name] for name in writers} == {WAREHOUSE_POOL}
    webserver.write_settings(module_home)
    settings = yaml.safe_load((module_home.dagster / "dagster.yaml").read_text())
    assert settings["telemetry"] == {"enabled": False}
    assert settings["concurrency"]["pools"]["default_limit"] == 1


def test_a_small_world_through_dagster(tmp_path: Path) -> None:
    """All assets in one process give the same deliveries and serving file as `merganser run`."""
    from exports.destinations.webhook.loopback import serve

    home = demo.prepare(open_home(tmp_path / "home"), customers=100, seed=7)
    with serve(tmp_path / "inbox") as receiver, environment_of(home):
        resource = HomeResource(path=str(home.path), webhook_url=receiver.url, webhook_allowed_hosts="127.0.0.1")
        definitions = build_defs({"home": resource})
        job = definitions.resolve_job_def("main_job")
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=True)
            build = building.last_build(home)
            assert build is not None
            assert build.whole
            repeated = job.execute_in_process(instance=instance, raise_on_error=True)
            confirmed = building.last_build(home)
            assert confirmed is not None
            assert confirmed.build_id == build.build_id, "nothing had changed"
            with opened(home, read_only=False) as connection:
                connection.execute("drop table marts.dim_consents")
            transform = definitions.resolve_job_def("transform_job")
            mended = transform.execute_in_process(instance=instance, raise_on_error=True)
    everything, again, built = (
        {event.asset_key for event in one.get_asset_materialization_events()} for one in (result, repeated, mended)
    )
    assert everything == again, "what depends on an unchanged asset runs too"
    assert built < everything
    report = building.last_build(home)
    assert report is not None
    assert report.whole
    assert {"dim_consents", "exp_meta__lapsed_buyers"} <= set(report.seconds_per_node)
    assert "fct_orders" not in report.seconds_per_node
    assert result.success
    check = quality.last_check(home)
    assert check is not None
    assert check.passed
    assert publishing.published_build(home)["build_id"] == build.build_id
    evaluations = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }
    assert all(evaluations.values())
    delivered = [key for key in evaluations if key[1] == "delivered_as_planned"]
    assert len(delivered) >= 3


def test_definitions_load_as_dagster_loads_them(module_home: Home) -> None:
    """As `dagster dev -m orchestration.definitions` does first; Dagster's files stay in the home."""
    webserver.write_settings(module_home)
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "orchestration.definitions"],
        cwd=PROJECT_ROOT,
        env={**os.environ, **module_home.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]

"""The identity graph from text edges to the written bridge, in dbt, compared with the bound and with alternatives.

Run `python -m benchmarks identity [--scale 0.1]` (full size is ten million edges), or `python -m benchmarks.identity
[--quick] [--edges 50000000] [--ceiling 600] [--rounds 3]`. Each figure is measured in its own process; `load_average`
shows how busy the machine was.

The edges are of a made-up shop: persons with a login, an address, cookies, phones and guest orders, one in ten linked
to another person, in shuffled order. Two cases make the graph hard: the cookie of a kiosk at which one in twenty signed
in (142,000 of ten million edges, which form one customer, because there are no limits here), and tablets that passed
from person to person a hundred times in a row. The dbt project has only the models that a warehouse of text edges
needs: the dictionary, the pairs as numbers, the materialization of this repository, the bridge. The bound is the work
that every method must do, with the same statements: scan, dictionary, encode both columns, write.
Add here: another question about speed. Keep out: accuracy (the scoreboard).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import middle, run, show
from runtime.building import rare_garbage_collection, release_warehouse

FULL_SIZE = 10_000_000
QUICK_SIZE = 1_000_000
LARGEST_WITH_RIVALS = 10_000_000
ERASED = 1_000
ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {"threads": 2, "memory_limit": "12GB", "preserve_insertion_order": False}
DICTIONARY = """
    select
        cast(row_number() over (order by first_loaded_no, identifier_type, identifier_value) as bigint)
            as identifier_no,
        identifier_type,
        identifier_value,
        first_loaded_no
    from (
        select identifier_type, identifier_value, min(loaded_no) as first_loaded_no
        from (
            select type_a as identifier_type, value_a as identifier_value, loaded_no from {edges}
            union all
            select type_b, value_b, loaded_no from {edges}
        )
        group by 1, 2
    )
"""
ENCODED = """
    select
        least(first_ends.identifier_no, second_ends.identifier_no) as identifier_no_a,
        greatest(first_ends.identifier_no, second_ends.identifier_no) as identifier_no_b
    from {edges} as edges
    inner join {dictionary} as first_ends
        on edges.type_a = first_ends.identifier_type and edges.value_a = first_ends.identifier_value
    inner join {dictionary} as second_ends
        on edges.type_b = second_ends.identifier_type and edges.value_b = second_ends.identifier_value
"""
# The value is read first: DuckDB would treat a subquery as a filter that keeps all rows.
_KNOWN = "run_query('select max({column}) from ' ~ this).columns[0].values()[0]"
_ARRIVED = f"(select * from input.edges where loaded_no > {{{{{{{{ {_KNOWN} }}}}}}}})"
MODELS = {
    "identifiers": f"""
        {{{{ config(materialized='incremental', incremental_strategy='append') }}}}
        {{% if is_incremental() %}}
        select
            cast(new.identifier_no + (select max(identifier_no) from {{{{ this }}}}) as bigint) as identifier_no,
            new.identifier_type, new.identifier_value, new.first_loaded_no
        from (
            select
                row_number() over (order by found.first_loaded_no, found.identifier_type, found.identifier_value)
                    as identifier_no,
                found.identifier_type, found.identifier_value, found.first_loaded_no
            from ({DICTIONARY.format(edges=_ARRIVED.format(column="first_loaded_no"))}) as found
            left join {{{{ this }}}} as known
                on found.identifier_type = known.identifier_type and found.identifier_value = known.identifier_value
            where known.identifier_no is null
        ) as new
        {{% else %}}
        {DICTIONARY.format(edges="input.edges")}
        {{% endif %}}
    """,
    "nodes": f"""
        {{{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='identifier_no') }}}}
        {{% set known = {_KNOWN.format(column="revision_no")} if is_incremental() %}}
        select
            identifiers.identifier_no, identifiers.identifier_type, cast(null as integer) as max_per_customer,
            erasures.identifier_no is null as has_customer,
            case when erasures.identifier_no is null then 4 else 2 end as cause_rank,
            coalesce(erasures.revision_no, identifiers.first_loaded_no) as revision_no
        from {{{{ ref('identifiers') }}}} as identifiers
        left join input.erasures as erasures on identifiers.identifier_no = erasures.identifier_no
        {{% if is_incremental() %}}
        where identifiers.first_loaded_no > {{{{ known }}}} or erasures.revision_no > {{{{ known }}}}
        {{% endif %}}
    """,
    # An increment selects its identifiers first, so that the dictionary's text is read once.
    "pairs": f"""
        {{{{ config(materialized='incremental', incremental_strategy='delete+insert',
                    unique_key=['identifier_no_a', 'identifier_no_b']) }}}}
        with
        {{% if is_incremental() %}}
        arrived as {_ARRIVED.format(column="revision_no")},
        named as (
            select identifiers.identifier_no, identifiers.identifier_type, identifiers.identifier_value
            from {{{{ ref('identifiers') }}}} as identifiers
            semi join (
                select type_a as identifier_type, value_a as identifier_value from arrived
                union
                select type_b, value_b from arrived
            ) as ends
                on identifiers.identifier_type = ends.identifier_type
                and identifiers.identifier_value = ends.identifier_value
        ),
        encoded as ({ENCODED.format(edges="arrived", dictionary="named")}),
        {{% else %}}
        encoded as ({ENCODED.format(edges="input.edges", dictionary="{{ ref('identifiers') }}")}),
        {{% endif %}}
        erased as (
            select identifier_no from input.erasures
            {{% if is_incremental() %}}
            where revision_no > {{{{ {_KNOWN.format(column="revision_no")} }}}}
            {{% endif %}}
        )
        select distinct
            identifier_no_a, identifier_no_b, true as is_joining, 4 as cause_rank,
            (select max(loaded_no) from input.edges) as revision_no
        from encoded
        where identifier_no_a <> identifier_no_b
        {{% if is_incremental() %}}
        union all
        select
            identifier_no_a, identifier_no_b, false as is_joining, 2 as cause_rank,
            (select max(revision_no) from input.erasures) as revision_no
        from {{{{ this }}}}
        where is_joining and (
            identifier_no_a in (select identifier_no from erased)
            or identifier_no_b in (select identifier_no from erased)
        )
        {{% endif %}}
    """,
    "partition": """
        {{ config(materialized='connected_components', nodes='nodes', identifiers='identifiers') }}
        -- depends_on: {{ ref('nodes') }} {{ ref('identifiers') }}
        select
            *, false as is_excluded, 2 as tier, 1 as times_seen, 1 as source_count,
            cast(null as timestamp) as last_seen_at
        from {{ ref('pairs') }}
    """,
    # An erased identifier keeps its number, without a value and without a customer.
    "bridge": f"""
        {{{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='identifier_no') }}}}
        with changed as (
            select identifier_no, customer_no, greatest(nodes_revision_no, pairs_revision_no) as revision_no
            from {{{{ ref('partition') }}}}
            union all
            select identifier_no, null, revision_no from input.erasures
        )
        select
            identifiers.identifier_no, identifiers.identifier_type, identifiers.identifier_value,
            changed.customer_no, changed.revision_no
        from changed
        inner join {{{{ ref('identifiers') }}}} as identifiers on changed.identifier_no = identifiers.identifier_no
        {{% if is_incremental() %}}
        where changed.revision_no > {{{{ {_KNOWN.format(column="revision_no")} }}}}
        {{% endif %}}
    """,
}
# Measures the start of dbt itself.
START = {"one_row": "{{ config(materialized='view') }} select 1 as one"}
PROJECT = {
    "name": "merganser",
    "version": "0.1.0",
    "profile": "bench",
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "test-paths": ["none"],
    "flags": {"send_anonymous_usage_stats": False},
}


def write_edges(connection: duckdb.DuckDBPyConnection, table: str, first: int, count: int, load: int) -> None:
    """Edges number `first` to `first + count` of an endless business, shuffled, as rows of one load."""
    stride = next(number for number in (7_368_787, 7_368_791, 7_368_793) if count % number)
    connection.execute(
        f"""
        insert into {table}
        with numbered as (
            select {first} + (i * {stride}) % {count} as i from range({count}) as numbers(i)
        ),
        people as (
            select i, i // 4 as person, i % 4 as kind, hash(i) % 100 as lot,
                case when hash(i) % 10 = 0 then hash(i // 7) % (i // 4 + 1) else i // 4 end as other,
                i // 400 % 50 = 0 and i // 4 % 100 > 0 as has_tablet
            from numbered
        )
        select
            case kind when 0 then 'user_id' when 1 then 'anonymous_id' when 2 then 'anonymous_id' else 'email' end,
            case kind
                when 0 then 'user-' || person
                when 1 then md5('first' || person)
                when 2 then case when has_tablet then md5('first' || (person - 1)) when lot < 6 then 'kiosk'
                    else md5(case when lot < 50 then 'first' else 'second' end || person) end
                else 'person.' || other || '@mail' || other % 97 || '.example'
            end,
            case kind when 0 then 'email' when 1 then 'user_id' when 2 then 'user_id'
                else case when lot < 60 then 'phone' when lot < 80 then 'user_id' else 'order_id' end end,
            case kind
                when 0 then 'person.' || person || '@mail' || person % 97 || '.example'
                when 1 then 'user-' || person
                when 2 then 'user-' || person
                else case when lot < 60 then '+4915' || person when lot < 80 then 'user-' || person else 'A' || i end
            end,
            {load}
        from people
        """
    )


def prepare(home: Path, edges: int, form: str) -> dict[str, Any]:
    """Loads the edges, writes the dbt project and parses it: only a first run would parse."""
    with duckdb.connect(str(home / "bench.duckdb"), config=SETTINGS) as connection:
        connection.execute(
            "create schema input; create table input.erasures (identifier_no bigint, revision_no bigint);"
            "create table input.edges"
            " (type_a varchar, value_a varchar, type_b varchar, value_b varchar, loaded_no bigint)"
        )
        write_edges(connection, "input.edges", 0, edges, 1)
    output = {
        "type": "duckdb",
        "path": str(home / "bench.duckdb"),
        "threads": 1,  # two models at a time, each with both cores, would take a tenth longer
        "settings": {"enable_progress_bar": False},
        "config_options": {**SETTINGS, "temp_directory": str(home / "spill")},
    }
    (home / "models").mkdir()
    (home / "dbt_project.yml").write_text(json.dumps(PROJECT))
    (home / "profiles.yml").write_text(json.dumps({"bench": {"target": "bench", "outputs": {"bench": output}}}))
    for name, sql in (MODELS | START).items():
        (home / f"models/{name}.sql").write_text(sql)
    for folder in ("identity", "platform", "vars"):
        shutil.copytree(ROOT / "dbt_project/macros" / folder, home / "macros" / folder)
    _invoke(home, ["parse"], form)
    return {}


def _invoke(home: Path, command: Sequence[str], form: str) -> Any:
    """Runs a dbt command in this process, without output; ends the process if it fails."""
    places = ["--project-dir", str(home), "--profiles-dir", str(home), "--target-path", str(home / "target")]
    places += ["--log-path", str(home / "logs"), "--log-level-file", "info", "--no-write-json"]
    output = io.StringIO()
    variables = json.dumps({"identity_contraction": form, "identity_contraction_megabytes": 100_000})
    with contextlib.redirect_stdout(output), rare_garbage_collection():  # as every build of the product does
        from dbt.cli.main import dbtRunner

        outcome = dbtRunner().invoke([*command, *places, "--vars", variables])
    release_warehouse()
    if not outcome.success:
        raise SystemExit(output.getvalue()[-3000:])
    return outcome.result


def build(home: Path, form: str, selection: Sequence[str] = (), full_refresh: bool = False) -> dict[str, Any]:
    """One run of dbt in this process: seconds by model."""
    chosen = ["--select", *(selection or MODELS), *(["--full-refresh"] if full_refresh else [])]
    results = _invoke(home, ["run", *chosen], form).results
    return {"models": {result.node.name: round(result.execution_time, 2) for result in results}}


def bound(home: Path) -> dict[str, Any]:
    """Scan, dictionary, encode both columns, write: the work of every method before any join."""
    with duckdb.connect(str(home / "bench.duckdb"), config=SETTINGS) as connection:
        connection.execute("create schema bound")
        began, processor = time.monotonic(), time.process_time()
        connection.execute(f"create table bound.dictionary as {DICTIONARY.format(edges='input.edges')}")
        connection.execute(
            f"create table bound.encoded as {ENCODED.format(edges='input.edges', dictionary='bound.dictionary')}"
        )
        connection.execute(
            "create table bound.bridge as select identifier_no, identifier_type, identifier_value,"
            " identifier_no as customer_no from bound.dictionary"
        )
        seconds, processor = time.monotonic() - began, time.process_time() - processor
        [(identifiers,)] = connection.execute("select count(*) from bound.dictionary").fetchall()
        connection.execute("drop schema bound cascade")
    return {
        "work_seconds": round(seconds, 2),
        "work_processor_seconds": round(processor, 2),
        "identifiers": identifiers,
    }


def cluster_with_splink(home: Path) -> dict[str, Any]:
    """Splink's clustering of the same text edges, written to a table."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    with duckdb.connect(str(home / "splink.duckdb"), config=SETTINGS) as connection:
        connection.execute(f"attach '{home / 'bench.duckdb'}' as bench (read_only)")
        began = time.monotonic()
        for end in "ab":
            connection.execute(
                f"create view ends_{end} as select type_{end} || ':' || value_{end} as id from bench.input.edges"
            )
        connection.execute("create table nodes as select id from ends_a union select id from ends_b")
        connection.execute(
            "create table edges as select type_a || ':' || value_a as id_l, type_b || ':' || value_b as id_r"
            " from bench.input.edges"
        )
        database = DuckDBAPI(connection=connection)
        found = cluster_pairwise_predictions_at_threshold(
            database.register("nodes") if hasattr(database, "register") else "nodes",
            database.register("edges") if hasattr(database, "register") else "edges",
            db_api=database,
            node_id_column_name="id",
            edge_id_column_name_left="id_l",
            edge_id_column_name_right="id_r",
        )
        name = found.physical_name
        connection.execute(f"create table clusters as select * from {name}")
        seconds = time.monotonic() - began
        [(clusters,)] = connection.execute("select count(distinct cluster_id) from clusters").fetchall()
    return {"work_seconds": round(seconds, 2), "customers": clusters}


def propagate_labels(home: Path) -> dict[str, Any]:
    """Repeatedly takes the smallest label of the neighbours, on numbers: its encoding is not counted."""
    with duckdb.connect(str(home / "propagation.duckdb"), config=SETTINGS) as connection:
        connection.execute(f"attach '{home / 'bench.duckdb'}' as bench (read_only)")
        began = time.monotonic()
        connection.execute(
            "create table edges as select identifier_no_a as a, identifier_no_b as b from bench.main.pairs"
            " union all select identifier_no_b, identifier_no_a from bench.main.pairs"
        )
        connection.execute(
            "create table labels as select identifier_no as node, identifier_no as label from bench.main.identifiers"
        )
        rounds, moved = 0, 1
        while moved:
            connection.execute(
                "create table next_labels as select labels.node,"
                " least(any_value(labels.label), min(near.label)) as label from labels"
                " inner join edges on labels.node = edges.a inner join labels as near on edges.b = near.node group by 1"
            )
            [(moved,)] = connection.execute(
                "select count(*) from labels inner join next_labels using (node)"
                " where labels.label <> next_labels.label"
            ).fetchall()
            connection.execute("drop table labels; alter table next_labels rename to labels")
            rounds += 1
        [(customers,)] = connection.execute("select count(distinct label) from labels").fetchall()
    return {"work_seconds": round(time.monotonic() - began, 2), "rounds": rounds, "customers": customers}


def add(home: Path, edges: int) -> dict[str, Any]:
    """One per cent more edges arrive."""
    with duckdb.connect(str(home / "bench.duckdb"), config=SETTINGS) as connection:
        write_edges(connection, "input.edges", edges - edges // 200, max(1, edges // 100), 2)
    return {}


def erase(home: Path) -> dict[str, Any]:
    """A thousand identifiers are erased: their edges are deleted; the dictionary keeps only their numbers."""
    with duckdb.connect(str(home / "bench.duckdb"), config=SETTINGS) as connection:
        connection.execute(
            f"create temp table doomed as select identifier_no, identifier_type, identifier_value from identifiers"
            f" order by hash(identifier_no) limit {ERASED}"
        )
        connection.execute(
            "insert into input.erasures select identifier_no, (select max(loaded_no) + 1 from input.edges) from doomed"
        )
        for end in "ab":
            connection.execute(
                f"delete from input.edges using doomed"
                f" where type_{end} = identifier_type and value_{end} = identifier_value"
            )
        connection.execute(
            "update identifiers set identifier_value = null where identifier_no in (select identifier_no from doomed)"
        )
    return {}


def summary(home: Path) -> dict[str, Any]:
    """The number of customers, the largest one, and a checksum of the written bridge."""
    with duckdb.connect(str(home / "bench.duckdb"), config=SETTINGS, read_only=True) as connection:
        [(identifiers, customers, largest, checksum)] = connection.execute(
            "select sum(size), count(*), max(size), sum(checksum) from (select count(*) as size,"
            " sum(hash(identifier_no, customer_no) % 1000003) as checksum from bridge where customer_no is not null"
            " group by customer_no)"
        ).fetchall()
    return {
        "identifiers": int(identifiers),
        "customers": customers,
        "largest_customer": largest,
        "checksum": int(checksum),
    }


STEPS = {
    "prepare": lambda home, asked: prepare(home, asked.edges, asked.form),
    "build": lambda home, asked: build(home, asked.form),
    "start": lambda home, asked: build(home, asked.form, list(START)),
    "rebuild": lambda home, asked: build(home, asked.form, ["partition"], full_refresh=True),
    "rewrite": lambda home, asked: build(home, asked.form, ["partition", "bridge"], full_refresh=True),
    "refresh": lambda home, asked: build(home, asked.form, full_refresh=True),
    "bound": lambda home, asked: bound(home),
    "splink": lambda home, asked: cluster_with_splink(home),
    "propagation": lambda home, asked: propagate_labels(home),
    "add": lambda home, asked: add(home, asked.edges),
    "erase": lambda home, asked: erase(home),
    "summary": lambda home, asked: summary(home),
}


def measure(scale: float = 1.0, ceiling: float = 600, rounds: int = 3) -> dict[str, Any]:
    """All figures, for `scale` times ten million edges; no alternative runs longer than `ceiling` seconds.

    Our figures and the bound are medians of `rounds` runs, with the seconds of each; runs from text alternate with the
    bound, because the speed of a machine varies.
    """
    edges = max(10_000, int(FULL_SIZE * scale))
    with tempfile.TemporaryDirectory(prefix="merganser-identity-") as directory:
        home = Path(directory) / "home"

        def step(name: str, form: str = "arrays", limit: float | None = None) -> dict[str, Any]:
            command = [sys.executable, "-m", "benchmarks.identity", "--step", name, "--home", str(home)]
            command += ["--edges", str(edges), "--form", form]
            load = round(os.getloadavg()[0], 1)
            done = run([*(["timeout", str(limit)] if limit else []), *command])
            figures = {"seconds": done.seconds, "processor_seconds": done.processor_seconds, "peak_mb": done.peak_mb}
            return {**figures, "load_average": load, **json.loads(done.output)}

        def answer() -> dict[str, Any]:
            found = step("summary")
            return {name: found[name] for name in ("identifiers", "customers", "largest_customer", "checksum")}

        def rival(name: str) -> dict[str, Any]:
            if edges > LARGEST_WITH_RIVALS:
                return {"not_run": f"only up to {LARGEST_WITH_RIVALS} edges"}
            try:
                return step(name, limit=ceiling)
            except Exception as error:  # noqa: BLE001 (whatever a rival died of is its result)
                status = getattr(error, "returncode", None)
                return {"stopped_after_seconds": ceiling} if status == 124 else {"failed": str(error)[-500:]}

        def save(name: str) -> None:
            shutil.rmtree(home.with_name(name), ignore_errors=True)
            shutil.copytree(home, home.with_name(name))

        def restore(name: str) -> None:
            """Restores a saved home into new files, and waits for the disk."""
            shutil.rmtree(home)
            shutil.copytree(home.with_name(name), home)
            os.sync()

        def repeated(name: str) -> dict[str, Any]:
            """One step, repeated from the current home; the home keeps the result of the last round."""
            save("before")
            runs = []
            for _ in range(rounds):
                restore("before")
                runs.append(step(name))
            return middle(runs)

        for form in ("sql", "arrays"):
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            step("prepare", form)
            save(form)
        from_text: dict[str, list[dict[str, Any]]] = {"bound": [], "ours_sql": [], "ours_arrays": []}
        for _ in range(rounds):
            from_text["bound"].append(step("bound"))
            restore("sql")
            from_text["ours_sql"].append(step("build", "sql"))
            by_sql = answer()
            restore("arrays")
            from_text["ours_arrays"].append(step("build"))
            by_arrays = answer()
            save("built")
            restore("arrays")
        restore("built")
        results: dict[str, Any] = {"edges": edges, **{name: middle(runs) for name, runs in from_text.items()}}
        results["graph"] = by_arrays
        results["both_forms_agree"] = by_sql == by_arrays
        results["dbt_itself"] = repeated("start")
        results["rebuild_from_encoded_edges"] = repeated("rebuild")
        results["rebuild_and_bridge_from_encoded_edges"] = repeated("rewrite")
        results["nothing_new"] = repeated("build")
        results["splink"] = (
            rival("splink") if importlib.util.find_spec("splink") else {"not_run": "splink is not installed"}
        )
        results["label_propagation"] = rival("propagation")
        restore("before")  # without the files of the alternatives
        step("add")
        results["one_per_cent_more"] = repeated("build")
        after = answer()
        step("rewrite")
        results["increment_equals_rebuild"] = answer() == after
        step("erase")
        results["thousand_erased"] = repeated("build")
        after = answer()
        step("rewrite")
        results["erasure_equals_rebuild"] = answer() == after
    results["ratios"] = _ratios(results, "seconds", 2)
    results["ratios_beyond_dbt"] = _ratios(results, "seconds", results["dbt_itself"]["seconds"])
    results["ratios_in_processor_seconds"] = _ratios(
        results, "processor_seconds", results["dbt_itself"]["processor_seconds"]
    )
    return results


def _ratios(results: dict[str, Any], unit: str, dbt: float) -> dict[str, float]:
    """The figures of the targets, less `dbt` seconds for dbt's own start if a target allows them.

    Two seconds are allowed. `ratios_beyond_dbt` subtracts the measured start (`dbt_itself`), as do the ratios in
    processor seconds, which vary less on a busy machine.
    """
    bound, text, sql = results["bound"][f"work_{unit}"], results["ours_arrays"][unit], results["ours_sql"][unit]
    ratios = {
        "arrays_to_bound": (text - dbt) / bound,
        "sql_to_bound": (sql - dbt) / bound,
        "rebuild_share": results["rebuild_from_encoded_edges"][unit] / text,
        "rebuild_and_bridge_share": results["rebuild_and_bridge_from_encoded_edges"][unit] / text,
        "one_per_cent_share": (results["one_per_cent_more"][unit] - dbt) / text,
        "erasure_share": (results["thousand_erased"][unit] - dbt) / text,
    }
    if unit in results["splink"]:
        ratios["times_faster_than_splink"] = results["splink"][unit] / text
        ratios["memory_share_of_splink"] = results["ours_arrays"]["peak_mb"] / results["splink"]["peak_mb"]
    return {name: round(value, 3) for name, value in ratios.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=FULL_SIZE)
    parser.add_argument("--quick", action="store_true", help="a million edges")
    parser.add_argument("--ceiling", type=float, default=600, help="seconds after which an alternative is stopped")
    parser.add_argument("--rounds", type=int, default=3, help="times that each figure is measured (default 3)")
    parser.add_argument("--step", choices=sorted(STEPS))
    parser.add_argument("--home", type=Path)
    parser.add_argument("--form", choices=["arrays", "sql"], default="arrays")
    asked = parser.parse_args(arguments)
    if asked.step:
        print(json.dumps(STEPS[asked.step](asked.home, asked)))
        gc.freeze()  # as the product's command does at its end
        return
    show(measure((QUICK_SIZE if asked.quick else asked.edges) / FULL_SIZE, asked.ceiling, asked.rounds))


if __name__ == "__main__":
    main()

"""Measures the project's matching rules and model on a labelled file: `merganser identity evaluate`.

Reads and writes no home: the records are matched in memory, and the truth is read only after every record has its
cluster. Add here: what an evaluation reads or reports. Keep out: matching (linking.py).
"""

from __future__ import annotations

import csv
import io
import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from identity.accuracy import Rates, bcubed, exact_clusters, pairwise
from identity.kept_scores import Thresholds
from identity.linking import Linked, Rules, link
from identity.model import Model
from identity.people import COLUMNS
from runtime.errors import MerganserError, WrongUseError
from runtime.files import write_whole
from runtime.home import PROJECT_ROOT

SEEDS = Path("dbt_project/seeds/identity")


class Configuration(BaseModel):
    """The keys of `--config` (YAML): each replaces a value of the project's seeds or a default."""

    model_config = ConfigDict(extra="forbid")

    probabilistic: bool = True  # false: identifiers alone
    match_percent: float | None = Field(default=None, gt=0, lt=100)  # pairs at least so likely join; None: as in builds
    model: Path | None = None  # a model written by `save_model`, used instead of training
    save_model: Path | None = None
    memory: str = "2GB"  # of DuckDB; beyond it, DuckDB spills to disk
    most_persons: dict[str, int] = {}  # by identifier type; with more persons an identifier is shared
    map: dict[str, str] = {}


@dataclass(frozen=True)
class Evaluation:
    """The result: sizes, accuracy and cost."""

    records: int
    labelled_records: int
    clusters: int
    entities: int
    pairwise: Rates
    bcubed: Rates
    exact_clusters: int
    largest_cluster: int
    largest_entity: int
    blocking_ceiling: float
    compared_pairs: int
    match_percent: float
    ignored_columns: list[str]
    missing_columns: list[str]
    model: str
    is_model_trained: bool
    model_note: str
    seconds: float
    peak_mb: float


def evaluate(
    records: Path,
    truth: Path,
    *,
    mapping: Mapping[str, str],
    configuration: Configuration,
    links_only: bool = False,
    clusters_out: Path | None = None,
) -> Evaluation:
    """Matches the records, then reads the truth and compares. Writes the cluster of each record to `clusters_out`.

    Raises WrongUseError for a file that cannot be read, lacks a column or has a record twice, and for a truth with
    records that are not in the file.
    """
    started = time.monotonic()
    names = {**configuration.map, **mapping}
    table = read_records(records, names)
    kept = _kept_model(configuration.model)
    rules = project_rules(configuration, links_only=links_only)
    linked = link(table, rules, model=kept, memory=configuration.memory)
    seconds = time.monotonic() - started
    if configuration.save_model is not None and linked.model is not None:
        write_whole(configuration.save_model, linked.model.to_json())
    if clusters_out is not None:
        write_clusters(clusters_out, linked.clusters)
    labels = read_truth(truth, linked.clusters)
    there = _columns(records)
    ignored = sorted(set(there) - set(_taken(names, there).values()))
    return _compared(table, linked, labels, rules=rules, ignored=ignored, seconds=seconds)


def write_clusters(path: Path, clusters: Mapping[str, int]) -> None:
    """Writes record_id and cluster_id, as Parquet or CSV by the file's name. A cluster is named by its first record."""
    first: dict[int, str] = {}
    records = sorted(clusters)
    for record_id in records:
        first.setdefault(clusters[record_id], record_id)
    table = pa.table({"record_id": records, "cluster_id": [first[clusters[record_id]] for record_id in records]})
    written = io.BytesIO()
    if path.suffix.lower() in {".parquet", ".pq"}:
        pq.write_table(table, written)
    else:
        pa_csv.write_csv(table, written)
    write_whole(path, written.getvalue())


def _compared(
    table: pa.Table, linked: Linked, labels: Mapping[str, str], *, rules: Rules, ignored: list[str], seconds: float
) -> Evaluation:
    of_source = None
    if rules.links_only:
        if "source" not in table.column_names:
            raise WrongUseError("--links-only needs the column source.", "Name it with --map source=<column>.")
        source = dict(zip(table["record_id"].to_pylist(), table["source"].to_pylist(), strict=True))
        of_source = [source[record_id] for record_id in labels]
    clusters = [linked.clusters[record_id] for record_id in labels]
    entities = list(labels.values())
    compared = zip(linked.compared["record_id_a"].to_pylist(), linked.compared["record_id_b"].to_pylist(), strict=True)
    found = sum(a in labels and labels[a] == labels.get(b) for a, b in compared)
    true = sum(count * (count - 1) // 2 for count in Counter(entities).values())
    if of_source is not None:
        true -= sum(n * (n - 1) // 2 for n in Counter(zip(entities, of_source, strict=True)).values())
    model = linked.model
    return Evaluation(
        records=table.num_rows,
        labelled_records=len(labels),
        clusters=len(set(linked.clusters.values())),
        entities=len(set(entities)),
        pairwise=pairwise(clusters, entities, of_source),
        bcubed=bcubed(clusters, entities),
        exact_clusters=exact_clusters(clusters, entities),
        largest_cluster=max(Counter(linked.clusters.values()).values(), default=0),
        largest_entity=max(Counter(entities).values(), default=0),
        blocking_ceiling=round(found / true, 6) if true else 1.0,
        compared_pairs=linked.compared.num_rows,
        match_percent=rules.thresholds.match_percent,
        ignored_columns=ignored,
        missing_columns=[name for name in COLUMNS if name not in table.column_names],
        model=model.version if model else "",
        is_model_trained=bool(model and model.is_trained),
        model_note=model.note if model else "",
        seconds=round(seconds, 2),
        peak_mb=round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024), 1
        ),
    )


def read_records(path: Path, mapping: Mapping[str, str]) -> pa.Table:
    """Person records of a CSV or Parquet file, as text. `mapping`: the file's column for each of ours."""
    unknown = sorted(set(mapping) - set(COLUMNS))
    if unknown:
        raise WrongUseError(f"There is no column {', '.join(unknown)}.", f"There are: {', '.join(COLUMNS)}.")
    there = _columns(path)
    missing = sorted(set(mapping.values()) - set(there))
    if missing:
        raise WrongUseError(f"{path.name} has no column {', '.join(missing)}.", f"It has: {', '.join(there)}.")
    taken = _taken(mapping, there)
    if "record_id" not in taken:
        raise WrongUseError(f"{path.name} has no column record_id.", "Name it with --map record_id=<column>.")
    columns = ", ".join(f"trim(cast({_quoted(column)} as varchar)) as {name}" for name, column in taken.items())
    table = _read(path, columns)
    ids = table["record_id"].to_pylist()
    if any(not record_id for record_id in ids):
        raise WrongUseError(f"{path.name} has rows without a record_id.", "Each record needs its own.")
    if len(set(ids)) < len(ids):
        raise WrongUseError(f"{path.name} holds {len(ids) - len(set(ids))} record ids more than once.", "Number them.")
    if not set(taken) - {"record_id", "source"}:
        raise WrongUseError(
            f"{path.name} has no column of a person: nothing can be compared.",
            f"Name them with --map, for example --map last_name=<column>. The file has: {', '.join(there)}.",
        )
    return table


def _taken(mapping: Mapping[str, str], there: Sequence[str]) -> dict[str, str]:
    """The columns of a file that are read, by our name. Case does not matter unless a column is mapped."""
    of_file = {name.lower(): name for name in there}
    found = {name: mapping.get(name, of_file.get(name, "")) for name in COLUMNS}
    return {name: column for name, column in found.items() if column in there}


def read_truth(path: Path, known: Mapping[str, int]) -> dict[str, str]:
    """The entity of each record in a truth file, in its order."""
    there = _columns(path)
    missing = [name for name in ("record_id", "entity_id") if name not in there]
    if missing:
        raise WrongUseError(f"{path.name} has no column {', '.join(missing)}.", f"It has: {', '.join(there)}.")
    table = _read(path, "trim(cast(record_id as varchar)) as record_id, trim(cast(entity_id as varchar)) as entity_id")
    labels: dict[str, str] = {}
    for record_id, entity_id in zip(table["record_id"].to_pylist(), table["entity_id"].to_pylist(), strict=True):
        if not record_id or not entity_id:
            raise WrongUseError(f"{path.name} has rows without a record_id or an entity_id.", "Leave them out.")
        if labels.setdefault(record_id, entity_id) != entity_id:
            raise WrongUseError(f"{path.name} gives a record two entities.", "A record belongs to one person.")
    unknown = sum(record_id not in known for record_id in labels)
    if unknown:
        raise WrongUseError(
            f"{path.name} has {unknown} of {len(labels)} records that are not in the file of records.",
            "Do both files belong together, and is record_id mapped to the right column?",
        )
    return labels


def read_configuration(path: Path | None) -> Configuration:
    """The configuration in the file of `--config`; without a file, the defaults."""
    if path is None:
        return Configuration()
    try:
        return Configuration.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise WrongUseError(f"{path} cannot be read: {error.strerror}.", "Name a YAML file.") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUseError(
            f"{path.name} is not a configuration: {str(error).splitlines()[0]}.",
            f"Its keys are: {', '.join(Configuration.model_fields)}.",
        ) from error


def project_rules(configuration: Configuration, *, links_only: bool = False) -> Rules:
    """The rules of the project's seeds about e-mails, phones and names, and the thresholds of its variables."""
    percent = configuration.match_percent or _variable("identity_match_percent")
    limits = {row["identifier_type"]: row["max_persons_before_shared"] for row in _seed("identifier_types")}
    most = {name: int(limits[name]) for name in ("email", "phone")}
    unknown = sorted(set(configuration.most_persons) - set(most))
    if unknown:
        raise WrongUseError(f"most_persons has no {', '.join(unknown)}.", f"It has: {', '.join(most)}.")
    return Rules(
        most_persons={**most, **configuration.most_persons},
        blocked_emails=tuple(
            row["value"]
            for row in _seed("identifier_blocklist")
            if row["identifier_type"] == "email" and row["match"] == "local_part"
        ),
        nicknames=tuple((row["nickname"], row["given_name"]) for row in _seed("nicknames")),
        thresholds=Thresholds.of_percent(percent, min(percent, _variable("identity_review_percent"))),
        uses_model=configuration.probabilistic,
        links_only=links_only,
    )


def _variable(name: str) -> float:
    """A number among the variables of dbt_project.yml."""
    return float(
        yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]["merganser"][name]
    )


def _kept_model(path: Path | None) -> Model | None:
    if path is None:
        return None
    try:
        return Model.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUseError(f"{path} is not a stored model.", "`save_model` writes one.") from error


def _seed(name: str) -> Sequence[dict[str, str]]:
    path = PROJECT_ROOT / SEEDS / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _reader(path: Path) -> str:
    if not path.is_file():
        raise WrongUseError(f"There is no file {path}.", "Name a CSV or Parquet file.")
    if path.suffix.lower() in {".parquet", ".pq"}:
        return "read_parquet(?)"
    return "read_csv(?, all_varchar = true, header = true)"


def _columns(path: Path) -> list[str]:
    reader = _reader(path)
    with duckdb.connect() as connection:
        try:
            return [row[0] for row in connection.execute(f"describe from {reader}", [str(path)]).fetchall()]
        except duckdb.Error as error:
            raise WrongUseError(
                f"{path.name} cannot be read as a table.", "Give CSV with a header, or Parquet."
            ) from error


def _read(path: Path, columns: str) -> pa.Table:
    with duckdb.connect() as connection:
        try:
            return connection.sql(f"select {columns} from {_reader(path)}", params=[str(path)]).to_arrow_table()
        except duckdb.Error as error:
            raise MerganserError(f"{path.name} cannot be read to its end.", "Is it truncated?") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""The format of a source.yml: the declaration of a source, its entities and their columns.

Add here when the format gains a key. Keep out: reading files (registry.py) and what happens to a record (landing.py).
"""

from __future__ import annotations

import codecs
import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ingestion.thresholds import GATES

SIMPLE_TYPES = ("varchar", "bigint", "double", "boolean", "date", "timestamp", "json")
POSITION = ("_file", "_row")  # may be a key: each line of a file is then a record of its own
META_COLUMNS = ("_load_id", "_loaded_at", "_file", "_row", "_extra", "_payload", "_superseded_at", "_deleted_at")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLUMN_NAME = re.compile(r"[a-z0-9_]+")
_REMOTE = re.compile(r"(s3|sftp|file)://(?P<place>[^/]*)/.+")
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_MAX_DECIMAL_WIDTH = 38
_STRPTIME = re.compile(r"%(?:-?[dmyHIMSj]|[aAbBfgYpzZ%])")  # the common codes of DuckDB's strptime


def normalise_name(header: str) -> str:
    """A header as a column name: without a byte order mark, lower case, each run of other characters one underscore.

    "Odd-Name" and " odd name" are both odd_name. A leading underscore stays (_fivetran_deleted), and so does a double
    one (hs__id); what would be empty is "column".
    """
    text = header.lstrip("\ufeff").strip().lower()
    text = re.sub(r"[^a-z0-9_]+", "_", text)
    return text or "column"


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _off_is_text(value: Any) -> Any:
    """YAML reads a bare `off` as false."""
    if not isinstance(value, dict):
        return value
    return {gate: "off" if threshold is False else threshold for gate, threshold in value.items()}


def _known_thresholds(value: dict[str, Any]) -> dict[str, Any]:
    for gate, thresholds in value.items():
        if gate not in GATES:
            raise ValueError(f"{gate!r} is not a gate; the gates are {', '.join(GATES)}")
        unknown = sorted(set(thresholds) - set(GATES[gate].thresholds)) if thresholds != "off" else []
        if unknown:
            known = ", ".join(GATES[gate].thresholds)
            raise ValueError(f"gate {gate} has no threshold {', '.join(unknown)}; it has {known}, or is `off`")
    return value


# By gate: thresholds that differ from the defaults (thresholds.py), or `off`.
Gates = Annotated[
    dict[str, Literal["off"] | dict[str, Annotated[float, Field(ge=0)]]],
    BeforeValidator(_off_is_text),
    AfterValidator(_known_thresholds),
]


class Dialect(_Declaration):
    """How values are written as text in the files of an entity, or in one of its columns.

    By default, text is parsed as ISO 8601 and with a decimal point. Typed values (Parquet, workbook cells, JSON
    numbers) keep their type.
    """

    decimal: Literal[".", ","] | None = None  # the decimal mark of numbers
    thousands: str | None = None  # the separator of groups of digits; a space matches any kind of space
    date_format: tuple[str, ...] = ()  # strptime formats, tried in order; ISO 8601 is always accepted
    timestamp_format: tuple[str, ...] = ()  # likewise for timestamps, which may also match a date_format
    time_zone: str | None = None  # of timestamps without an offset (IANA, e.g. Europe/Berlin); default UTC
    true_values: tuple[str, ...] = ()  # in any case; true, false, 1, 0 are always accepted
    false_values: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()  # texts that mean null, in any case

    @field_validator("date_format", "timestamp_format", "true_values", "false_values", "null_values", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        values = list(value) if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, bool) or one is None for one in values):
            raise ValueError("YAML parses yes, no, on, off, true, false and null as values; quote such words")
        return [str(one) for one in values]

    @field_validator("date_format", "timestamp_format")
    @classmethod
    def _strptime_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            rest = _STRPTIME.sub("", text)
            if "%" in rest or rest == text:
                raise ValueError(f"{text!r} is not a strptime format such as %d.%m.%Y or %m/%d/%Y %H:%M")
        return value

    @field_validator("thousands")
    @classmethod
    def _separator(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value.isalnum() or value in "+-\r\n"):
            raise ValueError("`thousands` must be one character, such as a point, a comma, a space or an apostrophe")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise ValueError(f"`thousands` and the decimal mark are both {self.thousands!r}; declare `decimal` too")
        return self

    def dialect(self) -> dict[str, Any]:
        """The keys of the dialect that are declared."""
        given = {name: getattr(self, name) for name in Dialect.model_fields}
        return {name: value for name, value in given.items() if value not in (None, ())}


PLAIN = Dialect()


class ColumnSpec(Dialect):
    """One declared column. `type` is lower case and canonical, e.g. decimal(18,2).

    The keys of its dialect override those of the entity.
    """

    type: str
    required: bool = False
    pii: Literal["direct", "indirect", "none"] | None = None
    from_: str | None = Field(default=None, alias="from")
    path: str | None = None  # JSON pointer (RFC 6901) into a payload; default /<from>, else /<name>
    value: str | None = None  # a fixed value for every record, if the files do not have it
    compared: bool = True  # false: a column of the loader (when it synced); a change of it alone is no new version
    gates: Gates = Field(default_factory=dict)
    description: str | None = None

    @field_validator("path")
    @classmethod
    def _pointer(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is not a JSON pointer; it must start with /, such as /properties/email")
        return value

    @field_validator("value", mode="before")
    @classmethod
    def _value_as_text(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else str(value)  # YAML parses some as dates and numbers

    @model_validator(mode="after")
    def _value_of_its_type(self) -> ColumnSpec:
        if self.value is not None:
            if self.from_ or self.path:
                raise ValueError("a column has either a `value`, or a `from` or `path`; not both")
            if self.type in ("date", "timestamp"):
                datetime.fromisoformat(self.value)
        return self

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        text = value.strip().lower()
        decimal = _DECIMAL.fullmatch(text)
        if decimal:
            width, scale = int(decimal[1]), int(decimal[2])
            if not 1 <= width <= _MAX_DECIMAL_WIDTH or scale > width:
                raise ValueError(f"decimal(p,s) requires 1 <= p <= {_MAX_DECIMAL_WIDTH} and s <= p, not {value!r}")
            return f"decimal({width},{scale})"
        if text not in SIMPLE_TYPES:
            raise ValueError(f"unknown type {value!r}; the types are {', '.join(SIMPLE_TYPES)} and decimal(p,s)")
        return text


def _column_from_short_form(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Column = Annotated[ColumnSpec, BeforeValidator(_column_from_short_form)]


Mode = Literal["merge", "append", "replace", "snapshot"]
Policy = Literal["evolve", "ignore", "quarantine", "fail"]
LegalBasis = Literal["contract", "consent", "legitimate_interest", "licence"]


class SchemaPolicy(_Declaration):
    """What a change of fields or types does to a load.

    - `new_columns`, an undeclared field: evolve keeps its value (in _extra, or in _payload) and reports it once; ignore
      drops it from _extra; quarantine refuses the records with a value in it.
    - `missing_columns`, a declared field that a file does not have: evolve sets null and reports a field that was there
      before; ignore sets null; quarantine refuses the records. A required column is always quarantined.
    - `type_changes`, a value of another type: evolve sets null and keeps the text in _extra; ignore sets null;
      quarantine refuses the record. A required column is always quarantined.

    fail: the entity does not land, with an error.
    """

    new_columns: Policy = "evolve"
    missing_columns: Policy = "evolve"
    type_changes: Policy = "quarantine"


class DeletedFlag(_Declaration):
    """A record is deleted at the source if `column` has one of `values`, compared as text."""

    column: str
    values: tuple[str, ...] = Field(min_length=1)


class StreamSpec(_Declaration):
    """One listing that a connector reads from an API; it yields one or more entities.

    `incremental`: read changes since the watermark minus the overlap; otherwise read everything each time.
    """

    entities: tuple[str, ...] = Field(min_length=1)
    incremental: bool = True
    overlap_minutes: int = Field(default=5, ge=0, le=60 * 24 * 60)
    start_days: int | None = Field(default=None, ge=1)  # how far back the first run reads; by default everything
    description: str | None = None


class VariableSpec(_Declaration):
    """An environment variable of a connector. With a default it is optional; a secret's default is empty."""

    secret: bool = False
    default: str | None = None
    description: str

    @model_validator(mode="after")
    def _no_default_secret(self) -> VariableSpec:
        if self.secret and self.default:
            raise ValueError("a secret may only have an empty default: it comes from the environment")
        return self


class ApiSpec(_Declaration):
    """How the connector of a source (client.py beside its source.yml) reaches the vendor.

    `base_url` may contain a variable in braces; <SOURCE>_BASE_URL replaces it. `requests_per_second` limits the rate,
    even if the vendor allows more.
    """

    base_url: str
    requests_per_second: float = Field(gt=0, le=1000)
    variables: dict[str, VariableSpec] = Field(default_factory=dict)
    streams: dict[str, StreamSpec] = Field(min_length=1)

    @field_validator("variables")
    @classmethod
    def _variable_names(cls, value: dict[str, VariableSpec]) -> dict[str, VariableSpec]:
        for name in value:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                raise ValueError(
                    f"{name!r} is not a name of an environment variable: use upper case letters, digits, _"
                )
        return value


class TableSpec(_Declaration):
    """A table or view of a database that becomes an entity.

    `cursor`: a column that grows with each change (a timestamp, or a number from a sequence). With it, a run reads rows
    from the last value on, minus the overlap for a timestamp; without it, the whole table.
    """

    table: str | None = None  # default: the name of the entity
    schema_: str | None = Field(default=None, alias="schema")  # default: that of the source
    cursor: str | None = None
    overlap_minutes: int = Field(default=5, ge=0, le=60 * 24 * 60)  # for transactions that were open at the last run
    exclude: tuple[str, ...] = ()  # columns that are not read


class DatabaseSpec(_Declaration):
    """A database to read tables from (database.py). Its URL, with the password, is only in the environment."""

    url_variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    schema_: str | None = Field(default=None, alias="schema")  # default: the default schema of the database
    tables: dict[str, TableSpec] = Field(min_length=1)


class ExpirySpec(_Declaration):
    """Data with an expiry: `column` has its time, at most `months` after the time in `after`.

    A record with a later expiry is quarantined with the rule `expiry`.
    """

    column: str = "expires_at"
    after: str
    months: int = Field(ge=1, le=120)


class EntitySpec(Dialect):
    """One kind of record of a source: its files, its key and its columns.

    `remote`: where the files are copied from (remote.py). `files`: by default all files below <source>/<entity>.
    """

    files: str = Field(min_length=1)
    remote: str | None = None
    format: Literal["auto", "csv", "tsv", "ndjson", "parquet", "excel"] = "auto"
    delimiter: str = ","
    quote: str = Field(default='"', max_length=1)  # empty: the text has no quotes, like a .tsv file
    encoding: str | None = None  # the name of a Python codec; default UTF-8, or UTF-16 with a byte order mark
    sheet: str | None = None  # of a workbook; default: the first
    header_row: int | None = Field(default=None, ge=1)  # from 1; default: the first row that is not empty
    header: Literal["required", "optional"] = (
        "required"  # optional: files without a header have the declared columns in order
    )
    mode: Mode
    key: tuple[str, ...] = ()
    version: str | None = None
    watermark: str | None = None  # the column with the progress of the data; default: the version
    deletes: DeletedFlag | Literal["absent"] | None = None  # absent: the default of replace and snapshot
    # If a load has a complete scope, the other rows of that scope are deleted. One or more of these columns define it.
    complete_within: tuple[str, ...] = ()
    policy: SchemaPolicy = Field(default_factory=SchemaPolicy, alias="schema")
    legal_basis: LegalBasis | None = None  # overrides the source's, like the purpose
    purpose: str | None = None
    expires: ExpirySpec | None = None
    bears_consent: bool = False  # its records are consent decisions: a published build without them is stale
    gates: Gates = Field(default_factory=dict)
    optional: bool = True
    description: str | None = None
    columns: dict[str, Column] = Field(min_length=1)

    @field_validator("key", "complete_within", mode="before")
    @classmethod
    def _one_key_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("remote")
    @classmethod
    def _remote_place(cls, value: str | None) -> str | None:
        return value if value is None else checked_remote(value)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if value == "\\t":
            return "\t"
        if len(value) != 1 or value in '"\r\n':
            raise ValueError("a delimiter must be one character, and neither a quote nor a line break")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            codec = codecs.lookup(value) if value is not None else None
        except LookupError as error:
            raise ValueError(
                f"{value!r} is not an encoding that Python knows, such as windows-1252 or utf-16"
            ) from error
        if codec is not None and not getattr(codec, "_is_text_encoding", True):
            raise ValueError(f"{value!r} is not a text encoding")
        return value

    @field_validator("columns")
    @classmethod
    def _column_names(cls, value: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
        for name in value:
            if not _COLUMN_NAME.fullmatch(name):
                raise ValueError(f"column {name!r} is not snake case; give it a snake case name and `from: {name!r}`")
            if name in META_COLUMNS:
                raise ValueError(f"column {name!r} is reserved for landing; rename it and give `from: {name!r}`")
        return value

    @model_validator(mode="after")
    def _key_and_version(self) -> EntitySpec:
        if self.mode in ("merge", "replace") and not self.key:
            raise ValueError(
                f"mode {self.mode} needs a key: without one, a newer version of a record cannot be recognised"
            )
        if len(set(self.key)) != len(self.key):
            raise ValueError("the key names a column twice")
        if self.key == POSITION and self.mode != "append":
            raise ValueError(f"the key {list(POSITION)} is for mode append: a line of a file has no newer version")
        for name in self.key if self.key != POSITION else ():
            if name not in self.columns:
                raise ValueError(f"key column {name!r} is not declared under columns")
            if not self.columns[name].compared:
                raise ValueError(f"key column {name!r} cannot be `compared: false`: it identifies records")
        if self.version is not None:
            if self.mode in ("append", "snapshot"):
                raise ValueError(f"mode {self.mode} has no version: its records never change")
            if self.version not in self.columns:
                raise ValueError(f"version column {self.version!r} is not declared under columns")
            if not self.columns[self.version].compared:
                raise ValueError(
                    f"version column {self.version!r} cannot be `compared: false`: a change of it is a new version"
                )
            if self.version in self.key:
                raise ValueError(
                    "the version cannot be part of the key: no two records would be versions of one record"
                )
        return self

    @model_validator(mode="after")
    def _expiry(self) -> EntitySpec:
        for name in (self.expires.column, self.expires.after) if self.expires else ():
            if name not in self.columns or self.columns[name].type not in ("date", "timestamp"):
                raise ValueError(f"`expires` names {name!r}, which is not declared as a date or a timestamp")
            if not self.columns[name].required and self.columns[name].value is None:
                raise ValueError(
                    f"`expires` names {name!r}, which must be required: records without an expiry are not accepted"
                )
        return self

    @model_validator(mode="after")
    def _deletes_and_watermark(self) -> EntitySpec:
        flag = self.deletes.column if isinstance(self.deletes, DeletedFlag) else None
        named = {"watermark": self.watermark, "deletes": flag}
        named |= {f"complete_within ({name})": name for name in self.complete_within}
        for key, name in named.items():
            if name is not None and name not in self.columns:
                raise ValueError(f"{key}: column {name!r} is not declared under columns")
        if self.deletes is not None and self.mode == "append":
            raise ValueError("mode append has no deletes: an appended record stays")
        if self.deletes == "absent" and self.mode == "merge":
            raise ValueError(
                "`deletes: absent` is for mode replace and snapshot, where a batch is the whole table; with merge,"
                " use `complete_within`"
            )
        if flag is not None and not self.columns[flag].compared:
            raise ValueError(f"deletes: column {flag!r} cannot be `compared: false`: a delete is a new version")
        if self.complete_within and self.mode != "merge":
            raise ValueError("complete_within is for mode merge")
        return self

    @model_validator(mode="after")
    def _quote_is_no_delimiter(self) -> EntitySpec:
        if self.quote and self.quote in (self.delimiter, "\r", "\n"):
            raise ValueError("`quote` must be empty, or one character that is neither the delimiter nor a line break")
        return self

    @model_validator(mode="after")
    def _columns_read_in_their_dialect(self) -> EntitySpec:
        for name in self.columns:
            self.dialect_of(name)
        return self

    def dialect_of(self, column: str) -> Dialect:
        """The dialect of a column: its own keys, else those of the entity."""
        keys = self.dialect() | self.columns[column].dialect()
        return Dialect.model_validate(keys) if keys else PLAIN

    @property
    def is_whole(self) -> bool:
        """Whether each batch is the whole table."""
        return self.mode in ("replace", "snapshot")

    @property
    def flag(self) -> DeletedFlag | None:
        """The declared flag of a delete, if there is one."""
        return self.deletes if isinstance(self.deletes, DeletedFlag) else None

    def required_columns(self) -> tuple[str, ...]:
        """Columns that every file must have: the required ones, and the key."""
        return tuple(
            name for name, column in self.columns.items() if (column.required or name in self.key) and not column.value
        )


def checked_remote(url: str) -> str:
    """Checks the URL of remote files: s3://bucket/pattern, sftp://host/pattern or file:///pattern, without a secret.

    Raises ValueError, which does not quote the URL.
    """
    found = _REMOTE.fullmatch(url)
    if found is None:
        raise ValueError(
            "`remote` must be s3://bucket/path, sftp://host/path or file:///path, with a pattern in the path"
        )
    if ":" in found["place"].rpartition("@")[0]:
        raise ValueError("`remote` holds a password; credentials must be in the environment")
    if ".." in url.split("/"):
        raise ValueError("`remote` may not contain ..")
    return url


class SourceSpec(_Declaration):
    """One source: its loader, the legal basis for its data, and its entities.

    `remote`: where the files of each entity are copied from; {entity} is replaced by the entity's name.
    """

    source: str
    title: str
    loader: Literal["dlt", "fivetran", "segment", "files"]
    legal_basis: LegalBasis
    purpose: str | None = None
    description: str | None = None
    api: ApiSpec | None = None
    database: DatabaseSpec | None = None
    remote: str | None = None
    entities: dict[str, EntitySpec] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _places_of_entities(cls, value: Any) -> Any:
        """Sets the defaults of `files` and `remote` of each entity."""
        if not isinstance(value, dict) or not isinstance(value.get("entities"), dict):
            return value
        remote = value.get("remote")
        if isinstance(remote, str) and "{entity}" not in remote:
            raise ValueError(
                "`remote` of a source must have {entity} in its path, which is replaced by each entity's name"
            )
        entities = {}
        for name, entity in value["entities"].items():
            defaults = {"files": f"{value.get('source')}/{name}/**/*"}
            if isinstance(remote, str):
                defaults["remote"] = remote.replace("{entity}", str(name))
            entities[name] = {**defaults, **entity} if isinstance(entity, dict) else entity
        return {**value, "entities": entities}

    @model_validator(mode="after")
    def _tables_are_entities(self) -> SourceSpec:
        for name, table in (self.database.tables if self.database else {}).items():
            if name not in self.entities:
                raise ValueError(f"table {name} is not declared under entities")
            if table.cursor and self.entities[name].mode not in ("merge", "append"):
                raise ValueError(f"table {name} has a cursor, so its mode must be merge or append")
        return self

    @model_validator(mode="after")
    def _remote_files_match(self) -> SourceSpec:
        for name, entity in self.entities.items():
            if entity.remote and not entity.files.startswith(f"{self.source}/{name}/"):
                raise ValueError(
                    f"entity {name}: files of `remote` are copied to {self.source}/{name}/; `files` must start with it"
                )
        return self

    @model_validator(mode="after")
    def _licence(self) -> SourceSpec:
        for name, entity in self.entities.items() if self.legal_basis == "licence" else ():
            for column in ("licence", "purpose", "expires_at"):
                spec = entity.columns.get(column)
                if spec is None or not (spec.required or spec.value):
                    raise ValueError(
                        f"entity {name} is under a licence, but has no {column} for each record; declare the column"
                        f" {column} as `required: true`, or with a `value` for the whole feed"
                    )
        return self

    @model_validator(mode="after")
    def _streams_name_entities(self) -> SourceSpec:
        for stream, spec in (self.api.streams if self.api else {}).items():
            for entity in spec.entities:
                if entity not in self.entities:
                    raise ValueError(f"stream {stream} has {entity!r}, which is not declared under entities")
        return self

    @field_validator("source")
    @classmethod
    def _source_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a valid name: use lower case letters, digits and underscores, a letter first"
            )
        if value in ("ops", "quarantine"):
            raise ValueError(f"{value!r} is reserved for landing (raw_{value})")
        return value

    @field_validator("entities")
    @classmethod
    def _entity_names(cls, value: dict[str, EntitySpec]) -> dict[str, EntitySpec]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is not a valid name: use lower case letters, digits and underscores, a letter first"
                )
        return value

    def in_dialect(self, dialect: dict[str, Any]) -> SourceSpec:
        """This source with another dialect. Raises ValidationError."""
        entities = {
            name: EntitySpec.model_validate({**entity.model_dump(by_alias=True, exclude_unset=True), **dialect})
            for name, entity in self.entities.items()
        }
        return self.model_copy(update={"entities": entities})

    @property
    def raw_schema(self) -> str:
        """Schema of the raw tables, raw_<source>."""
        return f"raw_{self.source}"

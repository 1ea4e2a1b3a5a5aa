"""What a source.yml may say: the declaration of a source, its entities and their columns.

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
_STRPTIME = re.compile(r"%(?:-?[dmyHIMSj]|[aAbBfgYpzZ%])")  # what DuckDB's strptime knows, without the odd ones


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
    return {gate: "off" if chosen is False else chosen for gate, chosen in value.items()}


def _known_thresholds(value: dict[str, Any]) -> dict[str, Any]:
    for gate, chosen in value.items():
        if gate not in GATES:
            raise ValueError(f"{gate!r} is not a gate; known are {', '.join(GATES)}")
        unknown = sorted(set(chosen) - set(GATES[gate].thresholds)) if chosen != "off" else []
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
    """How text stands for values in the files of an entity, or in one column of it. Without a key: the default.

    Text is understood as ISO 8601 and with a decimal point always, but where a key says otherwise. Typed values
    (Parquet, cells of a workbook, numbers of JSON) keep their type.
    """

    decimal: Literal[".", ","] | None = None  # the decimal mark of numbers
    thousands: str | None = None  # what separates groups of digits; a space is any kind of space
    date_format: tuple[str, ...] = ()  # strptime formats, tried in their order; ISO 8601 is understood besides
    timestamp_format: tuple[str, ...] = ()  # the same for timestamps, which may also have a date_format
    time_zone: str | None = None  # of moments that name no offset (IANA, e.g. Europe/Berlin); else UTC
    true_values: tuple[str, ...] = ()  # words for yes and no, in any case; true, false, 1, 0 are understood besides
    false_values: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()  # words that say that there is no value, in any case

    @field_validator("date_format", "timestamp_format", "true_values", "false_values", "null_values", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        values = list(value) if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, bool) or one is None for one in values):
            raise ValueError("YAML reads yes, no, on, off, true, false and null as values; write such words in quotes")
        return [str(one) for one in values]

    @field_validator("date_format", "timestamp_format")
    @classmethod
    def _strptime_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            rest = _STRPTIME.sub("", text)
            if "%" in rest or rest == text:
                raise ValueError(f"{text!r} is no strptime format, such as %d.%m.%Y or %m/%d/%Y %H:%M")
        return value

    @field_validator("thousands")
    @classmethod
    def _separator(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value.isalnum() or value in "+-\r\n"):
            raise ValueError("`thousands` is one character, such as a point, a comma, a space or an apostrophe")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone of the IANA database, such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise ValueError(f"`thousands` and the decimal mark are both {self.thousands!r}; declare `decimal` too")
        return self

    def dialect(self) -> dict[str, Any]:
        """What this declaration says of its dialect."""
        given = {name: getattr(self, name) for name in Dialect.model_fields}
        return {name: value for name, value in given.items() if value not in (None, ())}


PLAIN = Dialect()


class ColumnSpec(Dialect):
    """One declared column. `type` is lower case and canonical, e.g. decimal(18,2).

    What it says of its dialect overrides what the entity says.
    """

    type: str
    required: bool = False
    pii: Literal["direct", "indirect", "none"] | None = None
    from_: str | None = Field(default=None, alias="from")
    path: str | None = None  # JSON pointer (RFC 6901) into a record as the API gave it; else /<from>, else /<name>
    value: str | None = None  # the same for every record, where the files do not say it
    compared: bool = True  # false: a loader's own mark (when it synced); alone it makes no new version
    gates: Gates = Field(default_factory=dict)
    description: str | None = None

    @field_validator("path")
    @classmethod
    def _pointer(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is no JSON pointer; it starts with /, as in /properties/email")
        return value

    @field_validator("value", mode="before")
    @classmethod
    def _value_as_text(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else str(value)  # YAML makes dates and numbers of some

    @model_validator(mode="after")
    def _value_of_its_type(self) -> ColumnSpec:
        if self.value is not None:
            if self.from_ or self.path:
                raise ValueError("a column has a `value`, or is read `from` a field or a `path`; not both")
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
                raise ValueError(f"decimal(p,s) takes 1 <= p <= {_MAX_DECIMAL_WIDTH} and s <= p, not {value!r}")
            return f"decimal({width},{scale})"
        if text not in SIMPLE_TYPES:
            raise ValueError(f"unknown type {value!r}; known are {', '.join(SIMPLE_TYPES)} and decimal(p,s)")
        return text


def _column_from_short_form(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Column = Annotated[ColumnSpec, BeforeValidator(_column_from_short_form)]


Mode = Literal["merge", "append", "replace", "snapshot"]
Policy = Literal["evolve", "ignore", "quarantine", "fail"]
LegalBasis = Literal["contract", "consent", "legitimate_interest", "licence"]


class SchemaPolicy(_Declaration):
    """What a change of shape does to a load.

    - `new_columns`, a field that nobody declared: evolve keeps its value (in _extra, or in _payload) and tells once;
      ignore drops it from _extra and tells nothing; quarantine refuses the records that have a value in it.
    - `missing_columns`, a declared field that a file lacks: evolve leaves null and tells where it was there before;
      ignore leaves null; quarantine refuses the records. A required column is always quarantined.
    - `type_changes`, a value that is not of its type: evolve leaves null and keeps the text in _extra; ignore leaves
      null; quarantine refuses the record. A required column is always quarantined.

    fail: the entity does not land, and says why.
    """

    new_columns: Policy = "evolve"
    missing_columns: Policy = "evolve"
    type_changes: Policy = "quarantine"


class DeletedFlag(_Declaration):
    """A record is deleted at its source when `column` holds one of `values`, compared as text."""

    column: str
    values: tuple[str, ...] = Field(min_length=1)


class StreamSpec(_Declaration):
    """One thing that a connector reads from an API, which becomes one or more entities.

    `incremental`: asked for what changed since the watermark, less the overlap; else the whole of it is read each time.
    """

    entities: tuple[str, ...] = Field(min_length=1)
    incremental: bool = True
    overlap_minutes: int = Field(default=5, ge=0, le=60 * 24 * 60)
    start_days: int | None = Field(default=None, ge=1)  # how far back the first run reads; without it, all there is
    description: str | None = None


class VariableSpec(_Declaration):
    """An environment variable of a connector. One with a default need not be set; a secret's default is empty."""

    secret: bool = False
    default: str | None = None
    description: str

    @model_validator(mode="after")
    def _no_default_secret(self) -> VariableSpec:
        if self.secret and self.default:
            raise ValueError("a secret has no default but an empty one: it comes from the environment alone")
        return self


class ApiSpec(_Declaration):
    """How the connector of a source (client.py beside its source.yml) reaches the vendor.

    `base_url` may name a variable in braces, and is replaced by <SOURCE>_BASE_URL where that is set.
    `requests_per_second` is the budget that the connector keeps by itself, whatever the vendor would allow.
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
                raise ValueError(f"{name!r} is no name of an environment variable: upper case letters, digits, _")
        return value


class TableSpec(_Declaration):
    """A table or view of a database that becomes an entity.

    `cursor`: a column that grows with each change (a moment, or a number that is given out once). With it, rows from
    where the last run ended on are read, less the overlap where it is a moment; without it, the whole table each time.
    """

    table: str | None = None  # else as the entity is called
    schema_: str | None = Field(default=None, alias="schema")  # else the source's
    cursor: str | None = None
    overlap_minutes: int = Field(default=5, ge=0, le=60 * 24 * 60)  # for transactions that were open at the last run
    exclude: tuple[str, ...] = ()  # columns that are not even read


class DatabaseSpec(_Declaration):
    """A database that tables are read from (database.py). Its URL, with the password, is in the environment alone."""

    url_variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    schema_: str | None = Field(default=None, alias="schema")  # else the one that the database takes by itself
    tables: dict[str, TableSpec] = Field(min_length=1)


class ExpirySpec(_Declaration):
    """Data that is lent: `column` says until when, and that is at most `months` after the moment in `after`.

    A record that claims more is quarantined with the rule `expiry`.
    """

    column: str = "expires_at"
    after: str
    months: int = Field(ge=1, le=120)


class EntitySpec(Dialect):
    """One kind of record of a source: where its files are, what tells two records apart, and its columns.

    `remote`: the files are brought from there first (remote.py). Without `files` they are all below <source>/<entity>.
    """

    files: str = Field(min_length=1)
    remote: str | None = None
    format: Literal["auto", "csv", "tsv", "ndjson", "parquet", "excel"] = "auto"
    delimiter: str = ","
    quote: str = Field(default='"', max_length=1)  # empty: the text knows no quotes, as in a .tsv file
    encoding: str | None = None  # of text, by the name of a Python codec; without it UTF-8, or UTF-16 by its mark
    sheet: str | None = None  # of a workbook; without it, the first
    header_row: int | None = Field(default=None, ge=1)  # from 1; without it, the first row that is not empty
    header: Literal["required", "optional"] = "required"  # optional: without one, the declared columns in their order
    mode: Mode
    key: tuple[str, ...] = ()
    version: str | None = None
    watermark: str | None = None  # the column that says how far the data reaches; else the version
    deletes: DeletedFlag | Literal["absent"] | None = None  # absent: the default of replace and snapshot
    # Where a load brings a scope whole, its other rows are deleted. A scope is told by one or several of these columns.
    complete_within: tuple[str, ...] = ()
    policy: SchemaPolicy = Field(default_factory=SchemaPolicy, alias="schema")
    legal_basis: LegalBasis | None = None  # overrides the source's, and so does the purpose
    purpose: str | None = None
    expires: ExpirySpec | None = None
    bears_consent: bool = False  # its records say whom we may contact: what arrives makes a published build too old
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
            raise ValueError("a delimiter is one character, and neither a quote nor a line break")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            codec = codecs.lookup(value) if value is not None else None
        except LookupError as error:
            raise ValueError(f"{value!r} is no encoding that Python knows, such as windows-1252 or utf-16") from error
        if codec is not None and not getattr(codec, "_is_text_encoding", True):
            raise ValueError(f"{value!r} is no encoding of text")
        return value

    @field_validator("columns")
    @classmethod
    def _column_names(cls, value: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
        for name in value:
            if not _COLUMN_NAME.fullmatch(name):
                raise ValueError(f"column {name!r} is not snake case; give it a snake case name and `from: {name!r}`")
            if name in META_COLUMNS:
                raise ValueError(
                    f"column {name!r} is one that landing writes itself; rename it and give `from: {name!r}`"
                )
        return value

    @model_validator(mode="after")
    def _key_and_version(self) -> EntitySpec:
        if self.mode in ("merge", "replace") and not self.key:
            raise ValueError(
                f"mode {self.mode} needs a key: without one, a record cannot be told from its newer version"
            )
        if len(set(self.key)) != len(self.key):
            raise ValueError("the key names a column twice")
        if self.key == POSITION and self.mode != "append":
            raise ValueError(f"the key {list(POSITION)} is for mode append: a line of a file has no newer version")
        for name in self.key if self.key != POSITION else ():
            if name not in self.columns:
                raise ValueError(f"key column {name!r} is not declared under columns")
            if not self.columns[name].compared:
                raise ValueError(f"key column {name!r} cannot be `compared: false`: it tells records apart")
        if self.version is not None:
            if self.mode in ("append", "snapshot"):
                raise ValueError(f"mode {self.mode} takes no version: a record of it never changes")
            if self.version not in self.columns:
                raise ValueError(f"version column {self.version!r} is not declared under columns")
            if not self.columns[self.version].compared:
                raise ValueError(f"version column {self.version!r} cannot be `compared: false`: it makes a new version")
            if self.version in self.key:
                raise ValueError("the version cannot be part of the key: no two records would ever be versions of one")
        return self

    @model_validator(mode="after")
    def _expiry(self) -> EntitySpec:
        for name in (self.expires.column, self.expires.after) if self.expires else ():
            if name not in self.columns or self.columns[name].type not in ("date", "timestamp"):
                raise ValueError(f"`expires` names {name!r}, which is not declared as a date or a timestamp")
            if not self.columns[name].required and self.columns[name].value is None:
                raise ValueError(f"`expires` names {name!r}, which must be required: what has no expiry is not taken")
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
            raise ValueError("mode append takes no deletes: an appended record stays")
        if self.deletes == "absent" and self.mode == "merge":
            raise ValueError(
                "`deletes: absent` is for mode replace and snapshot, where a delivery is the whole table; with merge,"
                " say `complete_within`"
            )
        if flag is not None and not self.columns[flag].compared:
            raise ValueError(f"deletes: column {flag!r} cannot be `compared: false`: a delete is a new version")
        if self.complete_within and self.mode != "merge":
            raise ValueError("complete_within is for mode merge")
        return self

    @model_validator(mode="after")
    def _quote_is_no_delimiter(self) -> EntitySpec:
        if self.quote and self.quote in (self.delimiter, "\r", "\n"):
            raise ValueError("`quote` is one character that is neither the delimiter nor a line break, or empty")
        return self

    @model_validator(mode="after")
    def _columns_read_in_their_dialect(self) -> EntitySpec:
        for name in self.columns:
            self.dialect_of(name)
        return self

    def dialect_of(self, column: str) -> Dialect:
        """How text of this column is understood: what the column says, else the entity."""
        said = self.dialect() | self.columns[column].dialect()
        return Dialect.model_validate(said) if said else PLAIN

    @property
    def is_whole(self) -> bool:
        """Whether each delivery is the whole table."""
        return self.mode in ("replace", "snapshot")

    @property
    def flag(self) -> DeletedFlag | None:
        """The declared flag of a delete, if there is one."""
        return self.deletes if isinstance(self.deletes, DeletedFlag) else None

    def required_columns(self) -> tuple[str, ...]:
        """Columns that no file may lack: the declared ones, and the key."""
        return tuple(
            name for name, column in self.columns.items() if (column.required or name in self.key) and not column.value
        )


def checked_remote(url: str) -> str:
    """A place that files are brought from: s3://bucket/pattern, sftp://host/pattern, file:///pattern. No secret in it.

    Raises ValueError, which does not quote what may be a secret.
    """
    found = _REMOTE.fullmatch(url)
    if found is None:
        raise ValueError("`remote` is s3://bucket/path, sftp://host/path or file:///path, with a pattern in the path")
    if ":" in found["place"].rpartition("@")[0]:
        raise ValueError("`remote` holds a password; credentials come from the environment alone")
    if ".." in url.split("/"):
        raise ValueError("`remote` may not go upwards (..)")
    return url


class SourceSpec(_Declaration):
    """One source: who loads it, why we may hold it, and its entities.

    `remote`: where the files of each entity are brought from; {entity} stands for the entity's name.
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
        """Gives each entity the files and the remote place that it leaves to the source."""
        if not isinstance(value, dict) or not isinstance(value.get("entities"), dict):
            return value
        remote = value.get("remote")
        if isinstance(remote, str) and "{entity}" not in remote:
            raise ValueError("`remote` of a source has {entity} in its path, which stands for each entity's name")
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
                raise ValueError(f"table {name} has a cursor: what is read in parts is merged or appended")
        return self

    @model_validator(mode="after")
    def _brought_where_they_are_looked_for(self) -> SourceSpec:
        for name, entity in self.entities.items():
            if entity.remote and not entity.files.startswith(f"{self.source}/{name}/"):
                raise ValueError(
                    f"entity {name}: files of `remote` come to {self.source}/{name}/; leave `files` out, or begin it so"
                )
        return self

    @model_validator(mode="after")
    def _licence(self) -> SourceSpec:
        for name, entity in self.entities.items() if self.legal_basis == "licence" else ():
            for column in ("licence", "purpose", "expires_at"):
                spec = entity.columns.get(column)
                if spec is None or not (spec.required or spec.value):
                    raise ValueError(
                        f"entity {name} is held under a licence, and says of no record its {column}; declare the column"
                        f" {column} as `required: true`, or with a `value` that holds for the whole feed"
                    )
        return self

    @model_validator(mode="after")
    def _streams_name_entities(self) -> SourceSpec:
        for stream, spec in (self.api.streams if self.api else {}).items():
            for entity in spec.entities:
                if entity not in self.entities:
                    raise ValueError(f"stream {stream} brings {entity!r}, which is not declared under entities")
        return self

    @field_validator("source")
    @classmethod
    def _source_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} is not a name: lower case letters, digits and underscores, a letter first")
        if value in ("ops", "quarantine"):
            raise ValueError(f"{value!r} is a name that landing keeps for itself (raw_{value})")
        return value

    @field_validator("entities")
    @classmethod
    def _entity_names(cls, value: dict[str, EntitySpec]) -> dict[str, EntitySpec]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name: lower case letters, digits and underscores, a letter first")
        return value

    def in_dialect(self, dialect: dict[str, Any]) -> SourceSpec:
        """This source with its text read otherwise than declared. Raises ValidationError."""
        entities = {
            name: EntitySpec.model_validate({**entity.model_dump(by_alias=True, exclude_unset=True), **dialect})
            for name, entity in self.entities.items()
        }
        return self.model_copy(update={"entities": entities})

    @property
    def raw_schema(self) -> str:
        """Schema of the raw tables, raw_<source>."""
        return f"raw_{self.source}"

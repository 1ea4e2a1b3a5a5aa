"""Cuts a few raw components into customers with the macros of dbt_project/macros/identity, in memory and without dbt,
which needs some seconds to start. int_identity__partition runs the same macros.

Add here: what dbt gives such a macro. Keep out: which components and which evidence (decisions.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2

from runtime import home as places
from runtime.errors import MerganserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_MACROS = ("identity/*.sql", "platform/md5_hex.sql")
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\s*\(")
_PARTITION = """
{%- set edges = 'select identifier_no_a as a, identifier_no_b as b from pairs where is_joining' -%}
{%- set roots = contract_in_sql(create_scratch('edges', edges), 'raw') -%}
{%- set members = 'select identifier_no as node, component_no, cause_rank from ('
    ~ select_all_components('nodes', roots) ~ ') as members' -%}
{{ select_partition(create_scratch('components', members), 'nodes', 'identifiers', 'pairs') }}
"""


def customers_of(*, nodes: pa.Table, identifiers: pa.Table, pairs: pa.Table, size_cap: int) -> dict[int, int]:
    """Customer number by identifier number.

    The tables have the columns of int_identity__nodes, int_identity__identifiers and int_identity__pairs. Raises
    MerganserError if a macro fails.
    """
    with duckdb.connect(config={"temp_directory": ""}) as connection:
        for name, rows in (("nodes", nodes), ("identifiers", identifiers), ("pairs", pairs)):
            connection.register(name, rows)
        macros = _Macros(connection, size_cap)
        try:
            partition = macros.render(_PARTITION)
            return dict(connection.execute(f"select identifier_no, customer_no from ({partition})").fetchall())
        except (duckdb.Error, jinja2.TemplateError) as error:
            raise MerganserError(
                f"The preview failed: {str(error).splitlines()[0]}.",
                "The identity macros of this project do not run without dbt: were they changed?",
            ) from error


class _Returned(Exception):  # noqa: N818 (it ends a macro, as in dbt)
    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass(frozen=True)
class _Column:
    cells: Sequence[Any]

    def values(self) -> Sequence[Any]:
        return self.cells


@dataclass(frozen=True)
class _Answer:
    """The rows of a statement, as far as macros read an agate table."""

    rows: Sequence[tuple[Any, ...]]

    @property
    def columns(self) -> list[_Column]:
        return [_Column(cells) for cells in zip(*self.rows, strict=True)] or [_Column(())]


class _Macros:
    """The macros, with the names of dbt's context that they use."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, size_cap: int) -> None:
        self._connection = connection
        environment = jinja2.Environment(  # noqa: S701 (it renders SQL)
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], undefined=jinja2.StrictUndefined
        )
        root = places.PROJECT_ROOT / "dbt_project" / "macros"
        text = "\n".join(path.read_text(encoding="utf-8") for glob in _MACROS for path in sorted(root.glob(glob)))
        names = _MACRO.findall(text)
        text = re.sub(r"{% materialization.*?{% endmaterialization %}", "", text, flags=re.DOTALL)
        text = _MACRO.sub(lambda found: found.group().replace(found[1], f"macro__{found[1]}", 1), text)
        environment.globals |= {
            **{name: self._macro(f"macro__{name}") for name in names},
            "return": _end_macro,
            "run_query": lambda statement: _Answer(connection.execute(statement).fetchall()),
            "statement": lambda _name, *, caller: connection.execute(caller()) and "",
            "create_table_as": lambda _temporary, name, sql: f"create table {name} as {sql}",
            "scratch_relation": "scratch_{}".format,
            "config": {"size_cap": size_cap},
            "exceptions": {"raise_compiler_error": _raise_error},
            "dbt": {"type_string": lambda: "varchar"},
        }
        self._environment = environment
        self._module = environment.from_string(text).module

    def render(self, text: str) -> str:
        return self._environment.from_string(text).render()

    def _macro(self, name: str) -> Callable[..., Any]:
        """A macro whose value is what it returns or, if it returns nothing, its text."""

        def called(*arguments: Any, **options: Any) -> Any:
            try:
                return getattr(self._module, name)(*arguments, **options)
            except _Returned as returned:
                return returned.value

        return called


def _end_macro(value: Any) -> None:
    raise _Returned(value)


def _raise_error(message: str) -> None:
    raise jinja2.TemplateRuntimeError(message)

"""The SQLAlchemy dialect under which Great Expectations reads DuckDB: `duckdb+autocommit://`.

Great Expectations fetches rows after it has rolled its connection back, and duckdb-engine 0.17 then has lost the result
("list index out of range"). Audits only read, so this dialect opens no transaction. It also keeps a list of its
connections: Great Expectations leaves some open, and the process cannot open the file in another mode meanwhile.
Add here: what SQLAlchemy needs to know about DuckDB. Keep out: what is audited.
"""

from __future__ import annotations

from typing import Any, ClassVar

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry

DRIVER = "duckdb.autocommit"


class AutocommitDialect(Dialect):  # type: ignore[misc]
    """duckdb-engine's dialect without transactions."""

    driver = "duckdb_autocommit"
    supports_statement_cache = False
    opened: ClassVar[list[Any]] = []

    def connect(self, *arguments: Any, **parameters: Any) -> Any:
        """A new connection, which `close_all` closes."""
        connection = super().connect(*arguments, **parameters)
        self.opened.append(connection)
        return connection

    def do_begin(self, connection: Any) -> None:
        """No transaction begins."""

    def do_commit(self, connection: Any) -> None:
        """There is none to commit."""

    def do_rollback(self, connection: Any) -> None:
        """There is none to roll back; a result that is still being read survives."""


def register() -> None:
    """Registers `duckdb+autocommit://` with SQLAlchemy; may be called again."""
    registry.register(DRIVER, __name__, AutocommitDialect.__name__)


def close_all() -> None:
    """Closes every connection that the dialect has opened in this process."""
    while AutocommitDialect.opened:
        AutocommitDialect.opened.pop().close()

"""The SQLAlchemy dialect under which Great Expectations reads DuckDB: `duckdb+autocommit://`.

Great Expectations fetches rows after it has rolled its connection back, and duckdb-engine 0.17 then finds the result gone
("list index out of range"). Audits only read, so this dialect opens no transaction at all.
Add here: what SQLAlchemy must be told about DuckDB. Keep out: what is audited.
"""

from __future__ import annotations

from typing import Any

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry

DRIVER = "duckdb.autocommit"


class AutocommitDialect(Dialect):
    """duckdb-engine's dialect without transactions."""

    driver = "duckdb_autocommit"
    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None:
        """No transaction begins."""

    def do_commit(self, connection: Any) -> None:
        """There is none to commit."""

    def do_rollback(self, connection: Any) -> None:
        """There is none to roll back, and a result that is still being read survives."""


def register() -> None:
    """Make `duckdb+autocommit://` known to SQLAlchemy; may be called again."""
    registry.register(DRIVER, __name__, AutocommitDialect.__name__)

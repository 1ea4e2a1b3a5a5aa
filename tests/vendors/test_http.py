"""One request and its repetitions, against servers on loopback."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tests.ingestion.servers.base import Answer, Seen, VendorServer
from vendors import retries
from vendors.errors import PermanentVendorError, TransientVendorError
from vendors.http import Session

LOOPBACK = ipaddress.ip_address("127.0.0.1")


class Echo(VendorServer):
    """Returns the path and headers of every request."""

    def is_authorised(self, request: Seen) -> bool:
        return True

    def answer(self, request: Seen) -> Answer:
        if request.path == "/moved":
            return Answer({}, 307, {"Location": self.url})
        return Answer({"path": request.path, "headers": request.headers})


def get(url: str) -> requests.PreparedRequest:
    return requests.Request("GET", url).prepare()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_redirect_is_returned_and_not_followed() -> None:
    with Echo() as server:
        assert Session().send_once(get(f"{server.url}/moved"), "a vendor").status_code == 307
        assert len(server.requests) == 1


def test_an_unreachable_address_is_passed_over_for_the_next() -> None:
    """127.0.0.2 refuses the port that the server has on 127.0.0.1."""
    with Echo() as server:
        port = server.url.rpartition(":")[2]
        response = Session().send_once(
            get(f"http://vendor.invalid:{port}/people"),
            "a vendor",
            addresses=[ipaddress.ip_address("127.0.0.2"), LOOPBACK],
        )
        assert response.json()["headers"]["host"] == f"vendor.invalid:{port}"
        assert len(server.requests) == 1


def test_no_connection_is_transient_and_says_where() -> None:
    request = get(f"http://127.0.0.1:{unused_port()}/people?token=sesame")
    with pytest.raises(TransientVendorError, match="a vendor cannot be reached") as failed:
        Session().send_once(request, "a vendor")
    assert failed.value.code == "unreachable"
    assert "sesame" not in str(failed.value)


def test_an_unusable_request_is_permanent() -> None:
    request = get("http://127.0.0.1/")
    request.url = "gopher://127.0.0.1/"
    with pytest.raises(PermanentVendorError, match="InvalidSchema"):
        Session().send_once(request, "a vendor")


def test_credentials_in_netrc_are_not_used(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login someone password sesame\n")
    monkeypatch.setenv("NETRC", netrc)
    with Echo() as server:
        Session().send_once(get(f"{server.url}/people"), "a vendor")
        assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({}, None), ({"Retry-After": "7"}, 7.0), ({"Retry-After": "soon"}, None), ({"Retry-After": "-3"}, None)],
)
def test_retry_after_as_a_number(header: dict[str, str], seconds: float | None) -> None:
    response = requests.Response()
    response.headers.update(header)
    assert retries.retry_after(response) == seconds


@given(st.integers(min_value=-3600, max_value=3600))
def test_retry_after_as_a_date(offset: int) -> None:
    response = requests.Response()
    moment = datetime.now(UTC) + timedelta(seconds=offset)
    response.headers["Retry-After"] = format_datetime(moment, usegmt=True)
    seconds = retries.retry_after(response)
    assert seconds is not None
    assert max(0, offset - 5) <= seconds <= max(0, offset)


def test_only_transient_errors_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    attempts = 0

    def failing() -> requests.Response:
        nonlocal attempts
        attempts += 1
        raise TransientVendorError("a vendor: HTTP 503", code="http_503", retry_after=1000)

    with pytest.raises(TransientVendorError, match="HTTP 503, 8 times in a row") as failed:
        retries.with_retries(failing)
    assert attempts == retries.MAX_ATTEMPTS
    assert failed.value.code == "http_503"
    assert waits == [retries.MAX_WAIT_SECONDS] * 7

    def refused() -> requests.Response:
        nonlocal attempts
        attempts += 1
        raise PermanentVendorError("a vendor: HTTP 403")

    with pytest.raises(PermanentVendorError):
        retries.with_retries(refused)
    assert attempts == retries.MAX_ATTEMPTS + 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
def test_statuses_that_may_pass(status: int) -> None:
    assert retries.is_transient(status)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 422])
def test_statuses_that_do_not_pass(status: int) -> None:
    assert not retries.is_transient(status)

"""Proxies and own certificate authorities from the environment."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, Window
from ingestion.spec import ApiSpec
from tests.certificates import certificate
from tests.ingestion.servers.base import Answer, Seen, VendorServer
from vendors.errors import PermanentVendorError


class Anybody(VendorServer):
    """Accepts every request, like a proxy, for any host."""

    def is_authorised(self, request: Seen) -> bool:
        return True

    def answer(self, request: Seen) -> Answer:
        return Answer({"path": request.path, "host": request.headers["host"]})


class Client(ApiClient):
    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        yield Page({})


def api(base_url: str) -> Api:
    spec = ApiSpec.model_validate(
        {"base_url": base_url, "requests_per_second": 1000, "streams": {"all": {"entities": ["all"]}}}
    )
    found = Api("vendor", spec, {})
    Client(found)
    return found


def test_a_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Anybody() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert api("http://vendor.invalid").get("people") == {"path": "/people", "host": "vendor.invalid"}


def test_a_certificate_is_trusted_when_its_authority_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with Anybody(context=context) as server:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        with pytest.raises(PermanentVendorError, match="REQUESTS_CA_BUNDLE"):
            api(server.url).get("people")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
        assert api(server.url).get("people")["path"] == "/people"

"""Proxies and certificate authorities of one's own, as the environment names them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingestion.errors import PermanentApiError
from ingestion.extraction import ApiClient, Page, Window
from ingestion.http import Api
from ingestion.spec import ApiSpec
from tests.ingestion.servers.base import Answer, Seen, VendorServer


class Anybody(VendorServer):
    """Answers everybody, and as a proxy would: whatever host is asked for."""

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
    chain, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with Anybody(context=context) as server:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        with pytest.raises(PermanentApiError, match="REQUESTS_CA_BUNDLE"):
            api(server.url).get("people")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
        assert api(server.url).get("people")["path"] == "/people"


def certificate(place: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that only itself vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, key_file = place / "chain.pem", place / "key.pem"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, key_file

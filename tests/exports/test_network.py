"""A webhook goes to the public internet, or to where a setting allows; never to whatever a name happens to lead to."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from exports.delivery import RetryPolicy, deliver, list_exports
from exports.errors import DestinationError, InvalidSettingError, TransientError
from tests.certificates import certificate
from tests.exports.servers import Answer, Receiver, receive
from tests.exports.worlds import WEBHOOK, World, cart

# Other spellings of addresses inside, as a URL can hold them.
SPELLINGS = (
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/",
    "https://127.0.0.1./", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://169.254.169.254/latest/", "https://user:word@10.0.0.1/", "https://3232235521/",
    "https://①②⑦.⓪.⓪.①/", "http://127.0.0.1:9/", "http://localhost:9/",
)  # fmt: skip


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_inside_address_is_sent_to(world: World, url: str) -> None:
    world.publish({WEBHOOK: [cart(1)]})
    world.environment = {"MERGANSER_WEBHOOK_URL": url}
    with pytest.raises((InvalidSettingError, TransientError), match="MERGANSER_WEBHOOK") as refused:
        deliver(world.settings, WEBHOOK, retry=RetryPolicy(attempts=1))
    assert url not in str(refused.value)
    assert re.search("private, loopback|is not a URL|name is unknown|is http to another machine", str(refused.value))


def test_the_receiver_of_this_machine_gets_nothing_unless_it_is_allowed(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: [cart(1)]})
    allowed = connected.environment.pop("MERGANSER_WEBHOOK_ALLOWED_HOSTS")
    with pytest.raises(InvalidSettingError):
        deliver(connected.settings, WEBHOOK)
    assert receiver.requests == []
    connected.environment["MERGANSER_WEBHOOK_ALLOWED_HOSTS"] = "10.0.0.0/8, nonsense/99"
    with pytest.raises(InvalidSettingError, match="names an invalid network"):
        deliver(connected.settings, WEBHOOK)
    connected.environment["MERGANSER_WEBHOOK_ALLOWED_HOSTS"] = allowed
    assert deliver(connected.settings, WEBHOOK).resumed[0].adds == 1


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names resolve to these addresses, one list per question, the last one for ever; returns the questions."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("addresses", [["10.0.0.5"], ["8.8.8.8", "10.0.0.5"], ["169.254.169.254"]])
def test_a_name_that_leads_inside_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    world.publish({WEBHOOK: [cart(1)]})
    world.environment = {"MERGANSER_WEBHOOK_URL": "https://hooks.example/"}
    resolving(monkeypatch, addresses)
    with pytest.raises(InvalidSettingError, match="MERGANSER_WEBHOOK_ALLOWED_HOSTS"):
        deliver(world.settings, WEBHOOK)


def test_a_name_that_leads_elsewhere_later_is_refused_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: public when the session opens, inside when a batch is sent; nothing counts as sent."""
    world.publish({WEBHOOK: [cart(1)]})
    world.environment = {"MERGANSER_WEBHOOK_URL": "https://hooks.example/"}
    asked = resolving(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with pytest.raises(DestinationError, match="MERGANSER_WEBHOOK_ALLOWED_HOSTS"):
        deliver(world.settings, WEBHOOK)
    assert asked == ["hooks.example", "hooks.example"]
    statuses = {status.name: status for status in list_exports(world.settings)}
    assert statuses[WEBHOOK].delivered_count == 0


def test_the_connection_goes_to_the_address_that_was_judged(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is asked for no second time: the socket gets the address, and the receiver still reads the name."""
    port = receiver.url.split(":")[2].split("/")[0]
    connected.environment["MERGANSER_WEBHOOK_URL"] = f"http://localhost:{port}/"
    connected.environment["MERGANSER_WEBHOOK_ALLOWED_HOSTS"] = "localhost"
    connected.publish({WEBHOOK: [cart(1)]})
    original = socket.getaddrinfo
    asked: list[str] = []

    def getaddrinfo(host: str, *arguments: Any, **named: Any) -> Any:
        asked.append(str(host))
        return original("127.0.0.1" if host == "localhost" else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert deliver(connected.settings, WEBHOOK).adds == 1
    assert receiver.requests[0]["headers"]["Host"] == f"localhost:{port}"
    assert asked.count("localhost") == 2  # when the session opens, and for the batch
    assert set(asked) == {"localhost", "127.0.0.1"}


def test_a_redirect_is_not_followed(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: [cart(1)]})
    with receive() as other:
        receiver.answers = [Answer(307, {"Location": other.url})]
        with pytest.raises(DestinationError, match="307"):
            deliver(connected.settings, WEBHOOK)
        assert other.requests == []


@pytest.mark.parametrize("name", ["hooks.example", "other.example"])
def test_the_certificate_must_be_for_the_host_name(
    connected: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The connection goes to an address; the receiver still has to prove the name in the URL."""
    chain, key = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, server_name, __: asked_for.append(server_name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
    original = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **named: Any) -> Any:
        return original("127.0.0.1" if host == "hooks.example" else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    connected.publish({WEBHOOK: [cart(1)]})
    with receive(context) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        connected.environment["MERGANSER_WEBHOOK_URL"] = f"https://hooks.example:{port}/hook"
        connected.environment["MERGANSER_WEBHOOK_ALLOWED_HOSTS"] = "hooks.example"
        if name == "hooks.example":
            assert deliver(connected.settings, WEBHOOK).adds == 1
            assert receiver.requests[0]["headers"]["Host"] == f"hooks.example:{port}"
        else:
            with pytest.raises(DestinationError, match="certificate is not trusted"):
                deliver(connected.settings, WEBHOOK)
            assert receiver.requests == []
    assert set(asked_for) == {"hooks.example"}

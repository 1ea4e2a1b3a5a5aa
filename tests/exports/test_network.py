"""A webhook goes to the public internet, or to where a setting allows; never to whatever a name happens to lead to."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.delivery import RetryPolicy, deliver, list_exports
from exports.errors import DestinationError, InvalidSettingError, TransientError
from exports.network import AllowedHosts, is_public
from tests.exports.servers import Answer, Receiver, receive
from tests.exports.worlds import WEBHOOK, World, cart

INSIDE = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:a00:1::1", "fc00::1", "fd12::1",
    "fe80::1", "fec0::1", "ff02::1", "2001:db8::1",
)  # fmt: skip
OUTSIDE = ("1.1.1.1", "8.8.8.8", "172.32.0.1", "192.167.0.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8")
# Other spellings of addresses inside, as a URL can hold them.
SPELLINGS = (
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/",
    "https://127.0.0.1./", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://169.254.169.254/latest/", "https://user:word@10.0.0.1/", "https://3232235521/",
    "https://①②⑦.⓪.⓪.①/", "http://127.0.0.1:9/", "http://localhost:9/",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_no_public_ones(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_that_ipv6_carries_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for carrier in (f"::ffff:{address}", f"64:ff9b::{address}"):
        if not is_public(address):
            assert not is_public(ipaddress.ip_address(carrier))
    assert not (is_public(address) and (address.is_private or address.is_multicast or address.is_loopback))


def test_what_a_setting_allows() -> None:
    allowed = AllowedHosts.parse(" hooks.internal , 10.1.0.0/16, 127.0.0.1, [::1], ")
    for host, address, permitted in (
        ("hooks.internal", "192.168.1.1", True),
        ("HOOKS.internal.", "192.168.1.1", True),
        ("other.internal", "192.168.1.1", False),
        ("other.internal", "10.1.200.3", True),
        ("other.internal", "10.2.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.2", False),
        ("localhost", "::1", True),
        ("anything.example", "8.8.8.8", True),
    ):
        assert allowed.permits(host, ipaddress.ip_address(address)) is permitted, (host, address)
    assert not AllowedHosts.parse(None).permits("localhost", ipaddress.ip_address("127.0.0.1"))
    with pytest.raises(ValueError, match="does not appear to be"):
        AllowedHosts.parse("10.1.0.0/99")


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
    with pytest.raises(InvalidSettingError, match="names a network that is none"):
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


def test_certificates_are_for_the_name_and_not_for_the_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any]] = []

    def post(self: Any, url: Any, **named: Any) -> Any:
        sent.append((str(url), named["extensions"], named["headers"]["Host"]))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.Client, "post", post)
    resolving(monkeypatch, ["8.8.8.8"])
    world.publish({WEBHOOK: [cart(1)]})
    world.environment = {"MERGANSER_WEBHOOK_URL": "https://hooks.example/path?key=1"}
    assert deliver(world.settings, WEBHOOK).adds == 1
    assert sent == [("https://8.8.8.8/path?key=1", {"sni_hostname": "hooks.example"}, "hooks.example")]

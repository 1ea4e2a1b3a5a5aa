"""Which addresses are public, and what a setting allows beside them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendors.addresses import AllowedHosts, is_public

INSIDE = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:a00:1::1", "fc00::1", "fd12::1",
    "fe80::1", "fec0::1", "ff02::1", "2001:db8::1",
)  # fmt: skip
OUTSIDE = ("1.1.1.1", "8.8.8.8", "172.32.0.1", "192.167.0.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8")


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

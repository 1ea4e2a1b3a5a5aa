"""Which IP addresses a request may go to: public ones, and those that a setting allows.

For a URL that a person chose. The host name is resolved once per request, every address is checked, and the connection
goes to a checked address (`Session.send_once(addresses=...)`), so DNS rebinding has no effect. Spellings such as
`http://2130706433/` or `0177.0.0.1` are ordinary addresses once they are resolved.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True)
class AllowedHosts:
    """Private hosts that requests may go to: names, addresses, and networks such as 10.1.0.0/16."""

    names: frozenset[str]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    @classmethod
    def parse(cls, text: str | None) -> AllowedHosts:
        """Parses a comma-separated list. Raises ValueError for an invalid network."""
        names, networks = set(), []
        for part in filter(None, (piece.strip().strip("[]") for piece in (text or "").split(","))):
            try:
                networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                if "/" in part:
                    raise
                names.add(part.lower().rstrip("."))
        return cls(frozenset(names), tuple(networks))

    def permits(self, host: str, address: Address) -> bool:
        """Whether a request to this host may go to this address."""
        return (
            is_public(address)
            or host.lower().rstrip(".") in self.names
            or any(address in network for network in self.networks if network.version == address.version)
        )


def is_public(address: Address) -> bool:
    """Whether an address is public. An IPv6 address that embeds an IPv4 address is public only if both are."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(inner):
            return False
        if address.is_site_local or (inner is None and not address.is_global):
            return False
    elif not address.is_global:
        return False
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local)


def addresses_of(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host name, in the order in which to try them. Raises OSError if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    addresses = [ipaddress.ip_address(text) for text in texts]
    return [_unmapped(address) for address in addresses]


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def has_proxy(scheme: str, host: str) -> bool:
    """Whether requests to this host go through a proxy of the environment, which then resolves the name."""
    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not proxy_bypass(host)

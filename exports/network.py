"""Which addresses a delivery may go to: those of the public internet, and those that a setting allows.

A name is resolved once per request, every address of it is judged, and the connection goes to an address that was
judged: a name that answers with another address the next moment (DNS rebinding) changes nothing. Spellings such as
`http://2130706433/` or `0177.0.0.1` are addresses like any other once they are resolved.

Add here when: another destination sends to an address that a person chose. Keep out: a destination's protocol.
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
    """Hosts inside a network that deliveries may go to: names, addresses, and networks such as 10.1.0.0/16."""

    names: frozenset[str]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    @classmethod
    def parse(cls, text: str | None) -> AllowedHosts:
        """From a list with commas, as a setting holds it. Raises ValueError for a network that is none."""
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
    """Whether an address is one of the public internet, and so is an IPv4 address that it carries."""
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
    """What a name resolves to, in the order in which to try. Raises OSError when it resolves to nothing."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    addresses = [ipaddress.ip_address(text) for text in texts]
    return [_unmapped(address) for address in addresses]


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def has_proxy(scheme: str, host: str) -> bool:
    """Whether the environment sends requests to this host through a proxy: it resolves the name, and judges."""
    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not proxy_bypass(host)

"""Which addresses a request may go to: https, on a web port, and only where every address of the name is public.

A name is resolved once, and the socket is opened to the address that was checked: a name server that answers differently
the second time gains nothing, because there is no second time.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

PORTS = frozenset([443, 8443])
_MOST_TRIED = 4

Address = tuple[socket.AddressFamily, Any]

_UNICAST_V6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Beyond what `is_global` refuses (Pythons differ): translation and relay ranges that may lead inside, documentation, and
# the metadata address that Azure keeps in public space. Sources: IANA special-purpose registries; Azure "168.63.129.16".
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        ),
    )
)  # fmt: skip


class Refused(Exception):
    """The address is not one we go to. The text says why, for a sentence that begins with the vendor's name."""


def check_url(url: str) -> None:
    """Refused unless it is `https://host[:port]/...`, without a user name, on a web port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused("has an address that is none") from None
    if parts.scheme != "https":
        raise Refused("has an address that is not https")
    if not host or any(character.isspace() or not character.isprintable() for character in url):
        raise Refused("has an address without a host name")
    if parts.username is not None or parts.password is not None:
        raise Refused("has an address that carries a user name")
    if port is not None and port not in PORTS:
        raise Refused(f"has an address on port {port}")


def resolve(host: str, port: int) -> list[Address]:
    """Every address of the name, checked. Refused when any is not public; OSError when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError:  # a part of the name is empty or too long
        raise Refused("has an address whose host name cannot be one") from None
    for _, _, _, _, sockaddr in found:
        if not is_public(str(sockaddr[0])):
            raise Refused(f"has an address ({host}) inside a private network")
    if not found:
        raise OSError("the name has no address")
    return [(family, sockaddr) for family, _, _, _, sockaddr in found[:_MOST_TRIED]]


def is_public(text: str) -> bool:
    """Whether an IP address, as text, is one of the public internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.scope_id or address not in _UNICAST_V6:
            return False
    return address.is_global and not any(address in network for network in _NEVER if network.version == address.version)

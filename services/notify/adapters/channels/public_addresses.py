"""Which addresses of a vendor's name may be connected to.

Outside local mode a name that leads into our own network is refused: an address in a setting, or whoever
answers for its domain, must not make the sender talk to a machine that only we can reach. The address that
was checked is the one that is connected to. If the name were resolved again for that, the second answer could
be another one (DNS rebinding).
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

_IPV4_WITHIN = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96")))
"""Networks whose last 32 bits are an IPv4 address, and which Python takes for public: NAT64 (RFC 6052), and
addresses that are compatible with IPv4 (RFC 4291)."""


class NotPublic(Exception):
    """The name of a vendor leads to an address inside our own network."""


def is_public(address: str) -> bool:
    """Return whether an address is that of one machine which the internet reaches.

    One that leads to an IPv4 address is as public as that one: a translator of our own network may take it
    there.
    """
    found = ipaddress.ip_address(address)
    if any(found in network for network in _IPV4_WITHIN):
        found = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.is_global and not found.is_multicast


def require_public(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the addresses of what `socket.getaddrinfo` has found, in its order.

    Raises:
        NotPublic: one of them is not on the internet.
    """
    addresses = list(dict.fromkeys(str(one[-1][0]) for one in found))
    if not all(map(is_public, addresses)):
        raise NotPublic
    return addresses


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address of a name that answers.

    Raises:
        NotPublic: one of its addresses is not on the internet; nothing was connected to.
        OSError: the name is not known, or nobody answers.
    """
    addresses = require_public(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), timeout)

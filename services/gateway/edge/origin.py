"""Where a request comes from: the caller's network address, and for browsers the page that made it.

The address itself is never stored or passed on: rate limits and anonymous callers use a keyed hash of it
(`GatewayState.keyed_hash`).
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Request

ASKED_BY_PERSON = "epass-asked-by-person"
"""The header with which a script of a page fetches what somebody has just chosen."""
_FORWARDED = ("x-forwarded-for", "forwarded")


def client_address(request: Request) -> str:
    """Return the caller's network address; behind a trusted proxy the one that the proxy names."""
    return request.client.host if request.client else ""


def client_network(request: Request) -> str:
    """Return who tries something: an IPv4 address, or the /64 of an IPv6 address, since a household has one.

    A neighbour in a larger network does not use up what somebody else may try.
    """
    return _network(client_address(request), 64)


def client_block(request: Request) -> str:
    """Return whose requests are counted: an IPv4 address, or the /48 of an IPv6 address.

    Whoever rents a server gets so many addresses. The limits let the people of a mobile operator behind one
    IPv4 address through, so they do in a /48 as well.
    """
    return _network(client_address(request), 48)


def _network(address: str, bits: int) -> str:
    try:
        known = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(known.ipv4_mapped or ipaddress.IPv6Network((known, bits), strict=False))


def is_from(networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network], request: Request) -> bool:
    """Return whether the caller's address is in one of some networks. One that is no address is in none."""
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return False
    known = getattr(address, "ipv4_mapped", None) or address
    return any(known in network for network in networks)


def is_from_private_network(request: Request) -> bool:
    """Return whether the caller is on this machine or a private network, and no proxy lies between."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(client_address(request)).is_private
    except ValueError:
        return False


def is_typed_address(request: Request) -> bool:
    """Return whether the address was typed, or opened from outside of any page (Fetch Metadata).

    Browsers say so over HTTPS and on the same machine.
    """
    return request.headers.get("sec-fetch-site") == "none"


def is_fetched_by_page(request: Request) -> bool:
    """Return whether a page fetches this by itself, as an open desk does, and no person asked for it.

    What a person does leads to another page or posts something (Fetch Metadata), or our script says that it
    fetches for a person (`ASKED_BY_PERSON`).
    """
    by_itself = request.headers.get("sec-fetch-dest") == "empty" and ASKED_BY_PERSON not in request.headers
    return request.method == "GET" and by_itself


def is_same_origin(request: Request, public_url: str) -> bool:
    """Return whether a page of ours made the request: browsers send it in headers that no page can forge.

    ``Sec-Fetch-Site`` decides where the browser sends it (Fetch Metadata), else ``Origin`` (RFC 6454).
    """
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return origin.scheme in {"http", "https"} and origin.netloc in {
        request.headers.get("host"),
        urlsplit(public_url).netloc,
    }

"""Where a request comes from: the caller's address, and for browsers the page that made it.

The address is never kept or passed on as it is: limits and anonymous idempotency keys use a keyed hash of it.
"""

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

_FORWARDED = ("x-forwarded-for", "forwarded")


def address(request: Request) -> str:
    """The caller's network address; behind a trusted proxy the one that the proxy names."""
    return request.client.host if request.client else ""


def keyed_hash(secret: bytes, text: str) -> str:
    """32 hex digits that say nothing without the secret."""
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def is_from_private_network(request: Request) -> bool:
    """Whether the caller is on this machine or a private network, directly: a scrape does not come through a proxy."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(address(request)).is_private
    except ValueError:
        return False


def is_same_origin(request: Request, public_url: str) -> bool:
    """Whether a page of ours made the request: browsers say so in headers that no page can forge.

    ``Sec-Fetch-Site`` where the browser sends it (Fetch Metadata), else ``Origin`` (RFC 6454).
    """
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return origin.scheme in {"http", "https"} and origin.netloc in {
        request.headers.get("host"),
        urlsplit(public_url).netloc,
    }

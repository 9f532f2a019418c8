"""Plain HTTP to processes of this machine.

Each client of httpx reads a file of authorities, for 12 ms of a processor; one that speaks plain HTTP needs
none.
"""

import ssl

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What ``verify`` is of such a client: it would trust nobody."""

asks = httpx.Client(
    timeout=5, trust_env=False, verify=NO_AUTHORITIES, limits=httpx.Limits(max_keepalive_connections=0)
)
"""Asks one question a connection, so that a process may have been started again since the last one."""

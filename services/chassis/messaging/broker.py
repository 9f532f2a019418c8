"""An asyncio connection to the first node of the cluster that answers. For the relay, the gateway and the command line."""

import asyncio
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractConnection

from services.chassis.runtime.logs import logger

log = logger(__name__)
CONNECT_TIMEOUT = 5.0
LOST = (
    aio_pika.exceptions.AMQPError,
    aio_pika.exceptions.ChannelInvalidStateError,
    OSError,
    asyncio.TimeoutError,
)
"""What going away looks like: protocol errors, a channel that is closed already, sockets, a node that does not answer."""


async def connect(urls: Sequence[str], name: str, heartbeat: int = 20) -> AbstractConnection:
    """Connects to one node.

    Args:
        urls: all nodes, tried in turn.
        name: shown in the management pages.
        heartbeat: seconds.

    Raises:
        ConnectionError: no node answers.
    """
    for url in urls:
        try:
            return await asyncio.wait_for(
                aio_pika.connect(url, client_properties={"connection_name": name}, heartbeat=heartbeat),
                CONNECT_TIMEOUT,
            )
        except LOST as error:
            log.warning("broker node does not answer", error=type(error).__name__, part=name)
    raise ConnectionError("no node of the broker answers")

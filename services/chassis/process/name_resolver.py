"""Look each name up in a real thread, in processes on eventlet.

The look-up of the C library would stop all green threads while it waits. eventlet's own keeps what it was
told, also that a name does not exist, for five minutes or longer: the name of a container does not exist
while it starts again, and leads to another address afterwards. So that one is not loaded
(``EVENTLET_NO_GREENDNS``); it takes 13 MiB of each process, too.
"""

import functools
import socket
from typing import Any

from services.chassis.runtime.cpu_pool import offload_waiting


def install() -> None:
    """Make whoever asks the standard library for an address use it, once that is patched."""
    from eventlet.green import socket as green

    look_up = socket.getaddrinfo

    def getaddrinfo(*arguments: Any, **options: Any) -> Any:
        return offload_waiting(functools.partial(look_up, *arguments, **options))

    socket.getaddrinfo = green.getaddrinfo = getaddrinfo  # that of `socket.create_connection`, too

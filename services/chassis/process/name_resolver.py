"""Look each name up when it is needed, in processes on eventlet.

eventlet's own resolver keeps what it was told, also that a name does not exist: for five minutes, or for as
long as the server says, which is a day where the root servers answer. The name of a container does not exist
while it starts again, and leads to another address afterwards. So services would not find their broker for
that long.
"""

from eventlet.support import greendns


class UncachedResolver(greendns.ResolverProxy):
    """eventlet's resolver, which asks anew each time."""

    def clear(self) -> None:
        """Read the settings of the system."""
        super().clear()
        self._resolver.cache = None


def install() -> None:
    """Make all sockets of eventlet use it."""
    greendns.resolver = UncachedResolver(greendns.HostsResolver())

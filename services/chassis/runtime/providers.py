"""What nameko injects into services: the database. And what it calls by the clock."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from nameko.extensions import DependencyProvider
from nameko.timer import timer

from services.chassis.db import housekeeping
from services.chassis.db.database import Database
from services.chassis.runtime.health import health
from services.chassis.runtime.logs import logger
from services.chassis.runtime.settings import settings

log = logger(__name__)
F = TypeVar("F", bound=Callable[..., None])


def every(interval: float, *, eager: bool = False) -> Callable[[F], F]:
    """Calls a method of a consumers class each so many seconds, in every replica.

    A call that fails is logged, by type and place, and the next one tries again: nameko itself would say nothing.
    """

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def tick(self: Any) -> None:
            try:
                method(self)
            except Exception as error:  # whatever it is, it must be seen, and the next tick tries again
                log.warning("periodic work failed", work=method.__name__, exc_info=error)

        wrapped: F = timer(interval=interval, eager=eager)(tick)
        return wrapped

    return decorate


class OwnDatabase(DependencyProvider):
    """Injects the service's :class:`Database`, one pool a process."""

    _shared: Database | None = None
    _kept_small = False

    def setup(self) -> None:
        """Creates the pool; connects lazily."""
        if OwnDatabase._shared is None:
            OwnDatabase._shared = Database.of(settings())
            health.checks["database"] = OwnDatabase._shared.answers

    def start(self) -> None:
        """Keeps the chassis' own tables small, once a process."""
        if OwnDatabase._shared is not None and not OwnDatabase._kept_small:
            OwnDatabase._kept_small = True
            self.container.spawn_managed_thread(
                functools.partial(housekeeping.run, OwnDatabase._shared), identifier="housekeeping"
            )

    def get_dependency(self, _worker_ctx: Any) -> Database:
        """The pool."""
        assert OwnDatabase._shared is not None
        return OwnDatabase._shared

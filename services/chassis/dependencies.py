"""What nameko injects into services: the database. And what it calls by the clock."""

from collections.abc import Callable
from typing import Any, TypeVar

from nameko.extensions import DependencyProvider
from nameko.timer import timer

from services.chassis.db import Database
from services.chassis.health import health
from services.chassis.settings import settings

F = TypeVar("F", bound=Callable[..., None])

every: Callable[..., Callable[[F], F]] = timer
"""``@every(interval=10)``: calls a method of a consumers class each so many seconds, in every replica."""


class OwnDatabase(DependencyProvider):
    """Injects the service's :class:`Database`, one pool a process."""

    _shared: Database | None = None

    def setup(self) -> None:
        """Creates the pool; connects lazily."""
        if OwnDatabase._shared is None:
            OwnDatabase._shared = Database.of(settings())
            health.checks["database"] = OwnDatabase._shared.answers

    def get_dependency(self, _worker_ctx: Any) -> Database:
        """The pool."""
        assert OwnDatabase._shared is not None
        return OwnDatabase._shared

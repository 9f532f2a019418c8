"""What handlers get. A handler is a plain function; it names what it needs and gets that, and nothing else.

A parameter gets by its name:

- for every entrypoint: ``db``, ``settings`` and ``now``, the instant by the clock of the process; and, by its
  own name, each setting of `SINGLE`, so that a handler that needs one setting does not know the others;
- for a call: ``request``, ``call``, ``session`` and ``service``, the name of the service;
- for an event: ``session``; its first parameter is the event, whatever it is called;
- for a job: ``session``.

Any other parameter must have a default, which it keeps. The names are read once, when the service is
imported. A call or a job opens a session only where its handler names one; a handler that opens its own names
``db``. The handler of an event always runs in a transaction, which also has the mark in the inbox: what it
counts waits for the commit (``chassis/db/database.py``, `after_commit`).
"""

import inspect
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from contracts.retention import KEPT
from services.chassis.runtime.clock import now

SINGLE = (
    "arrival_messages", "basis", "furthest_days", "local_mode", "place_offer_minutes", "public_url",
    "rate_limits", "standing_passes", "undo_seconds", "visit_wait_minutes", *KEPT,
)  # fmt: skip
"""The settings that a handler may name by themselves."""
ALWAYS: Mapping[str, Callable[[Any], object]] = {
    **{name: attrgetter(f"settings.{name}") for name in SINGLE},
    "db": attrgetter("db"),
    "settings": attrgetter("settings"),
    "now": lambda _owner: now(),
}
"""What a handler of any entrypoint gets: by its name, from the nameko class."""


class Injected:
    """A handler with the names of its parameters.

    Args:
        names: what its entrypoint gives it beside `ALWAYS`.
        messages: how many of its first parameters get something whatever their names.

    Raises:
        TypeError: the handler names what nobody gives it.
    """

    def __init__(self, function: Callable[..., Any], names: tuple[str, ...] = (), messages: int = 0) -> None:
        self.function = function
        parameters = list(inspect.signature(function).parameters.values())[messages:]
        known = {*ALWAYS, *names}
        self.names = [one.name for one in parameters if one.name in known]
        for one in parameters:
            if one.name not in known and one.default is one.empty:
                raise TypeError(
                    f"{function.__module__}.{function.__qualname__} names {one.name}; "
                    f"a handler here may name {', '.join(sorted(known))}"
                )

    def __call__(self, owner: Any, *messages: object, **given: object) -> Any:
        """Call the handler of an instance of a nameko class with its messages and what it names."""
        rest = {name: given[name] if name in given else ALWAYS[name](owner) for name in self.names}
        return self.function(*messages, **rest)

"""Every RPC: a name, a request and a reply.

The gateway calls, the services answer; services never call each other.

A request travels as the one positional argument of a nameko call; what belongs to the call and not to the
question (principal, deadline, idempotency key) travels beside it as :class:`Call`.
"""

from collections.abc import Iterator
from types import ModuleType

from contracts.model import Wire
from contracts.rpc import (
    accounts,
    application,
    approval,
    breaches,
    companions,
    consents,
    corrections,
    issuance,
    notices,
    notify,
    photographs,
    privacy,
    requests,
    verify,
)
from contracts.rpc.call import Method


def _methods(module: ModuleType) -> Iterator[Method[Wire, Wire]]:
    """Yield the methods of a service: those of its module, or of each module of its package."""
    for value in vars(module).values():
        if isinstance(value, Method):
            yield value
        elif isinstance(value, ModuleType) and value.__name__.startswith(f"{module.__name__}."):
            yield from _methods(value)


METHODS: tuple[Method[Wire, Wire], ...] = tuple(
    method
    for module in (
        *(
            accounts,
            application,
            breaches,
            companions,
            consents,
            corrections,
            notices,
            photographs,
            privacy,
            requests,
        ),
        *(approval, issuance, notify, verify),
    )
    for method in _methods(module)
)
"""All methods, by service."""

"""Every RPC: a name, a request and a reply.

The gateway calls, the services answer; services never call each other.

A request travels as the one positional argument of a nameko call; what belongs to the call and not to the
question (principal, deadline, idempotency key) travels beside it as :class:`Call`.
"""

from contracts.model import Wire
from contracts.rpc import accounts, application, approval, issuance, notify, verify
from contracts.rpc.call import Method

METHODS: tuple[Method[Wire, Wire], ...] = tuple(
    value
    for module in (accounts, application, approval, issuance, notify, verify)
    for value in vars(module).values()
    if isinstance(value, Method)
)
"""All methods, by service."""

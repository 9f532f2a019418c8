"""Calls of the services' RPCs, in time."""

from datetime import timedelta

from contracts.rpc.call import Call, Principal
from services.chassis.runtime.clock import now


def make_call(principal: Principal | None = None, key: str | None = None) -> Call:
    """A call that is in time."""
    return Call(
        principal=principal or Principal(), deadline=now() + timedelta(seconds=3), idempotency_key=key
    )

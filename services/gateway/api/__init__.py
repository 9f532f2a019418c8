"""The JSON interface under ``/api/v1``: the operations that the contracts declare, and a few by hand.

`declared` makes a route of each call that has a place in it (`contracts.rpc.call.Http`). The other modules
have what is more than one call of a service, or is no JSON.
"""

from fastapi import APIRouter

from contracts.rpc import METHODS
from services.gateway.api import declared, gate, hooks, machines, passes, public, sessions, visits

_BY_HAND = (gate.router, public.router, visits.router, passes.router, sessions.router)
_DECLARED = declared.rest_of(METHODS, _BY_HAND)


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """Return all routers, the busiest one first (the gate); the local phone's only in local mode."""
    last = (public.local,) if local_mode else ()
    return (*_BY_HAND, _DECLARED, machines.router, hooks.router, *last)

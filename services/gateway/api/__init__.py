"""The JSON interface under ``/api/v1``, one module for each kind of caller.

A route parses, calls one service, returns its reply. The type of a route's
``caller`` parameter is who may call it; see ``services/gateway/access.py``.
"""

from fastapi import APIRouter

from services.gateway.api import (
    ado,
    applicant,
    capacity,
    closures,
    counter,
    department,
    directory,
    gate,
    hooks,
    invitations,
    local,
    machines,
    passes,
    public,
    staff,
    watchlist,
)


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """Return all routers, the busiest one first (the gate); the local phone's only in local mode."""
    always = (
        gate.router,
        public.router,
        applicant.router,
        passes.router,
        staff.router,
        ado.router,
        ado.rule,
        directory.router,
        counter.router,
    )
    departments = (
        department.router,
        department.delegations,
        capacity.router,
        closures.router,
        invitations.router,
        watchlist.router,
    )
    return (*always, *departments, machines.router, hooks.router, *((local.router,) if local_mode else ()))

"""The JSON interface, one module for each kind of caller. A route parses, asks one service, and returns its answer."""

from fastapi import APIRouter

from services.gateway.api import (
    ado,
    applicant,
    counter,
    department,
    gate,
    local,
    machines,
    passes,
    public,
    staff,
)

PREFIX = "/api/v1"


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """All routers, the gate's first since it is the busiest; the local phone only where it is allowed."""
    always = (
        gate.router,
        public.router,
        applicant.router,
        passes.router,
        staff.router,
        ado.router,
        counter.router,
    )
    return (*always, department.router, machines.router, *((local.router,) if local_mode else ()))

"""Who calls a route of the gateway, and whom each route does not admit."""

import re
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute

from contracts.model import DEVICE_ROLES
from services.gateway.access.callers import EVERY_ROLE, access_of
from tests.support.factories.gateway import NUMBER, REFERENCE

NOBODY, APPLICANT = "nobody", "applicant"


EVERYBODY = (NOBODY, APPLICANT, *EVERY_ROLE, *sorted(DEVICE_ROLES))


SAMPLES = {
    "language:lang": "en",
    "queue": "verify.PassIssued",
    "letter": "0195f3a2-0000-4000-8000-000000000001",
    "number": NUMBER,
    "reference": REFERENCE,
    "table": "sites",
    "kind": "department",
    "verb": "reject",
}


def path_of(route: APIRoute) -> str:
    """Return the path of a route with sample values."""

    def sample(name: str) -> str:
        return SAMPLES.get(name, SAMPLES["letter"] if name.endswith("_id") else "HOM-0001")

    return re.sub(r"\{([^}]+)\}", lambda found: sample(found[1]), route.path)


def refusals(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Yield each method and path with each caller whom the route does not admit."""
    for route in app.routes:
        declared = access_of(route) if isinstance(route, APIRoute) else None
        if not isinstance(route, APIRoute) or declared is None or declared.everybody:
            continue
        admitted = {*declared.roles, *([APPLICANT] if declared.applicants else [])}
        for who in EVERYBODY:
            if who not in admitted:
                yield from ((method, path_of(route), who) for method in sorted(route.methods or ()))

"""Who may call: every kind of caller, by the name under which a route names it.

An operation of the JSON interface names its callers in the contracts (`contracts.rpc.call.Http`), a page by
the type of its view (``pages/shared/view.py``). Both mean what stands here; `admission` and `gate_devices`
admit them. A test lists every route with its callers.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from contracts.errors import Forbidden
from contracts.model import DEVICE_ROLES, Role
from contracts.rpc.call import Callers
from services.gateway.access.admission import Access, Caller, claims_of, session_token
from services.gateway.access.cookie_names import operator_cookie, session_cookie
from services.gateway.access.gate_devices import AtGate, OnPlainPage
from services.gateway.access.screens import OnScreen
from services.gateway.state import state_of


class Noticed(Access):
    """Admits applicants at a page that staff open, too: nobody is refused there, and no refusal is logged."""

    async def caller_of(self, request: Request) -> Caller:
        """Return the caller, as `Access.caller_of` does.

        Raises:
            Forbidden: also for a session of staff.
        """
        url = (state := state_of(request)).settings.public_url
        claims = await claims_of(state, session_token(request, url, session_cookie(url)))
        if claims.kind != "applicant":
            raise Forbidden("this is no session of an applicant")
        return await super().caller_of(request)


EVERY_ROLE: tuple[Role, ...] = tuple(role for role in get_args(Role) if role not in DEVICE_ROLES)
"""Of people; devices sign in nowhere."""
anyone = Access(everybody=True)
signing_in = Access(everybody=True, of_staff=True)
"""Staff without a session, from where staff may work."""
vendor = Access(everybody=True, any_body=True)
"""A vendor that sends messages; notify finds out whether it is one."""
applicant = Access(applicants=True)
"""Somebody who has proved a mobile by a one-time code."""
noticed = Noticed(applicants=True)
"""The same at a page for everybody."""
pass_holder = Access("reception", applicants=True)
"""The applicant whose pass it is (issuance checks that), or the reception."""
signed_in = Access(*EVERY_ROLE, applicants=True, initial_password=True)
"""An applicant or staff of any role."""
leaving = Access(*EVERY_ROLE, applicants=True, initial_password=True, wherever=True)
"""The same on any device, because the session only ends."""
leaving_applicant = Access(applicants=True, wherever=True)
staff = Access(*EVERY_ROLE, initial_password=True)
"""Staff of any role, also with an initial password."""
any_staff = Access(*EVERY_ROLE)
"""Staff of any role who have their own password."""
operator = Access("assisted", cookie=operator_cookie)
"""An operator who applies for others, whether or not an applicant is signed in beside them."""
ado = Access("ado")
reception = Access("reception")
hall_screen = OnScreen()
"""The screen of a waiting hall, and the reception."""
department = Access("department")
ops = Access("ops")
auditor = Access("auditor")
privacy = Access("privacy")
request_answerer = Access("grievance", "privacy")
"""Who answers requests of people; the data officer those about data."""
request_reader = Access("grievance", "privacy", "ado")
"""Who may see which requests of people are late."""
closer = Access("department", "ado")
"""Who may close a day of a department."""
closure_reader = Access("department", "ado", "auditor")
"""Who may see which days were closed."""
watcher = OnPlainPage("ado", "security")
"""Who keeps the watchlist; security not on the device of a gate, whose app may be locked."""
device_reader = Access("ado", "ops", "security")
"""Who may see how the devices of gates are."""
security = Access("security")
guard = AtGate(programs=True)
"""A guard: in the app with an enrolled device, or a program with a token."""
guard_on_device = AtGate()
"""A guard with an enrolled device: what is kept for the time without a network is for nobody else."""
guard_of_site = AtGate(any_gate=True)
"""A guard with an enrolled device of their site, which may have moved to another gate since it scanned."""
guard_on_page = OnPlainPage("security")
"""A guard at the plain pages, which need no device, in a browser that is none."""

ACCESS: dict[Callers, Access] = {name: globals()[name] for name in get_args(Callers)}
"""By the name that an operation of the contracts gives."""

Anyone = Annotated[Caller, Depends(anyone)]
Vendor = Annotated[Caller, Depends(vendor)]
PassHolder = Annotated[Caller, Depends(pass_holder)]
SignedIn = Annotated[Caller, Depends(signed_in)]
Reception = Annotated[Caller, Depends(reception)]
Security = Annotated[Caller, Depends(security)]
GuardOnDevice = Annotated[Caller, Depends(guard_on_device)]
Applicant = Annotated[Caller, Depends(applicant)]


def access_of(route: APIRoute) -> Access | None:
    """Return who may call a route, as it declares; None if it declares nothing, or more than one access."""
    # the dependency of a page is a `Pages` object, which holds its access
    dependencies = (getattr(call, "access", call) for call in dependency_calls(route.dependant))
    declared = [access for access in dependencies if isinstance(access, Access)]
    return declared[0] if len(declared) == 1 else None


def dependency_calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    """Yield the callables of all dependencies of a route."""
    for part in dependant.dependencies:
        yield part.call
        yield from dependency_calls(part)

"""The facts around a pass: whether it still admits, whom the visitor meets, the rules of the site.

The page works without the answers of the directory and of the gate; it shows less where one is missing.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from contracts import rpc
from contracts.errors import ContractError
from contracts.events import OfficerRecord, SiteRecord
from contracts.model import Language
from contracts.rpc.application import VisitOfPass
from contracts.rpc.approval.directory import DepartmentView, OfficerQuestion
from contracts.rpc.issuance import PassNumber, PassView
from services.gateway.access.admission import SOON_SECONDS, Caller
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.vocabulary import gate_name_of

T = TypeVar("T")
C = TypeVar("C", SiteRecord, DepartmentView, OfficerRecord)
Condition = Literal["issued", "expired", "revoked", "cancelled", "replaced", "used"]
ENDINGS: dict[Condition, str] = {
    "expired": _("This pass has expired"),
    "revoked": _("This pass was cancelled"),
    "cancelled": _("This visit was cancelled"),
    "replaced": _("This pass was replaced"),
    "used": _("This pass has been used"),
}


@dataclass(frozen=True)
class Facts:
    """Facts around a pass; None where the directory did not answer or has no such record."""

    site: SiteRecord | None
    department: DepartmentView | None
    officer: OfficerRecord | None
    used: bool
    visit: VisitOfPass | None = None
    """Where the visitor is in the visit; None where application does not answer."""


def condition_of(shown: PassView, used: bool) -> Condition:
    """Return the condition in which the page shows the pass."""
    if shown.revocation == "cancelled":
        return "cancelled"
    if shown.revocation == "reissued":
        return "replaced"
    return "used" if shown.state == "issued" and used else shown.state


def gate_of(shown: PassView, facts: Facts, language: Language) -> str:
    """Return the name of the gate that a pass names; empty where any gate admits."""
    return gate_name_of((facts.site,) if facts.site else (), shown.gate, language) if shown.gate else ""


async def facts_of(caller: Caller, shown: PassView) -> Facts:
    """Collect all facts; the services are queried at the same time."""
    sites, departments, officers, use, visit = await asyncio.gather(
        _or_none(caller.state.sites.get()),
        _or_none(caller.state.departments.get()),
        _or_none(
            caller.query_soon(rpc.approval.directory.OFFICERS, OfficerQuestion(department=shown.department))
        ),
        _or_none(caller.query_soon(rpc.verify.scans.PASS_USE, PassNumber(number=shown.number))),
        visit_of(caller, shown),
    )
    return Facts(
        site=_known(sites.items, shown.site) if sites else None,
        department=_known(departments.items, shown.department) if departments else None,
        officer=_known(officers.items, shown.officer) if officers else None,
        used=use is not None and use.used,
        visit=visit,
    )


async def visit_of(caller: Caller, shown: PassView) -> VisitOfPass | None:
    """Return where the visitor is in their visit; None where application does not answer."""
    return await _or_none(caller.query_soon(rpc.application.VISIT_OF_PASS, PassNumber(number=shown.number)))


def _known(records: Iterable[C], code: str | None) -> C | None:
    return next((one for one in records if one.code == code), None)


async def _or_none(answer: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(SOON_SECONDS):
            return await answer
    except (ContractError, TimeoutError):
        return None

"""Messages as they would be sent, shown before a decision is made."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.events import DecisionPersonal, PassRejected, PassRevoked, RevocationPersonal, VisitDayClosed
from contracts.model import Contact
from contracts.rpc.call import Call
from contracts.rpc.notify import ClosurePreview, MessagePreview, RejectionPreview, WithdrawalPreview
from services.chassis.runtime.clock import now
from services.notify.domain import message_builders, templates
from services.notify.domain.messages import Draft
from services.notify.handlers.directory import department_name

NOBODY = UUID(int=0)
"""Stands for the application and the review, which the text does not name."""
SAMPLE_NUMBER = "········"
"""Stands for the number of the pass, which the department does not have."""
SAMPLE = "PCS-7K3M-9QWX"
"""Stands for the reference, which differs for each visitor."""
_DECIDED = {"application_id": NOBODY, "review_id": NOBODY, "revision": 1, "decided_by": "preview"}
"""What every decision has."""


def preview_rejection(
    request: RejectionPreview, call: Call, session: Session, public_url: str
) -> MessagePreview:
    """Return the message about a rejection, by the same rules as the one that is sent.

    Raises:
        Forbidden: the caller is no department.
    """
    if call.principal.role != "department":
        raise Forbidden("this is for logins of a department")
    event = PassRejected.from_attributes(
        request,
        **_DECIDED,
        reason=request.reason or "other",
        personal=DecisionPersonal(contact=Contact(), note=request.note),
    )
    department = department_name(session, event.department, event.language)
    draft = message_builders.rejected(event, public_url, department)
    return _rendered(draft, {} if request.reason else {"reason": "…"})


def preview_withdrawal(request: WithdrawalPreview, call: Call, public_url: str) -> MessagePreview:
    """Return the message about a withdrawn approval, by the same rules as the one that is sent.

    Raises:
        Forbidden: the caller is no department.
    """
    if call.principal.role != "department":
        raise Forbidden("this is for logins of a department")
    event = PassRevoked.from_attributes(
        request,
        pass_number=SAMPLE_NUMBER,
        application_id=NOBODY,
        reason="withdrawn",
        valid_to=now(),
        withdrawn_for=request.reason,
        personal=RevocationPersonal(note=request.note),
    )
    draft = message_builders.pass_revoked(event, public_url)
    assert draft is not None
    return _rendered(draft)


def preview_closure(request: ClosurePreview, call: Call, session: Session, public_url: str) -> MessagePreview:
    """Return the message about a closed day, by the same rules as the one that is sent.

    Raises:
        Forbidden: the caller is neither a department nor the ADO Branch.
    """
    if call.principal.role not in ("department", "ado"):
        raise Forbidden("this is for logins of a department and the ADO Branch")
    event = VisitDayClosed.from_attributes(
        request,
        **_DECIDED,
        reference=SAMPLE,
        deliver_by="sms",
        personal=DecisionPersonal(contact=Contact(), note=request.note),
    )
    department = department_name(session, event.department, event.language)
    return _rendered(message_builders.day_closed(event, public_url, department))


def _rendered(draft: Draft, instead: Mapping[str, str] | None = None) -> MessagePreview:
    words = {**draft.parameters, **(instead or {})}
    return MessagePreview(text=templates.find(draft.purpose, draft.language).render(words))

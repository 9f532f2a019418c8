"""What the pages of all states show: samples of people, forms and replies."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from contracts.errors import InvalidInput, NotAuthenticated
from contracts.model import Person
from contracts.rpc.application import LookupHit, PassSummary
from contracts.rpc.approval.decisions import RecordedDecisions
from contracts.rpc.approval.reviews import EarlierReview, FirstApproval, QueueCounts, ReviewList
from contracts.rpc.audit import AuditEntries, AuditEntry
from contracts.rpc.notify import FailedTry, MessageTrace, MessageTraces, PassTrace, VendorReport
from contracts.rpc.photographs import Photograph
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, REFERENCE
from tests.support.factories.pages import (
    ADMIT,
    APPLICATION,
    AUDIT_LOG,
    AUDITED,
    DECIDED,
    FIRST,
    NO_ENTRIES,
    REVIEW_ID,
    SECOND,
    login,
    review,
)
from tests.support.system.page_reader import PERSON, VISIT

REVIEW = f"/desk/reviews/{REVIEW_ID}"


OWN = f"/applications/{REFERENCE}"


WATCHED, MATCHED = f"/watchlist/entries/{REVIEW_ID}", f"/watchlist/matches/{REVIEW_ID}"


WITH_MOBILE = login("HOM-0001", has_mobile=True)


OTHER_LAST4 = {"application.open": InvalidInput.of("id_last4", "other_last4")}


HALF_APPROVED = FirstApproval(approved_by="HOM-0002", approved_at=now(), slot=FIRST)


@dataclass(frozen=True)
class State:
    """One page in one state.

    Args:
        who: the user, as :meth:`PagesAlone.sign_in` names them.
        path: of the page, without its language.
        form: fields that are posted to it; None for a GET.
        answers: replies of the services, by ``service.method``, in addition to the usual ones.
        before: forms that are posted first, each to its path; None posts the form of that page unchanged.
        status: of the response.
    """

    who: str | None
    path: str
    form: dict[str, str] | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, dict[str, str] | None], ...] = ()
    status: int = 200

    @property
    def name(self) -> str:
        method = "POST" if self.form is not None else "GET"
        return f"{self.who or 'anyone'} {method} {self.path} {self.status} {'/'.join(self.answers)}"


WHO = ("/apply/who", PERSON)


DEPARTMENT = ("/apply/department", {"department": "home"})


VISITED = ("/apply/visit", {**VISIT, "date-0": "2026-12-01", "from-0": "10:00", "to-0": "12:00"})


WITH = ("/apply/companions", {"more": "no", "vehicle": "", "assistance": "", "deliver_by": "sms"})


WAY = (WHO, DEPARTMENT, VISITED, WITH)


HAS_APP = ("/staff/sign-in", {"login_id": "SEC-CODE", "password": "x"})


NO_APP = ("/staff/sign-in", {"login_id": "SEC-APP", "password": "x"})


COMPANION = ("/apply/companion", {"of": "0", "name": "Simran", "child": "yes"})


CHECKED = {"pass": NUMBER, "nonce": "n-1", "kind": "matched", "id_type": "voter_id", "id_last4": "4821"}


WALK_IN = {
    "name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "4821", "language": "pa",
    "deliver_by": "printed", "department": "home",
    "purpose_kind": "meeting", "purpose": "Arms licence renewal", "date-0": "2026-12-01", "from-0": "10:00",
    "to-0": "12:00",
}  # fmt: skip


INVITATION = {
    "site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "date": "2026-12-01",
    "from": "10:00", "to": "12:00", "language": "pa", "deliver_by": "sms",
    "visitors": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ\nRavi Kumar",
}  # fmt: skip


WITHOUT_CARD = ADMIT.model_copy(update={"applicant": Person(name="ਸਿਮਰਨ", name_latin="Simran")})


PHOTOGRAPH = Photograph(
    jpeg="/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////"
    "////////////////////////wAALCAAEAAMBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/EABQQAQAAAAAAAAAAAAAAAAAA"
    "AAD/2gAIAQEAAD8AX//Z"
)
"""Three by four grey pixels."""


HIT = LookupHit(
    reference=REFERENCE, status="submitted", site="PCS1", department="home", submitted_at=now(),
    date=date(2026, 12, 1),
    name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur",
)  # fmt: skip


ISSUED = APPLICATION.model_copy(
    update={
        "status": "issued",
        "pass_": PassSummary(number=NUMBER, valid_from=now(), valid_to=now() + timedelta(hours=2)),
    }
)


DEAD = "/ops/dead-letters/verify.PassIssued"
MESSAGE = f"/ops/messages/{AUDITED}"


def traced(**given: Any) -> MessageTrace:
    """Return a message that failed on a channel."""
    facts: dict[str, Any] = {
        "id": REVIEW_ID, "event_id": REVIEW_ID, "purpose": "pass_issued", "channel": "sms", "state": "failed",
        "queued_at": now() - timedelta(minutes=5), "step": 1, "is_resend": False,
        "is_replaced": False, "attempts": 1, "failed": (), "provider": "msg91", "ended_at": now(),
    }  # fmt: skip
    return MessageTrace(**{**facts, **given})


TRACED = MessageTraces(
    reference=AUDITED,
    application_id=REVIEW_ID,
    passes=(PassTrace(number=NUMBER, revoked=False, printed=False),),
    items=(
        traced(
            reason="bad_number", is_undelivered=True, possible_duplicates=1,
            reports=(VendorReport(at=now(), status="failed", reason="bad_number"),),
        ),
        traced(
            channel="whatsapp", step=0, attempts=2, reason="not_on_whatsapp", provider=None,
            failed=tuple(FailedTry(at=now(), reason=one) for one in ("credentials", "not_on_whatsapp")),
        ),
        traced(
            event_id=uuid4(), purpose="application_submitted", state="queued", reason="timeout",
            due_at=now(), ended_at=None,
        ),
    ),
)  # fmt: skip


AUDIT = f"/audit/applications/{AUDITED}"


PERIOD = "/audit?department=home&first=2026-11-01&last=2026-11-30"


NO_DECISIONS = {"approval.decisions": RecordedDecisions(items=())}


LOG = f"/audit/log?what={AUDITED}&first=2026-11-01&last=2026-11-30"


OPEN_PAGE = {
    "approval.audit_entries": AuditEntries(
        items=tuple(
            AuditEntry(
                id=uuid4(), service="approval", at=now() - timedelta(minutes=one), actor="HOM-0001",
                role="department", action="list_reviews", objects=(AUDITED,), result="refreshed", address="",
            )
            for one in range(27)
        )
    )
}  # fmt: skip
"""Looks that the open page of a desk took by itself."""


NOTHING_RECORDED = dict.fromkeys(AUDIT_LOG, NO_ENTRIES)


APPROVED = review(status="approved", decision=DECIDED)
COMING = FIRST.model_copy(update={"day": (now() + timedelta(days=7)).date()})
FULL_QUEUE = ReviewList(
    items=(review(at_counter=True, escalated=1), review(id=uuid4(), channel="kiosk", visit=COMING)),
    counts=QueueCounts(
        by_status={"pending": 2, "approved": 10_000},
        decided_today=1,
        at_counter=1,
        today=0,
        tomorrow=0,
        later=1,
    ),
)
"""One that waits at the counter and was escalated, and one that one tap approves, for a later day."""
OFTEN_HERE = review(
    earlier=(
        EarlierReview(id=uuid4(), reference=REFERENCE, name="Gurpreet Kaur", status="approved", visit=FIRST),
        EarlierReview(
            id=uuid4(),
            reference=REFERENCE,
            name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
            status="rejected",
            visit=SECOND,
            reason="duplicate",
        ),
    )
)
"""An applicant who has been here, and was refused once."""
WRONG_LOGIN = NotAuthenticated()

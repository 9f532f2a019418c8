"""The states of the pages on which an application is corrected, and a correction is confirmed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from contracts.errors import Conflict, InvalidInput
from contracts.model import Companion
from contracts.rpc.application import CorrectionView
from contracts.rpc.approval.reviews import CorrectionToConfirm, ReviewList
from services.chassis.runtime.clock import now
from tests.e2e.page_samples import OWN, REVIEW, State
from tests.support.factories.pages import APPLICATION, DECIDED, review

SENT_AT = now() - timedelta(hours=5)
HARJIT = Companion(name="Harjit Singh", name_latin="Harjit Singh", id_type="driving_licence")
WANTED = CorrectionView(
    state="waits",
    sent_at=SENT_AT,
    corrected=("name", "id", "companions"),
    applicant=APPLICATION.applicant.model_copy(update={"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ ਗਿੱਲ", "id_last4": None}),
    companions=(HARJIT, Companion(name="Noor", child=True)),
)
REFUSED = WANTED.model_copy(update={"state": "refused", "note": "Bring the card to the reception"})
TO_CONFIRM = CorrectionToConfirm(
    number=2, sent_at=SENT_AT, name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ ਗਿੱਲ", name_latin="Gurpreet Kaur Gill", id_type="passport",
    id_last4="9Z01", email="g@example.org", companions=(HARJIT.model_copy(update={"id_last4": "0917"}),),
    visit_begins=now() + timedelta(hours=3), urgent=True,
)  # fmt: skip
CORRECTED: dict[str, Any] = {"corrected": ("name", "id", "companions", "email"), "corrected_at": SENT_AT}


def to_confirm(**given: Any) -> Any:
    """Return an approved review of which a correction waits."""
    facts = {"status": "approved", "decision": DECIDED, "correction": TO_CONFIRM, **CORRECTED}
    return review(**{**facts, **given})


def corrections() -> Iterator[State]:
    """Yield the form of a correction, what becomes of it, and the department's page."""
    form = {"key": "k", "name": "", "companions": ""}
    read = {"key": "k", "name": "Gurpreet Kaur Gill", "revision": "1", "waits": "no"}
    issued = APPLICATION.model_copy(update={"status": "issued", "companions": (HARJIT,)})
    yield State("applicant", f"{OWN}/correct")
    yield State("applicant", f"{OWN}/correct", answers={"application.view": issued})
    yield State("applicant", f"{OWN}/correct", form, status=422)
    changed = {"application.view": issued, "application.correct": Conflict(code="application_changed")}
    yield State("applicant", f"{OWN}/correct", read, changed, status=409)
    for one in (WANTED, REFUSED):
        shown = issued.model_copy(update={"correction": one})
        yield State("applicant", OWN, answers={"application.view": shown})
    begun = issued.model_copy(update={"correction": WANTED, "status": "entered"})
    yield State("applicant", f"{OWN}?notice=cannot_correct", answers={"application.view": begun})
    waits = {"approval.view_review": to_confirm()}
    yield State("department", REVIEW, answers=waits)
    noted = {"approval.view_review": review(**CORRECTED)}
    yield State("department", f"{REVIEW}?notice=correction_settled", answers=noted)
    yield State("department", f"{REVIEW}/correction", answers=waits)
    refused = waits | {"approval.settle_correction": InvalidInput.of("note", "required")}
    yield State("department", f"{REVIEW}/correction", {"number": "2", "confirm": "no"}, refused, status=422)
    half = to_confirm(correction=TO_CONFIRM.model_copy(update={"confirmed_by": "HOM-0002"}))
    begun_there = {"approval.view_review": half, "approval.settle_correction": Conflict(code="visit_begun")}
    yield State(
        "department", f"{REVIEW}/correction", {"number": "2", "confirm": "yes"}, begun_there, status=409
    )
    listed = {"approval.list_reviews": ReviewList(items=(to_confirm(),))}
    yield State("department", "/desk?status=corrections", answers=listed)

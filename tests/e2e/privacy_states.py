"""The states of the desk of the data officer."""

from collections.abc import Iterator
from typing import Any

from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.rpc.application import Acknowledged
from contracts.rpc.corrections import Corrected
from contracts.rpc.own_data import ErasedOnRequest
from contracts.rpc.privacy import PersonFound
from tests.e2e.correction_states import HARJIT, WANTED
from tests.e2e.own_data_states import AT, COMING, LOCKED_UNTIL, OVER, consented, own_data, with_locked
from tests.e2e.page_samples import State
from tests.support.factories.gateway import REFERENCE
from tests.support.factories.pages import APPLICATION

PEOPLE = f"/desk/privacy/people/{REFERENCE}"
FIND = ("/desk/privacy", {"q": REFERENCE})
WHY = {"asked": "in_person", "request_number": "REQ-7K3M-9QW4"}
TAKEN = Acknowledged(reference=REFERENCE, status="cancelled")
RECEIPT = ErasedOnRequest(
    receipt="7K3M9QW4", references=(REFERENCE,), photographs=(COMING,), locked={COMING: LOCKED_UNTIL}
)


def person(**given: Any) -> dict[str, Any]:
    """Return what services answer about a person with two applications."""
    other = OVER.model_copy(update={"reference": COMING})
    two = PersonFound(items=(OVER, other), mobile="+919876543210")
    return {"application.find_person": two, **own_data(**given)}


def of_data_officer() -> Iterator[State]:
    """Yield the pages from the search to the receipt, and the register."""
    yield State("privacy", "/desk/privacy")
    yield State("privacy", "/desk/privacy", {"q": ""}, status=422)
    nobody = {"application.find_person": PersonFound()}
    yield State("privacy", "/desk/privacy/found", answers=nobody, before=(FIND,), status=422)
    wrong = {"application.find_person": InvalidInput.of("id_last4", "not_four")}
    yield State("privacy", "/desk/privacy/found", answers=wrong, before=(FIND,), status=422)
    yield State("privacy", "/desk/privacy/found", answers=person(), before=(FIND,))
    yield State("privacy", f"{PEOPLE}/copy", {"form": "html"}, person(), status=422)
    stale = {"application.copy_for_person": Forbidden(code="second_factor_stale")}
    yield State("privacy", f"{PEOPLE}/copy", {"form": "html", **WHY}, person() | stale, status=403)
    yield from corrections_for_a_person()
    yield State("privacy", f"{PEOPLE}/erase", answers=person())
    for is_locked in (False, True):
        yield State("privacy", f"{PEOPLE}/erase", answers=with_locked(person(), is_locked=is_locked))
    unknown = {"application.erase_for_person": InvalidInput.of("request_number", "no_such_request")}
    erase = {"reference": REFERENCE, "key": "k", **WHY}
    yield State("privacy", f"{PEOPLE}/erase", erase, person() | unknown, status=422)
    done = {"application.erase_for_person": RECEIPT}
    yield State("privacy", f"{PEOPLE}/erase", erase, person() | done)
    place, taken = f"{PEOPLE}/consent", {"application.withdraw_for_person": TAKEN}
    yield State("privacy", place, answers=consented(person()))
    yield State("privacy", place, {"key": "k"}, consented(person()), status=422)
    yield State("privacy", place, {"key": "k", **WHY}, consented(person(), withdrawn_at=AT) | taken)
    yield State("privacy", "/desk/privacy/register")


def corrections_for_a_person() -> Iterator[State]:
    """Yield the form of a correction before and after an approval, and what becomes of it."""
    page, done = f"{PEOPLE}/correct", Corrected(reference=REFERENCE, status="submitted", waits=False)
    issued = {
        "application.view": APPLICATION.model_copy(update={"status": "issued", "companions": (HARJIT,)})
    }
    waits = {"application.view": APPLICATION.model_copy(update={"status": "issued", "correction": WANTED})}
    form = {"key": "k", "name": "Gurpreet Kaur Gill", "revision": "1", "waits": "no"}
    yield State("privacy", page)
    yield State("privacy", page, answers=issued)
    yield State("privacy", page, answers=waits)
    yield State("privacy", page, {**form, "name": ""}, issued, status=422)
    changed = {"application.correct_for_person": Conflict(code="application_changed")}
    yield State("privacy", page, {**form, **WHY}, issued | changed, status=409)
    for one in (done, done.model_copy(update={"waits": True}), Conflict(code="cannot_correct")):
        answers = person() | {"application.correct_for_person": one}
        yield State("privacy", page, {**form, **WHY}, answers)

"""The states of the desk of the data officer."""

from collections.abc import Iterator
from typing import Any

from contracts.errors import Forbidden, InvalidInput
from contracts.rpc.own_data import ErasedOnRequest
from contracts.rpc.privacy import PersonFound
from tests.e2e.own_data_states import COMING, OVER, own_data
from tests.e2e.page_samples import State
from tests.support.factories.gateway import REFERENCE

PEOPLE = f"/desk/privacy/people/{REFERENCE}"
FIND = ("/desk/privacy", {"q": REFERENCE})
WHY = {"asked": "in_person", "request_number": "REQ-7K3M-9QW4"}
RECEIPT = ErasedOnRequest(receipt="7K3M9QW4", references=(REFERENCE,), photographs=(COMING,))


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
    yield State("privacy", f"{PEOPLE}/erase", answers=person())
    unknown = {"application.erase_for_person": InvalidInput.of("request_number", "no_such_request")}
    erase = {"reference": REFERENCE, "key": "k", **WHY}
    yield State("privacy", f"{PEOPLE}/erase", erase, person() | unknown, status=422)
    done = {"application.erase_for_person": RECEIPT}
    yield State("privacy", f"{PEOPLE}/erase", erase, person() | done)
    yield State("privacy", "/desk/privacy/register")

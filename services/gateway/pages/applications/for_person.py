"""The desk of the data officer: a person's data, for somebody who comes in person or has written.

What the person would see at ``/my-data``, a copy of it, and its end, each with the reason; and the register
of processing. Requests of people about their data are answered where all are (``pages/requests.py``).
"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import Response
from pydantic import ValidationError

from contracts import processing, rpc
from contracts.errors import InvalidInput, NotFound
from contracts.retention import KEPT
from contracts.rpc.own_data import MOST_APPLICATIONS
from services.gateway.handlers import own_data
from services.gateway.pages.applications import my_data
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import PrivacyPage, View, page_router

router = page_router("/desk/privacy")
PLACE, FOUND, ERASED = "/desk/privacy", "/desk/privacy/found", "/desk/privacy/erased"
Typed = dict[str, str]


@router.get("")
async def ask_person(view: PrivacyPage) -> Response:
    return _search(view, {}, {})


@router.post("")
async def look_for_person(view: PrivacyPage) -> Response:
    """Read who is looked for. It is a POST, so that no number stands in an address."""
    form = await view.form()
    typed = {"q": text_of(form, "q")[:40], "id_last4": text_of(form, "id_last4")[:40]}
    if not typed["q"]:
        return _search(view, typed, {"q": "person_missing"}, 422)
    return view.save_result(view.to(FOUND), FOUND, typed)


@router.get("/found")
async def show_person(view: PrivacyPage) -> Response:
    """Show what is kept of the person, as they would see it themselves."""
    typed = view.read_result()
    if not typed:
        return view.to(PLACE)
    try:
        found = await view.query(rpc.privacy.FIND_PERSON, rpc.privacy.FindPerson.model_validate(typed))
    except InvalidInput as error:
        return _search(view, typed, problems_of(error), 422)
    if not found.items:
        return _search(view, typed, {"q": "nobody_kept"}, 422)
    return await _person(view, found, {}, {})


@router.post("/people/{reference}/copy")
async def send_copy(view: PrivacyPage, reference: str) -> Response:
    """Send all that is kept of a person as a file for them, which the audit log says first, and why."""
    found = await _find(view, reference)
    form = await view.form()
    typed = _reason(form)
    try:
        request = _request(typed, [one.reference for one in found.items])
        await view.command(rpc.privacy.COPY_FOR_PERSON, request, str(uuid4()))
    except (ValidationError, InvalidInput) as error:
        return await _person(view, found, typed, problems_of(error), 422)
    gathered = await own_data.gather(view.caller, whole=True, listed=_listed(found))
    return await my_data.copy_of(view, gathered, found.mobile, is_json=text_of(form, "form") == "json")


@router.get("/people/{reference}/copy")
async def return_to_person(view: PrivacyPage) -> Response:
    """Return from the address of a form that was sent."""
    return view.to(FOUND)


@router.get("/people/{reference}/erase")
async def ask_to_erase(view: PrivacyPage, reference: str) -> Response:
    """Say what goes at once, and what stays until when."""
    return await _ask_to_erase(view, reference, {}, {})


@router.post("/people/{reference}/erase")
async def erase(view: PrivacyPage, reference: str) -> Response:
    """Erase for a person what may go of the applications that the page has shown."""
    form = await view.form()
    typed = _reason(form)
    shown = [one[:40] for one in form.getlist("reference") if isinstance(one, str)][:MOST_APPLICATIONS]
    try:
        erased = await view.command(rpc.privacy.ERASE_FOR_PERSON, _request(typed, shown), key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _ask_to_erase(view, reference, typed, problems_of(error), 422)
    return view.save_result(view.to(ERASED), ERASED, erased.model_dump(mode="json"))


@router.get("/erased")
async def show_receipt(view: PrivacyPage) -> Response:
    """Show the receipt, to be printed for the person."""
    receipt = view.read_result()
    return view.html("privacy/erased.html", receipt=receipt) if receipt else view.to(PLACE)


@router.get("/register")
async def show_register(view: PrivacyPage) -> Response:
    """Show the register of processing, with what is set here."""
    settings = view.caller.state.settings
    return view.html(
        "privacy/register.html",
        kept=KEPT,
        chosen={name: getattr(settings, name) for name in KEPT},
        held=processing.HELD,
        staff=(sorted(processing.STAFF), processing.WORK),
        processors=processing.PROCESSORS,
    )


def _reason(form: Any) -> Typed:
    return {name: text_of(form, name) for name in ("asked", "request_number")}


def _request(typed: Typed, references: list[str]) -> rpc.privacy.ForPerson:
    return rpc.privacy.ForPerson.model_validate({**typed, "references": references})


async def _find(view: View, reference: str) -> rpc.privacy.PersonFound:
    """Return the person of an application.

    Raises:
        NotFound: nothing is kept of them any more.
    """
    found = await view.query(rpc.privacy.FIND_PERSON, rpc.privacy.FindPerson(q=reference[:40]))
    if not found.items:
        raise NotFound("nothing is kept of this person")
    return found


def _listed(found: rpc.privacy.PersonFound) -> own_data.Listed:
    return found.items, (), found.is_cut


def _search(view: View, typed: Typed, errors: Typed, status: int = 200) -> Response:
    return view.html("privacy/search.html", status, typed=typed, errors=errors)


async def _words(view: View, found: rpc.privacy.PersonFound) -> dict[str, Any]:
    gathered = await own_data.gather(view.caller, listed=_listed(found))
    base = f"{PLACE}/people/{quote(found.items[0].reference, safe='')}"
    return {**await my_data.words(view, gathered, found.mobile), "base": base}


async def _person(
    view: View, found: rpc.privacy.PersonFound, typed: Typed, errors: Typed, status: int = 200
) -> Response:
    shown = await _words(view, found)
    return view.html("privacy/person.html", status, typed=typed, errors=errors, **shown)


async def _ask_to_erase(
    view: View, reference: str, typed: Typed, errors: Typed, status: int = 200
) -> Response:
    shown = await _words(view, await _find(view, reference))
    return view.html("privacy/erase.html", status, typed=typed, errors=errors, **shown)

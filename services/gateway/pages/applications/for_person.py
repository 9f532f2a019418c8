"""The desk of the data officer: a person's data, for somebody who comes in person or has written.

What the person would see at ``/my-data``, a copy of it, its correction, its end, and that of a consent, each
with the reason; and the register of processing. Requests about data are answered where all are
(``pages/requests.py``).
"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import Response
from pydantic import ValidationError

from contracts import processing, rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound, Unavailable
from contracts.model import OPEN_STATUSES
from contracts.retention import KEPT
from contracts.rpc.own_data import MOST_APPLICATIONS
from services.gateway.handlers import own_data
from services.gateway.pages.applications import correct as corrections
from services.gateway.pages.applications import my_data
from services.gateway.pages.applications.detail import NOTICES
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.reports import doubt_old_looks, vendors_of
from services.gateway.pages.shared.view import PrivacyPage, View, page_router

router = page_router("/desk/privacy")
PLACE, FOUND, ERASED = "/desk/privacy", "/desk/privacy/found", "/desk/privacy/erased"
Typed = dict[str, str]
TOLD: dict[str, str] = {
    "corrected": _("The correction is saved, and the department sees it."),
    "correction_waits": _(
        "The correction waits for the department. Until it has confirmed it, everything stays as it was."
    ),
    **{name: NOTICES[name] for name in ("cannot_correct", "too_late")},
}
"""Notices that the page of a person shows after a correction, by a word in its address."""


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


@router.get("/people/{reference}/correct")
async def ask_correction(view: PrivacyPage, reference: str) -> Response:
    """Show what can be corrected of an application, as it is."""
    shown = await _application(view, reference)
    if shown.status not in OPEN_STATUSES:
        return _corrected(view, reference, "cannot_correct")
    return _correction(view, shown, corrections.known_of(shown), {}, {})


@router.post("/people/{reference}/correct")
async def correct(view: PrivacyPage, reference: str) -> Response:
    """Correct an application for a person, with the reason, once for each key."""
    shown, form = await _application(view, reference), await view.form()
    typed = _reason(form)
    given, problems = corrections.read(form, shown)
    if problems:
        return _correction(view, shown, given, typed, problems, 422)
    try:
        asked = {**corrections.asked_of(form, shown, given), **typed}
        request = rpc.privacy.CorrectForPerson.model_validate(asked)
        done = await view.command(rpc.privacy.CORRECT_FOR_PERSON, request, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return _correction(view, shown, given, typed, corrections.places_of(error), 422)
    except (Conflict, IdempotencyKeyReused) as error:
        if error.body.code == "application_changed":
            return _correction(view, shown, given, typed, {}, 409)
        return _corrected(view, reference, "cannot_correct" if isinstance(error, Conflict) else "too_late")
    return _corrected(view, reference, "correction_waits" if done.waits else "corrected")


@router.get("/people/{reference}/erase")
async def ask_to_erase(view: PrivacyPage, reference: str) -> Response:
    """Say what goes at once, what is locked until when, and what stays."""
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
    return view.save_result(view.to(ERASED), ERASED, my_data.receipt_of(view, erased))


@router.get("/people/{reference}/consent")
async def ask_to_withdraw(view: PrivacyPage, reference: str) -> Response:
    """Say what is cancelled with the consent."""
    return await _ask_to_withdraw(view, reference, {}, {})


@router.post("/people/{reference}/consent")
async def withdraw(view: PrivacyPage, reference: str) -> Response:
    """Withdraw for a person the consent to one application."""
    form = await view.form()
    typed = _reason(form)
    try:
        request = rpc.privacy.ConsentOfPerson.model_validate({**typed, "reference": reference[:40]})
        await view.command(rpc.privacy.WITHDRAW_FOR_PERSON, request, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _ask_to_withdraw(view, reference, typed, problems_of(error), 422)
    return view.save_result(view.to(FOUND, "withdrawn"), FOUND, {"q": reference[:40], "id_last4": ""})


@router.get("/erased")
async def show_receipt(view: PrivacyPage) -> Response:
    """Show the receipt, to be printed for the person."""
    receipt = view.read_result()
    return view.html("privacy/erased.html", receipt=receipt) if receipt else view.to(PLACE)


@router.get("/register")
async def show_register(view: PrivacyPage) -> Response:
    """Show the register of processing, with what is set here."""
    settings = view.caller.state.settings
    chosen = {name: getattr(settings, name) for name in KEPT}
    return view.html(
        "privacy/register.html",
        kept=KEPT,
        chosen=chosen,
        until=lambda text: processing.told_until(
            text, {name: f"{value} {KEPT[name].unit}" for name, value in chosen.items()}
        ),
        held=processing.HELD,
        staff=(sorted(processing.STAFF), processing.WORK),
        processors=processing.PROCESSORS,
        used=await _used(view),
    )


async def _used(view: View) -> dict[str, str | None]:
    """Return which processors are in use now: as what, nothing where not, None where nobody can tell.

    A sender says which vendors it gives messages to, and the exporter whether it watches backups.
    """
    try:
        report = doubt_old_looks(await view.caller.state.ops.report())
    except Unavailable:
        return {}
    senders = vendors_of(report)
    names = {one.provider for one in senders.items}
    used: dict[str, str | None] = {
        who.name: ", ".join(sorted(names & set(who.senders)))
        for who in processing.PROCESSORS
        if who.senders and senders.are_known
    }
    return used if report.backups is None else {**used, "backups": "yes" if report.backups else ""}


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


async def _application(view: View, reference: str) -> rpc.application.ApplicationView:
    """Return an application as its applicant sees it; `NotFound` where nothing names them any more."""
    asked = rpc.application.ReferenceOnly(reference=reference[:40])
    return await view.query(rpc.application.VIEW_APPLICATION, asked)


def _corrected(view: View, reference: str, notice: str) -> Response:
    """Lead back to the person, who is found by this application: their card may be another one now."""
    return view.save_result(view.to(FOUND, notice=notice), FOUND, {"q": reference[:40]})


def _correction(
    view: View,
    shown: rpc.application.ApplicationView,
    given: Answers,
    typed: Typed,
    errors: Typed,
    status: int = 200,
) -> Response:
    words = corrections.words(view, shown, given, status)
    return view.html("privacy/correct.html", status, typed=typed, errors=errors, **words)


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
    shown |= {"notices": TOLD, "correctable": OPEN_STATUSES}
    return view.html("privacy/person.html", status, typed=typed, errors=errors, **shown)


async def _ask_to_erase(
    view: View, reference: str, typed: Typed, errors: Typed, status: int = 200
) -> Response:
    shown = await _words(view, await _find(view, reference))
    return view.html("privacy/erase.html", status, typed=typed, errors=errors, **shown)


async def _ask_to_withdraw(
    view: View, reference: str, typed: Typed, errors: Typed, status: int = 200
) -> Response:
    found = await _find(view, reference)
    shown = await _words(view, found)
    given = next((one for one in shown["found"].answers.values() if one.reference == reference), None)
    if given is None or given.consent is None or given.consent.withdrawn_at is not None:
        return view.save_result(view.to(FOUND), FOUND, {"q": reference[:40], "id_last4": ""})
    cancels = any(one.reference == reference and one.status in OPEN_STATUSES for one in found.items)
    words = {"given": given, "cancels": cancels, "typed": typed, "errors": errors}
    return view.html("privacy/consent.html", status, **words)

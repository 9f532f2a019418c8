"""Duty contacts: whom a message reaches when nobody decides, for each officer and for each reception."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Path, Response

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound, Unavailable
from contracts.model import ArrivalNotice, Code
from contracts.rpc.approval.directory import DutyContact, DutyContacts, DutyPlace, PutDutyContacts
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.languages import LANGUAGES, _
from services.gateway.pages.shared.view import AdoPage, View, page_router

router = page_router("/desk/directory/contacts")
Kind = Literal["departments", "sites"]
PlaceCode = Annotated[Code, Path()]
RECEPTION = "reception"
"""The name of the only contact of a site, in the fields of its form."""
ARRIVALS: dict[ArrivalNotice, str] = {
    "none": _("No message"),
    "sms": _("An SMS for each visitor"),
    "whatsapp": _("A WhatsApp message for each visitor"),
    "digest": _("One message in the morning and one in the afternoon"),
}
"""What an officer gets when visitors of theirs have come."""
NAMES: dict[str, str] = {"pa": _("Punjabi"), "hi": _("Hindi"), "en": _("English")}


@router.get("")
async def show_places(view: AdoPage) -> Response:
    departments = await directory.departments(view, "", unstaffed=True)
    return view.html(
        "directory/contact_places.html",
        departments={one.code: one.name[view.language] for one in departments},
        sites=await directory.site_names(view),
    )


@router.get("/{kind}/{code}")
async def show_contacts(view: AdoPage, kind: Kind, code: PlaceCode) -> Response:
    """Show the contacts of a department's officers, or of a reception, in a form."""
    stored = await view.query(rpc.approval.directory.DUTY_CONTACTS, DutyPlace(kind=kind, code=code))
    typed = {"language": stored.language, "was": stored.revision}
    for one in stored.contacts:
        name = one.officer or RECEPTION
        typed |= {
            f"mobile.{name}": one.mobile,
            f"email.{name}": one.email,
            f"arrivals.{name}": one.arrivals,
        }
    return await _page(view, kind, code, typed, stored=stored)


@router.post("/{kind}/{code}")
async def put_contacts(view: AdoPage, kind: Kind, code: PlaceCode) -> Response:
    """Store the contacts, unless somebody else has changed them meanwhile."""
    form = await view.form()
    names = {name.partition(".")[2] for name in form if name.startswith(("mobile.", "email."))}
    typed, key = {name: text_of(form, name) for name in form}, key_of(form)
    contacts = tuple(
        DutyContact(
            officer=None if kind == "sites" else name,
            mobile=text_of(form, f"mobile.{name}")[:40],
            email=text_of(form, f"email.{name}")[:254],
            arrivals=next((one for one in ARRIVALS if one == text_of(form, f"arrivals.{name}")), "none"),
        )
        for name in sorted(names)
        if text_of(form, f"mobile.{name}") or text_of(form, f"email.{name}")
    )
    language = next((one for one in LANGUAGES if one == text_of(form, "language")), "pa")
    try:
        request = PutDutyContacts(
            kind=kind, code=code, contacts=contacts, language=language, was=text_of(form, "was")
        )
        await view.command(rpc.approval.directory.PUT_DUTY_CONTACTS, request, key)
    except Unavailable:
        return await _page(view, kind, code, typed, {}, 503, key=key)
    except IdempotencyKeyReused:  # an earlier attempt did arrive, and the form was changed since
        return await _page(view, kind, code, typed, {}, 409, arrived=True)
    except InvalidInput as error:
        return await _page(view, kind, code, typed, problems_of(error), 422)
    except Conflict as error:
        return await _page(view, kind, code, typed, {}, 409, changed_by=str(error.body.facts.get("by", "")))
    return view.to(f"/desk/directory/contacts/{kind}/{code}", "saved")


async def _page(
    view: View,
    kind: Kind,
    code: str,
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    **shown: Any,
) -> Response:
    if kind == "sites":
        title, people = (await directory.site_names(view)).get(code, ""), {RECEPTION: ""}
    else:
        title = (await directory.department_names(view)).get(code, "")
        people = await _officers(view, code, typed if status == 503 else {})
    if not title:
        raise NotFound("there is no such place")
    values: dict[str, Any] = {
        "kind": kind,
        "title": title,
        "people": people,
        "spoken": NAMES,
        "arrivals": [{"value": one, "text": text} for one, text in ARRIVALS.items()],
        "typed": typed,
        "errors": errors or {},
        "stored": DutyContacts(),
        "changed_by": None,
        "key": "",
        "arrived": False,
        **shown,
    }
    return view.html("directory/contacts.html", status, **values)


async def _officers(view: View, department: str, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the officers of a department with their designations, by code.

    While approval does not answer they are those of the form that was typed, named where a copy knows them.
    """
    if typed:
        codes = [name.partition(".")[2] for name in typed if name.startswith("mobile.")]
        found = {code: await view.caller.state.officers.find(department, code) for code in codes}
    else:
        found = {one.code: one for one in await directory.officers(view, department)}
    return {
        code: f"{one.name[view.language]}, {one.designation[view.language]}" if one else code
        for code, one in found.items()
    }

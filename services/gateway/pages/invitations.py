"""The pages on which a department invites visitors: one form with a list of people, and what was sent.

A line of the list is ``name, mobile, email, kind of ID, last four``; all but the name may be left out. One
wrong line sends nothing, and each is named by its number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts.errors import IdempotencyKeyReused, InvalidInput, Unavailable
from contracts.mobile import ascii_digits
from contracts.rpc.application import Invite
from contracts.visiting_rules import MOST_INVITED
from services.chassis.runtime.clock import now
from services.gateway.handlers import visit_requests
from services.gateway.pages.shared import directory, pasted_list, visit_times
from services.gateway.pages.shared.forms import key_of, problems_of, text_of, told_of
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.pasted_list import DEFAULT_ID_TYPE, LineProblem, id_type_of
from services.gateway.pages.shared.questions import Problems
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk/invitations")
SENT = "/desk/invitations/sent"
TYPED = (
    "site", "officer", "purpose_kind", "purpose", "date", "from", "to", "visitors", "delegation", "language",
    "deliver_by",
)  # fmt: skip
SLOT = ("date", "from", "to")
NOT_READABLE = {name: f"{name}_missing" for name in SLOT}
_LAST_FOUR = re.compile(r"\w{4}")


@dataclass
class Invitation:
    """The form as it was typed, and its problems."""

    typed: dict[str, str]
    visitors: list[dict[str, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    errors: Problems = field(default_factory=dict)
    wrong_lines: list[LineProblem] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def request(self) -> Invite | None:
        """Return the request; None where the form has problems, which are recorded."""
        typed = self.typed
        try:
            request = Invite.model_validate(
                {name: typed[name] for name in ("site", "purpose_kind", "purpose", "language", "deliver_by")}
                | {
                    "officer": typed["officer"] or None,
                    "slot": {name: typed[name] for name in SLOT},
                    "delegation": typed["delegation"] == "yes",
                    "visitors": self.visitors[:MOST_INVITED] or [{"name": ""}],
                    **self.told,
                }
            )
        except ValidationError as error:
            self.take(problems_of(error, NOT_READABLE).items())
            return None
        return None if self.errors or self.wrong_lines else request

    def take(self, found: Iterable[tuple[str, str]]) -> None:
        """Record problems, each at its field or its line."""
        for path, code in found:
            match = re.match(r"visitors\.(\d+)\.", path)
            if match is None:
                self.errors.setdefault(path.removeprefix("slot."), code)
            elif int(match[1]) < len(self.lines):
                self.wrong_lines.append((self.lines[int(match[1])], code))
        self.wrong_lines = sorted(set(self.wrong_lines))


def read(form: FormData) -> Invitation:
    """Read the whole form."""
    invitation = Invitation({name: text_of(form, name) for name in TYPED}, told=told_of(form))
    for number, parts in pasted_list.lines(invitation.typed["visitors"]):
        visitor, problem = _visitor(parts)
        invitation.visitors.append(visitor)
        invitation.lines.append(number)
        if problem:
            invitation.wrong_lines.append((number, problem))
    if not invitation.typed["purpose"]:
        invitation.errors["purpose"] = "purpose_missing"
    if not invitation.visitors:
        invitation.errors["visitors"] = "visitors_missing"
    elif len(invitation.visitors) > MOST_INVITED:
        invitation.errors["visitors"] = "too_many_invited"
    return invitation


def _visitor(parts: list[str]) -> tuple[dict[str, str], str]:
    """Return the visitor of a line, and the code of its problem.

    What stands behind the name is known by its look, so that the order does not matter.
    """
    visitor = {"name": parts[0]}
    for part in filter(None, parts[1:]):
        kind = id_type_of(part)
        if kind:
            name, value = "id_type", kind
        elif "@" in part:
            name, value = "email", part
        elif _LAST_FOUR.fullmatch(part):
            name, value = "id_last4", part
        elif any(char.isdigit() for char in ascii_digits(part)):
            name, value = "mobile", part
        else:
            return visitor, "id_type_unknown"
        if name in visitor:
            return visitor, "line_unclear"
        visitor[name] = value
    if "id_last4" in visitor:
        visitor.setdefault("id_type", DEFAULT_ID_TYPE)
    return visitor, ""


@router.get("")
async def ask(view: DepartmentPage) -> Response:
    """Show an empty form, for the next day on which the site is open."""
    sites = await directory.sites_of(view, _department(view))
    typed = dict.fromkeys(TYPED, "") | {
        "site": sites[0].code if len(sites) == 1 else "",
        "purpose_kind": "meeting",
        "delegation": "no",
        "language": view.language,
        "deliver_by": "sms",
    }
    if sites:
        open_days = visit_times.open_days(sites[0], view.caller.state.settings.furthest_days, now())
        next_day = next((one.day for one in open_days if not one.is_today), None)
        typed["date"] = next_day.isoformat() if next_day else ""
    return await _page(view, Invitation(typed))


@router.post("")
async def invite(view: DepartmentPage) -> Response:
    form = await view.form()
    invitation, key = read(form), key_of(form)
    request = invitation.request()
    if request is None or invitation.errors:
        return await _page(view, invitation, 422)
    try:
        made = await visit_requests.invite(view.caller, request, key)
    except InvalidInput as error:
        invitation.take((one.field, one.code) for one in error.body.fields)
        return await _page(view, invitation, 422)
    except Unavailable:
        return await _page(view, invitation, 503, key=key)
    except IdempotencyKeyReused:  # an earlier attempt did arrive, and the form was changed since
        return await _page(view, invitation, 409, arrived=True)
    people = [
        [visitor["name"], reference, next((way for way in ("mobile", "email") if visitor.get(way)), "")]
        for visitor, reference in zip(invitation.visitors, made.references, strict=False)
    ]
    result = {
        "people": people,
        "delegation": len(invitation.visitors) if request.delegation else 0,
        "slot": request.slot.model_dump(mode="json"),
        "deliver_by": request.deliver_by,
        "masked": bool(made.masked),
    }
    return view.save_result(view.to(SENT), SENT, result)


@router.get("/sent")
async def show_sent(view: DepartmentPage) -> Response:
    """Show who was invited, with references, and how each pass arrives."""
    kept = view.read_result()
    if not kept:
        return view.to("/desk/invitations")
    return view.html("invitations/sent.html", sent=kept)


def _department(view: View) -> str:
    return view.principal.department or ""


async def _page(
    view: View, invitation: Invitation, status: int = 200, *, key: str = "", arrived: bool = False
) -> Response:
    """Return the form; a ``key`` repeats a command whose outcome is not known."""
    department, sites = _department(view), await directory.sites_of(view, _department(view))
    found = (
        await visit_requests.availability(view.caller, department, invitation.typed["site"] or sites[0].code)
        if sites
        else None
    )
    return view.html(
        "invitations/form.html",
        status,
        typed=invitation.typed,
        errors=invitation.errors,
        wrong_lines=invitation.wrong_lines,
        sites=sites,
        free=visit_times.free_windows(found, len(invitation.visitors) or 1, 20)
        if found and found.limited
        else [],
        officers=await directory.open_officers(view, department),
        spoken=LANGUAGES,
        most=MOST_INVITED,
        key=key,
        arrived=arrived,
        consent=invitation.told.get("consent"),
    )

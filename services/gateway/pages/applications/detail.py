"""The page of one application, and who may see it.

The application service opens it for the session that sent it, and for one that has given the last four
characters of its ID card; families share a phone.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import Response

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.errors import Forbidden, InvalidInput
from contracts.model import ApplicationStatus, Language, end_of_last_day
from services.chassis.runtime.clock import IST, now
from services.chassis.runtime.time_words import span
from services.gateway.pages.shared import directory, timeline
from services.gateway.pages.shared.languages import _, instant_in_words, texts
from services.gateway.pages.shared.view import View
from services.gateway.pages.shared.visit_now import visit_now
from services.gateway.pages.shared.vocabulary import days_and_hours
from services.gateway.pages.shared.waiting_times import holder, usual_wait

ONWARD = ("dates", "complete", "correct", "mobile", "my-data")
"""Pages to which the last four characters of the ID card lead straight."""
NOTICES: dict[str, str] = {
    "resent": _("The message was sent again."),
    "dates": _("The department has your new dates."),
    "completed": _("Your application is with the department again."),
    "masked": _("You wrote an Aadhaar number in your answers. We have kept only its last four digits."),
    "cancelled": _("Your visit is cancelled."),
    "said": _("Thank you. The department sees what you say."),
    "mobile_changed": _("The mobile number is changed. Messages go to the new number from now on."),
    "too_many_open": _("The new number has too many open applications already. Nothing was changed."),
    "corrected": _("Your correction is saved, and the department sees it."),
    "correction_waits": _(
        "Your correction waits for the department. Until it has confirmed it, everything stays as it was."
    ),
    "cannot_correct": _(
        "Nothing can be corrected any more: the visit has begun, is over, or does not take place."
    ),
    "too_late": _("This is no longer possible. Look at what has happened."),
}
"""Notices that the page shows after an action, by a word in its address."""
TOO_MANY = "too_many_attempts"
NOT_RESENT = {TOO_MANY, "pass_expired", "pass_revoked", "no_mobile", "no_pass"}
"""Words in the address that say why the message was not sent again."""


async def viewed(view: View, reference: str) -> rpc.application.ApplicationView | None:
    """Return an application of the mobile that is signed in; None if the session has not opened it.

    Raises:
        NotFound: there is none.
    """
    try:
        return await view.query(
            rpc.application.VIEW_APPLICATION, rpc.application.ReferenceOnly(reference=reference[:40])
        )
    except Forbidden as error:
        if error.body.code != rpc.application.NOT_OPENED:
            raise
        return None


async def open_by_last_four(view: View, reference: str, typed: str) -> rpc.application.ApplicationView | str:
    """Open an application; return it, or the code of what is wrong with the last four characters.

    Raises:
        NotFound: there is none.
        TooManyAttempts: the mobile has had too many wrong tries.
    """
    request = rpc.application.OpenApplication(reference=reference[:40], id_last4=typed[:40])
    try:
        return await view.command(rpc.application.OPEN_APPLICATION, request)
    except InvalidInput as error:
        return error.body.fields[0].code


def ask_last_four(
    view: View, reference: str, problem: str = "", *, then: str = "open", onward: str = ""
) -> Response:
    """Return the page that asks for the last four characters of the ID card.

    ``then`` is the action of its form, ``onward`` the page to which it leads, a word of ``ONWARD``.
    """
    with suppress(ValueError):  # there is one: it is shown as it is written
        reference = parse_reference(reference)
    errors = {"id_last4": problem} if problem else {}
    status = 422 if problem else 200
    return view.html(
        "applications/open.html", status, reference=reference, errors=errors, then=then, onward=onward
    )


def redirect_to_application(view: View, reference: str, notice: str = "") -> Response:
    """Redirect to the page of an application, which asks for the last four characters unless it is open."""
    return view.to(f"/applications/{quote(reference[:40], safe='')}", notice=notice)


def is_good(known: rpc.application.PassSummary | None) -> bool:
    """Return whether a pass still opens a gate; its margin may begin on the evening before its first day."""
    if known is None or known.revoked:
        return False
    first_day = (known.valid_from + (known.valid_to - known.valid_from) / 2).astimezone(IST).date()
    return end_of_last_day(known.valid_to, first_day, known.further_days) > now()


def window_of(known: rpc.application.PassSummary | None, margin: timedelta, language: Language) -> str:
    """Return days and hours of the visit: ``Tuesday, 1 December 2026, 10:00 am – 12:00 pm``.

    The gate is open ``margin`` longer on both sides; pages show the window that the department chose.
    """
    if known is None:
        return ""
    start, end = (known.valid_from + margin).astimezone(IST), (known.valid_to - margin).astimezone(IST)
    if start.date() != end.date():
        return span(instant_in_words(start, language), instant_in_words(end, language), language)
    return days_and_hours((start.date(), *known.further_days), start.time(), end.time(), language)


def visit_window(view: View, known: rpc.application.PassSummary | None) -> dict[str, object]:
    """Return what ``pass_summary.html`` shows: the window of the visit, and by how much one may be early."""
    minutes = view.caller.state.settings.entry_margin_minutes
    return {"window": window_of(known, timedelta(minutes=minutes), view.language), "margin_minutes": minutes}


async def application_page(view: View, shown: rpc.application.ApplicationView) -> Response:
    """Return the page of one application, with a notice of ``NOTICES`` or a problem of ``NOT_RESENT``."""
    notice = view.notice
    steps = await progress(view, shown.reference, shown.status, shown.department, shown.timeline, shown.note)
    return view.html(
        "applications/application.html",
        shown=shown,
        now=visit_now(shown.status, shown.timeline, steps["lines"]),
        site=await directory.site(view, shown.site),
        notice=texts(view.language).gettext(NOTICES[notice]) if notice in NOTICES else "",
        is_late=notice in ("too_late", "cannot_correct"),
        problem=notice if notice in NOT_RESENT else "",
        retry_minutes=_minutes_until_resend(view) if notice == TOO_MANY else 0,
        has_good_pass=is_good(shown.pass_),
        **visit_window(view, shown.pass_),
        has_open_wish=bool({slot.day for slot in shown.preferred} - {one.day for one in shown.closed_wishes}),
        wishes=[slot.model_dump(mode="json") for slot in shown.preferred],
        officer=await directory.officer_name(view, shown.department, shown.officer),
        **steps,
    )


def _minutes_until_resend(view: View) -> int:
    """Return after how many minutes the message may be sent again; at least one."""
    at = view.read_result().get("again_at")
    return max(-(-(datetime.fromisoformat(at) - now()) // timedelta(minutes=1)), 1) if at else 1


async def progress(
    view: View,
    reference: str,
    status: ApplicationStatus,
    department: str,
    entries: Sequence[rpc.application.TimelineEntry],
    note: str | None = None,
) -> dict[str, Any]:
    """Return the progress of an application: its timeline, its holder, and the usual waiting time."""
    names = await directory.department_names(view)
    holds = await holder(view, reference, status, department, entries)
    return {
        "lines": await timeline.in_words(view, entries, note),
        "department": names.get(department, department),
        "holder": holds,
        "holder_name": names.get(holds.department, holds.department) if holds and holds.department else "",
        "usual": await usual_wait(view, department) if status == "submitted" else None,
    }

"""One application on the desk, and the decisions on it.

A form is read into the fields of the request, so that each wrong or missing value is a problem beside its
field.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, Forbidden, IdempotencyKeyReused, InvalidInput, NotFound
from contracts.model import IST, RejectionReason, Slot
from contracts.rpc.approval.capacity import Availability, WindowAvailability
from contracts.rpc.approval.decisions import Approve, Withdraw
from contracts.rpc.approval.reviews import ReviewId, ReviewView
from contracts.rpc.call import Method
from contracts.rpc.notify import MessagePreview
from services.chassis.runtime.clock import now
from services.gateway.handlers import visit_requests
from services.gateway.pages.desk.queue import Filters, back_to_queue, can_come, read_filters
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.forms import key_of, number_of, problems_of, text_of
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk")
REFUSED = {"application_closed", "not_approved", "delegation_ended", "no_delegation", "second_officer"}
"""Refusals of which the page of a review tells."""
ONWARD = {"approve": "approved", "reject": "rejected", "return": "returned", "forward": "forwarded"}
"""Decision → notice of the queue, to which the officer returns for the next application."""
DECIDES = ("approve", "reject", "return")
WRITTEN = ("key", "revision", "on_behalf_of", "onward", "back", "next", "reason", "note")
"""Fields of a decision that is not sent yet."""
SLOT = ("date", "from", "to")
MOST_WINDOWS = 60
"""Free windows that an approval offers beside the preferred times."""
NOT_READABLE = {
    "entries": "entries_range",
    "date": "date_missing",
    "from": "from_missing",
    "to": "to_missing",
    "note": "required",
    "last_day": "date_missing",
}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""


@router.get("/reviews/{review_id}")
async def show_review(view: DepartmentPage, review_id: UUID) -> Response:
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=review_id))
    values = {
        "filters": Filters(),
        "following": "first",
        "opened": None,
        "review": review,
        **await page_values(view, review),
    }
    left_out = [date.fromisoformat(day) for day in view.read_result().get("left_out", ())]
    return view.html("desk/review.html", **values | {"left_out": left_out})


@router.get("/reviews/{review_id}/{verb}")
async def ask_decision(
    view: DepartmentPage, review_id: UUID, verb: str, back: str = "", following: str = "", step: str = ""
) -> Response:
    """Show the form of a decision; ``back`` is the queue from which the officer came.

    A withdrawal that was written, and is not sent yet, is shown as its message (``step=message``), or in its
    form again.
    """
    _check_verb(verb)
    typed = {"back": back, "next": following, "onward": "yes"} if following else {}
    written = view.read_result()
    if step and (verb != "withdraw" or not written):
        return view.to(f"/desk/reviews/{review_id}/{verb}")
    if step:
        return await _message_page(view, Withdraw.model_validate(written["wanted"]), written["typed"])
    return await _decision_page(view, review_id, verb, typed or written.get("typed", {}), {})


@router.post("/reviews/{review_id}/{verb}")
async def decide(  # noqa: PLR0911  an answer for each outcome
    view: DepartmentPage, review_id: UUID, verb: str
) -> Response:
    """Carry out a decision, once for each key.

    An officer who is too late sees the present state; one who read an older revision of the application
    reads it again.
    """
    _check_verb(verb)
    form = await view.form()
    method, read = DECISIONS[verb]
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    typed["weekdays"] = "".join(str(day) for day in form.getlist("weekdays"))
    try:
        officer = {"on_behalf_of": text_of(form, "on_behalf_of") or None} if verb != "forward" else {}
        wanted = method.request.model_validate({"review_id": review_id, **read(form), **officer})
        if isinstance(wanted, Withdraw) and typed.get("preview"):
            result = {"wanted": wanted.model_dump(mode="json"), "typed": _kept(typed)}
            page = f"/desk/reviews/{review_id}/{verb}"
            return view.save_result(view.to(f"{page}?step=message"), page, result)
        review = await view.command(method, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        problems = _beside(typed, problems_of(error, NOT_READABLE))
        return await _decision_page(view, review_id, verb, typed, problems, 422)
    except IdempotencyKeyReused:  # an earlier attempt did arrive, and something else was chosen since
        return await _chosen_anew(view, review_id, verb, typed)
    except Conflict as error:
        if error.body.code == "application_changed":
            return await _decision_page(view, review_id, verb, typed, {}, 409, changed=True)
        is_standing = error.body.code.startswith("standing_")
        if error.body.code == "window_full" or is_standing:
            day = error.body.facts.get("date") if typed.get("last_day") else None
            full_on = date.fromisoformat(str(day)) if day else None
            problem = {"last_day": "day_full"} if full_on else {"slot": "window_full"}
            problem = {"weekdays": error.body.code} if is_standing else problem
            return await _decision_page(view, review_id, verb, typed, problem, 409, full_on=full_on)
        notice = error.body.code if error.body.code in REFUSED else "already_decided"
        return view.to(f"/desk/reviews/{review_id}", notice=notice)
    except Forbidden as error:
        if error.body.code not in REFUSED:
            raise
        return view.to(f"/desk/reviews/{review_id}", notice=error.body.code)
    is_sent = review.standing_state == "waiting"
    waits = verb == "approve" and (review.second_officer or is_sent) and review.status == "pending"
    if verb in DECIDES and review.status == "pending" and not waits:  # a repeat of what was undone meanwhile
        return view.to(f"/desk/reviews/{review_id}")
    left_out = _left_out(wanted, review) if isinstance(wanted, Approve) else []
    if waits or left_out:
        page = f"/desk/reviews/{review_id}"
        shown = {"left_out": [day.isoformat() for day in left_out]}
        notice = "standing_sent" if is_sent else "second_officer"
        return view.save_result(view.to(page, notice=notice if waits else "done"), page, shown)
    return _after(view, review, verb, form)


@dataclass(frozen=True)
class Places:
    """The windows in which a department still takes visitors, for the form of an approval."""

    found: Availability

    def of(self, slot: Slot) -> WindowAvailability | None:
        """Return the fullest window that a slot touches; None where the department receives nobody then."""
        windows = next((one.windows for one in self.found.days if one.day == slot.day), ())
        touched = [one for one in windows if slot.start < one.end and one.start < slot.end]
        return min(touched, key=lambda one: one.free, default=None)

    def has_place(self, slot: Slot, party: int) -> bool:
        """Return whether every window that a slot touches has places for a party."""
        fullest = self.of(slot)
        return fullest is not None and fullest.free >= party

    def windows(self, party: int) -> list[tuple[date, WindowAvailability]]:
        """Return the next windows, with their days, in which a party finds places."""
        return visit_times.free_windows(self.found, party, MOST_WINDOWS)


async def _message_page(view: View, wanted: Withdraw, typed: dict[str, str]) -> Response:
    """Show the message about a withdrawal as its visitor will get it, in their language."""
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=wanted.review_id))
    text = await _message(view, rpc.notify.PREVIEW_WITHDRAWAL, review, wanted.reason, wanted.note)
    return view.html("desk/preview.html", review=review, typed=typed, text=text, errors={})


async def _message(
    view: View,
    method: Method[Any, MessagePreview],
    review: ReviewView,
    reason: RejectionReason | None = None,
    note: str = "",
) -> str:
    """Return the message about a decision; empty where notify does not answer soon: none waits for it."""
    question = method.request(
        reference=review.reference,
        department=review.department,
        language=review.language or view.language,
        deliver_by=review.deliver_by or "sms",
        reason=reason,
        note=note,
    )
    found = await view.try_query(method, question, soon=True)
    return found.text if found else ""


async def form_values(view: View, review: ReviewView | None, verb: str) -> dict[str, Any]:
    """Return what the form of a decision shows besides the review."""
    if review is not None and verb == "forward":
        return {"departments": await directory.departments(view, review.site)}
    if review is not None and verb == "reject":
        return {"message": await _message(view, rpc.notify.PREVIEW_REJECTION, review)}
    return {}


def shown_after(about: str, decided: Sequence[ReviewView]) -> dict[str, Any]:
    """Return what the queue shows after a decision: what it was about, and what can be taken back."""
    held = {str(one.id): one.leaves_at.isoformat() for one in decided if one.leaves_at}
    return {"about": about, "held": list(held), "until": min(held.values(), default="")}


def _after(view: View, review: ReviewView, verb: str, form: FormData) -> Response:
    """Lead an officer on: to the next application, or to the one that was decided."""
    if text_of(form, "onward") and verb in ONWARD:
        filters = read_filters(text_of(form, "back"))
        row = text_of(form, "row")[:40]
        following = {"open": text_of(form, "next")[:40], "row": row}
        stays = verb == "forward" and not text_of(form, "department")
        notice = "done" if stays else ONWARD[verb]
        response = back_to_queue(view, filters, notice, about=str(review.id), **following)
        if row:
            response.headers["location"] += f"#row-{quote(row)}"
        slot = review.decision.slot if review.decision else None
        shown = shown_after(str(review.id), [review])
        shown |= {"name": review.name, "slot": slot and slot.model_dump(mode="json", by_alias=True)}
        return view.save_result(response, "/desk", shown)
    if text_of(form, "department"):
        return view.to("/desk", notice="forwarded")  # it is on another desk now
    return view.to(f"/desk/reviews/{review.id}", notice="withdrawn" if verb == "withdraw" else "done")


def _kept(typed: dict[str, str]) -> dict[str, str]:
    """Return what is kept of a decision that is not sent yet."""
    return {name: value for name, value in typed.items() if name in WRITTEN}


def _check_verb(verb: str) -> None:
    if verb not in DECISIONS:
        raise NotFound("no such page")


def _beside(typed: dict[str, str], problems: dict[str, str]) -> dict[str, str]:
    """Return the problems at the fields that were used.

    A problem of a preferred slot is shown at the choice, not at the fields of another time.
    """
    preferred = typed.get("slot", "") not in {"", "own"}
    by_name = {path.rpartition(".")[2]: code for path, code in problems.items()}
    return {"slot" if preferred and name in SLOT else name: code for name, code in by_name.items()}


def _slot(form: FormData) -> dict[str, str]:
    """Return the chosen slot: one of the preferred ones, or another day and time."""
    own = {name: text_of(form, name) for name in SLOT}
    slot = text_of(form, "slot")
    chosen = (text_of(form, "window") if slot == "window" else slot).split()
    if len(chosen) == len(SLOT):
        return dict(zip(SLOT, chosen, strict=True))
    if not text_of(form, "slot") and not any(own.values()):
        raise InvalidInput.of("slot", "choose_one")
    return own


def _approve(form: FormData) -> dict[str, Any]:
    return {
        "slot": _slot(form),
        "gate": text_of(form, "gate") or None,
        "entries": text_of(form, "entries") or "1",
        "vehicle_allowed": text_of(form, "vehicle_allowed") == "yes",
        "last_day": text_of(form, "last_day") or None,
        "days_reason": text_of(form, "days_reason"),
        "weekdays": form.getlist("weekdays"),
        "revision": number_of(form, "revision"),
        **({"wait_if_full": True} if text_of(form, "wait_if_full") else {}),
    }


def _withdraw(form: FormData) -> dict[str, Any]:
    return {"reason": text_of(form, "reason"), "note": text_of(form, "note")}


DECISIONS: dict[str, tuple[Method[Any, ReviewView], Callable[[FormData], dict[str, Any]]]] = {
    "approve": (rpc.approval.decisions.APPROVE, _approve),
    "reject": (
        rpc.approval.decisions.REJECT,
        lambda form: {**_withdraw(form), "revision": number_of(form, "revision")},
    ),
    "return": (
        rpc.approval.decisions.RETURN,
        lambda form: {"note": text_of(form, "note"), "revision": number_of(form, "revision")},
    ),
    "forward": (
        rpc.approval.decisions.FORWARD,
        lambda form: {name: text_of(form, name) or None for name in ("department", "officer")},
    ),
    "withdraw": (rpc.approval.decisions.WITHDRAW, _withdraw),
}


async def _decision_page(
    view: View,
    review_id: UUID,
    verb: str,
    typed: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
    *,
    changed: bool = False,
    full_on: date | None = None,
) -> Response:
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=review_id))
    if status == HTTPStatus.OK and verb in DECIDES and review.status != "pending":  # before anything is typed
        is_own = review.decision is not None and review.decision.decided_by == view.principal.login_id
        notice = "application_closed" if review.status == "closed" else "already_decided"
        return view.to(f"/desk/reviews/{review_id}", notice="" if is_own else notice)
    found, more = await asyncio.gather(page_values(view, review), form_values(view, review, verb))
    values = {**found, **more}
    return view.html(
        "desk/decision.html",
        status,
        **{**values, "review": review, "verb": verb, "typed": typed, "errors": errors, "full_on": full_on},
        changed=changed,
    )


async def _chosen_anew(view: View, review_id: UUID, verb: str, typed: dict[str, str]) -> Response:
    """Lead to what was decided with the same key, or show the form with another key where it was undone."""
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=review_id))
    if review.status != ("approved" if verb == "withdraw" else "pending"):
        return view.to(f"/desk/reviews/{review_id}", notice="already_decided")
    return await _decision_page(view, review_id, verb, typed, {}, 409)


async def page_values(view: View, review: ReviewView | None) -> dict[str, Any]:
    """Return what the page of a review shows besides the review; nothing where none is shown."""
    if review is None:
        return {}
    return {
        "site": await directory.site(view, review.site),
        "officers": {one.code: one for one in await directory.officers(view, review.department)},
        "departments": [],
        "asks": "",
        "beside": False,
        "typed": {},
        "errors": {},
        "full_on": None,
        "days_between": days_between,
        "left_out": [],
        "today": now().astimezone(IST).date(),
        "at": now(),
        "visiting": await places(view, review),
        "can_come": can_come,
        "clock": lambda instant: instant.astimezone(IST).time(),
    }


def days_between(first: date, further_days: Sequence[date], last: date | None = None) -> list[date]:
    """Return the days of the calendar that a visit leaves out, up to its last day or to a later one."""
    until = last or (further_days[-1] if further_days else first)
    every = (first + timedelta(days=ahead) for ahead in range(1, (until - first).days + 1))
    return [day for day in every if day not in further_days]


def _left_out(wanted: Approve, review: ReviewView) -> list[date]:
    """Return the days up to the last one that an officer named and on which the visit cannot take place."""
    terms = review.decision or review.first_approval
    if terms is None or wanted.last_day is None or wanted.weekdays:
        return []
    return days_between(wanted.slot.day, terms.further_days, wanted.last_day)


async def places(view: View, review: ReviewView) -> Places | None:
    """Return the windows of the department while a decision is due; None where nothing limits it."""
    if review.status != "pending":
        return None
    found = await visit_requests.availability(view.caller, review.department, review.site)
    return Places(found) if found and found.limited else None

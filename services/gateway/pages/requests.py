"""Complaints, questions and other requests: people send and follow them, officers enter and answer them."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Query, Response
from pydantic import ValidationError

from contracts.errors import Conflict, InvalidInput
from contracts.rpc import requests as rpc
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import (
    ApplicantPage,
    RequestAnswererPage,
    RequestReaderPage,
    View,
    page_router,
)

router = page_router("")
MISSING = {"kind": "request_kind_not_chosen"}
After = Annotated[str | None, Query(max_length=200)]


@router.get("/requests")
async def show_own(view: ApplicantPage, after: After = None) -> Response:
    found = await view.query(rpc.LIST_REQUESTS, rpc.RequestQuestion(after=after, limit=20))
    return view.html("requests/list.html", found=found)


@router.get("/requests/new")
async def ask(view: ApplicantPage) -> Response:
    return view.html("requests/new.html", typed={}, errors={}, longest=rpc.LONGEST)


@router.post("/requests/new")
async def send(view: ApplicantPage) -> Response:
    """Send a request, and lead to its page, which has the number and the day of the answer."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("kind", "text")}
    try:
        request = rpc.SendRequest.model_validate({**typed, "language": view.language})
        sent = await view.command(rpc.SEND_REQUEST, request, key_of(form))
    except (ValidationError, InvalidInput) as error:
        errors = problems_of(error, MISSING)
        return view.html("requests/new.html", 422, typed=typed, errors=errors, longest=rpc.LONGEST)
    return view.to(f"/requests/{sent.request_number}", notice="masked" if sent.masked else "sent")


@router.get("/requests/{number}")
async def show_own_request(view: ApplicantPage, number: str) -> Response:
    shown = await view.query(rpc.VIEW_REQUEST, rpc.RequestNumber(request_number=number[:40]))
    return view.html("requests/request.html", shown=shown)


@router.get("/desk/requests")
async def show_all(
    view: RequestReaderPage, which: Literal["answered", ""] = "", after: After = None
) -> Response:
    """Show which requests wait, the oldest first, and which are late; the ADO Branch sees no more of them."""
    question = rpc.RequestQuestion(answered=bool(which), after=after, limit=50)
    found = await view.query(rpc.LIST_REQUESTS, question)
    return view.html("requests/desk.html", found=found, which=which)


@router.get("/desk/requests/new")
async def ask_to_enter(view: RequestAnswererPage) -> Response:
    return _entry(view, {"language": view.language}, {})


@router.post("/desk/requests/new")
async def enter(view: RequestAnswererPage) -> Response:
    """Enter a request of somebody without a mobile; its page is the receipt, to be printed."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("kind", "text", "language", "name", "contact")}
    try:
        request = rpc.EnterRequest.model_validate(typed)
        sent = await view.command(rpc.ENTER_REQUEST, request, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return _entry(view, typed, problems_of(error, MISSING), 422)
    return view.to(
        f"/desk/requests/{sent.request_number}", notice="entered_masked" if sent.masked else "entered"
    )


@router.get("/desk/requests/{number}")
async def show_request(view: RequestAnswererPage, number: str) -> Response:
    return await _request(view, number, "", {})


@router.post("/desk/requests/{number}")
async def answer(view: RequestAnswererPage, number: str) -> Response:
    """Answer a request, which closes it."""
    form = await view.form()
    typed = text_of(form, "answer")
    try:
        request = rpc.AnswerRequest(request_number=number[:40], answer=typed)
        done = await view.command(rpc.ANSWER_REQUEST, request, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _request(view, number, typed, problems_of(error), 422)
    except Conflict as error:
        return view.to(f"/desk/requests/{quote(number[:40], safe='')}", notice=error.body.code)
    return view.to(f"/desk/requests/{done.request_number}", notice="masked" if done.masked else "answered")


@router.post("/desk/requests/{number}/close")
async def close(view: RequestAnswererPage, number: str) -> Response:
    """Close a request that gets no answer; nobody is told."""
    form = await view.form()
    try:
        request = rpc.CloseRequest.model_validate(
            {"request_number": number[:40], "closed_as": text_of(form, "closed_as")}
        )
        await view.command(rpc.CLOSE_REQUEST, request, key_of(form))
    except ValidationError as error:
        return await _request(view, number, "", problems_of(error), 422)
    except Conflict as error:
        return view.to(f"/desk/requests/{quote(number[:40], safe='')}", notice=error.body.code)
    return view.to(f"/desk/requests/{quote(number[:40], safe='')}", notice="closed")


@router.get("/desk/requests/{number}/close")
async def return_to_request(view: RequestAnswererPage, number: str) -> Response:
    """Return from the address of a form that was sent."""
    return view.to(f"/desk/requests/{quote(number[:40], safe='')}")


async def _request(
    view: View, number: str, typed: str, errors: dict[str, str], status: int = 200
) -> Response:
    shown = await view.query(rpc.VIEW_REQUEST, rpc.RequestNumber(request_number=number[:40]))
    return view.html(
        "requests/desk_request.html", status, shown=shown, typed=typed, errors=errors, longest=rpc.LONGEST
    )


def _entry(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    return view.html("requests/enter.html", status, typed=typed, errors=errors, longest=rpc.LONGEST)

"""The pages of an operator (for example of a Sewa Kendra) who applies for visitors.

The operator uses the pages of applying; the code goes to the visitor's phone. The visitor's session
authorises. The operator's session lies beside it and is recorded with the application.
"""

from fastapi import Response

from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.sign_out import end_session, sign_out_applicant
from services.gateway.pages.shared.view import OperatorPage, page_router

router = page_router("/assist")


@router.get("")
async def show(view: OperatorPage) -> Response:
    return view.html("assist/next_visitor.html")


@router.post("/next")
async def begin(view: OperatorPage) -> Response:
    """Start a new application and forget the previous visitor's answers."""
    response = view.to("/sign-in")
    await sign_out_applicant(view, response)
    return response


@router.post("/sign-out")
async def leave(view: OperatorPage) -> Response:
    response = view.to("/staff/sign-in")
    await sign_out_applicant(view, response)
    cookies.sign_out_operator(response, view.request)
    cookies.sign_in_ended(response, view.request)
    await end_session(view.caller)
    return response

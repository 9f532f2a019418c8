"""An operator, such as of a Sewa Kendra, applies for others: through the pages of applying, with a code on the visitor's phone.

The visitor's session is what authorises; the operator's lies beside it and is recorded with the application.
"""

from fastapi import APIRouter, Response

from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.sign_out import end_session, forget
from services.gateway.pages.shared.view import OperatorPage

router = APIRouter(prefix="/{language:lang}/assist", include_in_schema=False, route_class=PageRoute)


@router.get("")
async def show(view: OperatorPage) -> Response:
    """For whom next."""
    return view.html("assist/next_visitor.html")


@router.post("/next")
async def begin(view: OperatorPage) -> Response:
    """Another visitor, of whose predecessor nothing is left."""
    response = view.to("/sign-in")
    await forget(view, response)
    return response


@router.post("/sign-out")
async def leave(view: OperatorPage) -> Response:
    """Ends both sessions."""
    response = view.to("/staff/sign-in")
    await forget(view, response)
    cookies.forget_operator(response, view.request)
    await end_session(view.caller)
    return response

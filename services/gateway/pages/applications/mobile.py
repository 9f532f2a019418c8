"""Another mobile for an application: the applicant enters it, and then the code that was sent to it.

Who is here has proved the number so far by a code, and knows the last four characters of the ID card.
"""

from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from fastapi import Response

from contracts import rpc
from contracts.errors import (
    Conflict,
    ContractError,
    InvalidInput,
    NotAuthenticated,
    TooManyAttempts,
    Unavailable,
)
from contracts.mobile import only_digits
from contracts.model import OPEN_STATUSES
from contracts.rpc.accounts.sessions import RequestOtp
from contracts.rpc.application import ApplicationView, NewMobile
from services.gateway.access.admission import rate_limited
from services.gateway.handlers import mobile_changes
from services.gateway.pages.applications.detail import ask_last_four, redirect_to_application, viewed
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.answers import Answers, owner
from services.gateway.pages.shared.error_pages import error_page
from services.gateway.pages.shared.forms import problems_of, text_of, work_of
from services.gateway.pages.shared.sign_out import end_replaced
from services.gateway.pages.shared.view import ApplicantPage, View, page_router

router = page_router("/applications/{reference}")
WAITING = "new_mobile"
"""Key of the number that waits for its code, among the answers."""
SPENT = ("code_used", "code_expired", "too_many_tries")
"""Error codes after which a new code is needed."""


@router.get("/mobile")
async def ask_mobile(view: ApplicantPage, reference: str) -> Response:
    shown = await viewed(view, reference)
    if shown is None:
        return ask_last_four(view, reference, onward="mobile")
    if shown.status not in OPEN_STATUSES:
        return redirect_to_application(view, reference)
    return _mobile_page(view, shown, "", {})


@router.post("/mobile", dependencies=[rate_limited("otp")])
async def send_code(view: ApplicantPage, reference: str) -> Response:
    """Send a code to the new number. A second click sends no second code."""
    shown, form = await viewed(view, reference), await view.form()
    typed, key = text_of(form, "mobile")[:40], text_of(form, "key")
    if shown is None or not key or shown.status not in OPEN_STATUSES:
        return redirect_to_application(view, reference)
    if mobile_changes.is_limited(shown):
        return _mobile_page(view, shown, typed, {}, 429)
    problem = mobile_changes.problem_of(typed, shown)
    if problem:
        return _mobile_page(view, shown, typed, {"mobile": problem}, 422)
    request = RequestOtp(mobile=typed, language=view.language, **work_of(form))
    try:
        sent = await view.command(
            rpc.accounts.sessions.REQUEST_OTP, request, str(uuid5(NAMESPACE_URL, f"{key} {typed}"))
        )
    except InvalidInput as error:
        return _mobile_page(view, shown, typed, problems_of(error), 422)
    except Unavailable:
        return _mobile_page(view, shown, typed, {}, 503)
    waiting = {"reference": shown.reference, "mobile": typed, "request_id": str(sent.request_id)}
    waiting["key"] = str(uuid4())
    response = view.to(f"/applications/{shown.reference}/mobile/code")
    return view.save_answers(response, view.read_answers() | {WAITING: waiting})


@router.get("/mobile/code")
async def ask_code(view: ApplicantPage, reference: str) -> Response:
    shown = await viewed(view, reference)
    waiting = _waiting(view, shown)
    if shown is None or waiting is None:
        return redirect_to_application(view, reference)
    return _code_page(view, shown, waiting, {})


@router.post("/mobile/code", dependencies=[rate_limited("otp_verify")])
async def check_code(view: ApplicantPage, reference: str) -> Response:
    """Change the number for the correct code, however it is typed; go on in a session of the new number."""
    typed = text_of(await view.form(), "code")
    answers = view.read_answers()
    waiting = answers.get(WAITING)
    if waiting is None or waiting["reference"] != reference:
        return redirect_to_application(view, reference)
    code = only_digits(typed)[:20]
    try:
        if not code:
            raise InvalidInput.of("code", "code_missing")
        proof = NewMobile(request_id=UUID(waiting["request_id"]), code=code)
        session = await mobile_changes.change(view.caller, reference, proof, waiting["key"])
    except TooManyAttempts as error:
        return _forget_code(view, error_page(view.request, error))
    except Conflict as error:
        known = error.body.code if error.body.code == "too_many_open" else "too_late"
        return _forget_code(view, redirect_to_application(view, reference, notice=known))
    except (InvalidInput, NotAuthenticated, Unavailable) as error:
        return await _not_changed(view, reference, waiting, error)
    await end_replaced(view, session.access_token)
    response = redirect_to_application(view, reference, notice="mobile_changed")
    kept = _without_code(answers) | {"whose": owner(waiting["mobile"])}
    cookies.answers_cookie(view.request).write(response, kept)
    cookies.sign_in(response, view.request, session.access_token, session.expires_at)
    if not view.operator:
        cookies.remember_device(response, view.request, "mobiles", session.device)
    return response


def _waiting(view: View, shown: ApplicationView | None) -> Answers | None:
    """Return the number that waits for its code, if it is for this application."""
    waiting: Answers | None = view.read_answers().get(WAITING)
    return waiting if shown and waiting and waiting["reference"] == shown.reference else None


def _forget_code(view: View, response: Response) -> Response:
    """Delete what waits for a code that opens nothing any more; return the response."""
    return view.save_answers(response, _without_code(view.read_answers()))


def _without_code(answers: Answers) -> Answers:
    return {name: value for name, value in answers.items() if name != WAITING}


async def _not_changed(view: View, reference: str, waiting: Answers, error: ContractError) -> Response:
    """Return the page again after a wrong code, or while a service does not answer."""
    shown = await viewed(view, reference)
    if shown is None:
        return redirect_to_application(view, reference)
    if isinstance(error, Unavailable):
        return _code_page(view, shown, waiting, {}, 503)
    code = error.body.fields[0].code if isinstance(error, InvalidInput) else error.body.code
    left = error.body.facts.get("tries_left")
    if code == "same_mobile" or code in SPENT or left == 0:
        spent = code if code in ("same_mobile", *SPENT) else "too_many_tries"
        return _forget_code(view, _mobile_page(view, shown, waiting["mobile"], {"mobile": spent}, 422))
    return _code_page(view, shown, waiting, {"code": code}, 422, left=left)


def _mobile_page(
    view: View, shown: ApplicationView, typed: str, errors: dict[str, str], status: int = 200
) -> Response:
    limited = mobile_changes.is_limited(shown)
    return view.html(
        "applications/mobile.html", status, shown=shown, typed=typed, errors=errors, limited=limited
    )


def _code_page(
    view: View,
    shown: ApplicationView,
    waiting: Answers,
    errors: dict[str, str],
    status: int = 200,
    *,
    left: str | int | None = None,
) -> Response:
    end = only_digits(waiting["mobile"])[-4:]
    values = {"shown": shown, "errors": errors, "mobile_end": end, "left": left}
    return view.html("applications/mobile_code.html", status, **values)

"""Sign-in of an applicant with a mobile and a code sent to it, without account or password."""

import asyncio
import re
from contextlib import suppress
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from fastapi import Response

from contracts import rpc
from contracts.errors import ContractError, InvalidInput, NotAuthenticated, TooManyAttempts, Unavailable
from contracts.mobile import only_digits
from contracts.rpc.accounts.sessions import RequestOtp, VerifyOtp
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access.admission import claims_of, rate_limited
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.answers import POSTED, VISIT, Answers, owner
from services.gateway.pages.shared.error_pages import WORK_REQUIRED
from services.gateway.pages.shared.forms import key_of, problems_of, text_of, work_of
from services.gateway.pages.shared.sign_out import end_replaced, sign_out_applicant
from services.gateway.pages.shared.view import OpenPage, View, page_router

router = page_router("")
PLACES = {"apply": "/apply/who", "history": "/applications"}
_PAGE = re.compile(
    r"(?:apply|applications|my-data|requests|s)(?:/[A-Za-z0-9-]{1,40}"
    r"(?:/(?:dates|complete|mobile|my-data|consent))?)?"
)

CODE_SECONDS = 9 * 60
"""So long a code is surely good after it was sent; accounts says whether it is (``EPASS_OTP_MINUTES``)."""
SPENT = ("code_used", "code_expired", "too_many_tries")
"""Error codes after which the applicant needs a new code."""
WAIT_SECONDS = 30
"""So long a code to the number of an application is not sent again from its page."""
EQUAL_SECONDS = 0.5
"""So long asking for such a code takes at least, whether there is the application or not."""


def place_of(to: str) -> str:
    """Return the page after signing in: a named place, or the page that required it; never another site."""
    return f"/{to}" if to not in PLACES and _PAGE.fullmatch(to) else PLACES.get(to, PLACES["apply"])


@router.get("/sign-in", dependencies=[rate_limited("read")])
async def ask_mobile(view: OpenPage, to: str = "apply") -> Response:
    if view.is_applicant:
        return view.to(place_of(to))
    return _mobile_page(view, to, "", {})


@router.post("/sign-in", dependencies=[rate_limited("otp")])
async def send_code(view: OpenPage) -> Response:
    form, cookie = await view.form(), cookies.answers_cookie(view.request)
    answers = cookie.read(view.request)
    before = answers.get("sign_in") if text_of(form, "again") else None
    if before and "reference" in before:  # nobody learns this number
        before = None
    if before and _wait(before) > 0:
        return view.to("/sign-in/code")
    mobile, to = (
        (before["mobile"], before["to"]) if before else (text_of(form, "mobile")[:40], text_of(form, "to"))
    )
    key = str(
        uuid5(NAMESPACE_URL, f"{text_of(form, 'key') or uuid4()} {mobile}")
    )  # a second click sends no second code
    try:
        asked = RequestOtp(mobile=mobile, language=view.language, **work_of(form))
        asked = cookies.with_devices(asked, view.request, "mobiles")
        sent = await view.command(rpc.accounts.sessions.REQUEST_OTP, asked, key)
    except InvalidInput as error:
        return _mobile_page(
            view, to, mobile, problems_of(error) if mobile else {"mobile": "mobile_missing"}, 422
        )
    except TooManyAttempts as error:
        if error.body.code == WORK_REQUIRED:
            raise
        return _no_more_codes(view, answers, mobile, to, error)
    except Unavailable:
        return _code_page(view, before, {}, 503) if before else _mobile_page(view, to, mobile, {}, 503)
    response = view.to("/sign-in/code")
    answers["sign_in"] = {
        "request_id": str(sent.request_id), "mobile": mobile, "to": to[:80],
        "again_at": now().timestamp() + sent.resend_after, "key": str(uuid4()),
        "until": now().timestamp() + CODE_SECONDS,
    }  # fmt: skip
    cookie.write(response, answers)
    return response


@router.post("/s/{reference}", dependencies=[rate_limited("otp")])
async def send_code_to_applicant(view: OpenPage, reference: str) -> Response:
    """Have a code sent to the number of an application, without learning the number or whether there is one.

    It is limited as every code to that number. The answer is the same where none was sent, also while a
    service is down.
    """
    form, cookie = await view.form(), cookies.answers_cookie(view.request)
    answers, key, reference = cookie.read(view.request), key_of(form), reference[:40]
    dates = f"applications/{reference}/dates"
    before = answers.get("sign_in") or {}
    if before.get("reference") != reference:
        before = {}
    if before and _wait(before) > 0:
        return view.to("/sign-in/code")
    request_id, _equal = await asyncio.gather(
        _code_to_applicant(view, reference, key), asyncio.sleep(EQUAL_SECONDS)
    )
    # The cookie has no number: it holds what its owner types, too, and its length would tell.
    answers["sign_in"] = {
        "request_id": str(request_id or before.get("request_id") or uuid4()), "reference": reference,
        "to": dates if text_of(form, "to") == dates else f"s/{reference}",
        "again_at": now().timestamp() + WAIT_SECONDS, "key": str(uuid4()),
    }  # fmt: skip
    response = view.to("/sign-in/code")
    cookie.write(response, answers)
    return response


async def _code_to_applicant(view: View, reference: str, key: str) -> UUID | None:
    """Return the request for the code that was sent; None where none was, for whatever reason.

    Raises:
        Unavailable: accounts or application does not answer, whether there is such an application or not.
    """
    try:
        question = ReferenceOnly(reference=reference)
    except ValueError:
        return None
    _keys, found = await asyncio.gather(
        view.query(rpc.accounts.sessions.SESSION_KEYS, Nothing()),
        view.query(rpc.application.NUMBER_TO_PROVE, question),
    )
    if found.mobile is None:
        return None
    with suppress(ContractError):
        await view.caller.hit("code_by_reference", question.reference)
        asked = RequestOtp(mobile=found.mobile, language=view.language)
        asked = cookies.with_devices(asked, view.request, "mobiles")
        once = str(uuid5(NAMESPACE_URL, f"s {question.reference} {key}"))
        return (await view.command(rpc.accounts.sessions.REQUEST_OTP, asked, once)).request_id
    return None


@router.get("/sign-in/code", dependencies=[rate_limited("read")])
async def ask_code(view: OpenPage) -> Response:
    pending = view.read_answers().get("sign_in")
    if view.is_applicant or pending is None:
        return view.to("/sign-in")
    return _code_page(view, pending, {})


@router.post("/sign-in/code", dependencies=[rate_limited("otp_verify")])
async def check_code(view: OpenPage) -> Response:
    """Open a session for the correct code, however it is typed.

    Answers of another mobile are not shown, because people share phones.
    """
    cookie = cookies.answers_cookie(view.request)
    answers, typed = cookie.read(view.request), text_of(await view.form(), "code")
    pending = answers.get("sign_in")
    if pending is None:
        return view.to("/sign-in")
    code = only_digits(typed)[:20]
    if not code:
        return _code_page(view, pending, {"code": "code_missing"}, 422)
    try:
        question = VerifyOtp(request_id=UUID(pending["request_id"]), code=code)
        session = await view.command(rpc.accounts.sessions.VERIFY_OTP, question, f"{pending['key']} {code}")
    except NotAuthenticated as error:
        return _refused(view, answers, error)
    except Unavailable:
        return _code_page(view, pending, {}, 503, typed=code)
    await end_replaced(view, session.access_token)
    response = view.to(place_of(pending["to"]))
    mobile = pending.get("mobile") or (await claims_of(view.caller.state, session.access_token)).mobile
    cookie.write(response, answers_for(answers, owner(mobile or "")))
    cookies.sign_in(response, view.request, session.access_token, session.expires_at)
    if not view.kiosk and not view.operator:
        cookies.remember_device(response, view.request, "mobiles", session.device)
    return response


def answers_for(answers: Answers, whose: str) -> Answers:
    """Return the answers that an applicant sees after signing in.

    These are their own; otherwise at most a form that was posted just before and belongs to nobody yet.
    """
    if "whose" not in answers:
        mine = {name: value for name, value in answers.items() if name == POSTED}
    else:
        mine = answers if answers["whose"] == whose else {}
    mine |= {VISIT: answers[VISIT]} if VISIT in answers else {}
    return {name: value for name, value in mine.items() if name != "sign_in"} | {"whose": whose}


@router.post("/sign-out", dependencies=[rate_limited("read")])
async def leave(view: OpenPage) -> Response:
    """Clear the answers and end the session, because people share phones."""
    response = view.to("/kiosk" if view.kiosk else "/cleared")
    await sign_out_applicant(view, response)
    return response


@router.get("/cleared", dependencies=[rate_limited("read")])
async def cleared(view: OpenPage) -> Response:
    """Confirm that nothing is left on this phone."""
    return view.html("sign_in/cleared.html", clearable=False)


def _refused(view: View, answers: Answers, error: NotAuthenticated) -> Response:
    """Return the page again after a wrong code.

    After the last attempt it offers a new code, which may be sent at once.
    """
    pending, code, left = answers["sign_in"], error.body.code, error.body.facts.get("tries_left")
    if "reference" in pending:  # the same where no code was sent
        return _code_page(view, pending, {"code": "wrong_or_old_code"}, 422)
    if code not in SPENT and left != 0:
        return _code_page(view, pending, {"code": code}, 422, left=left)
    code = code if code in SPENT else "too_many_tries"
    pending |= {"again_at": 0, "spent": True}
    response = _code_page(view, pending, {"again": code}, 422)
    cookies.answers_cookie(view.request).write(response, answers)
    return response


def _no_more_codes(view: View, answers: Answers, mobile: str, to: str, error: TooManyAttempts) -> Response:
    """Return the page that takes the last code, which still holds; none was sent to another number.

    Raises:
        TooManyAttempts: no code was asked for in this browser.
    """
    pending = answers.get("sign_in")
    is_mine = pending is not None and only_digits(pending.get("mobile", "")) == only_digits(mobile)
    if pending is None or not is_mine or pending.get("spent") or now().timestamp() > pending.get("until", 0):
        raise error
    pending["to"] = to[:80]
    pending["again_at"] = now().timestamp() + float(error.body.facts["retry_after"])
    response = _code_page(view, pending, {"code": "no_more_codes"}, 429)
    cookies.answers_cookie(view.request).write(response, answers)
    return response


def _wait(pending: dict[str, str]) -> int:
    return max(round(float(pending["again_at"]) - now().timestamp()), 0)


def _mobile_page(view: View, to: str, typed: str, errors: dict[str, str], status: int = 200) -> Response:
    return view.html("sign_in/mobile.html", status, to=to, errors=errors, typed=typed)


def _code_page(
    view: View,
    pending: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
    *,
    typed: str = "",
    left: str | int | None = None,
) -> Response:
    end = only_digits(pending.get("mobile", ""))[-4:]
    values = {"errors": errors, "mobile_end": end, "wait": _wait(pending), "typed": typed, "left": left}
    values |= {"reference": pending.get("reference", ""), "to": pending["to"]}
    return view.html("sign_in/code.html", status, **values)

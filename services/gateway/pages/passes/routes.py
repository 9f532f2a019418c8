"""The page of a pass behind the link of its message.

Everybody who has the link sees it. No cache stores it, no search engine indexes it, and no other site gets
its address. The phone stores a copy where its owner asks for that: ``web/scripts/pass.js`` and
``worker.js``.
"""

import asyncio
from datetime import timedelta
from functools import partial
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from contracts import rpc
from contracts.errors import NotFound, Unavailable
from contracts.model import LINK_CODE, Language, next_day
from contracts.rpc.application import VisitOfPass
from contracts.rpc.issuance import NAMED_AFTER_VISIT, LinkCode, PassView, ShortLink
from services.chassis.runtime.clock import now
from services.gateway.access.admission import Caller, rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.edge.problems import RETRY_SECONDS
from services.gateway.pages.passes import visit_calendar
from services.gateway.pages.passes.facts import ENDINGS, condition_of, facts_of, gate_of, visit_of
from services.gateway.pages.shared import privacy, site_text, timeline
from services.gateway.pages.shared.error_pages import PageRoute, language_of
from services.gateway.pages.shared.languages import LANGUAGES, _, texts
from services.gateway.pages.shared.qr import inline
from services.gateway.pages.shared.render import asset, page
from services.gateway.pages.shared.timeline import REVOCATIONS
from services.gateway.pages.shared.visit_now import PRESENCE, visit_now
from services.gateway.state import state_of

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Code = Annotated[str, Path(pattern=LINK_CODE)]
Said = Annotated[str, Query(max_length=20)]
Wanted = Annotated[str, Query(alias="in", max_length=20)]
"""The language that the reader chose; empty for the language of the pass."""
SAID: dict[str, str] = {
    "coming": _("Thank you. You are expected."),
    "not_coming": _("Thank you. Your visit is being cancelled; a message tells you when it is."),
    "met": _("Thank you. The department sees what you say."),
    "not_met": _("Thank you. The department sees what you say."),
    "too_late": _("This is no longer possible. Look at what has happened."),
}
"""What the page says after a form, by a word in its address."""
ASKED_BEFORE = timedelta(hours=36)
"""So long before the gate opens to them a visitor is asked whether they come: from the evening before on."""
HIDDEN = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}
NOT_FOUND = _("There is no pass behind this link. Open the whole link of the message.")
UNAVAILABLE = _(
    "The pass cannot be shown just now. Try again in a moment. "
    "The pass number in the message works at the gate too."
)


@router.get("/p/worker.js", dependencies=[rate_limited("read")])
async def show_worker(_caller: Anyone) -> Response:
    """Return the service worker that opens a stored pass offline.

    It is served from here because a worker controls only the paths beside it.
    """
    script = files("services.gateway").joinpath(asset("worker.js").removeprefix("/"))
    return Response(script.read_bytes(), media_type="text/javascript")


@router.get("/p/{code}", dependencies=[rate_limited("read")])
async def show_pass(
    request: Request, caller: Anyone, code: Code, wanted: Wanted = "", said: Said = ""
) -> Response:
    """Show the pass with its QR, or why it admits nobody any more."""
    try:
        shown = await caller.query(rpc.issuance.PASS_BY_LINK, LinkCode(code=code))
        qr, facts = await asyncio.gather(_qr(caller, code, shown), facts_of(caller, shown))
    except NotFound:
        return _no_pass(request, 404, NOT_FOUND)
    except Unavailable:
        return _no_pass(request, 503, UNAVAILABLE, {"Retry-After": str(RETRY_SECONDS)})
    condition, language = condition_of(shown, facts.used), _language(wanted, shown)
    return page(
        "passes/pass.html",
        200,
        HIDDEN,
        language,
        elsewhere={language: f"/p/{code}?in={language}" for language in LANGUAGES},
        identity=site_text.lines(caller.state, language),
        told=privacy.short(caller.state, language),
        code=code,
        shown=shown,
        facts=facts,
        gate=gate_of(shown, facts, language),
        condition=condition,
        endings=ENDINGS,
        reasons=REVOCATIONS,
        qr=qr,
        margin_minutes=caller.state.settings.entry_margin_minutes,
        at=now(),
        notice=texts(language).gettext(SAID[said]) if said in SAID else "",
        **await _now_of(caller, shown, facts.visit, language),
    )


@router.get("/p/{code}/now", dependencies=[rate_limited("read")])
async def show_visit_now(caller: Anyone, code: Code, wanted: Wanted = "") -> Response:
    """Show where the visitor is in their visit, alone: the page of the pass fetches it by itself.

    Raises:
        NotFound: no pass has this link.
    """
    shown = await caller.query(rpc.issuance.PASS_BY_LINK, LinkCode(code=code))
    language, visit = _language(wanted, shown), await visit_of(caller, shown)
    now_of = await _now_of(caller, shown, visit, language)
    return page("passes/now.html", 200, HIDDEN, language, code=code, language=language, **now_of)


@router.get("/q/{code}", dependencies=[rate_limited("link")])
async def open_short_link(request: Request, caller: Anyone, code: Code) -> Response:
    """Redirect from the short link of an SMS to the page of the pass.

    It has fewer random bits than the page's own address (60), so tries are limited more than reading is.
    """
    try:
        link = await caller.query(rpc.issuance.WHOLE_LINK, ShortLink(code=code))
    except NotFound:
        return _no_pass(request, 404, NOT_FOUND)
    except Unavailable:
        return _no_pass(request, 503, UNAVAILABLE, {"Retry-After": str(RETRY_SECONDS)})
    return RedirectResponse(f"/p/{link.code}", 303, HIDDEN)


@router.get("/p/{code}/visit.ics", dependencies=[rate_limited("read")])
async def show_calendar(caller: Anyone, code: Code, wanted: Wanted = "") -> Response:
    """Return the visit as a calendar file.

    Raises:
        NotFound: no pass has this link, or it admits nobody any more.
    """
    shown = await caller.query(rpc.issuance.PASS_BY_LINK, LinkCode(code=code))
    facts = await facts_of(caller, shown)
    if condition_of(shown, facts.used) != "issued":
        raise NotFound("there is no visit")
    content = visit_calendar.of(shown, facts, _language(wanted, shown), now())
    return Response(
        content,
        200,
        HIDDEN | {"Content-Disposition": 'attachment; filename="visit.ics"'},
        "text/calendar; charset=utf-8",
    )


def _language(wanted: str, shown: PassView) -> Language:
    return next((language for language in LANGUAGES if language == wanted), shown.language)


async def _now_of(
    caller: Caller, shown: PassView, visit: VisitOfPass | None, language: Language
) -> dict[str, Any]:
    """Return what `passes/now.html` shows: where the visitor is, and what they are asked.

    The page asks whether they come also where application does not answer: issuance takes the word. Where the
    pass is good on several days they are asked before each, as they are reminded of each, and not offered to
    say no, which would cancel all of them; they read so on each of the days. From when it names nobody any
    more it tells nothing of the visit either.
    """
    is_open, has_more = shown.state == "issued", shown.recurring or bool(shown.further_days)
    at, first = now(), shown.slot.day
    day_at = partial(next_day, shown.valid_to, first, () if shown.recurring else shown.further_days)
    day = day_at(at)
    many = {"several_days": is_open and has_more, "asked_day": day}
    if at >= shown.ends_at + NAMED_AFTER_VISIT:
        return {"now": None, "asks_coming": False, "follows": False, **many}
    opens = shown.valid_from + (day - first) if day else at
    is_near = is_open and opens - ASKED_BEFORE <= at < opens
    if visit is None:
        return {"now": None, "asks_coming": is_near, "follows": is_near, **many}
    known = caller.state.departments.value
    names = {one.code: one.name[language] for one in known.items} if known else {}
    lines = timeline.lines(visit.timeline, timeline.Words(language, names))
    found = visit_now(visit.status, visit.timeline, lines)
    has_said = any(entry.what == "visitor_coming" and day_at(entry.at) == day for entry in visit.timeline)
    may_come = visit.status == "issued" or (visit.status in PRESENCE and day != first)
    return {
        **many,
        "now": found,
        "now_state": f"{visit.status} {len(lines)}",
        "asks_coming": is_near and may_come and not has_said,
        "follows": found.follows or (visit.status == "issued" and shown.valid_from <= at < shown.ends_at),
    }


def _no_pass(request: Request, status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Return a page with one sentence in all languages, because the reader's language is not known."""
    sentences = {language: texts(language).gettext(sentence) for language in LANGUAGES}
    return page(
        "passes/no_pass.html",
        status,
        HIDDEN | (headers or {}),
        language_of(request),
        elsewhere={},
        identity=site_text.lines(state_of(request), language_of(request)),
        sentences=sentences,
    )


async def _qr(caller: Caller, code: str, shown: PassView) -> Markup | None:
    """Return the QR as an SVG element that scales with the page; None where it would open no gate."""
    if shown.state != "issued":
        return None
    return inline(await caller.query(rpc.issuance.QR_BY_LINK, LinkCode(code=code)))

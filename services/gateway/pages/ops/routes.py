"""How the whole system is, for operations, and its dead letters, which can be replayed one by one.

The first page answers whatever is down: what did not answer in time is shown as unknown.
"""

from typing import Annotated

from fastapi import Path, Response

from contracts.errors import NotFound, Unavailable
from contracts.ops import LetterView
from services.gateway.pages.ops.findings import Findings
from services.gateway.pages.ops.jobs import jobs_of
from services.gateway.pages.ops.messages import REASONS
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.languages import texts
from services.gateway.pages.shared.reports import doubt_old_looks, vendors_of
from services.gateway.pages.shared.view import OpsPage, View, page_router

router = page_router("/ops")
Queue = Annotated[str, Path(pattern=r"^[A-Za-z]{1,40}\.[A-Za-z]{1,40}$")]
Letter = Annotated[str, Path(pattern=r"^(sha256:[0-9a-f]{16}|[0-9a-f-]{36})$")]


@router.get("")
async def show_system(view: OpsPage) -> Response:
    """Show how everything is, and first of all what is wrong."""
    checks = view.caller.state.checks()
    try:
        report = doubt_old_looks(await view.caller.state.ops.report())
    except Unavailable:
        report = None
    findings, translate = Findings(view.language).of(report, checks), texts(view.language).gettext
    return view.html(
        "ops/system.html",
        report=report,
        checks=checks,
        findings=findings,
        jobs=jobs_of(report),
        vendors=vendors_of(report),
        why=lambda channel: "; ".join(translate(REASONS.get(code, code)) for code in channel.reasons),
    )


@router.get("/dead-letters/{queue}")
async def show_letters(view: OpsPage, queue: Queue) -> Response:
    """Show the oldest dead letters of a consumer, by what they are and why they failed."""
    found = await view.caller.state.ops.letters(queue, view.principal)
    groups: dict[tuple[str, str], list[LetterView]] = {}
    for one in found.items:
        groups.setdefault((one.type, one.error), []).append(one)
    return view.html("ops/letters.html", found=found, groups=groups)


@router.get("/dead-letters/{queue}/{letter}")
async def show_letter(view: OpsPage, queue: Queue, letter: Letter) -> Response:
    """Show one dead letter without anything personal."""
    return view.html("ops/letter.html", letter=await _letter(view, queue, letter))


@router.get("/dead-letters/{queue}/{letter}/replay")
async def ask_replay(view: OpsPage, queue: Queue, letter: Letter) -> Response:
    """Ask whether to send a letter back to its consumer.

    Raises:
        NotFound: there is no such letter, or it is forged.
    """
    found = await _letter(view, queue, letter)
    if not found.genuine:
        raise NotFound("a forged letter is not sent back")
    return view.html("ops/replay.html", letter=found)


@router.post("/dead-letters/{queue}/{letter}/replay")
async def replay(view: OpsPage, queue: Queue, letter: Letter) -> Response:
    """Send a letter back to its consumer; sending the form again does nothing."""
    replayed = text_of(await view.form(), "replayed")
    if not (replayed.isascii() and replayed.isdigit() and len(replayed) < 6):
        raise NotFound("no such form")
    done = await view.caller.state.ops.replay(queue, letter, int(replayed), view.principal)
    return view.to(f"/ops/dead-letters/{queue}", notice=done.outcome)


async def _letter(view: View, queue: str, letter: str) -> LetterView:
    """Return one of the letters that the list shows.

    Raises:
        NotFound: it is none of them, or no dead letter any more.
    """
    found = await view.caller.state.ops.letters(queue, view.principal)
    for one in found.items:
        if one.id == letter:
            return one
    raise NotFound("no such dead letter")

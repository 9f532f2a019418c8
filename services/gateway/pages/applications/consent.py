"""Consent, where the site rests on it: what withdrawing it does, and the withdrawal."""

from fastapi import Response

from contracts import rpc
from contracts.model import OPEN_STATUSES
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.consents import WITHDRAW
from contracts.rpc.own_data import OwnDataQuestion
from services.gateway.pages.applications import detail
from services.gateway.pages.shared.view import ApplicantPage, page_router

router = page_router("")


@router.get("/applications/{reference}/consent")
async def ask_to_withdraw(view: ApplicantPage, reference: str) -> Response:
    """Say what is cancelled with the consent, and what has to stay until when."""
    shown = await detail.viewed(view, reference)
    if shown is None:
        return detail.ask_last_four(view, reference, onward="my-data")
    found = await view.query(rpc.application.OWN_DATA, OwnDataQuestion(references=(shown.reference,)))
    answers = next((one for one in found.items if one.kind == "answers"), None)
    if answers is None or answers.consent is None or answers.consent.withdrawn_at is not None:
        return view.to("/my-data")
    return view.html(
        "my_data/consent.html",
        shown=shown,
        answers=answers,
        cancels=shown.status in OPEN_STATUSES,
    )


@router.post("/applications/{reference}/consent")
async def withdraw(view: ApplicantPage, reference: str) -> Response:
    """Withdraw the consent, which cancels the visit unless it has begun."""
    await view.carry_out(WITHDRAW, ReferenceOnly(reference=reference[:40]))
    return view.to("/my-data", "withdrawn")

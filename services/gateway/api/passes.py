"""A pass in the hands of its applicant, or of the reception: its token, its QR, its copy on paper, its replacement."""

import base64
from typing import Literal

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.rpc.issuance import PassNumber, PassView, QrQuestion, ReissuePass
from services.gateway.access import Caller, IdempotencyKey, PassHolder, Reception
from services.gateway.api.parameters import PassNo

router = APIRouter(prefix="/api/v1/passes/{number}", tags=["passes"])
NOT_KEPT = {"Cache-Control": "private, no-store"}


@router.get("")
async def view_pass(caller: PassHolder, number: PassNo) -> PassView:
    """The pass with its token."""
    return await caller.ask(rpc.issuance.PASS, PassNumber(number=number))


@router.get("/qr.svg", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
async def view_qr_svg(caller: PassHolder, number: PassNo) -> Response:
    """The QR as a drawing."""
    return await _picture(caller, number, "svg")


@router.get("/qr.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def view_qr_png(caller: PassHolder, number: PassNo) -> Response:
    """The QR as a picture."""
    return await _picture(caller, number, "png")


async def _picture(caller: Caller, number: str, kind: Literal["svg", "png"]) -> Response:
    picture = await caller.ask(rpc.issuance.QR, QrQuestion(number=number, format=kind))
    return Response(base64.b64decode(picture.base64), media_type=picture.content_type, headers=NOT_KEPT)


@router.post("/print")
async def print_pass(caller: Reception, number: PassNo, key: IdempotencyKey) -> PassView:
    """Records that the reception printed the pass, which counts as delivered, and gives what is to be printed."""
    shown = await caller.ask(rpc.issuance.PASS, PassNumber(number=number))
    await caller.command(rpc.notify.RECORD_PRINT, PassNumber(number=shown.number), key)
    return shown


@router.post("/reissue")
async def reissue_pass(caller: PassHolder, number: PassNo, key: IdempotencyKey) -> PassView:
    """Replaces a lost or forwarded pass by one with a new number; the old one is revoked."""
    return await caller.command(rpc.issuance.REISSUE, ReissuePass(number=number), key)

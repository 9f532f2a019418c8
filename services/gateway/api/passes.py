"""Routes of a pass, for its applicant and the reception: its QR, the copy on paper, another number."""

import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response

from contracts import rpc
from contracts.rpc.issuance import PassNumber, PassView, QrQuestion, ReissuePass
from services.gateway.access.admission import Caller
from services.gateway.access.callers import PassHolder, Reception
from services.gateway.access.idempotency_keys import IdempotencyKey

router = APIRouter(prefix="/api/v1/passes/{number}", tags=["passes"])
PassNo = Annotated[str, Path(max_length=20, description="Eight characters.")]
NO_STORE = {"Cache-Control": "private, no-store"}


@router.get("/qr.svg", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
async def view_qr_svg(caller: PassHolder, number: PassNo) -> Response:
    """Return the QR as SVG."""
    return await _qr_image(caller, number, "svg")


@router.get("/qr.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def view_qr_png(caller: PassHolder, number: PassNo) -> Response:
    """Return the QR as PNG."""
    return await _qr_image(caller, number, "png")


async def _qr_image(caller: Caller, number: str, kind: Literal["svg", "png"]) -> Response:
    image = await caller.query(rpc.issuance.QR, QrQuestion(number=number, format=kind))
    return Response(base64.b64decode(image.base64), media_type=image.content_type, headers=NO_STORE)


@router.post("/print")
async def print_pass(caller: Reception, number: PassNo, key: IdempotencyKey) -> PassView:
    """Record that the reception printed the pass, which counts as delivered, and return the pass."""
    pass_ = await caller.query(rpc.issuance.PASS, PassNumber(number=number))
    await caller.command(rpc.notify.RECORD_PRINT, PassNumber(number=pass_.number), key)
    return pass_


@router.post("/reissue")
async def reissue_pass(caller: PassHolder, number: PassNo, key: IdempotencyKey) -> PassView:
    """Replace a lost or forwarded pass by one with a new number; the old one is revoked."""
    return await caller.command(rpc.issuance.REISSUE, ReissuePass(number=number), key)

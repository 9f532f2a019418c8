"""The photograph of a visitor, where a counter took one: at the counter and at the gate."""

import base64

from fastapi import Response

from contracts import rpc
from contracts.rpc.photographs import PhotographQuestion
from services.gateway.pages.shared.view import PRIVATE, View


async def picture(view: View, reference: str, proof: str = "") -> Response:
    """Return the photograph as a JPEG, which no cache stores.

    Args:
        proof: why the ADO Branch sees it.

    Raises:
        NotFound: there is none, or not for this login.
    """
    question = PhotographQuestion(reference=reference[:40], proof=proof)
    found = await view.query(rpc.photographs.PHOTOGRAPH, question)
    return Response(base64.b64decode(found.jpeg), headers=PRIVATE, media_type="image/jpeg")


async def is_there(view: View, reference: str) -> bool:
    """Return whether there is a photograph; without an answer the page is shown without it."""
    question = PhotographQuestion(reference=reference[:40])
    return await view.try_query(rpc.photographs.PHOTOGRAPH, question) is not None

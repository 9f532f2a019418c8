"""The photograph of a visitor, where a counter took one: at the counter and at the gate."""

import base64

from fastapi import Response

from contracts import rpc
from contracts.rpc.application import ReferenceOnly
from services.gateway.pages.shared.view import PRIVATE, View


async def picture(view: View, reference: str) -> Response:
    """Return the photograph as a JPEG, which no cache stores.

    Raises:
        NotFound: there is none, or not for this login.
    """
    found = await view.query(rpc.application.PHOTOGRAPH, ReferenceOnly(reference=reference[:40]))
    return Response(base64.b64decode(found.jpeg), headers=PRIVATE, media_type="image/jpeg")


async def is_there(view: View, reference: str) -> bool:
    """Return whether there is a photograph; without an answer the page is shown without it."""
    question = ReferenceOnly(reference=reference[:40])
    return await view.try_query(rpc.application.PHOTOGRAPH, question) is not None

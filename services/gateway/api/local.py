"""Route of local mode only: what the ``local`` channel has "sent", as JSON.

``pages/phone.py`` shows the same as a page.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.rpc.notify import SentMessage
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.handlers.lookups import local_messages

router = APIRouter(prefix="/dev", include_in_schema=False)


@router.get("/messages", dependencies=[rate_limited("read")])
async def list_messages(caller: Anyone, to: Annotated[str, Query(max_length=40)]) -> tuple[SentMessage, ...]:
    """Return what a phone received."""
    return await local_messages(caller, "to", to)

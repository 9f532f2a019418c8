"""The screen of a waiting hall: an enrolled kiosk opens it, on which nobody is signed in."""

from fastapi import Request

from services.gateway.access.admission import Access, Caller, kiosk_of
from services.gateway.access.cookie_names import kiosk_cookie


class OnScreen(Access):
    """Admit an enrolled kiosk as itself, in any other browser the reception.

    A screen in a hall has a keyboard that anybody reaches: there a session of the reception would open the
    counter.
    """

    def __init__(self) -> None:
        super().__init__("reception", "kiosk")
        self._device = Access("kiosk", cookie=kiosk_cookie, wherever=True)

    async def caller_of(self, request: Request) -> Caller:
        """Return the kiosk, or the reception.

        Raises:
            Forbidden: ``kiosk_ended``: its enrolment has ended.
            ContractError: as `Access`.
        """
        if await kiosk_of(request) is None:
            return await super().caller_of(request)
        return await self._device.caller_of(request)

"""Access at a kiosk: channel and site are those of the device, and no history is shown."""

import pytest

from contracts.errors import Forbidden
from contracts.rpc.call import Call
from tests.support.factories.application import Desk, applicant_call, form


def at_kiosk(site: str = "S1") -> Call:
    call = applicant_call()
    return call.model_copy(
        update={"principal": call.principal.model_copy(update={"kiosk": "KIO-0001", "site": site})}
    )


def test_the_channel_is_that_of_the_device(desk: Desk) -> None:
    at_it, elsewhere = desk.submit(form(), at_kiosk()).reference, desk.submit().reference
    assert [desk.row(reference).channel for reference in (at_it, elsewhere)] == ["kiosk", "portal"]
    row = desk.row(at_it)
    assert (row.mobile_proved, row.submitted_by) == (True, None), (
        "an OTP proved the mobile, and nobody vouches"
    )
    assert desk.view(at_it, at_kiosk()).reference == at_it


def test_a_kiosk_applies_for_its_own_site_only(desk: Desk) -> None:
    with pytest.raises(Forbidden) as refused:
        desk.submit(form(), at_kiosk("S2"))
    assert refused.value.body.code == "other_site"
    assert desk.counts()[0] == 0


def test_a_kiosk_shows_nobodys_history(desk: Desk) -> None:
    before = desk.submit(call=applicant_call(session=2)).reference
    reference = desk.submit(form(), at_kiosk()).reference
    assert desk.references(at_kiosk()) == [reference], "what was sent there"
    assert desk.references() == [reference, before], "the same applicant at their own phone"

"""What a browser that many guards share tells accounts at a sign-in."""

import base64
from itertools import count

from contracts.rpc.accounts.sessions import DEVICES, LogIn, StaffSession
from services.gateway.pages.shared.cookies import MOST_DEVICES
from tests.support.factories.gateway import browser, signed, staff_claims
from tests.support.factories.pages import session
from tests.support.system.page_reader import SAME_SITE, stub

FORM = {"login_id": "SEC-0001", "password": "x" * 12}
LARGEST_COOKIE = 4_096
"""Bytes of name and value that every browser stores (RFC 6265bis, 5.6)."""


async def test_a_tablet_knows_the_guards_of_three_shifts_in_a_cookie_that_browsers_store() -> None:
    numbers = count()

    def log_in(_asked: LogIn) -> StaffSession:
        token = base64.urlsafe_b64encode(next(numbers).to_bytes(36)).decode()
        return session(role="security", login_id="SEC-0001", device=token)

    app, client = stub(accounts__log_in=log_in)
    async with browser(app) as http:
        for _ in range(MOST_DEVICES + 1):
            done = await http.post("/en/staff/sign-in", data=FORM, headers=SAME_SITE)
            http.cookies.delete("session")
        (kept,) = (one for one in done.headers.get_list("set-cookie") if one.startswith("logins="))
    assert MOST_DEVICES == 24
    assert len(client.last("accounts.log_in")[1].devices) == MOST_DEVICES < DEVICES
    assert len(f"__Host-{kept.partition(';')[0]}") < LARGEST_COOKIE


async def test_a_sign_in_at_an_enrolled_device_of_a_gate_brings_the_proof_of_it() -> None:
    app, client = stub(accounts__log_in=session(role="security", login_id="SEC-0001"))
    token = signed(staff_claims("gate_device", site="PCS1", gate="PCS1-G1"))
    async with browser(app) as http:
        http.cookies.set("gate_device", token)
        await http.post("/en/staff/sign-in", data=FORM, headers=SAME_SITE)
    assert client.last("accounts.log_in")[1].devices == (token,)

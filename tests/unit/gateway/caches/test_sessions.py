"""Session tokens: whose session a genuine one is, and each attack that is refused."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import NotAuthenticated, Unavailable
from contracts.rpc.accounts.sessions import SessionKeys
from contracts.tokens import PASS_TYP
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import principal_of
from services.chassis.runtime.clock import now
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.caches.revoked_sessions import RevokedSessions
from services.gateway.caches.sessions import Keys, Sessions, public_keys
from tests.support.factories.gateway import ISSUER, KID, OTHER_KEY, claims, public_key, signed


class Accounts:
    """Accounts as the key cache sees it; counts how often its keys were fetched."""

    def __init__(self, *keys: Any) -> None:
        self.keys = keys or (public_key(),)
        self.fetches = 0
        self.down = False

    async def fetch(self) -> Keys:
        self.fetches += 1
        if self.down:
            raise Unavailable
        return public_keys(SessionKeys(keys=self.keys))


def sessions_with(accounts: Accounts | None = None, revoked: RevokedSessions | None = None) -> Sessions:
    return Sessions(
        ISSUER,
        RefreshingCache("keys", (accounts or Accounts()).fetch, 60),
        revoked or RevokedSessions(EventKeys(())),
    )


async def test_a_staff_token_speaks_for_its_login_role_and_gate() -> None:
    token = signed(claims(role="security", sub="SEC-0001", department=None, site="PCS1", gate="PCS1-G1"))
    principal = principal_of(await sessions_with().verify(token))
    assert (principal.kind, principal.id, principal.role) == ("staff", "SEC-0001", "security")
    assert (principal.site, principal.gate) == ("PCS1", "PCS1-G1")


async def test_an_applicants_token_speaks_for_the_mobile_number() -> None:
    principal = principal_of(await sessions_with().verify(signed(claims("applicant"))))
    assert (principal.kind, principal.mobile, principal.role) == ("applicant", "+919876543210", None)


@pytest.mark.parametrize(("ahead", "is_good"), [(10, True), (20, False)])
async def test_the_clock_of_accounts_may_be_ahead_by_some_seconds(ahead: int, *, is_good: bool) -> None:
    issued_at = int(now().timestamp()) + ahead
    token = signed(claims().model_copy(update={"iat": issued_at}))
    if is_good:
        assert (await sessions_with().verify(token)).iat == issued_at
    else:
        with pytest.raises(NotAuthenticated):
            await sessions_with().verify(token)


BAD = {
    "words": "not a token",
    "another's key": signed(claims(), key=OTHER_KEY),
    "unknown key": signed(claims(), kid="zz"),
    "a pass": signed(claims(), typ=PASS_TYP),
    "expired": signed(claims(exp=int(now().timestamp()) - 1)),
    "from tomorrow": signed(claims(iat=int(now().timestamp()) + 86_400)),
    "another audience": signed(claims(aud="gate")),
    "another issuer": signed(claims(iss="evil")),
    "unknown role": signed(claims().model_dump(mode="json") | {"role": "root"}),
}
"""What a session adds to the verifier of all tokens, which has its attacks in the chassis's tests."""


@pytest.mark.parametrize("why", BAD)
async def test_a_token_that_is_not_exactly_ours_is_refused(why: str) -> None:
    with pytest.raises(NotAuthenticated):
        await sessions_with().verify(BAD[why])


async def test_a_revoked_session_is_refused_even_when_its_token_is_cached() -> None:
    revoked = RevokedSessions(EventKeys(()))
    sessions = sessions_with(revoked=revoked)
    content = claims()
    token = signed(content)
    await sessions.verify(token)
    revoked.revoke_session(content.sid, now() + timedelta(hours=1))
    with pytest.raises(NotAuthenticated) as refused:
        await sessions.verify(token)
    assert refused.value.body.code == "session_ended"


async def test_sessions_under_a_withdrawn_key_are_refused_at_once_whoever_signed_them() -> None:
    revoked, accounts = RevokedSessions(EventKeys(())), Accounts()
    sessions = sessions_with(accounts, revoked)
    known, made_by_the_thief = signed(claims()), signed(claims())
    await sessions.verify(known)

    revoked.keys |= {KID}

    for token in (known, made_by_the_thief):
        with pytest.raises(NotAuthenticated):
            await sessions.verify(token)
    assert accounts.keys == (public_key(),), "although accounts' answer was fetched before"
    accounts.keys = (public_key(OTHER_KEY, "s2"),)
    monotonic_passes = signed(claims(), key=OTHER_KEY, kid="s2")
    sessions._keys._fetched_at = float("-inf")
    assert (await sessions.verify(monotonic_passes)).kind == "staff"


async def test_an_expired_token_is_refused_as_an_ended_session() -> None:
    with pytest.raises(NotAuthenticated) as refused:
        await sessions_with().verify(BAD["expired"])
    assert refused.value.body.code == "session_ended"


async def test_a_cached_token_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = sessions_with()
    token = signed(claims())
    await sessions.verify(token)
    monkeypatch.setattr("services.gateway.caches.sessions.now", lambda: now() + timedelta(seconds=601))
    with pytest.raises(NotAuthenticated):
        await sessions.verify(token)


async def test_a_new_key_is_fetched_once_and_made_up_keys_do_not_cause_more_fetches() -> None:
    accounts = Accounts()
    sessions = sessions_with(accounts)
    await sessions.verify(signed(claims()))
    accounts.keys = (public_key(), public_key(OTHER_KEY, "s2"))
    sessions._keys._fetched_at -= 2  # the keys were fetched a while ago
    await sessions.verify(signed(claims(), key=OTHER_KEY, kid="s2"))
    assert accounts.fetches == 2
    for number in range(50):
        with pytest.raises(NotAuthenticated):
            await sessions.verify(signed(claims(), kid=f"x{number}"))
    assert accounts.fetches == 2


async def test_a_cached_token_is_refused_when_its_key_was_withdrawn() -> None:
    accounts = Accounts()
    sessions = sessions_with(accounts)
    token = signed(claims())
    await sessions.verify(token)
    accounts.keys = (public_key(OTHER_KEY, KID),)
    await sessions._keys.refresh()
    with pytest.raises(NotAuthenticated):
        await sessions.verify(token)


async def test_the_cache_of_checked_tokens_has_an_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.caches.sessions.MAX_CACHED", 5)
    sessions = sessions_with()
    for _ in range(20):
        await sessions.verify(signed(claims()))
    assert len(sessions._checked) == 5

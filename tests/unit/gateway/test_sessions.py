"""Session tokens: what is good, and every way in which one is not."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contracts.errors import NotAuthenticated, Unavailable
from contracts.rpc.accounts import DeniedSessions, SessionKeys
from contracts.tokens import PASS_TYP, SessionClaims
from services.chassis.runtime.clock import now
from services.gateway.refreshing_cache import RefreshingCache
from services.gateway.revoked_sessions import RevokedSessions
from services.gateway.sessions import Keys, Sessions, principal_of, public_keys
from tests.support.factories.gateway import ISSUER, KEY, KID, OTHER_KEY, claims, public_key, signed


class Accounts:
    """Gives its keys, and counts how often it was asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys = keys or (public_key(),)
        self.asked = 0
        self.down = False

    async def fetch(self) -> Keys:
        self.asked += 1
        if self.down:
            raise Unavailable
        return public_keys(SessionKeys(keys=self.keys))


def checker(accounts: Accounts | None = None, denials: RevokedSessions | None = None) -> Sessions:
    return Sessions(
        ISSUER, RefreshingCache("keys", (accounts or Accounts()).fetch, 60), denials or RevokedSessions()
    )


async def test_a_good_token_speaks_for_its_login() -> None:
    token = signed(claims(role="security", sub="SEC-0001", department=None, site="PCS1", gate="PCS1-G1"))
    principal = principal_of(await checker().verify(token))
    assert (principal.kind, principal.id, principal.role, principal.site, principal.gate) == (
        "staff",
        "SEC-0001",
        "security",
        "PCS1",
        "PCS1-G1",
    )


async def test_a_good_token_speaks_for_its_mobile() -> None:
    principal = principal_of(await checker().verify(signed(claims("applicant"))))
    assert (principal.kind, principal.mobile, principal.role) == ("applicant", "+919876543210", None)


@pytest.mark.parametrize(
    "content",
    [claims(role=None), claims("applicant", mobile=None), claims().model_copy(update={"kind": "robot"})],
    ids=["no role", "no mobile", "robot"],
)
async def test_claims_that_make_no_principal_are_refused(content: SessionClaims) -> None:
    with pytest.raises(NotAuthenticated):
        principal_of(content)


PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(algorithm: str) -> str:
    """A token with no signature at all, as PyJWT itself would not write it."""

    def part(content: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'epass-session+jwt', 'kid': KID})}.{part(claims().model_dump(mode='json'))}."


def hmac_with_public_key() -> str:
    """The old confusion: HS256 keyed with the public key's text."""
    import hashlib
    import hmac

    body = unsigned("HS256").rstrip(".")
    return f"{body}.{urlsafe_b64encode(hmac.new(PUBLIC_PEM, body.encode(), hashlib.sha256).digest()).rstrip(b'=').decode()}"


def tampered() -> str:
    head, _, tail = signed(claims()).split(".")
    body = (
        urlsafe_b64encode(json.dumps(claims(role="ado").model_dump(mode="json")).encode())
        .rstrip(b"=")
        .decode()
    )
    return f"{head}.{body}.{tail}"


BAD = {
    "nothing": "", "words": "not a token", "dots": "..", "too long": "x" * 5000,
    "no signature": unsigned("none"), "empty signature": unsigned("EdDSA"), "hs256": hmac_with_public_key(), "tampered": tampered(),
    "another's key": signed(claims(), key=OTHER_KEY),
    "unknown key": signed(claims(), kid="zz"),
    "a pass": signed(claims(), typ=PASS_TYP),
    "no type": signed(claims(), typ="JWT"),
    "crit": signed(claims(), crit=["exp"]),
    "jwk": signed(claims(), jwk={"kty": "OKP"}),
    "jku": signed(claims(), jku="http://evil.test"),
    "expired": signed(claims(exp=int(now().timestamp()) - 1)),
    "from tomorrow": signed(claims(iat=int(now().timestamp()) + 86_400)),
    "another audience": signed(claims(aud="gate")),
    "another issuer": signed(claims(iss="evil")),
    "no expiry": signed({name: value for name, value in claims().model_dump(mode="json").items() if name != "exp"}),
    "no sid": signed({name: value for name, value in claims().model_dump(mode="json").items() if name != "sid"}),
    "sid is no uuid": signed(claims().model_dump(mode="json") | {"sid": "1"}),
    "unknown role": signed(claims().model_dump(mode="json") | {"role": "root"}),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD)
async def test_a_bad_token_is_refused(why: str) -> None:
    with pytest.raises(NotAuthenticated):
        await checker().verify(BAD[why])


async def test_an_ended_session_is_refused_even_when_its_token_was_seen_before() -> None:
    denials = RevokedSessions()
    sessions = checker(denials=denials)
    content = claims()
    token = signed(content)
    await sessions.verify(token)
    denials.revoke_session(content.sid, now() + timedelta(hours=1))
    with pytest.raises(NotAuthenticated) as refused:
        await sessions.verify(token)
    assert refused.value.body.code == "session_ended"


async def test_a_token_that_was_seen_before_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = checker()
    token = signed(claims())
    await sessions.verify(token)
    monkeypatch.setattr("services.gateway.sessions.now", lambda: now() + timedelta(seconds=601))
    with pytest.raises(NotAuthenticated):
        await sessions.verify(token)


async def test_a_new_key_is_fetched_and_a_made_up_one_is_not_asked_for_again_and_again() -> None:
    accounts = Accounts()
    sessions = checker(accounts)
    await sessions.verify(signed(claims()))
    accounts.keys = (public_key(), public_key(OTHER_KEY, "s2"))
    sessions._keys._fetched_at -= 2  # the keys were fetched a while ago
    await sessions.verify(signed(claims(), key=OTHER_KEY, kid="s2"))
    assert accounts.asked == 2
    for number in range(50):
        with pytest.raises(NotAuthenticated):
            await sessions.verify(signed(claims(), kid=f"x{number}"))
    assert accounts.asked == 2


async def test_a_key_that_was_withdrawn_is_no_good_for_tokens_seen_before() -> None:
    accounts = Accounts()
    sessions = checker(accounts)
    token = signed(claims())
    await sessions.verify(token)
    accounts.keys = (public_key(OTHER_KEY, KID),)
    await sessions._keys.refresh()
    with pytest.raises(NotAuthenticated):
        await sessions.verify(token)


async def test_remembered_tokens_do_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.sessions.REMEMBERED", 5)
    sessions = checker()
    for _ in range(20):
        await sessions.verify(signed(claims()))
    assert len(sessions._verified) == 5


def test_a_disabled_login_ends_tokens_of_before_and_not_of_after() -> None:
    denials, at = RevokedSessions(), now()
    denials.revoke_login("HOM-0001", at)
    assert denials.covers(claims(iat=int(at.timestamp()) - 5))
    assert denials.covers(claims(iat=int(at.timestamp())))
    assert not denials.covers(claims(iat=int(at.timestamp()) + 1))
    assert not denials.covers(claims(sub="HOM-0002", iat=int(at.timestamp()) - 5))


def test_an_older_word_about_a_login_does_not_undo_a_newer_one() -> None:
    denials, at = RevokedSessions(), now()
    denials.revoke_login("HOM-0001", at)
    denials.merge(DeniedSessions(logins={"HOM-0001": at - timedelta(minutes=5)}))
    assert denials.covers(claims(iat=int(at.timestamp())))


def test_the_list_adds_to_what_events_said_and_what_is_over_is_forgotten() -> None:
    denials, heard, listed, over = RevokedSessions(), uuid4(), uuid4(), uuid4()
    denials.revoke_session(heard, now() + timedelta(hours=1))
    denials.revoke_session(over, now() - timedelta(seconds=1))
    denials.merge(DeniedSessions(sessions={str(listed): now() + timedelta(hours=1)}))
    assert set(denials._sessions) == {heard, listed}


def test_the_header_of_our_tokens_is_what_accounts_writes() -> None:
    assert set(jwt.get_unverified_header(signed(claims()))) == {"alg", "typ", "kid"}

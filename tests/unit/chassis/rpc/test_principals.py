"""Principals of calls: what session tokens prove, and that nobody invents one."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.errors import Forbidden, NotAuthenticated
from contracts.events import PublicKey
from contracts.rpc.call import Principal, Proof
from contracts.subscriptions import SERVICES
from contracts.tokens import PASS_TYP, SessionClaims
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc import principals
from services.chassis.rpc.principals import LEEWAY, PrincipalVerifier, principal_of
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import LATER, OTHER_KEY, certificate, claims, proven, public_key, signed
from tests.support.stack.settings import EVENT_KEYS

OFFICER = claims(site="PCS1", gate="PCS1-G1", assistant_of="home-1", exp=LATER)
APPLICANT = claims("applicant", exp=LATER)
KIOSK = claims(sub="KSK-0001", role="kiosk", department=None, site="PCS2", exp=LATER)
HELPER = claims(sub="SEW-0001", role="assisted", department=None, exp=LATER)
GUARD = claims(sub="SEC-0001", role="security", department=None, site="PCS2", exp=LATER)
GATE_DEVICE = claims(
    sub="GAT-0001", role="gate_device", department=None, site="PCS2", gate="PCS2-G1", exp=LATER
)
CALLERS: dict[str, dict[str, SessionClaims]] = {
    "an officer": {"session": OFFICER},
    "an applicant": {"session": APPLICANT},
    "an applicant at a kiosk": {"session": APPLICANT, "device": KIOSK},
    "a guard on a gate device": {"session": GUARD, "device": GATE_DEVICE},
    "an applicant with a helper": {"session": APPLICANT, "operator": HELPER},
    "an applicant with a helper at a kiosk": {"session": APPLICANT, "device": KIOSK, "operator": HELPER},
}
OTHERS: dict[str, Any] = {
    "kind": "anonymous",
    "id": "another",
    "role": "ado",
    "mobile": "+919876543211",
    "login_id": "ADO-0001",
    "site": "PCS9",
    "department": "finance",
    "gate": "PCS9-G1",
    "assistant_of": "another",
    "sid": uuid4(),
    "kiosk": "KSK-0009",
    "gate_device": "GAT-0009",
    "factor_at": 1_800_000_000,
}
"""Another value for each field of a principal."""


def verifier() -> PrincipalVerifier:
    return PrincipalVerifier(EventKeys(EVENT_KEYS))


@pytest.mark.parametrize("caller", CALLERS)
def test_a_service_sees_whom_the_tokens_prove_and_no_token(caller: str) -> None:
    sent = proven(**CALLERS[caller])
    seen = verifier().verify(sent, now())
    assert seen == sent.model_copy(update={"proof": None})
    assert seen.proof is None


@pytest.mark.parametrize("field", OTHERS)
@pytest.mark.parametrize("caller", CALLERS)
def test_no_field_of_a_principal_can_be_another_than_the_tokens_say(caller: str, field: str) -> None:
    changed = proven(**CALLERS[caller]).model_copy(update={field: OTHERS[field]})
    own = verifier()
    for _ in range(2):  # also when the proof is known
        with pytest.raises(Forbidden) as refused:
            own.verify(changed, now())
        assert refused.value.body.code == "unproven_principal"
    own.verify(proven(**CALLERS[caller]), now())


def test_every_field_of_a_principal_has_another_value_here() -> None:
    assert {*OTHERS} == {*Principal.model_fields} - {"proof"}


def forged(**changes: Any) -> Principal:
    sent = proven(session=OFFICER)
    assert sent.proof is not None
    return sent.model_copy(update={"proof": sent.proof.model_copy(update=changes)})


STRANGER: PublicKey = public_key(OTHER_KEY, "other")
STRANGERS_TOKEN = signed(OFFICER, key=OTHER_KEY, kid="other")
FORGERIES: dict[str, dict[str, Any]] = {
    "no certificate": {"keys": ()},
    "a key that nobody certified": {"session": STRANGERS_TOKEN},
    "a key under a name that is certified": {"session": signed(OFFICER, key=OTHER_KEY)},
    "a token of another kind": {"session": signed(OFFICER, typ=PASS_TYP)},
    "a token for others": {"session": signed(OFFICER.model_copy(update={"aud": "gate"}))},
    "a token of another issuer": {"session": signed(OFFICER.model_copy(update={"iss": "another"}))},
    "a certificate as a session": {"session": certificate()},
    "a session as a certificate": {"keys": (signed(OFFICER),)},
    "no token": {"session": ""},
    **{
        f"a key that {service} certified": {
            "session": STRANGERS_TOKEN,
            "keys": (certificate(STRANGER, by=service, iss="accounts"),),
        }
        for service in SERVICES
        if service != "accounts"
    },
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_accounts_has_not_signed_proves_nothing(forgery: str) -> None:
    with pytest.raises(Forbidden) as refused:
        verifier().verify(forged(**FORGERIES[forgery]), now())
    assert refused.value.body.code == "unproven_principal"


def test_control_the_strangers_key_proves_a_principal_if_accounts_certifies_it() -> None:
    verifier().verify(forged(session=STRANGERS_TOKEN, keys=(certificate(STRANGER),)), now())


@pytest.mark.parametrize(
    "wrong",
    [
        {"session": OFFICER, "device": KIOSK},
        {"session": OFFICER, "operator": HELPER},
        {"session": APPLICANT, "device": HELPER},
        {"session": APPLICANT, "operator": KIOSK},
        {"session": APPLICANT, "operator": OFFICER},
        {"session": claims(role=None)},
        {"session": claims("applicant", mobile=None)},
    ],
)
def test_tokens_that_do_not_go_together_make_no_principal(wrong: dict[str, SessionClaims]) -> None:
    tokens = {name: signed(one) for name, one in wrong.items()}
    with pytest.raises(NotAuthenticated):
        principal_of(**wrong)
    with pytest.raises(NotAuthenticated):
        verifier().verify(Principal(proof=Proof(keys=(certificate(),), **tokens)), now())


@pytest.mark.parametrize("ends", ["session", "device", "operator", "certificate"])
def test_a_principal_ends_with_the_first_of_its_tokens_also_while_it_is_known(ends: str) -> None:
    at = now()
    until = int(at.timestamp()) + 60
    of = dict(CALLERS["an applicant with a helper at a kiosk"])
    if ends == "certificate":
        sent = proven((certificate(exp=until),), **of)
    else:
        sent = proven(**of | {ends: of[ends].model_copy(update={"exp": until})})
    known, fresh = verifier(), verifier()
    known.verify(sent, at)
    known.verify(sent, at + timedelta(seconds=59) + LEEWAY)
    for one in (known, fresh, fresh):
        with pytest.raises(NotAuthenticated) as refused:
            one.verify(sent, at + timedelta(seconds=61) + LEEWAY)
        assert refused.value.body.code == "session_ended"


def test_a_process_remembers_few_proofs_and_never_refused_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principals, "REMEMBERED", 2)
    own = verifier()
    for _ in range(3):
        own.verify(proven(session=claims()), now())
    with pytest.raises(Forbidden):
        own.verify(forged(session=STRANGERS_TOKEN), now())
    assert len(own._known) == 2


def test_a_proof_is_in_no_text_of_a_principal() -> None:
    sent = proven(session=APPLICANT)
    assert sent.proof is not None
    assert sent.proof.session not in repr(sent)
    assert sent.proof.session not in str(sent)


@pytest.mark.parametrize("field", OTHERS)
def test_who_has_no_session_has_no_rights_and_nobodys_idempotency_keys(field: str) -> None:
    nobody = [Principal(), Principal(id="address:5f1c")]
    own = verifier()
    for one in nobody:
        assert own.verify(one, now()) == one
        value = "applicant" if field == "kind" else OTHERS[field]
        with pytest.raises(Forbidden):
            own.verify(one.model_copy(update={field: value}), now())


def test_a_gateway_of_an_earlier_version_may_leave_out_what_it_does_not_know() -> None:
    sent = proven(session=OFFICER)
    less = Principal.model_validate(sent.model_dump(mode="json", exclude={"assistant_of"}))
    assert verifier().verify(less, now()) == sent.model_copy(update={"proof": None})

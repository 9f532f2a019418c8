"""Principals on the wire: a service carries nothing out in the name of somebody whom no token proves."""

import json
from typing import Any

from contracts.rpc.call import Principal
from contracts.tokens import PASS_TYP
from tests.integration.chassis_under_test import make_probe
from tests.support.factories.gateway import LATER, OTHER_KEY, claims, proven, signed
from tests.support.stack.running import eventually
from tests.support.stack.wire import call_body

GUARD = proven(session=claims(sub="SEC-0001", role="security", department=None, site="PCS1", exp=LATER))
assert GUARD.proof
FORGERIES: dict[str, Principal] = {
    "another login": GUARD.model_copy(update={"login_id": "SEC-0002"}),
    "no token": GUARD.model_copy(update={"proof": None}),
    "another role": GUARD.model_copy(update={"role": "ado"}),
    "another site": GUARD.model_copy(update={"site": "PCS2"}),
    "a token of nobody's": GUARD.model_copy(
        update={"proof": GUARD.proof.model_copy(update={"session": signed(claims(), key=OTHER_KEY)})}
    ),
    "a token of another kind": GUARD.model_copy(
        update={"proof": GUARD.proof.model_copy(update={"session": signed(claims(), typ=PASS_TYP)})}
    ),
}


def calling(site: str, principal: Principal) -> dict[str, Any]:
    return call_body({"site": site}, principal=principal.model_dump(mode="json"))


def code_of(reply: dict[str, Any]) -> str | None:
    return reply["error"] and json.loads(reply["error"]["exc_args"][0])["code"]


def test_a_call_in_the_name_of_somebody_whom_no_token_proves_is_not_carried_out(
    broker, probe, effects
) -> None:
    with broker.asking() as replies:
        for principal in FORGERIES.values():
            replies.ask("verify", "inside", calling("forged", principal))
            assert code_of(replies.next()) == "unproven_principal"
        replies.ask("verify", "inside", calling("genuine", GUARD))
        assert code_of(replies.next()) is None
    assert effects() == ["genuine"]
    assert probe.metric("epass_rpc_forged_total") == len(FORGERIES)


def test_of_calls_that_travel_together_each_proves_its_own_principal(broker, probe, effects) -> None:
    calls = {name: calling("forged", principal) for name, principal in FORGERIES.items()}
    replies = broker.call_together("verify", "inside", {**calls, "guard": calling("genuine", GUARD)})
    assert code_of(replies.pop("guard")) is None
    assert {code_of(reply) for reply in replies.values()} == {"unproven_principal"}
    assert "forged" not in effects()
    assert "genuine" in effects()


def test_control_without_the_check_it_is_carried_out(broker, effects, topology, tmp_path) -> None:
    with make_probe(topology, tmp_path, "rpc", sabotage="any_principal").start(), broker.asking() as replies:
        for principal in FORGERIES.values():
            replies.ask("verify", "inside", calling("forged", principal))
        eventually(lambda: effects().count("forged") >= len(FORGERIES), "all are")

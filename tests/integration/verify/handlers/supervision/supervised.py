"""A gate of a site that demands a supervisor, and the people who decide about it."""

import base64
from typing import Any
from uuid import uuid4

from contracts import supervisor_pin
from contracts.envelope import Received
from contracts.errors import ContractError, Forbidden
from contracts.events import LoginDisabled
from contracts.rpc.call import Principal
from contracts.rpc.verify.incidents import IncidentQuestion, IncidentView
from contracts.rpc.verify.scans import Matched, ScanPass, Supervisor
from contracts.rpc.verify.supervisors import NameSupervisor, SetPin, SiteId, SiteSupervision, SupervisorId
from services.verify.handlers import incidents, supervisor_rules, supervisors
from tests.support.factories.verify import NOON, Gate, calling, officer

ADO = Principal(kind="staff", id="ADO-0001", role="ado", login_id="ADO-0001")


HEAD = officer(gate=None, login_id="SEC-0009")


PIN = "481516"


class Supervised(Gate):
    """A gate of a site that demands a supervisor, and that has one with a PIN."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.name("PCS1")
        self.decide(demanded=True)
        self.choose(PIN)

    def decide(self, *, demanded: bool, principal: Principal = ADO) -> SiteSupervision:
        with self.database.transaction() as session:
            return supervisor_rules.decide(
                SiteId(site="PCS1"), calling(principal), session, NOON, demanded=demanded
            )

    def name(self, site: str, principal: Principal = ADO) -> None:
        with self.database.transaction() as session:
            asked = NameSupervisor(login_id="SEC-0009", site=site)
            supervisors.name(asked, calling(principal), session, NOON)

    def end(self, principal: Principal = ADO) -> None:
        with self.database.transaction() as session:
            supervisors.end(SupervisorId(login_id="SEC-0009"), calling(principal), session)

    def move(self, principal: Principal = ADO) -> None:
        self.name("PCS2", principal)

    def disable(self, login_id: str = "SEC-0009") -> None:
        event = LoginDisabled(login_id=login_id, disabled_by="ADO-0001", sessions_until=NOON)
        received = Received(event, uuid4(), event.subject, 1, NOON, "accounts", None)
        with self.database.transaction() as session:
            supervisors.handle_login_disabled(received, session, NOON)

    def problem(self) -> str | None:
        """What is wrong at the site, as the ADO Branch and security of the site see it."""
        with self.database.transaction() as session:
            sites = supervisors.list_all(calling(ADO), session, NOON).sites
            own = supervisors.own_pin(calling(HEAD), session, NOON).problem
        (found,) = (one.problem for one in sites if one.site == "PCS1")
        assert own == found
        return found

    def choose(self, pin: str, principal: Principal = HEAD) -> None:
        supervisors.set_pin(SetPin(pin=pin), calling(principal), self.database, NOON)

    def agreement(
        self, scan: ScanPass, pin: str = PIN, login_id: str = "SEC-0009", overrides: tuple[Any, ...] = ()
    ) -> Supervisor:
        """What the app makes of a PIN that was typed for a scan."""
        (held,) = self.manifest().supervisors or (None,)
        assert held is not None
        salt = _decoded(held.salt)
        key = supervisor_pin.derive(pin, salt, held.iterations)
        return Supervisor(
            login_id=login_id,
            reason="known to me",
            proof=supervisor_pin.prove(key, scan.nonce, scan.token or scan.pass_number or "", overrides),
            overrides=overrides,
        )

    def check(self, scan: ScanPass, agreed: Supervisor, at: Any = NOON) -> ContractError | None:
        asked = scan.model_copy(update={"supervisor": agreed})
        return supervisors.check(asked, calling(), self.database, at)

    def found(self, principal: Principal = HEAD, **question: Any) -> tuple[IncidentView, ...]:
        with self.database.transaction() as session:
            asked = IncidentQuestion(**question)
            return incidents.list_incidents(asked, calling(principal), session).items


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


WRONG = Matched(kind="matched", id_type="voter_id", id_last4="0000")


def refusal(gate: Gate, request: ScanPass, at: Any = NOON) -> str | None:
    try:
        gate.scan(request, at=at)
    except Forbidden as refused:
        return refused.body.code
    return None


def code(refusal: ContractError | None) -> str | None:
    return refusal.body.code if refusal is not None else None

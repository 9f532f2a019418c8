"""What the tests of issuance build: approvals and what ends them, principals, deliveries, passes."""

import base64
import warnings
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy import select

from contracts.events import (
    ApplicationCancelled,
    ApprovalWithdrawn,
    Event,
    MobileChanged,
    MobileNumbers,
    PassApproved,
    PersonalDataErased,
    VisitDayClosed,
)
from contracts.model import IST, Companion, Person, Slot
from contracts.rpc.call import Call, Principal
from contracts.rpc.issuance import Jwks, PassView
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.issuance.adapters.keys import key_store
from services.issuance.consumers import Consumers
from services.issuance.models import PassRow
from services.issuance.service import Service
from services.issuance.settings import IssuanceSettings
from tests.support.factories import envelopes
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import entrypoint_of, example, key_ring, wrap
from tests.support.stack.settings import make_settings

MOBILE = "+919876543210"
SETTINGS = make_settings(IssuanceSettings)
KEYS = key_store(SETTINGS)
"""The signing keys of issuance, under the key encryption keys of the tests."""
NOW = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
"""The day before the slot of :func:`approved`."""
TEN_TO_TWELVE = Slot(day=date(2026, 12, 1), start=time(10), end=time(12))
VALID_FROM = datetime(2026, 12, 1, 9, 30, tzinfo=IST)
VALID_TO = datetime(2026, 12, 1, 12, 30, tzinfo=IST)


def applicant(**changes: Any) -> Person:
    person = PassApproved.sample().personal.applicant
    return person.model_copy(update={"email": "gurpreet@example.org", **changes})


def approved(*companions: Companion, person: Person | None = None, **changes: Any) -> PassApproved:
    """Return an approval for the applicant and these companions."""
    people = {"applicant": person or applicant(), "companions": companions}
    facts: dict[str, Any] = {
        "application_id": uuid4(),
        "reference": "PCS-7K3M-9QW4",
        "review_id": uuid4(),
        "gate": None,
        "officer": "home-secretary",
        "party": 1 + len(companions),
        "personal": PassApproved.sample().personal.model_copy(update=people),
    }
    return example(PassApproved, **facts | changes)


def tomorrow() -> Slot:
    """Return a slot that is in the future by the real clock, which the entrypoints read."""
    return Slot(day=(now() + timedelta(days=1)).astimezone(IST).date(), start=time(10), end=time(12))


def withdrawn(approval: PassApproved, **changes: Any) -> ApprovalWithdrawn:
    return example(ApprovalWithdrawn, approval, **{"reason": "officer_unavailable", **changes})


def day_closed(approval: PassApproved, **changes: Any) -> VisitDayClosed:
    return example(
        VisitDayClosed, approval, **{"day": approval.slot.day, "reason": "officer_away", **changes}
    )


def cancelled(approval: PassApproved) -> ApplicationCancelled:
    return example(ApplicationCancelled, approval)


def erased(approval: PassApproved) -> PersonalDataErased:
    return example(PersonalDataErased, approval)


def mobile_changed(approval: PassApproved, to: str, before: str | None = MOBILE) -> MobileChanged:
    numbers = MobileNumbers(mobile=to, before=before)
    return example(MobileChanged, approval, changed_by="applicant", personal=numbers)


def citizen(mobile: str | None = MOBILE) -> Principal:
    return Principal(kind="applicant", id=f"applicant:{mobile}", mobile=mobile)


def staff(role: Any = "reception", site: str | None = "PCS1") -> Principal:
    return Principal(kind="staff", id=f"{role}-0001", role=role, login_id=f"{role}-0001", site=site)


def calling(principal: Principal | None = None, key: str | None = None) -> Call:
    return make_call(principal or citizen(), key)


def deliver(database: Database, event: Event, event_id: UUID | None = None, seq: int = 1) -> None:
    """Deliver an event as the chassis does: open it, check the inbox, handle it, in one transaction."""
    consumers = Consumers()
    consumers.db, consumers.settings = database, SETTINGS
    envelope = wrap(event, event_id=event_id or uuid4(), seq=seq, occurred_at=NOW, keys=key_ring())
    envelopes.deliver(getattr(consumers, entrypoint_of(envelope)), envelope)


def service_on(database: Database) -> Service:
    """Return the service with its RPCs, without a broker."""
    service = Service()
    service.db, service.settings = database, SETTINGS
    return service


def published(database: Database) -> list[Any]:
    """Return every event of the outbox, opened, oldest first."""
    return [one.event for one in envelopes.published(database)]


def rows(database: Database, application_id: UUID | None = None) -> list[PassRow]:
    """Return the passes, all or of one application, in the order in which they were first published."""
    its_event = (outbox.c.type == "PassIssued") & (outbox.c.data["pass_number"].astext == PassRow.number)
    query = select(PassRow).join(outbox, its_event).order_by(outbox.c.position)
    with database.transaction() as session:
        found = session.scalars(
            query if application_id is None else query.where(PassRow.application_id == application_id)
        )
        return list(dict.fromkeys(found))


def issue(database: Database, approval: PassApproved | None = None) -> PassRow:
    """Make a pass and return its row."""
    approval = approval or approved()
    deliver(database, approval)
    return rows(database, approval.application_id)[-1]


def verified(token: str, keys: Jwks) -> jwt.Token:
    """Return the token, checked by a library that did not make it.

    Raises:
        joserfc.errors.JoseError: no key of the set has signed this.
    """
    published = KeySet([OKPKey.import_key(key.model_dump()) for key in keys.keys])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", SecurityWarning
        )  # joserfc prefers the newer name of RFC 9864, Ed25519
        return jwt.decode(token, published, algorithms=["EdDSA"])


def picture_bytes(answer: dict[str, Any]) -> bytes:
    """Return the picture in the answer of an RPC."""
    return base64.b64decode(answer["base64"])


def as_view(answer: Any) -> PassView:
    """Return the answer of an RPC as its caller reads it."""
    return PassView.model_validate(answer)

"""The messages that notify has stored."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Principal
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.sealing import unseal
from services.notify.domain.messages import Personal
from services.notify.handlers import directory, erasure, event_handlers, mobiles, resends
from services.notify.models import MessageRow
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import key_ring
from tests.support.factories.notify import PUBLIC_URL

HANDLERS: dict[str, Callable[[Received, Session], None]] = {
    "DirectoryChanged": directory.handle_directory_changed,
    "OtpRequested": lambda event, session: event_handlers.handle_otp_requested(event, session, now()),
    "LoginIssued": lambda event, session: event_handlers.handle_login_issued(event, session, now()),
    "AccessChanged": lambda event, session: event_handlers.handle_access_changed(event, session, now()),
    "ApplicationSubmitted": lambda event, session: event_handlers.handle_application_submitted(
        event, session, now(), PUBLIC_URL
    ),
    "ApplicationCancelled": lambda event, session: event_handlers.handle_application_cancelled(
        event, session, now(), PUBLIC_URL
    ),
    "ApplicationExpired": lambda event, session: event_handlers.handle_application_expired(
        event, session, now(), PUBLIC_URL
    ),
    "MobileChanged": lambda event, session: mobiles.handle_mobile_changed(event, session, now()),
    "PassRejected": lambda event, session: event_handlers.handle_pass_rejected(
        event, session, now(), PUBLIC_URL
    ),
    "PassReturned": lambda event, session: event_handlers.handle_pass_returned(
        event, session, now(), PUBLIC_URL
    ),
    "RequestAnswered": lambda event, session: event_handlers.handle_request_answered(
        event, session, now(), PUBLIC_URL
    ),
    "BreachNoticeRequested": lambda event, session: event_handlers.handle_breach_notice_requested(
        event, session, now(), PUBLIC_URL
    ),
    "VisitDayClosed": lambda event, session: event_handlers.handle_visit_day_closed(
        event, session, now(), PUBLIC_URL
    ),
    "VisitDayReopened": lambda event, session: event_handlers.handle_visit_day_reopened(
        event, session, now(), PUBLIC_URL
    ),
    "PassIssued": lambda event, session: event_handlers.handle_pass_issued(event, session, now(), PUBLIC_URL),
    "PassRevoked": lambda event, session: event_handlers.handle_pass_revoked(
        event, session, now(), PUBLIC_URL
    ),
    "ReviewEscalated": lambda event, session: event_handlers.handle_review_escalated(
        event, session, now(), PUBLIC_URL
    ),
    "PlaceOffered": lambda event, session: event_handlers.handle_place_offered(
        event, session, now(), PUBLIC_URL
    ),
    "VisitNear": lambda event, session: event_handlers.handle_visit_near(event, session, now(), PUBLIC_URL),
    "VisitorAnnounced": lambda event, session: event_handlers.handle_visitor_announced(
        event, session, now(), PUBLIC_URL
    ),
    "VisitorLeft": lambda event, session: event_handlers.handle_visitor_left(
        event, session, now(), PUBLIC_URL
    ),
    "VisitorCalled": lambda event, session: event_handlers.handle_visitor_called(
        event, session, now(), PUBLIC_URL
    ),
    "PersonalDataErased": lambda event, session: erasure.handle_personal_data_erased(event, session, now()),
}


def handle(db: Database, *received_events: Received) -> None:
    for one in received_events:
        with db.transaction() as session:
            HANDLERS[type(one.event).__name__](one, session)


def resend(db: Database, reference: str, principal: Principal, key: str | None = None) -> None:
    with db.transaction() as session:
        resends.resend(ReferenceOnly(reference=reference), make_call(principal, key), session, now())


def messages(db: Database) -> list[MessageRow]:
    with db.transaction() as session:
        return list(session.scalars(select(MessageRow).order_by(MessageRow.created_at)))


def personal(row: MessageRow) -> Personal:
    assert row.personal is not None
    return unseal(row.id, row.personal, key_ring())

"""Operations see each try of a message, why it failed, and what its vendor told; nobody else does."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Principal
from contracts.rpc.notify import MessageSearch, MessageTraces
from services.chassis.db.database import Database
from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError
from services.notify.handlers.traces import trace_messages
from services.notify.models import MessageRow
from tests.integration.notify.chains.two_vendors import Vendor, make_sender, put_code, put_pass, report
from tests.support.factories.calls import make_call
from tests.support.factories.notify import MOBILE, RECEPTION, Clock, SteppedSender

OPS = Principal(kind="staff", id="OPS-0001", login_id="OPS-0001", role="ops")


def trace(db: Database, by: Principal = OPS, **wanted: Any) -> MessageTraces:
    with db.queries() as session:
        return trace_messages(MessageSearch(**wanted), make_call(by), session)


def test_every_try_on_every_channel_is_told_with_its_reason_and_the_report_of_the_vendor(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    whatsapp.faults = [TemporaryChannelError("credentials"), PermanentChannelError("not_on_whatsapp")]
    postman = make_sender(db, whatsapp, sms, clock)
    visit = put_pass(db)
    postman.send_due()
    (waiting,) = trace(db, reference=visit.reference).items
    assert (waiting.state, waiting.attempts, waiting.reason) == ("queued", 1, "credentials")
    assert waiting.due_at is not None
    for _ in range(4):
        clock.forward(5)
        postman.send_due()
        postman.advance()
    report(db, "sms", "sms-vendor-1", "failed", reason="bad_number")
    postman.advance()
    found = trace(db, reference=visit.reference)
    second, first = found.items
    assert [one.reason for one in first.failed] == ["credentials", "not_on_whatsapp"]
    assert [one.at for one in first.failed] == sorted(one.at for one in first.failed)
    assert (first.channel, first.step, second.channel, second.step) == ("whatsapp", 0, "sms", 1)
    assert first.event_id == second.event_id
    assert (second.provider, [(one.status, one.reason) for one in second.reports]) == (
        "sms", [("failed", "bad_number")],
    )  # fmt: skip
    assert second.is_undelivered
    assert trace(db, pass_number=visit.number) == found
    assert trace(db, message_id=second.id) == found
    assert MOBILE[-4:] not in found.model_dump_json(exclude={"items": {"__all__": {"id", "event_id"}}})


def test_of_many_tries_the_newest_twenty_are_kept(db: Database, sms: Vendor, clock: Clock) -> None:
    away = Vendor("wa", *[TemporaryChannelError("busy", recipient_only=True)] * 40)
    postman = make_sender(db, away, sms, clock, chain_pass=())
    visit = put_pass(db)
    for _ in range(25):
        clock.forward(300)
        postman.send_due()
    (one,) = trace(db, reference=visit.reference).items
    assert one.attempts > 20
    assert len(one.failed) == 20
    assert one.failed[-1].at == max(failed.at for failed in one.failed)


def test_a_code_is_found_by_the_id_of_its_message_alone(db: Database, postman: SteppedSender) -> None:
    put_code(db)
    postman.send_due()
    with db.queries() as session:
        message_id = session.scalars(select(MessageRow.id)).one()
    found = trace(db, message_id=message_id)
    assert (found.reference, [one.purpose for one in found.items]) == (None, ["otp"])


@pytest.mark.parametrize(
    "wanted",
    [
        {"reference": "PCS-7K3M-9QW3"},
        {"reference": "Kaur"},
        {"pass_number": "7K3M9QW4"},
        {},
        {"message_id": uuid4()},
        {"message_id": UUID(int=1), "reference": "PCS-7K3M-9QW3"},
    ],
)
def test_what_notify_has_never_heard_of_is_not_found(db: Database, wanted: dict[str, Any]) -> None:
    put_pass(db)
    with pytest.raises(NotFound):
        trace(db, **wanted)


def test_nobody_but_operations_may_ask(db: Database) -> None:
    visit = put_pass(db)
    with pytest.raises(Forbidden):
        trace(db, RECEPTION, reference=visit.reference)

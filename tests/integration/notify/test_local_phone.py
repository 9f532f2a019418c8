"""The local phone, which serves every channel in local mode."""

import threading
from uuid import UUID

from sqlalchemy import select

from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels.installed import channels_of
from services.notify.adapters.channels.local import LocalChannel
from services.notify.handlers import event_handlers
from services.notify.handlers.deliveries import EVERY_LANE
from services.notify.models import PhoneMessageRow
from services.notify.settings import SenderSettings
from tests.integration.notify.handlers.stored import handle, resend
from tests.integration.notify.stepped import lease_one, published, put_codes, put_passes, sender
from tests.integration.statements import heard
from tests.support.factories.notify import (
    MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    received,
)
from tests.support.stack.settings import make_settings


def test_in_local_mode_the_local_phone_serves_every_channel(db: Database) -> None:
    settings = make_settings(SenderSettings, local_mode=True)
    channels = channels_of(settings)
    assert set(channels) == {"sms", "whatsapp", "email"}
    assert all(isinstance(channel, LocalChannel) for channel in channels.values())
    put_passes(db, 1)
    put_codes(db, 1)
    for _ in range(2):
        SteppedSender(db, channels, settings, threading.Event()).send_due()
    with db.transaction() as session:
        shown = {item.purpose: item for item in session.scalars(select(PhoneMessageRow))}
    assert shown["otp"].text.startswith("482917")
    assert shown["pass_issued"].link == f"{PUBLIC_URL}/p/Zk3vQ9mT1xA7bC2dE5fG6h"
    assert {item.recipient for item in shown.values()} == {MOBILE}


def test_the_local_phone_accepts_each_message_once(db: Database) -> None:
    put_passes(db, 1)
    clock, channels = Clock(db), channels_of(make_settings(SenderSettings, local_mode=True))
    slow = lease_one(db)
    clock.forward(31)
    assert len(sender(db, dict(channels), clock).send_due()) == 1
    assert len(sender(db, dict(channels), clock).send([slow])) == 1
    with db.transaction() as session:
        assert session.scalars(select(PhoneMessageRow.message_id)).all() == [slow.id]


def test_messages_to_the_local_phone_are_recorded_together_and_only_with_their_outcome(db: Database) -> None:
    put_passes(db, 5)
    put_codes(db, 1)
    channels = channels_of(make_settings(SenderSettings, local_mode=True))
    commits: list[int] = []
    with heard(db, "commit", lambda _connection: commits.append(1)):
        assert len(sender(db, dict(channels)).send_due()) == 1, "the code goes first and alone"
        assert commits == [1]
        postman = sender(db, dict(channels))
        leased = postman.lease(("otp", "normal"), 20, postman.providers["local"])
        with db.transaction() as session:
            assert len(session.scalars(select(PhoneMessageRow.id)).all()) == 1, (
                "nothing happens before the record"
            )
        commits.clear()
        assert len(postman.send(leased)) == 5
        assert commits == [1]
    assert len(published(db)) == 6


def test_a_message_to_the_local_phone_does_not_wait_for_a_slow_vendor(db: Database) -> None:
    put_passes(db, 1)
    with db.transaction() as session:
        visit = Visit(deliver_by="whatsapp")
        event_handlers.handle_pass_issued(received(visit.issued()), session, now(), PUBLIC_URL)
    postman = sender(db, {"sms": LocalChannel(), "whatsapp": RecordingChannel()})
    leased = {name: postman.lease(EVERY_LANE, 20, one) for name, one in postman.providers.items()}
    assert {name: [message.channel for message in batch] for name, batch in leased.items()} == {
        "local": ["sms"],
        "recording": ["whatsapp"],
        "none": [],
    }


def test_a_resent_pass_reaches_the_local_phone_again(db: Database) -> None:
    visit = Visit()
    channels = channels_of(make_settings(SenderSettings, local_mode=True))
    handle(db, received(visit.issued()))
    sender(db, dict(channels)).send_due()

    resend(db, visit.reference, RECEPTION)
    sender(db, dict(channels)).send_due()
    with db.transaction() as session:
        texts = session.scalars(select(PhoneMessageRow.text)).all()
    assert len(texts) == 2
    assert texts[0] == texts[1]
    assert len({UUID(data["message_id"]) for _, data in published(db)}) == 2

"""Both vendors are gone for an hour, by a clock that the test moves: nobody listens at their addresses."""

import gc
import logging
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from sqlalchemy import text

from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.mobile_seva import MobileSevaChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.domain.registrations import Registrations
from services.notify.handlers import deliveries, event_handlers
from tests.support.factories.notify import OPTIONS, PUBLIC_URL, Clock, SteppedSender, Visit, otp, received
from tests.support.stack.extent import long
from tests.support.vendors.mobile_seva import MobileSeva
from tests.support.vendors.whatsapp import WhatsApp

PASSES = 150
STEP, STEPS = 60, 60
WINDOW = 12
MOST_GROWN = 4096
"""Bytes that a window of so many minutes without vendors may leave in a process. What leaks does so in each
one; a table of a library that grows once does not."""
OPTIONS_HERE = OPTIONS.model_copy(
    update={
        "chain_pass": ("whatsapp:120", "sms:600"),
        "chain_code": ("sms:45", "whatsapp:45"),
        "whatsapp_per_recipient": None,
        "whatsapp_per_second": None,
    }
)


@pytest.fixture
def forgotten_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing be logged: pytest keeps what is, also of libraries if a test has set their level."""
    monkeypatch.setattr(deliveries, "log", Silent())
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def number(index: int) -> str:
    return f"+9198{index:08}"


def rounds(postman: SteppedSender) -> None:
    while postman.send_due() or postman.advance():
        pass


class Silent:
    """A log that keeps nothing, as pytest would."""

    def warning(self, *_words: object, **_facts: object) -> None:
        pass


@long
@pytest.mark.usefixtures("forgotten_logs")
def test_an_hour_without_both_vendors_loses_nothing_and_leaves_nothing_in_memory(db: Database) -> None:
    clock = Clock(db)
    with WhatsApp() as meta, MobileSeva() as cdac:
        pass  # their ports are free again: nobody listens there
    limits = httpx.Limits(max_keepalive_connections=0)
    client = GatewayClient(httpx.AsyncClient(timeout=2, limits=limits, trust_env=False))
    ids = {(purpose, "pa"): "1307" for purpose in ("otp", "pass_issued")}
    registered = Registrations("1301", cdac.header, ids)
    channels = {
        "whatsapp": WhatsAppChannel(client, meta.url, meta.token),
        "sms": MobileSevaChannel(client, cdac.url, cdac.user, cdac.password, cdac.secure_key, registered),
    }
    postman = SteppedSender(db, channels, OPTIONS_HERE, threading.Event(), clock)
    with db.transaction() as session:
        for index in range(PASSES):
            visit = Visit(deliver_by="whatsapp", mobile=number(index))
            event_handlers.handle_pass_issued(received(visit.issued()), session, now(), PUBLIC_URL)
    tracemalloc.start()
    held = []
    for step in range(STEPS):
        rounds(postman)
        clock.forward(STEP)
        if (step + 1) % WINDOW == 0:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    with db.queries() as session:
        waiting, shown = session.execute(
            text("""
            select count(distinct pass_number) filter (where state = 'queued'),
                   count(distinct pass_number) filter (where undelivered_at is not null)
            from messages
            """)
        ).one()
    assert (waiting, shown) == (PASSES, PASSES), "each waits for a vendor, and reception may print it"
    with WhatsApp(meta.port) as meta, MobileSeva(cdac.port) as cdac:
        with db.transaction() as session:
            code = otp(mobile=number(PASSES), minutes=STEPS + 10)
            event_handlers.handle_otp_requested(code, session, now() + clock.ahead)
        for _ in range(2 * STEPS):
            rounds(postman)
            clock.forward(15)
        phones = Counter(shown.to.removeprefix("+") for shown in (*meta.phone, *cdac.phone))
        assert phones == Counter(number(index)[1:] for index in range(PASSES + 1)), "each once"
        assert cdac.phone[0].to == number(PASSES)[1:], "the code went before all that had waited"
    assert min(after - before for before, after in pairwise(held)) < MOST_GROWN, held

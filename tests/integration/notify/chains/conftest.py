"""Two vendors, and a sender that is stepped."""

import pytest

from services.chassis.db.database import Database
from tests.integration.notify.chains.two_vendors import Vendor, make_sender
from tests.support.factories.notify import Clock, SteppedSender


@pytest.fixture
def whatsapp() -> Vendor:
    return Vendor("wa")


@pytest.fixture
def sms() -> Vendor:
    return Vendor("sms")


@pytest.fixture
def postman(db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock) -> SteppedSender:
    return make_sender(db, whatsapp, sms, clock)

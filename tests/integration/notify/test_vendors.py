"""From an event to a phone, over stand-ins of the vendors; and that nothing personal is left on the way."""

import base64
import io
import threading
from collections.abc import Iterator

import httpx
import pytest
import structlog
import zxingcpp
from PIL import Image
from prometheus_client import REGISTRY, generate_latest
from sqlalchemy import text

from contracts import events
from contracts.rpc.notify import PhoneQuestion
from services.chassis.db.database import Database
from services.notify.adapters import pass_card
from services.notify.adapters.channels import Channel
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.installed import channels_of
from services.notify.adapters.channels.mobile_seva import MobileSevaChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.domain.registrations import Registrations
from services.notify.domain.sms_segments import count_segments
from services.notify.handlers import directory, local_phone
from services.notify.handlers.deliveries import EVERY_LANE, Sender
from services.notify.handlers.leases import Leased
from services.notify.settings import SenderSettings
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import LINK_CODE, MOBILE, Clock, SteppedSender, Visit, otp, received
from tests.support.stack.running import eventually
from tests.support.stack.settings import make_settings
from tests.support.vendors.mobile_seva import MobileSeva
from tests.support.vendors.server import Faults
from tests.support.vendors.whatsapp import WhatsApp

TOKEN = "eyJ0eXAiOiJlcGFzcytqd3Qi" + "canary" * 40
PERSONAL = (MOBILE[3:-1], "482917", LINK_CODE, TOKEN, "Gurpreet", "ਗੁਰਪ੍ਰੀਤ")
"""What must stand nowhere: numbers, a code, the link and the token of a pass, names."""


@pytest.fixture
def meta() -> Iterator[WhatsApp]:
    with WhatsApp() as server:
        yield server


@pytest.fixture
def cdac() -> Iterator[MobileSeva]:
    with MobileSeva() as server:
        yield server


@pytest.fixture
def vendors(meta: WhatsApp, cdac: MobileSeva, db: Database) -> dict[str, Channel]:
    limits = httpx.Limits(max_keepalive_connections=0)
    client = GatewayClient(httpx.AsyncClient(timeout=2, limits=limits, trust_env=False))
    ids = {(purpose, "pa"): "1307" for purpose in ("otp", "pass_issued")}
    registered = Registrations("1301", cdac.header, ids)
    return {
        "whatsapp": WhatsAppChannel(
            client, meta.url, meta.token, draw=pass_card.draw, media=StoredMediaIds(db)
        ),
        "sms": MobileSevaChannel(client, cdac.url, cdac.user, cdac.password, cdac.secure_key, registered),
    }


def issued(**visit: str) -> events.PassIssued:
    made = Visit(**visit).issued()
    return made.model_copy(update={"personal": made.personal.model_copy(update={"token": TOKEN})})


def store(db: Database, **visit: str) -> None:
    handle(db, received(issued(**visit)))


def send_all(db: Database, vendors: dict[str, Channel], clock: Clock, rounds: int = 1) -> None:
    sender = SteppedSender(db, vendors, make_settings(SenderSettings), threading.Event(), clock)
    for _ in range(rounds):
        while sender.send_due():
            pass
        clock.forward(400)


def name_the_site(db: Database) -> None:
    name = {"pa": "ਪੰਜਾਬ ਸਕੱਤਰੇਤ", "en": "Secretariat"}
    site = events.SiteRecord(code="PCS1", name=name, address={}, gates=(), hours=())
    with db.transaction() as session:
        directory.handle_directory_changed(received(events.DirectoryChanged(site=site)), session)


def test_a_phone_shows_the_code_that_the_gate_reads_and_the_site_by_its_name(
    db: Database, meta: WhatsApp, vendors: dict[str, Channel]
) -> None:
    name_the_site(db)
    store(db, deliver_by="whatsapp")
    send_all(db, vendors, Clock(db))
    (shown,) = meta.phone
    assert shown.picture is not None
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(shown.picture)))
    assert code.text == TOKEN
    assert "ਪੰਜਾਬ ਸਕੱਤਰੇਤ" in shown.text
    assert shown.button == f"p/{LINK_CODE}"


def test_a_pass_whose_upload_outlasts_the_lease_of_its_sender_comes_once(
    db: Database, meta: WhatsApp, vendors: dict[str, Channel]
) -> None:
    options = make_settings(
        SenderSettings,
        sender_lease=1,
        retry_delays=(0.1,),
        whatsapp_per_recipient=None,
        whatsapp_per_second=None,
    )
    first, second = (Sender(db, vendors, options, threading.Event()) for _ in range(2))
    store(db, deliver_by="whatsapp")
    meta.faults.hold = threading.Event()
    slow = threading.Thread(target=first.send, args=(take_one(first),))
    slow.start()
    taken = eventually(lambda: take_one(second), "another sender takes it over")
    meta.faults.hold.set()
    second.send(taken)
    slow.join()
    assert len(meta.phone) == 1


def take_one(sender: Sender) -> list[Leased]:
    return sender.lease(EVERY_LANE, 1, sender.providers["whatsapp_cloud"])


def test_a_picture_is_uploaded_once_however_often_its_message_is_tried(
    db: Database, meta: WhatsApp, vendors: dict[str, Channel]
) -> None:
    store(db, deliver_by="whatsapp")
    clock = Clock(db)
    send_all(db, {"whatsapp": vendors["whatsapp"]}, clock, 0)
    sender = SteppedSender(db, vendors, make_settings(SenderSettings), threading.Event(), clock)
    meta.faults = Faults(error_rate=0)
    upload = meta.respond

    def fail_twice(request):
        if request.path.endswith("/messages") and len(meta.requests) < 4:
            return 503, b""
        return upload(request)

    meta.respond = fail_twice  # type: ignore[method-assign]
    for _ in range(3):
        sender.send_due()
        clock.forward(400)
    assert [request.path.rpartition("/")[2] for request in meta.requests] == [
        "media",
        "messages",
        "messages",
        "messages",
    ]
    assert len(meta.phone) == 1


def test_the_page_of_the_local_phone_has_the_picture(db: Database) -> None:
    store(db, deliver_by="whatsapp")
    store(db)
    send_all(db, dict(channels_of(make_settings(SenderSettings, local_mode=True))), Clock(db))
    with db.queries() as session:
        asked = PhoneQuestion(to=MOBILE, with_pictures=True)
        found = {one.channel: one for one in local_phone.list_messages(asked, session, local_mode=True).items}
        plain = local_phone.list_messages(PhoneQuestion(to=MOBILE), session, local_mode=True).items
    assert found["sms"].picture is None
    picture = base64.b64decode(found["whatsapp"].picture or "")
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))[0].text == TOKEN
    assert not any(one.picture for one in plain), "a picture is drawn only for whoever asks"


def billed(provider: str, purpose: str) -> float:
    labels = {"provider": provider, "purpose": purpose}
    return REGISTRY.get_sample_value("epass_message_parts_total", labels) or 0.0


def test_what_a_vendor_bills_is_counted_in_segments_of_sms_and_in_messages_elsewhere(
    db: Database, meta: WhatsApp, cdac: MobileSeva, vendors: dict[str, Channel]
) -> None:
    before = billed("mobile_seva", "pass_issued"), billed("whatsapp_cloud", "pass_issued")
    cdac.faults.answers.append((200, b"ERROR : 408 the gateway failed"))
    store(db)
    store(db, deliver_by="whatsapp")
    send_all(db, vendors, Clock(db), rounds=2)
    segments = count_segments(cdac.phone[0].text)
    assert segments > 1
    assert len(cdac.requests) == 2
    assert billed("mobile_seva", "pass_issued") == before[0] + segments, "a try that failed costs nothing"
    assert billed("whatsapp_cloud", "pass_issued") == before[1] + 1


def test_nothing_personal_is_left_in_logs_metrics_or_clear_columns(
    db: Database, meta: WhatsApp, cdac: MobileSeva, vendors: dict[str, Channel]
) -> None:
    meta.faults = Faults(error_rate=0.3, error=(400, MOBILE.encode()), hang_up_rate=0.2)
    cdac.faults = Faults(error_rate=0.5, error=(200, f"ERROR : 406 {MOBILE}".encode()))
    with structlog.testing.capture_logs() as logged:
        for number in range(8):
            store(db, deliver_by="whatsapp", mobile=f"{MOBILE[:-1]}{number}")
            store(db)
            handle(db, otp())
        send_all(db, vendors, Clock(db), rounds=3)
    assert meta.phone, "some were sent"
    assert cdac.phone
    assert any(line["event"] == "message was not sent" for line in logged), "and some were not"
    written = f"{logged}{generate_latest().decode()}{clear_columns(db)}"
    assert not [secret for secret in PERSONAL if secret in written]


def clear_columns(db: Database) -> str:
    """Return everything that notify's tables hold, sealed columns too."""
    with db.transaction() as session:
        tables = session.scalars(
            text("""
            select tablename from pg_tables where schemaname = 'public'
            and has_table_privilege(format('%I.%I', schemaname, tablename), 'select')
            and tablename <> 'local_phone'
            """)
        ).all()
        rows = [session.execute(text(f'select t::text from "{table}" t')).scalars().all() for table in tables]
    return str(rows)

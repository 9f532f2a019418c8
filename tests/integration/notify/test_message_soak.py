"""A soak: thousands of passes through a WhatsApp that misbehaves on purpose, with codes in between.

With EPASS_TEST_DURABLE=yes and MESSAGES=5000 it is a measurement; as a test it sends 300. The
vendor is slow, fails, hangs up after it has accepted, does not know numbers, accepts and then fails, tells
things twice, out of order, or never.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import quantiles
from time import monotonic, sleep

import httpx
import psutil
from sqlalchemy import text

from contracts.rpc.notify import WEBHOOK_HEADERS, Webhook
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.handlers import webhooks
from services.notify.handlers.deliveries import Sender
from services.notify.sender import SenderThreads
from services.notify.settings import NotifySettings
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import OPTIONS, Visit, otp, received
from tests.support.stack.extent import long
from tests.support.stack.settings import make_settings
from tests.support.vendors.whatsapp import WhatsApp

MESSAGES = int(os.environ.get("MESSAGES", "300"))
LONGEST = 60 + MESSAGES / 10
CODES_A_SECOND = 5
SETTINGS = make_settings(NotifySettings, whatsapp_app_secret=WhatsApp.app_secret)


class Sms:
    """A vendor without faults, which tells nothing later."""

    name, gives_receipts = "sms", False

    def __init__(self) -> None:
        self.phones: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send(self, message: Outgoing) -> Receipt:
        sleep(0.02)
        if message.purpose == "pass_issued":
            with self._lock:
                self.phones[message.personal.to] += 1
        return Receipt(str(message.id))


@contextmanager
def webhook_of(db: Database) -> Iterator[str]:
    """The way of a webhook into notify, without gateway and broker."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in WEBHOOK_HEADERS if name in self.headers}
            request = Webhook.model_construct(vendor="whatsapp", headers=headers, body=raw)
            with db.transaction() as session:
                webhooks.receive(request, session, now(), SETTINGS)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hooks/whatsapp"
    server.shutdown()
    server.server_close()


def resident_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


def number(index: int) -> str:
    return f"+9198{index:08}"


def misbehave(vendor: WhatsApp) -> None:
    """Give each fault its own part of the numbers, so that what happened to each is known."""
    vendor.faults.latency, vendor.faults.error_rate = 0.02, 0.05
    vendor.faults.hang_up_rate, vendor.faults.repeats, vendor.faults.shuffled = 0.02, 2, True
    everybody = [number(index)[1:] for index in range(MESSAGES)]
    vendor.not_on_whatsapp = set(everybody[::20])
    vendor.fails_later = set(everybody[7::20])
    silent, tell = set(everybody[11::20]), vendor.report

    def report(bodies: list) -> None:
        if not any(one in raw.decode() for raw, _ in bodies[:1] for one in silent):
            tell(bodies)

    vendor.report = report  # type: ignore[method-assign]  # some phones are off


def summary(db: Database) -> tuple[int, int, list[float], list[float]]:
    """What is not over, recorded duplicates, seconds until a next step, and seconds until a code was sent."""
    with db.queries() as session:
        waits, twice = session.execute(
            text(
                "select count(*) filter (where state = 'queued' or next_at is not null), "
                "coalesce(sum(possible_duplicates), 0) from messages where purpose = 'pass_issued'"
            )
        ).one()
        fallbacks = session.scalars(
            text(
                "select extract(epoch from later.ended_at - first.ended_at)::float8 from messages as first "
                "join messages as later using (event_id, purpose) where first.step = 0 and later.step = 1 "
                "and later.ended_at is not null"
            )
        ).all()
        codes = session.scalars(
            text("select extract(epoch from ended_at - created_at)::float8 from messages where lane = 'otp'")
        ).all()
    return waits, twice, list(fallbacks), list(codes)


@long
def test_no_pass_is_lost_and_no_code_waits_while_a_vendor_misbehaves(
    databases: dict[str, Database], stack, capsys
) -> None:
    db, sms = databases["notify"], Sms()
    url = type(OPTIONS.database_url)(stack.database_url("notify_app", "notify"))
    given = {"chain_pass": ("whatsapp:6", "sms:6"), "whatsapp_per_second": 200, "retry_delays": (0.5, 1, 2)}
    options = OPTIONS.model_copy(update={**given, "database_url": url})
    stop, faults = threading.Event(), []
    with webhook_of(db) as webhook, WhatsApp() as vendor:
        misbehave(vendor)
        vendor.webhook = webhook
        connections = httpx.Limits(max_connections=10, max_keepalive_connections=0)
        client = GatewayClient(httpx.AsyncClient(timeout=5, limits=connections, trust_env=False))
        channel = WhatsAppChannel(client, vendor.url, vendor.token, gives_receipts=True)
        postman = Sender(db, {"whatsapp": channel, "sms": sms}, options, stop)
        threads = SenderThreads(postman, options, stop, lambda: faults.append(1))
        for index in range(MESSAGES):
            visit = Visit(deliver_by="whatsapp", mobile=number(index))
            handle(db, received(visit.issued()))
        began, waits, memory = monotonic(), MESSAGES, resident_mib()
        threads.start()
        while waits and monotonic() - began < LONGEST:
            for _ in range(CODES_A_SECOND):
                handle(db, otp())
                stop.wait(1 / CODES_A_SECOND)
            waits, _, _, _ = summary(db)
        seconds, grown = monotonic() - began, resident_mib() - memory
        vendor.finish_reports()
        stop.set()
        assert threads.finish()
        phones = Counter("+" + shown.to for shown in vendor.phone)
    waits, recorded, fallbacks, codes = summary(db)
    lost = [one for one in map(number, range(MESSAGES)) if not phones[one] and not sms.phones[one]]
    repeats = sum(count - 1 for count in (*phones.values(), *sms.phones.values()))
    code_p99 = quantiles(codes, n=100)[98]
    with capsys.disabled():
        print(
            f"\n{MESSAGES} passes and {len(codes)} codes in {seconds:.0f} s: lost {len(lost)}, "
            f"not over {waits}, by SMS {len(fallbacks)}, twice on a channel {repeats} (recorded {recorded}), "
            f"to the next channel p50 {quantiles(fallbacks, n=100)[49]:.1f} s "
            f"p99 {quantiles(fallbacks, n=100)[98]:.1f} s, code p99 {code_p99:.2f} s, "
            f"memory {memory:.0f} MiB and {grown:+.0f} (with the stand-in of the vendor, which keeps all)"
        )
    assert (lost, waits, faults) == ([], 0, [])
    assert repeats <= recorded, "each message that may have come twice is recorded"
    assert code_p99 < 2

"""A phone provider that nobody kills: it accepts what notify's SMS channel sends, and records whom it
charged.

It is a process of its own. Its ledger is a file that only grows: one line for each message that it took, with
the idempotency key, the number, a digest of the text and the time. ``honours`` names the numbers whose keys
it honours: ``all``, ``none``, or ``mixed`` (those that end in an even digit), so that one run shows both
kinds of provider. ``GET /code?to=`` returns the last one-time code on a phone. After ``PUT /refusing`` it
refuses every message until ``DELETE /refusing``.

`vendors_ledger.py` has its other vendors: SMS with receipts, WhatsApp and a mail server. ``PUT /webhook``
says where reports go.

Usage: python -m tests.support.chaos.provider LEDGER HONOURS PORT WHATSAPP_PORT MSG91_PORT MAIL_PORT
"""

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.chaos.vendors_ledger import RecordingMsg91, RecordingWhatsApp, record_letters
from tests.support.stack.plain_http import asks
from tests.support.stack.running import eventually, free_port
from tests.support.vendors import msg91, whatsapp
from tests.support.vendors.msg91 import Msg91
from tests.support.vendors.registered import write_registrations
from tests.support.vendors.server import VendorServer
from tests.support.vendors.whatsapp import WhatsApp

LATENCY = 0.02
"""Seconds that it takes over each message, as a quick aggregator does."""
_CODE = re.compile(r"^(\d{6})\b")


def honours_key(honours: str, to: str) -> bool:
    """Return whether this number's route accepts each idempotency key once."""
    return honours == "all" or (honours == "mixed" and int(to[-1]) % 2 == 0)


@dataclass(frozen=True)
class Taken:
    """A message that a vendor took which knows no ID of ours."""

    vendor_id: str
    to: str
    text: str
    """A digest of it."""
    purpose: str


@dataclass(frozen=True)
class Ledger:
    """By idempotency key: how often a message was charged, and how often a repeat was not."""

    charged: Counter[str]
    repeated: Counter[str]
    numbers: dict[str, str]
    channels: Counter[str] = field(default_factory=Counter)
    """How many messages each channel took."""
    nameless: list[Taken] = field(default_factory=list)
    """Those that are under no key: `receipts.name_messages` finds it."""
    keys: dict[str, str] = field(default_factory=dict)
    """By the ID of a vendor that sends reports: the message's key."""
    reports: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What vendors have told of a message, and our webhook has taken, by their ID of it."""
    honoured: set[str] = field(default_factory=set)
    """Messages whose keys the vendor honours that took them."""

    @classmethod
    def read(cls, file: Path) -> "Ledger":
        found = cls(Counter(), Counter(), {})
        for line in file.read_text().splitlines() if file.exists() else []:
            entry = json.loads(line)
            if "status" in entry:
                found.reports[entry["vendor_id"]].add(entry["status"])
                continue
            found.channels[entry["channel"]] += 1
            if not entry["key"]:
                names = ("vendor_id", "to", "text", "purpose")
                found.nameless.append(Taken(*(entry[name] for name in names)))
                continue
            (found.repeated if entry["repeat"] else found.charged)[entry["key"]] += 1
            found.numbers[entry["key"]] = entry["to"]
            if entry["vendor_id"]:
                found.keys[entry["vendor_id"]] = entry["key"]
            if entry["honoured"]:
                found.honoured.add(entry["key"])
        return found


class Provider:
    """The provider's process, as a test sees it."""

    def __init__(self, folder: Path, honours: str = "mixed") -> None:
        self.honours = honours
        self.file = folder / "provider.jsonl"
        self._log = folder / "provider.log"
        self._port, self._whatsapp_port = free_port(), free_port()
        self._msg91_port, self._mail_port = free_port(), free_port()
        self._registrations = folder / "registrations.toml"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/sms"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a system that sends by all of its channels, SMS by the vendor with receipts."""
        write_registrations(self._registrations)
        return {
            "EPASS_SMS_VENDOR": "msg91",
            "EPASS_SMS_URL": f"http://127.0.0.1:{self._msg91_port}{msg91.PATH}",
            "EPASS_SMS_TOKEN": Msg91.authkey,
            "EPASS_SMS_WEBHOOK_SECRET": Msg91.secret,
            "EPASS_SMS_REGISTRATIONS": str(self._registrations),
            "EPASS_WHATSAPP_URL": f"http://127.0.0.1:{self._whatsapp_port}{whatsapp.PATH}/messages",
            "EPASS_WHATSAPP_TOKEN": WhatsApp.token,
            "EPASS_WHATSAPP_APP_SECRET": WhatsApp.app_secret,
            "EPASS_WHATSAPP_VERIFY_TOKEN": WhatsApp.verify_token,
            "EPASS_WHATSAPP_PER_RECIPIENT": "0",
            "EPASS_SMTP_URL": f"smtp-plain://127.0.0.1:{self._mail_port}",
            "EPASS_SMTP_SENDER": "epass@punjab.example",
        }

    def report_to(self, system_url: str) -> None:
        """Let reports of what became of messages go to a gateway."""
        body = {"url": f"{system_url}/hooks"}
        asks.put(self.url.replace("/sms", "/webhook"), json=body).raise_for_status()

    @property
    def code_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/code"

    def last_code(self, mobile: str) -> str | None:
        """Return the last one-time code on this phone, None while there is none."""
        code: str | None = asks.get(self.code_url, params={"to": mobile}).json()["code"]
        return code

    def wait_for_code(self, mobile: str) -> str:
        def look() -> str | None:
            time.sleep(0.05)
            return self.last_code(mobile)

        return eventually(look, "the code arrives", 60)

    def ledger(self) -> Ledger:
        return Ledger.read(self.file)

    def __enter__(self) -> Self:
        ports = (self._port, self._whatsapp_port, self._msg91_port, self._mail_port)
        arguments = [str(self.file), self.honours, *(str(port) for port in ports)]
        with self._log.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.support.chaos.provider", *arguments],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        eventually(self._answers, f"the provider answers ({self._log})")
        return self

    def _answers(self) -> bool:
        try:
            return asks.get(self.code_url, params={"to": "+910"}).status_code == 404
        except httpx.HTTPError:
            return False

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill it for the length of the block; it forgets the keys that it had seen."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Let it refuse every message for the length of the block, as if no text were registered."""
        address = self.url.replace("/sms", "/refusing")
        asks.put(address).raise_for_status()
        try:
            yield
        finally:
            asks.delete(address).raise_for_status()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait(10)


class State:
    """The state of the provider while it runs."""

    def __init__(self, file: Path, honours: str) -> None:
        self._honours = honours
        self._lock = threading.Lock()
        self._out = file.open("a", buffering=1)
        self._taken: set[str] = set()
        self.codes: dict[str, str] = {}
        self.refuses = False

    def take(
        self, key: str, to: str, text: str, channel: str = "sms", purpose: str = "", vendor_id: str = ""
    ) -> None:
        """Charge for a message, or recognise its key; either way record it before the answer."""
        with self._lock:
            honoured = bool(key) and channel == "sms" and honours_key(self._honours, to)
            repeat = honoured and key in self._taken
            self._taken.add(key)
            if code := _CODE.match(text):
                self.codes[to] = code.group(1)
            digest = hashlib.sha256(text.encode()).hexdigest()[:16]
            entry = {"key": key, "to": to, "channel": channel, "purpose": purpose, "vendor_id": vendor_id}
            self._write({**entry, "text": digest, "repeat": repeat, "honoured": honoured})

    def tell(self, vendor_id: str, status: str) -> None:
        """Record a report that our webhook has taken."""
        with self._lock:
            self._write({"vendor_id": vendor_id, "status": status})

    def _write(self, entry: dict[str, object]) -> None:
        self._out.write(json.dumps({"at": time.time(), **entry}) + "\n")


def handler_of(state: State, vendors: dict[str, VendorServer]) -> type[BaseHTTPRequestHandler]:
    """Return the HTTP handler of a provider."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers["Idempotency-Key"]
            time.sleep(LATENCY)
            if state.refuses:
                self._answer(400, {"error": "no such template"})
                return
            state.take(key, body["to"], body["text"])
            self._answer(200, {"id": f"sms-{key}"})

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/webhook":
                for name, vendor in vendors.items():
                    vendor.webhook = f"{json.loads(body)['url']}/{name}"
            else:
                state.refuses = True
                for vendor in vendors.values():
                    vendor.faults.error, vendor.faults.error_rate = (400, b"{}"), 1.0
            self._answer(200, {})

        def do_DELETE(self) -> None:
            state.refuses = False
            for vendor in vendors.values():
                vendor.faults.error_rate = 0.0
            self._answer(200, {})

        def do_GET(self) -> None:
            to = parse_qs(urlsplit(self.path).query).get("to", [""])[0]
            code = state.codes.get(to)
            self._answer(200 if code else 404, {"code": code})

        def _answer(self, status: int, content: dict[str, str | None]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the sender was killed meanwhile

        def log_message(self, *_arguments: object) -> None:
            """Log nothing; the ledger has everything."""

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_arguments: object) -> None:
        """Ignore the broken connections of senders that were killed."""


def main() -> None:
    """Accept messages until killed."""
    file, honours, *ports = sys.argv[1:7]
    port, whatsapp_port, msg91_port, mail_port = map(int, ports)
    state = State(Path(file), honours)
    vendors = {"whatsapp": RecordingWhatsApp(whatsapp_port, state), "sms": RecordingMsg91(msg91_port, state)}
    record_letters(mail_port, state)
    Server(("127.0.0.1", port), handler_of(state, vendors)).serve_forever()


if __name__ == "__main__":
    main()

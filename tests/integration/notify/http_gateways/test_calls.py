"""The HTTP gateways against a real HTTP server, and the sender: killed, stopped, its database away."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from services.chassis.runtime.clock import monotonic
from services.notify.adapters.channels import (
    SEND_SECONDS,
    Channel,
    Deadline,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import MOST_BYTES, GatewayClient
from services.notify.adapters.channels.sms import SmsChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.domain import templates
from services.notify.domain.messages import Personal
from services.notify.handlers.deliveries import BATCH_SECONDS
from services.notify.sender import STOP_SECONDS
from services.notify.settings import SenderSettings
from tests.integration.notify.http_gateways.http_vendor import TOKEN, Vendor, gateway_client
from tests.support.factories.notify import MOBILE

STATUS = "https://epass.example/pa/s/PCS-7K3M-9QW4"


def outgoing(language: str = "pa") -> Outgoing:
    parameters = {"number": "7K3M9QW4", "reference": "PCS-7K3M-9QW4", "reason": "–", "url": STATUS}
    template = templates.find("pass_revoked", language)
    return Outgoing(
        uuid4(),
        "pass_revoked",
        "sms",
        language,
        Personal(MOBILE, MOBILE, parameters, None),
        template,
        template.render(parameters),
    )


# --------------------------------------------------------------- the channels


def test_an_sms_has_its_text_its_registration_and_its_idempotency_key(
    vendor: Vendor, client: GatewayClient
) -> None:
    message = outgoing()
    assert SmsChannel(client, vendor.url, TOKEN).send(message) == Receipt("v-1", parts=3)
    ((headers, body),) = vendor.got
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Idempotency-Key"] == str(message.id)
    assert body == {
        "to": MOBILE,
        "text": message.text,
        "template_id": "",
        "language": "pa",
        "encoding": "ucs2",
        "parts": 3,
    }


def test_a_whatsapp_message_is_a_template_with_named_parameters(
    vendor: Vendor, client: GatewayClient
) -> None:
    message = outgoing("hi")
    assert WhatsAppChannel(client, vendor.url, TOKEN).send(message) == Receipt("wamid.1")
    ((headers, body),) = vendor.got
    assert headers["Idempotency-Key"] == body["biz_opaque_callback_data"] == str(message.id)
    assert (body["messaging_product"], body["to"], body["type"]) == (
        "whatsapp",
        MOBILE.lstrip("+"),
        "template",
    )
    assert body["template"] == {
        "name": "epass_pass_revoked",
        "language": {"code": "hi"},
        "components": [
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "parameter_name": "number", "text": "7K3M9QW4"},
                    {"type": "text", "parameter_name": "reference", "text": "PCS-7K3M-9QW4"},
                    {"type": "text", "parameter_name": "reason", "text": "–"},
                    {"type": "text", "parameter_name": "url", "text": STATUS},
                ],
            }
        ],
    }


def channels(client: GatewayClient, url: str) -> tuple[Channel, Channel]:
    return SmsChannel(client, url, TOKEN), WhatsAppChannel(client, url, TOKEN)


def test_a_rejection_by_the_gateway_is_final(vendor: Vendor, client: GatewayClient) -> None:
    for status in (400, 404, 409, 410, 422, 302):
        for channel in channels(client, vendor.url):
            vendor.answers.append((status, b"the text of the vendor"))
            with pytest.raises(PermanentChannelError, match=r"^refused$"):
                channel.send(outgoing())


def test_a_fault_of_the_gateway_is_temporary(vendor: Vendor, client: GatewayClient) -> None:
    for status, reason in (
        (500, "gateway_fault"),
        (502, "gateway_fault"),
        (503, "gateway_fault"),
        (429, "busy"),
        (408, "timeout"),
        (401, "credentials"),
        (403, "credentials"),
    ):
        for channel in channels(client, vendor.url):
            vendor.answers.append((status, b"the text of the vendor"))
            with pytest.raises(TemporaryChannelError, match=f"^{reason}$"):
                channel.send(outgoing())


def test_a_timeout_and_an_unreachable_gateway_are_temporary(vendor: Vendor, client: GatewayClient) -> None:
    vendor.hold = threading.Event()
    for channel in channels(client, vendor.url):
        with pytest.raises(TemporaryChannelError, match=r"^timeout$"):
            channel.send(outgoing())
    for channel in channels(client, "http://127.0.0.1:9/nobody"):
        with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
            channel.send(outgoing())


def test_a_success_without_an_id_is_a_success(vendor: Vendor, client: GatewayClient) -> None:
    nested = b"[" * MOST_BYTES
    for answer in (b"", b"OK", b"[]", b"null", b'{"messages": []}', b'{"messages": [1]}', nested):
        for channel in channels(client, vendor.url):
            vendor.answers.append((202, answer))
            assert channel.send(outgoing()).provider_id is None


class Dripping(socketserver.StreamRequestHandler):
    """A gateway that sends a byte now and then, in a header or in the body, and ends after five seconds."""

    start: bytes

    def handle(self) -> None:
        try:
            self.connection.recv(MOST_BYTES)
            self.wfile.write(self.start)
            for _ in range(50):
                self.wfile.write(b"1")
                threading.Event().wait(0.1)
            self.wfile.write(b"\r\n\r\n" if self.start.endswith(b": ") else b"")
        except OSError:
            pass  # the client has hung up


@contextmanager
def server_of(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    """The address of a server that handles each connection so."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-Wait: ", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"],
    ids=["header", "body"],
)
def test_a_gateway_that_drips_its_response_times_out(start: bytes) -> None:
    client = gateway_client(3, call_seconds=0.5)
    with server_of(type("Own", (Dripping,), {"start": start})) as url:
        for channel in channels(client, url):
            with pytest.raises(TemporaryChannelError, match=r"^timeout$") as caught:
                channel.send(outgoing())
            assert caught.value.may_have_arrived


def test_a_send_takes_half_of_its_lease_at_most_and_ends_before_a_sender_has_to_stop() -> None:
    assert SenderSettings.model_fields["sender_lease"].default / 2 >= SEND_SECONDS
    assert SEND_SECONDS + 2 * BATCH_SECONDS < STOP_SECONDS


def test_no_call_begins_when_too_little_of_its_send_is_left(vendor: Vendor, client: GatewayClient) -> None:
    late = replace(outgoing(), deadline=Deadline(9, began=monotonic() - 6.5))
    for channel in channels(client, vendor.url):
        with pytest.raises(TemporaryChannelError, match=r"^timeout$") as caught:
            channel.send(late)
        assert not caught.value.may_have_arrived
    assert vendor.got == []


def test_no_more_than_needed_is_read_of_a_response(client: GatewayClient) -> None:
    ended = threading.Event()

    class Endless(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.connection.recv(MOST_BYTES)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                for _ in range(300):
                    self.wfile.write(b" " * MOST_BYTES)
            except OSError:
                ended.set()

    with server_of(Endless) as url:
        assert SmsChannel(client, url, TOKEN).send(outgoing()) == Receipt(None, parts=3)
        assert ended.wait(10), "the client hangs up"

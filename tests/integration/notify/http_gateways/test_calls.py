"""The HTTP gateways against a real HTTP server, and the sender: killed, stopped, its database away."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import ValidationError

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
from services.notify.domain.registrations import read_registrations
from services.notify.handlers.deliveries import BATCH_SECONDS
from services.notify.sender import STOP_SECONDS
from services.notify.settings import SenderSettings
from tests.integration.notify.http_gateways.http_vendor import TOKEN, Vendor, gateway_client
from tests.support.factories.notify import MOBILE
from tests.support.factories.registered_texts import registration_file
from tests.support.stack.settings import make_settings

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


def test_a_success_of_whatsapp_without_an_id_is_a_success(vendor: Vendor, client: GatewayClient) -> None:
    nested = b"[" * MOST_BYTES
    for answer in (b"", b"OK", b"[]", b"null", b'{"messages": []}', b'{"messages": [1]}', nested):
        vendor.answers.append((202, answer))
        assert WhatsAppChannel(client, vendor.url, TOKEN).send(outgoing()).provider_id is None


@pytest.mark.parametrize("answer", [b"", b"OK", b"[]", b"null", b"<html>", b"[" * MOST_BYTES, b"x" * 10**7])
def test_a_gateway_that_answers_200_without_its_interface_has_failed_and_gets_it_again(
    vendor: Vendor, client: GatewayClient, answer: bytes
) -> None:
    vendor.answers.append((200, answer))
    with pytest.raises(TemporaryChannelError, match=r"^gateway_fault$") as caught:
        SmsChannel(client, vendor.url, TOKEN).send(outgoing())
    assert caught.value.may_have_arrived


@pytest.mark.parametrize("answer", [{"status": "error"}, {"id": None}, {"id": ""}, {"id": {}, "code": 12}])
def test_a_gateway_that_answers_200_without_an_id_has_refused_the_sms(
    vendor: Vendor, client: GatewayClient, answer: dict[str, object]
) -> None:
    vendor.answers.append((200, json.dumps(answer).encode()))
    with pytest.raises(PermanentChannelError, match=r"^refused$") as caught:
        SmsChannel(client, vendor.url, TOKEN).send(outgoing())
    assert caught.value.use_next, "it goes on by another channel"


def test_a_gateway_gets_each_field_under_its_own_name_with_entity_id_and_header(
    vendor: Vendor, client: GatewayClient, tmp_path: Path
) -> None:
    registered = registration_file(tmp_path)
    settings = make_settings(
        SenderSettings,
        sms_url=vendor.url,
        sms_registrations=registered,
        sms_fields="text=message,template_id=dlt_te_id,entity_id=pe_id,header=sender,id=message_id,parts=",
    )
    message = outgoing()
    vendor.answers.append((200, b'{"message_id": 77, "id": "another"}'))
    fields, registrations = settings.fields_of_sms(), read_registrations(registered)
    sent = SmsChannel(client, vendor.url, TOKEN, registrations, fields).send(message)
    assert sent == Receipt("77", parts=3)
    ((_, body),) = vendor.got
    assert body == {
        "to": MOBILE,
        "message": message.text,
        "dlt_te_id": "1307pass_revokedpa",
        "language": "pa",
        "encoding": "ucs2",
        "pe_id": "1301000000000000001",
        "sender": "PBEPAS",
    }


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"sms_fields": "sender=from"}, "there is no field sender"),
        ({"sms_fields": "text="}, "cannot be left out"),
        ({"sms_fields": "header=sender"}, "entity ID and header stand in this file"),
        ({"sms_fields": "text=message", "sms_vendor": "msg91"}, "an interface of its own"),
    ],
)
def test_names_of_fields_that_cannot_be_used_are_refused_at_the_start(
    given: dict[str, str], what: str
) -> None:
    with pytest.raises(ValidationError, match=what):
        make_settings(SenderSettings, **given)


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
        with pytest.raises(TemporaryChannelError, match=r"^gateway_fault$"):
            SmsChannel(client, url, TOKEN).send(outgoing())
        assert ended.wait(10), "the client hangs up"

"""Vendors outside local mode: a private address is refused, and the one that was checked is connected to.

The servers of these tests listen at 127.0.0.1. ``127.0.0.2`` stands for an address of the internet, at which
nobody listens.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from services.notify.adapters import pass_card
from services.notify.adapters.channels import (
    Deadline,
    PermanentChannelError,
    TemporaryChannelError,
    public_addresses,
)
from services.notify.adapters.channels.email import EmailChannel, MailServer
from services.notify.adapters.channels.http_gateway import GatewayClient, require_success
from services.notify.adapters.channels.installed import channels_of
from services.notify.adapters.channels.public_addresses import NotPublic, require_public
from services.notify.settings import SenderSettings
from tests.integration.encrypted_servers import Authority
from tests.support.factories.notify import PUBLIC
from tests.support.factories.outgoing import a_code
from tests.support.factories.registered_texts import registration_file
from tests.support.stack.settings import make_settings
from tests.support.vendors.mail import MailBox

NAME, OTHER = "vendor.example", "other.example"
INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.2"
Answers = Callable[..., None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("vendors") / "ca")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let the name server give these answers to the questions for the vendor's name, the last one again."""
    resolve = socket.getaddrinfo

    def set_answers(*given: str) -> None:
        left = list(given)

        def answer(host: str, *rest: object, **more: object) -> list[object]:
            name = host.decode() if isinstance(host, bytes) else host
            if name == NAME:
                name = left.pop(0) if len(left) > 1 else left[0]
            return list(resolve(name, *rest, **more))  # type: ignore[arg-type]  # as they came

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return set_answers


@pytest.fixture
def all_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the servers of the test be on the internet."""
    monkeypatch.setattr(public_addresses, "is_public", lambda _address: True)


@pytest.fixture
def outside_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_addresses, "is_public", lambda address: address == OUTSIDE)


class Web:
    """An HTTPS server that records who asked it, and redirects to itself if told to."""

    def __init__(self, files: tuple[Path, Path], protocol: str = "HTTP/1.0") -> None:
        self.asked: list[tuple[str, str]] = []
        self.redirects = False
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = protocol

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                web.asked.append((self.headers["Host"], self.path))
                self.send_response(307 if web.redirects else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((INSIDE, 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}/send"


@pytest.fixture
def web(authority: Authority) -> Iterator[Web]:
    server = Web(authority.issue(NAME))
    yield server
    server.close()


@pytest.fixture
def mailbox(authority: Authority) -> Iterator[MailBox]:
    box = MailBox(authority.issue(NAME))
    yield box
    box.close()


def client(authority: Authority) -> GatewayClient:
    context = ssl.create_default_context(cafile=authority.file)
    return GatewayClient(httpx.AsyncClient(verify=context, timeout=2, trust_env=False), public_only=True)


def mail(box: MailBox, authority: Authority, scheme: str = "smtp") -> EmailChannel:
    server = MailServer.at(f"{scheme}://{NAME}:{box.port}", "epass@punjab.example")
    context = ssl.create_default_context(cafile=authority.file)
    return EmailChannel(server, pass_card.draw, context, public_only=True)


def test_a_vendor_is_asked_under_its_name_and_shows_the_certificate_of_its_name(
    web: Web, authority: Authority, answers: Answers, all_public: None
) -> None:
    answers(INSIDE)
    require_success(client(authority).post(web.url, {}, Deadline(), json={}))
    assert web.asked == [(f"{NAME}:{web.port}", "/send")]


def test_the_certificate_of_another_name_is_refused(
    authority: Authority, answers: Answers, all_public: None
) -> None:
    answers(INSIDE)
    web = Web(authority.issue(OTHER))
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        client(authority).post(web.url, {}, Deadline(), json={})
    web.close()
    assert web.asked == []


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_mail_server_shows_the_certificate_of_its_name(
    authority: Authority, answers: Answers, all_public: None, scheme: str
) -> None:
    answers(INSIDE)
    box = MailBox(authority.issue(NAME), at_once=scheme == "smtps")
    mail(box, authority, scheme).send(a_code(to="a@example.in", channel="email"))
    box.close()
    assert len(box.letters) == 1
    stranger = MailBox(authority.issue(OTHER), at_once=scheme == "smtps")
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        mail(stranger, authority, scheme).send(a_code(to="a@example.in", channel="email"))
    stranger.close()
    assert not stranger.letters


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    web: Web, mailbox: MailBox, authority: Authority, answers: Answers
) -> None:
    answers(INSIDE)
    with pytest.raises(PermanentChannelError, match=r"^private_address$"):
        client(authority).post(web.url, {}, Deadline(), json={})
    with pytest.raises(PermanentChannelError, match=r"^private_address$"):
        mail(mailbox, authority).send(a_code(to="a@example.in", channel="email"))
    assert (web.asked, mailbox.letters, mailbox.ended) == ([], [], 0)


def test_a_second_answer_of_the_name_server_leads_nowhere(
    web: Web, mailbox: MailBox, authority: Authority, answers: Answers, outside_public: None
) -> None:
    answers(OUTSIDE, INSIDE)
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        client(authority).post(web.url, {}, Deadline(), json={})
    answers(OUTSIDE, INSIDE)
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        mail(mailbox, authority).send(a_code(to="a@example.in", channel="email"))
    assert (web.asked, mailbox.letters, mailbox.ended) == ([], [], 0)


def test_who_checks_an_address_and_resolves_the_name_again_is_led_into_our_network(
    web: Web, authority: Authority, answers: Answers, outside_public: None
) -> None:
    """Control: the name server of these tests does lead there."""
    answers(OUTSIDE, INSIDE)
    require_public(socket.getaddrinfo(NAME, web.port))
    httpx.post(web.url, json={}, verify=ssl.create_default_context(cafile=authority.file), trust_env=False)
    assert len(web.asked) == 1


def test_no_redirect_is_followed(web: Web, authority: Authority, answers: Answers, all_public: None) -> None:
    answers(INSIDE)
    web.redirects = True
    with pytest.raises(PermanentChannelError, match=r"^refused$"):
        require_success(client(authority).post(web.url, {}, Deadline(), json={}))
    assert [path for _, path in web.asked] == ["/send"]


def test_the_next_address_is_tried_if_one_does_not_answer(
    web: Web, mailbox: MailBox, authority: Authority, all_public: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def both(host: str, port: int, *rest: int, **more: int) -> list[object]:
        name = host.decode() if isinstance(host, bytes) else host
        names = (OUTSIDE, INSIDE) if name == NAME else (name,)
        return [one for each in names for one in resolve(each, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    require_success(client(authority).post(web.url, {}, Deadline(), json={}))
    mail(mailbox, authority).send(a_code(to="a@example.in", channel="email"))
    assert (len(web.asked), len(mailbox.letters)) == (1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.7", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0",
        "::1", "fe80::1", "fd00::7", "::ffff:10.0.0.7", "::ffff:127.0.0.1", "64:ff9b::10.0.0.7",
        "64:ff9b::169.254.169.254", "2002:a00:7::1", "::10.0.0.7", "224.0.0.1", "239.1.2.3", "ff0e::1",
        "64:ff9b::224.0.0.1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_network_and_of_many_machines_are_private(address: str) -> None:
    public = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 443))
    assert require_public([public]) == ["8.8.8.8"]
    with pytest.raises(NotPublic):
        require_public([public, (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 443))])


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public_also_through_a_translator(address: str) -> None:
    assert require_public([(socket.AF_INET6, socket.SOCK_STREAM, 0, "", (address, 443))]) == [address]


def test_behind_one_address_each_vendor_shows_its_own_certificate(
    authority: Authority, all_public: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has the certificate of one name alone, and a connection under that name is open."""
    web = Web(authority.issue(NAME), protocol="HTTP/1.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    resolve = socket.getaddrinfo

    def one_address(host: str, *rest: int, **more: int) -> list[object]:
        return list(resolve(INSIDE, *rest, **more))

    monkeypatch.setattr(socket, "getaddrinfo", one_address)
    registered = {"sms_registrations": registration_file(authority.file.parent), "sms_vendor": "msg91"}
    urls = {"whatsapp_url": web.url, "sms_url": web.url.replace(NAME, OTHER)}
    channels = channels_of(make_settings(SenderSettings, **PUBLIC, **registered, **urls))
    with suppress(PermanentChannelError, TemporaryChannelError):
        channels["whatsapp"].send(a_code(channel="whatsapp"))
    assert len(web.asked) == 1
    with pytest.raises(TemporaryChannelError, match=r"^unreachable$"):
        channels["sms"].send(a_code(channel="sms"))
    for channel in channels.values():
        close(channel._client)  # type: ignore[attr-defined]  # both have one
    web.close()
    assert len(web.asked) == 1


def close(gateway: GatewayClient) -> None:
    asyncio.run_coroutine_threadsafe(gateway._client.aclose(), gateway._loop).result()

"""A mail server that takes every message and keeps it: RFC 5321 with STARTTLS (3207) and AUTH (4954)."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

Files = tuple[Path, Path]


class MailBox:
    """A server in a thread of its own.

    Args:
        certificate: certificate and key; without them it offers no encryption.
        at_once: whether it is encrypted from the first byte.
        user: name and password that it asks for, if any.
        port: where it listens; a free one by default.
    """

    def __init__(
        self,
        certificate: Files | None = None,
        *,
        at_once: bool = False,
        user: tuple[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.letters: list[EmailMessage] = []
        self.replies: dict[str, str] = {}
        """What it says to a command instead of yes: ``{"RCPT": "550 no such person"}``."""
        self.drops_after_data = False
        self.may_greet = threading.Event()
        self.may_greet.set()
        self.ended = 0
        """How many conversations are over."""
        self._user = user
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(*certificate)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        starting = asyncio.start_server(
            self._serve, "127.0.0.1", port, ssl=self._context if at_once else None
        )
        self._server = asyncio.run_coroutine_threadsafe(self._in_loop(starting), self._loop).result(5)
        self._at_once = at_once
        self.port = self._server.sockets[0].getsockname()[1]

    @staticmethod
    async def _in_loop(starting: Awaitable[asyncio.Server]) -> asyncio.Server:
        return await starting

    def close(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._server.close)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        try:
            await self._converse(reader, writer, say)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()
            self.ended += 1

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        say: Callable[[str], Awaitable[None]],
    ) -> None:
        encrypted, logged_in = self._at_once, self._user is None
        await asyncio.to_thread(self.may_greet.wait)
        await say("220 mail.example ready")
        while line := (await reader.readline()).decode().strip():
            command = line.split(" ", 1)[0].upper()
            if command in self.replies:
                await say(self.replies[command])
                continue
            match command:
                case "EHLO":
                    offers = ["SIZE 1000000"]
                    if self._context and not encrypted:
                        offers.append("STARTTLS")
                    if self._user:
                        offers.append("AUTH PLAIN")
                    await say("250-mail.example")
                    for offer in offers[:-1]:
                        await say(f"250-{offer}")
                    await say(f"250 {offers[-1]}")
                case "STARTTLS" if self._context and not encrypted:
                    await say("220 go ahead")
                    await writer.start_tls(self._context)
                    encrypted = True
                case "AUTH":
                    given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[1:]
                    logged_in = self._user is not None and tuple(given) == self._user
                    await say("235 welcome" if logged_in else "535 wrong password")
                case "MAIL" | "RCPT" if not logged_in:
                    await say("530 log in first")
                case "MAIL" | "RCPT" | "RSET" | "NOOP":
                    await say("250 ok")
                case "DATA":
                    await say("354 end with a dot")
                    raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                    parsed = message_from_bytes(raw.replace(b"\r\n..", b"\r\n."), policy=policy.default)
                    self.letters.append(parsed)
                    if self.drops_after_data:
                        return
                    await say("250 taken over")
                case "QUIT":
                    await say("221 bye")
                    return
                case _:
                    await say("502 not known")

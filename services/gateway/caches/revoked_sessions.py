"""Sessions and logins that ended before their tokens expire, and withdrawn keys, in memory.

They come from accounts in two ways: as an event the moment one ends, on a queue of this replica alone; and as
the whole list at the start, after each reconnection and every minute, for events that were published while
this replica was not subscribed.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from cryptography.fernet import Fernet

from contracts.envelope import (
    PersonalKeyRing,
    Received,
    UnreadableEvent,
    open_envelope,
    read_envelope,
    split_envelopes,
)
from contracts.events import Event, LoginDisabled, PasswordReset, SessionEnded, SessionKeyWithdrawn
from contracts.rpc.accounts.sessions import DeniedSessions
from contracts.subscriptions import GATEWAY_SUBSCRIPTIONS, exchange_of
from contracts.tokens import SessionClaims
from services.chassis.messaging.senders import RELAY, ForgedMessage
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import logger
from services.gateway.metrics import FORGED_MESSAGES

log = logger(__name__)
LONGEST_SESSION = timedelta(hours=24)
"""No session lives longer (``EPASS_SESSION_MINUTES``). The revocation of a login is forgotten after that."""
_NOTHING_PERSONAL = PersonalKeyRing([Fernet.generate_key().decode()])
"""The events handled here have no personal block; this ring opens none."""


class RevokedSessions:
    """Sessions that are refused although their tokens are genuine and not expired."""

    def __init__(self, event_keys: EventKeys) -> None:
        self._event_keys = event_keys
        self._sessions: dict[UUID, datetime] = {}
        self._logins: dict[str, datetime] = {}
        self.keys: frozenset[str] = frozenset()
        """Keys that were withdrawn; another object after each change."""

    def covers(self, claims: SessionClaims) -> bool:
        """Return whether this session was revoked, or its login after the token was issued.

        ``iat`` is a whole second, so a token of the very second of the revocation is covered too.
        """
        if claims.sid in self._sessions:
            return True
        revoked_at = self._logins.get(claims.sub)
        return revoked_at is not None and datetime.fromtimestamp(claims.iat, UTC) <= revoked_at

    def revoke_session(self, sid: UUID, token_expires_at: datetime) -> None:
        """Revoke one session."""
        self._sessions[sid] = token_expires_at

    def end_session(self, sid: UUID) -> None:
        """Revoke a session that ends now, for as long as any token of it may live."""
        self.revoke_session(sid, now() + LONGEST_SESSION)

    def revoke_login(self, login_id: str, at: datetime) -> None:
        """Revoke all sessions of a login that were issued up to then."""
        self._logins[login_id] = max(at, self._logins.get(login_id, at))

    def merge(self, denied: DeniedSessions) -> None:
        """Add accounts' list to what is known, and forget what no token can need any more."""
        for sid, until in denied.sessions.items():
            self.revoke_session(UUID(sid), until)
        for login_id, at in denied.logins.items():
            self.revoke_login(login_id, at)
        self._sessions = {sid: until for sid, until in self._sessions.items() if until > now()}
        self._logins = {login_id: at for login_id, at in self._logins.items() if at > now() - LONGEST_SESSION}

    async def subscribe(self, connection: AbstractConnection) -> None:
        """Consume the events from a queue that lives as long as this connection."""
        channel = await connection.channel()
        queue = await channel.declare_queue(f"gateway.events-{uuid4()}", exclusive=True, auto_delete=True)
        for event in GATEWAY_SUBSCRIPTIONS:
            await queue.bind(exchange_of(event.producer), event.__name__)
        await queue.consume(self._on_message, no_ack=True)

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        if message.user_id != RELAY:
            FORGED_MESSAGES.inc()
            return
        for body in split_envelopes(message.body):
            try:
                self.handle(self._open(body))
            except ForgedMessage:
                FORGED_MESSAGES.inc()
            except UnreadableEvent:
                log.warning("event was not read", type=message.type, bytes=len(body))

    def _open(self, body: bytes) -> Received[Event]:
        envelope = read_envelope(body)
        received = open_envelope(envelope, _NOTHING_PERSONAL)
        if envelope.producer != received.event.producer:
            raise ForgedMessage
        self._event_keys.require_signature(envelope)
        return received

    def handle(self, received: Received[Event]) -> None:
        """Handle one event; ignore those of other types."""
        if isinstance(received.event, SessionEnded):
            self.revoke_session(received.event.sid, received.event.token_expires_at)
        elif isinstance(received.event, LoginDisabled | PasswordReset):
            self.revoke_login(received.event.login_id, received.occurred_at)
        elif isinstance(received.event, SessionKeyWithdrawn):
            self.keys |= {received.event.kid}

"""Sessions and logins that ended before their tokens expire, in memory.

They come from accounts in two ways: an event the moment one ends, on a queue of this replica alone, and the whole list
at the start, after each reconnection and every minute, for what was said while nobody listened here.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from cryptography.fernet import Fernet

from contracts.envelope import PersonalKeyRing, Received, UnreadableEvent, open_envelope, read_envelope
from contracts.events import Event, LoginDisabled, SessionEnded
from contracts.rpc.accounts import DeniedSessions
from contracts.subscriptions import GATEWAY_SUBSCRIPTIONS, exchange_of
from contracts.tokens import SessionClaims
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import logger

log = logger(__name__)
LONGEST_SESSION = timedelta(hours=24)
"""No session lives longer (``EPASS_SESSION_MINUTES``), so a login's denial may be forgotten after that."""
_NOTHING_PERSONAL = PersonalKeyRing([Fernet.generate_key().decode()])
"""What is heard here has no personal block; this ring opens none."""


class RevokedSessions:
    """Who may not come in although the token is good."""

    def __init__(self) -> None:
        self._sessions: dict[UUID, datetime] = {}
        self._logins: dict[str, datetime] = {}

    def covers(self, claims: SessionClaims) -> bool:
        """Whether this session ended, or its login was disabled after the token was issued.

        ``iat`` is a whole second, so a token of the very second of the denial is denied too.
        """
        if claims.sid in self._sessions:
            return True
        disabled_at = self._logins.get(claims.sub)
        return disabled_at is not None and datetime.fromtimestamp(claims.iat, UTC) <= disabled_at

    def revoke_session(self, sid: UUID, token_expires_at: datetime) -> None:
        """One session ended."""
        self._sessions[sid] = token_expires_at

    def revoke_login(self, login_id: str, at: datetime) -> None:
        """All sessions of a login that were issued up to then ended."""
        self._logins[login_id] = max(at, self._logins.get(login_id, at))

    def merge(self, denied: DeniedSessions) -> None:
        """Adds accounts' list to what is known; forgets what no token can need any more."""
        for sid, until in denied.sessions.items():
            self.revoke_session(UUID(sid), until)
        for login_id, at in denied.logins.items():
            self.revoke_login(login_id, at)
        self._sessions = {sid: until for sid, until in self._sessions.items() if until > now()}
        self._logins = {login_id: at for login_id, at in self._logins.items() if at > now() - LONGEST_SESSION}

    def handle(self, received: Received[Event]) -> None:
        """Takes one event."""
        if isinstance(received.event, SessionEnded):
            self.revoke_session(received.event.sid, received.event.token_expires_at)
        elif isinstance(received.event, LoginDisabled):
            self.revoke_login(received.event.login_id, received.occurred_at)

    async def subscribe(self, connection: AbstractConnection) -> None:
        """Hears the events on a queue that lives and dies with this connection."""
        channel = await connection.channel()
        queue = await channel.declare_queue(f"gateway.events-{uuid4()}", exclusive=True, auto_delete=True)
        for event in GATEWAY_SUBSCRIPTIONS:
            await queue.bind(exchange_of(event.producer), event.__name__)
        await queue.consume(self._on_message, no_ack=True)

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        try:
            self.handle(open_envelope(read_envelope(message.body), _NOTHING_PERSONAL))
        except UnreadableEvent:
            log.warning("event was not read", type=message.type, bytes=len(message.body))

"""The witness of the audit logs: their newest heads go out of the installation, once an hour.

Whoever may write to the databases can make a log anew as a whole, with its seals, and have the service sign
it. What a mailbox or a locked store holds by then, they cannot change. The exporter also remembers the heads
that it has seen, and asks the store at its start for those that went out last: a chain without them was
changed.
"""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from math import inf

import httpx
from pydantic import ValidationError

from contracts.rpc.audit import AuditHead, AuditHeads
from services.chassis.audit import heads
from services.chassis.db.database import name_of
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime import metrics
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.logs import logger
from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError
from services.notify.adapters.channels.email import Delivery, MailServer
from services.ops.databases import DatabaseAway, Snapshot, snapshot
from services.ops.metrics import AUDIT_WITNESS_AGE
from services.ops.object_store import ObjectStore
from services.ops.settings import WitnessSettings

log = logger(__name__)
Way = tuple[str, str]
"""``mail`` with an address, ``store``, or ``none``."""
EVERY = heads.EVERY.total_seconds()
FIRST = 60.0
"""A process that starts again and again sends no mail each time."""
RETRY = 300.0
MAIL_SECONDS = 30.0
NEWEST = "newest.json"
LOOKED_AT = (20, 10_000)
"""Of the newest heads, so many are looked at for one that the service has signed, and so many if none of them
is: the role of the service can add others."""
_NEWEST = """
select id, number, head, signed_at, signature from audit_heads
order by number desc, signed_at desc limit %(most)s
"""
_HAS_SEALS = "select exists (select number from audit_seals)"
_SEAL = "select count(*) from audit_seals where number = %(number)s and head = %(head)s"
_TEXT = """\
Signed heads of the audit logs of e-Pass are in the attached file. Keep this message: with it,
`epass audit verify SERVICE --witness FILE` shows whether the logs were cut off or written anew since then.
"""


class Witness:
    """Sends the heads, and remembers them.

    Args:
        options: who gets them.
        keys: the public keys of the services.
        urls: of the databases, each named as its service.
        http: for the store.
        context: what the certificate of a mail server is checked against.
    """

    def __init__(
        self,
        options: WitnessSettings,
        keys: EventKeys,
        urls: tuple[str, ...],
        http: httpx.AsyncClient,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._options, self._keys, self._http, self._context = options, keys, http, context
        self._urls = {name_of(url): url for url in urls}
        self._store = ObjectStore(
            options.witness_store_url,
            options.witness_store_region,
            options.witness_store_key_id,
            options.witness_store_secret.get_secret_value(),
            options.witness_store_days,
        )
        self._has_recalled = not options.witness_store_url
        self._known: dict[tuple[str, str], AuditHead] = {}
        """By service: the newest head that was seen, the one that the store had at the start, and which of
        these its chain lacks: ``seen``, ``stored`` and ``lost``."""
        ways: list[Way] = [("mail", address) for address in options.witness_mail]
        ways += [("store", "")] if options.witness_store_url else []
        self._due = dict.fromkeys(ways, monotonic() + FIRST)
        none = [] if ways or options.local_mode else [(("none", ""), "")]
        sent = none or [(way, service) for way in ways for service in self._urls]
        self._sent_at: dict[tuple[Way, str], float] = dict.fromkeys(sent, -inf)
        for kind, service in {(way[0], service) for way, service in sent}:
            AUDIT_WITNESS_AGE.labels(kind, service).set_function(partial(self._age_of, kind, service))

    async def look(self) -> bool:
        """Compare the chains with what is remembered, and send the newest heads where it is time.

        Raises:
            DatabaseAway: one cannot be read. The heads of the others went out, and their age grows all the
                same.
        """
        await self._recall()
        found: list[AuditHead] = []
        done: list[str] = []
        fault: DatabaseAway | None = None
        for service in self._urls:
            try:
                head, is_due = await asyncio.to_thread(self._look_into, service)
            except DatabaseAway as away:
                fault = away
            else:
                found += [head] if head is not None else []
                done += [service] if head is not None or not is_due else []
        due = [way for way, at in self._due.items() if at <= monotonic()]
        for way in due if found else ():
            self._due[way] = monotonic() + RETRY
            try:
                await self._send(way, found)
            except (httpx.HTTPError, PermanentChannelError, TemporaryChannelError) as error:
                log.warning("heads of the audit logs did not go out", way=way[0], why=_reason_of(error))
            else:
                self._due[way] = monotonic() + EVERY
                if way[0] != "store" or self._has_recalled:
                    self._sent_at |= dict.fromkeys(((way, service) for service in done), monotonic())
        if fault is not None:
            raise fault
        return True

    async def _send(self, way: Way, found: Sequence[AuditHead]) -> None:
        kind, address = way
        if kind == "mail":
            await self._mail(_document(found), address)
        else:
            await self._put(_document(found), _document([*found, *self._not_among(found)]))

    def _not_among(self, found: Sequence[AuditHead]) -> Iterator[AuditHead]:
        """Yield what is remembered of the other services: the next exporter has to know it, too."""
        for service in self._urls.keys() - {one.service for one in found}:
            kinds = (self._known.get((service, kind)) for kind in ("lost", "seen", "stored"))
            yield from [one for one in kinds if one is not None][:1]

    def _age_of(self, kind: str, service: str) -> float:
        """Return how long ago all of a kind got the head of a service, or it had none to send.

        Infinite until this process has looked.
        """
        return monotonic() - min(
            at for (way, whose), at in self._sent_at.items() if (way[0], whose) == (kind, service)
        )

    async def _recall(self, written: str = "") -> None:
        """Read from the store which heads went out last, once. Until that is known they are not replaced.

        A store answers 403 for what is not there to a key that may not list its objects; so it does for a
        wrong clock, or a key without rights. An object that was just ``written``, and can be read, tells.
        """
        if self._has_recalled:
            return
        try:
            try:
                stored = await self._store.get(self._http, NEWEST, now())
            except httpx.HTTPStatusError as error:
                if not written or error.response.status_code != httpx.codes.FORBIDDEN:
                    raise
                await self._store.get(self._http, written, now())
                stored = None
        except httpx.HTTPError as error:
            log.warning("the heads that went out last cannot be read", why=_reason_of(error))
            return
        self._has_recalled = True
        try:
            recalled = AuditHeads.model_validate_json(stored).items if stored else ()
        except ValidationError:
            log.warning("the heads that went out last cannot be read", why="they are no heads")
            return
        for head in recalled:
            if heads.is_genuine(head, self._keys):
                self._known[head.service, "stored"] = head

    def _look_into(self, service: str) -> tuple[AuditHead | None, bool]:
        """Return the newest head of a service that it has signed, unless its chain was changed.

        Return too whether it has seals, so that there should be one.
        """
        with snapshot(self._urls[service]) as database:
            (has_seals,) = database.row(_HAS_SEALS)
            newest = self._newest(service, database)
            known = [one for (name, _), one in self._known.items() if name == service]
            seals = [*known, *([newest] if newest else ())]
            lost = [
                one for one in seals if not database.row(_SEAL, {"number": one.number, "head": one.head})[0]
            ]
        is_changed = bool(lost) or (bool(known) and newest is None)
        metrics.AUDIT_CHAIN_LOST.labels(service).set(is_changed)
        if is_changed:
            for one in (one for one in known if one in lost):
                self._known[service, "lost"] = one
            log.error(
                "the audit log was made anew or cut off", database=service, seals=[x.number for x in lost]
            )
            return None, True
        if newest is not None:
            self._known[service, "seen"] = newest
        elif has_seals:
            log.error("the audit log has no head that its service has signed", database=service)
        return newest, has_seals

    def _newest(self, service: str, database: Snapshot) -> AuditHead | None:
        for most in LOOKED_AT:
            for id_, number, head, at, signature in list(database.stream(_NEWEST, {"most": most})):
                one = AuditHead(
                    id=id_, service=service, number=number, head=head, signed_at=at, signature=signature
                )
                if heads.is_genuine(one, self._keys):
                    return one
        return None

    async def _mail(self, document: bytes, address: str) -> None:
        at, options = now(), self._options
        server = MailServer.at(
            options.smtp_url,
            options.smtp_sender,
            options.smtp_user,
            options.smtp_password.get_secret_value(),
        )
        context = self._context or ssl.create_default_context()
        letter = EmailMessage()
        letter["Subject"] = f"e-Pass: heads of the audit logs, {at:%Y-%m-%d %H:%M}Z"
        letter["From"], letter["To"] = f"e-Pass <{options.smtp_sender}>", address
        letter["Date"], letter["Auto-Submitted"] = format_datetime(at), "auto-generated"
        letter["Message-ID"] = make_msgid(domain=options.smtp_sender.rpartition("@")[2])
        letter.set_content(_TEXT)
        letter.add_attachment(document, "application", "json", filename=_name_at(at))
        delivery = Delivery(server, context, letter, address, public_only=not options.local_mode)
        await asyncio.to_thread(delivery.run_within, MAIL_SECONDS)

    async def _put(self, document: bytes, remembered: bytes) -> None:
        at = now()
        await self._store.put(self._http, _name_at(at), document, at)
        if not self._has_recalled:
            await self._recall(_name_at(at))
            if any(kind == "stored" for _, kind in self._known):
                return  # the next look compares the logs with them first
        if self._has_recalled:
            await self._store.put(self._http, NEWEST, remembered, at)


def _document(found: Sequence[AuditHead]) -> bytes:
    return AuditHeads(items=tuple(found)).model_dump_json().encode()


def _name_at(at: datetime) -> str:
    return f"audit-heads-{at:%Y-%m-%dT%H%M}Z.json"


def _reason_of(error: Exception) -> str:
    """Return why something did not go out, without an address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return getattr(error, "reason", type(error).__name__)

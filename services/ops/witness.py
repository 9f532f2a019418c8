"""The witness of the audit logs: their newest heads go out of the installation, once an hour.

Whoever may write to the databases can make a log anew as a whole, with its seals, and have the service sign
it. What a mailbox or a locked store holds by then, they cannot change. The exporter also remembers the heads
that it has seen, and asks the store at its start for those that went out last: a chain without them was
changed.
"""

import asyncio
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

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
from services.ops.databases import snapshot
from services.ops.metrics import AUDIT_WITNESS_AGE
from services.ops.object_store import ObjectStore
from services.ops.settings import WitnessSettings

log = logger(__name__)
EVERY = heads.EVERY.total_seconds()
FIRST = 60.0
"""A process that starts again and again sends no mail each time."""
RETRY = 300.0
MAIL_SECONDS = 30.0
NEWEST = "newest.json"
LOOKED_AT = 20
"""Of the newest heads, so many are looked at for one that the service has signed."""
_NEWEST = """
select id, number, head, signed_at, signature from audit_heads
order by number desc, signed_at desc limit %(most)s
"""
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
        """The newest head that was seen of a service, and the one that the store had at the start."""
        self._due = {
            way: monotonic() + FIRST
            for way, is_wanted in (("mail", options.witness_mail), ("store", options.witness_store_url))
            if is_wanted
        }
        for way in self._due or (() if options.local_mode else ("none",)):
            self._delivered(way)

    async def look(self) -> bool:
        """Compare the chains with what is remembered, and send the newest heads where it is time.

        Raises:
            DatabaseAway: a database cannot be read.
        """
        await self._recall()
        found = [await asyncio.to_thread(self._look_into, service) for service in self._urls]
        newest = AuditHeads(items=tuple(one for one in found if one is not None))
        due = [way for way, at in self._due.items() if at <= monotonic()]
        for way in due if newest.items else ():
            self._due[way] = monotonic() + RETRY
            try:
                await (self._mail if way == "mail" else self._put)(newest.model_dump_json().encode())
            except (httpx.HTTPError, PermanentChannelError, TemporaryChannelError) as error:
                log.warning("heads of the audit logs did not go out", way=way, why=_reason_of(error))
            else:
                self._due[way] = monotonic() + EVERY
                self._delivered(way)
        return True

    def _delivered(self, way: str) -> None:
        at = monotonic()
        AUDIT_WITNESS_AGE.labels(way).set_function(lambda: monotonic() - at)

    async def _recall(self) -> None:
        """Read from the store which heads went out last, once."""
        if self._has_recalled:
            return
        try:
            stored = await self._store.get(self._http, NEWEST, now())
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

    def _look_into(self, service: str) -> AuditHead | None:
        """Return the newest head of a service that it has signed, unless its chain was changed."""
        with snapshot(self._urls[service]) as database:
            rows = list(database.stream(_NEWEST, {"most": LOOKED_AT}))
            signed = [
                AuditHead(
                    id=id_, service=service, number=number, head=head, signed_at=at, signature=signature
                )
                for id_, number, head, at, signature in rows
            ]
            newest = next((one for one in signed if heads.is_genuine(one, self._keys)), None)
            known = [one for (name, _), one in self._known.items() if name == service]
            seals = [*known, *([newest] if newest else ())]
            lost = [
                one for one in seals if not database.row(_SEAL, {"number": one.number, "head": one.head})[0]
            ]
        is_changed = bool(lost) or (bool(known) and newest is None)
        metrics.AUDIT_CHAIN_LOST.labels(service).set(is_changed)
        if is_changed:
            log.error(
                "the audit log was made anew or cut off", database=service, seals=[x.number for x in lost]
            )
            return None
        if newest is not None:
            self._known[service, "seen"] = newest
        return newest

    async def _mail(self, document: bytes) -> None:
        at, options = now(), self._options
        server = MailServer.at(
            options.smtp_url,
            options.smtp_sender,
            options.smtp_user,
            options.smtp_password.get_secret_value(),
        )
        context = self._context or ssl.create_default_context()
        for address in options.witness_mail:
            letter = EmailMessage()
            letter["Subject"] = f"e-Pass: heads of the audit logs, {at:%Y-%m-%d %H:%M}Z"
            letter["From"], letter["To"] = f"e-Pass <{options.smtp_sender}>", address
            letter["Date"], letter["Auto-Submitted"] = format_datetime(at), "auto-generated"
            letter["Message-ID"] = make_msgid(domain=options.smtp_sender.rpartition("@")[2])
            letter.set_content(_TEXT)
            letter.add_attachment(document, "application", "json", filename=_name_at(at))
            delivery = Delivery(server, context, letter, address, public_only=not options.local_mode)
            await asyncio.to_thread(delivery.run_within, MAIL_SECONDS)

    async def _put(self, document: bytes) -> None:
        at = now()
        for name in (_name_at(at), NEWEST):
            await self._store.put(self._http, name, document, at)


def _name_at(at: datetime) -> str:
    return f"audit-heads-{at:%Y-%m-%dT%H%M}Z.json"


def _reason_of(error: Exception) -> str:
    """Return why something did not go out, without an address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return getattr(error, "reason", type(error).__name__)

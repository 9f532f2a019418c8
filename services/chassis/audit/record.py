"""Adds a row to the audit log for each command, and for each look at people's data.

The RPC server begins and ends an `Entry` around a call. `once` adds the row of a command to the transaction
of its effect. The server adds every other one before it replies: nobody sees what is not recorded. What was
refused is recorded, too, with the code of the refusal. An open page that asks again by itself adds a row only
if it shows something that no row of the last minutes names.

A row names no person: staff by their login, an applicant by the keyed hash of their mobile, and what the call
was about by references, numbers, logins and ids. Free text is never recorded. A search for a vehicle,
a mobile or a name is a keyed digest, by which the same search is found again.
"""

import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import login_ids
from contracts.crockford import parse_pass_number, parse_reference, parse_request_number
from contracts.errors import ContractError, InternalError, Unavailable
from contracts.model import Wire
from contracts.rpc.call import Call, Method, Principal
from services.chassis.audit import refusals
from services.chassis.db import bulk, deferred_writes
from services.chassis.db.database import Database, idempotency_secret_of
from services.chassis.db.tables import audit_log
from services.chassis.runtime import logs
from services.chassis.runtime.clock import now

log = logs.logger(__name__)
DONE, REPEATED = "done", "repeated"
REFRESHED = "refreshed"
"""Result of a look that an open page took by itself."""
KNOWN_FOR = timedelta(minutes=10)
"""For so long what a login was shown is not recorded again where its page only asks again by itself."""
MOST_OBJECTS = 400
"""Of a row. A page of a list has 200 lines at most, and a line names two; what names more has more rows."""
FORMS = {
    "reference": re.compile(r"PCS-[0-9A-Z]{4}-[0-9A-Z]{4}"),
    "pass number": re.compile(r"[0-9A-Z]{8}"),
    "request": re.compile(r"REQ-[0-9A-Z]{4}-[0-9A-Z]{4}"),
    "login": login_ids.FORM,
}
_FIELDS = {
    "reference": "reference",
    "references": "reference",
    "number": "pass number",
    "pass_number": "pass number",
    "pass_": "pass number",
    "login_id": "login",
    "request_number": "request",
}
"""The fields that name objects. What does not have the form may be anything, and is not recorded."""
_PARSERS: dict[str, Callable[[str], str]] = {
    "reference": parse_reference,
    "pass number": parse_pass_number,
    "request": parse_request_number,
    "login": login_ids.parse_login_id,
}


class HasDatabase(Protocol):
    """A nameko class with a `DatabaseProvider`."""

    db: Database


@dataclass
class Entry:
    """What is to be recorded of a call."""

    method: Method[Any, Any]
    request: Wire
    call: Call
    objects: list[str] = field(default_factory=list)
    result: str = DONE
    action: str = ""
    """What was done, where the name of the method does not say it."""
    is_recorded: bool = False
    is_of_person: bool = False
    """Whether a person looks, whatever the page says that asks."""
    is_about_request: bool = True
    """Whether the row has what the request names."""


_current: ContextVar[Entry | None] = ContextVar("audit entry", default=None)


def is_recorded(method: Method[Any, Any], principal: Principal) -> bool:
    """Return whether a call is recorded: each command, and each look that staff take at people's data.

    An applicant looks at what is their own. With a ``login_id`` an operator looks with them.
    """
    return method.command or (method.names_people and principal.login_id is not None)


@contextmanager
def recording(
    method: Method[Any, Any], request: Wire, call: Call, service: HasDatabase
) -> Iterator[Entry | None]:
    """Record a call that is handled in the block; yield its entry, or None where nothing is recorded.

    A refusal is recorded by itself, or counted by the minute where nobody with a login is refused
    (``refusals.py``). If that fails, the refusal stands. What is refused to anybody without a session is not
    recorded where the handler keeps a record of its own: that is a vendor's webhook.
    """
    if not is_recorded(method, call.principal):
        yield None
        return
    entry = Entry(method, request, call)
    token = _current.set(entry)
    try:
        yield entry
    except (Unavailable, InternalError):  # nothing was done, as far as anybody knows
        raise
    except ContractError as refusal:
        if method.keeps_own_record and call.principal.kind == "anonymous":
            raise  # anybody can send what a vendor did not sign, and nobody shall fill the log with it
        try:
            row, *_ = _rows(entry, (), refusal.body.code)
            if call.principal.login_id is None:
                refusals.count(service.db, row, call.block)
            else:
                refusals.insert(service.db, [row])
        except Exception as error:  # whatever it is, the caller gets the refusal
            log.error("a refusal is not recorded", method=method.name, exc_info=error)  # noqa: TRY400  exception() would log the text, too
        raise
    finally:
        _current.reset(token)


def finish(entry: Entry, reply: Wire, db: Database) -> None:
    """Record a call that was handled, unless its transaction did it or its handler keeps a record."""
    if entry.is_recorded or entry.method.keeps_own_record:
        return
    refreshed = entry.call.by_itself and entry.method.polled and not entry.is_of_person
    rows = _rows(entry, objects_of(reply), REFRESHED if refreshed else entry.result)
    if not (refreshed and _are_known(db, rows)):
        refusals.insert(db, rows)


def add_done(session: Session, reply: object, *, action: str | None = None) -> None:
    """Add the row of the current call to a transaction: it was handled, and this is the reply.

    Do nothing where a handler is called by itself, as from the command line, or answers with a refusal.

    Args:
        reply: says what else the call was about.
        action: what was done, where the name of the method does not say it.
    """
    entry = _current.get()
    if entry is not None and not entry.is_recorded and isinstance(reply, Wire):
        entry.action = action or entry.action
        deferred_writes.insert(session, audit_log, _rows(entry, objects_of(reply), entry.result))
        entry.is_recorded = True


def note_repeat() -> None:
    """Note that the current command was carried out before."""
    entry = _current.get()
    if entry is not None:
        entry.result = REPEATED


def note_action(name: str) -> None:
    """Note what the current call does, where the name of its method does not say it."""
    entry = _current.get()
    if entry is not None:
        entry.action = name


def note_person() -> None:
    """Note that a person asks for the current call, since no page of ours asks it by itself."""
    entry = _current.get()
    if entry is not None:
        entry.is_of_person = True


def note_object(name: str) -> None:
    """Note what the current call is about, where neither request nor reply say it."""
    entry = _current.get()
    if entry is not None:
        entry.objects.append(name)


def note_search(session: Session, kind: str, text: str) -> None:
    """Note what somebody searches for (a ``vehicle``, ``mobile`` or ``name``), also where nobody is found.

    It is a keyed digest, so who holds the log cannot read a search, and finds the same one again.
    """
    note_object(search_name(idempotency_secret_of(session), kind, text))


def search_name(secret: bytes, kind: str, text: str) -> str:
    """Return what a row of the log says of a search: its kind and a digest, keyed by a service's secret."""
    sought = f"{kind} {' '.join(text.casefold().split())}"
    return f"{kind}:{hmac.digest(secret, sought.encode(), 'sha256').hex()[:32]}"


def note_objects_alone(*names: str) -> None:
    """Note what the current call was about, apart from its reply: not all that its request names."""
    entry = _current.get()
    if entry is not None:
        entry.is_about_request = False
        entry.objects.extend(names)


def record_task(session: Session, action: str, objects: Sequence[str], at: datetime) -> None:
    """Add the row of what somebody did at the command line to a transaction."""
    row = {
        "at": at,
        "actor": "command line",
        "role": "operations",
        "action": action,
        "objects": list(objects),
        "result": DONE,
        "address": "",
        "correlation_id": "",
    }
    deferred_writes.insert(session, audit_log, [row])


def objects_of(wire: Wire, *, is_request: bool = False) -> list[str]:
    """Return what a request or a reply names, in order: references, pass numbers and logins.

    Of a request, which somebody typed, return them in their canonical form, and ids, too.
    """
    found: dict[str, None] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, str):
            kind = _FIELDS.get(name)
            text = _canonical(kind, value) if kind is not None and is_request else value
            if kind is not None and FORMS[kind].fullmatch(text):
                found[text] = None
        elif isinstance(value, Wire):
            for key, part in value:
                walk(key, part)
        elif isinstance(value, tuple):
            for part in value:
                walk(name, part)
        elif is_request and isinstance(value, UUID):
            found[str(value)] = None

    walk("", wire)
    return list(found)


def _canonical(kind: str, text: str) -> str:
    """Return the canonical form of what was typed, or an empty string."""
    try:
        return _PARSERS[kind](text)
    except ValueError:
        return ""


def _rows(entry: Entry, of_reply: Sequence[str], result: str) -> list[dict[str, Any]]:
    """Return the rows of a call, one where it has no objects.

    Each has some of its objects, and says who was helped, at which device, and for whom.
    """
    principal = entry.call.principal
    helped = principal.kind == "applicant" and principal.login_id is not None
    of_request = objects_of(entry.request, is_request=True) if entry.is_about_request else ()
    first = [principal.id] if helped else []
    others = (principal.kiosk, principal.gate_device, principal.assistant_of)
    last = [one for one in others if one is not None]
    each = {*first, *last}
    named = [one for one in dict.fromkeys([*of_request, *entry.objects, *of_reply]) if one not in each]
    row = {
        "at": now(),
        "actor": principal.login_id or ("anonymous" if principal.kind == "anonymous" else principal.id),
        "role": "assisted" if helped else principal.role or principal.kind,
        "action": entry.action or entry.method.name,
        "result": result,
        "address": entry.call.address,
        "correlation_id": entry.call.correlation_id[:64],
    }
    most = MOST_OBJECTS - len(each)
    starts = range(0, max(len(named), 1), most)
    return [row | {"objects": [*first, *named[start : start + most], *last]} for start in starts]


def _are_known(db: Database, rows: Sequence[bulk.Row]) -> bool:
    """Return whether rows of the last minutes name all that a login was shown, at the same address."""
    table, row = audit_log.c, rows[0]
    same = [table[name] == row[name] for name in ("actor", "role", "action", "address")]
    recent = (table.at > row["at"] - KNOWN_FOR, table.result.in_((DONE, REFRESHED)))
    with db.queries() as session:
        seen = session.scalars(select(table.objects).where(*same, *recent)).all()
    named = {name for objects in seen for name in objects}
    return bool(seen) and all(named.issuperset(one["objects"]) for one in rows)

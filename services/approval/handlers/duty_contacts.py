"""Duty contacts of departments and receptions: set by the ADO Branch, used when nobody decides.

They are sealed in the database; the history of the directory says who set them and when, not what they are.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.envelope import UnreadableEvent
from contracts.errors import Conflict, NotFound
from contracts.events import EscalationContact
from contracts.model import Code, Contact, EscalationStep, Language
from contracts.rpc.approval.directory import DutyContact, DutyContacts, DutyPlace, PutDutyContacts
from contracts.rpc.call import Call
from services.approval.domain.duty_contacts import RECEPTION, Address, OfficeContact, checked
from services.approval.handlers.directory import LOCK, department_record, site_record
from services.approval.handlers.directory_imports import ado_of
from services.approval.models.directory import DutyContactsRow, LineChangeRow
from services.chassis.db.database import personal_keys_of
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once

_CONTACTS: TypeAdapter[dict[str, OfficeContact]] = TypeAdapter(dict[str, OfficeContact])


def view(request: DutyPlace, call: Call, session: Session) -> DutyContacts:
    """Return the duty contacts of a department or of a site's reception.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such department or site.
    """
    ado_of(call.principal)
    _names(session, request)
    return _view(session, request)


def put(request: PutDutyContacts, call: Call, session: Session, now: datetime) -> DutyContacts:
    """Store the duty contacts of a department or of a site's reception, unless somebody has changed them.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such department or site.
        InvalidInput: as `checked`.
        Conflict: ``changed_meanwhile``, with the fact ``by``.
    """
    by = ado_of(call.principal)

    def effect() -> str:
        lock(session, LOCK)
        typed = {
            one.officer or RECEPTION: Address(one.mobile.strip(), one.email.strip(), one.arrivals)
            for one in request.contacts
        }
        contacts = checked(typed, _names(session, request))
        place = _place(request)
        row = session.get(DutyContactsRow, place)
        if row is not None and _revision(row) != request.was:
            raise Conflict("somebody changed them meanwhile", code="changed_meanwhile", by=row.set_by)
        for name, one in (_contacts(session, row) if row else {}).items():
            new = contacts.get(name)
            if row and new and (new.mobile, new.email) == (one.mobile, one.email):  # its links go on
                contacts[name] = new.model_copy(update={"since": one.since or row.set_at})
        content: dict[str, Any] = _CONTACTS.dump_python(contacts, mode="json", exclude_none=True)
        owner = row.id if row else uuid4()
        session.merge(
            DutyContactsRow(
                place=place,
                id=owner,
                sealed=personal_keys_of(session).seal(owner, content),
                language=request.language,
                set_by=by,
                set_at=now,
            )
        )
        session.add(LineChangeRow(record=f"contacts/{place}", changed_by=by, changed_at=now))
        session.flush()
        return ""

    route = f"approval.{rpc.approval.directory.PUT_DUTY_CONTACTS.name}"
    return once(session, call, route, request, effect, lambda _: _view(session, request), reference=str)


def contact_for(
    session: Session, step: EscalationStep, department: Code, site: Code, officer: Code | None
) -> tuple[EscalationContact, Language | None]:
    """Return whom a step of the escalation reaches, and their language; nobody where no contact is set."""
    at_reception = step == "reception"
    place = f"sites/{site}" if at_reception else f"departments/{department}"
    contact, language = office_contact(session, place, RECEPTION if at_reception else officer)
    if contact is None:
        return EscalationContact(), None
    return EscalationContact(contact=Contact(mobile=contact.mobile, email=contact.email)), language


def office_contact(
    session: Session, place: str, name: Code | None
) -> tuple[OfficeContact | None, Language | None]:
    """Return a contact of a place, such as ``departments/home``, and the language of its messages."""
    row = session.get(DutyContactsRow, place)
    contact = _contacts(session, row).get(name or "") if row else None
    return (contact, row.language) if row and contact else (None, None)


def is_contact_since(session: Session, recipient: str, since: datetime) -> bool:
    """Return whether ``departments/home/baldev`` is in the directory, with the same contact since then."""
    place, _, officer = recipient.rpartition("/")
    row = session.get(DutyContactsRow, place)
    department = department_record(session, place.partition("/")[2])
    is_there = department is not None and any(one.code == officer for one in department.officers)
    contact = _contacts(session, row).get(officer) if row and is_there else None
    return row is not None and contact is not None and (contact.since or row.set_at) <= since


def departments_reached(session: Session) -> set[str]:
    """Return the departments that have a duty contact, by code."""
    rows = session.scalars(select(DutyContactsRow).where(DutyContactsRow.place.startswith("departments/")))
    return {row.place.partition("/")[2] for row in rows if _contacts(session, row)}


def _names(session: Session, place: DutyPlace) -> tuple[str, ...]:
    """Return who can have a contact there.

    Raises:
        NotFound: there is no such department or site.
    """
    if place.kind == "sites":
        if site_record(session, place.code) is None:
            raise NotFound("there is no such site", code="unknown_site")
        return (RECEPTION,)
    department = department_record(session, place.code)
    if department is None:
        raise NotFound("there is no such department", code="unknown_department")
    return tuple(officer.code for officer in department.officers)


def _place(place: DutyPlace) -> str:
    return f"{place.kind}/{place.code}"


def _revision(row: DutyContactsRow) -> str:
    return row.set_at.isoformat()


def _contacts(session: Session, row: DutyContactsRow) -> dict[str, OfficeContact]:
    """Return the contacts by officer; none if no key opens them any more."""
    try:
        return _CONTACTS.validate_python(personal_keys_of(session).open(row.id, row.sealed))
    except UnreadableEvent:
        return {}


def _view(session: Session, place: DutyPlace) -> DutyContacts:
    row = session.get(DutyContactsRow, _place(place), populate_existing=True)
    if row is None:
        return DutyContacts()
    return DutyContacts(
        contacts=tuple(
            DutyContact(
                officer=None if name == RECEPTION and place.kind == "sites" else name,
                mobile=contact.mobile or "",
                email=contact.email or "",
                arrivals=contact.arrivals,
            )
            for name, contact in _contacts(session, row).items()
        ),
        language=row.language,
        revision=_revision(row),
        set_by=row.set_by,
        set_at=row.set_at,
    )

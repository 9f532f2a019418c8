"""The messages about an applicant's own applications, with their texts, as they were sent."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import PersonalKeyRing
from contracts.rpc.call import Call
from contracts.rpc.own_data import Kept, OwnData, OwnDataQuestion, kept
from services.chassis.audit import readers
from services.chassis.db.database import personal_keys_of
from services.notify.adapters.sealing import unseal_if_possible
from services.notify.domain import templates
from services.notify.domain.messages import NOT_TO_APPLICANT
from services.notify.handlers.messages import mobiles_of
from services.notify.models import ApplicationRow, MessageRow

_MESSAGE = ("queued_at", "purpose", "channel", "language", "state", "ended_at", "provider")


def list_kept(request: OwnDataQuestion, call: Call, session: Session) -> OwnData:
    """Return what is kept of those of these applications whose messages went to the caller's mobile.

    The link of a pass is left out of its text: who has a copy shall not get in with it. Whose application was
    given another mobile gets earlier numbers and addresses only in part: they may be of somebody else.

    Raises:
        Forbidden: as `readers.owner_of`.
    """
    owner, keys = readers.owner_of(call.principal, whole=request.whole), personal_keys_of(session)
    items: list[Kept] = []
    query = select(ApplicationRow).where(ApplicationRow.reference.in_(request.references))
    for application in session.scalars(query):
        if owner is not None and owner not in mobiles_of(session, application.id):
            continue
        of_them = (MessageRow.application_id == application.id) & MessageRow.purpose.not_in(NOT_TO_APPLICANT)
        rows = session.scalars(select(MessageRow).where(of_them).order_by(MessageRow.queued_at)).all()
        if not rows:
            continue
        own = mobiles_of(session, application.id)[0] if application.mobile_sealed is not None else None
        items.append(
            kept(
                application.reference,
                "messages",
                [row.queued_at for row in rows],
                receivers=tuple(
                    dict.fromkeys(one for row in rows if row.provider for one in (row.channel, row.provider))
                ),
                numbers=tuple(dict.fromkeys(row.pass_number for row in rows if row.pass_number)),
                records=tuple(_whole(row, keys, own) for row in rows) if request.whole else (),
            )
        )
    return readers.answer(session, items, readers.COUNTED_ONCE)


def _whole(row: MessageRow, keys: PersonalKeyRing, own: str | None) -> dict[str, Any]:
    """Return a message with its text; ``own``: the mobile that the application was given since, if any."""
    personal = unseal_if_possible(row.id, row.personal, keys)
    told = {name: getattr(row, name) for name in _MESSAGE}
    if personal is None:
        return told
    words = {**personal.parameters, **({"link": "…"} if personal.link else {})}
    try:
        text = templates.find(row.purpose, row.language).render(words)
    except templates.Unrenderable:  # an older version of the text had other parameters
        text = ""
    return told | {"to": personal.to if own in (None, personal.to) else _masked(personal.to), "text": text}


def _masked(address: str) -> str:
    """Return the end of a number, or the domain of an email address."""
    _, at, domain = address.rpartition("@")
    return f"…{at}{domain}" if at else f"…{address[-4:]}"

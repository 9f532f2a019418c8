"""The line of somebody who came along, shown to them and to nobody who merely has the pass.

A pass shows its number and the names of all. So who asks has proved a mobile of their own by a code, and
gives the last four of their own ID card, which are on no pass. A mobile has as many wrong tries as for
applications, and so has a pass in a week, whoever tries, four of them for one mobile. Of somebody without an
ID card, as of a child, nothing is shown: nothing on file tells them from others who have the pass.
"""

from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from contracts import spelling
from contracts.crockford import parse_pass_number
from contracts.errors import InvalidInput
from contracts.identity import NotLastFour, last_four
from contracts.rpc.call import Call
from contracts.rpc.companions import CompanionQuestion, CompanionView
from services.application.handlers import unlocked_sessions
from services.application.handlers.rows import companions_of, slots_of
from services.application.models import ApplicationRow, PassRow
from services.application.settings import ApplicationSettings
from services.chassis.audit import readers
from services.chassis.db.database import Database


def view(
    request: CompanionQuestion, call: Call, db: Database, now: datetime, settings: ApplicationSettings
) -> CompanionView:
    """Return the line of the companion who asks.

    Raises:
        Forbidden: as `readers.mobile_of`.
        InvalidInput: of ``id_last4``: no four characters; ``no_such_companion``, which is counted although
            this raises, and tells not which of the three is wrong, nor whether the pass has had its tries.
        TooManyAttempts: the mobile has had its tries, with ``retry_after`` in seconds.
    """
    readers.mobile_of(call.principal)
    try:
        given = last_four(request.id_last4)
    except NotLastFour as problem:
        raise InvalidInput.of("id_last4", problem.code) from None
    with db.transaction() as session:
        unlocked_sessions.count_try(session, call.principal.id, now)
        found = _pass(session, request.number)
        if found is not None:
            known, row = found
            whose = f"pass {row.reference}"  # a pass that replaces it has no tries of its own
            named = [
                one for one in companions_of(row) if spelling.matches(request.name, one.name, one.name_latin)
            ]
            own = next((one for one in named if compare_digest(given, one.id_last4 or "")), None)
            # who does not know a name keeps nobody else out
            has_try = named and unlocked_sessions.has_try_of_pass(session, whose, call.principal.id, now)
            if has_try and own is not None and own.id_type is not None:
                unlocked_sessions.forgive(
                    session, call.principal.id, whose, unlocked_sessions.by_mobile(whose, call.principal.id)
                )
                return CompanionView.from_attributes(
                    row,
                    number=known.number,
                    name=own.name,
                    name_latin=own.name_latin,
                    id_type=own.id_type,
                    day=row.decided_day or slots_of(row)[0].day,
                    since=row.submitted_at,
                    until=row.locked_until or row.last_matters_at + timedelta(days=settings.people_kept_days),
                )
    raise InvalidInput.of("number", "no_such_companion")


def _pass(session: Session, typed: str) -> Row[PassRow, ApplicationRow] | None:
    try:
        number = parse_pass_number(typed)
    except ValueError:
        return None
    row = ApplicationRow
    of_pass = select(PassRow, row).join(row, PassRow.application_id == row.id)
    return session.execute(of_pass.where(PassRow.number == number)).one_or_none()

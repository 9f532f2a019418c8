"""Logins as a file: what a file would do, and applying it as a whole or not at all; and all logins as one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.csv_table import Problem, quote, write
from contracts.errors import Conflict, Forbidden
from contracts.model import Contact, Language
from contracts.rpc.accounts.logins import APPLY_LOGIN_FILE, SEND_LOGIN_FILE
from contracts.rpc.call import Call
from contracts.rpc.imports import (
    MOST_EFFECTS,
    MOST_PROBLEMS,
    CsvFile,
    ImportedLogin,
    ImportFile,
    ImportId,
    ImportReport,
    LineEffect,
    LoginImport,
)
from services.accounts.adapters import passwords
from services.accounts.domain.login_table import NewLogin, Places, read_logins
from services.accounts.domain.logins import Scope, today_of
from services.accounts.handlers import second_factor
from services.accounts.handlers.access_messages import tell
from services.accounts.handlers.authorization import acting_ado, fresh_ado
from services.accounts.handlers.logins import NewPassword, add
from services.accounts.models import ImportRow, LoginRow
from services.accounts.settings import AccountsSettings
from services.chassis.db import import_drafts
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once

KIND = "logins"
LOCK = "login imports"
PASSWORDS_SHOWN = timedelta(hours=1)
"""How long who applied a file can print the initial passwords."""
EXPORTED = (
    "login_id",
    "role",
    "name",
    "department",
    "site",
    "gate",
    "valid_until",
    "state",
    "issued_at",
    "last_used_at",
)
_IDS = TypeAdapter(tuple[str, ...])


def send(request: ImportFile, call: Call, session: Session, now: datetime) -> ImportId:
    """Store a file, to be checked and applied. The same file of the same person is one import.

    Raises:
        Forbidden: the caller is not an enabled ``ado``.
    """
    by = acting_ado(session, call, now)

    def effect() -> UUID:
        return import_drafts.draft(session, ImportRow, KIND, request.text, by, now)

    def answer(import_id: UUID) -> ImportId:
        return ImportId(import_id=import_id)

    return once(session, call, SEND_LOGIN_FILE.name, request, effect, answer, reference=UUID)


def check(
    request: LoginImport, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> ImportReport:
    """Return what applying a file would do now, or what it did. It changes nothing.

    Initial passwords are in it only for who has just shown their second factor, as for applying it.

    Raises:
        Forbidden: as for :func:`send`.
        NotFound: there is no such file of this person.
    """
    by = acting_ado(session, call, now)
    row = import_drafts.find(session, ImportRow, request.import_id, by)
    if row.applied_at is not None:
        try:
            second_factor.require_fresh(session, call, now, settings)
        except Forbidden:
            return _applied(session, row, now, settings, fresh=False)
        return _applied(session, row, now, settings)
    new, problems = read(_places(request), row.text(session), session, now)
    lines = [LineEffect(line=line, after=login.cells) for line, login in new[:MOST_EFFECTS]]
    return ImportReport(
        import_id=row.import_id,
        added=len(new),
        lines=tuple(lines),
        problems=tuple(problems[:MOST_PROBLEMS]),
        further_problems=max(len(problems) - MOST_PROBLEMS, 0),
    )


def apply(
    request: LoginImport, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> ImportReport:
    """Issue all logins of a file, or none. A file that was applied already is not applied again.

    Raises:
        Forbidden: as for :func:`send`; or ``second_factor_stale``.
        NotFound: there is no such file of this person.
        Conflict: ``file_has_problems``.
    """
    by = fresh_ado(session, call, now, settings)

    def effect() -> UUID:
        lock(session, LOCK)
        row = import_drafts.find(session, ImportRow, request.import_id, by, lock=True)
        if row.applied_at is None:
            new, problems = read(_places(request), row.text(session), session, now)
            if problems:
                raise Conflict("the file has problems", code="file_has_problems")
            tell(session, "logins_issued", by, by, now, holder=False)
            made = issue(session, [login for _, login in new], request.language, by, now)
            row.applied_at = now
            row.result = _IDS.dump_json(tuple(one.login_id for one in made)).decode()
        return row.import_id

    def answer(import_id: UUID) -> ImportReport:
        return _applied(session, import_drafts.find(session, ImportRow, import_id, by), now, settings)

    return once(session, call, APPLY_LOGIN_FILE.name, request, effect, answer, reference=UUID)


def export(call: Call, session: Session, now: datetime) -> CsvFile:
    """Return all logins as CSV, by ID, without anything secret.

    Raises:
        Forbidden: as for :func:`send`.
    """
    acting_ado(session, call, now)
    rows = session.scalars(select(LoginRow).order_by(LoginRow.login_id))
    return CsvFile(text=write(EXPORTED, (_line(row, now) for row in rows)))


def _line(row: LoginRow, now: datetime) -> tuple[str, ...]:
    state = row.state_on(today_of(now))
    cells = (row.login_id, row.role, row.name, row.department, row.site, row.gate, row.valid_until, state)
    instants = (row.issued_at, row.last_used_at)
    return (
        *(str(cell or "") for cell in cells),
        *(at.isoformat(timespec="seconds") if at else "" for at in instants),
    )


def _places(request: LoginImport) -> Places:
    return Places(request.departments, request.sites, request.gates)


def issue(
    session: Session, new: Sequence[NewLogin], language: Language, by: str, now: datetime
) -> list[NewPassword]:
    """Issue the logins of a file; ``language`` is of the messages to people whose line names none."""
    return [
        add(
            session,
            one.role,
            one.scope,
            Contact(name=one.name, mobile=one.mobile),
            one.valid_until,
            one.language or language,
            by,
            now,
        )
        for one in new
    ]


def read(
    places: Places, text: str, session: Session, now: datetime
) -> tuple[list[tuple[int, NewLogin]], list[Problem]]:
    """Return the logins that a file adds with their lines, and all its problems, by line."""
    found, problems = read_logins(text, places, today_of(now))
    usable = select(LoginRow).where(LoginRow.is_usable(today_of(now)))
    stored = {
        NewLogin(
            row.role, row.name, Scope(row.department, row.site, row.gate, row.assistant_of), None, None, None
        ).identity
        for row in session.scalars(usable)
    }
    problems += [
        Problem(line=line, column="name", code="already_stored", value=quote(login.name))
        for line, login in found
        if login.identity in stored
    ]
    return found, sorted(problems, key=lambda problem: problem.line)


def _applied(
    session: Session, row: ImportRow, now: datetime, settings: AccountsSettings, *, fresh: bool = True
) -> ImportReport:
    assert row.applied_at is not None
    assert row.result is not None
    ids = _IDS.validate_json(row.result)
    found = session.scalars(select(LoginRow).where(LoginRow.login_id.in_(ids)))
    logins = sorted(found, key=lambda login: ids.index(login.login_id))  # as the file has them
    shown = now < row.applied_at + PASSWORDS_SHOWN
    return ImportReport(
        import_id=row.import_id,
        added=len(ids),
        applied_at=row.applied_at,
        logins=tuple(
            ImportedLogin(
                login_id=login.login_id,
                name=login.name,
                initial_password=passwords.shown_again(login.password_hash, settings.password_secret)
                if shown and fresh
                else None,
            )
            for login in logins
        ),
        confirm_passwords=shown and not fresh,
    )

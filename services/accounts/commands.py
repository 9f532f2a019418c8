"""What ``epass`` runs here.

The first login and the logins of the demo, logins from a file, and the signing keys of sessions.
"""

from datetime import datetime
from pathlib import Path

from pydantic import SecretStr, TypeAdapter
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.csv_table import Problem
from contracts.events import SessionKeyWithdrawn
from contracts.login_ids import normalized, parse_login_id
from contracts.model import DEVICE_ROLES, Code, Language, Role, Strict
from contracts.rpc.imports import ImportedLogin
from services.accounts.adapters import passwords
from services.accounts.adapters.keys import key_store
from services.accounts.domain.login_table import NewLogin, Places
from services.accounts.domain.logins import Scope, check_scope, last_void_instant, today_of
from services.accounts.handlers import login_imports, second_factor, sessions
from services.accounts.handlers.access_messages import tell
from services.accounts.models import LoginRow, SecondFactorRow, SessionRow
from services.chassis.audit.record import record_task
from services.chassis.db.database import Database
from services.chassis.db.locks import lock
from services.chassis.messaging import outbox
from services.chassis.runtime.settings import KeyEncryptionSettings


class DemoLogin(Strict):
    """One entry of the file of demo logins. Its key in the file is the role."""

    login_id: str
    password: str
    department: Code | None = None
    site: Code | None = None
    gate: Code | None = None


def seed(db: Database, now: datetime, logins: Path) -> None:
    """Make each login of a file, or restore it: its password, enabled, with nothing to be done first.

    A second factor that somebody has set up for it is removed.

    Args:
        logins: a JSON file, ``{role: {"login_id": …, "password": …, "department": …, "site": …, "gate":
            …}}``.

    Raises:
        pydantic.ValidationError: the file is not of that shape; the message never quotes it.
    """
    entries = TypeAdapter(dict[Role, DemoLogin]).validate_json(logins.read_bytes())
    for role, entry in entries.items():
        seed_login(db, now, role, entry)


def seed_login(db: Database, now: datetime, role: Role, entry: DemoLogin) -> None:
    """Make or restore one login."""
    check_scope(role, Scope(entry.department, entry.site, entry.gate))
    parse_login_id(entry.login_id)
    with db.transaction() as session:
        known = session.get(LoginRow, entry.login_id)
    if known is not None and passwords.matches(known.password_hash, entry.password):
        password_hash = known.password_hash
    else:
        password_hash = passwords.hash_password(entry.password)
    restored = {
        "password_hash": password_hash,
        "must_change_password": role in DEVICE_ROLES,  # a one-time token or code, not used yet
        "disabled_at": None,
        "disabled_by": None,
        "valid_until": None,
    }
    new = insert(LoginRow).values(
        login_id=entry.login_id,
        role=role,
        name=f"Demo {role}",
        department=entry.department,
        site=entry.site,
        gate=entry.gate,
        issued_at=now,
        **restored,
    )
    with db.transaction() as session:
        session.execute(new.on_conflict_do_update(index_elements=["login_id"], set_=restored))
        second_factor.remove(session, entry.login_id)


def create_first_ado(
    db: Database, now: datetime, name: str, mobile: str | None, secret: SecretStr
) -> ImportedLogin | None:
    """Issue the login of the ADO Branch with which an installation begins; None if there is one already.

    Args:
        name: of its holder.
        mobile: of its holder, in the form of E.164; they get a message.
        secret: from which the initial password is derived.
    """
    with db.transaction() as session:
        lock(session, login_imports.LOCK)
        usable = (LoginRow.role == "ado") & LoginRow.is_usable(today_of(now))
        if session.scalar(select(LoginRow.login_id).where(usable).limit(1)) is not None:
            return None
        first = NewLogin("ado", name, Scope(), mobile, None, None)
        (made,) = login_imports.issue(session, [first], "en", "epass", now)
        record_task(session, "create_first_ado", [made.login_id], now)
    return ImportedLogin(
        login_id=made.login_id, name=name, initial_password=passwords.initial_password(made.seed, secret)
    )


def reset_factor(db: Database, now: datetime, login_id: str) -> bool:
    """Remove the second factor of a login and end its sessions; return whether it had one.

    It is for the last login of the ADO Branch, which no colleague can reset.
    """
    with db.transaction() as session:
        found = session.get(SecondFactorRow, normalized(login_id))
        if found is None:
            return False
        second_factor.remove(session, found.login_id)
        session.get_one(LoginRow, found.login_id).devices_void_to = last_void_instant(now)
        sessions.end_all_of(session, found.login_id, now)
        tell(session, "factor_reset", found.login_id, "epass", now)
        record_task(session, "reset_factor", [found.login_id], now)
        return True


def import_logins(
    db: Database, now: datetime, places: Places, text: str, language: Language, secret: SecretStr | None
) -> tuple[list[ImportedLogin], list[Problem]]:
    """Return the logins that a file adds, and its problems; with a secret issue them all, unless it has some.

    Args:
        places: what the directory has.
        language: of the messages to people whose line names none.
        secret: from which initial passwords are derived; None only checks the file.
    """
    with db.transaction() as session:
        lock(session, login_imports.LOCK)
        new, problems = login_imports.read(places, text, session, now)
        if problems or secret is None:
            return [ImportedLogin(login_id="", name=one.name) for _, one in new], problems
        logins = [login for _, login in new]
        tell(session, "logins_issued", "epass", "epass", now)
        made = login_imports.issue(session, logins, language, "epass", now)
        record_task(session, "import_logins", [one.login_id for one in made], now)
    return [
        ImportedLogin(
            login_id=login.login_id,
            name=one.name,
            initial_password=passwords.initial_password(login.seed, secret),
        )
        for one, login in zip(logins, made, strict=True)
    ], []


def rotate_key(db: Database, now: datetime, settings: KeyEncryptionSettings) -> str:
    """Retire the signing key, make the next one, and return its ``kid``. It signs at once, in all processes.

    Sessions that were opened under the old key stay valid until they end.
    """
    with db.transaction() as session:
        new = key_store(settings).rotate(session, now).kid
        record_task(session, "rotate_key", [new], now)
        return new


def withdraw_key(db: Database, now: datetime, settings: KeyEncryptionSettings, kid: str) -> str:
    """Withdraw a signing key, end all sessions under it, and say what was done.

    Gateways hear of the key, because its thief may have signed sessions of which accounts knows nothing.

    Raises:
        sqlalchemy.exc.NoResultFound: there is no such key.
    """
    with db.transaction() as session:
        new = key_store(settings).withdraw(session, kid, now).kid
        ended = update(SessionRow).where(SessionRow.kid == kid, SessionRow.ended_at.is_(None))
        live = session.execute(
            ended.where(SessionRow.expires_at > now).values(ended_at=now).returning(SessionRow.sid)
        ).all()
        outbox.add(session, SessionKeyWithdrawn(kid=kid), at=now)
        record_task(session, "withdraw_key", [kid, new], now)
    return f"{kid} is withdrawn; accounts signs with {new} now, {len(live)} sessions have ended"

"""The demo's logins, with the passwords that the installation chose. ``epass seed accounts --logins FILE``."""

from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.model import Code, Role, Strict
from services.accounts.adapters import passwords
from services.accounts.domain.logins import Scope, check_scope, parse_login_id
from services.accounts.models import Login, LoginCounter
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import settings


class DemoLogin(Strict):
    """One entry of the file; the key is the role."""

    login_id: str
    password: str
    department: Code | None = None
    site: Code | None = None
    gate: Code | None = None


def main(logins: str) -> None:
    """Makes each login of the file, or makes it again what the file says: its password, enabled, nothing to be changed first.

    Args:
        logins: a JSON file, ``{role: {"login_id": …, "password": …, "department": …, "site": …, "gate": …}}``.

    Raises:
        pydantic.ValidationError: the file is not of that shape; the message never quotes it.
    """
    entries = TypeAdapter(dict[Role, DemoLogin]).validate_json(Path(logins).read_bytes())
    db = Database.of(settings())
    try:
        for role, entry in entries.items():
            seed(db, role, entry)
    finally:
        db.close()


def seed(db: Database, role: Role, entry: DemoLogin) -> None:
    """One login. Its number is taken: those issued later count on from there."""
    check_scope(role, Scope(entry.department, entry.site, entry.gate))
    parse_login_id(entry.login_id)
    with db.transaction() as session:
        known = session.get(Login, entry.login_id)
    unchanged = known is not None and passwords.matches(known.password_hash, entry.password)
    password_hash = (
        known.password_hash if known is not None and unchanged else passwords.hashed(entry.password)
    )
    with db.transaction() as session:
        _put(session, role, entry, password_hash)
        _count_on(session, entry.login_id)


def _put(session: Session, role: Role, entry: DemoLogin, password_hash: str) -> None:
    restored = {
        "password_hash": password_hash,
        "must_change_password": False,
        "disabled_at": None,
        "disabled_by": None,
    }
    given = {
        "login_id": entry.login_id,
        "role": role,
        "name": f"Demo {role}",
        "department": entry.department,
        "site": entry.site,
        "gate": entry.gate,
        "issued_at": now(),
    }
    session.execute(
        insert(Login)
        .values(**given, **restored)
        .on_conflict_do_update(index_elements=["login_id"], set_=restored)
    )


def _count_on(session: Session, login_id: str) -> None:
    prefix, number = parse_login_id(login_id)
    counter = insert(LoginCounter).values(prefix=prefix, last=number)
    higher = counter.excluded.last > LoginCounter.last
    session.execute(
        counter.on_conflict_do_update(
            index_elements=["prefix"], set_={"last": counter.excluded.last}, where=higher
        )
    )

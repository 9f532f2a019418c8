"""Transactions on the same named thing take turns, also where there is no row yet that could be locked."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def take_turns(session: Session, name: str) -> None:
    """Waits until no other transaction holds the name; held until this transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

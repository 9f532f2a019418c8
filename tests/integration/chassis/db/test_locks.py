"""Advisory locks on a real server."""

import pytest
from sqlalchemy.exc import OperationalError

from services.chassis.db.locks import lock, try_lock


def test_one_transaction_holds_a_lock_and_others_are_refused_or_wait(databases) -> None:
    db = databases["verify"]
    with db.transaction() as first, db.transaction() as second:
        lock(first, "presence")
        assert not try_lock(second, "presence")
        assert try_lock(second, "another")
        second.connection().exec_driver_sql("set local lock_timeout = 50")
        with pytest.raises(OperationalError), second.begin_nested():
            lock(second, "presence")
    with db.transaction() as third:
        assert try_lock(third, "presence"), "it ends with its transaction"


def test_databases_do_not_share_locks(databases) -> None:
    with databases["verify"].transaction() as one, databases["notify"].transaction() as other:
        assert try_lock(one, "presence")
        assert try_lock(other, "presence")

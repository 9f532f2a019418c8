"""Closings beside approvals, beside other closings, and in a process that is killed."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from contracts.errors import InvalidInput
from services.approval.handlers import decisions
from services.approval.handlers.directory import LOCK, escalate_again
from services.approval.models.reviews import ReviewRow
from services.chassis.db.locks import lock
from tests.integration.approval.handlers.closing import approved, ask, booked, close, told
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import NOW, TUESDAY, approval, by, desk, pending, slot
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.running import eventually


def test_an_approval_under_way_is_made_before_the_closing_and_its_visitor_is_asked(approval_db) -> None:
    review_id = pending(approval_db)
    waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'"

    def closing() -> int:
        close(approval_db)
        return booked(approval_db)

    with ThreadPoolExecutor(1) as pool:
        with approval_db.transaction() as session:
            request = approval(review_id, slot=slot())
            decisions.approve(request, by(desk()), session, NOW, furthest_days=30)
            closed = pool.submit(closing)

            def has_met() -> bool:
                with approval_db.transaction() as other:
                    return closed.done() or other.execute(text(waiting)).scalar_one() > 0

            eventually(has_met, "the closing waits, or is over")
        assert closed.result() == 1
    assert (ask(approval_db), booked(approval_db)) == (1, 0)


def test_a_closing_an_approval_and_a_change_of_the_directory_at_once_do_not_wait_for_each_other(
    crowd,
) -> None:
    review_id = pending(crowd)
    waiting = "select count(*) from pg_locks where not granted"

    def wait_for(count: int, future) -> None:
        def has_met() -> bool:
            with crowd.transaction() as session:
                return future.done() or session.execute(text(waiting)).scalar_one() >= count

        eventually(has_met, "the other waits, or is over")

    with ThreadPoolExecutor(2) as pool:
        with crowd.transaction() as editing:
            lock(editing, LOCK)
            closing = pool.submit(close, crowd)
            wait_for(1, closing)
            approving = pool.submit(approve, crowd, review_id)
            wait_for(2, approving)
            escalate_again(editing, ReviewRow.department == "home", NOW)
        assert (approving.result().status, closing.result().day) == ("approved", TUESDAY)
    assert ask(crowd) == 1


def test_after_a_closing_has_returned_no_approval_of_that_day_appears(approval_db, crowd) -> None:
    reviews = [pending(approval_db, party=1) for _ in range(24)]
    seen = []

    def closing() -> None:
        close(crowd)
        seen.append(booked(crowd))

    outcomes = run_concurrently(closing, *(lambda one=one: approve(crowd, one) for one in reviews))
    refused = [one for one in outcomes if isinstance(one, InvalidInput)]
    assert seen == [booked(approval_db)] == [24 - len(refused)]
    assert ask(approval_db) == 24
    assert (booked(approval_db), len(told(approval_db))) == (0, 24)


def test_replicas_that_ask_at_once_ask_everybody_once(approval_db, crowd) -> None:
    applications = [approved(approval_db) for _ in range(20)]
    close(approval_db)
    run_concurrently(*(lambda: ask(crowd) for _ in range(6)))
    ask(approval_db)
    assert told(approval_db) == sorted(one.application_id for one in applications)
    assert booked(approval_db) == 0


ASKER = """
import sys
from services.approval.handlers import closed_visits
from services.chassis.db.database import Database
from tests.support.factories.envelopes import key_ring
from tests.support.factories.approval import NOW
from tests.support.stack.settings import EVENT_SIGNERS

closed_visits.BATCH = 3
database = Database(
    sys.argv[1],
    personal_keys=key_ring(),
    idempotency_secret=b"secret",
    event_key=EVENT_SIGNERS["approval"],
)
for batch in range(2):
    with database.transaction() as session:
        assert closed_visits.ask_visitors(session, NOW) == 3
        if batch == 1:
            print("asked", flush=True)
            sys.stdin.read()
"""


def test_a_process_killed_between_two_batches_loses_nobody_and_asks_nobody_twice(approval_db, stack) -> None:
    applications = [approved(approval_db) for _ in range(8)]
    close(approval_db)
    command = [sys.executable, "-c", ASKER, stack.database_url("approval_app", "approval")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(told(approval_db)) == 3  # the second batch did not commit
    assert ask(approval_db) == 5
    assert told(approval_db) == sorted(one.application_id for one in applications)

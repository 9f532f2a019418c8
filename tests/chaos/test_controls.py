"""Negative controls: without one guard the same fault breaks a promise, and the oracle finds it.

Each scenario runs with the guard, where nothing may be found, and without it.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.chaos import sabotage
from tests.support.chaos.scenario import Scenario
from tests.support.stack.extent import long
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import MATCHED, Department, Officer, issued

pytestmark = long

Switches = tuple[Callable[[], None], ...]


def guard(*switches: Callable[[], None]) -> pytest.MarkDecorator:
    """Run a scenario with and without some guards."""
    return pytest.mark.parametrize("removed_guards", [(), switches], ids=["guarded", "unguarded"])


@guard(sabotage.no_outbox)
def test_a_service_killed_after_its_answer_loses_the_event_unless_it_is_in_the_outbox(
    scenario: Scenario, removed_guards: Switches
) -> None:
    with scenario.process("application", *removed_guards) as application:
        reference = scenario.apply()
        application.kill()
    found = scenario.wait_until_settled()
    assert found.lost == ([f"{reference}: submitted instead of decided"] if removed_guards else [])
    assert set(found.problems()) == ({"lost", "sms_missing"} if removed_guards else set())


@guard(sabotage.mark_before_send)
def test_a_relay_killed_at_work_loses_the_event_if_it_marks_it_before_the_confirm(
    scenario: Scenario, removed_guards: Switches
) -> None:
    with scenario.process("relay", *removed_guards) as relay:
        reference = scenario.apply()
        eventually(
            lambda: not scenario.count("application", "select count(*) from outbox where sent_at is null"),
            "all is marked",
        )
        relay.kill()
    found = scenario.wait_until_settled()
    assert found.lost == ([f"{reference}: submitted instead of decided"] if removed_guards else [])
    assert set(found.problems()) == ({"lost", "sms_missing"} if removed_guards else set())


@guard(sabotage.ack_first)
def test_a_consumer_killed_at_work_loses_the_event_if_it_acknowledges_before_its_commit(
    scenario: Scenario, removed_guards: Switches
) -> None:
    with (
        scenario.process("approval", *removed_guards) as approval,
        scenario.locked("approval", "heard_applications"),
    ):
        reference = scenario.apply()
        eventually(lambda: scenario.is_waited_for("approval", "heard_applications"), "the handler waits")
        time.sleep(0.2)  # an ack that was sent has arrived
        approval.kill()
    found = scenario.wait_until_settled()
    assert found.lost == ([f"{reference}: submitted instead of decided"] if removed_guards else [])
    assert set(found.problems()) == ({"lost"} if removed_guards else set())


@guard(sabotage.ack_first)
def test_an_office_never_hears_who_has_come_if_the_entry_is_acknowledged_before_its_commit(
    scenario: Scenario, department: Department, removed_guards: Switches
) -> None:
    reference, summary = issued(scenario.person, department)
    scenario.promises.mobiles[reference] = scenario.mobile
    scenario.promises.decided[reference] = "approved"
    token, gate = scenario.person.token(summary.number), Officer(scenario.system)
    with scenario.process("approval", *removed_guards) as approval, scenario.locked("approval", "visits"):
        assert gate.scan(token=token, id_check=MATCHED).verdict == "admit"
        eventually(lambda: scenario.is_waited_for("approval", "visits"), "the handler waits")
        time.sleep(0.2)  # an ack that was sent has arrived
        approval.kill()
    scenario.wait_until_settled()
    of_it = "select count(*) from visits join reviews on reviews.id = review_id where reference = %s"
    assert scenario.count("approval", of_it, reference) == (0 if removed_guards else 1)


@pytest.mark.parametrize(
    ("removed_guards", "passes"),
    [
        ((sabotage.no_inbox,), 1),
        ((sabotage.no_unique_pass,), 1),
        ((sabotage.no_inbox, sabotage.no_unique_pass), 2),
    ],
    ids=["without the inbox", "without the unique pass", "without both"],
)
def test_an_approval_published_twice_makes_two_passes_only_without_inbox_and_unique_index(
    scenario: Scenario, removed_guards: Switches, passes: int
) -> None:
    """Each of the two guards is enough by itself."""
    with _no_index(scenario), scenario.process("issuance", *removed_guards):
        reference = scenario.apply()
        scenario.issued(reference)
        scenario.execute(
            "approval",
            "update outbox set sent_at = null where type = 'PassApproved' and data->>'reference' = %s",
            reference,
        )
        found = scenario.wait_until_settled()
    assert found.duplicate_passes == ([f"{reference}: 2"] if passes == 2 else [])
    assert set(found.problems()) == (
        {"duplicate_passes", "duplicate_messages", "lost"} if passes == 2 else set()
    )


@contextmanager
def _no_index(scenario: Scenario) -> Iterator[None]:
    """The database's own part of the unique pass, out for the length of the block."""
    scenario.execute("issuance", "drop index passes_one_live")
    try:
        yield
    finally:
        scenario.execute(
            "issuance",
            "update passes set revoked_at = now(), revocation = 'security' where revoked_at is null",
        )
        scenario.execute(
            "issuance",
            "create unique index passes_one_live on passes (application_id) where revoked_at is null",
        )


@guard(sabotage.no_deadline)
def test_a_service_that_was_stopped_carries_out_expired_commands_unless_it_checks_the_deadline(
    scenario: Scenario, removed_guards: Switches
) -> None:
    with scenario.process("application", *removed_guards) as application:
        application.signal(signal.SIGSTOP)
        assert scenario.try_to_apply().status_code == 503
        time.sleep(0.5)
        application.signal(signal.SIGCONT)
        eventually(application.is_ready, "it works again")
        found = scenario.wait_until_settled()
    assert len(found.duplicate_applications) == len(removed_guards)
    assert set(found.problems()) == ({"duplicate_applications"} if removed_guards else set())


@pytest.mark.parametrize(
    ("last_digit", "removed_guards", "problems", "expected_charges"),
    [
        (1, (), set(), 2),
        (2, (), set(), 1),
        (1, (sabotage.no_possible_duplicates,), {"sms_unrecorded"}, 2),
        (2, (sabotage.new_key_each_try,), {"sms_missing"}, 2),
    ],
    ids=["any provider", "one that honours keys", "without the record", "with a new key each try"],
)
def test_a_sender_killed_between_the_providers_answer_and_its_commit_sends_again_and_records_it(
    scenario_of: Callable[[int], Scenario],
    last_digit: int,
    removed_guards: Switches,
    problems: set[str],
    expected_charges: int,
) -> None:
    scenario = scenario_of(last_digit)
    # Else the code of the sign-in may be what is sent again, and codes are not judged here.
    eventually(lambda: scenario.count("notify", _WAITING_CODES) == 0, "the code of the sign-in is recorded")
    with scenario.process("sender", sabotage.slow_to_record, *removed_guards) as sender:
        before, held = _charged(scenario), _held(sender)
        scenario.apply()
        eventually(lambda: _held(sender) > held, "the provider has answered, and nothing is recorded")
        scenario.kill_sender(sender)
    assert _charged(scenario) == before + 1
    with scenario.process("sender", *removed_guards):
        # Not before: between the two blocks the ordinary sender, which has its guards, is at work.
        scenario.execute("notify", _END_LEASES)
        eventually(lambda: _tries(scenario) > before + 1, "it was tried again", 60)
        confirmed = _charged(scenario) - before
        found = scenario.wait_until_settled()
    assert confirmed == expected_charges
    assert set(found.problems()) == problems
    assert found.sms_duplicates == (1 if expected_charges == 2 and last_digit == 1 else 0)


_END_LEASES = "update messages set due_at = now() where state = 'queued' and lease is not null"
_WAITING_CODES = "select count(*) from messages where lane = 'otp' and state = 'queued'"


def _held(sender: Process) -> int:
    """Return how often it was in the window; its log continues from test to test."""
    return sender.log.read_text().count(sabotage.HELD)


def _charged(scenario: Scenario) -> int:
    ledger = scenario.provider.ledger()
    return sum(ledger.charged[key] for key, to in ledger.numbers.items() if to == scenario.mobile)


def _tries(scenario: Scenario) -> int:
    ledger = scenario.provider.ledger()
    return _charged(scenario) + sum(
        ledger.repeated[key] for key, to in ledger.numbers.items() if to == scenario.mobile
    )

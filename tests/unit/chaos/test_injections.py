"""Each failure that the suites of outages inject has alerts that name it, or a reason why none does."""

from tests.support.chaos import alert_table
from tests.support.chaos.injections import (
    FAILURES,
    HARMLESS,
    NODE_AWAY,
    STANDBY_AWAY,
    injected,
    injections,
)

TABLE, WITHOUT = alert_table.read(), alert_table.without_an_alert()
NEW = """
@contextmanager
def a_new_failure(system): yield

def test_something(stack):
    stack.suspend_everybody()
    stack.start_postgres()
    _kill_nobody()
"""


def test_all_that_the_suites_do_to_a_system_is_a_failure_or_harmless() -> None:
    known = FAILURES.keys() | HARMLESS
    assert injected() == known, (
        "say in tests/support/chaos/injections.py which failure it is, or that it is none"
    )
    assert not FAILURES.keys() & HARMLESS


def test_each_failure_has_alerts_or_a_reason_to_have_none() -> None:
    failures = {failure for of in FAILURES.values() for failure in of}
    assert failures <= TABLE.keys() | WITHOUT.keys()
    assert not TABLE.keys() & WITHOUT.keys()
    assert WITHOUT.keys() <= failures
    assert all(len(reason) > 20 for reason in WITHOUT.values())


def test_the_failures_of_clusters_are_those_whose_alerts_are_seen_with_a_cluster() -> None:
    seen = {name for name, failure in TABLE.items() if failure.seen == alert_table.CLUSTER}
    assert seen == {NODE_AWAY, STANDBY_AWAY}


def test_a_new_block_or_a_new_way_to_break_something_is_found() -> None:
    assert set(injections(NEW)) == {"a_new_failure", "suspend_everybody"}

"""When a vendor that fails is left alone, and which message is the test whether it works again."""

from services.notify.domain.breakers import FAILURES, PAUSE, SLOW_GAP, Breaker, Permit

AT = 1000.0
LATER = AT + PAUSE


def opened() -> Breaker:
    """A breaker of a vendor that failed so often that it was left alone at ``AT``."""
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.fail(AT)
    return breaker


def test_a_vendor_that_fails_again_and_again_is_left_alone_until_one_test_succeeds() -> None:
    breaker = opened()
    assert breaker.may_send(LATER - 1, 20) == Permit(0)
    permit = breaker.may_send(LATER, 20)
    assert (permit.number, breaker.may_send(LATER, 20)) == (1, Permit(0))
    breaker.succeed()
    assert (breaker.state(LATER), breaker.may_send(LATER, 20)) == ("closed", Permit(20))


def test_only_who_got_the_test_may_cancel_it() -> None:
    breaker = opened()
    breaker.may_send(LATER, 20)
    nothing = breaker.may_send(LATER, 20)
    breaker.cancel_test(nothing)
    assert breaker.may_send(LATER, 20) == Permit(0)
    breaker.succeed()
    assert breaker.state(LATER) == "closed"


def test_a_test_that_found_nothing_to_send_is_free_for_the_next_and_is_not_cancelled_again() -> None:
    breaker = opened()
    first = breaker.may_send(LATER, 20)
    breaker.cancel_test(first)
    second = breaker.may_send(LATER, 20)
    assert (first.number, second.number) == (1, 1)
    breaker.cancel_test(first)
    assert breaker.may_send(LATER, 20) == Permit(0)


def test_a_vendor_whose_test_fails_is_left_alone_again() -> None:
    breaker = opened()
    breaker.may_send(LATER, 20)
    breaker.fail(LATER)
    assert breaker.may_send(LATER + PAUSE - 1, 20) == Permit(0)
    assert breaker.may_send(LATER + PAUSE, 20).number == 1


def test_a_vendor_that_gets_too_many_is_given_one_now_and_then_for_as_long_as_it_has_said() -> None:
    breaker = Breaker()
    breaker.slow_down(AT, AT + 6)
    given = [breaker.may_send(AT + step * SLOW_GAP / 2, 20).number for step in range(12)]
    assert given == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert (breaker.state(AT), breaker.may_send(AT + 6, 20)) == ("closed", Permit(20)), "it is not left alone"


def test_a_vendor_whose_test_was_one_too_many_works_and_is_given_less() -> None:
    breaker = opened()
    breaker.may_send(LATER, 20)
    breaker.slow_down(LATER, LATER + 6)
    assert breaker.state(LATER) == "closed"
    assert breaker.may_send(LATER + SLOW_GAP, 20).number == 1, "and not the next test, after a pause"

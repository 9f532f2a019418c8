"""Events of an application, as other services publish them."""

from datetime import timedelta

from contracts.events import Event
from tests.support.factories.application import NOW, TUESDAY, Desk, Elsewhere

THURSDAY, FRIDAY = TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3)


LATER = NOW + timedelta(days=10)


def refusal(there: Elsewhere, _number: str, _: str) -> list[Event]:
    return [there.escalated(), there.rejected(), there.delivered("rejected"), there.failed("rejected")]


def one_of_three_days_closed(there: Elsewhere, number: str, _: str) -> list[Event]:
    days = (TUESDAY, FRIDAY)
    return [
        there.approved(further_days=(THURSDAY, FRIDAY)),
        there.issued(number, further_days=(THURSDAY, FRIDAY)),
        there.day_closed(day=THURSDAY, remaining_days=days),
        there.issued(number, further_days=(FRIDAY,), closed_days=(THURSDAY,), is_update=True),
    ]  # fmt: skip


def apply(desk: Desk) -> Elsewhere:
    return Elsewhere.of(desk.row(desk.submit().reference))

"""Visitors are reminded once in the evening before and once two hours before, and say whether they come."""

from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import update

from contracts.errors import Conflict, NotFound
from contracts.events import VisitNear, VisitorAnswered
from contracts.model import IST, Slot
from contracts.rpc.issuance import AnswerByLink, ReissuePass
from services.issuance.handlers import passes, reminders
from services.issuance.metrics import REMINDERS
from services.issuance.models import PassRow
from tests.support.factories.issuance import (
    SETTINGS,
    approved,
    calling,
    cancelled,
    day_closed,
    deliver,
    erased,
    issue,
    published,
    rows,
)

DAY = date(2030, 3, 12)
SLOT = Slot(day=DAY, start=time(10), end=time(12))
EVENING = datetime(2030, 3, 11, 18, tzinfo=IST)
EIGHT = datetime(2030, 3, 12, 8, tzinfo=IST)
MINUTE, ONE = timedelta(minutes=1), timedelta(days=1)


def issued(database, at=EVENING - timedelta(days=3), **changes) -> PassRow:
    """Return a pass for Tuesday, 10 to 12, that was issued three days before, or at another time."""
    row = issue(database, approved(slot=SLOT, **changes))
    with database.transaction() as session:
        session.execute(update(PassRow).where(PassRow.number == row.number).values(issued_at=at))
    return row


def remind(database, *instants, settings=SETTINGS) -> list[VisitNear]:
    """Run the job at each of some instants; return all reminders that were published."""
    for instant in instants:
        with database.transaction() as session:
            reminders.remind(session, instant, settings)
    return [one for one in published(database) if isinstance(one, VisitNear)]


def say(database, row, answer, at, key=None) -> None:
    with database.transaction() as session:
        request = AnswerByLink(code=row.link_code, answer=answer)
        reminders.answer_by_link(request, calling(key=key), session, at, SETTINGS)


def test_a_visitor_is_reminded_in_the_evening_and_two_hours_before_each_once(database) -> None:
    row = issued(database, gate="PCS1-G1")
    early = EVENING - timedelta(days=2)
    found = remind(database, early, EVENING - MINUTE)
    assert not found

    first = remind(database, EVENING, EVENING + MINUTE, EIGHT - MINUTE)
    assert [(one.kind, one.until) for one in first] == [("evening", EVENING + timedelta(hours=3))]

    both = remind(
        database, EIGHT + MINUTE, EIGHT + MINUTE, EIGHT + timedelta(hours=1), EIGHT + timedelta(days=1)
    )
    assert [one.kind for one in both] == ["evening", "hours"]
    assert (both[1].until, both[1].gate, both[1].slot) == (
        datetime.combine(DAY, time(10), IST),
        "PCS1-G1",
        SLOT,
    )
    assert both[1].personal.link_code == row.link_code
    assert both[1].personal.id_type == "voter_id"


def test_two_replicas_remind_once(database) -> None:
    issued(database)
    remind(database, EVENING - MINUTE)
    with database.transaction() as session:
        assert reminders.remind(session, EVENING, SETTINGS) == 1
        with database.transaction() as other:
            assert reminders.remind(other, EVENING, SETTINGS) == 0
    assert len(remind(database, EVENING)) == 1


@pytest.mark.parametrize("ended", [cancelled, day_closed, erased])
def test_nobody_is_reminded_of_a_visit_that_does_not_take_place(database, ended) -> None:
    approval = approved(slot=SLOT)
    issue(database, approval)
    deliver(database, ended(approval))
    assert not remind(database, EVENING, EIGHT)


def test_who_has_another_pass_is_reminded_of_that_alone(database) -> None:
    old = issued(database)
    with database.transaction() as session:
        passes.reissue(
            ReissuePass(number=old.number), calling(), session, EVENING - timedelta(days=2), SETTINGS
        )
    new = rows(database)[-1]
    assert new.number != old.number
    found = remind(database, EVENING - timedelta(hours=14), EVENING, EIGHT)
    assert [(one.pass_number, one.kind) for one in found] == [(new.number, "evening"), (new.number, "hours")]


def test_who_got_the_pass_today_is_not_reminded_this_evening(database) -> None:
    issued(database, at=EVENING - timedelta(hours=8))
    assert [one.kind for one in remind(database, EVENING - MINUTE, EVENING, EIGHT)] == ["hours"]


def test_a_visit_that_lost_its_first_day_is_reminded_of_the_next(database) -> None:
    approval = approved(slot=SLOT, further_days=(DAY + ONE,))
    issue(database, approval)
    assert len(remind(database, EVENING - MINUTE, EVENING, EIGHT)) == 1
    deliver(database, day_closed(approval, remaining_days=(DAY + ONE,)))
    found = remind(database, EVENING + ONE)
    assert [(one.slot.day, one.kind) for one in found[1:]] == [(DAY + ONE, "evening")]


def test_each_day_of_several_is_reminded_of_in_the_evening_before_and_never_twice_on_one_day(
    database,
) -> None:
    issued(database, further_days=(DAY + ONE, DAY + 3 * ONE))
    evenings = [EVENING, EVENING + ONE, EVENING + 3 * ONE]
    found = remind(database, EVENING - MINUTE, EVENING, EIGHT, *evenings[1:], EVENING + 4 * ONE)
    assert [(one.slot.day, one.kind, one.later_day) for one in found] == [
        (DAY, "evening", False), (DAY + ONE, "evening", True), (DAY + 3 * ONE, "evening", True)
    ]  # fmt: skip
    assert [one.until for one in found] == [at + timedelta(hours=3) for at in evenings]
    assert {one.slot.start for one in found} == {SLOT.start}


def test_who_comes_on_one_day_is_reminded_of_the_next(database) -> None:
    row = issued(database, further_days=(DAY + ONE, DAY + 3 * ONE))
    remind(database, EVENING)
    say(database, row, "coming", EVENING + MINUTE)
    found = remind(database, EIGHT, EVENING + ONE, EVENING + 3 * ONE)
    assert [one.slot.day for one in found] == [DAY, DAY + ONE, DAY + 3 * ONE]


def test_a_reminder_that_would_come_at_night_is_counted_and_not_sent(database) -> None:
    issued(database)
    remind(database, EVENING - MINUTE)
    before = REMINDERS.labels("late")._value.get()
    assert not remind(database, EVENING + timedelta(hours=3))
    assert REMINDERS.labels("late")._value.get() == before + 1
    assert [one.kind for one in remind(database, EIGHT)] == ["hours"]


def test_what_was_due_before_the_job_first_looked_is_not_late(database) -> None:
    issued(database)
    before = REMINDERS.labels("late")._value.get()
    assert not remind(database, EVENING + timedelta(hours=3))
    assert REMINDERS.labels("late")._value.get() == before
    assert [one.kind for one in remind(database, EIGHT)] == ["hours"]


def test_the_same_word_again_is_published_once_and_so_many_others(database) -> None:
    row = issued(database)
    for number in range(2 * reminders.MOST_ANSWERS):
        say(database, row, ("coming", "not_coming")[number // 2 % 2], EVENING)
    words = [one.answer for one in published(database) if isinstance(one, VisitorAnswered)]
    assert words == ["coming", "not_coming"] * (reminders.MOST_ANSWERS // 2)
    with pytest.raises(Conflict) as problem:
        say(database, row, "coming", EVENING)
    assert problem.value.body.code == "said_too_often"


@pytest.mark.parametrize(
    ("off", "kinds"),
    [("remind_evening_hour", ["hours"]), ("remind_hours_before", ["evening"])],
)
def test_each_reminder_can_be_switched_off(database, off, kinds) -> None:
    issued(database)
    settings = SETTINGS.model_copy(update={off: 0})
    found = remind(database, EVENING - MINUTE, EVENING, EIGHT, settings=settings)
    assert [one.kind for one in found] == kinds


def test_who_says_that_they_come_is_not_reminded_again(database) -> None:
    row = issued(database)
    remind(database, EVENING - MINUTE, EVENING)
    say(database, row, "coming", EVENING + MINUTE, key="one")
    say(database, row, "coming", EVENING + MINUTE, key="one")
    assert [one.kind for one in remind(database, EIGHT)] == ["evening"]
    assert [one.answer for one in published(database) if isinstance(one, VisitorAnswered)] == ["coming"]


def test_a_pass_that_replaces_another_keeps_what_was_said_and_is_not_reminded_anew(database) -> None:
    row = issued(database)
    remind(database, EVENING - MINUTE)
    say(database, row, "coming", EVENING - MINUTE)
    with database.transaction() as session:
        new = passes.reissue(ReissuePass(number=row.number), calling(), session, EVENING - MINUTE, SETTINGS)
    assert not remind(database, EVENING, EIGHT)
    with database.transaction() as session:
        old, kept = (session.get_one(PassRow, number).said for number in (row.number, new.number))
    assert kept == old == [f"{DAY - ONE} coming {DAY}"]


def test_the_link_of_a_pass_that_is_over_says_nothing_more(database) -> None:
    row = issued(database)
    end = datetime.combine(DAY, time(12, 30), IST)
    say(database, row, "met", end + timedelta(days=6))
    for said, at in [("coming", end), ("not_coming", end), ("met", end + timedelta(days=8))]:
        with pytest.raises(Conflict) as problem:
            say(database, row, said, at)
        assert problem.value.body.code == "pass_over"
    with database.transaction() as session:
        passes.reissue(ReissuePass(number=row.number), calling(), session, EVENING, SETTINGS)
    for said in ("not_coming", "met"):
        with pytest.raises(Conflict):
            say(database, row, said, EVENING)
    with database.transaction() as session, pytest.raises(NotFound):
        reminders.answer_by_link(
            AnswerByLink(code="x" * 22, answer="met"), calling(), session, EVENING, SETTINGS
        )


@pytest.mark.parametrize("recurring", [False, True])
def test_who_does_not_come_on_the_first_of_several_days_keeps_the_others(database, recurring) -> None:
    row = issued(database, further_days=(DAY + timedelta(days=1),), recurring=recurring)
    with pytest.raises(Conflict) as refused:
        say(database, row, "not_coming", EVENING)
    assert refused.value.body.code == "several_days"
    say(database, row, "coming", EVENING)
    assert [one.answer for one in published(database) if isinstance(one, VisitorAnswered)] == ["coming"]


def test_each_day_of_a_pass_has_words_of_its_own(database) -> None:
    row = issued(database, further_days=(DAY + ONE,))
    noon, words = datetime.combine(DAY, time(12), IST), []
    for day in range(2):
        for said in ("met", "met", *("not_met", "met") * (reminders.MOST_ANSWERS // 2 - 1)):
            say(database, row, said, noon + day * ONE)
        words += ["met", *("not_met", "met") * (reminders.MOST_ANSWERS // 2 - 1)]
    assert [one.answer for one in published(database) if isinstance(one, VisitorAnswered)] == words


def test_who_came_is_heard_in_the_evening_that_they_come_on_the_next_day_too(database) -> None:
    row = issued(database, further_days=(DAY + ONE,))
    for at in (EIGHT, EIGHT + MINUTE, EVENING + ONE, EVENING + ONE + MINUTE):
        say(database, row, "coming", at)
    assert [one.answer for one in published(database) if isinstance(one, VisitorAnswered)] == ["coming"] * 2


def test_a_word_that_an_older_release_stored_without_its_day_silences_none(database) -> None:
    row = issued(database)
    with database.transaction() as session:
        session.execute(update(PassRow).values(said=["met"] * reminders.MOST_ANSWERS))
    say(database, row, "met", datetime.combine(DAY, time(12), IST))
    assert [one.answer for one in published(database) if isinstance(one, VisitorAnswered)] == ["met"]


def test_who_got_the_pass_the_day_before_is_reminded_of_the_first_of_several_days(database) -> None:
    issued(database, at=EVENING - timedelta(hours=8), further_days=(DAY + ONE,))
    found = remind(database, EVENING - MINUTE, EVENING, EIGHT, EVENING + ONE)
    assert [(one.slot.day, one.kind) for one in found] == [(DAY, "hours"), (DAY + ONE, "evening")]

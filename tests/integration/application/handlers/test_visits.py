"""What visitors say by the link of their pass, and the question to those who have left."""

from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.crockford import new_pass_number
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import (
    ApplicationCancelled,
    QuestionAnswered,
    VisitEnded,
    VisitorAnswered,
    VisitorLeft,
    VisitorSaid,
)
from contracts.model import IST
from contracts.rpc.application import SayMet, SayMetHere
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from services.application.handlers import views, visits
from services.application.handlers.event_handlers import UnknownApplication
from services.application.metrics import QUESTIONS, WITHOUT_EFFECT
from tests.support.factories.application import MOBILE, NOW, Desk, Elsewhere, applicant_call
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import example

OUT = NOW + timedelta(days=1, minutes=30)
"""When the visitor leaves."""
TEN, HOUR = timedelta(minutes=10), timedelta(hours=1)


class Visit:
    """An application with a pass, whose visitor comes and leaves."""

    def __init__(self, desk: Desk, **of_pass: object) -> None:
        self.desk, self.reference, self.number = desk, desk.submit().reference, new_pass_number()
        self.there = Elsewhere.of(desk.row(self.reference))
        for event in (self.there.approved(), self.there.issued(self.number, **of_pass)):
            desk.receive(event)

    def scan(self, verdict: str = "admit", inside: int = 1, at=OUT, **more: object) -> None:
        self.desk.receive(self.there.scanned(self.number, verdict, inside=inside, scanned_at=at, **more))

    def says(self, answer: str, number: str = "", at=OUT) -> None:
        about = {"pass_number": number or self.number, "answer": answer}
        self.desk.deliver(self.desk.envelope(self.there._example(VisitorAnswered, **about), at))

    def replies(self, yes: bool, purpose: str = "visit_question", at=OUT, until=OUT + 3 * HOUR) -> None:
        event = self.there._example(QuestionAnswered, purpose=purpose, yes=yes, until=until)
        self.desk.deliver(self.desk.envelope(event, at))

    def says_at_kiosk(self, last4: str = MOBILE[-4:], at=OUT, **kiosk: object) -> None:
        asked = SayMetHere(reference=self.reference, mobile_last4=last4, outcome="met")
        there = {"kind": "staff", "id": "KIO-0001", "role": "kiosk", "site": "S1", **kiosk}
        call = make_call(Principal.model_validate(there), f"{uuid4()}")
        with self.desk.database.transaction() as session:
            visits.say_met_here(asked, call, session, at)

    def office_says_met(self) -> None:
        """Say it by a clock that is behind that of the gate."""
        event = self.there._example(VisitEnded, outcome="met", said_by="office")
        self.desk.deliver(self.desk.envelope(event, OUT - timedelta(seconds=1)))

    def says_in_portal(self, outcome: str, at) -> None:
        self.desk.open(self.reference, at=at)
        with self.desk.database.transaction() as session:
            visits.say_met(SayMet(reference=self.reference, outcome=outcome), applicant_call(), session, at)

    def ask(self, at) -> list[VisitorLeft]:
        with self.desk.database.transaction() as session:
            visits.ask_whether_met(session, at)
        return [one for one in self.desk.published() if isinstance(one, VisitorLeft)]

    def seen(self) -> list[str]:
        with self.desk.database.transaction() as session:
            found = visits.view_by_pass(PassNumber(number=self.number), session)
        return [found.status, *(entry.what for entry in found.timeline)]

    def of(self, kind: type) -> list:
        return [one for one in self.desk.published() if isinstance(one, kind)]


@pytest.fixture
def visit(desk: Desk) -> Visit:
    return Visit(desk)


def test_who_does_not_come_cancels_by_the_link_as_by_the_portal(visit) -> None:
    visit.says("not_coming")
    visit.says("not_coming")
    (event,) = visit.of(ApplicationCancelled)
    assert (event.reference, event.cancelled_by) == (visit.reference, "applicant")
    assert visit.desk.view(visit.reference).status == "cancelled"


def test_a_word_that_comes_too_late_cancels_nothing(visit) -> None:
    visit.scan()
    visit.says("not_coming")
    other = new_pass_number()
    visit.desk.receive(visit.there.revoked(visit.number, "reissued", replaced=True))
    visit.desk.receive(visit.there.issued(other, replaces=visit.number))
    for said in ("met", "not_coming"):
        visit.says(said)
    assert not visit.of(ApplicationCancelled)
    assert not visit.of(VisitorSaid)
    with pytest.raises(NotFound):
        visit.seen()


def test_a_word_about_a_pass_that_is_not_known_yet_is_tried_again(visit) -> None:
    with pytest.raises(UnknownApplication):
        visit.says("not_coming", new_pass_number())


def test_who_was_inside_says_by_the_link_whether_they_were_met(visit) -> None:
    visit.says("met")
    assert not visit.of(VisitorSaid), "nobody has come"
    visit.scan()
    visit.says("not_met", at=OUT + TEN)
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["not_met"]
    assert visit.seen() == ["entered", "entered", "visit_ended"]


def test_who_has_left_is_asked_once_whether_they_were_met(visit) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    assert not visit.ask(OUT + TEN - timedelta(seconds=1))
    (event,) = visit.ask(OUT + TEN)
    assert (event.personal.mobile, event.department, event.until) == (MOBILE, "home", OUT + TEN + 3 * HOUR)
    visit.scan(at=OUT + HOUR)
    visit.scan("exit", inside=0, at=OUT + HOUR)
    assert len(visit.ask(OUT + 2 * HOUR)) == 1


def test_the_status_that_anybody_may_ask_for_tells_nothing_of_the_question(visit) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    visit.ask(OUT + TEN)
    visit.desk.receive(visit.there.delivered("visit_question"))
    visit.desk.receive(visit.there.delivered("visitor_called"))
    assert "visit_question" in {entry.what for entry in visit.desk.view(visit.reference).timeline}
    with visit.desk.database.transaction() as session:
        shown = views.status_view_of(session, visit.desk.row(visit.reference))
    assert [entry.what for entry in shown.timeline] == ["submitted", "approved", "pass_issued"]


@pytest.mark.parametrize("by", ["visitor", "office", "return", "late"])
def test_nobody_is_asked_who_has_said_it_or_is_inside_or_left_hours_ago(visit, by) -> None:
    visit.scan()
    if by == "visitor":
        visit.says("met")
    visit.scan("exit", inside=0)
    if by == "office":
        visit.office_says_met()
    if by == "return":
        visit.scan(at=OUT + timedelta(minutes=5))
    assert not visit.ask(OUT + TEN + 3 * HOUR if by == "late" else OUT + TEN)


def test_each_day_of_a_visit_is_asked_about_alone(visit) -> None:
    visit.scan()
    visit.office_says_met()
    visit.scan("exit", inside=0)
    assert not visit.ask(OUT + TEN)
    for day in (1, 2):
        visit.scan(at=OUT + timedelta(days=day))
        visit.scan("exit", inside=0, at=OUT + timedelta(days=day))
        assert len(visit.ask(OUT + timedelta(days=day) + TEN)) == day


def test_nobody_is_asked_after_an_exit_that_no_gate_saw_and_the_next_day_is(visit) -> None:
    night, morning = OUT + timedelta(hours=14), OUT + timedelta(days=1)
    visit.scan()
    visit.scan("exit", inside=0, at=night, marks=("assumed_left",))
    assert not visit.ask(night + TEN)
    visit.scan(at=morning)
    visit.scan("exit", inside=0, at=morning + HOUR)
    assert len(visit.ask(morning + HOUR + TEN)) == 1


def test_the_day_of_a_question_is_that_of_the_exit_and_not_of_the_night_in_which_it_is_asked(visit) -> None:
    midnight = OUT.astimezone(IST).replace(hour=23, minute=55)
    visit.scan(at=midnight - HOUR)
    visit.scan("exit", inside=0, at=midnight)
    assert len(visit.ask(midnight + TEN)) == 1
    noon = midnight + 12 * HOUR
    visit.scan(at=noon - HOUR)
    visit.scan("exit", inside=0, at=noon)
    assert len(visit.ask(noon + TEN)) == 2


@pytest.mark.parametrize("recurring", [True, False])
def test_who_comes_each_week_with_a_standing_pass_is_asked_by_no_message(desk, recurring) -> None:
    visit = Visit(desk, recurring=recurring)
    visit.scan()
    visit.scan("exit", inside=0)
    assert len(visit.ask(OUT + TEN)) == (0 if recurring else 1)


def test_who_comes_is_shown_once_that_they_said_so(visit) -> None:
    visit.says("coming")
    visit.says("coming")
    assert visit.seen() == ["issued", "visitor_coming"]


def test_a_week_after_the_exit_a_visitor_says_nothing_more(visit) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    week = timedelta(days=7)
    visit.says_in_portal("met", OUT + week)
    with pytest.raises(Conflict) as problem:
        visit.says_in_portal("not_met", OUT + week + timedelta(seconds=1))
    assert problem.value.body.code == "no_visit"
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["met"]


def test_the_question_can_be_switched_off(visit, monkeypatch) -> None:
    from tests.support.factories import application

    monkeypatch.setattr(
        application, "SETTINGS", application.SETTINGS.model_copy(update={"ask_met_minutes": 0})
    )
    visit.scan()
    visit.scan("exit", inside=0)
    assert not visit.ask(OUT + TEN)


def test_a_plain_reply_says_whether_a_visitor_was_met_as_the_link_does(visit) -> None:
    for name, yes in (("visit_question", True), ("place_offered", True), ("of_a_later_release", True)):
        visit.replies(yes, name)
    assert not visit.of(VisitorSaid), "nobody has come"
    visit.scan()
    visit.scan("exit", inside=0)
    for name, yes in (("visit_question", False), ("place_offered", True), ("visit_question", True)):
        visit.replies(yes, name, OUT + TEN * (1 + yes))
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["not_met", "met"]


def test_a_plain_reply_about_what_is_not_here_is_counted(visit) -> None:
    before = WITHOUT_EFFECT.labels("met")._value.get()
    visit.replies(True)
    visit.desk.receive(example(QuestionAnswered, application_id=uuid4()))
    assert WITHOUT_EFFECT.labels("met")._value.get() == before + 2


def test_who_leaves_says_at_a_kiosk_of_the_site_whether_they_were_met(visit) -> None:
    with pytest.raises(Conflict):
        visit.says_at_kiosk()
    visit.scan()
    visit.scan("exit", inside=0)
    for refusal, wrong in (
        (NotFound, {"last4": "0000"}),
        (NotFound, {"site": "S2"}),
        (Forbidden, {"role": "reception"}),
        (Conflict, {"at": OUT + timedelta(days=8)}),
    ):
        with pytest.raises(refusal):
            visit.says_at_kiosk(**wrong)
    assert not visit.of(VisitorSaid)
    visit.says_at_kiosk()
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["met"]


def test_nobody_is_asked_or_thanked_for_a_word_that_no_department_would_see(visit) -> None:
    """The entry of a gate without a network is heard of hours after the exit, or nobody scanned it."""
    visit.scan("exit", inside=0)
    before = WITHOUT_EFFECT.labels("met")._value.get()
    visit.says("met", at=OUT + TEN)
    assert WITHOUT_EFFECT.labels("met")._value.get() == before + 1
    for say in (visit.says_at_kiosk, lambda: visit.says_in_portal("met", OUT + TEN)):
        with pytest.raises(Conflict) as problem:
            say()
        assert problem.value.body.code == "no_visit"
    unasked = QUESTIONS.labels("no_entry")._value.get()
    assert not visit.ask(OUT + TEN)
    assert QUESTIONS.labels("no_entry")._value.get() == unasked + 1
    assert not visit.of(VisitorSaid)
    visit.scan(inside=0, at=OUT - HOUR)
    visit.says_in_portal("met", OUT + TEN)
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["met"]


DAY = timedelta(days=1)
"""Until the second day of the visit."""


def without_effect(said: str) -> float:
    return WITHOUT_EFFECT.labels(said)._value.get()


@pytest.mark.parametrize("by", ["link", "reply"])
def test_of_two_words_the_newer_counts_though_the_older_is_heard_last(visit, by) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    before = without_effect("met")
    if by == "link":
        visit.says("not_met", at=OUT + 2 * TEN)
        visit.says("met", at=OUT + TEN)
    else:
        visit.replies(False, at=OUT + 2 * TEN)
        visit.replies(True, at=OUT + TEN)
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["not_met"]
    assert without_effect("met") == before + 1


def test_a_word_is_of_the_time_at_which_it_was_said(visit) -> None:
    visit.scan()
    visit.says("met", at=OUT + TEN)
    visit.says("met", at=OUT + 2 * TEN)
    with visit.desk.database.transaction() as session:
        timeline = views.timeline_of(session, visit.desk.row(visit.reference))
    assert [one.at for one in timeline if one.what == "visit_ended"] == [OUT + TEN]


def test_what_is_said_of_one_day_says_nothing_of_the_next(visit) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    visit.scan(at=OUT + DAY)
    before = without_effect("not_met")
    visit.says("not_met", at=OUT + TEN)
    visit.replies(False, at=OUT + DAY + TEN)  # its question is of the day before
    visit.replies(False, at=OUT + DAY + TEN, until=OUT + DAY)
    assert not visit.of(VisitorSaid)
    assert without_effect("not_met") == before + 3
    visit.says("not_met", at=OUT + DAY + TEN)
    assert [one.outcome for one in visit.of(VisitorSaid)] == ["not_met"]


def test_a_word_of_before_anybody_came_says_nothing_of_the_visit(visit) -> None:
    visit.scan()
    visit.says("met", at=OUT - TEN)
    assert not visit.of(VisitorSaid)


def test_who_left_is_asked_though_an_earlier_entry_is_heard_of_afterwards(visit) -> None:
    visit.scan()
    visit.scan("exit", inside=0)
    visit.scan(inside=0, at=OUT - TEN)
    assert len(visit.ask(OUT + TEN)) == 1


def test_who_comes_on_several_days_is_shown_once_for_each_that_they_said_so(desk) -> None:
    visit = Visit(desk, further_days=((NOW + 2 * DAY).date(),))
    for at in (OUT - HOUR, OUT - HOUR):
        visit.says("coming", at=at)
    visit.scan()
    visit.scan("exit", inside=0)
    before = without_effect("coming")
    visit.says("coming", at=OUT)
    assert without_effect("coming") == before + 1, "they have come"
    for at in (OUT + 6 * HOUR, OUT + 7 * HOUR):
        visit.says("coming", at=at)
    assert visit.seen().count("visitor_coming") == 2

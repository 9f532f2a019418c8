"""Another number of an applicant: what is still to be said goes there, in whichever order events arrive."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from contracts.errors import Conflict, NotFound, TooManyAttempts
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Nothing, Principal
from contracts.rpc.notify import WrongNumber
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.sealing import unseal
from services.notify.handlers import event_handlers, opt_outs, resends
from services.notify.handlers.undelivered import list_here
from services.notify.models import ApplicationRow, MessageRow, OptOutRow
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import key_ring
from tests.support.factories.notify import (
    APPLICANT,
    MOBILE,
    OTHER_MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Visit,
    received,
)
from tests.support.stack.databases import execute

THIRD_MOBILE = "+919811122233"


def change(db: Database, visit: Visit, to: str = OTHER_MOBILE, seq: int = 2) -> None:
    handle(db, received(visit.mobile_changed(to), seq=seq))


def issue(db: Database, visit: Visit, **changes: object) -> None:
    with db.transaction() as session:
        event = received(visit.issued(**changes))  # type: ignore[arg-type]
        event_handlers.handle_pass_issued(event, session, now(), PUBLIC_URL)


def messages(db: Database, purpose: str, *states: str) -> list[str]:
    """Return to whom messages of a purpose go, the oldest first."""
    with db.transaction() as session:
        rows = session.scalars(select(MessageRow).where(MessageRow.purpose == purpose))
        found = sorted(rows, key=lambda row: row.created_at)
    return [
        unseal(row.id, row.personal, key_ring()).to
        for row in found
        if row.personal is not None and (not states or row.state in states)
    ]


def test_the_pass_is_sent_again_to_the_new_number_and_the_one_before_gets_a_notice(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    event = received(visit.mobile_changed(), seq=2)
    for _ in range(2):  # it may come twice
        handle(db, event)
    assert messages(db, "pass_issued", "queued") == [OTHER_MOBILE]
    assert messages(db, "pass_issued", "withdrawn") == [MOBILE]
    assert messages(db, "mobile_changed", "queued") == [MOBILE]


def test_who_got_messages_by_email_gets_the_notice_there_too_and_once(db: Database) -> None:
    """The phone with the number before may be in other hands, or lost."""
    visit = replace(Visit(), deliver_by="email", email="guest@example.org")
    issue(db, visit)
    execute(db, update(MessageRow).values(state="delivered"))
    event = received(visit.mobile_changed(), seq=2)
    for _ in range(2):
        handle(db, event)
    assert sorted(messages(db, "mobile_changed", "queued")) == [MOBILE, "guest@example.org"]


def test_an_address_that_no_message_has_reached_gets_no_notice(db: Database) -> None:
    visit = replace(Visit(), deliver_by="email", email="guest@example.org")
    issue(db, visit)
    change(db, visit)
    assert messages(db, "mobile_changed", "queued") == [MOBILE]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_any_order_everything_ends_at_the_newest_number(db: Database, order: tuple[int, ...]) -> None:
    visit, later = Visit(), replace(Visit(), mobile=OTHER_MOBILE)
    later = replace(later, application_id=visit.application_id, reference=visit.reference)
    steps: list[Callable[[], None]] = [
        lambda: issue(db, visit),
        lambda: change(db, visit, OTHER_MOBILE, seq=2),
        lambda: change(db, later, THIRD_MOBILE, seq=3),
    ]
    for step in order:
        steps[step]()
    assert messages(db, "pass_issued", "queued") == [THIRD_MOBILE]
    assert sorted(messages(db, "mobile_changed")) == sorted([MOBILE, OTHER_MOBILE])


def test_what_is_published_with_the_number_before_goes_to_the_new_one(db: Database) -> None:
    """The services that publish may learn of the change later."""
    for what, handler in (
        ("rejected", event_handlers.handle_pass_rejected),
        ("returned", event_handlers.handle_pass_returned),
        ("day_closed", event_handlers.handle_visit_day_closed),
        ("cancelled", event_handlers.handle_application_cancelled),
        ("expired", event_handlers.handle_application_expired),
        ("revoked", event_handlers.handle_pass_revoked),
    ):
        visit = Visit()
        change(db, visit)
        with db.transaction() as session:
            handler(received(getattr(visit, what)()), session, now(), PUBLIC_URL)
        with db.transaction() as session:
            told = select(MessageRow).where(
                MessageRow.purpose != "mobile_changed", MessageRow.application_id == visit.application_id
            )
            rows = session.scalars(told).all()
        assert [unseal(row.id, row.personal, key_ring()).to for row in rows] == [OTHER_MOBILE], what


def test_an_escalation_goes_to_the_duty_contact_all_the_same(db: Database) -> None:
    visit = Visit()
    change(db, visit, THIRD_MOBILE)
    handle(db, received(visit.escalated()))
    assert messages(db, "review_escalated") == [OTHER_MOBILE]


def reject(db: Database, visit: Visit, **as_sent: object) -> None:
    """Tell of a rejection, and let a sender and its vendor do this to the message."""
    handle(db, received(visit.rejected()))
    if as_sent:
        changes = {"next_at": None, "ended_at": now()} | as_sent
        execute(db, update(MessageRow).where(MessageRow.purpose == "rejected").values(changes))


def change_at(db: Database, visit: Visit, at: datetime, to: str = OTHER_MOBILE, seq: int = 2) -> None:
    handle(db, received(visit.mobile_changed(to), seq=seq, at=at))


@pytest.mark.parametrize(
    ("said", "at_the_new_number"),
    [
        (timedelta(minutes=1), [OTHER_MOBILE]),
        (timedelta(seconds=-5), [OTHER_MOBILE]),  # clocks differ
        (timedelta(minutes=-1), []),
    ],
)
@pytest.mark.parametrize("state", ["delivered", "read"])
def test_what_the_number_before_gets_after_the_change_goes_to_the_new_one_too(
    db: Database, said: timedelta, at_the_new_number: list[str], state: str
) -> None:
    """A decision can overtake the change, or wait for a sender meanwhile."""
    visit = Visit()
    reject(db, visit, state=state, created_at=now() - timedelta(hours=3))
    change_at(db, visit, now() - said)
    assert messages(db, "rejected", "queued") == at_the_new_number


def test_who_has_it_at_the_new_number_or_by_email_gets_it_once(db: Database) -> None:
    """Others may have known the new number before this is heard of."""
    known = replace(Visit(), mobile=OTHER_MOBILE)
    by_email = replace(Visit(), deliver_by="email", email="guest@example.org")
    began = now()
    for visit in (known, by_email):
        issue(db, visit)
        reject(db, visit, state="delivered")
    execute(db, update(MessageRow).values(state="delivered", ended_at=now()))
    change_at(db, known, began)
    assert messages(db, "rejected", "queued") == messages(db, "pass_issued", "queued") == []
    change_at(db, by_email, began)
    assert messages(db, "rejected", "queued") == []


def test_what_overtook_two_changes_is_told_once_to_the_last_number(db: Database) -> None:
    visit, began = Visit(), now()
    reject(db, visit, state="delivered")
    change_at(db, visit, began, OTHER_MOBILE, seq=2)
    change_at(db, replace(visit, mobile=OTHER_MOBILE), began, THIRD_MOBILE, seq=3)
    assert messages(db, "rejected", "queued") == [THIRD_MOBILE]


@pytest.mark.parametrize(
    ("state", "age", "again"),
    [
        ("accepted", timedelta(hours=40), [OTHER_MOBILE]),
        ("failed", timedelta(hours=40), [OTHER_MOBILE]),
        ("failed", timedelta(hours=50), []),
        ("withdrawn", timedelta(0), []),
        ("expired", timedelta(0), []),
    ],
)
def test_what_reached_nobody_goes_to_the_new_number_unless_it_is_old_or_was_not_to_arrive(
    db: Database, state: str, age: timedelta, again: list[str]
) -> None:
    """The number before was wrong: its chain is over, without a sign that anybody has the message."""
    visit = Visit()
    reject(db, visit, state=state, created_at=now() - age)
    change(db, visit)
    assert messages(db, "rejected", "queued") == again


@pytest.mark.parametrize(("newest", "again"), [("failed", [OTHER_MOBILE]), ("delivered", [])])
def test_of_what_was_given_up_only_the_newest_message_of_all_goes_to_the_new_number(
    db: Database, newest: str, again: list[str]
) -> None:
    """A number that was wrong all the time would get a heap of old news."""
    visit = Visit()
    handle(db, received(visit.returned()))
    execute(db, update(MessageRow).values(state="failed", created_at=now() - timedelta(hours=2)))
    an_hour_ago = now() - timedelta(hours=1)
    reject(db, visit, state=newest, created_at=an_hour_ago, ended_at=an_hour_ago)
    change(db, visit)
    assert (messages(db, "rejected", "queued"), messages(db, "returned", "queued")) == (again, [])


def test_what_goes_on_goes_to_the_new_number_in_the_order_in_which_it_was_said(db: Database) -> None:
    """However old it is: a revoked pass is told of until its visit is over."""
    visit = Visit()
    issue(db, visit)
    reject(db, visit)
    handle(db, received(visit.returned()))
    with db.transaction() as session:
        old = update(MessageRow).where(MessageRow.purpose == "returned")
        session.execute(old.values(created_at=now() - timedelta(hours=40)))
    change(db, visit)
    with db.transaction() as session:
        queued = select(MessageRow.purpose).where(MessageRow.state == "queued").order_by(MessageRow.due_at)
        sent = [purpose for purpose in session.scalars(queued) if purpose != "mobile_changed"]
    assert sent == ["returned", "rejected", "pass_issued"]


def test_a_revocation_that_waits_longer_than_others_goes_to_the_new_number(db: Database) -> None:
    """It is told of until the visit is over."""
    visit = Visit()
    issue(db, visit)
    with db.transaction() as session:
        event = received(visit.revoked(reason="security"))
        event_handlers.handle_pass_revoked(event, session, now(), PUBLIC_URL)
    with db.transaction() as session:
        revoked = update(MessageRow).where(MessageRow.purpose == "pass_revoked")
        session.execute(revoked.values(created_at=now() - timedelta(hours=60)))
    change(db, visit)
    assert messages(db, "pass_revoked", "queued") == [OTHER_MOBILE]


def test_a_change_back_sends_the_pass_to_the_first_number_again(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    execute(db, update(MessageRow).values(created_at=now() + timedelta(seconds=2)))
    change(db, visit)
    change(db, replace(visit, mobile=OTHER_MOBILE), MOBILE, seq=3)
    assert messages(db, "pass_issued", "queued") == [MOBILE]


def test_a_resend_goes_to_the_new_number_whichever_clock_was_fast(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    execute(db, update(MessageRow).values(created_at=now() + timedelta(seconds=2)))
    change(db, visit)
    resend(db, visit, RECEPTION)
    assert messages(db, "pass_issued", "queued") == [OTHER_MOBILE] * 2


def test_a_pass_that_was_revoked_or_is_over_is_not_sent_again(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    with db.transaction() as session:
        event_handlers.handle_pass_revoked(
            received(visit.revoked(reason="cancelled")), session, now(), PUBLIC_URL
        )
        session.execute(update(MessageRow).values(state="delivered"))
    change(db, visit)
    assert messages(db, "pass_issued", "queued") == []


def test_no_indian_sms_goes_abroad_and_an_email_stays_an_email(db: Database) -> None:
    abroad, by_email = Visit(), replace(Visit(), deliver_by="email", email="guest@example.org")
    issue(db, abroad)
    issue(db, by_email)
    change(db, abroad, "+447911123456")
    change(db, by_email, "+447911123456")
    with db.transaction() as session:
        again = (MessageRow.purpose == "pass_issued") & (MessageRow.state == "queued")
        rows = session.scalars(select(MessageRow).where(again)).all()
    sent = {row.channel: unseal(row.id, row.personal, key_ring()) for row in rows}
    assert sent["whatsapp"].to == "+447911123456"
    assert (sent["email"].to, sent["email"].owner) == ("guest@example.org", "+447911123456")


def test_the_chain_of_the_number_before_ends(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    execute(db, "update messages set state = 'accepted', next_at = now(), undelivered_at = now()")
    change(db, visit)
    with db.transaction() as session:
        before = session.scalars(select(MessageRow).where(MessageRow.state == "accepted")).one()
    assert (before.next_at, before.undelivered_at) == (None, None)


def test_what_the_number_before_got_does_not_hide_that_the_new_one_gets_nothing(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    execute(db, update(MessageRow).values(state="delivered"))
    change(db, visit)
    with db.transaction() as session:
        session.execute(
            text("update messages set state = 'failed', undelivered_at = now() where state = 'queued'")
        )
        listed = list_here(make_call(RECEPTION), session, now())
    assert [one.pass_number for one in listed.items] == [visit.number]


def test_only_the_new_number_asks_for_the_pass_again(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    change(db, visit)
    request = ReferenceOnly(reference=visit.reference)
    with db.transaction() as session, pytest.raises(NotFound):
        resends.resend(request, make_call(APPLICANT), session, now())
    new = APPLICANT.model_copy(update={"id": "applicant:new", "mobile": OTHER_MOBILE})
    with db.transaction() as session:
        assert resends.resend(request, make_call(new), session, now()) == Nothing()


def test_what_goes_to_a_new_number_by_itself_takes_no_resend_from_the_applicant(db: Database) -> None:
    visit = Visit()
    issue(db, visit)
    handle(db, received(visit.returned()))
    change(db, visit)
    new = APPLICANT.model_copy(update={"id": "applicant:new", "mobile": OTHER_MOBILE})
    request = ReferenceOnly(reference=visit.reference)
    for key in "123":
        with db.transaction() as session:
            assert resends.resend(request, make_call(new, key=key), session, now()) == Nothing()
    with db.transaction() as session, pytest.raises(TooManyAttempts):
        resends.resend(request, make_call(new, key="4"), session, now())


def test_a_number_that_once_was_not_theirs_gets_messages_after_its_holder_has_proved_it(db: Database) -> None:
    visit, other = Visit(), Visit()
    for one in (visit, other):
        issue(db, replace(one, mobile=OTHER_MOBILE))
        with db.transaction() as session:
            wrong = WrongNumber(reference=one.reference, mobile_last4=OTHER_MOBILE[-4:])
            opt_outs.stop_messages(wrong, make_call(APPLICANT), session, now())
    change(db, visit)
    with db.transaction() as session:
        assert session.scalars(select(OptOutRow.about)).all() == [str(other.application_id)]


def test_an_erasure_forgets_the_number_and_later_changes_store_nothing(db: Database) -> None:
    visit = Visit()
    change(db, visit)
    handle(db, received(visit.erased()))
    change(db, visit, THIRD_MOBILE, seq=5)
    with db.transaction() as session:
        known = session.get_one(ApplicationRow, visit.application_id)
        assert known.mobile_sealed is None
        assert session.scalars(select(MessageRow.personal)).all() == [None]


@pytest.mark.parametrize("to", [OTHER_MOBILE, "+447911123456"])
def test_a_pass_on_paper_goes_to_the_number_that_its_visitor_gives_later(db: Database, to: str) -> None:
    """And it can be asked for again there, as every pass."""
    visit = replace(Visit(), mobile=None, deliver_by="printed")
    issue(db, visit)
    assert refused_resend(db, visit, RECEPTION) == "no_mobile"
    change(db, visit, to)
    assert messages(db, "mobile_changed") == [], "there was no number before"
    assert messages(db, "pass_issued", "queued") == [to]
    with db.transaction() as session:
        sent = session.scalars(select(MessageRow).where(MessageRow.state == "queued")).one()
        assert sent.channel == ("sms" if to == OTHER_MOBILE else "whatsapp")
        given = unseal(sent.id, sent.personal, key_ring())
        assert (given.parameters["number"], given.owner) == (visit.number, to)
    resend(db, visit, RECEPTION)
    resend(db, visit, Principal(kind="applicant", id="x", mobile=to))
    assert messages(db, "pass_issued", "queued") == [to] * 3


def test_who_chose_paper_and_has_a_mobile_gets_the_pass_there_if_they_ask(db: Database) -> None:
    visit = replace(Visit(), deliver_by="printed")
    issue(db, visit)
    assert messages(db, "pass_issued", "queued") == [], "it is on paper"
    resend(db, visit, APPLICANT)
    assert messages(db, "pass_issued", "queued") == [MOBILE]


def test_a_pass_on_paper_of_which_an_earlier_version_kept_nothing_is_printed(db: Database) -> None:
    visit = replace(Visit(), mobile=None, deliver_by="printed")
    issue(db, visit)
    execute(db, update(MessageRow).values(personal=None))
    change(db, visit)
    assert messages(db, "pass_issued") == []
    assert refused_resend(db, visit, RECEPTION) == "no_mobile"


def resend(db: Database, visit: Visit, principal: Principal) -> None:
    with db.transaction() as session:
        resends.resend(ReferenceOnly(reference=visit.reference), make_call(principal), session, now())


def refused_resend(db: Database, visit: Visit, principal: Principal) -> str | None:
    with pytest.raises(Conflict) as refusal:
        resend(db, visit, principal)
    return refusal.value.body.code


def test_the_number_is_sealed(db: Database) -> None:
    change(db, Visit(application_id=uuid4()))
    with db.transaction() as session:
        sealed = session.scalars(select(ApplicationRow.mobile_sealed)).one()
    assert sealed is not None
    assert OTHER_MOBILE[3:] not in sealed

"""Events become messages, one each, in any order and with repeats; resends, prints, the local phone."""

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import select, text

from contracts.crockford import new_pass_number
from contracts.envelope import Received
from contracts.errors import Forbidden, NotFound
from contracts.events import (
    DecisionPersonal,
    DepartmentRecord,
    DirectoryChanged,
    OfficerRecord,
    PlaceOffered,
    ReminderPersonal,
    SiteRecord,
    VisitNear,
    VisitorCalled,
    VisitorLeft,
)
from contracts.events.approval import PlacePersonal
from contracts.model import Contact, Language
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from contracts.rpc.notify import PhoneQuestion
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.messaging import inbox
from services.chassis.runtime.clock import now
from services.notify.handlers import erasure, local_phone, prints
from services.notify.metrics import LEFT_OUT
from services.notify.models import MessageRow, PassRow, PhoneMessageRow
from tests.integration.notify.handlers.stored import HANDLERS, handle, messages, personal
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    APPLICANT,
    DEPARTMENT,
    LINK_CODE,
    MOBILE,
    OTHER_MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Visit,
    login,
    otp,
    received,
)
from tests.support.stack.databases import execute, owner_of


def states(db: Database) -> list[tuple[str, str]]:
    return sorted((row.purpose, row.state) for row in messages(db))


def published(db: Database) -> list[tuple[str, dict]]:
    query = select(outbox.c.type, outbox.c.data).order_by(outbox.c.position)
    with db.transaction() as session:
        return [(row.type, row.data) for row in session.execute(query)]


# ------------------------------------------------------------------ messages of one visit


def near(visit: Visit, kind: str = "evening") -> VisitNear:
    soon = now() + timedelta(hours=2)
    personal = ReminderPersonal(mobile=visit.mobile, id_type="aadhaar", link_code=LINK_CODE)
    found = visit._example(VisitNear, officer="HOM-0001", until=soon, personal=personal)
    return found.model_copy(update={"kind": kind})


def called(visit: Visit, answer: str = "come_up") -> VisitorCalled:
    personal = DecisionPersonal(contact=visit.contact)
    until = now() + timedelta(hours=1) if answer == "wait" else None
    return visit._example(VisitorCalled, answer=answer, wait_until=until, personal=personal)


def gone(visit: Visit) -> VisitorLeft:
    return visit._example(VisitorLeft, until=now() + timedelta(hours=2))


SUBMITTED, PASS, CALL = "application_submitted", "pass_issued", "visitor_called"
REMINDER, QUESTION = "visit_reminder", "visit_question"
COURSES: dict[str, tuple[str, list[str]]] = {
    "called once": ("submitted issued evening hours come gone", [SUBMITTED, PASS, REMINDER, CALL, QUESTION]),
    "waits, then called": (
        "submitted issued evening hours wait come gone",
        [SUBMITTED, PASS, REMINDER, CALL, CALL],
    ),
    "applied on the same day": (
        "submitted issued hours wait come gone",
        [SUBMITTED, PASS, REMINDER, CALL, CALL],
    ),
    "invited": ("issued evening hours wait come gone", [PASS, REMINDER, REMINDER, CALL, CALL]),
    "nobody called": ("submitted issued evening hours gone", [SUBMITTED, PASS, REMINDER, QUESTION]),
    "returned once, called once": (
        "submitted returned issued evening hours come gone",
        [SUBMITTED, "returned", PASS, REMINDER, CALL],
    ),
}
MORE = {
    "a third answer": "submitted issued evening wait wait come",
    "returned once, waits": "submitted returned issued evening wait come",
    "a day closed": "submitted issued evening wait come closed",
    "a place offered": "submitted place issued evening wait come",
    "cancelled": "submitted issued evening wait come cancelled",
    "moved to another day": "submitted issued evening come another gone come",
}
"""Courses in which somebody needs six messages, as `docs/messages.md` lists them."""


def course(visit: Visit, steps: str) -> list[Received]:
    """Return the events of a visit by short names; an answer of the office is another event each time."""
    offered = PlacePersonal(contact=visit.contact, code=LINK_CODE)
    place = visit._example(PlaceOffered, until=now() + timedelta(minutes=30), personal=offered)
    makes = {
        "submitted": visit.submitted, "returned": visit.returned, "issued": visit.issued,
        "evening": lambda: near(visit), "hours": lambda: near(visit, "hours"),
        "wait": lambda: called(visit, "wait"), "come": lambda: called(visit), "gone": lambda: gone(visit),
        "closed": visit.day_closed, "cancelled": visit.cancelled, "place": lambda: place,
        "another": lambda: visit.issued(number=new_pass_number()),
    }  # fmt: skip
    return [received(makes[step]()) for step in steps.split()]


def take_place(db: Database, visit: Visit, steps: str) -> None:
    """Let a visit take its course, each message sent before the next thing happens."""
    for step in course(visit, steps):
        handle(db, step)
        with db.transaction() as session:
            session.execute(text("update messages set state = 'delivered' where state = 'queued'"))


@pytest.mark.parametrize(("steps", "expected"), COURSES.values(), ids=COURSES)
def test_who_is_called_twice_or_returned_once_still_gets_five_messages_at_most(
    db: Database, steps: str, expected: list[str]
) -> None:
    before = LEFT_OUT.labels(QUESTION)._value.get()
    take_place(db, Visit(), steps)
    said = sorted(row.purpose for row in messages(db))
    assert said == sorted(expected)
    assert len(said) <= 5
    left_out = LEFT_OUT.labels(QUESTION)._value.get() - before
    assert left_out == (QUESTION not in expected), "counted, where it was left out"


@pytest.mark.parametrize("steps", MORE.values(), ids=MORE)
def test_what_somebody_needs_is_sent_as_the_sixth_message_and_never_what_can_be_left_out(
    db: Database, steps: str
) -> None:
    visit = Visit()
    take_place(db, visit, steps)
    assert len(messages(db)) == 6
    take_place(db, visit, "hours gone")
    assert len(messages(db)) == 6


def test_who_did_not_get_the_first_reminder_gets_the_second(db: Database) -> None:
    visit = Visit()
    handle(db, *course(visit, "submitted issued evening"))
    with db.transaction() as session:
        session.execute(text("update messages set state = 'failed' where purpose = 'visit_reminder'"))
    handle(db, *course(visit, "hours"))
    assert [row.purpose for row in messages(db)].count(REMINDER) == 2


def test_what_came_before_the_first_day_counts_not_for_the_reminder_of_a_later(db: Database) -> None:
    visit = Visit()
    usual = [visit.submitted(), visit.issued(), near(visit), near(visit, "hours"), called(visit)]
    later = near(visit).model_copy(update={"later_day": True})
    handle(db, *map(received, [*usual, later]))
    assert [row.purpose for row in messages(db)].count("visit_reminder") == 2


def test_whoever_was_moved_to_another_day_is_reminded_of_it(db: Database) -> None:
    visit, other = Visit(), new_pass_number()
    take_place(db, visit, "submitted issued evening hours come")
    handle(db, received(visit.issued(number=other)))
    handle(db, received(near(visit).model_copy(update={"pass_number": other})))
    assert [row.purpose for row in messages(db)].count(REMINDER) == 2


def test_who_waited_is_not_reminded_too_often(db: Database) -> None:
    visit = Visit()
    waited = [visit.submitted(), visit.day_reopened(), visit.issued(), near(visit), near(visit, "hours")]
    handle(db, *map(received, waited))
    assert [row.purpose for row in messages(db)].count(REMINDER) == 1


def test_what_they_had_before_the_day_of_a_visit_does_not_count_for_its_question(db: Database) -> None:
    visit = Visit()
    usual = [visit.submitted(), visit.issued(), near(visit), near(visit, "hours"), called(visit)]
    handle(db, *map(received, usual))
    with db.transaction() as session:
        session.execute(text("update messages set created_at = created_at - interval '1 day'"))
    handle(db, received(gone(visit)))
    assert [row.purpose for row in messages(db)].count("visit_question") == 1


def test_the_question_leads_to_the_page_of_the_pass(db: Database) -> None:
    visit, without = Visit(), Visit()
    handle(db, *map(received, [visit.issued(), gone(visit), gone(without)]))
    texts = [personal(row) for row in messages(db) if row.purpose == "visit_question"]
    links = {one.parameters["link"] for one in texts}
    assert links == {f"{PUBLIC_URL}/q/{LINK_CODE[:10]}", f"{PUBLIC_URL}/pa/s/{without.reference}"}


def test_a_reminder_names_the_room_of_the_officer(db: Database) -> None:
    visit = Visit()
    officer = OfficerRecord(code="HOM-0001", name={}, designation={}, room="402")
    record = DepartmentRecord(code="home", name={"en": "Home"}, sites=("PCS1",), officers=(officer,))
    handle(db, received(DirectoryChanged(department=record)), received(near(visit)))
    (row,) = [row for row in messages(db) if row.purpose == "visit_reminder"]
    assert personal(row).parameters["room"] == "402"


@pytest.mark.parametrize("revoked_first", [True, False])
def test_nobody_is_reminded_of_a_pass_that_was_revoked(db: Database, revoked_first: bool) -> None:
    visit = Visit()
    pair = [received(visit.revoked(reason="cancelled")), received(near(visit))]
    handle(db, *(pair if revoked_first else pair[::-1]))
    assert states(db) == [("visit_reminder", "withdrawn")]


# ------------------------------------------------------------------ events


def test_each_subscription_of_the_contract_has_a_consumer() -> None:
    from contracts.subscriptions import SUBSCRIPTIONS

    assert set(HANDLERS) == {event.__name__ for event in SUBSCRIPTIONS["notify"]}


def renamed(seq: int, pa: str = "ਗ੍ਰਹਿ ਵਿਭਾਗ") -> Received[DirectoryChanged]:
    names: dict[Language, str] = {"en": "Department of Home", "pa": pa, "hi": "गृह विभाग"}
    record = DepartmentRecord(code="home", name=names, sites=("PCS1",))
    return replace(received(DirectoryChanged(department=record)), seq=seq)


def test_a_message_calls_a_department_by_its_newest_name_in_the_readers_language(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.submitted()))
    handle(db, renamed(2, pa="ਗ੍ਰਹਿ ਮਾਮਲੇ ਵਿਭਾਗ"), renamed(1), renamed(2, pa="ਗ੍ਰਹਿ ਮਾਮਲੇ ਵਿਭਾਗ"))
    handle(db, received(visit.rejected()), received(visit.returned()), received(visit.day_closed()))
    handle(db, received(visit.escalated(Contact(mobile=OTHER_MOBILE))))
    named = [personal(message).parameters["department"] for message in messages(db)]
    assert named == ["Home", *["ਗ੍ਰਹਿ ਮਾਮਲੇ"] * 3, "Home"]


def regated(seq: int, pa: str) -> Received[DirectoryChanged]:
    names: dict[str, dict[Language, str]] = {"PCS1-G1": {"en": "Gate 1 (main)", "pa": pa}}
    record = SiteRecord(
        code="PCS1", name={"en": "PCS1"}, address={}, gates=("PCS1-G1",), gate_names=names, hours=()
    )
    return replace(received(DirectoryChanged(site=record)), seq=seq)


def test_a_pass_calls_its_gate_by_its_newest_name_in_the_readers_language(db: Database) -> None:
    def gate_of(visit: Visit, gate: str | None = "PCS1-G1") -> str:
        issued = received(visit.issued(gate=gate))
        handle(db, issued)
        (message,) = (one for one in messages(db) if one.event_id == issued.id)
        return personal(message).parameters["gate"]

    assert gate_of(Visit()) == "1", "its name is not known yet"
    handle(db, regated(2, pa="ਗੇਟ 1 (ਮੁੱਖ)"), regated(1, pa="ਪੁਰਾਣਾ ਗੇਟ"))
    assert gate_of(Visit()) == "ਗੇਟ 1 (ਮੁੱਖ)"
    assert gate_of(Visit(language="en")) == "Gate 1 (main)"
    assert gate_of(Visit(), gate=None) == "ਕੋਈ ਵੀ"


def test_a_closed_day_is_one_message_that_also_tells_of_the_end_of_the_pass(db: Database) -> None:
    visit = Visit()
    story = [
        received(visit.issued()),
        received(visit.day_closed("The Secretary is called away")),
        received(visit.revoked(reason="day_closed")),
    ]
    for order in permutations(story):
        execute(owner_of(db), "truncate messages, applications, passes, outbox, event_sequences")
        handle(db, *order)
        assert states(db) == [("day_closed", "queued"), ("pass_issued", "withdrawn")]
    told = next(row for row in messages(db) if row.purpose == "day_closed")
    parameters = personal(told).parameters
    assert parameters["reason"] == "ਇੱਕ ਜ਼ਰੂਰੀ ਮੀਟਿੰਗ ਹੈ।"
    assert parameters["date"] == "01-12-2026"


def test_a_day_that_is_open_again_is_a_message_with_its_date(db: Database) -> None:
    handle(db, received(Visit().day_reopened()))
    (told,) = messages(db)
    assert (told.purpose, personal(told).parameters["date"]) == ("day_reopened", "01-12-2026")


def test_a_visitor_of_several_days_who_loses_one_gets_one_message_about_it_and_no_second_pass(
    db: Database,
) -> None:
    visit, other = Visit(), date(2026, 12, 2)
    shorter = visit.issued(slot=visit.slot.model_copy(update={"day": other}), is_update=True)
    story = [
        received(visit.issued(further_days=(other,))),
        received(visit.day_closed(remaining_days=(other,))),
        received(shorter),
    ]
    for order in permutations(story):
        execute(owner_of(db), "truncate messages, applications, passes, outbox, event_sequences")
        handle(db, *order)
        assert states(db) == [("day_dropped", "queued"), ("pass_issued", "queued")]


def test_a_pass_whose_day_was_closed_before_its_first_event_arrives_names_the_days_that_are_left(
    db: Database,
) -> None:
    visit, other = Visit(), date(2026, 12, 2)
    shorter = visit.issued(slot=visit.slot.model_copy(update={"day": other}), is_update=True)
    handle(db, received(shorter), received(visit.issued(further_days=(other,))))
    (told,) = messages(db)
    assert (told.purpose, told.state) == ("pass_issued", "queued")
    assert personal(told).parameters["date"] == "02-12-2026"


def test_events_delivered_five_times_in_any_order_create_each_message_once(db: Database) -> None:
    visit, other = Visit(), Visit(language="hi", deliver_by="whatsapp")
    story = [
        received(visit.submitted()),
        received(visit.returned()),
        received(visit.rejected()),
        received(visit.escalated()),
        received(visit.issued()),
        received(visit.revoked()),
        received(other.submitted()),
        received(other.issued()),
        received(other.cancelled()),
        received(other.revoked(reason="cancelled")),
        received(Visit().expired()),
        otp(),
        received(login()),
    ]
    ends = set()
    for seed in range(3):
        execute(owner_of(db), "truncate messages, applications, passes, outbox, event_sequences")
        deliveries = story * 5
        random.Random(seed).shuffle(deliveries)
        handle(db, *deliveries)
        ends.add(tuple(states(db)))
    assert ends == {
        (
            ("application_cancelled", "queued"),
            ("application_expired", "queued"),
            ("application_submitted", "queued"),
            ("application_submitted", "queued"),
            ("login_issued", "queued"),
            ("otp", "queued"),
            ("pass_issued", "withdrawn"),
            ("pass_issued", "withdrawn"),
            ("pass_revoked", "queued"),
            ("rejected", "queued"),
            ("returned", "queued"),
            ("review_escalated", "queued"),
        )
    }


def test_a_repeat_that_the_inbox_no_longer_knows_creates_no_second_message(db: Database) -> None:
    event = received(Visit().submitted())
    for _ in range(2):
        with db.transaction() as session:
            assert inbox.mark_seen(session, "notify.ApplicationSubmitted", [event.id])
            HANDLERS["ApplicationSubmitted"](event, session)
            session.execute(text("delete from inbox"))
    assert len(messages(db)) == 1


def test_two_passes_issued_at_the_same_moment_are_two_messages(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()), received(visit.issued(number=new_pass_number())))
    assert states(db) == [("pass_issued", "queued"), ("pass_issued", "queued")]


def test_a_code_has_its_own_lane_and_expires(db: Database) -> None:
    event = otp(minutes=10)
    handle(db, event)
    (row,) = messages(db)
    assert (row.lane, row.channel, row.language, row.expires_at, row.application_id) == (
        "otp",
        "sms",
        "pa",
        event.expires_at,
        None,
    )
    assert personal(row).parameters["code"] == "482917"


def test_a_message_with_a_pass_for_several_days_names_them_and_expires_with_the_last(db: Database) -> None:
    visit = Visit()
    further = tuple(visit.slot.day + timedelta(days=days) for days in (1, 3))
    event = received(visit.issued(further_days=further))
    handle(db, event)
    (row,) = messages(db)
    assert row.expires_at == event.event.valid_to + timedelta(days=3)
    assert personal(row).parameters["date"] == "1, 2 ਅਤੇ 4 ਦਸੰਬਰ 2026"


def test_a_visitor_without_a_mobile_gets_no_sms(db: Database) -> None:
    no_mobile, printed = Visit(mobile=None), Visit(deliver_by="printed")
    for visit in (no_mobile, printed, Visit(deliver_by="printed", mobile=None)):
        handle(db, received(visit.submitted()), received(visit.issued()), received(visit.revoked()))
    assert {state for _, state in states(db)} == {"not_needed"}
    assert published(db) == []


def test_an_invited_visitor_gets_the_pass_and_no_word_of_an_application(db: Database) -> None:
    visit = Visit()
    invited = visit.submitted().model_copy(update={"channel": "invitation", "submitted_by": "HOM-0001"})
    handle(db, received(invited), received(visit.issued()))
    assert [purpose for purpose, _ in states(db)] == ["pass_issued"]


def test_a_department_without_a_duty_contact_gets_no_message(db: Database) -> None:
    handle(
        db,
        received(Visit().escalated(Contact())),
        received(Visit().escalated(Contact(email="duty@example.org"))),
    )
    assert sorted((row.state, row.channel) for row in messages(db)) == [
        ("not_needed", "email"),
        ("queued", "email"),
    ]


def test_a_replaced_pass_causes_no_message_and_its_successor_is_sent(db: Database) -> None:
    visit, successor = Visit(), new_pass_number()
    handle(
        db,
        received(visit.revoked(reason="reissued", replaced=True)),
        received(visit.issued(number=successor)),
        received(visit.issued()),
    )
    assert [(row.pass_number, row.state) for row in messages(db)] == [
        (successor, "queued"),
        (visit.number, "withdrawn"),
    ]


def test_a_revocation_does_not_withdraw_other_passes(db: Database) -> None:
    handle(db, received(Visit().issued()), received(Visit().revoked()))
    assert states(db) == [("pass_issued", "queued"), ("pass_revoked", "queued")]


# ------------------------------------------------------------------ erasure


@pytest.mark.parametrize("late", [False, True])
def test_no_personal_data_of_an_erased_application_remains_in_any_order(db: Database, late: bool) -> None:
    visit, other = Visit(), Visit()
    story = [received(visit.submitted()), received(visit.issued())]
    erased = received(visit.erased())
    handle(db, received(other.submitted()))
    handle(db, *([erased, *story] if late else [*story, erased, erased]))
    mine = [row for row in messages(db) if row.application_id == visit.application_id]
    assert [(row.personal, row.state) for row in mine] == [(None, "withdrawn"), (None, "withdrawn")]
    assert {(row.recipient, row.email_sealed, row.next_at) for row in mine} == {(None, None, None)}
    assert states(db)[-1] == ("pass_issued", "withdrawn")
    (stored,) = [row for row in messages(db) if row.application_id == other.application_id]
    assert stored.state == "queued"
    assert personal(stored).to == MOBILE


def test_messages_of_an_erased_application_are_deleted_from_the_local_phone(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.submitted()), received(Visit().submitted()))
    rows = messages(db)
    with db.transaction() as session:
        for row in rows:
            session.add(phone_message(row))
    handle(db, received(visit.erased()))
    with db.transaction() as session:
        left = session.scalars(select(PhoneMessageRow.message_id)).all()
    assert left == [rows[1].id]


def phone_message(
    row: MessageRow, *, age: timedelta = timedelta(0), to: str = MOBILE, words: str = "hello"
) -> PhoneMessageRow:
    return PhoneMessageRow(
        message_id=row.id,
        at=now() - age,
        recipient=to,
        channel="sms",
        purpose=row.purpose,
        language=row.language,
        text=words,
        link=None,
    )


def test_codes_and_the_local_phone_are_deleted_after_a_day_and_passes_are_not(db: Database) -> None:
    handle(db, otp(), otp(), received(Visit().issued()))
    old, young, passed = messages(db)
    with db.transaction() as session:
        for row, age in (
            (old, timedelta(hours=25)),
            (young, timedelta(hours=23)),
            (passed, timedelta(hours=25)),
        ):
            session.execute(
                text("update messages set state = 'delivered', ended_at = :at where id = :id"),
                {"at": now() - age, "id": row.id},
            )
            session.add(phone_message(row, age=age))
    with db.transaction() as session:
        erasure.delete_old(session, now())
    assert {row.id for row in messages(db)} == {young.id, passed.id}
    with db.transaction() as session:
        assert session.scalars(select(PhoneMessageRow.message_id)).all() == [young.id]


def test_old_messages_go_once_their_application_is_erased_and_young_ones_stay(db: Database) -> None:
    gone, kept = Visit(), Visit()
    handle(db, received(gone.submitted()), received(kept.submitted()))
    handle(db, received(gone.erased()))

    def delete_at(instant: datetime) -> int:
        with db.transaction() as session:
            return erasure.delete_old_records(session, instant, records_kept_months=1)

    assert delete_at(now() + timedelta(days=27)) == 0
    assert delete_at(now() + timedelta(days=63)) == 1
    assert [row.application_id for row in messages(db)] == [kept.application_id]


# -------------------------------------------------------------------- print


def record_print(db: Database, number: str, principal: Principal = RECEPTION, key: str | None = None) -> None:
    with db.transaction() as session:
        prints.record_print(PassNumber(number=number), make_call(principal, key), session, now())


def test_a_printed_pass_counts_as_delivered_once(db: Database) -> None:
    visit = Visit(mobile=None, deliver_by="printed")
    handle(db, received(visit.issued()))
    record_print(db, visit.number, key="k1")
    record_print(db, visit.number, key="k1")
    record_print(db, visit.number.lower(), key="k2")
    ((kind, data),) = published(db)
    assert kind == "NotificationDelivered"
    assert (data["application_id"], data["purpose"], data["channel"]) == (
        str(visit.application_id),
        "pass_issued",
        "printed",
    )


def test_a_print_before_the_pass_event_is_published_when_that_event_arrives(db: Database) -> None:
    visit = Visit(mobile=None)
    record_print(db, visit.number)
    assert published(db) == []
    handle(db, received(visit.issued()))
    ((_, data),) = published(db)
    assert data["application_id"] == str(visit.application_id)


def test_only_reception_may_record_a_print(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))
    for principal in (APPLICANT, DEPARTMENT, Principal()):
        with pytest.raises(Forbidden):
            record_print(db, visit.number, principal)
    with pytest.raises(NotFound):
        record_print(db, "7K3M9QW0")
    with db.transaction() as session:
        assert session.scalars(select(PassRow.printed_at)).all() == [None]
    assert published(db) == []


# -------------------------------------------------------------- local phone


def test_the_local_phone_lists_the_messages_of_a_number_oldest_first(db: Database) -> None:
    handle(db, otp(), otp(), otp(mobile=OTHER_MOBILE))
    with db.transaction() as session:
        for row, words in zip(messages(db), ("first", "second", "other"), strict=True):
            session.add(phone_message(row, to=OTHER_MOBILE if words == "other" else MOBILE, words=words))
            session.flush()
    with db.transaction() as session:
        shown = local_phone.list_messages(PhoneQuestion(to="98765 43210"), session, local_mode=True)
        nothing = local_phone.list_messages(PhoneQuestion(to="nobody@example.org"), session, local_mode=True)
    assert [item.text for item in shown.items] == ["first", "second"]
    assert (shown.items[0].to, shown.items[0].purpose, shown.items[0].link) == (MOBILE, "otp", None)
    assert nothing.items == ()


def test_outside_local_mode_there_is_no_local_phone(db: Database) -> None:
    with pytest.raises(NotFound), db.transaction() as session:
        local_phone.list_messages(PhoneQuestion(to=MOBILE), session, local_mode=False)

"""Which message an event calls for."""

from dataclasses import replace
from datetime import date, datetime, time
from typing import get_args

import pytest

from contracts.events import (
    BreachNoticeRequested,
    PlaceOffered,
    RequestAnswered,
    RevocationPersonal,
    VisitNear,
    VisitorAnnounced,
    VisitorCalled,
    VisitorLeft,
)
from contracts.model import IST, AccessChange, Announcement, Contact, Language
from services.notify.domain import message_builders, templates
from services.notify.domain.messages import TOKEN, VISITS, Draft, Purpose
from services.notify.domain.sms_segments import count_segments, count_units
from tests.support.factories.envelopes import example
from tests.support.factories.notify import (
    OTHER_MOBILE,
    PUBLIC_URL,
    Visit,
    access_changed,
    login,
    otp,
    received,
)
from tests.support.factories.registered_texts import VARIABLE_UNITS

VISIT = Visit()
OTHER_DAYS = (date(2026, 11, 30), date(2026, 12, 2))
DROPPED = received(VISIT.day_closed(remaining_days=OTHER_DAYS))
CALLED = example(VisitorCalled, reference=VISIT.reference, language="pa")
DRAFTS = [
    message_builders.otp(otp()),
    message_builders.login_issued(login()),
    message_builders.access_changed(access_changed()),
    message_builders.application_submitted(VISIT.submitted(), PUBLIC_URL, "ਗ੍ਰਹਿ", "PCS-1"),
    message_builders.application_cancelled(VISIT.cancelled(), PUBLIC_URL),
    message_builders.application_expired(VISIT.expired(), PUBLIC_URL),
    message_builders.rejected(VISIT.rejected(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.returned(VISIT.returned(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.day_closed(VISIT.day_closed(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.day_dropped(DROPPED, PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.day_reopened(VISIT.day_reopened(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.pass_issued(VISIT.issued(), PUBLIC_URL, "PCS-1", "1"),
    message_builders.pass_revoked(VISIT.revoked(), PUBLIC_URL),
    message_builders.review_escalated(VISIT.escalated(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.mobile_changed(VISIT.mobile_changed()),
    message_builders.request_answered(RequestAnswered.sample(), PUBLIC_URL),
    message_builders.visitor_called(CALLED, PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.place_offered(PlaceOffered.sample(), PUBLIC_URL, "ਗ੍ਰਹਿ"),
    message_builders.breach_notice(BreachNoticeRequested.sample(), PUBLIC_URL),
    message_builders.visit_reminder(VisitNear.sample(), PUBLIC_URL, "1", "402"),
    message_builders.visit_question(VisitorLeft.sample(), "ਗ੍ਰਹਿ", f"{PUBLIC_URL}/q/Zk3vQ9mT1x"),
    *(
        message_builders.visitor_announced(
            example(VisitorAnnounced, about=about, language="pa"), PUBLIC_URL, "ਗ੍ਰਹਿ"
        )
        for about in get_args(Announcement)
    ),
]


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
@pytest.mark.parametrize("made", DRAFTS, ids=lambda made: made.purpose)
def test_an_event_has_every_parameter_of_its_template(made: Draft, language: str) -> None:
    template = templates.find(made.purpose, language)
    assert template.render(made.parameters)
    more = {"reference", VISITS} if made.purpose == "pass_issued" else set()
    assert set(template.placeholders) | more == set(made.parameters)


PLACEHOLDERS_BEFORE = {
    "otp": {"code", "until"},
    "login_issued": {"login_id"},
    "access_changed": {"login_id", "what", "by"},
    "application_submitted": {"site", "department", "reference", "url"},
    "application_cancelled": {"reference", "url"},
    "application_expired": {"reference", "url"},
    "rejected": {"reference", "department", "reason", "url"},
    "returned": {"department", "reference", "url"},
    "day_closed": {"department", "date", "reference", "reason", "url"},
    "day_dropped": {"department", "date", "reference", "reason", "days", "url"},
    "day_reopened": {"department", "date", "reference", "url"},
    "pass_issued": {"number", "site", "date", "start", "end", "gate", "link"},
    "pass_revoked": {"number", "reason", "url"},
    "review_escalated": {"department", "reference", "since", "url"},
    "mobile_changed": {"reference"},
    "request_answered": {"reference", "url"},
    "visitor_called": {"reference", "department", "what", "url"},
    "place_offered": {"reference", "department", "date", "start", "until", "url"},
    "breach_notice": {"reference", "url"},
    "visit_reminder": {"number", "date", "start", "gate", "room", "documents", "link"},
    "visit_question": {"reference", "department", "link"},
    "visitor_arrived": {"reference", "department", "since", "url"},
    "visitors_many": {"department", "url"},
    "visitor_unanswered": {"reference", "department", "since", "url"},
}
"""What the texts of 0.13.0 name."""


def test_a_template_that_is_another_than_before_has_another_name_at_whatsapp() -> None:
    names = {templates.find(made.purpose, "en").whatsapp_template for made in DRAFTS}
    assert not names & {"epass_otp", "epass_returned"}, "these are registered in the form of 0.11.0"


@pytest.mark.parametrize("made", DRAFTS, ids=lambda made: made.purpose)
def test_the_sender_of_the_release_before_finds_all_that_its_texts_name(made: Draft) -> None:
    assert PLACEHOLDERS_BEFORE[made.purpose] <= set(made.parameters)


def test_every_purpose_has_a_message_builder() -> None:
    assert {made.purpose for made in DRAFTS} == set(get_args(Purpose))


def test_only_one_time_codes_use_the_otp_lane() -> None:
    assert {made.purpose for made in DRAFTS if made.lane == "otp"} == {"otp"}
    assert {made.purpose for made in DRAFTS if made.lane == "bulk"} == {"breach_notice"}


TO_OFFICES = {"visitor_arrived", "visitors_many", "visitor_unanswered"}
ABOUT_APPLICATIONS = {
    "application_submitted", "application_cancelled", "application_expired", "rejected", "returned",
    "day_closed", "day_dropped", "day_reopened", "pass_revoked", "visitor_called",
}  # fmt: skip


@pytest.mark.parametrize("made", DRAFTS, ids=lambda made: made.purpose)
def test_a_message_about_an_application_links_to_its_status_page_in_its_language(made: Draft) -> None:
    if made.purpose in (
        "review_escalated",
        "request_answered",
        "breach_notice",
        "place_offered",
        *TO_OFFICES,
    ):
        return
    assert (made.purpose in ABOUT_APPLICATIONS) == ("url" in made.parameters)
    if "url" in made.parameters:
        assert made.parameters["url"] == f"{PUBLIC_URL}/pa/s/{VISIT.reference}"


@pytest.mark.parametrize(
    ("step", "language", "link"),
    [
        (None, None, "/en/desk"),
        ("stand_in", "pa", "/pa/desk"),
        ("head", "hi", "/hi/desk"),
        ("reception", "pa", "/pa/counter"),
    ],
)
def test_a_message_to_a_duty_contact_leads_to_who_waits_and_says_nothing_about_them(
    step, language, link
) -> None:
    event = VISIT.escalated().model_copy(update={"step": step, "language": language})
    made = message_builders.review_escalated(event, PUBLIC_URL, "Home")
    assert (made.language, made.parameters["url"]) == (language or "en", f"{PUBLIC_URL}{link}")
    said = templates.find(made.purpose, made.language).render(made.parameters)
    assert VISIT.reference in said
    assert made.parameters["since"] in said
    assert VISIT.submitted().personal.applicant.name not in said


def test_a_message_never_carries_a_departments_own_words() -> None:
    refused = message_builders.rejected(VISIT.rejected(), PUBLIC_URL, "ਗ੍ਰਹਿ").parameters
    assert refused["reason"] == "ਅਫ਼ਸਰ ਨਹੀਂ ਮਿਲ ਸਕਣਗੇ।"
    returned = message_builders.returned(VISIT.returned("Which\nfile?"), PUBLIC_URL, "ਗ੍ਰਹਿ").parameters
    assert set(returned) == {"reference", "url", "department"}


@pytest.mark.parametrize(
    ("told_on", "days"), [(date(2026, 11, 28), "30 ਨਵੰਬਰ ਅਤੇ 2 ਦਸੰਬਰ 2026"), (date(2026, 12, 1), "02-12-2026")]
)
def test_the_message_about_one_closed_day_names_it_and_the_days_on_which_the_pass_stays_valid(
    told_on: date, days: str
) -> None:
    told = replace(DROPPED, occurred_at=datetime(told_on.year, told_on.month, told_on.day, 9, tzinfo=IST))
    made = message_builders.day_dropped(told, PUBLIC_URL, "Home")
    said = templates.find("day_dropped", "en").render(made.parameters)
    assert "receives no visitors on 01-12-2026." in said
    assert f"stays valid on {days}." in said


def test_the_message_about_a_withdrawn_pass_says_why() -> None:
    words = {"withdrawn_for": "officer_unavailable", "personal": RevocationPersonal(note="Come next week")}
    told = message_builders.pass_revoked(VISIT.revoked().model_copy(update=words), PUBLIC_URL)
    assert told is not None
    assert told.parameters["reason"] == "ਅਫ਼ਸਰ ਨਹੀਂ ਮਿਲ ਸਕਣਗੇ।"
    earlier = message_builders.pass_revoked(VISIT.revoked(), PUBLIC_URL)
    assert earlier is not None
    assert earlier.parameters["reason"] == "ਵਿਭਾਗ ਨੇ ਆਪਣੀ ਮਨਜ਼ੂਰੀ ਵਾਪਸ ਲੈ ਲਈ।", "from issuance before"


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_a_one_time_code_is_one_segment_at_every_hour(language: Language) -> None:
    for hour in range(24):
        until = datetime(2026, 12, 1, hour, 55, tzinfo=IST)
        received = replace(otp(language=language), expires_at=until)
        made = message_builders.otp(received)
        assert count_segments(templates.find("otp", language).render(made.parameters)) == 1, made.parameters


def test_the_message_with_a_pass_for_several_days_names_them() -> None:
    issued = VISIT.issued(further_days=(date(2026, 12, 2), date(2026, 12, 4)))
    made = message_builders.pass_issued(issued, PUBLIC_URL, "PCS-1", "1")
    assert made.parameters["date"] == templates.days(
        (date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 4)), VISIT.language
    )


def test_the_pass_link_opens_the_pass_page() -> None:
    made = message_builders.pass_issued(VISIT.issued(), PUBLIC_URL + "/", "PCS-1", "1")
    assert made.link == f"{PUBLIC_URL}/p/Zk3vQ9mT1xA7bC2dE5fG6h"
    assert made.parameters["link"] == f"{PUBLIC_URL}/q/Zk3vQ9mT1x", "short, as an SMS is billed by length"


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_an_sms_with_a_pass_takes_three_segments_at_most(language: Language) -> None:
    visit = Visit(language=language)
    for start, end in [(time(10), time(12, 30)), (time(14), time(17, 30)), (time(9, 30), time(16))]:
        slot = visit.slot.model_copy(update={"start": start, "end": end})
        made = message_builders.pass_issued(
            visit.issued(slot=slot),
            "https://epass.punjab.gov.in",
            templates.site("PCS1", {}, language),
            templates.gate(None, {}, language),
        )
        said = templates.find("pass_issued", language).render(made.parameters)
        assert count_segments(said) <= 3, said


def test_the_message_with_a_pass_has_its_token_and_the_hours_of_each_day() -> None:
    issued = VISIT.issued(further_days=(date(2026, 12, 3),))
    with_token = issued.model_copy(update={"personal": issued.personal.model_copy(update={"token": "a.b.c"})})
    personal = message_builders.pass_issued(with_token, PUBLIC_URL, "PCS-1", "1").personal
    assert personal is not None
    assert (personal.token, personal.parameters[TOKEN]) == ("a.b.c", "a.b.c")
    assert [f"{start:%d %H:%M} {end:%H:%M}" for start, end in personal.visits] == [
        "01 10:00 12:00",
        "03 10:00 12:00",
    ]
    earlier = message_builders.pass_issued(issued, PUBLIC_URL, "PCS-1", "1").personal
    assert earlier is not None
    assert earlier.token is None, "from issuance before"


@pytest.mark.parametrize(("reason", "replaced"), [("cancelled", False), ("reissued", True)])
def test_no_message_about_a_revocation_goes_to_an_applicant_who_cancelled_or_got_another_pass(
    reason: str, replaced: bool
) -> None:
    revoked = VISIT.revoked(reason=reason, replaced=replaced)
    assert message_builders.pass_revoked(revoked, PUBLIC_URL) is None


def test_the_message_about_a_login_does_not_contain_its_password() -> None:
    assert set(message_builders.login_issued(login()).parameters) == {"login_id"}


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
@pytest.mark.parametrize("what", get_args(AccessChange))
def test_a_change_of_access_is_told_in_words_within_what_a_template_allows(what: str, language: str) -> None:
    made = message_builders.access_changed(access_changed(what=what, language=language))
    assert made.parameters["what"] != what
    assert count_units(made.parameters["what"]) <= VARIABLE_UNITS
    assert not made.link


def test_the_number_before_is_told_that_it_was_changed_and_not_to_which() -> None:
    event = VISIT.mobile_changed(to=OTHER_MOBILE)
    made = message_builders.mobile_changed(event)
    assert (made.route, made.link) == (("sms", VISIT.mobile), None)
    languages: tuple[Language, ...] = get_args(Language)
    for language in languages:
        text = templates.find("mobile_changed", language).render(made.parameters)
        assert event.reference in text
        assert OTHER_MOBILE[-4:] not in text


def test_who_sent_a_request_is_told_of_the_answer_with_a_link_and_without_its_words() -> None:
    made = message_builders.request_answered(RequestAnswered.sample(), PUBLIC_URL)
    number = "REQ-7K3M-9QW6"
    assert made.parameters == {"reference": number, "url": f"{PUBLIC_URL}/pa/requests/{number}"}
    assert made.route == ("sms", VISIT.mobile)


def test_nobody_is_told_where_there_was_no_number_before() -> None:
    assert message_builders.mobile_changed(replace(VISIT, mobile=None).mobile_changed()).route is None


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda made: made.purpose)
def test_a_message_to_another_number_is_otherwise_the_same(draft: Draft) -> None:
    moved = replace(draft, deliver_by="sms").to_number("+447911123456")
    assert moved.route == ("whatsapp", "+447911123456"), "no Indian SMS reaches it"
    assert (moved.parameters, moved.link, moved.expires_at) == (
        draft.parameters,
        draft.link,
        draft.expires_at,
    )


def test_a_pass_on_paper_goes_to_the_number_that_was_given_since() -> None:
    printed = replace(DRAFTS[0], deliver_by="printed", mobile=None)
    assert printed.route is None
    assert printed.to_number(OTHER_MOBILE).route == ("sms", OTHER_MOBILE)


UNTIL = datetime(2026, 12, 1, 11, 20, tzinfo=IST)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"answer": "come_up", "room": ""}, "please come now."),
        ({"answer": "come_up", "room": "402"}, "please come to room 402 now."),
        ({"answer": "wait", "room": "", "wait_until": UNTIL}, "please wait until 11:20 am."),
        ({"answer": "somebody_else", "room": ""}, "come now; another officer will see you."),
        ({"answer": "not_today", "room": ""}, "not possible today. We are sorry."),
        (
            {"answer": "not_today", "room": "", "come_back": date(2026, 12, 3)},
            "not today. Pass for 03-12-2026 follows.",
        ),
    ],
)
def test_a_visitor_is_told_what_the_office_answers(said, words: str) -> None:
    event = CALLED.model_copy(update={**said, "language": "en"})
    made = message_builders.visitor_called(event, PUBLIC_URL, "Home")
    assert made.parameters["what"] == words
    for language in get_args(Language):
        changed = event.model_copy(
            update={"language": language, "room": event.room and "4-31 of the B block"}
        )
        said_so = message_builders.visitor_called(changed, PUBLIC_URL, "Home").parameters["what"]
        assert count_units(said_so) <= 40, "operators allow no more for one variable"
    assert made.expires_at == (event.wait_until or datetime.combine(event.day, time.max, IST))


CARDS = ["aadhaar", "driving_licence", "voter_id", "passport", "pan", "government_id", "other_photo_id", None]


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_a_reminder_names_gate_room_and_what_to_bring_and_takes_three_segments_at_most(language) -> None:
    gate = templates.gate(None, {}, language)
    for card in CARDS:
        event = VisitNear.sample().model_copy(update={"language": language})
        personal = event.personal.model_copy(update={"id_type": card})
        for room in ("402", ""):
            made = message_builders.visit_reminder(
                event.model_copy(update={"personal": personal}), "https://epass.punjab.gov.in", gate, room
            )
            said = templates.find("visit_reminder", language).render(made.parameters)
            assert templates.room(room, language) in said
            assert templates.documents(card, language) in said
            assert gate in said
            assert count_segments(said) <= 3, said
            assert made.expires_at == event.until


def test_a_link_to_a_pass_goes_to_no_address_that_nobody_has_proved() -> None:
    reminder, question = VisitNear.sample(), VisitorLeft.sample()
    for event, build in [
        (reminder, lambda one: message_builders.visit_reminder(one, PUBLIC_URL, "1", "")),
        (question, lambda one: message_builders.visit_question(one, "Home", f"{PUBLIC_URL}/q/x")),
    ]:
        personal = event.personal.model_copy(update={"email": "somebody@example.org"})
        made = build(event.model_copy(update={"personal": personal, "deliver_by": "email"}))
        assert (made.email, made.route) == (None, ("sms", personal.mobile))


@pytest.mark.parametrize(
    ("about", "step", "code", "link"),
    [
        ("arrived", None, "q8Zr5uX0c2LmVw3T", "/hi/v/q8Zr5uX0c2LmVw3T"),
        ("unanswered", "head", "q8Zr5uX0c2LmVw3T", "/hi/v/q8Zr5uX0c2LmVw3T"),
        ("unanswered", "reception", "", "/hi/counter"),
        ("many", None, "", "/hi/desk/visits"),
    ],
)
def test_a_message_to_an_office_leads_to_its_visit_until_the_site_closes(about, step, code, link) -> None:
    mobile = {"contact": Contact(mobile=OTHER_MOBILE), "link_code": code}
    facts = {"about": about, "step": step, "language": "hi", "deliver_by": "whatsapp", "personal": mobile}
    event = example(VisitorAnnounced, **facts)
    made = message_builders.visitor_announced(event, PUBLIC_URL, "Home")
    assert made.parameters["url"] == PUBLIC_URL + link
    assert (made.route, made.expires_at) == (("whatsapp", OTHER_MOBILE), event.answer_until)
    by_email = event.personal.model_copy(update={"contact": Contact(email="office@example.org")})
    made = message_builders.visitor_announced(
        event.model_copy(update={"personal": by_email}), PUBLIC_URL, "Home"
    )
    assert made.route == ("email", "office@example.org")

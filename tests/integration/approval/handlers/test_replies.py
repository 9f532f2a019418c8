"""Plain replies to the offer of a place, on real rows."""

from datetime import timedelta

from contracts.events import PassApproved, PlaceOffered, QuestionAnswered
from services.approval import metrics
from services.approval.handlers import place_offers
from tests.integration.approval.handlers import decide
from tests.integration.approval.handlers.closing import close
from tests.integration.approval.handlers.waiting import ELEVEN, LIVE, THURSDAY, Visit, full, look, states
from tests.support.factories.approval import NOW, published, received
from tests.support.factories.envelopes import example


def reply(database, visit, until, at=NOW, said_at=None, **said):
    """Reply 1 to the offer that ends then; return whether that was counted as of no effect."""
    before = metrics.REPLIES_WITHOUT_EFFECT._value.get()
    about = {"application_id": visit.event.application_id, "purpose": "place_offered", "until": until}
    event = example(QuestionAnswered, **{**about, **said})
    with database.transaction() as session:
        place_offers.hear_reply(received(event, at=said_at or at), session, at, furthest_days=30)
    return metrics.REPLIES_WITHOUT_EFFECT._value.get() > before


def test_a_plain_reply_takes_the_place_that_its_message_offered_and_no_other(approval_db) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    assert reply(approval_db, second, NOW + LIVE), "nothing is offered yet"
    first.cancel()
    at = NOW + timedelta(microseconds=7)
    look(approval_db, at)
    (offer,) = published(approval_db, PlaceOffered)
    assert reply(approval_db, second, NOW), "another offer"
    assert not reply(approval_db, second, offer.until, purpose="visit_question")
    assert second.state == "offered"
    assert not reply(approval_db, second, offer.until)
    assert (second.state, second.status) == ("taken", "approved")
    assert not reply(approval_db, second, offer.until), "said again"
    assert len(published(approval_db, PassApproved)) == 2, "the one who filled the window, and this one"


def test_a_plain_reply_to_an_offer_that_is_over_is_counted_and_leaves_no_trace(approval_db) -> None:
    first = full(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    first.cancel()
    look(approval_db)
    look(approval_db, NOW + LIVE)
    assert reply(approval_db, second, NOW + LIVE, NOW + LIVE)
    assert states(second, third) == ["lapsed", "offered"]
    close(approval_db, THURSDAY)
    assert reply(approval_db, third, NOW + 2 * LIVE, NOW + LIVE), "its day was closed since"
    assert (third.state, len(published(approval_db, PassApproved))) == ("offered", 1)


def test_a_plain_reply_in_time_takes_the_place_although_it_is_heard_after_the_offer_has_lapsed(
    approval_db,
) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    first.cancel()
    look(approval_db)
    look(approval_db, NOW + LIVE)
    assert second.state == "lapsed"
    assert not reply(approval_db, second, NOW + LIVE, NOW + 2 * LIVE, NOW + LIVE / 2)
    assert (second.state, second.status) == ("taken", "approved")


def test_a_reply_in_time_wakes_no_wait_of_a_visit_that_was_decided_meanwhile(approval_db) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    first.cancel()
    look(approval_db)
    look(approval_db, NOW + LIVE)
    decide.approve(approval_db, second.review_id, slot=ELEVEN)
    assert reply(approval_db, second, NOW + LIVE, NOW + 2 * LIVE, NOW + LIVE / 2)
    assert (second.state, second.row().ended_at) == ("lapsed", NOW + LIVE)


def test_whose_reply_in_time_is_heard_after_the_place_has_gone_waits_again_before_all_others(
    approval_db,
) -> None:
    first = full(approval_db)
    second, third, fourth = Visit(approval_db), Visit(approval_db), Visit(approval_db)
    first.cancel()
    look(approval_db)
    look(approval_db, NOW + LIVE)
    assert reply(approval_db, second, NOW + LIVE, NOW + LIVE, NOW + LIVE / 2), "no place came of it"
    assert states(second, third, fourth) == ["waits", "offered", "waits"]
    look(approval_db, NOW + 2 * LIVE)
    assert states(second, third, fourth) == ["offered", "lapsed", "waits"]

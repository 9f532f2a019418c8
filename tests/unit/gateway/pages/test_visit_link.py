"""The page behind the link of a message to an office: no sign-in, no name, and only a post acts."""

from contracts.errors import Conflict, NotFound
from contracts.rpc.approval.directory import DepartmentList, OfficerList
from contracts.rpc.approval.visits import VISIT_BY_LINK
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browsing
from tests.support.system.page_reader import BALDEV, SAME_SITE

LINK = "/en/v/q8Zr5uX0c2LmVw3T"


def linked(visit=None):
    here = VISIT_BY_LINK.reply_example.model_copy(update={"officer": "baldev", "arrived_at": now()})
    return browsing(
        approval__visit_by_link=visit or here,
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__answer_by_link=Nothing(),
        approval__departments=DepartmentList(items=()),
    )


async def test_opening_a_link_does_nothing_and_tells_nobody_where_it_leads() -> None:
    async with linked() as (http, client):
        shown = await http.get(LINK)
    assert shown.status_code == 200
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in shown.headers["x-robots-tag"]
    assert "no-store" in shown.headers["cache-control"]
    assert not client.was_asked("approval.answer_by_link")


async def test_one_tap_without_a_session_answers_the_visit_of_the_link() -> None:
    async with linked() as (http, client):
        form = {"key": "k-1", "answer": "come_up", "room": BALDEV.room}
        answer = await http.post(LINK, data=form, headers=SAME_SITE)
    assert answer.headers["location"].endswith(f"{LINK}?notice=told")
    sent, who, key = client.last("approval.answer_by_link")[1:]
    assert (sent.code, sent.answer, sent.room) == (LINK.rpartition("/")[2], "come_up", BALDEV.room)
    assert (who.kind, key) == ("anonymous", "k-1")


async def test_the_page_offers_the_rooms_of_the_directory_and_no_words_of_somebodys_own() -> None:
    async with linked() as (http, _):
        shown = await http.get(LINK)
    assert f'<option value="{BALDEV.room}"' in shown.text
    assert '<input class="govuk-input govuk-input--width-10" id="room"' not in shown.text


async def test_a_page_of_another_site_answers_nothing() -> None:
    async with linked() as (http, client):
        answer = await http.post(
            LINK, data={"key": "k-1", "answer": "not_today"}, headers={"sec-fetch-site": "cross-site"}
        )
    assert answer.status_code == 403
    assert not client.was_asked("approval.answer_by_link")


async def test_a_link_that_has_ended_offers_nothing() -> None:
    async with linked(NotFound()) as (http, _):
        shown = await http.get(LINK)
    assert shown.status_code == 404
    assert "This link has ended" in shown.text
    assert "Let them come" not in shown.text


async def test_who_has_answered_too_often_reads_why_it_does_not_count() -> None:
    async with linked() as (http, client):
        client.answers["approval.answer_by_link"] = Conflict("too often", code="answered_too_often")
        answer = await http.post(LINK, data={"key": "k-1", "answer": "come_up"}, headers=SAME_SITE)
    assert answer.status_code == 409
    assert "This link has answered six times" in answer.text
    assert "This link has ended" not in answer.text

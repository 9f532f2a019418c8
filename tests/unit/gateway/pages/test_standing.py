"""Standing passes on the desk: what each role is offered and sends, and the page whose code changes."""

import re
from datetime import date, time, timedelta

import pytest

from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import Slot
from contracts.rpc.application import TimelineEntry
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.approval.reviews import FirstApproval, ReviewList
from contracts.rpc.approval.standing import LIST_STANDING, SettledStanding, StandingPasses
from contracts.rpc.call import Nothing
from contracts.rpc.issuance import PassView
from contracts.rpc.photographs import Photograph
from services.chassis.runtime.clock import now
from services.gateway.pages.applications.form import for_new_application
from services.gateway.pages.shared.languages import days_in_words
from tests.e2e.page_samples import WALK_IN
from tests.support.factories.gateway import browsing, claims, pass_view, picture, staff_claims
from tests.support.factories.pages import FIRST, REVIEW_ID, counter_application, review
from tests.support.system.page_reader import BALDEV, HOME, PERSON, SAME_SITE, SITE, VISIT, hidden, somebody

ONE = LIST_STANDING.reply_example.items[0].model_copy(
    update={"review_id": REVIEW_ID, "photographed": True, "photograph_erased": False, "photograph": 7}
)
PLACE = f"/en/desk/standing/{REVIEW_ID}"
DONE = SettledStanding(state=None)
CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
UNTIL = date(2027, 5, 28)


def listing(state="in_force", role="ado", answer=DONE, **changes):
    found = StandingPasses(items=(ONE.model_copy(update={"state": state, **changes}),), most=9)
    department = None if role == "ado" else "home"
    return browsing(
        approval__list_standing=found,
        approval__departments=DepartmentList(items=(HOME,)),
        approval__settle_standing=answer,
        approval__officers=OfficerList(items=(BALDEV,)),
        session=claims("staff", role=role, department=department),
    )


@pytest.mark.parametrize(
    ("state", "role", "steps"),
    [
        ("waiting", "ado", {"approve", "refuse"}),
        ("waiting", "department", set()),
        ("in_force", "department", {"suspend", "end"}),
        ("suspended", "ado", {"lift", "suspend", "end"}),
        ("suspended", "department", {"lift", "end"}),
    ],
)
async def test_each_is_offered_the_steps_that_are_theirs(state, role, steps) -> None:
    async with listing(state, role) as (http, _):
        shown = (await http.get("/en/desk/standing")).text
    every = ("approve", "refuse", "suspend", "lift", "end")
    assert {step for step in every if f'name="step" value="{step}"' in shown} == steps


async def test_a_department_is_not_offered_to_lift_what_the_ado_branch_has_suspended() -> None:
    for role, is_offered in (("department", False), ("ado", True)):
        async with listing("suspended", role, suspended_by_ado=True) as (http, _):
            shown = (await http.get("/en/desk/standing")).text
        assert ('value="lift"' in shown) is is_offered
        assert 'value="end"' in shown


async def test_the_queue_offers_no_tap_for_what_waits_for_the_ado_branch(clerk) -> None:
    first = FirstApproval(approved_by="HOM-0002", approved_at=now(), slot=FIRST)
    tomorrow = FIRST.model_copy(update={"day": (now() + timedelta(days=1)).date()})
    one = review(preferred=(tomorrow,), visit=tomorrow)
    for sent, taps in ((one, True), (_waiting(one, first), False)):
        clerk.client.answers["approval.list_reviews"] = ReviewList(items=(sent,))
        text = (await clerk.http.get("/en/desk")).text
        assert ("data-approve" in text) is taps
        assert ('name="review"' in text) is taps
        assert ("Waits for the ADO Branch" in text) is not taps


def _waiting(one, first):
    return one.model_copy(update={"standing_state": "waiting", "first_approval": first})


async def test_one_press_suspends_it_with_the_note_for_its_holder() -> None:
    async with listing() as (http, client):
        form = {"key": "k-1", "step": "suspend", "note": "Card lost"}
        answer = await http.post(PLACE, data=form, headers=SAME_SITE)
    assert answer.headers["location"].endswith("/en/desk/standing?notice=suspended")
    sent = client.last("approval.settle_standing")[1]
    assert (sent.step, sent.note) == ("suspend", "Card lost")


async def test_who_is_too_late_reads_how_it_stands() -> None:
    async with listing(answer=Conflict(code="standing_full")) as (http, _):
        answer = await http.post(PLACE, data={"key": "k-1", "step": "approve"}, headers=SAME_SITE)
        shown = await http.get(answer.headers["location"])
    assert "as many standing passes as its gates hold" in shown.text


async def test_a_department_asks_for_one_with_the_days_of_the_week() -> None:
    sent = review(standing_state="waiting")
    async with browsing(
        approval__approve=sent, approval__view_review=sent, session=claims("staff", department="home")
    ) as (http, client):
        form = {
            "key": "k-1",
            "slot": "2026-12-01 10:00 12:00",
            "weekdays": ["1", "3"],
            "last_day": "2027-05-28",
        }
        answer = await http.post(f"/en/desk/reviews/{REVIEW_ID}/approve", data=form, headers=SAME_SITE)
    assert client.last("approval.approve")[1].weekdays == (1, 3)
    assert answer.headers["location"].endswith("notice=standing_sent")


@pytest.mark.parametrize(("recurring", "is_renewed"), [(True, True), (False, False)])
async def test_the_page_of_a_standing_pass_fetches_a_new_code_each_minute(recurring, is_renewed) -> None:
    shown: PassView = pass_view(recurring=recurring)
    async with browsing(issuance__view_by_link=shown, issuance__qr_by_link=picture()) as (http, _):
        page = (await http.get(f"/p/{CODE}")).text
    assert ('http-equiv="refresh" content="60"' in page) is is_renewed
    assert ('data-pass="print"' in page) is not is_renewed, "its code is old before the paper is dry"


@pytest.mark.parametrize(("ends_in", "is_offered"), [(13, True), (15, False)])
async def test_the_page_offers_the_next_one_in_its_last_fourteen_days(ends_in, is_offered) -> None:
    begins = now() + timedelta(days=ends_in)
    slot = Slot(day=begins.date(), start=time(10), end=time(12))
    ending = pass_view(recurring=True, slot=slot, valid_from=begins, valid_to=begins + timedelta(hours=2))
    async with browsing(issuance__view_by_link=ending, issuance__qr_by_link=picture()) as (http, _):
        page = (await http.get(f"/p/{CODE}?in=en")).text
    assert ("Ask for the next one now" in page) is is_offered


def test_the_days_of_half_a_year_are_said_by_the_week() -> None:
    days = [date(2026, 3, 3) + timedelta(days=day) for day in range(170) if day % 7 in (0, 2)]
    assert days_in_words(days, "en") == "Tuesday, Thursday: 3 March 2026 – 18 August 2026"


async def test_the_ado_branch_sees_photograph_sponsor_and_vehicle_before_it_decides() -> None:
    facts = {
        "photographed": True,
        "photograph_proof": "by approval",
        "vehicle": "PB65AB1234",
        "officer": "baldev",
        "wished_until": UNTIL,
    }
    picture_of = f"{PLACE}/photograph"
    for role, is_seen in (("ado", True), ("department", False)):
        async with listing("waiting", role, **facts) as (http, client):
            client.answers["application.photograph"] = Photograph(jpeg="/9j/")
            shown = (await http.get("/en/desk/standing")).text
            assert (picture_of in shown) is is_seen
            assert all(one in shown for one in ("Baldev Singh, Clerk", "PB65AB1234", "Friday, 28 May 2027"))
            assert (await http.get(picture_of)).status_code == (200 if is_seen else 403)
            if is_seen:
                assert client.last("approval.list_standing")[1].review_id == REVIEW_ID
                assert client.last("application.photograph")[1].proof == "by approval"
                client.answers["approval.list_standing"] = StandingPasses(items=())
                assert (await http.get(picture_of)).status_code == 404, "no standing pass is asked for"
    async with listing("waiting", photographed=False) as (http, _):
        assert "None yet: the reception takes it" in (await http.get("/en/desk/standing")).text


async def test_an_erased_photograph_is_named_and_has_to_be_taken_again() -> None:
    words = "The photograph of this person is no longer kept. The reception has to take it again"
    refused = Conflict(code="standing_photograph_erased")
    gone = {"photographed": False, "photograph_erased": True}
    async with listing("waiting", answer=refused, **gone) as (http, _):
        shown = (await http.get("/en/desk/standing")).text
        assert (shown.count(words), "epass-photograph" in shown) == (1, False)
        answer = await http.post(PLACE, data={"key": "k-1", "step": "approve"}, headers=SAME_SITE)
        assert (await http.get(answer.headers["location"])).text.count(words) == 2
    words = "no photograph of this person, so this pass does not come back. End it"
    async with listing("suspended", answer=refused, **gone) as (http, _):
        shown = (await http.get("/en/desk/standing")).text
        assert ('value="lift"' in shown, 'value="end"' in shown, shown.count(words)) == (False, True, 1)
        answer = await http.post(PLACE, data={"key": "k-1", "step": "lift"}, headers=SAME_SITE)
        assert (await http.get(answer.headers["location"])).text.count(words) == 2


async def test_the_ado_branch_says_which_photograph_it_has_looked_at() -> None:
    refused = Conflict(code="standing_other_photograph")
    async with listing("waiting", answer=refused) as (http, client):
        form = hidden(await http.get("/en/desk/standing"))
        answer = await http.post(PLACE, data={**form, "step": "approve"}, headers=SAME_SITE)
        shown = await http.get(answer.headers["location"])
    assert client.last("approval.settle_standing")[1].photograph == 7
    assert "The reception has taken another photograph since you opened this page" in shown.text


async def test_desk_and_counter_say_that_the_photograph_is_needed_again() -> None:
    sent = review(weekly_until=UNTIL, photograph_again=True)
    async with browsing(
        approval__view_review=sent, approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)), given={"standing_passes": 9},
        session=claims("staff", department="home"),
    ) as (http, _):  # fmt: skip
        place = f"/en/desk/reviews/{REVIEW_ID}"
        assert "the reception has to take the photograph again" in (await http.get(place)).text
        assert "The reception has to take it again before" in (await http.get(f"{place}/approve")).text
    photographing = SiteList(items=(SITE.model_copy(update={"photograph": True}),))
    told = (TimelineEntry(at=now(), what="photograph_outdated", facts={}),)
    async with browsing(
        application__view=counter_application(status="approved", timeline=told),
        application__photograph=NotFound(), approval__sites=photographing,
        approval__departments=DepartmentList(items=(HOME,)), session=staff_claims("reception"),
    ) as (http, _):  # fmt: skip
        shown = (await http.get(f"/en/counter/applications/{counter_application().reference}")).text
    assert "Name or ID card was corrected, so the photograph is deleted" in shown
    assert "The photograph is deleted, because name or ID card was corrected" in shown


@pytest.mark.parametrize(("most", "until"), [(9, UNTIL), (0, UNTIL), (9, None)])
async def test_the_department_is_offered_the_days_that_the_visitor_asked_for_and_no_tap_for_one_day(
    most, until
) -> None:
    tomorrow = FIRST.model_copy(update={"day": (now() + timedelta(days=1)).date()})
    sent, is_offered = review(preferred=(tomorrow,), visit=tomorrow, weekly_until=until), most and until
    async with browsing(
        approval__view_review=sent, approval__list_reviews=ReviewList(items=(sent,)),
        approval__officers=OfficerList(items=(BALDEV,)), approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
        given={"standing_passes": most}, session=claims("staff", department="home"),
    ) as (http, _):  # fmt: skip
        form = (await http.get(f"/en/desk/reviews/{REVIEW_ID}/approve")).text
        queue = (await http.get("/en/desk")).text
    chosen = re.findall(r'name="weekdays" type="checkbox" value="(.)" checked', form)
    assert chosen == ([str(tomorrow.day.weekday())] if is_offered else [])
    for words in (
        'value="2027-05-28"', 'name="weekdays"', "They ask for a standing pass, until Friday, 28 May 2027.",
        "A standing pass needs a photograph of the visitor",
    ):  # fmt: skip
        assert (words in form) is bool(is_offered)
    assert ("data-approve" in queue) is not bool(is_offered)
    assert 'name="last_day"' in form, "several days are"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("standing_no_photograph", "ਪੱਕੇ ਪਾਸ ਲਈ ਮੁਲਾਕਾਤੀ ਦੀ ਤਸਵੀਰ ਚਾਹੀਦੀ ਹੈ"),
        ("standing_not_asked_for", "ਮੁਲਾਕਾਤੀ ਨੇ ਹਰ ਹਫ਼ਤੇ ਆਉਣ ਲਈ ਨਹੀਂ ਕਿਹਾ"),
    ],
)
async def test_the_department_reads_why_there_is_no_standing_pass(code, words) -> None:
    sent = review()
    async with browsing(
        approval__approve=Conflict(code=code), approval__view_review=sent,
        approval__officers=OfficerList(items=(BALDEV,)), approval__sites=SiteList(items=(SITE,)),
        given={"standing_passes": 9}, session=claims("staff", department="home"),
    ) as (http, _):  # fmt: skip
        form = {"key": "k", "slot": "2026-12-01 10:00 12:00", "weekdays": "1", "last_day": "2027-05-28"}
        answer = await http.post(f"/pa/desk/reviews/{REVIEW_ID}/approve", data=form, headers=SAME_SITE)
    assert answer.status_code == 409
    assert words in answer.text


@pytest.mark.parametrize("most", [9, 0])
async def test_whoever_comes_each_week_says_so_where_there_are_standing_passes(most) -> None:
    photographing = SiteList(items=(SITE.model_copy(update={"photograph": True}),))
    async with somebody(given={"standing_passes": most}, approval__sites=photographing) as person:
        await person.send("/apply/who", **PERSON)
        await person.send("/apply/department", department="home")
        assert ('name="weekly"' in (await person.open("/apply/visit")).text) is bool(most)
        if not most:
            return
        when = {"date-0": f"{now():%Y-%m}-01", "from-0": "10:00", "to-0": "12:00"}
        refused = await person.send("/apply/visit", **VISIT, **when, weekly="yes")
        assert (refused.status_code, 'href="#weekly_until"' in refused.text) == (422, True)
        await person.send("/apply/visit", **VISIT, **when, weekly_until="2027-05-28")
        assert person.client.last("application.check")[1].weekly_until is None, "it is not ticked"
        checked = await person.send("/apply/visit", **VISIT, **when, weekly="yes", weekly_until="2027-05-28")
        assert "Friday, 28 May 2027" in checked.text
        done = await person.send("/apply/check", **hidden(checked))
        assert "come to the reception once with your ID card" in done.text
        assert person.client.last("application.submit")[1].weekly_until == UNTIL


async def test_the_counter_photographs_whoever_has_applied_for_one() -> None:
    photographing = SiteList(items=(SITE.model_copy(update={"photograph": True}),))
    waiting = counter_application(status="submitted", weekly_until=UNTIL, needs_photograph=True)
    async with browsing(
        application__view=waiting, application__photograph=NotFound(), approval__sites=photographing,
        approval__departments=DepartmentList(items=(HOME,)), application__take_photograph=Nothing(),
        session=staff_claims("reception"),
    ) as (http, client):  # fmt: skip
        place = f"/en/counter/applications/{waiting.reference}"
        assert f'action="{place}/camera"' in (await http.get(place)).text
        empty = await http.post(f"{place}/camera", data={"key": "k"}, headers=SAME_SITE)
        assert (empty.status_code, "Take the photograph first" in empty.text) == (422, True)
        taken = {"key": "k", "photograph": "/9j/"}
        answer = await http.post(f"{place}/camera", data=taken, headers=SAME_SITE)
        assert answer.headers["location"] == f"{place}?notice=photographed"
        assert client.last("application.take_photograph")[1].photograph == "/9j/"
        client.answers["application.take_photograph"] = Conflict(code="cannot_photograph")
        late = await http.post(f"{place}/camera", data=taken, headers=SAME_SITE)
        assert (late.status_code, "This application has ended" in late.text) == (409, True)


def test_whoever_asks_for_the_next_one_has_said_already_that_they_come_each_week() -> None:
    for until in (UNTIL, None):
        answers = for_new_application(counter_application(weekly_until=until))
        assert answers["weekly"] is (until is not None)


async def test_the_counter_is_told_that_the_wish_needs_a_photograph() -> None:
    photographing = SiteList(items=(SITE.model_copy(update={"photograph": True}),))
    async with browsing(
        approval__sites=photographing, approval__departments=DepartmentList(items=(HOME,)),
        application__submit_at_counter=InvalidInput.of("photograph", "photograph_needed"),
        given={"standing_passes": 9}, session=staff_claims("reception"),
    ) as (http, client):  # fmt: skip
        form = WALK_IN | {"key": "k", "weekly_until": "2027-05-28"}
        answer = await http.post("/en/counter/apply", data=form, headers=SAME_SITE)
    assert client.last("application.submit_at_counter")[1].weekly_until == UNTIL
    assert "A standing pass needs a photograph. Take it" in answer.text
    assert 'value="2027-05-28"' in answer.text

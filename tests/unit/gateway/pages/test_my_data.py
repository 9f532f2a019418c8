"""What applicants see of their data, the copy that they take of it, and how they have it erased."""

import json
import re
from datetime import timedelta
from typing import get_args

import pytest

from contracts.errors import TooManyAttempts, Unavailable
from contracts.model import IST
from contracts.rpc.call import Nothing
from contracts.rpc.notify import OwnMessages
from contracts.rpc.own_data import ErasedOnRequest, Kept, OwnData
from services.chassis.runtime.clock import now
from services.notify.domain.messages import NOT_TO_APPLICANT, STOPPABLE, Purpose
from tests.e2e.own_data_states import AT, COMING, LOCKED_UNTIL, own_data, shortened, with_locked
from tests.support.factories.gateway import NUMBER, REFERENCE, browser, claims, signed, staff_claims
from tests.support.factories.pages import APPLICATION
from tests.support.system.page_reader import BALDEV, SAME_SITE, stub

ALWAYS = {
    "otp": "codes that you ask for",
    "pass_issued": "and your pass",
    "pass_revoked": "a pass or a day of your visit was cancelled",
    "day_closed": "a pass or a day of your visit was cancelled",
    "day_dropped": "a pass or a day of your visit was cancelled",
    "application_cancelled": "that your application, a pass",
    "mobile_changed": "that an application has another mobile number",
    "visitor_called": "that the department calls you",
    "place_offered": "a place that became free",
    "breach_notice": "that your data was seen or taken",
}
"""What comes to whoever stopped all messages, and what the page says of it."""
TO_STAFF = {"login_issued", "access_changed", *NOT_TO_APPLICANT} - {"mobile_changed"}
ANSWERED = "REQ-7K3M-9QW4"
LOGINS = re.compile(r"HOM-000\d|SEC-000\d")


def open_site(**answers):
    app, client = stub(**{name.replace(".", "__"): one for name, one in own_data(**answers).items()})
    http = browser(app, **SAME_SITE)
    http.cookies.set("session", signed(claims("applicant")))
    return http, client


async def test_the_page_says_what_is_kept_where_until_when_who_got_it_and_which_office_looked() -> None:
    http, client = open_site()
    shown = await http.get("/en/my-data")
    page = shown.text
    for said in (
        "30 May 2027", "Later; it names nobody", "Home", "Gate 1", "The company that delivers SMS (MSG91)",
        "Your photograph", "Security at a gate", "Take a copy", 'href="/en/requests/new">Name somebody',
    ):  # fmt: skip
        assert said in page, said
    assert re.search(r"Department<span[^>]*>[^<]*Home[^<]*</span></th>\s*<td[^>]*>.*?6</td>", page), (
        "two together"
    )
    assert LOGINS.findall(page) == [], "offices, never officials"
    assert client.last("verify.own_data")[1].numbers == (NUMBER,)
    assert shown.headers["cache-control"] == "private, no-store"


async def test_a_page_that_leaves_out_older_applications_says_so() -> None:
    listed = own_data()["application.list_applications"].model_copy(update={"next": "on"})
    http, _ = open_site(application__list_applications=listed)
    assert "this is about the newest." in (await http.get("/en/my-data")).text


async def test_while_accounts_is_away_the_page_names_the_roles_alone() -> None:
    http, _ = open_site(accounts__login_places=Unavailable())
    assert "Security at a gate" in (await http.get("/en/my-data")).text


async def test_while_a_part_is_away_the_page_says_so_and_no_copy_is_made() -> None:
    http, client = open_site(verify__own_data=Unavailable(), application__record_copy=Nothing())
    page = (await http.get("/en/my-data")).text
    assert "This part does not answer just now, and may keep more: Gates." in page
    answer = await http.post("/en/my-data/copy", data={"form": "json", "key": "k"})
    assert answer.status_code == 503
    assert client.was_asked("application.record_copy"), "each try counts, before anything is gathered"


async def test_a_copy_has_all_records_and_is_recorded_and_stored_by_no_cache() -> None:
    http, client = open_site(application__record_copy=Nothing())
    answer = await http.post("/en/my-data/copy", data={"form": "json", "key": "k"})
    assert answer.headers["cache-control"] == "private, no-store"
    assert re.match(
        r'attachment; filename="e-pass-my-data-[\d-]+\.json"', answer.headers["content-disposition"]
    )
    copy = json.loads(answer.text)
    assert [one["reference"] for one in copy["applications"]] == [REFERENCE, COMING]
    assert (copy["is_cut"], copy["seen_by_is_cut"]) == (False, False)
    kept = {one["what"]: one for one in copy["applications"][0]["kept"]}
    assert kept["answers"]["records"][0]["id_type"] == "voter_id"
    assert {
        "photograph",
        "progress",
        "desk",
        "decisions",
        "passes",
        "messages",
        "gates",
        "scans",
    } < kept.keys()
    assert LOGINS.findall(answer.text) == []
    assert [(one["number"], one["answer"]) for one in copy["requests"]] == [
        (ANSWERED, "It was closed."), ("REQ-0000-0000", ""),
    ]  # fmt: skip
    _, asked, _, key = client.last("application.record_copy")
    assert (asked.references, bool(key)) == ((REFERENCE, COMING), True)
    assert client.last("notify.own_data")[1].whole


@pytest.mark.parametrize(("language", "title"), [("en", "My data"), ("pa", "ਮੇਰਾ ਡਾਟਾ"), ("hi", "मेरा डेटा")])
async def test_the_copy_to_read_is_one_file_that_loads_nothing(language: str, title: str) -> None:
    http, _ = open_site(application__record_copy=Nothing())
    answer = await http.post(f"/{language}/my-data/copy", data={"form": "html", "key": "k"})
    assert (answer.status_code, answer.headers["content-disposition"][:10]) == (200, "attachment")
    assert title in answer.text
    assert "Arms licence" in answer.text
    assert "It was closed." in answer.text
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"|<script', answer.text) == []


async def test_the_copy_to_read_names_officers_and_says_what_happened_in_words() -> None:
    http, _ = open_site(application__record_copy=Nothing())
    shown = (await http.post("/en/my-data/copy", data={"form": "html", "key": "k"})).text
    assert BALDEV.name["en"] in shown
    assert "You may come now" in shown
    assert ("<dd>baldev" in shown, "visit_answered" in shown) == (False, False)


async def test_who_takes_too_many_copies_is_told_to_wait() -> None:
    http, client = open_site(application__record_copy=TooManyAttempts(retry_after=600))
    answer = await http.post("/en/my-data/copy", data={"form": "json", "key": "k"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    assert not client.was_asked("application.own_data"), "nothing is gathered for them"


async def test_a_form_that_is_sent_again_counts_again() -> None:
    http, client = open_site(application__record_copy=Nothing())
    keys = set()
    for _ in range(2):
        await http.post("/en/my-data/copy", data={"form": "json", "key": "k"})
        keys.add(client.last("application.record_copy")[3])
    assert len(keys) == 2


async def test_the_page_says_that_more_have_looked_than_it_shows() -> None:
    cut = own_data()["verify.own_data"].model_copy(update={"is_cut": True})
    http, _ = open_site(verify__own_data=cut)
    assert "these are the last." in (await http.get("/en/my-data")).text


async def test_before_anything_is_erased_the_page_says_what_goes_and_what_stays_until_when() -> None:
    http, _ = open_site()
    page = (await http.get("/en/my-data/erase")).text
    assert re.search(r"They are gone by \w+day, \d+ \w+ \d{4}\. If one has to be used", page)
    assert f"Everything that names you in application {REFERENCE}" in page
    assert re.search(rf"{COMING}</a>: the department still decides about it", page)
    assert f"Request {ANSWERED}, with what was answered" in page
    assert "REQ-0000-0000</a>: it waits for an answer." in page
    assert re.findall(r'name="reference" value="([^"]+)"', page) == [REFERENCE, ANSWERED]


async def test_a_photograph_that_a_gate_still_compares_stays_and_the_page_says_until_when() -> None:
    own = own_data()["application.own_data"]
    until = AT + timedelta(days=3650)
    picture = Kept(reference=COMING, kind="photograph", count=1, since=AT, erasable=until)
    http, _ = open_site(application__own_data=own.model_copy(update={"items": (*own.items, picture)}))
    page = (await http.get("/en/my-data/erase")).text
    assert "Your photograph stays until" in page
    assert f"Your photograph in application {COMING}" not in page
    assert re.findall(r'name="reference" value="([^"]+)"', page) == [REFERENCE, ANSWERED]


async def test_what_has_to_stay_of_a_visit_that_is_over_is_locked_and_said_on_page_receipt_and_history() -> (
    None
):
    http, client = open_site()
    client.answers |= with_locked(is_locked=False)
    page = (await http.get("/en/my-data/erase")).text
    assert re.search(rf"What is locked</h2>.*Application {COMING}, until 1 Dec 2999", page, re.DOTALL)
    assert f"{COMING}</a>:" not in page, "it is not among what stays"
    assert re.findall(r'name="reference" value="([^"]+)"', page) == [REFERENCE, COMING, ANSWERED]
    client.answers["application.erase_own_data"] = ErasedOnRequest(
        receipt="7K3M9QW4", locked={COMING: LOCKED_UNTIL}
    )
    await http.post("/en/my-data/erase", data={"reference": [COMING], "key": "k"})
    receipt = (await http.get("/en/my-data/erased")).text
    assert f"Application {COMING} is locked until Sunday, 1 December 2999, then erased by itself" in receipt
    client.answers |= with_locked()
    for place in ("/en/my-data/erase", "/en/applications", "/en/my-data"):
        shown = (await http.get(place)).text
        assert "locked until 1 Dec 2999, then erased by itself." in shown, place
        assert (f'value="{COMING}"' in shown, f"{COMING}/correct" in shown) == (False, False), "no second ask"


async def test_the_page_of_a_locked_application_and_that_of_the_counter_show_nobody() -> None:
    http, client = open_site()
    client.answers["application.view"] = APPLICATION
    assert APPLICATION.applicant.name in (await http.get(f"/en/applications/{REFERENCE}")).text
    client.answers["application.view"] = shortened(APPLICATION)
    own = (await http.get(f"/en/applications/{REFERENCE}")).text
    http.cookies.set("session", signed(staff_claims("reception")))
    desk = (await http.get(f"/en/counter/applications/{REFERENCE}")).text
    for page in (own, desk):
        assert "this application is locked until 1 Dec 2999" in page
        assert (APPLICATION.applicant.name in page, "/cancel" in page) == (False, False)


async def test_only_what_the_page_has_shown_is_erased_and_the_receipt_can_be_read_again() -> None:
    receipt = "7K3M9QW4"
    erased = ErasedOnRequest(receipt=receipt, references=(REFERENCE,))
    http, client = open_site(application__erase_own_data=erased)
    gone = await http.post("/en/my-data/erase", data={"reference": [REFERENCE], "key": "k"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/en/my-data/erased")
    assert client.last("application.erase_own_data")[1].references == (REFERENCE,)
    for _again in range(2):
        page = (await http.get("/en/my-data/erased")).text
        assert "7K3M 9QW4" in page
        assert "since your mobile number went with it" in page, "a request that waits keeps it"
        gone_by = (now().astimezone(IST) + timedelta(days=31)).date()  # a backup of today, for 30 days
        assert f"They are gone by {gone_by:%A, %-d %B %Y}" in page
        assert f"Everything that names you in application {REFERENCE}" in page
        assert f'data-erased="{REFERENCE}"' in page, "the passes that its script removes from this phone"
        assert "The companies that delivered messages erase theirs as their contract" in page


async def test_who_wants_fewer_messages_says_so_and_may_take_it_back() -> None:
    http, client = open_site(
        notify__own_messages=OwnMessages(), notify__choose_messages=OwnMessages(stopped=True)
    )
    assert "You get a message about each step" in (await http.get("/en/my-data/messages")).text
    for choice, stop in (("stop", True), ("all", False)):
        sent = await http.post("/en/my-data/messages", data={"choice": choice, "key": "k"})
        assert sent.headers["location"] == "/en/my-data/messages?notice=saved"
        assert client.last("notify.choose_messages")[1].stop is stop
    client.answers["notify.own_messages"] = OwnMessages(stopped=True)
    shown = (await http.get("/en/my-data/messages")).text
    assert "You get only what always comes" in shown
    assert [said for said in ALWAYS.values() if said not in shown] == []
    assert ALWAYS.keys() == {*get_args(Purpose)} - {*STOPPABLE, *TO_STAFF}, "the page says each that comes"
    assert "/en/my-data/messages" in (await http.get("/en/my-data")).text


async def test_who_has_only_asked_something_sees_and_copies_that() -> None:
    nothing = own_data()["application.list_applications"].model_copy(update={"items": ()})
    own = own_data()["application.own_data"]
    asked = own.model_copy(update={"items": tuple(one for one in own.items if one.kind == "request")})
    http, client = open_site(
        application__list_applications=nothing,
        application__own_data=asked,
        application__record_copy=Nothing(),
        **{
            f"{name}__own_data": OwnData(items=(), readers=())
            for name in ("approval", "issuance", "notify", "verify")
        },
    )
    assert "Your complaints and questions" in (await http.get("/en/my-data")).text
    copy = await http.post("/en/my-data/copy", data={"form": "json", "key": "k"})
    assert len(copy.json()["requests"]) == 2
    assert client.last("application.record_copy")[1].references == ()

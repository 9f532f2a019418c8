"""Who applies for a child, and who is asked for consent, on the pages of portal, counter, desk and gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import InvalidInput, NotFound
from contracts.model import Guardian
from contracts.rpc.application import Acknowledged, Invited, PassSummary
from contracts.rpc.call import Nothing
from services.gateway.pages import sign_in
from tests.e2e.own_data_states import AT, SHOWN, consented, own_data
from tests.support.factories.gateway import NUMBER, REFERENCE, browser, claims, signed, staff_claims
from tests.support.factories.pages import ADMIT, APPLICATION, counter_application
from tests.support.system.page_reader import PERSON, SAME_SITE, Reader, hidden, somebody, stub

MOTHER = {"kind": "minor", "guardian": "Manjit Kaur", "relation": "mother"}
WALK_IN = {
    "key": "one-key", "name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "4821", "language": "pa",
    "deliver_by": "sms", "department": "home", "purpose_kind": "meeting", "purpose": "Arms licence",
    "date-0": "2026-12-01", "from-0": "10:00", "to-0": "12:00", "photograph": "/9j/",
}  # fmt: skip
INVITED = {
    "key": "k-1", "site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "date": "2026-12-01",
    "from": "10:00", "to": "12:00", "delegation": "no", "language": "pa", "deliver_by": "sms",
    "visitors": "Ravi Kumar",
}  # fmt: skip
BOX = 'name="consent" type="checkbox" value="yes">'
WRITTEN = "Write it down for me: I do not hear well"
TAKEN = Acknowledged(reference=REFERENCE, status="submitted")
MISSING = InvalidInput.of("consent", "consent_missing")


@asynccontextmanager
async def at(session: Any, basis: str = "law", **answers: Any) -> AsyncIterator[Reader]:
    app, client = stub({"basis": basis}, **answers)
    async with browser(app, **SAME_SITE) as http:
        http.cookies.set("session", signed(session))
        yield Reader(http, client)


async def test_a_parent_applies_for_a_child_with_their_own_name_and_what_they_are_to_it() -> None:
    async with somebody() as reader:
        asked = await reader.http.get("/en/apply/who")
        assert 'data-only="kind=minor"' in asked.text
        assert "no photograph is taken of the visitor" in asked.text
        for missing, code in (("guardian", "Enter your own name"), ("relation", "Choose what you are")):
            refused = await reader.send("/apply/who", **PERSON | MOTHER | {missing: ""})
            assert (refused.status_code, code in refused.text) == (422, True)
        await reader.answer()
        await reader.send("/apply/who", **PERSON | MOTHER)
        checked = await reader.http.get("/en/apply/check")
        assert "Manjit Kaur (Mother)" in checked.text
        await reader.send("/apply/check", **hidden(checked))
        applicant = reader.client.last("application.submit")[1].applicant
        assert (applicant.kind, applicant.guardian) == (
            "citizen",
            Guardian(name="Manjit Kaur", relation="mother"),
        )


async def test_who_is_no_child_any_more_has_no_guardian() -> None:
    async with somebody() as reader:
        await reader.send("/apply/who", **PERSON | MOTHER)
        checked = await reader.answer()
        assert "Manjit" not in checked.text
        await reader.send("/apply/check", **hidden(checked))
        request = reader.client.last("application.submit")[1]
        assert (request.applicant.guardian, "guardian" in request.applicant.model_fields_set) == (None, False)


async def test_the_counter_sends_no_photograph_of_a_child() -> None:
    async with at(staff_claims("reception"), application__submit_at_counter=TAKEN) as reader:
        await reader.http.post("/en/counter/apply", data=WALK_IN)
        assert reader.client.last("application.submit_at_counter")[1].photograph == "/9j/"
        parent = {"guardian": "Manjit Kaur", "relation": "mother"}
        await reader.http.post("/en/counter/apply", data=WALK_IN | parent)
        sent = reader.client.last("application.submit_at_counter")[1]
        assert (sent.photograph, sent.applicant.guardian.relation) == (None, "mother")
        half = await reader.http.post("/en/counter/apply", data=WALK_IN | {"guardian": "Manjit Kaur"})
        assert half.status_code == 422


async def test_the_counter_asks_and_reads_who_wants_what_is_said_in_writing() -> None:
    deaf = counter_application(assistance="written")
    reading = {"application__view": deaf, "application__submit_at_counter": TAKEN}
    async with at(staff_claims("reception"), **reading) as reader:
        form = (await reader.http.get("/en/counter")).text
        assert f'<option value="written">{WRITTEN}</option>' in form
        await reader.http.post("/en/counter/apply", data=WALK_IN | {"assistance": "written"})
        sent = reader.client.last("application.submit_at_counter")[1]
        assert sent.applicant.assistance == "written"
        assert WRITTEN in (await reader.http.get(f"/en/counter/applications/{REFERENCE}")).text


async def test_a_gate_is_told_not_to_wait_for_the_photograph_of_a_child() -> None:
    child = ADMIT.applicant.model_copy(update={"guardian": Guardian(name="Manjit Kaur", relation="mother")})
    gate = claims("staff", sub="SEC-0001", role="security", department=None, site="PCS1", gate="PCS1-G1")
    for person, is_told in ((child, True), (ADMIT.applicant, False)):
        shown = ADMIT.model_copy(update={"applicant": person, "assistance": "written"})
        async with at(gate, verify__scan=shown) as reader:
            page = await reader.http.post("/en/gate", data={"pass": NUMBER, "nonce": "n-1"})
            text = (await reader.http.get(page.headers["location"])).text if page.is_redirect else page.text
            assert ("do not wait for one. Parent or guardian: Manjit Kaur." in text) == is_told
            assert WRITTEN in text


@pytest.mark.parametrize(("basis", "boxes"), [("law", 0), ("consent", 1)])
async def test_consent_is_asked_with_an_unticked_box_where_the_site_rests_on_it_alone(
    basis: str, boxes: int
) -> None:
    async with at(claims("applicant"), basis) as reader:
        assert (await reader.answer()).text.count(BOX) == boxes
        assert ("because you agree to it" in (await reader.http.get("/en/about/privacy")).text) == bool(boxes)
    for session, path in ((staff_claims("reception"), "/counter"), (claims("staff"), "/desk/invitations")):
        async with at(session, basis) as reader:
            assert (await reader.http.get(f"/en{path}")).text.count(BOX) == boxes, path


async def test_who_agrees_sends_it_and_who_does_not_is_told_at_the_box() -> None:
    async with at(claims("applicant"), "consent") as reader:
        sent = hidden(await reader.answer())
        await reader.send("/apply/check", **sent, consent="yes")
        assert reader.client.last("application.submit")[1].consent is True
    async with at(claims("applicant"), "consent", application__submit=MISSING) as reader:
        refused = await reader.send("/apply/check", **hidden(await reader.answer()))
        assert (refused.status_code, 'href="#consent"' in refused.text) == (422, True)
        assert "consent" not in reader.client.last("application.submit")[1].model_fields_set
    async with at(staff_claims("reception"), "consent", application__submit_at_counter=MISSING) as reader:
        refused = await reader.http.post("/en/counter/apply", data=WALK_IN | {"consent": "yes"})
        assert 'href="#consent"' in refused.text
        assert reader.client.last("application.submit_at_counter")[1].consent is True
    invited = Invited(references=(REFERENCE,))
    async with at(claims("staff"), "consent", application__invite=invited) as reader:
        await reader.http.post("/en/desk/invitations", data=INVITED | {"consent": "yes"})
        assert reader.client.last("application.invite")[1].consent is True


def tabled(answers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace(".", "__"): one for name, one in answers.items()}


async def test_consent_is_shown_and_withdrawn_by_one_tap_and_a_confirmation_that_says_what_follows() -> None:
    summary = PassSummary(number=NUMBER, valid_from=AT, valid_to=AT + timedelta(hours=2))
    issued = APPLICATION.model_copy(update={"status": "issued", "pass_": summary})
    async with at(claims("applicant"), application__view=issued, **tabled(consented())) as reader:
        reader.client.answers["application.withdraw_consent"] = TAKEN
        page = (await reader.http.get("/en/my-data")).text
        assert f"to version {SHOWN} of the notice." in page
        assert f'href="/en/about/privacy/versions/{SHOWN}"' in page, "what it said can be read"
        place = f"/en/applications/{REFERENCE}/consent"
        assert place in page
        asked = await reader.http.get(place)
        assert "your visit is cancelled, and its pass opens no gate any more" in asked.text
        assert "30 May 2027" in asked.text
        done = await reader.http.post(place, data=hidden(asked))
        assert done.headers["location"] == "/en/my-data?notice=withdrawn"
        assert reader.client.last("application.withdraw_consent")[1].reference == REFERENCE
    over = APPLICATION.model_copy(update={"status": "left"})
    async with at(claims("applicant"), application__view=over, **tabled(consented())) as reader:
        assert "Nothing of it is cancelled." in (await reader.http.get(place)).text
    withdrawn = tabled(consented(withdrawn_at=AT + timedelta(days=1)))
    async with at(claims("applicant"), application__view=APPLICATION, **withdrawn) as reader:
        assert "Withdrawn on" in (await reader.http.get("/en/my-data")).text
        assert (await reader.http.get(place)).headers["location"] == "/en/my-data"


async def test_the_notice_is_printed_in_the_language_of_the_visitor_and_linked_from_the_counter() -> None:
    async with at(staff_claims("reception")) as reader:
        page = (await reader.http.get("/en/counter")).text
        for language in ("pa", "hi", "en"):
            assert f'href="/{language}/about/privacy/print"' in page
        sheet = (await reader.http.get("/pa/about/privacy/print")).text
        assert "data-print" in sheet
        version = page.partition('name="told" value="')[2].partition('"')[0]
        assert version in sheet, "it is the one that the application stores"
        assert "/pa/my-data" in sheet
        assert "ਫੋਟੋ" in sheet or "ਤਸਵੀਰਾਂ" in sheet


async def test_who_signs_in_for_their_data_comes_to_it_and_not_to_a_form() -> None:
    for place in ("/my-data", "/my-data/companion", f"/applications/{REFERENCE}/consent"):
        assert sign_in.place_of(place.removeprefix("/")) == place


async def test_a_kiosk_shows_what_was_opened_at_it_and_gives_no_copy() -> None:
    app, client = stub(**tabled(own_data()), accounts__log_out=Nothing())
    async with browser(app, **SAME_SITE) as http:
        device = claims(sub="KIO-0001", role="kiosk", department=None, site="PCS1")
        http.cookies.set("kiosk", signed(device))
        http.cookies.set("session", signed(claims("applicant")))
        assert (await http.get("/en/my-data")).headers["location"] == "/en/kiosk", "no visit has begun"
        begun = await http.post("/pa/kiosk", data={"to": "my-data"})
        assert begun.headers["location"] == "/pa/sign-in?to=my-data"
        http.cookies.set("session", signed(claims("applicant")))
        page = (await http.get("/pa/my-data")).text
        assert REFERENCE in page
        assert "/pa/my-data/copy" not in page
        assert "/pa/kiosk" in page, "where the session ends"
        client.answers["application.open"] = NotFound()
        asked = hidden(await http.get("/pa/my-data")) | {"reference": "PCS-0000-0000", "id_last4": "4821"}
        assert (await http.post("/pa/my-data/open", data=asked)).status_code == 422
        client.answers["application.open"] = APPLICATION
        assert (await http.post("/pa/my-data/open", data=asked)).headers["location"] == "/pa/my-data"
        await http.get("/pa/kiosk")
        assert (await http.get("/pa/my-data")).headers["location"] == "/pa/kiosk", "the next visitor"

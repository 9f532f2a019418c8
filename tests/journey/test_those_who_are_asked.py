"""A child, somebody who came along, and consent given and withdrawn: on pages, without scripts, at a gate.

The site of this system rests on consent.
"""

from collections.abc import Iterator

import pytest

from tests.support.stack.backends import start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer, issued, messages, slot
from tests.support.system.page_reader import Browser, hidden
from tests.support.system.system import System

CARD = {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"}
OF_HARJIT = {"name": "harjit singh", "id_last4": "0917"}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("asking")
    with start_stack(folder) as stack, System(stack, EPASS_BASIS="consent") as system:
        yield system


def apply(browser: Browser, **who: str) -> str:
    """Fill in the form with consent; return the reference."""
    today = slot()["date"]
    person = {"kind": "citizen", "name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "4821"}
    visit = {"officer": "", "purpose_kind": "meeting", "purpose": "Arms licence", "date-0": today}
    browser.send("/apply/who", **person | who)
    browser.send("/apply/department", department="home@PCS1")
    checked = browser.send("/apply/visit", **visit | {"from-0": "00:00", "to-0": "23:59"})
    assert 'name="consent" type="checkbox" value="yes">' in checked.text
    refused = browser.send("/apply/check", 422, **hidden(checked))
    assert 'href="#consent"' in refused.text
    done = browser.send("/apply/check", **hidden(refused), consent="yes")
    return done.text.partition("PCS-")[2][:9].join(("PCS-", ""))


def test_a_child_is_let_in_without_a_photograph_in_punjabi(asking: System) -> None:
    parent, officer = Applicant(asking), Officer(asking)
    browser = Browser(asking, parent.client.token, "pa")
    asked = browser.open("/apply/who").text
    assert "ਜਨਮ ਮਿਤੀ ਨਹੀਂ ਪੁੱਛਦੇ" in asked
    child = {"kind": "minor", "guardian": "ਮਨਜੀਤ ਕੌਰ", "relation": "mother", "name": "Simran Kaur"}
    reference = apply(browser, **child)
    department = Department(asking)
    review = department.review_of(reference)
    assert (review.guardian.name, review.guardian.relation) == ("ਮਨਜੀਤ ਕੌਰ", "mother")
    department.approve(reference)
    token = parent.token(parent.wait_for_pass(reference).number)
    officer.wait_to_know(token)
    at_gate = Browser(asking, officer.client.token, "pa").send("/gate", **{"pass": token, "nonce": "child-1"})
    assert "18 ਸਾਲ ਤੋਂ ਛੋਟਾ: ਤਸਵੀਰ ਨਹੀਂ ਲਈ ਜਾਂਦੀ" in at_gate.text
    assert "ਮਨਜੀਤ ਕੌਰ" in at_gate.text
    assert officer.scan(token=token, id_check=CARD).verdict == "admit"
    (told,) = eventually(lambda: messages(asking, parent.mobile, "pass_issued"), "the pass arrives")
    assert "ਮਨਜੀਤ" not in told.text, "the link may be passed on"
    link = next(word for word in told.text.split() if word.startswith(asking.url))
    assert "ਮਨਜੀਤ" not in asking.http().get(link, follow_redirects=True).text


def test_who_came_along_sees_their_line_alone_and_asks_under_a_number(asking: System) -> None:
    visitor, officer = Applicant(asking), Officer(asking)
    _, summary = issued(visitor, Department(asking), known_to=officer, consent=True)
    token = visitor.token(summary.number)
    assert officer.scan(token=token, id_check=CARD).verdict == "admit"
    harjit = Applicant(asking)
    browser = Browser(asking, harjit.client.token, "en")
    assert "If you came on somebody else&#39;s pass" in browser.open("/my-data").text.replace("'", "&#39;")
    place, asked = "/my-data/companion", {"number": summary.number, **OF_HARJIT}
    for wrong in ({"id_last4": "4821"}, {"name": "Gurpreet Kaur"}):
        assert "Nobody came along" in browser.send(place, 422, **asked | wrong).text
    shown = browser.send(place, **asked).text
    for own in ("Harjit Singh", "Driving licence", "Gate"):
        assert own in shown, own
    for other in ("ਗੁਰਪ੍ਰੀਤ", "Gurpreet", visitor.mobile[3:], "Arms licence", "0917", "4821"):
        assert other not in shown, other
    browser.open("/requests/new")
    text = f"Take me out of pass {summary.number}"
    assert "REQ-" in browser.send("/requests/new", kind="own_data", text=text, key="k").text
    # the reverse: the applicant has not become a companion, and no application of theirs has opened
    assert "PCS-" not in browser.open("/my-data").text


def test_consent_is_given_shown_and_withdrawn_which_ends_the_pass(asking: System) -> None:
    visitor, officer, department = Applicant(asking), Officer(asking), Department(asking)
    browser = Browser(asking, visitor.client.token, "en")
    assert "because you agree to it" in browser.open("/about/privacy").text
    reference = apply(browser)
    department.approve(reference)
    token = visitor.token(visitor.wait_for_pass(reference).number)
    officer.wait_to_know(token)
    page = browser.open("/my-data").text
    assert "Your consent" in page
    version = f"/about/privacy/versions/{visitor.view(reference).notice}"
    assert version in page
    said = eventually(
        lambda: (found := browser.open(version)).status_code == 200 and found.text, "it is kept"
    )
    assert "because you agree to it" in said
    assert "I agree that the secretariat uses these data" in said
    confirm = browser.open(f"/applications/{reference}/consent")
    assert "its pass opens no gate any more" in confirm.text
    done = browser.send(f"/applications/{reference}/consent", **hidden(confirm)).text
    assert "Your consent is withdrawn." in done
    assert "Withdrawn on" in done
    eventually(lambda: officer.scan(token=token).verdict == "revoked", "the gate hears of it")
    visitor.wait_for(reference, "cancelled")


def test_who_is_invited_with_a_mobile_sees_their_own_data(asking: System) -> None:
    invited = Applicant(asking)
    visitor = {"name": "Ravi Kumar", "mobile": invited.mobile}
    asked = {"site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "visitors": [visitor]}
    answer = Department(asking).post("/invitations", {**asked, "slot": slot(), "consent": True})
    assert answer.status_code == 201, answer.text
    (reference,) = answer.json()["references"]
    page = Browser(asking, invited.client.token, "en").open("/my-data").text
    assert reference in page
    assert "Your consent" in page

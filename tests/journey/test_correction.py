"""Somebody corrects their application on its page, without scripts: before a decision, and after the pass."""

from collections.abc import Iterator

import httpx
import pytest

from contracts.rpc.approval.reviews import ReviewView
from epass_client import calls
from tests.journey.correct import RIGHT, corrected, to_confirm
from tests.support.stack.backends import start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import Actor, Applicant, Department, Officer, messages
from tests.support.system.page_reader import SAME_SITE, hidden
from tests.support.system.system import System

WRONG, WORD = "Gurprit Kaur", "Bring the card to the reception"
PARTY = {"name-0": "Harjit Singh", "id_type-0": "driving_licence", "id_last4-0": ""}
CHECKED = {"kind": "matched", "id_type": "passport", "id_last4": "9Z01"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Its invariants are counted."""
    with start_stack(tmp_path_factory.mktemp("correction")) as stack, System(stack) as system:
        yield system


def browser_of(system: System, actor: Actor) -> httpx.Client:
    """Return a browser without scripts in which somebody is signed in."""
    http = system.http()
    http.headers.update(SAME_SITE)
    http.cookies.set("session", actor.client.token)
    return http


def send(http: httpx.Client, place: str, **typed: str) -> str:
    """Open a page, send its form, and return what the page after it says."""
    page = http.get(place)
    assert page.status_code == 200, page.text[:600]
    done = http.post(place, data={**hidden(page), **typed})
    assert done.status_code == 303, done.text[:2000]
    return http.get(done.headers["location"]).text


@pytest.mark.parametrize(
    ("language", "saved", "seen", "waits"),
    [
        ("en", "Your correction is saved", "Corrected by the visitor", "Your correction waits for the"),
        ("pa", "ਤੁਹਾਡੀ ਸੋਧ ਸੰਭਾਲ ਲਈ ਗਈ ਹੈ", "ਮੁਲਾਕਾਤੀ ਨੇ", "ਤੁਹਾਡੀ ਸੋਧ ਵਿਭਾਗ ਦੀ ਉਡੀਕ ਵਿੱਚ ਹੈ"),
    ],
)
def test_a_correction_counts_at_once_and_after_the_pass_once_the_department_confirms_it(
    whole: System, language: str, saved: str, seen: str, waits: str
) -> None:
    visitor, department, officer = Applicant(whole), Department(whole), Officer(whole)
    reference = visitor.apply(applicant={"name": WRONG, "name_latin": WRONG, "language": language})
    own, desk = browser_of(whole, visitor), browser_of(whole, department)
    place = f"/{language}/applications/{reference}/correct"
    assert place in own.get(f"/{language}/my-data").text

    department.review_of(reference)
    person = {"name": RIGHT, "name_latin": "", "id_type": "passport", "email": ""}
    assert saved in send(own, place, **person, **PARTY, id_last4="1111")

    def read() -> ReviewView | None:
        review = department.review_of(reference)
        return review if review.corrected else None

    review = eventually(read, "the desk shows it")
    assert (review.name, review.corrected, review.party) == (RIGHT, ("name", "id"), 2)
    assert seen in desk.get(f"/{language}/desk/reviews/{review.id}").text
    department.approve(reference, revision=review.revision)
    old = visitor.wait_for_pass(reference)
    before = visitor.token(old.number)
    officer.wait_to_know(before)

    assert waits in send(own, place, **person, id_last4="9Z01")
    number = to_confirm(department, reference).number
    assert visitor.wait_for_pass(reference).number == old.number, "nothing changes yet"
    assert officer.scan(token=before).verdict == "admit"
    settled = send(desk, f"/{language}/desk/reviews/{review.id}/correction", confirm="yes")
    assert seen in settled
    assert number == 2

    def newer() -> str:
        summary = visitor.view(reference).pass_
        return summary.number if summary and summary.number != old.number else ""

    new = eventually(newer, "the pass is issued anew")
    eventually(lambda: officer.scan(token=before).verdict == "revoked", "the old pass is refused")
    told = eventually(
        lambda: [one.text for one in messages(whole, visitor.mobile, "pass_issued") if new in one.text],
        "the new pass arrives",
    )
    assert any("\u0a00" <= sign <= "\u0a7f" for sign in told[0]) == (language == "pa")
    after = visitor.token(new)
    officer.wait_to_know(after)
    entered = officer.scan(token=after, id_check=CHECKED, count=1)
    assert (entered.verdict, entered.applicant and entered.applicant.name, entered.party) == (
        "admit",
        RIGHT,
        1,
    ), "the companion was left out"
    eventually(lambda: visitor.view(reference).status == "entered", "the visit has begun")
    assert own.get(place).status_code == 303, "and nothing can be corrected any more"
    whole.epass("administrator", "invariants", "--grace", "10")


def test_control_what_the_department_refuses_changes_no_pass(whole: System) -> None:
    visitor, department, officer = Applicant(whole), Department(whole), Officer(whole)
    reference = corrected(visitor, department)
    number = to_confirm(department, reference).number
    review = department.review_of(reference).id
    department.send(calls.settle_correction(review, number=number, confirm=False, note=WORD))

    def refused() -> bool:
        correction = visitor.view(reference).correction
        return correction is not None and correction.note == WORD

    eventually(refused, "the applicant reads why")
    assert WORD in browser_of(whole, visitor).get(f"/en/applications/{reference}").text
    shown = visitor.view(reference)
    assert shown.applicant.name != RIGHT
    assert shown.pass_ is not None
    token = visitor.token(shown.pass_.number)
    officer.wait_to_know(token)
    assert officer.scan(token=token).verdict == "admit"

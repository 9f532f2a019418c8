"""Nothing that was typed is lost: after a session, during an outage, in a second tab or click."""

from collections.abc import AsyncIterator

import httpx
import pytest

from contracts.errors import Unavailable
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted
from contracts.rpc.application import Acknowledged, Checked
from services.chassis.runtime.clock import now
from services.gateway.pages.apply import routes, submission
from services.gateway.pages.apply.form_session import ApplyRoute
from services.gateway.pages.shared.error_pages import PageRoute
from tests.support.factories.gateway import REFERENCE, TableClient, claims, signed
from tests.support.system.page_reader import PERSON, Reader, hidden, somebody, without_keys

REQUEST_ID = "0195f3a2-0000-4000-8000-000000000000"
WHY = {
    "officer": "anyone", "purpose_kind": "hearing", "purpose": "My case of 3 December",
    "date-0": "2026-12-01", "from-0": "10:00", "to-0": "12:00",
}  # fmt: skip


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with somebody() as person:
        yield person


async def prove_again(person: Reader, client: TableClient, to: str) -> httpx.Response:
    """Sign in once more and return the page that follows."""
    client.answers["accounts.request_otp"] = OtpAccepted(request_id=REQUEST_ID)
    client.answers["accounts.verify_otp"] = ApplicantSession(
        access_token=signed(claims("applicant")), expires_at=now()
    )
    await person.send("/sign-in", mobile="98765 43210", to=to)
    right = await person.http.post(
        "/en/sign-in/code", data={"code": "123456"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    person.http.cookies.set("session", signed(claims("applicant")))
    return await person.open(right.headers["location"].removeprefix("/en"))


async def test_an_answer_posted_after_the_session_ended_is_filled_in_after_signing_in(reader: Reader) -> None:
    await reader.answer()
    reader.sign_out_by_time()
    asked = await reader.send("/apply/visit", **WHY)
    assert asked.url.path == "/en/sign-in"
    shown = await prove_again(reader, reader.client, hidden(asked)["to"])
    assert shown.url.path == "/en/apply/visit"
    assert "My case of 3 December" in shown.text
    assert 'value="hearing" checked' in shown.text
    assert (await reader.send("/apply/visit", **WHY)).url.path == "/en/apply/check", (
        "and all the other answers"
    )


async def test_a_page_opened_after_the_session_ended_is_shown_after_signing_in(reader: Reader) -> None:
    await reader.answer()
    reader.sign_out_by_time()
    asked = await reader.open("/apply/check")
    assert asked.url.path == "/en/sign-in"
    assert (await prove_again(reader, reader.client, hidden(asked)["to"])).url.path == "/en/apply/check"


async def test_a_companion_posted_after_the_session_ended_is_filled_in_after_signing_in(
    reader: Reader,
) -> None:
    await reader.answer()
    reader.sign_out_by_time()
    await reader.send("/apply/companion", name="Harjit Singh", id_type="pan", id_last4="1234")
    shown = await prove_again(reader, reader.client, "apply/companion")
    assert shown.url.path == "/en/apply/companion"
    assert 'value="Harjit Singh"' in shown.text


async def test_a_whole_id_number_is_never_stored(reader: Reader) -> None:
    await reader.answer()
    reader.sign_out_by_time()
    asked = await reader.send("/apply/who", **PERSON | {"id_type": "aadhaar", "id_last4": "4991 1866 5246"})
    shown = await prove_again(reader, reader.client, hidden(asked)["to"])
    assert shown.url.path == "/en/apply/who"
    assert 'value="aadhaar" checked' in shown.text
    assert "5246" not in without_keys(shown)


async def test_an_answer_too_long_for_a_cookie_does_not_prevent_signing_in(reader: Reader) -> None:
    await reader.answer()
    reader.sign_out_by_time()
    noise = "".join(chr(0x4E00 + (n * n * 31 + n * 7919) % 20000) for n in range(5_000))
    assert (await reader.send("/apply/visit", purpose=noise)).url.path == "/en/sign-in"
    assert (await prove_again(reader, reader.client, "apply/visit")).url.path == "/en/apply/visit"


async def test_an_answer_that_cannot_be_checked_just_now_stays_on_its_page(reader: Reader) -> None:
    await reader.answer()
    reader.client.answers["application.check"] = Unavailable("down")
    outage = await reader.send("/apply/visit", **WHY)
    assert (outage.status_code, outage.headers["retry-after"]) == (503, "2")
    assert "Nothing is lost" in outage.text
    assert "My case of 3 December" in outage.text
    assert "Error:" not in outage.text
    reader.client.answers["application.check"] = Checked()
    assert (await reader.send("/apply/visit", **WHY)).url.path == "/en/apply/check"


async def test_an_answer_whose_choices_are_unavailable_can_be_sent_again(reader: Reader) -> None:
    await reader.answer()
    reader.client.answers["application.check"] = reader.client.answers["approval.officers"] = Unavailable(
        "down"
    )
    outage = await reader.send("/apply/visit", **WHY)
    assert outage.status_code == 503
    assert hidden(outage) == WHY
    assert 'action="/en/apply/visit"' in outage.text
    assert "Clear my answers" in outage.text


async def test_a_submission_during_an_outage_leaves_all_answers_and_the_key(reader: Reader) -> None:
    checked = await reader.answer()
    reader.client.answers["application.submit"] = Unavailable("down")
    outage = await reader.send("/apply/check", **hidden(checked))
    assert outage.status_code == 503
    assert "Nothing is lost" in outage.text
    assert "Arms licence renewal" in outage.text
    assert hidden(outage) == hidden(checked), "the same key again"
    reader.client.answers["application.submit"] = Acknowledged(reference=REFERENCE, status="submitted")
    assert REFERENCE in (await reader.send("/apply/check", **hidden(outage))).text


async def test_answers_that_another_tab_changed_are_shown_before_they_are_sent(reader: Reader) -> None:
    one_tab = hidden(await reader.answer())
    await reader.send("/apply/visit", **WHY)
    shown = await reader.send("/apply/check", **one_tab)
    assert (
        shown.status_code,
        "changed in another window" in shown.text,
        "My case of 3 December" in shown.text,
    ) == (409, True, True)
    assert not reader.client.was_asked("application.submit")
    assert REFERENCE in (await reader.send("/apply/check", **hidden(shown))).text
    assert reader.client.last("application.submit")[1].purpose == "My case of 3 December"


async def test_a_form_that_shows_what_another_tab_has_changed_is_shown_again_with_what_is_stored(
    reader: Reader,
) -> None:
    await reader.answer()
    one_tab = hidden(await reader.open("/apply/visit"))
    await reader.send("/apply/who", **PERSON | {"name": "Harjit Singh"})
    shown = await reader.send("/apply/visit", **one_tab, **WHY)
    assert (shown.status_code, "changed in another window" in shown.text) == (409, True)
    assert "The application is now for: Harjit Singh" in shown.text
    assert WHY["purpose"] in shown.text, "what was typed is still there"
    seen_now = await reader.send("/apply/visit", **hidden(shown), **WHY)
    assert seen_now.url.path == "/en/apply/check"


async def test_a_step_back_in_the_same_tab_changes_nothing_in_another_window(reader: Reader) -> None:
    first = hidden(await reader.open("/apply/who"))
    await reader.answer()
    assert (await reader.send("/apply/who", **first, **PERSON)).url.path == "/en/apply/check"


async def test_a_tab_of_a_sent_application_shows_that_and_starts_no_other(reader: Reader) -> None:
    checked = await reader.answer()
    other_tab = hidden(await reader.open("/apply/visit"))
    await reader.send("/apply/check", **hidden(checked))
    response = await reader.send("/apply/visit", **other_tab, **WHY)
    assert response.url.path == "/en/apply/done"
    assert "sent already" in response.text
    assert REFERENCE in response.text
    assert (
        await reader.send("/apply/companion", **other_tab, name="Simran", child="yes")
    ).url.path == "/en/apply/done"
    assert sum(name == "application.submit" for name, *_ in reader.client.asked) == 1


async def test_the_next_application_has_another_key(reader: Reader) -> None:
    first = hidden(await reader.answer())
    await reader.send("/apply/check", **first)
    second = hidden(await reader.answer())
    assert second["key"] != first["key"]
    await reader.send("/apply/check", **second)
    assert sum(name == "application.submit" for name, *_ in reader.client.asked) == 2


@pytest.mark.parametrize(
    "page",
    ["/apply", "/apply/who", "/sign-in/code", "/status", "/apply/nothing", "/applications/PCS-7K3M-9QW4"],
)
async def test_the_answers_can_be_cleared_on_every_page(reader: Reader, page: str) -> None:
    shown = await reader.open(page)
    assert 'action="/en/sign-out"' in shown.text, shown.status_code


async def test_no_answers_are_cleared_from_a_page_of_staff(reader: Reader) -> None:
    assert 'action="/en/sign-out"' not in (await reader.open("/staff/sign-in")).text


async def test_clearing_leaves_nothing_in_the_browser_also_while_accounts_is_unavailable(
    reader: Reader,
) -> None:
    await reader.send("/apply/who", **PERSON)
    cleared = await reader.send("/sign-out")
    assert cleared.url.path == "/en/cleared"
    taken_back = {
        value.partition("=")[0]
        for value in cleared.history[0].headers.get_list("set-cookie")
        if "Max-Age=0" in value
    }
    of_forms = {f"{name}{number}" for name in ("answers", "result") for number in range(5)}
    assert taken_back == {"session", *of_forms}


# ------------------------------------------------------- without the guards


async def test_control_without_the_digest_unseen_answers_are_sent(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "digest", lambda _: "the same")
    one_tab = hidden(await reader.answer())
    await reader.send("/apply/visit", **WHY)
    await reader.send("/apply/check", **one_tab)
    assert reader.client.last("application.submit")[1].purpose == WHY["purpose"]


async def test_control_without_the_digest_a_form_goes_on_with_the_name_of_another_tab(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader.answer()
    one_tab = hidden(await reader.open("/apply/visit"))
    monkeypatch.setattr(routes, "digest", lambda *_: one_tab["seen"])
    await reader.send("/apply/who", **PERSON | {"name": "Harjit Singh"})
    assert "Harjit Singh" in (await reader.send("/apply/visit", **one_tab, **WHY)).text


async def test_control_without_the_key_an_old_tab_starts_another_application(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = await reader.answer()
    other_tab = hidden(await reader.open("/apply/visit"))
    await reader.send("/apply/check", **hidden(checked))
    monkeypatch.setattr(routes, "was_sent", lambda *_: False)
    assert (await reader.send("/apply/visit", **other_tab, **WHY)).url.path == "/en/apply/who"


async def test_control_without_the_stored_fields_the_answer_is_lost_after_signing_in(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ApplyRoute, "signed_out", PageRoute.signed_out)
    await reader.answer()
    reader.sign_out_by_time()
    asked = await reader.send("/apply/visit", **WHY)
    assert WHY["purpose"] not in (await prove_again(reader, reader.client, hidden(asked)["to"])).text


async def test_control_without_the_fields_in_the_outage_page_the_choice_is_lost(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ApplyRoute, "repeated", PageRoute.repeated)
    await reader.answer()
    reader.client.answers["application.check"] = reader.client.answers["approval.officers"] = Unavailable(
        "down"
    )
    assert hidden(await reader.send("/apply/visit", **WHY)) == {}

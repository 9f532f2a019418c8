"""The pages of operations: what is wrong comes first, silence is never health, and a replay counts once."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import NotFound, Unavailable
from contracts.ops import (
    Breaker,
    ChannelView,
    JobView,
    LetterList,
    Part,
    Replay,
    Replayed,
    Report,
    VendorView,
)
from contracts.rpc.call import Proof
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import proved_by
from services.chassis.runtime.clock import now
from services.gateway.pages.ops import findings
from services.gateway.pages.ops.findings import Findings
from services.gateway.pages.shared import reports
from services.gateway.pages.shared.reports import doubt_old_looks, vendors_of
from tests.support.factories.gateway import browser, signed, staff_claims, stubbed
from tests.support.factories.system_report import (
    INSIDE,
    LETTER,
    LETTERS,
    TROUBLE,
    UNKNOWN,
    VENDORS,
    known,
    outboxes,
    process,
    report,
    unknown,
)
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import EVENT_KEYS
from tests.support.stack.yaml_files import load
from tests.support.system.page_reader import SAME_SITE, Reader

CHECKS = {"broker": True, "session_keys": True, "denied_sessions": True}
DEAD = "/en/ops/dead-letters/verify.PassIssued"
REPLAY = f"{DEAD}/{LETTER.id}/replay"
SAID: tuple[tuple[Breaker, int], ...] = (("closed", 20), ("open", 10), ("half_open", 30))
FORM = {"key": "k-1", "replayed": "1"}


@pytest.fixture
async def operator() -> AsyncIterator[Reader]:
    app, client = stubbed(
        ops__report=report(), ops__letterlist=LETTERS, ops__replayed=Replayed(outcome="replayed")
    )
    await app.state.gateway.keys.refresh()
    await app.state.gateway.denied.refresh()
    async with browser(app) as http:
        http.cookies.set("session", signed(staff_claims("ops")))
        yield Reader(http, client)


def said(given: Report | None, checks: dict[str, bool] = CHECKS) -> list[str]:
    return [one.text for one in Findings("en").of(given and doubt_old_looks(given), checks)]


def old(part: Part[Any]) -> Part[Any]:
    """Return a part whose looks hang: it answered an hour ago, and nothing has failed since."""
    return part.model_copy(update={"looked_at": unknown().looked_at})


async def test_the_page_says_that_all_is_well_and_shows_every_part(operator: Reader) -> None:
    shown = (await operator.http.get("/en/ops")).text
    assert "All is well." in shown
    for what in ("accounts", "gateway", "notify.PassIssued", "2,310", "812", "entries 412", "0.5.0"):
        assert what in shown
    for what in ("whatsapp_cloud", "180 of 1,000", "176 of 180", "2,214 of 2,290", "no limit", "1,207"):
        assert what in shown
    assert re.search(r"Given to gates.*\n.*7 s", shown)
    assert ">none</th>" not in shown


async def test_whatever_is_wrong_stands_at_the_top_with_its_runbook(operator: Reader) -> None:
    operator.client.answers["ops.report"] = TROUBLE
    shown = (await operator.http.get("/en/ops")).text
    assert "All is well." not in shown
    for sentence, runbook in (
        ("Without an answer: relay.", "A process is gone"),
        ("verify is not ready: database, rpc-verify.", "A process is gone"),
        ("The clock of verify and those of the gateways differ by 4.2 seconds.", "Clocks differ"),
        ("Nobody consumes verify.PassIssued.", "A consumer is gone"),
        ("Dead letters wait to be looked at: verify.PassIssued (3), rpc-accounts (1).", "Dead letters"),
        (
            "Events have waited for 2 minutes to be sent: accounts, application, approval, issuance, +2.",
            "Relay behind",
        ),
        ("No message on whatsapp was delivered within a day, and 31 failed.", "Messages are not delivered"),
        ("Databases that take no changes: accounts, ", "A database is away"),
        ("Somebody has waited for 3 minutes for a one-time code.", "Codes wait"),
        ("Vendors that are left alone because they fail: msg91.", "A vendor is left alone"),
        ("whatsapp_cloud takes only 12 more messages today.", "A daily limit is nearly reached"),
        (
            "because a clock is in doubt, or more is due at once than usual: accounts purge_outbox, ",
            "A destructive job is refused",
        ),
        ("The books do not balance: inside.", "An invariant is broken"),
        ("How old the list of revoked passes is, is unknown.", "Revocations are old"),
        ("The list of revoked passes is 10 minutes old.", "Revocations are old"),
        (
            "Jobs that have not succeeded for three of their intervals: verify close_overdue_visits.",
            "A job does not run",
        ),
    ):
        assert re.search(rf"{re.escape(sentence)}.*“{runbook}", shown), sentence


async def test_what_does_not_answer_is_unknown_and_no_old_number_is_shown_for_it(operator: Reader) -> None:
    operator.client.answers["ops.report"] = UNKNOWN
    answer = await operator.http.get("/en/ops")
    assert answer.status_code == 200
    assert "All is well." not in answer.text
    assert "queues and dead letters are unknown" in answer.text
    assert re.search(r"Databases that have not answered since .*: accounts\.", answer.text)
    assert "whether they balance is unknown" in answer.text
    assert "No answer since" in answer.text
    assert "No answer yet: unknown." in answer.text
    for old in ("verify.PassIssued", "entries 412", "4,711", "4,712"):
        assert old not in answer.text


async def test_processes_that_nobody_looks_at_any_more_are_not_shown_as_well(operator: Reader) -> None:
    for part in (unknown(process("relay")), old(known(process("relay")))):
        operator.client.answers["ops.report"] = report(processes=part)
        shown = (await operator.http.get("/en/ops")).text
        assert "All is well." not in shown
        assert re.search(r"Processes were looked at last at .*: which ones work is unknown\.", shown)
        assert ">relay<" not in shown


async def test_without_the_exporter_the_page_still_shows_what_this_gateway_sees(operator: Reader) -> None:
    operator.client.answers["ops.report"] = Unavailable()
    answer = await operator.http.get("/en/ops")
    assert answer.status_code == 200
    assert "The exporter does not answer: the rest is unknown." in answer.text
    assert answer.text.count("No answer yet: unknown.") == 11
    assert "Connection to the services" in answer.text


def test_nothing_is_wrong_with_a_system_that_is_well() -> None:
    assert said(report()) == []


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"processes": Part()}, id="no process is known"),
        pytest.param({"queues": Part()}, id="no queue was ever seen"),
        pytest.param({"queues": unknown()}, id="the broker is silent"),
        pytest.param({"outboxes": ()}, id="no database is known"),
        pytest.param({"outboxes": outboxes(answers=False)}, id="databases are silent"),
        pytest.param({"invariants": Part()}, id="books were never checked"),
        pytest.param({"invariants": unknown(INSIDE)}, id="books cannot be checked"),
        pytest.param({"invariants": old(known(INSIDE))}, id="a check of the books hangs"),
        pytest.param({"processes": unknown(process("relay"))}, id="processes cannot be looked at"),
        pytest.param({"processes": old(known(process("relay")))}, id="the look at processes hangs"),
        pytest.param({"queues": old(report().queues)}, id="the look at queues hangs"),
        pytest.param({"outboxes": outboxes(looked_at=unknown().looked_at)}, id="that at databases hangs"),
        pytest.param({"channels": unknown()}, id="messages are not told"),
        pytest.param({"lanes": unknown()}, id="what waits to be sent is not told"),
        pytest.param({"receipts": unknown()}, id="receipts are not told"),
        pytest.param({"lanes": old(report().lanes)}, id="the look at what waits hangs"),
        pytest.param({"gates": unknown()}, id="scans are not told"),
        pytest.param({"processes": known(process("relay", state="no_answer"))}, id="a process is silent"),
    ],
)
def test_silence_is_never_health(given: dict[str, object]) -> None:
    assert said(report(**given)) != []


def test_a_gateway_without_a_broker_or_without_keys_says_so() -> None:
    assert said(report(), CHECKS | {"broker": False}) == ["This gateway has no connection to the broker."]
    assert "nobody can sign in here" in said(report(), CHECKS | {"session_keys": False})[0]


async def test_each_job_is_shown_once_by_the_replica_in_which_it_succeeded_longest_ago(
    operator: Reader,
) -> None:
    ages = (30.0, 400.0, 60.0)
    operator.client.answers["ops.report"] = report(
        processes=known(
            *(process("verify", jobs=(JobView(name="sweep", interval=60.0, age=age),)) for age in ages)
        )
    )
    shown = (await operator.http.get("/en/ops")).text
    assert shown.count(">sweep<") == 1
    assert "three of their intervals: verify sweep." in shown


@pytest.mark.parametrize(
    ("interval", "age", "is_late"),
    [(60, 180, False), (60, 181, True), (5, 60, False), (5, 61, True), (3600, 10_801, True)],
)
def test_a_job_is_late_after_three_intervals_and_a_minute(
    interval: float, age: float, *, is_late: bool
) -> None:
    job = JobView(name="sweep", interval=interval, age=age)
    assert (said(report(processes=known(process("verify", jobs=(job,))))) != []) is is_late


def test_many_names_are_counted() -> None:
    silent = [process(f"p{number}", state="no_answer") for number in range(9)]
    assert said(report(processes=known(*silent))) == ["Without an answer: p0, p1, p2, p3, +5."]


def test_every_runbook_is_a_section_of_the_page_of_runbooks() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text()
    headings = set(re.findall(r"^#+ (.+)$", page, re.MULTILINE))
    assert set(findings.RUNBOOKS) <= headings


def test_the_limits_are_those_of_the_alerts() -> None:
    file = Path(ROOT / "deploy" / "prometheus" / "alerts.yml")
    rules = {rule["alert"]: rule["expr"] for rule in load(file.read_text())["groups"][0]["rules"]}
    assert rules["RelayBehind"].endswith(f"> {findings.LATE_OUTBOX_SECONDS}")
    assert rules["ClockSkew"].endswith(f"> {findings.CLOCK_SECONDS}")
    assert f"> {reports.OLD_LOOK_SECONDS}" in rules["NobodyLooks"]
    assert "> clamp_min(3 * epass_job_interval_seconds, 60)" in rules["JobLate"]
    assert rules["CodesWait"].endswith(f"> {findings.CODE_SECONDS}")
    assert rules["QuotaNearlyGone"].endswith(f"< {round(1 - findings.QUOTA_SHARE, 2)}")


async def test_without_a_sender_receipts_are_shown_and_the_rest_of_a_vendor_is_unknown(
    operator: Reader,
) -> None:
    silent = process("sender", state="no_answer", version="", vendors=VENDORS)
    operator.client.answers["ops.report"] = report(processes=known(silent))
    shown = (await operator.http.get("/en/ops")).text
    assert "No sender answers: whether a vendor is left alone" in shown
    assert "2,214 of 2,290" in shown
    assert "180 of 1,000" not in shown
    assert "no limit" not in shown
    nameless = known(process("sender", state="no_answer"))
    operator.client.answers["ops.report"] = report(processes=nameless, receipts=known())
    shown = (await operator.http.get("/en/ops")).text
    assert "No sender answers: whether a vendor is left alone" in shown
    assert "No vendor is connected." not in shown


async def test_without_the_database_vendors_are_shown_and_what_they_told_is_unknown(operator: Reader) -> None:
    operator.client.answers["ops.report"] = report(lanes=unknown(), receipts=unknown(), channels=unknown())
    shown = (await operator.http.get("/en/ops")).text
    assert "What vendors have told of messages is unknown." in shown
    assert "180 of 1,000" in shown
    assert "176 of 180" not in shown


@pytest.mark.parametrize(
    ("language", "why", "nobody"),
    [
        (
            "en",
            "The vendor refused our credentials; The text is not registered",
            "people who hide their number",
        ),
        ("pa", "ਸੇਵਾ ਪ੍ਰਦਾਤਾ ਨੇ ਸਾਡਾ ਟੋਕਨ ਜਾਂ ਪਾਸਵਰਡ ਨਹੀਂ ਮੰਨਿਆ", "ਆਪਣਾ ਨੰਬਰ ਲੁਕਾਉਣ ਵਾਲੇ 2"),
    ],
)
async def test_a_channel_says_in_words_why_its_vendor_fails_and_what_people_may_have_twice(
    operator: Reader, language: str, why: str, nobody: str
) -> None:
    channel = ChannelView(
        channel="whatsapp",
        delivered=0,
        waiting=9,
        failed=31,
        repeated=17,
        reasons=("credentials", "template"),
        unknown_opt_outs=2,
    )
    operator.client.answers["ops.report"] = report(channels=known(channel))
    shown = (await operator.http.get(f"/{language}/ops")).text
    assert why in shown
    assert re.search(r"</span> 17</td>", shown)
    assert nobody in shown


def test_of_several_senders_the_worst_word_about_a_vendor_counts() -> None:
    def say(breaker: Breaker, left: int) -> VendorView:
        return VendorView(provider="whatsapp_cloud", breaker=breaker, quota=250, quota_left=left)

    senders = (process("sender", vendors=(say(breaker, left),)) for breaker, left in SAID)
    (vendor,) = vendors_of(report(processes=known(*senders), receipts=known())).items
    assert (vendor.breaker, vendor.quota, vendor.used) == ("open", 250, 240)


async def test_dead_letters_are_counted_by_kind_and_listed(operator: Reader) -> None:
    shown = (await operator.http.get(DEAD)).text
    assert "The oldest 2 of 101 are shown." in shown
    assert "UnknownApplication" in shown
    assert f'href="{DEAD}/{LETTER.id}">pass:7K3M9QW4</a>' in shown


async def test_a_letter_is_shown_without_its_sealed_part_and_leads_to_a_question(operator: Reader) -> None:
    shown = (await operator.http.get(f"{DEAD}/{LETTER.id}")).text
    assert "7K3M9QW4" in shown
    assert f'href="{REPLAY}"' in shown
    assert "Send pass:7K3M9QW4 back to its consumer?" in (await operator.http.get(REPLAY)).text


@pytest.mark.parametrize(("outcome", "notice"), [("replayed", "It was sent back"), ("gone", "Nothing was")])
async def test_a_replay_names_the_letter_how_often_it_was_replayed_and_the_operator(
    operator: Reader, outcome: str, notice: str
) -> None:
    operator.client.answers["ops.replayed"] = Replayed(outcome=outcome)
    answer = await operator.http.post(REPLAY, data=FORM, headers=SAME_SITE)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{DEAD}?notice={outcome}")
    method, path, content, _ = operator.client.last("ops.replayed")[1]
    assert (method, path) == ("POST", f"/dead-letters/verify.PassIssued/{LETTER.id}/replay")
    assert Replay.model_validate_json(content) == Replay(replayed=1, by="OPS-0001")
    assert notice in (await operator.http.get(answer.headers["location"])).text


@pytest.mark.parametrize("path", [DEAD, f"{DEAD}/{LETTER.id}", REPLAY])
async def test_whoever_reads_dead_letters_is_named_to_the_exporter(operator: Reader, path: str) -> None:
    await operator.http.get(path)
    method, path, content, headers = operator.client.last("ops.letterlist")[1]
    assert (method, path, content) == ("GET", "/dead-letters/verify.PassIssued", None)
    proved = proved_by(Proof.model_validate_json(headers["X-Proof"]), EventKeys(EVENT_KEYS), now())
    assert (proved.id, proved.role) == ("OPS-0001", "ops")


async def test_a_replay_whose_outcome_is_unknown_is_offered_again_with_the_same_form(
    operator: Reader,
) -> None:
    operator.client.answers["ops.replayed"] = Unavailable()
    answer = await operator.http.post(REPLAY, data=FORM, headers=SAME_SITE)
    assert answer.status_code == 503
    assert 'name="replayed" value="1"' in answer.text


@pytest.mark.parametrize(
    "path", [f"{DEAD}/nothing", "/en/ops/dead-letters/rpc-accounts", "/en/ops/dead-letters/a%3Fb.c"]
)
async def test_what_is_no_letter_is_not_asked_for(operator: Reader, path: str) -> None:
    assert (await operator.http.get(path)).status_code == 404
    assert not operator.client.was_asked("ops.letterlist")


@pytest.mark.parametrize("replayed", ["", "-1", "x", "²", "9999999"])
async def test_a_form_without_the_number_of_replays_sends_nothing(operator: Reader, replayed: str) -> None:
    answer = await operator.http.post(REPLAY, data=FORM | {"replayed": replayed}, headers=SAME_SITE)
    assert answer.status_code == 404
    assert not operator.client.was_asked("ops.replayed")


async def test_a_forged_letter_says_so_and_leads_to_no_replay(operator: Reader) -> None:
    forged = LETTER.model_copy(update={"genuine": False})
    operator.client.answers["ops.letterlist"] = LetterList(
        queue="verify.PassIssued", total=1, items=(forged,)
    )
    shown = (await operator.http.get(f"{DEAD}/{LETTER.id}")).text
    assert "It is forged" in shown
    assert f'href="{REPLAY}"' not in shown
    assert (await operator.http.get(REPLAY)).status_code == 404


async def test_a_letter_that_is_gone_and_a_queue_that_is_not_there_are_not_found(operator: Reader) -> None:
    operator.client.answers["ops.letterlist"] = LetterList(queue="verify.PassIssued", total=0, items=())
    assert (await operator.http.get(f"{DEAD}/{LETTER.id}")).status_code == 404
    assert "There are none." in (await operator.http.get(DEAD)).text
    operator.client.answers["ops.letterlist"] = NotFound()
    assert (await operator.http.get(DEAD)).status_code == 404

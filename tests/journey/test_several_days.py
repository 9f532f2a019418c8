"""A pass for several days, through HTTP only; for its gate days pass by moving the gate's copy of it back."""

import json
from datetime import datetime, timedelta

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import create_engine, text

from contracts.model import IST
from epass_client import calls
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, messages, ok, today
from tests.support.system.system import System

DAY = timedelta(days=1)


def hours_around_now() -> dict[str, str]:
    """Return a slot of today that is open now; in the last minutes before midnight the first of tomorrow."""
    now, day = datetime.now(IST), today()
    if now.date().isoformat() != day:
        return {"date": day, "from": "00:00", "to": "01:00"}
    hour = timedelta(hours=1)
    start, end = (now - hour if now.hour else now.replace(hour=0, minute=0)), now + hour
    closes = f"{end:%H:%M}" if end.date() == now.date() else "23:59"
    return {"date": day, "from": f"{start:%H:%M}", "to": closes}


def let_time_pass(system: System, number: str, passed: timedelta) -> None:
    """Move the hours of a pass back at its gate, which is the same for it as that the time passes."""
    moved = text(
        "update passes set valid_from = valid_from - :passed, valid_to = valid_to - :passed "
        "where number = :number"
    )
    engine = create_engine(system.stack.database_url("verify"))
    with engine.begin() as connection:
        assert connection.execute(moved, {"passed": passed, "number": number}).rowcount == 1
    engine.dispose()


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
def test_a_pass_for_two_days_admits_once_on_each_and_at_no_other_time(
    system, applicant, department, officer, reception
) -> None:
    reference, tomorrow = applicant.apply(), datetime.fromisoformat(today(1)).date()
    review = department.approve(
        reference, **hours_around_now(), last_day=tomorrow, days_reason="A hearing on two days"
    )
    assert (review.decision.further_days, review.decision.days_reason) == (
        (tomorrow,),
        "A hearing on two days",
    )
    summary = applicant.wait_for_pass(reference)
    number, token = summary.number, applicant.token(summary.number)
    assert summary.further_days == (tomorrow,)
    keys = KeySet.import_key_set(ok(system.http().get("/.well-known/jwks.json")))
    claims = json.loads(jws.deserialize_compact(token, keys, algorithms=["EdDSA"]).payload)
    assert (claims["days"], claims["exp"]) == ([1], int(summary.valid_to.timestamp()))
    message = eventually(lambda: messages(system, applicant.mobile, "pass_issued"), "the pass arrives")[0]
    assert f" {tomorrow.day} " in message.text, "the last of its days"
    officer.wait_to_know(token)
    reissued = reception.send(calls.reissue_pass(number))
    assert reissued.further_days == (tomorrow,)
    number, token = reissued.number, reissued.token
    officer.wait_to_know(token)

    def come_and_go() -> list[str]:
        verdicts = [officer.scan(token=token, id_check=MATCHED).verdict]
        officer.scan(token=token, direction="exit")
        return [*verdicts, officer.scan(token=token, id_check=MATCHED).verdict]

    assert come_and_go() == ["admit", "already_used"]
    applicant.wait_for(reference, "left")
    let_time_pass(system, number, DAY / 2)
    night = officer.scan(token=token, id_check=MATCHED)
    assert (night.verdict, night.days[-1] - night.days[0]) == ("not_yet_valid", DAY)
    let_time_pass(system, number, DAY / 2)
    assert come_and_go() == ["admit", "already_used"]
    let_time_pass(system, number, DAY)
    assert officer.scan(token=token, id_check=MATCHED).verdict == "expired"
    seen = [
        entry.what for entry in eventually(lambda: twice_left(applicant, reference), "both days").timeline
    ]
    assert (seen.count("entered"), seen.count("left")) == (2, 2)


def twice_left(applicant, reference):
    view = applicant.view(reference)
    return view if [entry.what for entry in view.timeline].count("left") == 2 else None

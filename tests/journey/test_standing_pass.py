"""A pass for who comes each week, from the wish for it to its end."""

from datetime import date
from uuid import UUID

import pytest

from contracts.model import Slot
from epass_client import Problem, calls
from tests.support.factories.application import photograph
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, slot, today
from tests.support.system.page_reader import Browser, hidden

LOOKED_AT = {"kind": "seen", "id_type": "voter_id"}
"""The guard has seen the ID card, and typed nothing of it."""
WHY = "He mends the lifts each week"


def test_a_standing_pass_needs_two_approvals_and_ends_at_once_when_either_office_says_so(
    system, applicant, department, officer, reception, ado
) -> None:
    first, last = (date.fromisoformat(today(days)) for days in (0, 60))
    weekdays = sorted({first.weekday(), (first.weekday() + 2) % 7})
    reference = applicant.apply(companions=[], weekly_until=last.isoformat())
    review_id: UUID = department.review_of(reference).id
    wanted = calls.approve_review(
        review_id, Slot.model_validate(slot()), last_day=last, weekdays=weekdays, days_reason=WHY, entries=4
    )
    with pytest.raises(Problem) as refused:
        department.send(wanted)
    assert refused.value.code == "standing_no_photograph"

    counter = Browser(system, reception.client.token, "en")
    of_visit = f"/counter/applications/{reference}"
    asked = counter.open(of_visit)
    assert "They ask for a standing pass." in asked.text
    counter.send(f"{of_visit}/camera", **hidden(asked) | {"photograph": photograph((240, 320))})

    eventually(lambda: department.review_of(reference).photographed, "the department has heard of it")
    assert department.send(wanted).standing_state == "waiting"
    assert applicant.view(reference).pass_ is None, "one approval makes no pass"

    offices = {"ado": Browser(system, ado.client.token, "en")}
    offices["department"] = Browser(system, department.client.token, "en")

    def settle(who: str, step: str, note: str = "") -> None:
        form = hidden(offices[who].open("/desk/standing"))
        offices[who].send(f"/desk/standing/{review_id}", **form, step=step, note=note)

    settle("ado", "approve")
    its_pass = applicant.wait_for_pass(reference)
    officer.wait_to_know(applicant.token(its_pass.number))

    def enter(**shown: object) -> str:
        return officer.scan(id_check=LOOKED_AT, **shown).verdict

    assert enter(pass_number=its_pass.number) == "id_mismatch", "paper needs the last four of the ID card"
    assert enter(token=applicant.token(its_pass.number)) == "admit", "the code of this minute"
    assert officer.scan(token=applicant.token(its_pass.number), direction="exit").verdict == "exit"

    held = applicant.token(its_pass.number)
    settle("department", "suspend", "The contract is being looked at")
    eventually(lambda: enter(token=held) == "revoked", "the gate refuses it")
    assert officer.scan(pass_number=its_pass.number, id_check=MATCHED).verdict == "revoked"

    settle("department", "lift")

    def of_another_number() -> str | None:
        new = applicant.view(reference).pass_
        return new.number if new is not None and new.number != its_pass.number else None

    number = eventually(of_another_number, "the holder gets a new pass")
    officer.wait_to_know(applicant.token(number))
    assert enter(token=applicant.token(number)) == "admit"
    assert enter(token=held) == "revoked", "the old number stays refused"

    last_code = applicant.token(number)
    settle("ado", "end", "The contract has ended")
    eventually(lambda: enter(token=last_code) == "revoked", "no gate admits it any more")
    assert reference not in offices["ado"].open("/desk/standing").text

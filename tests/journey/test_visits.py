"""A visitor cannot be received today. `tests/e2e/test_visit.py` has the usual course."""

import re

from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, issued, messages
from tests.support.system.page_reader import SAME_SITE, hidden


def test_an_office_gives_a_visitor_whom_it_cannot_receive_another_day(
    system, applicant, department, officer
) -> None:
    reference, its_pass = issued(applicant, department)
    officer.scan(token=applicant.token(its_pass.number), id_check=MATCHED)

    def of_timeline(what: str) -> list:
        return [one.facts.get("answer") for one in applicant.view(reference).timeline if one.what == what]

    eventually(lambda: of_timeline("office_told"), "the office knows who has come")
    page = f"/en/desk/visits/{department.review_of(reference).id}/day"
    with system.http() as desk:
        desk.headers.update(SAME_SITE)
        desk.cookies.set("session", department.client.token or "")
        days = desk.get(page)
        slot = re.findall(r'value="(\d{4}-[\d-]+ [\d:]+ [\d:]+)"', days.text)[0]
        assert desk.post(page, data={**hidden(days), "slot": slot}).status_code == 303

    def of_another_day() -> bool:
        new = applicant.view(reference).pass_
        return new is not None and new.number != its_pass.number and f"{new.valid_to:%Y-%m-%d}" in slot

    eventually(of_another_day, "there is a pass for the other day")
    date = "-".join(reversed(slot.split()[0].split("-")))
    eventually(
        lambda: [one for one in messages(system, applicant.mobile, "pass_issued") if date in one.text],
        "the new pass comes as every pass does",
    )
    eventually(lambda: "not_today" in of_timeline("visit_answered"), "the visitor is told")

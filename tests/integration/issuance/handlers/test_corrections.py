"""A correction that the department has confirmed: a new pass for whoever comes, and the old one is over."""

from typing import Any

import pytest

from contracts.errors import Conflict
from contracts.events import (
    CorrectionPersonal,
    CorrectionSettled,
    Event,
    PassApproved,
    PassIssued,
    PassRevoked,
)
from contracts.model import Companion
from contracts.rpc.issuance import ReissuePass
from services.chassis.db.database import Database
from services.issuance.handlers import passes
from tests.support.factories.envelopes import example
from tests.support.factories.issuance import (
    NOW,
    SETTINGS,
    applicant,
    approved,
    calling,
    cancelled,
    citizen,
    deliver,
    erased,
    issue,
    published,
    rows,
    withdrawn,
)

RIGHT = "Harjinder Kaur Gill"


def confirmed(approval: PassApproved, name: str = RIGHT, **changes: Any) -> CorrectionSettled:
    companions = (Companion(name="Noor", child=True),)
    person = applicant(name=name, name_latin=name, id_last4="7777", mobile="+919811122233")
    personal = CorrectionPersonal(applicant=person, companions=companions)
    facts = {"number": 1, "outcome": "applied", "party": 2, "personal": personal}
    facts |= {"approved_revision": approval.revision}
    return example(CorrectionSettled, approval, **{**facts, **changes})


def hear(database: Database, event: CorrectionSettled) -> None:
    with database.transaction() as session:
        passes.correct(event, session, NOW, SETTINGS)


def test_the_pass_is_issued_anew_for_who_comes_now_and_the_old_one_is_revoked(database: Database) -> None:
    approval = approved()
    old = issue(database, approval)
    hear(database, confirmed(approval))
    first, second = rows(database)
    assert (first.number, first.revocation) == (old.number, "reissued")
    assert second.personal is not None
    assert old.personal is not None
    assert (second.personal.applicant.name, second.visit.party) == (RIGHT, 2)
    assert second.personal.applicant.mobile == old.personal.applicant.mobile, "the pass follows no correction"
    assert (second.personal.purpose, second.visit.slot) == (old.personal.purpose, old.visit.slot)
    assert second.idc != old.idc, "the gate compares the card of now"
    _, revoked, again = published(database)
    assert isinstance(revoked, PassRevoked)
    assert isinstance(again, PassIssued)
    assert (revoked.replaced, again.replaces, again.party) == (True, old.number, 2)
    assert [one.name for one in again.personal.companions] == ["Noor"]


def test_confirmed_corrections_take_none_of_the_three_passes_that_a_person_may_ask_for(
    database: Database,
) -> None:
    approval = approved()
    issue(database, approval)

    def lose() -> None:
        request = ReissuePass(number=rows(database)[-1].number)
        with database.transaction() as session:
            passes.reissue(request, calling(citizen()), session, NOW, SETTINGS)

    for number in (1, 2, 3):
        hear(database, confirmed(approval, f"{RIGHT} {number}", number=number))
        lose()
    assert [one.revocation for one in rows(database)] == ["reissued"] * 6 + [None]
    with pytest.raises(Conflict, match="too_many_reissues"):
        lose()


def test_an_earlier_correction_that_comes_late_or_twice_changes_nothing(database: Database) -> None:
    approval = approved()
    issue(database, approval)
    hear(database, confirmed(approval, number=2))
    for late in (confirmed(approval, "Earlier", number=1), confirmed(approval, number=2)):
        hear(database, late)
    assert len(rows(database)) == 2
    assert rows(database)[-1].personal.applicant.name == RIGHT  # type: ignore[union-attr]


def test_one_of_an_earlier_approval_does_not_replace_the_pass_of_a_later_one(database: Database) -> None:
    approval = approved()
    issue(database, approval)
    later = approval.model_copy(update={"revision": approval.revision + 1})
    issue(database, later)
    passes_before = [one.number for one in rows(database)]
    hear(database, confirmed(approval))
    assert [one.number for one in rows(database)] == passes_before


def test_one_that_comes_before_its_approval_waits_for_it(database: Database) -> None:
    approval = approved()
    with pytest.raises(passes.UnknownApproval):
        hear(database, confirmed(approval))
    issue(database, approval)
    hear(database, confirmed(approval))
    assert rows(database)[-1].personal.applicant.name == RIGHT  # type: ignore[union-attr]


def test_nothing_is_issued_where_it_waits_was_refused_or_no_pass_is_good(database: Database) -> None:
    ends: tuple[Any, ...] = (None, None, None, withdrawn, cancelled, erased)
    others: tuple[dict[str, Any], ...] = (
        {"outcome": "waits"}, {"outcome": "refused"}, {"approved_revision": None}, {}, {}, {},
    )  # fmt: skip
    for end, other in zip(ends, others, strict=True):
        approval = approved()
        issue(database, approval)
        if end is not None:
            event: Event = end(approval)
            deliver(database, event, seq=2)
        hear(database, confirmed(approval, **other))
        assert len(rows(database, approval.application_id)) == 1, (end, other)

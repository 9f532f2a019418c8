"""Standing passes: a code that changes, and a suspension that is a revocation with another pass after it."""

from datetime import date, datetime, timedelta

import jwt
import pytest

from contracts.events import PassApproved, PassIssued, PassRevoked, StandingPassChanged
from contracts.rpc.issuance import LinkCode, PassNumber
from contracts.tokens import FRESH_SECONDS
from services.issuance.handlers import passes, status_list, views
from tests.support.factories.envelopes import example
from tests.support.factories.issuance import (
    NOW,
    SETTINGS,
    VALID_FROM,
    VALID_TO,
    approved,
    calling,
    citizen,
    issue,
    published,
    rows,
    staff,
    withdrawn,
)

WEEKLY = tuple(date(2026, 12, 1) + timedelta(days=7 * week) for week in range(1, 25))
DAY = timedelta(days=1)


def weekly(**changes: object) -> PassApproved:
    return approved(further_days=WEEKLY, recurring=True, entries=4, **changes)


def changed(approval: PassApproved, number: int, *, suspended: bool) -> StandingPassChanged:
    return example(StandingPassChanged, approval, number=number, suspended=suspended)


def hear(database, event: StandingPassChanged, at: datetime = NOW) -> None:
    with database.transaction() as session:
        passes.switch(event, session, at, SETTINGS)


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def shown(database, row, at: datetime) -> dict:
    with database.queries() as session:
        seen = views.view_by_link(LinkCode(code=row.link_code), calling(), session, at, SETTINGS)
    return claims_of(seen.token)


def test_each_look_at_the_page_has_another_code_of_that_day_alone(database) -> None:
    row = issue(database, weekly())
    first, later = shown(database, row, NOW), shown(database, row, NOW + timedelta(minutes=1))
    assert later["fresh"] - first["fresh"] == 60
    assert first["fresh"] == int(NOW.timestamp()) + FRESH_SECONDS
    assert (first["nbf"], first["exp"]) == (int(VALID_FROM.timestamp()), int(VALID_TO.timestamp()))
    third = shown(database, row, VALID_FROM + 14 * DAY)
    assert third["nbf"] == int((VALID_FROM + 14 * DAY).timestamp())
    assert "days" not in third, "the code stays small"


def test_paper_and_messages_have_no_new_code(database) -> None:
    row = issue(database, weekly())
    with database.queries() as session:
        printed = views.view(PassNumber(number=row.number), calling(staff()), session, NOW, SETTINGS)
        own = views.view(PassNumber(number=row.number), calling(citizen()), session, NOW, SETTINGS)
    assert claims_of(printed.token)["fresh"] == 0
    assert claims_of(own.token)["fresh"] > NOW.timestamp()
    (event,) = published(database)
    assert event.recurring
    assert event.personal.token is None


def test_a_suspended_pass_is_on_the_status_list_and_a_lifted_one_has_another_number(database) -> None:
    approval = weekly()
    old = issue(database, approval)
    late = NOW + 120 * DAY
    hear(database, changed(approval, 1, suspended=True), late)
    with database.transaction() as session:
        status_list.sign_when_due(session, late, SETTINGS)
        listed = claims_of(status_list.current(session, late, SETTINGS).jws)["revoked"]
    assert listed == [old.number], "its first day is long past, and it stays on the list to its last"
    hear(database, changed(approval, 2, suspended=False), late)
    first, second = rows(database)
    assert (first.revocation, second.revocation, second.replaces) == ("suspended", None, old.number)
    assert second.link_code != old.link_code
    issued, revoked, again = [one for one in published(database) if isinstance(one, PassIssued | PassRevoked)]
    assert (revoked.reason, revoked.replaced, again.recurring) == ("suspended", False, True)
    assert again.further_days == issued.further_days


def test_steps_that_come_late_or_twice_change_nothing(database) -> None:
    approval = weekly()
    issue(database, approval)
    hear(database, changed(approval, 2, suspended=False))
    hear(database, changed(approval, 1, suspended=True))
    assert [one.revocation for one in rows(database)] == [None]
    for _ in range(2):
        hear(database, changed(approval, 3, suspended=True))
    assert [one.revocation for one in rows(database)] == ["suspended"]


def test_one_that_comes_before_its_approval_waits_for_it(database) -> None:
    approval = weekly()
    with pytest.raises(passes.UnknownApproval):
        hear(database, changed(approval, 1, suspended=True))


def test_what_has_ended_is_not_lifted_and_its_holder_is_told(database) -> None:
    approval = weekly()
    issue(database, approval)
    hear(database, changed(approval, 1, suspended=True))
    for _ in range(2):
        with database.transaction() as session:
            passes.withdraw(withdrawn(approval), session, NOW + DAY)
    hear(database, changed(approval, 2, suspended=False))
    assert [(one.revocation, one.revoked_at) for one in rows(database)] == [("withdrawn", NOW)]
    told = [one for one in published(database) if isinstance(one, PassRevoked)]
    assert [one.reason for one in told] == ["suspended", "withdrawn"], "its holder hears that it has ended"
    assert told[-1].withdrawn_for == withdrawn(approval).reason

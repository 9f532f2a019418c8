"""Sessions that nobody uses end, and nobody's ends who works, whatever is down meanwhile."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from contracts.events import SessionEnded
from services.accounts.handlers import idle_sessions
from services.accounts.models import SessionRow
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import Accounts, given_ado, given_login
from tests.support.stack.databases import execute

MINUTE = timedelta(minutes=1)


class Watched(Accounts):
    """Accounts whose gateway reports every minute."""

    def report(self, at: datetime, *active: UUID) -> None:
        with self.db.transaction() as session:
            idle_sessions.record_activity(session, active, at)

    def pass_time(self, since: datetime, minutes: int, *active: UUID) -> datetime:
        """Let the gateway report these sessions each minute, and return the end of that time."""
        for minute in range(1, minutes + 1):
            self.report(since + minute * MINUTE, *active)
        return since + minutes * MINUTE

    def end_idle(self, at: datetime) -> set[UUID]:
        """Run the job; return the sessions that it has ended."""
        before = {published.event.sid for published in self.published(SessionEnded)}
        with self.db.transaction() as session:
            ended = idle_sessions.end_idle(session, at, self.settings)
        after = {published.event.sid for published in self.published(SessionEnded)}
        assert len(after - before) == ended
        return after - before

    def opened(self, login_id: str, at: datetime) -> UUID:
        return UUID(self.claims(self.log_in(login_id, at=at).access_token)["sid"])


@pytest.fixture
def accounts(databases) -> Watched:
    accounts = Watched(databases["accounts"])
    given_login(accounts.db)
    return accounts


def test_a_session_of_staff_that_nobody_uses_for_half_an_hour_ends_and_a_used_one_does_not(accounts) -> None:
    given_ado(accounts.db)
    at = now()
    idle, used = accounts.opened("HOM-0001", at), accounts.opened("ADO-0001", at)
    accounts.report(at)
    almost = accounts.pass_time(at, 31, used)
    assert accounts.end_idle(almost) == set()
    later = accounts.pass_time(almost, 1, used)
    assert accounts.end_idle(later) == {idle}
    assert accounts.end_idle(later) == set()
    assert set(accounts.denied(later).sessions) == {str(idle)}


def test_who_comes_back_in_the_last_minute_is_not_signed_out_before_the_gateway_could_tell(accounts) -> None:
    at = now()
    sid = accounts.opened("HOM-0001", at)
    accounts.report(at)
    accounts.pass_time(at, 30)
    assert accounts.end_idle(at + 30 * MINUTE) == set(), "they may have clicked half a minute ago"
    accounts.report(at + 31 * MINUTE, sid)
    assert accounts.end_idle(accounts.pass_time(at + 31 * MINUTE, 2)) == set()


def test_a_guard_may_be_away_for_a_shift_and_a_kiosk_for_ever(accounts) -> None:
    given_login(accounts.db, "SEC-0001", "security")
    given_ado(accounts.db)
    at = now()
    kiosk = accounts.issue(role="kiosk", department=None, site="PCS1", name="Main hall", at=at)
    accounts.enrol(kiosk.login_id, kiosk.initial_password, at=at)
    guard = accounts.opened("SEC-0001", at)
    accounts.settings = accounts.settings.model_copy(update={"gate_idle_minutes": 240})
    accounts.report(at)
    accounts.report(later := at + timedelta(minutes=2))
    set_used(accounts, at - timedelta(minutes=239))
    assert accounts.end_idle(later) == set()
    set_used(accounts, at - timedelta(minutes=240))
    assert accounts.end_idle(later) == {guard}


def test_a_session_that_was_used_while_the_clock_was_ahead_ends_as_soon_as_any_other(accounts) -> None:
    at = now() + timedelta(hours=1)
    sid = accounts.opened("HOM-0001", at)
    accounts.report(at + timedelta(hours=6), sid)
    assert accounts.end_idle(at) == set(), "nobody has reported since the clock is right"
    accounts.report(at)
    assert accounts.end_idle(at) == set()
    assert accounts.end_idle(accounts.pass_time(at, 32)) == {sid}


def test_a_process_whose_clock_is_behind_leaves_when_a_session_was_used(accounts) -> None:
    at = now()
    accounts.opened("HOM-0001", at)
    accounts.report(behind := at - timedelta(hours=1))
    set_used(accounts, at)
    assert accounts.end_idle(behind) == set()
    with accounts.db.queries() as session:
        assert session.scalars(select(SessionRow.last_used_at)).one() == at


def test_a_session_of_an_applicant_has_a_limit_of_its_own(accounts) -> None:
    at = now()
    request_id = accounts.request_code(at=at).request_id
    session = accounts.verify(request_id, accounts.code_of(request_id), at=at)
    sid = UUID(accounts.claims(session.access_token)["sid"])
    accounts.settings = accounts.settings.model_copy(update={"applicant_idle_minutes": 45})
    accounts.report(at)
    assert accounts.end_idle(accounts.pass_time(at, 46)) == set()
    assert accounts.end_idle(accounts.pass_time(at + 46 * MINUTE, 1)) == {sid}


def test_while_no_gateway_tells_who_is_active_no_session_ends(accounts) -> None:
    at = now()
    accounts.opened("HOM-0001", at)
    assert accounts.end_idle(at + timedelta(hours=2)) == set(), "no gateway has ever told anything"
    accounts.report(at)
    assert accounts.end_idle(at + timedelta(hours=2)) == set(), "the last one told it two hours ago"


def test_after_an_outage_everybody_has_their_whole_time_again(accounts) -> None:
    at = now()
    sid = accounts.opened("HOM-0001", at)
    accounts.report(at)
    back = at + timedelta(hours=1)
    accounts.report(back)
    assert accounts.end_idle(back) == set()
    assert accounts.end_idle(accounts.pass_time(back, 31)) == set()
    assert accounts.end_idle(accounts.pass_time(back + 31 * MINUTE, 1)) == {sid}


def test_a_session_that_has_ended_is_not_revived_by_a_late_report(accounts) -> None:
    at = now()
    sid = accounts.opened("HOM-0001", at)
    accounts.report(at)
    later = accounts.pass_time(at, 32)
    assert accounts.end_idle(later) == {sid}
    accounts.report(later, sid)
    assert str(sid) in accounts.denied(later).sessions


def set_used(accounts: Accounts, at: datetime) -> None:
    execute(accounts.db, update(SessionRow).values(last_used_at=at))

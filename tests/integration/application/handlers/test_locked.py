"""What has to stay of an ended visit is locked at request: shown to nobody, and gone everywhere else."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from contracts.errors import NotFound
from contracts.events import (
    BreachNoticeRequested,
    CorrectionSettled,
    DirectoryChanged,
    PersonalDataErased,
    VisitorAnswered,
    VisitorLeft,
)
from contracts.rpc.application import HistoryLine, Lookup, LookupHit, ReferenceOnly, StatusQuestion
from contracts.rpc.breaches import BreachTexts, BreachWords
from contracts.rpc.call import Page
from contracts.rpc.issuance import PassNumber
from contracts.rpc.own_data import ErasedOnRequest, OwnApplications, OwnDataQuestion
from contracts.rpc.photographs import PhotographQuestion
from contracts.rpc.privacy import FindPerson
from services.application.handlers import (
    breaches,
    own_data,
    photographs,
    privacy,
    queries,
    scheduled_jobs,
    visits,
)
from services.application.service import Service
from services.application.settings import ApplicationSettings
from tests.support.factories.application import (
    MOBILE,
    NOW,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    photograph,
    reception_call,
    site,
)
from tests.support.factories.envelopes import example
from tests.support.stack.settings import make_settings

DAY, KEPT = timedelta(days=1), timedelta(days=30)
OFFICER = reception_call(site=None, login="DPO-0001", role="privacy")
SETTINGS = make_settings(ApplicationSettings, kept_at_least_days=KEPT.days)
PLATE = "PB65QX7777"


@dataclass
class Visit:
    """A visit that is over, of somebody who was photographed and came by car."""

    desk: Desk
    reference: str
    number: str
    over: datetime

    @property
    def elsewhere(self) -> Elsewhere:
        return Elsewhere.of(self.desk.row(self.reference))

    def ask(self, at: datetime | None = None, key: str = "k") -> ErasedOnRequest:
        asked = OwnApplications(references=(self.reference,))
        with self.desk.database.transaction() as session:
            return own_data.erase(asked, applicant_call(key=key), session, at or self.over + DAY, SETTINGS)

    def told(self) -> int:
        """Return how often all other services were told to erase it."""
        return len([one for one in self.desk.published() if isinstance(one, PersonalDataErased)])

    def hits(self, q: str, at: datetime | None = None) -> tuple[LookupHit, ...]:
        with self.desk.database.transaction() as session:
            return queries.lookup(Lookup(q=q), reception_call(), session, at or self.over).items

    def history(self) -> HistoryLine:
        with self.desk.database.transaction() as session:
            (line,) = queries.list_applications(Page(), applicant_call(), session, NOW).items
        return line


@pytest.fixture
def visit(desk: Desk) -> Visit:
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    taken = counter_form(photograph=photograph(), mobile=MOBILE, companions=[companion()], vehicle=PLATE)
    reference = desk.submit_at_counter(taken).reference
    desk.open(reference)
    elsewhere = Elsewhere.of(desk.row(reference))
    issued = elsewhere.issued()
    for event in (issued, elsewhere.scanned(issued.pass_number, inside=1)):
        desk.receive(event)
    desk.receive(elsewhere.scanned(issued.pass_number, "exit", inside=0))
    return Visit(desk, reference, issued.pass_number, desk.row(reference).last_matters_at)


def erase_due(desk: Desk, at: datetime) -> int:
    with desk.database.transaction() as session:
        return scheduled_jobs.erase_ended(session, at, 180)


def test_what_has_to_stay_is_locked_until_its_day_and_the_others_erase_it_at_once(
    desk: Desk, visit: Visit
) -> None:
    to_come = desk.submit().reference
    early = visit.ask(visit.over + DAY - timedelta(seconds=1), key="somebody may be inside")
    assert (early.locked, early.photographs, visit.told()) == ({}, (visit.reference,), 0)
    with capture_logs() as lines:
        first, again = visit.ask(), visit.ask()
    until = visit.over + KEPT
    assert first == again
    assert (first.locked, first.references) == ({visit.reference: until}, ())
    (line,) = lines
    assert (line["receipt"], line["locked"]) == (first.receipt, [visit.reference]), "for after a restore"
    row = desk.row(visit.reference)
    assert (row.locked_at, row.locked_until, row.erased_at, visit.told()) == (
        visit.over + DAY,
        until,
        None,
        1,
    )
    assert row.name
    assert desk.row(to_come).locked_at is None
    with desk.database.transaction() as session:
        kept = own_data.list_kept(
            OwnDataQuestion(references=(visit.reference,), whole=True),
            applicant_call(),
            session,
            NOW,
            SETTINGS,
        )
    (answers,) = [one for one in kept.items if one.kind == "answers"]
    assert (answers.is_locked, answers.until, answers.erasable, answers.lockable) == (
        True,
        until,
        until,
        None,
    )
    assert answers.records[0]["mobile"] == MOBILE, "a copy of it is still theirs"
    with pytest.raises(NotFound):
        visit.ask(key="another click")
    assert visit.told() == 1


def test_the_audit_log_names_what_was_locked(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.cancel(reference)
    service, days = Service(), {"kept_at_least_days": 1095, "people_kept_days": 1095}
    service.db, service.settings = desk.database, make_settings(ApplicationSettings, **days)
    answer = service.erase_own_data(OwnApplications(references=(reference,)), applicant_call(key="k"))
    assert [*answer["locked"]] == [reference]
    with desk.database.transaction() as session:
        objects = session.scalars(text("select objects from audit_log where action = 'erase_own_data'")).one()
    assert sorted(objects) == sorted([answer["receipt"], reference])


def test_a_locked_one_is_named_to_nobody_but_the_data_officer(desk: Desk, visit: Visit) -> None:
    ways = (MOBILE, "Gurpreet", PLATE)
    for q in (*ways, visit.reference, visit.number):
        assert [one.name != "" for one in visit.hits(q)] == [True], "the control"
    assert visit.history().name
    visit.ask()
    assert [visit.hits(q) for q in ways] == [(), (), ()]
    for q in (visit.reference, visit.number):
        (hit,) = visit.hits(q)
        assert (hit.name, hit.vehicle, hit.locked_until) == ("", None, visit.over + KEPT)
    line = visit.history()
    assert (line.opened, line.name, line.locked_until) == (True, "", visit.over + KEPT)
    for call in (applicant_call(), reception_call()):
        shown = desk.view(visit.reference, call)
        assert (shown.applicant.name, shown.companions, shown.vehicle, shown.purpose) == ("", (), None, "")
    assert desk.open(visit.reference).applicant.name == ""

    about = ReferenceOnly(reference=visit.reference)
    asked = StatusQuestion(reference=visit.reference, mobile_last4=MOBILE[-4:])
    with desk.database.transaction() as session:
        assert queries.number_to_prove(about, session).mobile is None
        for refused in (
            lambda: queries.status(asked, applicant_call(), session),
            lambda: photographs.view(
                PhotographQuestion(reference=visit.reference), reception_call(), session, NOW
            ),
            lambda: visits.view_by_pass(PassNumber(number=visit.number), session),
        ):
            with pytest.raises(NotFound, match="no such"):
                refused()
    with pytest.raises(NotFound):
        desk.cancel(visit.reference)
    found = privacy.find(FindPerson(q=visit.number), OFFICER, desk.database, NOW)
    assert [(one.name != "", one.locked_until) for one in found.items] == [(True, visit.over + KEPT)]
    assert desk.view(visit.reference, OFFICER).applicant.name


def test_it_is_erased_by_itself_on_its_day_whatever_came_later(desk: Desk, visit: Visit) -> None:
    never_asked = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(never_asked)).rejected())
    visit.ask()
    before = desk.row(visit.reference)
    for event in (
        visit.elsewhere.delivered(),
        visit.elsewhere.scanned(visit.number, "exit", inside=0),
        example(
            CorrectionSettled,
            application_id=before.id,
            reference=visit.reference,
            number=1,
            outcome="applied",
        ),
        example(
            VisitorAnswered,
            application_id=before.id,
            reference=visit.reference,
            pass_number=visit.number,
            answer="met",
        ),
    ):
        desk.deliver(desk.envelope(event, at=visit.over + 20 * DAY))
    row = desk.row(visit.reference)
    assert (row.name, row.companions, row.locked_until) == (before.name, before.companions, visit.over + KEPT)
    with desk.database.transaction() as session:
        visits.ask_whether_met(session, visit.over + DAY)
    assert not [one for one in desk.published() if isinstance(one, VisitorLeft)]
    assert erase_due(desk, visit.over + KEPT - timedelta(seconds=1)) == 0
    assert erase_due(desk, visit.over + KEPT) == 1
    assert erase_due(desk, visit.over + KEPT) == 0
    gone = desk.row(visit.reference)
    assert (gone.name, gone.mobile, gone.locked_at, gone.erased_at) == ("", None, None, visit.over + KEPT)
    assert visit.told() == 2, "what reached others meanwhile goes, too"
    assert desk.row(never_asked).name, "the control"


def test_two_asks_and_the_job_at_once_lock_it_once(desk: Desk, visit: Visit) -> None:
    def ask(number: int) -> int:
        try:
            return len(visit.ask(key=f"{number}").locked)
        except NotFound:
            return 0

    with ThreadPoolExecutor(5) as pool:
        job = pool.submit(erase_due, desk, visit.over + DAY)
        assert sum(pool.map(ask, range(4))) == 1
        assert job.result() == 0
    assert visit.told() == 1


def test_who_is_locked_is_told_of_a_breach_without_the_application(desk: Desk, visit: Visit) -> None:
    """Because notify sends nothing about an application that is erased there."""
    visit.ask()
    words = BreachWords(happened="w", consequences="w", measures="w", advice="w", contact="w")
    texts = BreachTexts(en=words, hi=words, pa=words)
    with desk.database.transaction() as session:
        assert breaches.tell(session, "2026-1", texts, [visit.reference], "OPS-0001", NOW) == 1
    (notice,) = [one for one in desk.published() if isinstance(one, BreachNoticeRequested)]
    assert (notice.application_id, notice.personal.mobile) == (None, MOBILE)


def test_after_a_restore_it_is_locked_again_and_what_is_locked_is_named(desk: Desk, visit: Visit) -> None:
    for _ in range(2):
        found = own_data.erase_again(desk.database, visit.over + DAY, [visit.reference], SETTINGS)
        assert found == ([], found[1], [visit.reference])
    assert visit.told() == 1
    assert desk.row(visit.reference).locked_until == visit.over + KEPT

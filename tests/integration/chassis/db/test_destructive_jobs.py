"""A wrong clock destroys nothing: the jobs that erase, expire, drop or count out do not run by it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace

import pytest
from sqlalchemy import Connection, Text, func, text, true
from structlog.testing import capture_logs

from contracts.events import DirectoryChanged
from contracts.retention import KEPT
from contracts.subscriptions import SERVICES
from services.accounts import consumers as accounts
from services.application import consumers as application
from services.application.handlers import scheduled_jobs as applications
from services.application.models import ApplicationRow
from services.approval import consumers as approval
from services.approval.handlers import scheduled_jobs as reviews
from services.approval.handlers import watchlist_entries
from services.approval.models.directory import ImportRow
from services.chassis.db import destructive_jobs, import_drafts
from services.chassis.db.database import Database
from services.chassis.db.destructive_jobs import LONGEST_SILENCE, Doubt, Evidence, Portion, RunRefused
from services.chassis.db.tables import inbox
from services.chassis.process import housekeeping
from services.chassis.runtime.clock import now
from services.issuance import consumers as issuance
from services.notify import consumers as notify
from services.notify.handlers import erasure, event_handlers
from services.verify import consumers as verify
from services.verify.handlers import help_calls, incidents
from tests.integration.chassis import wrong_clocks
from tests.integration.chassis.wrong_clocks import Clocks
from tests.integration.ops.command_line import epass
from tests.support.factories import approval as desks
from tests.support.factories import issuance as passes
from tests.support.factories import notify as messages
from tests.support.factories.accounts import Accounts
from tests.support.factories.application import NOW, Desk, Elsewhere, counter_form, photograph, site
from tests.support.factories.approval import active
from tests.support.factories.verify import NOON, Gate, scan_of
from tests.support.stack.databases import content_of, execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.paths import ROOT

pytestmark = long

KEPT_FOR = {kind: known.usual for kind, known in KEPT.items()} | {
    "records_kept_months": 13,
    "furthest_days": 30,
    "place_offer_minutes": 30,
    "arrival_messages": 20,
    "visit_wait_minutes": 30,
    "remind_evening_hour": 18,
    "remind_hours_before": 2,
}
LATER = timedelta(days=400)
LONG = timedelta(days=500)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
JOB = re.compile(r"^    (\w+) = every\((.*?)\)$", re.DOTALL | re.MULTILINE)
HARMLESS = {
    "accounts": {
        "count_gate_devices",
        "show_unproved_codes",
        "tell_who_can_decide",  # what a wrong clock told is told again once it is right
        "end_idle_sessions",  # ends none that was used by the time of other rows (`idle_sessions.SILENCE`)
    },
    "application": {"measure_requests"},
    "approval": {
        "announce_directory", "ask_visitors_of_closed_days", "count_months",
        "escalate_waiting", "let_decisions_go", "measure_corrections", "measure_places",
        "measure_standing_passes", "plan_visits",
        "renew_watchlist_traits", "show_open_sites", "show_unstaffed_departments",
        "tell_visitors_of_lifted_days",
    },
    "issuance": {"sign_status_list"},
    "notify": {"tell_gates_of_undelivered_passes"},
    "verify": {"count_passes_that_nobody_issued", "find_sites_without_a_supervisor"},
}  # fmt: skip
"""Jobs that may run by a wrong clock: what they do is done again once it is right."""


def undecided(db: Database) -> None:
    desk = Desk(db).open_directory()
    for _ in range(3):
        desk.submit()


def rejected(db: Database) -> None:
    desk = Desk(db).open_directory()
    desk.receive(Elsewhere.of(desk.row(desk.submit().reference)).rejected())


def photographed(db: Database) -> None:
    desk = Desk(db).open_directory()
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    made = desk.submit_at_counter(counter_form(photograph=photograph()))
    desk.receive(Elsewhere.of(desk.row(made.reference)).rejected())


def opened(db: Database) -> None:
    desk = Desk(db).open_directory()
    desk.open(desk.submit().reference)


def one_request_answered_and_one_not(db: Database) -> None:
    for number, answered_at in (("REQ-7K3M-9QW4", NOW), ("REQ-9QW4-7K3M", None)):
        execute(
            db,
            "insert into requests "
            "(id, number, kind, language, mobile, sealed, sent_at, answer_by, answered_at) values "
            "(gen_random_uuid(), :number, 'question', 'en', '+919876543210', '', :at, :at, :answered_at)",
            at=NOW,
            number=number,
            answered_at=answered_at,
        )


def inside(db: Database) -> None:
    gate = Gate(db)
    gate.enter(gate.issue())


def scanned(db: Database) -> None:
    gate = Gate(db)
    gate.scan(scan_of(gate.issue()))


def called(db: Database) -> None:
    execute(
        db,
        "insert into help_calls (id, site, gate, reason, called_by, called_at) "
        "values (gen_random_uuid(), 'PCS1', 'PCS1-G1', 'other', 'SEC-0001', :at)",
        at=NOON,
    )


def code_sent(db: Database) -> None:
    with db.transaction() as session:
        event_handlers.handle_otp_requested(messages.otp(), session, NOON)
    execute(db, "update messages set state = 'delivered', ended_at = :at", at=NOON)


def code_asked_for(db: Database) -> None:
    Accounts(db).request_code()


def seen(db: Database) -> None:
    execute(db, inbox.insert().values(consumer="a", event_id="0" * 32, seen_at=NOON))


def drafted(db: Database) -> None:
    with db.transaction() as session:
        import_drafts.draft(session, ImportRow, "sites", "", "HOM-0001", desks.NOW)


def waits_for_a_place(db: Database) -> None:
    desks.fill_directory(db)
    review_id = desks.pending(db, preferred=(desks.slot(),))
    execute(
        db,
        'insert into place_waits (review_id, code, department, day, start, "end", party, entries,'
        " vehicle_allowed, revision, approved_by, position, since, offered_at, offered_until)"
        " values (:review, 'x', 'home', :day, '10:00', '12:00', 1, 1, false, 1, 'HOM-0001', 1, :at, :at,"
        " :until)",
        review=review_id,
        day=desks.TUESDAY,
        at=desks.NOW,
        until=desks.NOW + 3 * HOUR,
    )


def reviewed(db: Database) -> None:
    desks.fill_directory(db)
    event = desks.submitted()
    desks.deliver(db, event)
    desks.deliver(db, desks.erased(event))
    with db.transaction() as session:  # the database's own guard goes by its true clock
        at = {"at": desks.NOW - LONG}
        session.execute(text("update reviews set submitted_at = :at, waiting_since = :at"), at)


def told(db: Database) -> None:
    visit = messages.Visit()
    with db.transaction() as session:
        event_handlers.handle_pass_issued(
            messages.received(visit.issued()), session, NOON, messages.PUBLIC_URL
        )
        erasure.handle_personal_data_erased(messages.received(visit.erased()), session, NOON)


def unanswered(db: Database) -> None:
    called(db)
    with db.transaction() as session:
        help_calls.give_up(session, NOON + HOUR)


def left(db: Database) -> None:
    desk = Desk(db).open_directory()
    there, number = Elsewhere.of(desk.row(desk.submit().reference)), "7K3M9QW3"
    for event in (there.approved(), there.issued(number), there.scanned(number)):
        desk.receive(event)
    desk.receive(there.scanned(number, "exit", inside=0))


def waits_inside(db: Database) -> None:
    execute(
        db,
        "insert into visits (review_id, day, site, department, gate, arrived_at, entered_at, escalate_at)"
        " values (:review, :day, 'T1', 'home', 'T1-G1', :at, :at, :until)",
        review=desks.pending(db),
        day=desks.MONDAY,
        at=desks.NOW,
        until=desks.NOW + HOUR,
    )


def to_be_reminded(db: Database) -> None:
    passes.issue(db, passes.approved())
    execute(db, "update passes set remind_at = :at", at=NOON + HOUR)


@dataclass(frozen=True)
class Case:
    """A job, what it may destroy, and an instant at which nothing is due."""

    service: str
    job: str
    fill: Callable[[Database], None]
    at: datetime
    module: ModuleType
    later: timedelta = LATER

    def run(self, db: Database) -> None:
        """Run the job as its schedule does, which swallows every error."""
        if self.module is housekeeping:
            try:
                housekeeping.run_once(db, 24)
            except RunRefused:
                return
            return
        consumers = self.module.Consumers()
        consumers.db, consumers.settings = db, SimpleNamespace(**KEPT_FOR)
        getattr(consumers, self.job)()


CASES = [
    Case("application", "expire_undecided", undecided, NOW, application),
    Case("application", "erase_ended", rejected, NOW, application),
    Case("application", "delete_photographs", photographed, NOW, application),
    Case("application", "delete_old_openings", opened, NOW, application),
    Case("application", "delete_old_requests", one_request_answered_and_one_not, NOW, application),
    Case("application", "ask_whether_met", left, NOW, application),
    Case("approval", "escalate_visits", waits_inside, desks.NOW, approval),
    Case("issuance", "remind_visitors", to_be_reminded, NOON, issuance),
    Case("verify", "close_overdue_visits", inside, NOON, verify, timedelta(days=100)),
    Case("verify", "delete_old", scanned, NOON, verify),
    Case("verify", "delete_old_records", unanswered, NOON, verify, LONG),
    Case("verify", "give_up_calls_for_help", called, NOON, verify),
    Case("approval", "end_watchlist_entries", active, desks.NOW, approval),
    Case("approval", "purge", drafted, desks.NOW, approval),
    Case("approval", "offer_places", waits_for_a_place, desks.NOW, approval),
    Case("approval", "delete_old_reviews", reviewed, desks.NOW - LONG, approval, LONG),
    Case("notify", "delete_old_messages", code_sent, NOON, notify),
    Case("notify", "delete_old_records", told, NOON, notify, LONG),
    Case("accounts", "purge", code_asked_for, now(), accounts),
    Case("accounts", "housekeeping", seen, NOON, housekeeping),
]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.service} {case.job}")


@pytest.fixture
def db(databases, case: Case) -> Database:
    return databases[case.service]


@pytest.fixture
def clocks(monkeypatch, case: Case, db: Database) -> Iterator[Clocks]:
    """Both clocks are right: nothing is due, and the job has run once."""
    case.fill(db)
    execute(owner_of(db), "update outbox set added_at = :at", at=case.at)
    with wrong_clocks.faked(monkeypatch, db, case.at, housekeeping) as clocks:
        case.run(db)
        yield clocks


def stored(db: Database) -> str:
    """Return what a database holds, without what is recorded of the jobs."""
    with db.transaction() as session:
        content = content_of(session)
        jobs = str(session.execute(text("select * from destructive_jobs")).all())
    return content.replace(jobs, "")


def refusal(db: Database, job: str) -> str | None:
    with db.transaction() as session:
        query = text("select reason from destructive_jobs where job = :job")
        return session.scalar(query, {"job": job})


def allow(topology, db: Database, case: Case, clocks: Clocks) -> None:
    """Allow a job by the command, which finds the right clock, as if its database had the wrong one, too."""
    topology.grant_rights()
    done = epass(topology, "jobs", "allow", case.service, case.job, "--by", "OPS-0001")
    assert done.returncode == 0, done.stderr
    with db.transaction() as session:
        moved = text("update destructive_jobs set allowed_at = :at where allowed_by = 'OPS-0001'")
        session.execute(moved, {"at": clocks.database})


@EACH
def test_a_process_with_another_clock_than_its_database_destroys_nothing_until_it_is_right_again(
    case: Case, db: Database, clocks: Clocks
) -> None:
    before = stored(db)
    for process in (case.at + case.later, case.at - case.later, case.at + 2 * MINUTE):
        clocks.set(process, case.at)
        case.run(db)
        assert stored(db) == before
        assert refusal(db, case.job) == "clock"
    clocks.set(case.at)
    case.run(db)
    assert refusal(db, case.job) is None
    clocks.set(case.at + case.later)
    case.run(db)
    assert refusal(db, case.job) == "leap"
    clocks.set(case.at + MINUTE)
    case.run(db)
    assert refusal(db, case.job) is None


@EACH
def test_a_clock_that_is_wrong_on_both_destroys_nothing_until_somebody_allows_it(
    case: Case, db: Database, clocks: Clocks, topology
) -> None:
    """The end is the control: the run that was refused would have destroyed something."""
    before = stored(db)
    clocks.set(case.at + case.later)
    for _ in range(2):
        case.run(db)
        assert stored(db) == before
        assert refusal(db, case.job) == "leap"
    allow(topology, db, case, clocks)
    case.run(db)
    assert stored(db) != before
    assert refusal(db, case.job) is None


@pytest.mark.parametrize("case", [CASES[0], CASES[-1]], ids=lambda case: f"{case.service} {case.job}")
def test_clocks_that_leap_while_a_process_lives_destroy_nothing_until_somebody_allows_it(
    case: Case, db: Database, clocks: Clocks, topology
) -> None:
    """By less than an installation may be off; an hour is let pass, for clocks that are set right."""
    for leap, reason in ((timedelta(days=3), "leap"), (timedelta(days=3), "leap"), (HOUR, None)):
        clocks.set(case.at + MINUTE + leap)
        clocks.leapt = leap
        case.run(db)
        assert refusal(db, case.job) == reason
    clocks.set(case.at + HOUR + timedelta(days=3))
    clocks.leapt = timedelta(days=3)
    case.run(db)
    assert refusal(db, case.job) == "leap"
    allow(topology, db, case, clocks)
    for _ in range(2):
        case.run(db)
        assert refusal(db, case.job) is None


EXPIRE = pytest.mark.parametrize("case", CASES[:1], ids=["application expire_undecided"])


@EXPIRE
def test_a_run_that_is_still_to_come_is_no_mark_to_go_by(
    case: Case, db: Database, clocks: Clocks, topology
) -> None:
    before = stored(db)
    execute(db, "update destructive_jobs set ran_at = :at", at=case.at + 900 * 24 * HOUR)
    clocks.set(case.at + 730 * 24 * HOUR)
    case.run(db)
    assert (refusal(db, case.job), stored(db)) == ("leap", before)
    clocks.set(case.at + MINUTE)
    case.run(db)
    assert refusal(db, case.job) == "leap"
    allow(topology, db, case, clocks)
    for _ in range(2):
        case.run(db)
        assert refusal(db, case.job) is None


@EXPIRE
def test_what_cannot_be_counted_is_refused_and_may_be_allowed(
    case: Case, db: Database, clocks: Clocks, topology
) -> None:
    clocks.set(case.at + MINUTE)
    too_slow = func.cast(func.pg_sleep(10), Text) == ""
    portion = Portion(ApplicationRow, true(), too_slow)
    ran: list[str] = []

    def run() -> None:
        def doubt(connection: Connection, evidence: Evidence) -> Doubt:
            connection.exec_driver_sql("set local statement_timeout = 20")
            return destructive_jobs.doubt_portions(lambda _: [portion])(connection, evidence)

        destructive_jobs.run(db.engine, case.job, lambda: ran.append(case.job), doubt)

    with pytest.raises(RunRefused, match="applications could not be counted"):
        run()
    assert (refusal(db, case.job), ran) == ("share", [])
    allow(topology, db, case, clocks)
    with capture_logs() as lines:
        run()
    assert (refusal(db, case.job), ran) == (None, [case.job])
    assert [(line["job"], line["by"]) for line in lines] == [(case.job, "OPS-0001")]


VERIFY = pytest.mark.parametrize("case", [one for one in CASES if one.job == "delete_old"], ids=["verify"])


@VERIFY
def test_records_that_may_not_be_deleted_hold_up_nothing_else(
    case: Case, db: Database, clocks: Clocks
) -> None:
    with db.transaction() as session:
        session.execute(
            text(
                "insert into gate_incidents (id, found_at, site, gate, kind) "
                "select gen_random_uuid(), :at, 'PCS1', 'PCS1-G1', 'unanswered' from generate_series(1, 21)"
            ),
            {"at": case.at - LONG},
        )
        at = {"at": case.at + timedelta(days=45)}
        session.execute(text("update destructive_jobs set ran_at = :at"), at)
    clocks.set(at["at"])
    case.run(db)
    replace(case, job="delete_old_records").run(db)
    with db.transaction() as session:
        counts = "select (select count(*) from scan_nonces), (select count(*) from gate_incidents)"
        assert session.execute(text(counts)).one() == (0, 21)
    assert refusal(db, "delete_old_records") == "share"


@EXPIRE
def test_an_installation_goes_on_by_itself_after_a_long_weekend(
    case: Case, db: Database, clocks: Clocks
) -> None:
    clocks.set(case.at + LONGEST_SILENCE)
    case.run(db)
    assert refusal(db, case.job) is None
    clocks.set(case.at + 2 * LONGEST_SILENCE + MINUTE)
    case.run(db)
    assert refusal(db, case.job) == "leap"


@EXPIRE
def test_a_permission_lasts_for_one_run_and_two_hours_and_never_where_clocks_differ(
    case: Case, db: Database, clocks: Clocks, topology
) -> None:
    clocks.set(case.at + case.later)
    case.run(db)
    allow(topology, db, case, clocks)
    clocks.set(case.at + case.later + 2 * HOUR + MINUTE)
    case.run(db)
    assert refusal(db, case.job) == "leap"
    allow(topology, db, case, clocks)
    clocks.set(clocks.database - 2 * MINUTE, clocks.database)
    case.run(db)
    assert refusal(db, case.job) == "clock"
    clocks.set(clocks.database)
    case.run(db)
    assert refusal(db, case.job) is None
    clocks.set(clocks.database + LATER)
    case.run(db)
    assert refusal(db, case.job) == "leap"


@EXPIRE
@pytest.mark.parametrize(("soon", "late", "left"), [(51, 0, 51), (51, 16, 67), (51, 17, 17), (50, 0, 0)])
def test_a_run_takes_no_more_than_its_share_and_always_so_many(
    case: Case, db: Database, clocks: Clocks, soon: int, late: int, left: int
) -> None:
    """Three quarters of the undecided may expire in one evening, or fifty."""
    desk = Desk(db)
    for _ in range(soon + late - 3):
        desk.submit()
    with db.transaction() as session:
        later = text(
            "update applications set preferred_until = :at "
            "where id in (select id from applications order by submitted_at desc limit :late)"
        )
        session.execute(later, {"at": case.at + LATER, "late": late})
    clocks.set(case.at + timedelta(days=3))
    case.run(db)
    with db.transaction() as session:
        open_ = text("select count(*) from applications where status = 'submitted'")
        assert session.scalar(open_) == left
    assert refusal(db, case.job) == ("share" if left > 17 else None)


LONG_AFTER = now() + LATER
PORTIONS: list[tuple[str, Callable[[Database], None], Portion, str]] = [
    ("application", undecided, applications.undecided(LONG_AFTER), "3 of 3 rows of applications"),
    ("application", rejected, applications.ended(LONG_AFTER, 180), "1 of 1 rows of applications"),
    ("approval", active, watchlist_entries.expired(LONG_AFTER, 90), "1 of 1 rows of watchlist_entries"),
    ("approval", reviewed, reviews.old_reviews(LONG_AFTER, 13), "1 of 1 rows of reviews"),
    ("notify", told, erasure.old_records(LONG_AFTER, 1), "1 of 1 rows of messages"),
    ("verify", unanswered, incidents.old(LONG_AFTER, 1), "1 of 1 rows of gate_incidents"),
    ("verify", unanswered, help_calls.old(LONG_AFTER, 1), "1 of 1 rows of help_calls"),
]


@pytest.mark.parametrize(("service", "fill", "portion", "words"), PORTIONS, ids=[one[3] for one in PORTIONS])
def test_each_portion_is_counted(
    databases, service: str, fill: Callable[[Database], None], portion: Portion, words: str
) -> None:
    fill(databases[service])
    with databases[service].engine.begin() as connection:
        assert words in (replace(portion, least=0).excess(connection) or "")
        assert portion.excess(connection) is None


def test_each_job_is_known_to_destroy_or_not() -> None:
    destroys = {(case.service, case.job) for case in CASES if case.module is not housekeeping}
    for service in SERVICES:
        source = (ROOT / "services" / service / "consumers.py").read_text()
        found = {name: "destroys=" in arguments for name, arguments in JOB.findall(source)}
        assert source.count("every(") == len(found)
        known = {*HARMLESS.get(service, ()), *(name for name, is_so in found.items() if is_so)}
        assert found.keys() ^ known == set(), "it stands in HARMLESS with its reason, or has `destroys=`"
        assert {(service, name) for name, is_so in found.items() if is_so} <= destroys, "it is one of CASES"


def test_the_command_says_which_jobs_are_refused_and_allows_no_other(databases, topology) -> None:
    for service in SERVICES:
        databases[service]
    topology.grant_rights()
    assert epass(topology, "jobs", "status").returncode == 0
    execute(
        databases["verify"],
        "insert into destructive_jobs (job, refused_at, reason, detail) values"
        " ('delete_old', now(), 'share', 'too many'),"
        " ('close_overdue_visits', now(), 'clock', 'ahead')",
    )
    status = epass(topology, "jobs", "status")
    assert status.returncode == 1
    assert re.search(r"verify +delete_old: ran last at no time, refused since \S+Z: too many", status.stdout)
    for job in ("close_overdue_visits", "purge"):
        refused = epass(topology, "jobs", "allow", "verify", job, "--by", "OPS-0001")
        assert (refused.returncode, job in refused.stderr) == (1, True)
    nobody = epass(topology, "jobs", "allow", "verify", "delete_old", "--by", "the night shift")
    assert (nobody.returncode, "HOM-7K3M9Q" in nobody.stderr) == (2, True)
    assert epass(topology, "jobs", "allow", "verify", "delete_old", "--by", "ops-0001").returncode == 0
    jobs = json.loads(epass(topology, "jobs", "status", "--json").stdout)["jobs"]
    assert {one["job"]: one["allowed_by"] for one in jobs} == {
        "close_overdue_visits": None,
        "delete_old": "OPS-0001",
    }

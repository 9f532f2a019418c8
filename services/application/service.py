"""RPC entrypoints of application: parse, call one handler, return."""

from contracts.rpc import application as contract
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    ApplicationList,
    ApplicationView,
    ChangeMobile,
    Checked,
    DepartmentCode,
    Durations,
    Invite,
    Invited,
    Lookup,
    LookupHits,
    OpenApplication,
    Photograph,
    ReferenceOnly,
    StatusQuestion,
    StatusView,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing, Page
from services.application.handlers import applications, mobiles, openings, photographs, queries
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import proved_by
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now


class Service:
    """RPC service ``application``; the gateway is its only caller."""

    name = "application"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @rpc(contract.SUBMIT)
    def submit(self, request: SubmitApplication, call: Call) -> Acknowledged:
        with self.db.transaction() as session:
            return applications.submit(
                request,
                call,
                session,
                now(),
                furthest_days=self.settings.furthest_days,
                most_open=applications.MOST_OPEN if self.settings.rate_limits else None,
            )

    @rpc(contract.CHECK)
    def check(self, request: SubmitApplication, call: Call) -> Checked:
        with self.db.queries() as session:
            return applications.check(
                request, call, session, now(), furthest_days=self.settings.furthest_days
            )

    @rpc(contract.SUBMIT_AT_COUNTER)
    def submit_at_counter(self, request: SubmitAtCounter, call: Call) -> Acknowledged:
        with self.db.transaction() as session:
            return applications.submit_at_counter(
                request, call, session, now(), furthest_days=self.settings.furthest_days
            )

    @rpc(contract.INVITE)
    def invite(self, request: Invite, call: Call) -> Invited:
        with self.db.transaction() as session:
            return applications.invite(
                request, call, session, now(), furthest_days=self.settings.furthest_days
            )

    @rpc(contract.LIST_APPLICATIONS)
    def list_applications(self, request: Page, call: Call) -> ApplicationList:
        with self.db.queries() as session:
            return queries.list_applications(request, call, session, now())

    @rpc(contract.VIEW_APPLICATION)
    def view(self, request: ReferenceOnly, call: Call) -> ApplicationView:
        with self.db.queries() as session:
            return queries.view(request, call, session, now(), limited=self.settings.rate_limits)

    @rpc(contract.OPEN_APPLICATION)
    def open(self, request: OpenApplication, call: Call) -> ApplicationView:
        return openings.open_application(request, call, self.db, now())

    @rpc(contract.PHOTOGRAPH)
    def photograph(self, request: ReferenceOnly, call: Call) -> Photograph:
        with self.db.queries() as session:
            return photographs.view(request, call, session)

    @rpc(contract.AMEND)
    def amend(self, request: AmendApplication, call: Call) -> Acknowledged:
        with self.db.transaction() as session:
            return applications.amend(
                request, call, session, now(), furthest_days=self.settings.furthest_days
            )

    @rpc(contract.CANCEL)
    def cancel(self, request: ReferenceOnly, call: Call) -> Acknowledged:
        with self.db.transaction() as session:
            return applications.cancel(request, call, session, now())

    @rpc(contract.CHANGE_MOBILE)
    def change_mobile(self, request: ChangeMobile, call: Call) -> Acknowledged:
        proved = proved_by(request.proof, EventKeys(self.settings.event_keys), now())
        with self.db.transaction() as session:
            return mobiles.change(request, proved, call, session, now(), limited=self.settings.rate_limits)

    @rpc(contract.STATUS)
    def status(self, request: StatusQuestion, _call: Call) -> StatusView:
        with self.db.queries() as session:
            return queries.status(request, session)

    @rpc(contract.COUNTER_LOOKUP)
    def lookup(self, request: Lookup, call: Call) -> LookupHits:
        with self.db.queries() as session:
            return queries.lookup(request, call, session)

    @rpc(contract.WAITING_HERE)
    def waiting_here(self, _request: Nothing, call: Call) -> LookupHits:
        with self.db.queries() as session:
            return queries.waiting_here(call, session, now())

    @rpc(contract.DURATIONS)
    def durations(self, request: DepartmentCode, _call: Call) -> Durations:
        with self.db.queries() as session:
            return queries.durations(request, session, now())

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return entries.list_entries(request, call, session, self.name)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)

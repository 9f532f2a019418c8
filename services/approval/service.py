"""RPC entrypoints of approval: parse, call one handler, return."""

from contracts.rpc import approval as contract
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval import (
    Affected,
    Approve,
    Availability,
    AvailabilityQuestion,
    CapacityView,
    CloseDay,
    ClosingQuestion,
    ClosureId,
    ClosureList,
    ClosureQuestion,
    ClosureView,
    DecisionQuestion,
    Delegate,
    DelegationId,
    DelegationList,
    DelegationView,
    DepartmentList,
    DepartmentQuestion,
    DeskNumbers,
    DutyContacts,
    DutyPlace,
    EntryId,
    EntryList,
    EntryQuestion,
    EntryView,
    Forward,
    MatchId,
    MatchList,
    MatchQuestion,
    MatchView,
    OfficerList,
    OfficerQuestion,
    ProposeEntry,
    PutDutyContacts,
    RecordedDecisions,
    Reject,
    Return,
    ReviewId,
    ReviewList,
    ReviewQuestion,
    ReviewSearch,
    ReviewView,
    SetCapacity,
    SettleMatch,
    SiteList,
    Transparency,
    Whereabouts,
    Withdraw,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing, Page
from contracts.rpc.imports import (
    ApplyDirectoryFile,
    CsvFile,
    DirectoryFile,
    Export,
    ImportId,
    ImportReport,
    LineHistory,
    LineId,
    LineList,
    LineView,
    PutLine,
    RemoveLine,
)
from services.approval.handlers import (
    audit,
    capacity,
    closures,
    decisions,
    delegations,
    directory,
    directory_imports,
    directory_lines,
    duty_contacts,
    numbers,
    queries,
    watchlist,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now


class Service:
    """RPC service ``approval``; the gateway is its only caller."""

    name = "approval"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @rpc(contract.SITES)
    def sites(self, _request: Nothing, _call: Call) -> SiteList:
        with self.db.queries() as session:
            return directory.sites(session)

    @rpc(contract.DEPARTMENTS)
    def departments(self, request: DepartmentQuestion, _call: Call) -> DepartmentList:
        with self.db.queries() as session:
            return directory.departments(request, session)

    @rpc(contract.OFFICERS)
    def officers(self, request: OfficerQuestion, _call: Call) -> OfficerList:
        with self.db.queries() as session:
            return directory.officers(request, session)

    @rpc(contract.EXPORT_DIRECTORY)
    def export_directory(self, request: Export, call: Call) -> CsvFile:
        with self.db.queries() as session:
            return directory_imports.export(request, call, session)

    @rpc(contract.LIST_LINES)
    def list_lines(self, request: Export, call: Call) -> LineList:
        with self.db.queries() as session:
            return directory_lines.list_lines(request, call, session)

    @rpc(contract.VIEW_LINE)
    def view_line(self, request: LineId, call: Call) -> LineView:
        with self.db.queries() as session:
            return directory_lines.view_line(request, call, session)

    @rpc(contract.LINE_HISTORY)
    def line_history(self, request: LineId, call: Call) -> LineHistory:
        with self.db.queries() as session:
            return directory_lines.history(request, call, session)

    @rpc(contract.PUT_LINE)
    def put_line(self, request: PutLine, call: Call) -> LineView:
        with self.db.transaction() as session:
            return directory_lines.put_line(request, call, session, now())

    @rpc(contract.REMOVE_LINE)
    def remove_line(self, request: RemoveLine, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return directory_lines.remove_line(request, call, session, now())

    @rpc(contract.DUTY_CONTACTS)
    def duty_contacts(self, request: DutyPlace, call: Call) -> DutyContacts:
        with self.db.queries() as session:
            return duty_contacts.view(request, call, session)

    @rpc(contract.PUT_DUTY_CONTACTS)
    def put_duty_contacts(self, request: PutDutyContacts, call: Call) -> DutyContacts:
        with self.db.transaction() as session:
            return duty_contacts.put(request, call, session, now())

    @rpc(contract.SEND_DIRECTORY_FILE)
    def send_directory_file(self, request: DirectoryFile, call: Call) -> ImportId:
        with self.db.transaction() as session:
            return directory_imports.send(request, call, session, now())

    @rpc(contract.CHECK_DIRECTORY_FILE)
    def check_directory_file(self, request: ImportId, call: Call) -> ImportReport:
        with self.db.transaction() as session:
            return directory_imports.check(request, call, session, now())

    @rpc(contract.APPLY_DIRECTORY_FILE)
    def apply_directory_file(self, request: ApplyDirectoryFile, call: Call) -> ImportReport:
        with self.db.transaction() as session:
            return directory_imports.apply(request, call, session, now())

    @rpc(contract.LIST_REVIEWS)
    def list_reviews(self, request: ReviewQuestion, call: Call) -> ReviewList:
        with self.db.queries() as session:
            return queries.list_reviews(request, call, session, now())

    @rpc(contract.DECISIONS)
    def decisions(self, request: DecisionQuestion, call: Call) -> RecordedDecisions:
        with self.db.transaction() as session:
            return audit.list_decisions(request, call, session)

    @rpc(contract.SEARCH_REVIEWS)
    def search_reviews(self, request: ReviewSearch, call: Call) -> ReviewList:
        with self.db.queries() as session:
            return queries.search_reviews(request, call, session, now())

    @rpc(contract.VIEW_REVIEW)
    def view_review(self, request: ReviewId, call: Call) -> ReviewView:
        with self.db.queries() as session:
            return queries.view_review(request, call, session, now())

    @rpc(contract.WHEREABOUTS)
    def whereabouts(self, request: ReferenceOnly, _call: Call) -> Whereabouts:
        with self.db.queries() as session:
            return queries.whereabouts(request, session)

    @rpc(contract.CAPACITY)
    def capacity(self, _request: Nothing, call: Call) -> CapacityView:
        with self.db.queries() as session:
            return capacity.view_capacity(call, session)

    @rpc(contract.SET_CAPACITY)
    def set_capacity(self, request: SetCapacity, call: Call) -> CapacityView:
        with self.db.transaction() as session:
            return capacity.set_capacity(request, call, session, now())

    @rpc(contract.AVAILABILITY)
    def availability(self, request: AvailabilityQuestion, _call: Call) -> Availability:
        with self.db.queries() as session:
            days = self.settings.furthest_days
            return capacity.availability(request, session, now(), furthest_days=days)

    @rpc(contract.AFFECTED)
    def affected(self, request: ClosingQuestion, call: Call) -> Affected:
        with self.db.queries() as session:
            return closures.affected(request, call, session, now())

    @rpc(contract.CLOSE_DAY)
    def close_day(self, request: CloseDay, call: Call) -> ClosureView:
        with self.db.transaction() as session:
            days = self.settings.furthest_days
            return closures.close_day(request, call, session, now(), furthest_days=days)

    @rpc(contract.LIST_CLOSURES)
    def list_closures(self, request: ClosureQuestion, call: Call) -> ClosureList:
        with self.db.queries() as session:
            return closures.list_closures(request, call, session, now())

    @rpc(contract.VIEW_CLOSURE)
    def view_closure(self, request: ClosureId, call: Call) -> ClosureView:
        with self.db.queries() as session:
            return closures.view_closure(request, call, session, now())

    @rpc(contract.LIFT_CLOSURE)
    def lift_closure(self, request: ClosureId, call: Call) -> ClosureView:
        with self.db.transaction() as session:
            return closures.lift_closure(request, call, session, now())

    @rpc(contract.NUMBERS)
    def numbers(self, _request: Nothing, call: Call) -> DeskNumbers:
        with self.db.queries() as session:
            return numbers.desk_numbers(call, session, now())

    @rpc(contract.TRANSPARENCY)
    def transparency(self, _request: Nothing, _call: Call) -> Transparency:
        with self.db.queries() as session:
            return numbers.transparency(session)

    @rpc(contract.APPROVE)
    def approve(self, request: Approve, call: Call) -> ReviewView:
        with self.db.transaction() as session:
            return decisions.approve(request, call, session, now(), furthest_days=self.settings.furthest_days)

    @rpc(contract.REJECT)
    def reject(self, request: Reject, call: Call) -> ReviewView:
        with self.db.transaction() as session:
            return decisions.reject(request, call, session, now())

    @rpc(contract.RETURN)
    def return_to_applicant(self, request: Return, call: Call) -> ReviewView:
        with self.db.transaction() as session:
            return decisions.return_to_applicant(request, call, session, now())

    @rpc(contract.FORWARD)
    def forward(self, request: Forward, call: Call) -> ReviewView:
        with self.db.transaction() as session:
            return decisions.forward(request, call, session, now())

    @rpc(contract.WITHDRAW)
    def withdraw(self, request: Withdraw, call: Call) -> ReviewView:
        with self.db.transaction() as session:
            return decisions.withdraw(request, call, session, now())

    @rpc(contract.WATCHLIST)
    def watchlist(self, request: EntryQuestion, call: Call) -> EntryList:
        with self.db.queries() as session:
            return watchlist.list_entries(request, call, session)

    @rpc(contract.VIEW_ENTRY)
    def view_entry(self, request: EntryId, call: Call) -> EntryView:
        with self.db.queries() as session:
            return watchlist.view_entry(request, call, session)

    @rpc(contract.PROPOSE_ENTRY)
    def propose_entry(self, request: ProposeEntry, call: Call) -> EntryView:
        with self.db.transaction() as session:
            return watchlist.propose_entry(request, call, session, now())

    @rpc(contract.CONFIRM_ENTRY)
    def confirm_entry(self, request: EntryId, call: Call) -> EntryView:
        with self.db.transaction() as session:
            return watchlist.confirm_entry(request, call, session, now())

    @rpc(contract.END_ENTRY)
    def end_entry(self, request: EntryId, call: Call) -> EntryView:
        with self.db.transaction() as session:
            return watchlist.end_entry(request, call, session, now())

    @rpc(contract.MATCHES)
    def matches(self, request: MatchQuestion, call: Call) -> MatchList:
        with self.db.queries() as session:
            return watchlist.list_matches(request, call, session, now())

    @rpc(contract.VIEW_MATCH)
    def view_match(self, request: MatchId, call: Call) -> MatchView:
        with self.db.queries() as session:
            return watchlist.view_match(request, call, session)

    @rpc(contract.SETTLE_MATCH)
    def settle_match(self, request: SettleMatch, call: Call) -> MatchView:
        with self.db.transaction() as session:
            return watchlist.settle_match(request, call, session, now())

    @rpc(contract.DELEGATE)
    def delegate(self, request: Delegate, call: Call) -> DelegationView:
        with self.db.transaction() as session:
            return delegations.delegate(request, call, session, now())

    @rpc(contract.LIST_DELEGATIONS)
    def list_delegations(self, request: Page, call: Call) -> DelegationList:
        with self.db.queries() as session:
            return delegations.list_delegations(request, call, session)

    @rpc(contract.END_DELEGATION)
    def end_delegation(self, request: DelegationId, call: Call) -> DelegationView:
        with self.db.transaction() as session:
            return delegations.end_delegation(request, call, session, now())

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return entries.list_entries(request, call, session, self.name)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)

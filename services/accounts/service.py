"""The RPCs of accounts: parse, call one handler, return."""

from contracts.rpc import accounts as contract
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing
from contracts.rpc.imports import CsvFile, ImportFile, ImportId, ImportReport, LoginImport
from services.accounts.handlers import (
    gate_devices,
    idle_sessions,
    login_imports,
    logins,
    otp,
    passwords,
    second_factor,
    sessions,
)
from services.accounts.settings import AccountsSettings
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now


class Service:
    """Logins, sessions and one-time codes, for the gateway."""

    name = "accounts"
    db = DatabaseProvider()
    settings: AccountsSettings = SettingsProvider()

    @rpc(contract.REQUEST_OTP)
    def request_otp(self, request: contract.RequestOtp, call: Call) -> contract.OtpAccepted:
        with self.db.transaction() as session:
            return otp.request_code(request, call, session, now(), self.settings)

    @rpc(contract.VERIFY_OTP)
    def verify_otp(self, request: contract.VerifyOtp, call: Call) -> contract.ApplicantSession:
        return otp.verify_code(request, call, self.db, now(), self.settings)

    @rpc(contract.LOG_IN)
    def log_in(self, request: contract.LogIn, call: Call) -> contract.StaffSession:
        return passwords.log_in(request, call, self.db, now(), self.settings)

    @rpc(contract.ENROL_KIOSK)
    def enrol_kiosk(self, request: contract.LogIn, call: Call) -> contract.StaffSession:
        return passwords.enrol_kiosk(request, call, self.db, now(), self.settings)

    @rpc(contract.ENROL_GATE_DEVICE)
    def enrol_gate_device(self, request: contract.LogIn, call: Call) -> contract.StaffSession:
        return passwords.enrol_gate_device(request, call, self.db, now(), self.settings)

    @rpc(contract.REPORT_GATE_DEVICE)
    def report_gate_device(self, request: contract.GateDeviceReport, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return gate_devices.report(request, call, session, now())

    @rpc(contract.GATE_DEVICES)
    def gate_devices(self, _request: Nothing, call: Call) -> contract.GateDeviceList:
        with self.db.queries() as session:
            return gate_devices.list_all(call, session, now(), self.settings.gate_unsent)

    @rpc(contract.ENTER_CODE)
    def enter_code(self, request: contract.EnterCode, call: Call) -> contract.StaffSession:
        return second_factor.enter_code(request, call, self.db, now(), self.settings)

    @rpc(contract.SHOW_ENROLMENT)
    def show_enrolment(self, request: contract.SignInToken, _call: Call) -> contract.Enrolment:
        with self.db.queries() as session:
            return second_factor.show_enrolment(request, session, now(), self.settings)

    @rpc(contract.ENROL_FACTOR)
    def enrol_factor(self, request: contract.EnterCode, call: Call) -> contract.Enrolled:
        return second_factor.enrol(request, call, self.db, now(), self.settings)

    @rpc(contract.OWN_FACTOR)
    def own_factor(self, _request: Nothing, call: Call) -> contract.OwnFactor:
        with self.db.queries() as session:
            return second_factor.own(call, session, self.settings)

    @rpc(contract.START_ENROLMENT)
    def start_enrolment(self, request: contract.StartEnrolment, call: Call) -> contract.WaitingSignIn:
        return passwords.start_enrolment(request, call, self.db, now(), self.settings)

    @rpc(contract.CONFIRM_FACTOR)
    def confirm_factor(self, request: contract.FactorCode, call: Call) -> contract.StaffSession:
        return second_factor.confirm(request, call, self.db, now(), self.settings)

    @rpc(contract.RENEW_RECOVERY_CODES)
    def renew_recovery_codes(self, request: Nothing, call: Call) -> contract.RecoveryCodes:
        with self.db.transaction() as session:
            return second_factor.renew_recovery_codes(request, call, session, now(), self.settings)

    @rpc(contract.LOG_OUT)
    def log_out(self, request: Nothing, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return sessions.log_out(request, call, session, now())

    @rpc(contract.OWN_SESSIONS)
    def own_sessions(self, _request: Nothing, call: Call) -> contract.OwnSessions:
        with self.db.queries() as session:
            return sessions.own(call, session, now())

    @rpc(contract.END_OWN_SESSIONS)
    def end_own_sessions(self, request: contract.EndOwnSessions, call: Call) -> contract.EndedOwnSessions:
        with self.db.transaction() as session:
            return sessions.end_own(request, call, session, now())

    @rpc(contract.RENEW_KIOSK)
    def renew_kiosk(self, request: Nothing, call: Call) -> contract.StaffSession:
        with self.db.transaction() as session:
            return sessions.renew_kiosk(request, call, session, now(), self.settings)

    @rpc(contract.CHANGE_PASSWORD)
    def change_password(self, request: contract.ChangePassword, call: Call) -> contract.StaffSession:
        return passwords.change(request, call, self.db, now(), self.settings)

    @rpc(contract.ISSUE_LOGIN)
    def issue_login(self, request: contract.IssueLogin, call: Call) -> contract.IssuedLogin:
        with self.db.transaction() as session:
            return logins.issue(request, call, session, now(), self.settings)

    @rpc(contract.LIST_LOGINS)
    def list_logins(self, request: contract.LoginQuestion, call: Call) -> contract.LoginList:
        with self.db.transaction() as session:
            return logins.list_page(request, call, session, now())

    @rpc(contract.VIEW_LOGIN)
    def view_login(self, request: contract.LoginId, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return logins.view(request, call, session, now())

    @rpc(contract.EXTEND_LOGIN)
    def extend_login(self, request: contract.ExtendLogin, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return logins.extend(request, call, session, now(), self.settings)

    @rpc(contract.SET_LOGIN_MOBILE)
    def set_login_mobile(self, request: contract.SetLoginMobile, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return logins.set_mobile(request, call, session, now(), self.settings)

    @rpc(contract.END_SESSIONS)
    def end_sessions(self, request: contract.LoginId, call: Call) -> contract.EndedSessions:
        with self.db.transaction() as session:
            return logins.end_sessions(request, call, session, now())

    @rpc(contract.COLLEAGUES)
    def colleagues(self, _request: Nothing, call: Call) -> contract.ColleagueList:
        with self.db.transaction() as session:
            return logins.colleagues(call, session, now())

    @rpc(contract.DISABLE_LOGIN)
    def disable_login(self, request: contract.LoginId, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return logins.disable(request, call, session, now(), self.settings)

    @rpc(contract.RESET_LOGIN)
    def reset_login(self, request: contract.LoginId, call: Call) -> contract.IssuedLogin:
        with self.db.transaction() as session:
            return logins.reset(request, call, session, now(), self.settings)

    @rpc(contract.RESET_FACTOR)
    def reset_factor(self, request: contract.LoginId, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return logins.reset_factor(request, call, session, now(), self.settings)

    @rpc(contract.FACTOR_RULE)
    def factor_rule(self, _request: Nothing, call: Call) -> contract.FactorRule:
        with self.db.queries() as session:
            return logins.factor_rule(call, session, now(), self.settings)

    @rpc(contract.SET_FACTOR_RULE)
    def set_factor_rule(self, request: contract.SetFactorRule, call: Call) -> contract.FactorRule:
        with self.db.transaction() as session:
            return logins.set_factor_rule(request, call, session, now(), self.settings)

    @rpc(contract.EXPORT_LOGINS)
    def export_logins(self, request: Nothing, call: Call) -> CsvFile:
        with self.db.transaction() as session:
            return login_imports.export(request, call, session, now())

    @rpc(contract.SEND_LOGIN_FILE)
    def send_login_file(self, request: ImportFile, call: Call) -> ImportId:
        with self.db.transaction() as session:
            return login_imports.send(request, call, session, now())

    @rpc(contract.CHECK_LOGIN_FILE)
    def check_login_file(self, request: LoginImport, call: Call) -> ImportReport:
        with self.db.transaction() as session:
            return login_imports.check(request, call, session, now(), self.settings)

    @rpc(contract.APPLY_LOGIN_FILE)
    def apply_login_file(self, request: LoginImport, call: Call) -> ImportReport:
        with self.db.transaction() as session:
            return login_imports.apply(request, call, session, now(), self.settings)

    @rpc(contract.SESSION_KEYS)
    def session_keys(self, _request: Nothing, _call: Call) -> contract.SessionKeys:
        with self.db.transaction() as session:
            return sessions.keys(session, now(), self.settings)

    @rpc(contract.DENIED_SESSIONS)
    def denied_sessions(self, request: contract.ActiveSessions, _call: Call) -> contract.DeniedSessions:
        with self.db.transaction() as session:
            idle_sessions.record_activity(session, request.active, now())
            return sessions.denied(session, now(), self.settings)

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return entries.list_entries(request, call, session, self.name)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)

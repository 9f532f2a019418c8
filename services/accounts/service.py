"""The RPCs of accounts."""

from contracts.rpc import accounts as contract
from contracts.rpc.call import Call, Nothing, Page
from services.accounts import handlers
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase


class Service:
    """Answers the gateway."""

    name = "accounts"
    db = OwnDatabase()

    @rpc(contract.REQUEST_OTP)
    def request_otp(self, request: contract.RequestOtp, call: Call) -> contract.OtpRequest:
        with self.db.transaction() as session:
            return handlers.request_otp(request, call, session, now())

    @rpc(contract.VERIFY_OTP)
    def verify_otp(self, request: contract.VerifyOtp, call: Call) -> contract.ApplicantSession:
        return handlers.verify_otp(request, call, self.db, now())

    @rpc(contract.LOG_IN)
    def log_in(self, request: contract.LogIn, call: Call) -> contract.StaffSession:
        return handlers.log_in(request, call, self.db, now())

    @rpc(contract.ENROL_KIOSK)
    def enrol_kiosk(self, request: contract.LogIn, call: Call) -> contract.StaffSession:
        return handlers.enrol_kiosk(request, call, self.db, now())

    @rpc(contract.LOG_OUT)
    def log_out(self, request: Nothing, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return handlers.log_out(request, call, session, now())

    @rpc(contract.CHANGE_PASSWORD)
    def change_password(self, request: contract.ChangePassword, call: Call) -> contract.StaffSession:
        return handlers.change_password(request, call, self.db, now())

    @rpc(contract.ISSUE_LOGIN)
    def issue_login(self, request: contract.IssueLogin, call: Call) -> contract.IssuedLogin:
        return handlers.issue_login(request, call, self.db, now())

    @rpc(contract.LIST_LOGINS)
    def list_logins(self, request: Page, call: Call) -> contract.LoginList:
        with self.db.transaction() as session:
            return handlers.list_logins(request, call, session)

    @rpc(contract.DISABLE_LOGIN)
    def disable_login(self, request: contract.LoginId, call: Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return handlers.disable_login(request, call, session, now())

    @rpc(contract.RESET_LOGIN)
    def reset_login(self, request: contract.LoginId, call: Call) -> contract.IssuedLogin:
        return handlers.reset_login(request, call, self.db, now())

    @rpc(contract.SESSION_KEYS)
    def session_keys(self, _request: Nothing, _call: Call) -> contract.SessionKeys:
        with self.db.transaction() as session:
            return handlers.session_keys(session, now())

    @rpc(contract.DENIED_SESSIONS)
    def denied_sessions(self, _request: Nothing, _call: Call) -> contract.DeniedSessions:
        with self.db.transaction() as session:
            return handlers.denied_sessions(session, now())

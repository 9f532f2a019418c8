"""The RPCs of accounts."""

from contracts import rpc as contract
from services.accounts import handlers
from services.chassis.clock import now
from services.chassis.dependencies import OwnDatabase
from services.chassis.rpc import rpc


class Service:
    """Answers the gateway."""

    name = "accounts"
    db = OwnDatabase()

    @rpc(contract.REQUEST_OTP)
    def request_otp(self, request: contract.RequestOtp, call: contract.Call) -> contract.OtpRequest:
        with self.db.transaction() as session:
            return handlers.request_otp(request, call, session, now())

    @rpc(contract.VERIFY_OTP)
    def verify_otp(self, request: contract.VerifyOtp, call: contract.Call) -> contract.ApplicantSession:
        return handlers.verify_otp(request, call, self.db, now())

    @rpc(contract.LOG_IN)
    def log_in(self, request: contract.LogIn, call: contract.Call) -> contract.StaffSession:
        return handlers.log_in(request, call, self.db, now())

    @rpc(contract.ENROL_KIOSK)
    def enrol_kiosk(self, request: contract.LogIn, call: contract.Call) -> contract.StaffSession:
        return handlers.enrol_kiosk(request, call, self.db, now())

    @rpc(contract.LOG_OUT)
    def log_out(self, request: contract.Nothing, call: contract.Call) -> contract.Nothing:
        with self.db.transaction() as session:
            return handlers.log_out(request, call, session, now())

    @rpc(contract.CHANGE_PASSWORD)
    def change_password(self, request: contract.ChangePassword, call: contract.Call) -> contract.StaffSession:
        return handlers.change_password(request, call, self.db, now())

    @rpc(contract.ISSUE_LOGIN)
    def issue_login(self, request: contract.IssueLogin, call: contract.Call) -> contract.IssuedLogin:
        return handlers.issue_login(request, call, self.db, now())

    @rpc(contract.LIST_LOGINS)
    def list_logins(self, request: contract.Page, call: contract.Call) -> contract.LoginList:
        with self.db.transaction() as session:
            return handlers.list_logins(request, call, session)

    @rpc(contract.DISABLE_LOGIN)
    def disable_login(self, request: contract.LoginId, call: contract.Call) -> contract.LoginView:
        with self.db.transaction() as session:
            return handlers.disable_login(request, call, session, now())

    @rpc(contract.RESET_LOGIN)
    def reset_login(self, request: contract.LoginId, call: contract.Call) -> contract.IssuedLogin:
        return handlers.reset_login(request, call, self.db, now())

    @rpc(contract.SESSION_KEYS)
    def session_keys(self, _request: contract.Nothing, _call: contract.Call) -> contract.SessionKeys:
        with self.db.transaction() as session:
            return handlers.session_keys(session, now())

    @rpc(contract.DENIED_SESSIONS)
    def denied_sessions(self, _request: contract.Nothing, _call: contract.Call) -> contract.DeniedSessions:
        with self.db.transaction() as session:
            return handlers.denied_sessions(session, now())

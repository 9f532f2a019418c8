"""The use cases, one plain function each.

Those that hash a password, or must count what they refuse, take the database and not a session: the first hold no
transaction while they hash, the second commit before they raise.
"""

from services.accounts.handlers.housekeeping import purge
from services.accounts.handlers.logins import disable_login, issue_login, list_logins, reset_login
from services.accounts.handlers.otp import request_otp, verify_otp
from services.accounts.handlers.passwords import change_password, enrol_kiosk, log_in
from services.accounts.handlers.sessions import denied_sessions, log_out, session_keys

__all__ = [
    "change_password",
    "denied_sessions",
    "disable_login",
    "enrol_kiosk",
    "issue_login",
    "list_logins",
    "log_in",
    "log_out",
    "purge",
    "request_otp",
    "reset_login",
    "session_keys",
    "verify_otp",
]

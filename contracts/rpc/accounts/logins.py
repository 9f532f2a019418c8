"""RPC of accounts: logins as the ADO Branch manages them."""

import datetime as dt

from pydantic import Field

from contracts.model import Code, Instant, Language, LoginState, Role, Strict, Wire
from contracts.rpc.accounts.sessions import EndedSessions
from contracts.rpc.call import Http, Method, Nothing, Page
from contracts.rpc.imports import CsvFile, ImportFile, ImportId, ImportReport, LoginImport


class IssueLogin(Strict):
    """A new login; department logins need a department, security and reception ones a site."""

    role: Role
    name: str = Field(min_length=1, max_length=100)
    department: Code | None = None
    site: Code | None = None
    gate: Code | None = None
    assistant_of: Code | None = None
    """The officer whom the holder of a department's login assists; it prepares, and decides by delegation."""
    mobile: str | None = Field(default=None, max_length=40)
    language: Language = "en"
    valid_until: dt.date | None = None
    """Its last day, in Indian Standard Time; without it the login has no end."""


class IssuedLogin(Wire):
    """The login with its one-time password, to be handed over by the ADO Branch; it is shown only once."""

    login_id: str
    initial_password: str
    valid_until: Instant | None = None
    """The end of the initial password."""


class LoginId(Strict):
    """One login."""

    login_id: Code


class ExtendLogin(LoginId):
    """A new last day of a login, later or earlier than before; without it the login has no end."""

    valid_until: dt.date | None = Field(
        default=None, description="In Indian Standard Time; null for a login without an end."
    )


class SetLoginMobile(LoginId):
    """Where the holder of a login is told of what happens to it, and in which language."""

    mobile: str = Field(min_length=1, max_length=40)
    language: Language = "en"


class LoginQuestion(Page):
    """Which logins are wanted; a filter that is left out admits all."""

    role: Role | None = None
    department: Code | None = None
    site: Code | None = None
    state: LoginState | None = None


class LoginView(Wire):
    """A login as the ADO Branch sees it."""

    login_id: str
    role: Role
    name: str
    department: str | None = None
    site: str | None = None
    gate: str | None = None
    assistant_of: str | None = None
    disabled: bool = False
    state: LoginState = "active"
    valid_until: dt.date | None = None
    sessions: int = 0
    """How many sessions are open."""
    must_change_password: bool = False
    second_factor_since: Instant | None = None
    """When the holder has set up their app; null without one."""
    has_mobile: bool = False
    """Whether its holder is told of what happens to it."""
    issued_by: str | None = None
    issued_at: Instant
    last_used_at: Instant | None = None


class LoginList(Wire):
    """Logins, by ID."""

    items: tuple[LoginView, ...]
    next: str | None = None
    counts: dict[LoginState, int] = Field(default_factory=dict)
    """How many logins of each state the other filters admit, on all pages."""


class Colleague(Wire):
    """A login of the same department, to which an officer can delegate."""

    login_id: str
    name: str
    assistant_of: str | None = None


class ColleagueList(Wire):
    """The enabled logins of a department, by ID."""

    items: tuple[Colleague, ...]


class LoginIds(Strict):
    """Some logins."""

    login_ids: tuple[str, ...] = Field(max_length=100)


class LoginPlace(Wire):
    """Where a login works; nobody is named."""

    login_id: str
    department: str | None = None
    site: str | None = None


class LoginPlaces(Wire):
    """Of the logins that there are."""

    items: tuple[LoginPlace, ...]


ISSUE_LOGIN = Method(
    "accounts", "issue_login", IssueLogin, IssuedLogin, command=True, fresh=True,
    said="Issued a login or a device",
    http=Http("ado", "issue_login", "POST /logins",
        "Issue a login with its initial password, which is never shown again.", status=201),
)  # fmt: skip
LIST_LOGINS = Method(
    "accounts", "list_logins", LoginQuestion, LoginList, names_people=True, said="List of logins",
    http=Http("ado", "list_logins", "GET /logins",
        "List logins, by ID; `counts` says how many there are of each state."),
)  # fmt: skip
COLLEAGUES = Method(
    "accounts", "colleagues", Nothing, ColleagueList, names_people=True, said="List of colleagues"
)
LOGIN_PLACES = Method("accounts", "login_places", LoginIds, LoginPlaces)
VIEW_LOGIN = Method(
    "accounts", "view_login", LoginId, LoginView, names_people=True, said="Page of a login",
    http=Http("ado", "view_login", "GET /logins/{login_id}",
        "Show one login, with the number of its open sessions."),
)  # fmt: skip
SET_LOGIN_MOBILE = Method(
    "accounts", "set_login_mobile", SetLoginMobile, LoginView, command=True, fresh=True,
    said="Changed the mobile of a login",
    http=Http("ado", "set_login_mobile", "POST /logins/{login_id}/mobile",
        "Set where the holder is told of what happens to the login. They are told on both numbers."),
)  # fmt: skip
EXTEND_LOGIN = Method(
    "accounts", "extend_login", ExtendLogin, LoginView, command=True, fresh=True,
    said="Changed the last day of a login",
    http=Http("ado", "extend_login", "POST /logins/{login_id}/extend",
        "Set another last day, or none. Sessions that would outlive the login end."),
)  # fmt: skip
END_SESSIONS = Method(
    "accounts", "end_sessions", LoginId, EndedSessions, command=True, fresh=True,
    said="Signed a login out everywhere",
    http=Http("ado", "sign_out_login", "POST /logins/{login_id}/sign-out",
        "End all sessions of a login, everywhere within two seconds. Its password stays."),
)  # fmt: skip
DISABLE_LOGIN = Method(
    "accounts", "disable_login", LoginId, LoginView, command=True, fresh=True,
    said="Disabled a login or a device",
    http=Http("ado", "disable_login", "POST /logins/{login_id}/disable",
        "End the login and all its sessions, everywhere within two seconds."),
)  # fmt: skip
RESET_LOGIN = Method(
    "accounts", "reset_login", LoginId, IssuedLogin, command=True, fresh=True,
    said="Gave a login a new password, or a device a new code",
    http=Http("ado", "reset_login", "POST /logins/{login_id}/reset",
        "Give a new initial password, which must be changed; sessions of the old one end."),
)  # fmt: skip
RESET_FACTOR = Method(
    "accounts", "reset_factor", LoginId, LoginView, command=True, fresh=True, said="Reset an app",
    http=Http("ado", "reset_factor", "POST /logins/{login_id}/reset-factor",
        "Remove the second factor of somebody who has lost it; all their sessions end."),
)  # fmt: skip
EXPORT_LOGINS = Method(
    "accounts", "export_logins", Nothing, CsvFile, fresh=True, names_people=True, said="File of all logins"
)
SEND_LOGIN_FILE = Method(
    "accounts", "send_login_file", ImportFile, ImportId, command=True, said="Sent a file of logins"
)
CHECK_LOGIN_FILE = Method(
    "accounts", "check_login_file", LoginImport, ImportReport, in_transaction=True, names_people=True,
    said="Checked a file of logins",
)  # fmt: skip
APPLY_LOGIN_FILE = Method(
    "accounts", "apply_login_file", LoginImport, ImportReport, command=True, fresh=True,
    said="Issued the logins of a file",
)  # fmt: skip

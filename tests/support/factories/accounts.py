"""What the tests of accounts build: logins with a password, principals, and the use cases with defaults."""

import base64
import json
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from random import choice
from string import ascii_lowercase
from typing import Any
from uuid import UUID, uuid4

import pyotp
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey
from sqlalchemy import func, select

from contracts.envelope import Received
from contracts.errors import ContractError
from contracts.events import Event, OtpRequested
from contracts.model import Role, Wire
from contracts.rpc.accounts.logins import (
    ExtendLogin,
    IssuedLogin,
    IssueLogin,
    LoginId,
    LoginView,
    SetLoginMobile,
)
from contracts.rpc.accounts.second_factor import (
    Enrolled,
    EnterCode,
    FactorCode,
    FactorRule,
    OwnFactor,
    RecoveryCodes,
    SetFactorRule,
    SignInToken,
    StartEnrolment,
    WaitingSignIn,
)
from contracts.rpc.accounts.sessions import (
    ApplicantSession,
    ChangePassword,
    DeniedSessions,
    EndedOwnSessions,
    EndOwnSessions,
    LogIn,
    OtpAccepted,
    RequestOtp,
    StaffSession,
    VerifyOtp,
)
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.imports import ImportFile, ImportReport, LoginImport
from contracts.tokens import SessionClaims
from services.accounts import commands
from services.accounts.adapters.second_factors import token_of
from services.accounts.handlers import (
    factor_rule,
    login_imports,
    logins,
    otp,
    own_factor,
    passwords,
    second_factor,
    sessions,
)
from services.accounts.models import Base, LoginRow, SignInRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.database import Database
from services.chassis.rpc.principals import principal_of
from services.chassis.runtime.clock import now
from tests.support.factories import envelopes
from tests.support.stack.settings import EVENT_KEY_SEEDS, make_settings

MOBILE = "+919876543210"
PASSWORD = "correct horse battery"
NEW_PASSWORD = "a stapler of good hope"
ADDRESS = "an-address"
SETTINGS = make_settings(
    AccountsSettings, event_key=EVENT_KEY_SEEDS["accounts"], second_factor_roles=("none",)
)


def a_call(principal: Principal | None = None, key: str | None = None, address: str = ADDRESS) -> Call:
    return Call(
        principal=principal or Principal(),
        deadline=now() + timedelta(seconds=3),
        idempotency_key=key,
        address=address,
    )


def staff(login_id: str, role: Role, sid: UUID | None = None) -> Principal:
    return Principal(kind="staff", id=login_id, login_id=login_id, role=role, sid=sid)


ADO = staff("ADO-0001", "ado")
SCOPES: dict[str, dict[str, str]] = {
    "department": {"department": "home"},
    "security": {"site": "PCS1", "gate": "PCS1-G1"},
    "reception": {"site": "PCS1"},
}


def given_login(
    db: Database, login_id: str = "HOM-0001", role: Role = "department", password: str = PASSWORD
) -> Principal:
    """Make an enabled login with a password of its own, and return its principal."""
    commands.seed_login(
        db, now(), role, commands.DemoLogin(login_id=login_id, password=password, **SCOPES.get(role, {}))
    )
    return staff(login_id, role)


def given_ado(db: Database, login_id: str = "ADO-0001") -> Principal:
    return given_login(db, login_id, "ado")


class Accounts:
    """The use cases on one database, each with only what a test cares about."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.settings = SETTINGS

    def _send(
        self,
        handle: Callable[..., Any],
        request: Wire,
        by: Principal,
        at: datetime | None,
        key: str | None = None,
    ) -> Any:
        """Give a request to a handler, in a transaction of its own."""
        with self.db.transaction() as session:
            return handle(request, a_call(by, key), session, at or now(), self.settings)

    def issue(
        self, by: Principal = ADO, key: str | None = None, at: datetime | None = None, **changes: Any
    ) -> IssuedLogin:
        usual = {"role": "department", "name": "Gurpreet Kaur", "department": "home"}
        return self._send(logins.issue, IssueLogin(**{**usual, **changes}), by, at, key)

    def disable(
        self, login_id: str, by: Principal = ADO, key: str | None = None, at: datetime | None = None
    ) -> LoginView:
        return self._send(logins.disable, LoginId(login_id=login_id), by, at, key)

    def reset(
        self, login_id: str, by: Principal = ADO, key: str | None = None, at: datetime | None = None
    ) -> IssuedLogin:
        return self._send(logins.reset, LoginId(login_id=login_id), by, at, key)

    def log_in(
        self,
        login_id: str = "HOM-0001",
        password: str = PASSWORD,
        *,
        key: str | None = None,
        at: datetime | None = None,
        address: str = ADDRESS,
        devices: tuple[str | None, ...] = (),
    ) -> StaffSession:
        return passwords.log_in(
            LogIn.model_validate({"login_id": login_id, "password": password, "devices": devices}),
            a_call(key=key, address=address),
            self.db,
            at or now(),
            self.settings,
        )

    def enrol(
        self, kiosk_id: str, token: str, *, key: str | None = None, at: datetime | None = None
    ) -> StaffSession:
        return passwords.enrol_kiosk(
            LogIn(login_id=kiosk_id, password=token), a_call(key=key), self.db, at or now(), self.settings
        )

    def change_password(
        self,
        who: Principal,
        new: str = NEW_PASSWORD,
        current: str = PASSWORD,
        *,
        key: str | None = None,
        at: datetime | None = None,
    ) -> StaffSession:
        return passwords.change(
            ChangePassword(current=current, new=new), a_call(who, key), self.db, at or now(), self.settings
        )

    def sign_in_token(self, login_id: str = "HOM-0001", *, at: datetime | None = None) -> str:
        """Type the right password, and return what the sign-in waits with."""
        refused = refusal_of(lambda: self.log_in(login_id, at=at))
        assert refused.body.code in {"second_factor_required", "second_factor_missing"}, refused
        return str(refused.body.facts["sign_in"])

    def enter_code(
        self,
        token: str,
        code: str,
        *,
        key: str | None = None,
        at: datetime | None = None,
        address: str = ADDRESS,
        devices: tuple[str | None, ...] = (),
    ) -> StaffSession:
        request = EnterCode.model_validate({"sign_in": token, "code": code, "devices": devices})
        return second_factor.enter_code(
            request, a_call(key=key, address=address), self.db, at or now(), self.settings
        )

    def app_of(self, token: str, *, at: datetime | None = None) -> pyotp.TOTP:
        """Return an authenticator app that has read what a sign-in shows."""
        with self.db.queries() as session:
            shown = second_factor.show_enrolment(
                SignInToken(sign_in=token), session, at or now(), self.settings
            )
        app = pyotp.parse_uri(shown.address)
        assert isinstance(app, pyotp.TOTP)
        return app

    def enrol_app(
        self, token: str, code: str, *, key: str | None = None, at: datetime | None = None
    ) -> Enrolled:
        return second_factor.enrol(
            EnterCode(sign_in=token, code=code), a_call(key=key), self.db, at or now(), self.settings
        )

    def enrolment_token(self, login_id: str = "HOM-0001", at: datetime | None = None) -> str:
        """Return the token of a sign-in that has to set up an app."""
        row = SignInRow(id=uuid4(), login_id=login_id, purpose="enrol", made_at=at or now())
        token = token_of(row.id, self.settings.password_secret)
        with self.db.transaction() as session:
            session.add(row)
        return token

    def given_app(
        self, login_id: str = "HOM-0001", at: datetime | None = None
    ) -> tuple[pyotp.TOTP, Enrolled]:
        """Set up an app for a login; return it, and the answer with the recovery codes."""
        at = at or now()
        token = self.enrolment_token(login_id, at)
        app = self.app_of(token, at=at)
        return app, self.enrol_app(token, app.at(at), at=at)

    def given_session(self, login_id: str, at: datetime | None = None) -> StaffSession:
        """Open a session without any proof, as a version before second factors did."""
        with self.db.transaction() as session:
            sid = sessions.open_for_staff(
                session, session.get_one(LoginRow, login_id), at or now(), self.settings
            )
            return sessions.staff_answer(session, sid, self.settings)

    def requires(self, *roles: Role) -> None:
        """Let these roles need a second factor."""
        self.settings = self.settings.model_copy(update={"second_factor_roles": roles})

    def set_rule(
        self, roles: tuple[Role, ...], by: Principal = ADO, *, at: datetime | None = None
    ) -> FactorRule:
        return self._send(factor_rule.change, SetFactorRule(roles=roles), by, at)

    def rule(self, by: Principal = ADO) -> FactorRule:
        with self.db.queries() as session:
            return factor_rule.view(a_call(by), session, now(), self.settings)

    def reset_factor(self, login_id: str, by: Principal = ADO, *, at: datetime | None = None) -> LoginView:
        return self._send(logins.reset_factor, LoginId(login_id=login_id), by, at)

    def set_mobile(
        self, login_id: str, mobile: str, by: Principal = ADO, *, at: datetime | None = None
    ) -> LoginView:
        request = SetLoginMobile(login_id=login_id, mobile=mobile, language="hi")
        return self._send(logins.set_mobile, request, by, at)

    def extend(self, login_id: str, by: Principal = ADO, *, at: datetime | None = None) -> LoginView:
        return self._send(logins.extend, ExtendLogin(login_id=login_id, valid_until=None), by, at)

    def apply_logins(self, by: Principal = ADO, *, at: datetime | None = None) -> ImportReport:
        """Send a file of one login that nobody else has, and apply it."""
        name = "".join(choice(ascii_lowercase) for _ in range(12))
        with self.db.transaction() as session:
            text = f"role,name,department,site,gate,mobile,language,valid_until\nado,{name},,,,,,\n"
            sent = login_imports.send(ImportFile(text=text), a_call(by), session, at or now())
            file = LoginImport(import_id=sent.import_id, departments=(), sites=(), gates=())
            return login_imports.apply(file, a_call(by), session, at or now(), self.settings)

    def confirm(self, who: Principal, code: str, *, at: datetime | None = None) -> StaffSession:
        return own_factor.confirm(FactorCode(code=code), a_call(who), self.db, at or now(), self.settings)

    def own(self, who: Principal) -> OwnFactor:
        with self.db.queries() as session:
            return own_factor.view(a_call(who), session, self.settings)

    def start_enrolment(self, who: Principal, password: str, *, at: datetime | None = None) -> WaitingSignIn:
        return passwords.start_enrolment(
            StartEnrolment(password=password), a_call(who), self.db, at or now(), self.settings
        )

    def renew_recovery_codes(self, who: Principal, *, at: datetime | None = None) -> RecoveryCodes:
        return self._send(own_factor.renew_recovery_codes, Nothing(), who, at)

    def session_claims(self, session: StaffSession) -> SessionClaims:
        return SessionClaims.model_validate(self.claims(session.access_token))

    def certificates(self) -> tuple[str, ...]:
        """Return accounts' word for its keys."""
        with self.db.transaction() as session:
            return tuple(sessions.keys(session, now(), self.settings).certificates.values())

    def proven(self, session: StaffSession) -> Principal:
        """Return the principal of a session, with all that its token says."""
        return principal_of(self.session_claims(session))

    def log_out(self, who: Principal, key: str | None = None, at: datetime | None = None) -> Nothing:
        with self.db.transaction() as session:
            return sessions.log_out(Nothing(), a_call(who, key), session, at or now())

    def end_own(self, who: Principal, at: datetime | None = None) -> EndedOwnSessions:
        with self.db.transaction() as session:
            return sessions.end_own(EndOwnSessions(), a_call(who), session, at or now())

    def denied(self, at: datetime | None = None) -> DeniedSessions:
        with self.db.transaction() as session:
            return sessions.denied(session, at or now(), self.settings)

    def request_code(
        self,
        mobile: str = MOBILE,
        *,
        key: str | None = None,
        at: datetime | None = None,
        address: str = ADDRESS,
        language: str = "en",
        devices: tuple[str | None, ...] = (),
    ) -> OtpAccepted:
        with self.db.transaction() as session:
            request = RequestOtp.model_validate({"mobile": mobile, "language": language, "devices": devices})
            return otp.request_code(
                request, a_call(key=key, address=address), session, at or now(), self.settings
            )

    def verify(
        self, request_id: UUID, code: str, *, key: str | None = None, at: datetime | None = None
    ) -> ApplicantSession:
        return otp.verify_code(
            VerifyOtp(request_id=request_id, code=code), a_call(key=key), self.db, at or now(), self.settings
        )

    def code_of(self, request_id: UUID) -> str:
        """Return the code in the message of this request."""
        return next(
            published.event.personal.code
            for published in self.published(OtpRequested)
            if published.event.request_id == request_id
        )

    def published(self, kind: type[Event]) -> list[Received[Any]]:
        """Return the events of a kind in the outbox, oldest first."""
        return envelopes.published(self.db, kind)

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token, checked with the public keys by a library that did not sign it."""
        with self.db.transaction() as session:
            answer = sessions.keys(session, now(), self.settings)
        keys = {
            key.kid: OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.x}) for key in answer.keys
        }
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", SecurityWarning
            )  # joserfc prefers the newer name of RFC 9864, Ed25519
            return jwt.decode(token, keys[header_of(token)["kid"]], algorithms=["EdDSA"]).claims

    def principal(self, session: StaffSession) -> Principal:
        """Return the principal of a session's token."""
        return staff(session.login_id, session.role, UUID(self.claims(session.access_token)["sid"]))

    def count(self, table: type[Base]) -> int:
        with self.db.transaction() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


def another_code(code: str) -> str:
    """Return six digits that are not the code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def refusal_of(work: Callable[[], object]) -> ContractError:
    """Return the error with which something is refused."""
    try:
        work()
    except ContractError as refused:
        return refused
    raise AssertionError("nothing was refused")


def a_key() -> str:
    """Return an Idempotency-Key."""
    return str(uuid4())


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a JWT."""
    part = token.partition(".")[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header

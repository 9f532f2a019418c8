"""The signed token of a session, made again from its row whenever it is needed, byte for byte the same."""

from sqlalchemy.orm import Session

from contracts.errors import NotAuthenticated
from contracts.tokens import SESSION_TYP, SessionClaims
from services.accounts.adapters.keys import key_store, sealed_box
from services.accounts.models import SessionRow
from services.accounts.settings import AccountsSettings
from services.chassis.keys.key_store import WithdrawnKey


def token_of(row: SessionRow, session: Session, settings: AccountsSettings) -> str:
    """Return the token of a session.

    Raises:
        NotAuthenticated: its key was withdrawn, and the session has ended with it.
    """
    sealed = row.mobile_sealed
    claims = SessionClaims.from_attributes(
        row,
        iss=settings.issuer,
        sub=row.subject,
        iat=int(row.issued_at.timestamp()),
        exp=int(row.expires_at.timestamp()),
        kind="applicant" if row.login_id is None else "staff",
        mobile=None if sealed is None else sealed_box(settings).open(sealed).decode(),
        amr=None if row.factor_at is None else ("pwd", "otp", "mfa"),
        factor_at=None if row.factor_at is None else int(row.factor_at.timestamp()),
    )
    try:
        key = key_store(settings).by_kid(session, row.kid)
    except WithdrawnKey:
        raise NotAuthenticated("the session has ended", code="session_ended") from None
    return key.sign(claims.model_dump(mode="json", exclude_none=True), SESSION_TYP)

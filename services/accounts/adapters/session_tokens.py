"""Session tokens and the Ed25519 keys that sign them. The private halves lie encrypted in this service's database."""

import base64
import hashlib
import json
from datetime import datetime

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.events import PublicKey
from contracts.tokens import ALGORITHM, SESSION_TYP, SessionClaims
from services.accounts import sealing
from services.accounts.locks import take_turns
from services.accounts.models import AccessSession, SigningKey
from services.chassis.runtime.settings import settings


def current_key(session: Session, at: datetime) -> SigningKey:
    """The newest key; the first who needs one makes it, and others wait for that one."""
    newest = select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.kid).limit(1)
    key = session.scalar(newest)
    if key is None:
        take_turns(session, "first signing key")
        key = session.scalar(newest) or _new_key(session, at)
    return key


def _new_key(session: Session, at: datetime) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = _base64url(private.public_key().public_bytes_raw())
    key = SigningKey(
        kid=_kid(public),
        public=public,
        private_sealed=sealing.seal(private.private_bytes_raw()),
        created_at=at,
    )
    session.add(key)
    session.flush()
    return key


def public_keys(session: Session, at: datetime) -> tuple[PublicKey, ...]:
    """All keys that tokens may be signed with, the current one first."""
    current_key(session, at)
    keys = session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.kid))
    return tuple(PublicKey(kid=key.kid, x=key.public) for key in keys)


def token_of(session: Session, access: AccessSession) -> str:
    """The token of a session, the same whenever it is asked for: Ed25519 signatures have no randomness (RFC 8032)."""
    key = session.get_one(SigningKey, access.kid)
    private = Ed25519PrivateKey.from_private_bytes(sealing.unseal(key.private_sealed))
    payload = _claims(access).model_dump(mode="json", exclude_none=True)
    return jwt.encode(payload, private, algorithm=ALGORITHM, headers={"typ": SESSION_TYP, "kid": key.kid})


def _claims(access: AccessSession) -> SessionClaims:
    return SessionClaims(
        iss=settings().issuer,
        sub=access.subject,
        sid=access.sid,
        iat=int(access.issued_at.timestamp()),
        exp=int(access.expires_at.timestamp()),
        kind="applicant" if access.login_id is None else "staff",
        role=access.role,
        site=access.site,
        department=access.department,
        gate=access.gate,
        mobile=None if access.mobile_sealed is None else sealing.unseal(access.mobile_sealed).decode(),
        must_change_password=access.must_change_password,
    )


def _kid(public: str) -> str:
    """The first eight characters of the key's thumbprint (RFC 7638)."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public}, separators=(",", ":"))
    return _base64url(hashlib.sha256(members.encode()).digest())[:8]


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

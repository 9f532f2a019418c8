"""The claims of the tokens that one part signs and another checks.

All are EdDSA (Ed25519) JWTs made with PyJWT.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from contracts.model import Role, Wire

ALGORITHM = "EdDSA"
PASS_TYP = "epass+jwt"
PASS_AUDIENCE = "gate"
STATUS_TYP = "epass-status+jwt"
STATUS_AUDIENCE = PASS_AUDIENCE
STATUS_DELTA_TYP = "epass-status-delta+jwt"
SESSION_TYP = "epass-session+jwt"
SESSION_AUDIENCE = "gateway"
SESSION_KEY_TYP = "epass-session-key+jwt"
SESSION_KEY_ISSUER = "accounts"
SESSION_KEY_AUDIENCE = "services"


FRESH_SECONDS = 120
"""So long the code of a standing pass is new: its page shows another one each minute."""
WholeSeconds = Annotated[int, Field(strict=True, ge=0, le=253_402_300_799)]
"""Seconds since 1970, until the end of the year 9999."""
_Number = Annotated[int, Field(strict=True, ge=1, le=1_000)]
_Day = Annotated[int, Field(strict=True, ge=-366, le=366)]


class PassClaims(Wire):
    """The claims of a pass. Its header has ``typ: epass+jwt`` and ``kid``.

    They hold no name and no number of a person; ``jti`` is the pass number. ``nbf`` and ``exp`` bound entry
    on the first day; ``days`` are the further ones, each by how many days after the first it is.

    A number in another form, such as ``1.0`` or ``"1"``, is refused: the gate's app reads tokens, too, and
    every reader has to come to the same.
    """

    iss: str
    aud: str = PASS_AUDIENCE
    jti: str
    nbf: WholeSeconds
    exp: WholeSeconds
    site: str
    party: _Number
    gate: str | None = None
    entries: _Number = 1
    idc: str | None = None
    days: tuple[_Day, ...] = ()
    fresh: WholeSeconds | None = None
    """Of a standing pass alone: until when this code is new; 0 of one on paper. After that the last four of
    the ID are compared again. Its ``nbf`` and ``exp`` are those of the day, and ``days`` is empty."""

    def payload(self) -> dict[str, Any]:
        """Return what is signed. Defaults are left out, so that the QR code stays small."""
        return self.model_dump(exclude_defaults=True) | {"aud": self.aud}


class StatusClaims(Wire):
    """The claims of a status list: which passes are revoked and have not ended; ``seq`` rises.

    Lists of versions before 0.8 had neither ``iss`` nor ``aud``. A reader demands both.
    """

    iss: str
    aud: str = STATUS_AUDIENCE
    iat: int
    exp: int
    seq: int
    revoked: tuple[str, ...]


class StatusDeltaClaims(Wire):
    """The claims of a delta: what makes the status list ``seq`` of any list from ``since`` on.

    A reader applies it to a list of that range, and takes the result only where its digest
    (``contracts/list_digest.py``) is ``digest``. ``iat`` is when the list was signed: a delta without numbers
    says that the list is still right.
    """

    iss: str
    aud: str = STATUS_AUDIENCE
    iat: int
    exp: int
    seq: int
    since: int
    base: str
    """The digest of the list ``since``."""
    digest: str
    revoked: tuple[str, ...]
    """Numbers that come onto the list."""
    ended: tuple[str, ...]
    """Numbers that go: these passes would have ended by now."""


class SessionClaims(Wire):
    """The claims of a session. Accounts issues it; the gateway checks it with the public key alone."""

    iss: str
    aud: str = SESSION_AUDIENCE
    sub: str
    sid: UUID
    iat: int
    exp: int
    kind: str
    role: Role | None = None
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    assistant_of: str | None = None
    mobile: str | None = Field(default=None, repr=False)
    must_change_password: bool = False
    amr: tuple[str, ...] | None = None
    """How its holder has proved who they are (RFC 8176); None for a password or a code by SMS alone."""
    factor_at: int | None = None
    """When they have last shown their second factor."""


class SessionKeyClaims(Wire):
    """Accounts' word that a key signs sessions, under its key of events, which every service knows.

    So a service needs neither accounts nor a copy of its keys to check a session that a call brings along.
    """

    iss: str = SESSION_KEY_ISSUER
    aud: str = SESSION_KEY_AUDIENCE
    exp: int
    kid: str
    x: str
    """The public key, as in its JWK."""
    issuer: str
    """The ``iss`` of the sessions."""

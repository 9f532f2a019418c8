"""The settings of the accounts service."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, get_args

import phonenumbers
from pydantic import Field
from pydantic_settings import NoDecode

from contracts.model import DEVICE_ROLES, Role
from services.chassis.runtime.setting_types import Commas, GeneratedSecret, OrNone, RequiredCommaList
from services.chassis.runtime.settings import (
    IssuerSettings,
    KeyEncryptionSettings,
    RateLimitSettings,
    ServiceSettings,
)

FACTOR_ROLES: tuple[Role, ...] = tuple(role for role in get_args(Role) if role not in DEVICE_ROLES)
FIRST_ROLES = frozenset({"ado", "department", "security", "reception", "assisted", "ops", "auditor"})
"""Those of before 0.26. A rule that says nothing of a later role is older than the role, which needs one."""
"""Every role of people: each of them sees names, and a device has nobody to type a code."""
SESSIONS_AT_ONCE = 3
"""A desk, a phone, and one more: a tablet of a gate, or the counter of a colleague who is ill."""
_COUNTRIES = {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}


class AccountsSettings(ServiceSettings, KeyEncryptionSettings, IssuerSettings, RateLimitSettings):
    """Secrets of one-time codes and passwords, and how long codes and sessions last."""

    otp_secret: GeneratedSecret
    password_secret: GeneratedSecret
    """Derives the one-time initial password of a login, so that a repeated command returns the same one."""
    initial_password_hours: int = Field(72, ge=1)
    """For so long the initial password of a login, or the token of a kiosk, can be used."""
    gate_code_minutes: int = Field(15, ge=1)
    """For so long the code that enrols a gate device can be used."""
    gate_silent_minutes: int = Field(30, ge=2)
    """A gate device that has not reported for so long is counted as silent; it reports each minute."""
    gate_unsent_minutes: int = Field(60, ge=2)
    """The same for one that has scans which the server does not have."""
    idle_minutes: int = Field(30, ge=1)
    """A session of staff ends when nobody has used it for so long."""
    gate_idle_minutes: int = Field(480, ge=1)
    """The same for security: a shift, because a tablet at a gate is passed on."""
    applicant_idle_minutes: int = Field(120, ge=1)
    second_factor_roles: Annotated[tuple[Role, ...] | None, NoDecode, OrNone, Commas] = None
    """Roles that need a second factor, until the ADO Branch decides; ``none`` for no role.

    Those that are newer than `FIRST_ROLES` need one, too, if any does.
    Without a value these are `FACTOR_ROLES`, and in local mode none.
    """
    sessions_at_once: Annotated[Annotated[int, Field(ge=1)] | None, OrNone] = None
    """Sessions of one login at once; the next one ends the longest unused. Devices have as many as they need.

    Without a value these are `SESSIONS_AT_ONCE`, and in local mode any number.
    """
    otp_minutes: int = 10
    code_countries: RequiredCommaList = ("91",)
    """Codes of the countries to whose numbers strangers may have a one-time code sent."""
    unproved_codes_per_hour: int = Field(4_000, ge=2)
    """Codes to numbers that nobody has ever proved, and that nobody has typed: the ceiling of the whole site.

    ``python -m bench.limits`` prints the arithmetic.
    """
    session_minutes: int = 480
    applicant_session_minutes: int = 120

    @property
    def factor_roles(self) -> tuple[Role, ...]:
        """Return the roles that need a second factor while the ADO Branch has decided nothing."""
        if self.second_factor_roles:
            later = (role for role in FACTOR_ROLES if role not in FIRST_ROLES)
            return tuple(dict.fromkeys((*self.second_factor_roles, *later)))
        if self.second_factor_roles is not None:
            return ()
        return () if self.local_mode else FACTOR_ROLES

    @property
    def most_sessions(self) -> int | None:
        """Return how many sessions a login of a person may have at once; None for any number."""
        return self.sessions_at_once or (None if self.local_mode else SESSIONS_AT_ONCE)

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: a country that is none, a second factor for a device without a person."""
        yield from super().conflicts()
        if unknown := set(self.code_countries) - _COUNTRIES:
            yield "code_countries", f"{min(unknown)!r} is no country code, such as 91"
        if DEVICE_ROLES & set(self.second_factor_roles or ()):
            yield "second_factor_roles", "a device has no second factor"

    @property
    def gate_silent(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(minutes=self.gate_silent_minutes)

    @property
    def gate_unsent(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(minutes=self.gate_unsent_minutes)

    def lifetime_of_first_password(self, role: Role) -> timedelta:
        """Return for how long the initial password, the token or the code of a login can be used."""
        if role == "gate_device":
            return timedelta(minutes=self.gate_code_minutes)
        return timedelta(hours=self.initial_password_hours)

"""Settings objects for tests. What a process needs and a test ignores has a value that leads nowhere."""

import base64
import hashlib
from typing import Any, TypeVar

from cryptography.fernet import Fernet

from services.accounts.settings import AccountsSettings
from services.application.settings import ApplicationSettings
from services.approval.settings import ApprovalSettings
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.settings import Section, ServiceSettings
from services.chassis.tokens.signing_key import SigningKey
from services.gateway.settings import GatewaySettings
from services.issuance.settings import IssuanceSettings
from services.notify.settings import NotifySettings, SenderSettings
from services.ops.settings import ExporterSettings
from services.verify.settings import VerifySettings

S = TypeVar("S", bound=Section)
SERVICES: dict[str, type[ServiceSettings]] = {
    "accounts": AccountsSettings,
    "application": ApplicationSettings,
    "approval": ApprovalSettings,
    "issuance": IssuanceSettings,
    "notify": NotifySettings,
    "verify": VerifySettings,
}
PROCESSES: dict[str, type[Section]] = {
    **SERVICES,
    "relay": RelaySettings,
    "sender": SenderSettings,
    "gateway": GatewaySettings,
    "exporter": ExporterSettings,
}
"""The settings class of each process."""
REQUIRED: dict[str, Any] = {
    "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/nowhere",
    "broker_urls": ("amqp://nobody@127.0.0.1:1/",),
    "relay_database_urls": ("postgresql+psycopg://nobody@127.0.0.1:1/issuance",),
    "directory_database_url": "postgresql+psycopg://nobody@127.0.0.1:1/nowhere",
    "ops_database_urls": ("postgresql+psycopg://nobody@127.0.0.1:1/nowhere",),
    "personal_keys": (Fernet.generate_key().decode(),),
    "key_encryption_keys": (Fernet.generate_key().decode(),),
    "answers_keys": (Fernet.generate_key().decode(),),
    "idempotency_secret": "idempotency-secret-of-these-tests",
    "otp_secret": "one-time-password-secret-of-tests",
    "password_secret": "initial-password-secret-of-tests",
    "commitment_master": "commitment-master-of-these-tests",
}
"""A value for each setting that some process needs; two more are below."""
EVENT_KEY_SEEDS = {
    service: base64.urlsafe_b64encode(hashlib.sha256(f"events of {service}".encode()).digest()).decode()
    for service in SERVICES
}
"""The keys with which the services sign their events in all tests, by service."""
EVENT_SIGNERS = {service: SigningKey.from_seed(seed) for service, seed in EVENT_KEY_SEEDS.items()}
EVENT_KEYS = tuple(f"{service}:{key.public.x}" for service, key in EVENT_SIGNERS.items())
"""Their public halves, as a setting."""
REQUIRED |= {"event_key": EVENT_KEY_SEEDS["accounts"], "event_keys": EVENT_KEYS}


def make_settings(kind: type[S], **given: Any) -> S:
    """Return settings of a class: the given values, then those of :data:`REQUIRED`, then defaults."""
    needed = {name: REQUIRED[name] for name, field in kind.model_fields.items() if field.is_required()}
    return kind(**{**needed, **given})

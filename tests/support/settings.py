"""Settings objects for tests. What a process needs and a test ignores has a value that leads nowhere."""

from typing import Any, TypeVar

from cryptography.fernet import Fernet

from services.chassis.runtime.settings import Section

S = TypeVar("S", bound=Section)
REQUIRED: dict[str, Any] = {
    "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/nowhere",
    "broker_urls": ("amqp://nobody@127.0.0.1:1/",),
    "relay_database_urls": ("postgresql+psycopg://nobody@127.0.0.1:1/nowhere",),
    "ops_database_urls": ("postgresql+psycopg://nobody@127.0.0.1:1/nowhere",),
    "personal_keys": (Fernet.generate_key().decode(),),
    "key_encryption_keys": (Fernet.generate_key().decode(),),
    "answers_keys": (Fernet.generate_key().decode(),),
    "idempotency_secret": "test-idempotency",
    "otp_secret": "test-otp",
    "password_secret": "test-password",
    "commitment_master": "test-commitment",
}
"""A value for each setting that some process needs."""


def make_settings(kind: type[S], **given: Any) -> S:
    """Return settings of a class: the given values, then those of :data:`REQUIRED`, then defaults."""
    needed = {name: REQUIRED[name] for name, field in kind.model_fields.items() if field.is_required()}
    return kind(**{**needed, **given})

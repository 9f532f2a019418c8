"""Every setting of every process, read once from the environment into one frozen object.

All names carry the prefix ``EPASS_``; a secret may also be given as a file, by the same name in the
folder that ``EPASS_SECRETS_DIR`` names (Docker and Kubernetes secrets). ``deploy/.env.example`` lists
each of them with its meaning; a test holds the two together. Nothing else in the tree reads ``os.environ``.
"""

import os
from functools import lru_cache
from typing import Annotated

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """What one process was told. Durations are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="EPASS_",
        frozen=True,
        extra="ignore",
        secrets_dir=os.environ.get("EPASS_SECRETS_DIR") or None,
        hide_input_in_errors=True,
    )

    # the process
    local_mode: bool = False
    log_level: str = "INFO"
    health_host: str = "127.0.0.1"
    health_port: int = 0
    """Where /healthz, /readyz and /metrics are served; 0 means nowhere."""

    # its database and its broker
    database_url: SecretStr = SecretStr("")
    database_pool: int = 20
    """One for each worker of RPC and events, so that neither waits for the other's: as many as all workers below."""
    broker_urls: CommaList = ()
    """All nodes of the cluster, amqp://user:password@host:port/vhost, tried in turn."""
    broker_heartbeat: int = 20
    rpc_workers: int = 10
    event_workers: int = 8
    urgent_workers: int = 2
    """For the events that somebody waits for: one-time codes."""
    prefetch: int = 8
    """Unacknowledged messages a consumer holds, for each of its queues."""

    # secrets
    personal_keys: CommaList = ()
    """Fernet keys of the sealed personal block; the first seals, all open."""
    key_encryption_keys: CommaList = ()
    """Fernet keys under which a service keeps its private signing keys in its own database."""
    idempotency_secret: SecretStr = SecretStr("")
    otp_secret: SecretStr = SecretStr("")
    password_secret: SecretStr = SecretStr("")
    """Derives the one-time initial password of a login, so that a repeated command can repeat it."""
    commitment_master: SecretStr = SecretStr("")
    """Master of the ID commitment in the pass; only issuance and verify hold it."""

    # the relay
    relay_database_urls: CommaList = ()
    relay_batch: int = 200
    relay_poll: float = 1.0
    relay_watchdog: float = 10.0
    """A broker that does not confirm within this time is left and connected to again."""

    # ops
    ops_database_urls: CommaList = ()
    """The databases of all services, each named as its service, for a role that may only read what the invariants count."""
    ops_interval: float = 15.0
    """How often the exporter looks."""

    # the gateway
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    public_url: str = "http://127.0.0.1:8080"
    rpc_timeout: float = 3.0
    trusted_proxies: CommaList = ()
    answers_keys: CommaList = ()
    """Fernet keys of the cookie that keeps half-filled answers; the first seals, all open. The same for all replicas."""
    rate_limits: bool = True

    # rules of the house
    issuer: str = "epass.punjab.gov.in"
    entry_margin_minutes: int = 30
    """Entry is open from so long before the window to so long after it."""
    furthest_days: int = 30
    otp_minutes: int = 10
    session_minutes: int = 480
    applicant_session_minutes: int = 120
    status_list_seconds: float = 10.0
    retry_delays: Annotated[tuple[float, ...], NoDecode] = (1.0, 5.0, 30.0, 300.0)
    attempts: int = 8
    """Deliveries of one event to one consumer before it goes to the dead letters."""

    # the sender
    sms_url: str = ""
    sms_token: SecretStr = SecretStr("")
    whatsapp_url: str = ""
    whatsapp_token: SecretStr = SecretStr("")
    """Bearer tokens of the two gateways."""
    sender_batch: int = 20
    sender_lease: float = 30.0
    sender_threads: int = 4
    """Threads for all messages, one-time codes first; one more is for one-time codes alone."""

    @field_validator(
        "broker_urls",
        "personal_keys",
        "key_encryption_keys",
        "relay_database_urls",
        "ops_database_urls",
        "trusted_proxies",
        "answers_keys",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return (
            tuple(float(part) for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    Raises:
        pydantic.ValidationError: when a value does not parse; the message names the setting, never its value.
    """
    return Settings()

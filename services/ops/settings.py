"""The settings of the exporter and of the commands of `epass` that look into all services."""

from collections.abc import Iterator

from pydantic import Field, SecretStr

from contracts.email import is_email
from services.chassis.runtime.retention_settings import (
    BackupRetentionSettings,
    PeopleRetentionSettings,
    WatchlistRetentionSettings,
)
from services.chassis.runtime.setting_types import (
    CommaList,
    GeneratedSecret,
    RequiredCommaList,
    RequiredSecret,
)
from services.chassis.runtime.settings import (
    BrokerSettings,
    DatabaseSettings,
    EventKeysSettings,
    EventSigningSettings,
    KeyEncryptionSettings,
    MailAccountSettings,
    OpsTokenSettings,
    PersonalDataSettings,
    RetentionSettings,
    RetryDelaySettings,
    Section,
)


class BrokerCommandSettings(BrokerSettings, RetryDelaySettings):
    """Commands that use only the broker: topology and dead letters."""


class MonthSettings(Section):
    """What `epass migrate` drops of tables that are partitioned by months."""

    records_kept_months: int | None = Field(None, ge=13, le=120)
    """As `RetentionSettings` has it for the services, but without a default: unset, no month is dropped."""


class MigrationSettings(DatabaseSettings, MonthSettings):
    """`epass migrate`: the database of one service, for the role that owns it, and which months are kept."""


class RewrapSettings(DatabaseSettings, PersonalDataSettings):
    """`epass keys rewrap`: the database of one service, and the ring of personal keys."""


class DirectoryCommandSettings(Section):
    """`epass import logins`: where the directory is against which a file of logins is checked."""

    directory_database_url: RequiredSecret
    """The database of approval, for the role `ops`: it may read the codes of the directory, and is enough."""


class DatabaseCommandSettings(DatabaseSettings, EventSigningSettings):
    """Commands that publish events: the database of one service, and the key that signs its events."""


class KeyCommandSettings(DatabaseCommandSettings, KeyEncryptionSettings):
    """`epass keys`: the same of one service, and the keys under which its signing keys are sealed."""


class LoginImportSettings(DatabaseCommandSettings, PersonalDataSettings):
    """`epass import logins`: the database of accounts, and what issuing a login needs."""

    password_secret: GeneratedSecret


class RegisterSettings(
    PeopleRetentionSettings, WatchlistRetentionSettings, BackupRetentionSettings, RetentionSettings
):
    """`epass register`: what the site has set, and who works for it."""

    sms_url: str = ""
    whatsapp_url: str = ""
    smtp_url: str = ""
    ops_backup_stamp: str = ""


class OutboxCommandSettings(Section):
    """`epass outbox`: the databases to look into. It runs with the settings of the relay or of ops."""

    relay_database_urls: CommaList = ()
    ops_database_urls: CommaList = ()


class AffectedSettings(Section):
    """`epass affected list`."""

    ops_database_urls: RequiredCommaList
    """As for the invariants."""


class InvariantsCommandSettings(BrokerSettings, RetryDelaySettings):
    """`epass invariants`."""

    ops_database_urls: RequiredCommaList
    """The databases of all services, each named as its service.

    The role may read only what the invariants count.
    """


class WitnessSettings(MailAccountSettings):
    """Who gets the heads of the audit logs each hour: a mailbox, a store with a lock, or both."""

    witness_mail: CommaList = ()
    """Addresses, by the mail server of the sender."""
    witness_store_url: str = ""
    """A folder in a bucket with S3's interface and Object Lock: ``https://host/bucket/folder``."""
    witness_store_region: str = "us-east-1"
    witness_store_key_id: str = ""
    witness_store_secret: SecretStr = SecretStr("")
    witness_store_days: int = Field(1100, ge=1)
    """For so long nobody may delete or change what was stored, whoever they are."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield a witness that could not be reached, or to whom others could listen."""
        yield from super().conflicts()
        if self.witness_mail and not self.smtp_url:
            yield "witness_mail", "there is no mail server (EPASS_SMTP_URL)"
        if any(not is_email(one) for one in self.witness_mail):
            yield "witness_mail", "it has to be email addresses, with commas between them"
        if self.witness_store_url:
            if not self.local_mode and not self.witness_store_url.startswith("https://"):
                yield "witness_store_url", "outside local mode it begins with https://"
            if not (self.witness_store_key_id and self.witness_store_secret):
                yield (
                    "witness_store_url",
                    "EPASS_WITNESS_STORE_KEY_ID and EPASS_WITNESS_STORE_SECRET are empty",
                )


class ExporterSettings(
    WitnessSettings, EventKeysSettings, BrokerSettings, RetryDelaySettings, OpsTokenSettings
):
    """`epass ops-exporter`. Without databases it counts queues only."""

    ops_database_urls: CommaList = ()
    """As for the invariants."""
    ops_interval: float = 15.0
    """How often the exporter looks."""
    ops_processes: CommaList = ()
    """The processes to look at, each as ``name=http://host:port``; a host may have several addresses."""
    ops_broker_urls: CommaList = ()
    """All nodes of the broker, for a user who may read dead letters of events and publish them again."""
    ops_backup_stamp: str = ""
    """The file that a backup touches when it is finished; empty where backups are watched in another way."""
    ops_host: str = "127.0.0.1"
    ops_port: int = 0
    """Where the gateways ask for what the exporter knows; 0 means nowhere."""

    def asked_in_clear(self) -> Iterator[str]:
        """Yield the setting with the addresses of processes, if one of them is plain HTTP."""
        if any("=http://" in one for one in self.ops_processes):
            yield "ops_processes"

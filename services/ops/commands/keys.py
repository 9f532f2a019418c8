"""`epass keys`: signing keys, and what is sealed under other keys."""

import sys
from contextlib import closing

import click
from sqlalchemy.exc import NoResultFound

from contracts.subscriptions import SERVICES
from services.accounts import commands as accounts
from services.accounts.adapters import keys as accounts_keys
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import read
from services.issuance import commands as issuance
from services.issuance.adapters import keys as issuance_keys
from services.ops.rewrap import KEY_ENCRYPTION, PERSONAL, rewrap
from services.ops.settings import KeyCommandSettings, RewrapSettings

signing_service = click.argument("service", type=click.Choice(["accounts", "issuance"]))


@click.group()
def keys() -> None:
    """Signing keys, and what is sealed under other keys."""


@keys.command("rotate")
@signing_service
def keys_rotate(service: str) -> None:
    """Retire a service's signing key and make the next. What the old key signed stays good."""
    rotate_key = {"accounts": accounts.rotate_key, "issuance": issuance.rotate_key}[service]
    settings = read(KeyCommandSettings)
    with closing(Database.of(settings)) as db:
        click.echo(f"{service} signs with {rotate_key(db, now(), settings)} now")


# The id of a key may begin with a dash.
@keys.command("withdraw", context_settings={"ignore_unknown_options": True})
@signing_service
@click.argument("kid")
def keys_withdraw(service: str, kid: str) -> None:
    """Withdraw a signing key for good: nothing that it has signed is accepted any more."""
    withdraw_key = {"accounts": accounts.withdraw_key, "issuance": issuance.withdraw_key}[service]
    settings = read(KeyCommandSettings)
    with closing(Database.of(settings)) as db:
        try:
            click.echo(withdraw_key(db, now(), settings, kid))
        except NoResultFound:
            raise click.ClickException(f"{service} has no key {kid}") from None


@keys.command("rewrap")
@click.argument("service", type=click.Choice(SERVICES))
def keys_rewrap(service: str) -> None:
    """Seal again, under the first key of each ring, what a service has sealed; exit code 1 if a row is lost.

    The rings are EPASS_PERSONAL_KEYS and, of accounts and issuance, EPASS_KEY_ENCRYPTION_KEYS.
    """
    settings = read(RewrapSettings)
    columns = [(column, settings.personal_keys) for column in PERSONAL[service]]
    if service in KEY_ENCRYPTION:
        ring = read(KeyCommandSettings).key_encryption_keys
        columns += [(column, ring) for column in KEY_ENCRYPTION[service]]
    unreadable = 0
    with closing(Database.of(settings)) as db:
        for column, ring in columns:
            done = rewrap(db, service, column, ring)
            unreadable += done.unreadable
            click.echo(
                f"{column}: {done.sealed_again} sealed again, {done.good_already} good already, "
                f"{done.unreadable} that no key opens"
            )
    sys.exit(1 if unreadable else 0)


@keys.command("list")
@signing_service
def keys_list(service: str) -> None:
    """Print a service's signing keys, the newest first: name, state, and from when to when it signed."""
    settings = read(KeyCommandSettings)
    store = {"accounts": accounts_keys.key_store, "issuance": issuance_keys.key_store}[service](settings)
    with closing(Database.of(settings)) as db, db.transaction() as session:
        for row in store.all(session):
            ended = f" until {row.retired_at:%Y-%m-%d %H:%M}Z" if row.retired_at else ""
            click.echo(f"{row.kid} {row.state}, since {row.created_at:%Y-%m-%d %H:%M}Z{ended}")

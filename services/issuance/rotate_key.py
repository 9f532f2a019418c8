"""A chore of ops: `python -m services.issuance.rotate_key` retires the signing key and makes the next.

It holds at once for all processes; passes under the retired key stay good, and it stays in the JWKS while they are.
"""

import click

from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import settings
from services.issuance.keys import rotate


def main() -> None:
    """Rotates and names the new key."""
    database = Database.of(settings())
    with database.transaction() as session:
        key = rotate(session, now())
    database.close()
    click.echo(f"signing with {key.kid} now")


if __name__ == "__main__":
    main()

"""RPC of the probe: the site in the request commands what happens."""

import os
import signal
from time import sleep

import eventlet
from sqlalchemy import text

from contracts import rpc as contract
from contracts.errors import Conflict
from contracts.rpc.verify.presence import InsideList, InsideQuestion
from services.chassis.db.database import Database
from services.chassis.db.providers import DatabaseProvider
from services.chassis.rpc.server import rpc


class Ending:
    """Tells its process to stop when nobody has it any more: what a thread was given, when that has ended."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def obey(request: InsideQuestion, db: Database) -> InsideList:
    match request.site.split(":"):
        case ["conflict"]:
            raise Conflict("so it is", since="noon")
        case ["secret", word]:
            raise RuntimeError(f"a secret: {word}")
        case ["sleep", seconds]:
            sleep(float(seconds))
        case ["crash"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["terminate"]:  # while a thread ends
            eventlet.spawn(lambda _: sleep(0.1), Ending())
    with db.transaction() as session:
        session.execute(text("insert into probe (what) values (:what)"), {"what": request.site})
        count = session.execute(text("select count(*) from probe")).scalar_one()
    return InsideList(items=(), persons=count)


class Service:
    name = "verify"
    db = DatabaseProvider()

    inside = rpc(contract.verify.presence.INSIDE, obey)

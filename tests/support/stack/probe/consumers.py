"""Events of the probe: the reference in the event commands what happens after the effect is stored."""

import os
import signal
from pathlib import Path
from time import sleep

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import PassRevoked
from services.chassis.db.providers import DatabaseProvider
from services.chassis.messaging.entrypoint import consumes
from services.chassis.messaging.retry import PermanentError

_failed: set[str] = set()


def obey(received: Received[PassRevoked], session: Session) -> None:
    session.execute(text("insert into probe (what) values (:what)"), {"what": received.event.reference})
    match received.event.reference.split(":"):
        case ["fail-once", *_] if received.event.reference not in _failed:
            _failed.add(received.event.reference)
            raise RuntimeError("a secret: once")
        case ["fail", *_]:
            raise RuntimeError("a secret: always")
        case ["permanent", *_]:
            raise PermanentError("a secret: for ever")
        case ["crash", *_]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["sleep", seconds, *_]:
            sleep(float(seconds))
        case ["hold", path]:  # the test takes the file away
            Path(path).touch()
            while Path(path).exists():
                sleep(0.05)


class Consumers:
    name = "verify-events"
    service = "verify"
    db = DatabaseProvider()

    on_pass_revoked = consumes(PassRevoked, obey)

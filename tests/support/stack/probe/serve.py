"""The probe as a process: `python -m tests.support.stack.probe.serve [rpc|events]`."""

from services.chassis.process import serve  # isort: skip  it patches the standard library

import sys

from services.chassis.runtime.settings import read
from services.ops.serve import Classes, containers
from services.verify.settings import VerifySettings
from tests.support.stack.probe.consumers import Consumers
from tests.support.stack.probe.service import Service


def main() -> None:
    part = sys.argv[1] if len(sys.argv) > 1 else None
    classes = Classes(VerifySettings, Service, (Consumers,))
    serve.run("probe", containers(classes, part), read(classes.settings))


if __name__ == "__main__":
    main()

"""The probe as a process: `python -m tests.support.probe.serve [rpc|events]`."""

from services.chassis.runtime import serve  # isort: skip  it patches the standard library

import sys

from services.ops.serve import Classes, containers
from tests.support.probe.consumers import Consumers
from tests.support.probe.service import Service


def main() -> None:
    serve.run("probe", containers(Classes(Service, (Consumers,)), sys.argv[1] if len(sys.argv) > 1 else None))


if __name__ == "__main__":
    main()

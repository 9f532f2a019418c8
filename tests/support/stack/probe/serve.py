"""The probe as a process: `python -m tests.support.stack.probe.serve [rpc|events]`."""

from services.chassis.process import serve  # isort: skip  it patches the standard library

import sys

from services.chassis.runtime.settings import read
from services.ops.serve import containers
from services.verify.settings import VerifySettings


def main() -> None:
    part = sys.argv[1] if len(sys.argv) > 1 else None
    serve.run("probe", containers("tests.support.stack.probe", part), read(VerifySettings))


if __name__ == "__main__":
    main()

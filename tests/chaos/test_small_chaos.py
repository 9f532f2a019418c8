"""`make chaos` in two minutes: three hundred applications, and as many kills as fit."""

import sys

from tests.support.chaos.deployment import Deployment
from tests.support.chaos.fault_schedule import BROKER, POSTGRES, PROCESSES
from tests.support.chaos.run import Limits, Run

SMALL = Limits(applications=300, kills=32, seconds=100, seed=2026)


def test_whatever_is_killed_nothing_is_lost_nothing_happens_twice_and_all_is_final_in_time(
    deployment: Deployment,
) -> None:
    report = Run(
        deployment.stack,
        deployment.system,
        deployment.provider,
        SMALL,
        lambda line: print(line, file=sys.stderr),
    )()
    told = "\n".join(report.lines())
    print(told)
    assert report.good, told
    assert {*PROCESSES, BROKER, POSTGRES} <= {
        target for one in report.injected for target in one.fault.targets
    }
    assert report.applications > SMALL.applications / 3, told

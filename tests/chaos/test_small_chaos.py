"""`make chaos` in two minutes: three hundred applications, and as many kills as fit."""

import sys
from collections.abc import Iterator

import pytest

from tests.chaos.fault_schedule import BROKER, POSTGRES, PROCESSES
from tests.chaos.run import Limits, Run
from tests.support.chaos.crowd import entering_on, visiting_day
from tests.support.chaos.deployment import Deployment, deploy, settings_of_every_channel

SMALL = Limits(applications=300, kills=32, seconds=100, seed=2026)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A system of its own, whose messages go out on three channels."""
    with deploy(tmp_path_factory.mktemp("small-chaos"), settings_of_every_channel) as running:
        yield running


def test_nothing_is_lost_and_nothing_happens_twice_whatever_is_killed(
    deployment: Deployment,
) -> None:
    report = Run(
        deployment.stack,
        deployment.system,
        deployment.provider,
        SMALL,
        lambda line: print(line, file=sys.stderr),
    )()
    lines = "\n".join(report.lines())
    print(lines)
    assert report.good, lines
    assert {*PROCESSES, BROKER, POSTGRES} <= {
        target for one in report.injected for target in one.fault.targets
    }
    assert {"sms", "whatsapp", "email"} == set(report.findings.channels), lines
    assert report.findings.fallbacks > 0, lines
    for told in (report.findings.late, report.findings.reported_failed):
        assert min(told["sms"], told["whatsapp"]) > 0, lines
    assert report.applications > SMALL.applications / 3, lines
    if entering_on(visiting_day(SMALL.seconds)):
        assert report.offline > report.conflicts > 0, lines

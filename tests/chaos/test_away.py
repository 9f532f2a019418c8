"""The broker or the own database is away for long, or the broker takes nothing: everybody is told so in time, and all goes on afterwards."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.chaos.conftest import Ground
from tests.support.backends import TestStack
from tests.support.chaos import sabotage
from tests.support.chaos.prober import ANSWER_SECONDS, Watch
from tests.support.chaos.recovery import (
    ALARM_SECONDS,
    COMMAND_SECONDS,
    DATABASE_SECONDS,
    OUTAGE_SECONDS,
    all_ready,
    attempts,
    everybody_was_answered,
    nobody_restarts,
    nothing_is_lost,
    tell,
)
from tests.support.chaos.scenario import Scene
from tests.support.running import eventually
from tests.support.system import System

pytestmark = pytest.mark.outage
DEAD = "approval.ApplicationSubmitted.dead"
STANDING = 20
"""Applications whose events stand in an outbox or a queue while the outage lasts."""


@contextmanager
def stopped(system: System, name: str) -> Iterator[None]:
    """A process does nothing for the length of the block."""
    system.processes[name].signal(signal.SIGSTOP)
    try:
        yield
    finally:
        system.processes[name].signal(signal.SIGCONT)


@contextmanager
def broker_away(stack: TestStack) -> Iterator[None]:
    stack.kill_broker()
    try:
        yield
    finally:
        stack.start_broker()


@contextmanager
def out_of_memory(stack: TestStack) -> Iterator[None]:
    """The broker believes that its memory is full, and takes nothing from who publishes."""
    stack.broker_ctl("set_vm_memory_high_watermark", "0")
    try:
        yield
    finally:
        stack.broker_ctl("set_vm_memory_high_watermark", "0.6")


@contextmanager
def out_of_disk(stack: TestStack) -> Iterator[None]:
    stack.broker_ctl("set_disk_free_limit", "1000000000000000")
    try:
        yield
    finally:
        stack.broker_ctl("set_disk_free_limit", "50MB")


@contextmanager
def database_away(stack: TestStack) -> Iterator[None]:
    stack.kill_postgres()
    try:
        yield
    finally:
        stack.start_postgres()


@pytest.mark.parametrize("fault", [broker_away, out_of_memory, out_of_disk])
def test_while_the_broker_takes_nothing_everybody_is_answered_in_time_and_all_goes_on_when_it_does_again(
    ground: Ground, scene: Scene, fault: Callable[[TestStack], Iterator[None]]
) -> None:
    with nobody_restarts(ground.system), Watch(scene) as watch:
        with stopped(ground.system, "relay"):
            for _ in range(STANDING):
                scene.apply()
            with fault(ground.stack):
                ground.system.processes["relay"].signal(signal.SIGCONT)
                time.sleep(OUTAGE_SECONDS if fault is broker_away else ALARM_SECONDS)
        back = time.monotonic()
        succeeded = watch.until_all_succeed(back, COMMAND_SECONDS)
    nothing_is_lost(scene)
    tell(fault.__name__, **{"first success": max(succeeded.values()), "at rest": time.monotonic() - back})
    everybody_was_answered(watch)
    assert watch.refused() >= watch.commands(), "the fault was not felt"


def test_without_its_time_limit_the_gateway_keeps_people_waiting(ground: Ground, scene: Scene) -> None:
    """Negative control of "answered within 5 s"."""
    with (
        scene.process("gateway", sabotage.no_time_limit),
        out_of_memory(ground.stack),
        pytest.raises(httpx.ReadTimeout),
    ):
        scene.person.get("/applications", timeout=ANSWER_SECONDS)
    eventually(lambda: scene.person.get("/applications").status_code == 200, "all is well again")


def test_a_database_that_is_away_for_long_is_no_fault_of_any_message(ground: Ground, scene: Scene) -> None:
    before = attempts(ground.system)
    with nobody_restarts(ground.system), Watch(scene) as watch:
        with stopped(ground.system, "approval"):
            for _ in range(STANDING):
                scene.apply()
            eventually(lambda: _all_is_said(scene), "all is said")
            ground.stack.kill_postgres()
        try:
            time.sleep(DATABASE_SECONDS)
        finally:
            ground.stack.start_postgres()
        back = time.monotonic()
        succeeded = watch.until_all_succeed(back, COMMAND_SECONDS)
    nothing_is_lost(scene)
    tell("database away", **{"first success": max(succeeded.values()), "at rest": time.monotonic() - back})
    everybody_was_answered(watch)
    assert watch.refused() >= watch.commands(), "the fault was not felt"
    assert attempts(ground.system) == before


def test_if_it_counted_as_an_attempt_messages_would_go_to_the_dead_letters(
    ground: Ground, scene: Scene
) -> None:
    """Negative control: with two attempts and a second between them."""
    with scene.process("approval", sabotage.away_is_an_attempt, EPASS_ATTEMPTS="2") as approval:
        approval.signal(signal.SIGSTOP)
        scene.apply()
        eventually(lambda: _all_is_said(scene), "it is said")
        with database_away(ground.stack):
            approval.signal(signal.SIGCONT)
            eventually(lambda: approval.metric("epass_dead_lettered_total"), "it is dead")
    all_ready(ground.system)
    eventually(lambda: scene.findings().dead == {DEAD: 1}, "its letter lies there")
    ground.system.epass("administrator", "dead-letters", "replay", "--queue", DEAD.removesuffix(".dead"))
    nothing_is_lost(scene)


def _all_is_said(scene: Scene) -> bool:
    return not scene.count("application", "select count(*) from outbox where sent_at is null")

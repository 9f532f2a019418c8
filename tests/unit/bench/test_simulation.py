"""The simulation against results of queueing theory, and its book-keeping."""

import heapq
import math
import statistics

import pytest

from bench.simulation import Outage, Simulation, Step, by_profile, quantile, steady


def expected_wait_with_fixed_service(rate: float, seconds: float, servers: int) -> float:
    """Return the mean wait of M/D/c by Crommelin's equations.

    Who is in the system a service time from now are those who arrive until then, and those who are here now,
    without the ``servers`` first of them.
    """
    size, load = 400, rate * seconds
    arrive = [math.exp(-load + n * math.log(load) - math.lgamma(n + 1)) for n in range(size)]
    chances = [1.0] + [0.0] * (size - 1)
    for _ in range(2_000):
        left = [sum(chances[: servers + 1]), *chances[servers + 1 :]]
        left += [0.0] * (size - len(left))
        after = [sum(left[k] * arrive[n - k] for k in range(max(0, n - 60), n + 1)) for n in range(120)]
        after += [0.0] * (size - 120)
        if max(abs(new - old) for new, old in zip(after, chances, strict=True)) < 1e-9:
            break
        chances = after
    return sum((n - servers) * chance for n, chance in enumerate(chances) if n > servers) / rate


def simulated_wait(step: Step, rate: float, units: int = 60_000) -> float:
    seen = Simulation([step]).run(steady(rate, units / rate, "only"))
    return statistics.fmean(seen["only"].waits)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_server_with_random_service_waits_as_theory_says(load: float) -> None:
    """M/M/1: the mean wait is the service time × load / (1 − load)."""
    wait = simulated_wait(Step("only", 1.0, 0.0, most=1, random=True), load)
    assert wait == pytest.approx(load / (1 - load), rel=0.08)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.8), (2, 0.8), (4, 0.9)])
def test_servers_with_fixed_service_wait_as_theory_says(servers: int, load: float) -> None:
    wait = simulated_wait(Step("only", 1.0, 0.0, most=1, replicas=servers), load * servers)
    assert wait == pytest.approx(expected_wait_with_fixed_service(load * servers, 1.0, servers), rel=0.08)


def test_the_theory_of_one_server_agrees_with_its_closed_form() -> None:
    """M/D/1: half of what M/M/1 waits."""
    assert expected_wait_with_fixed_service(0.8, 1.0, 1) == pytest.approx(0.8 / 0.2 / 2, rel=1e-3)


def test_processors_that_all_steps_share_are_servers() -> None:
    steps = [Step("only", 1.0, 0.0, most=1, replicas=1000)]
    seen = Simulation(steps, processors=2).run(steady(1.6, 40_000, "only"))
    assert statistics.fmean(seen["only"].waits) == pytest.approx(
        expected_wait_with_fixed_service(1.6, 1.0, 2), rel=0.08
    )


def test_units_that_wait_share_a_batch() -> None:
    """Alone a unit would take 1.1 s, so one server could do 0.9 a second; in batches it does nearly 10."""
    seen = Simulation([Step("only", 1.0, 0.1, most=1000)]).run(steady(5, 2_000, "only"))["only"]
    assert seen.left == seen.arrived
    assert seen.left / seen.batches == pytest.approx(10, rel=0.1)  # n = 5 (1 + n / 10)


CHAIN = (
    Step("first", 0.01, 0.02, then=("second", "third"), poll=0.2),
    Step("second", 0.05, 0.01, replicas=2),
    Step("third", 0.01, 0.001, pause=0.03, random=True, then=("second",)),
)


@pytest.mark.parametrize("until", [5.0, 60.0, float("inf")])
@pytest.mark.parametrize("processors", [None, 1, 2])
def test_what_has_arrived_has_left_or_is_there(until: float, processors: int | None) -> None:
    simulation = Simulation(CHAIN, processors)
    arrivals = list(by_profile([(30, 10), (30, 20)], "first"))
    seen = simulation.run(arrivals, until)
    there = simulation.waiting()
    assert seen["first"].arrived == sum(at <= until for at, _ in arrivals)
    assert seen["second"].arrived == seen["first"].left + seen["third"].left
    assert seen["third"].arrived == seen["first"].left
    assert all(one.arrived == one.left + there[name] for name, one in seen.items())
    assert min(there.values()) >= 0
    if until == float("inf"):
        assert not any(there.values())


def test_nothing_leaves_a_step_that_is_out_and_then_the_backlog_is_worked_off() -> None:
    step = Step("only", 0.0, 0.05, most=1)
    arrivals = list(steady(10, 1_000, "only"))
    seen = Simulation([step]).run(arrivals, outages=[Outage("only", 100, 200)])["only"]
    assert seen.left == len(arrivals)
    assert seen.most_waiting == pytest.approx(1_000, rel=0.1)
    assert seen.empty_at == pytest.approx(300, rel=0.1)  # 1,000 wait; 20 a second leave, 10 a second come
    during = sum(100 <= at < 200 for at, _ in arrivals)
    assert sum(wait > 0.9 * 50 for wait in seen.waits) > during / 3


def test_who_comes_first_gets_the_processor() -> None:
    steps = [Step("gate", 0.0, 0.1, most=1, first=True), Step("other", 0.0, 0.1, most=1, replicas=100)]
    arrivals = heapq.merge(steady(3, 500, "gate", seed=2), steady(6, 500, "other"))
    seen = Simulation(steps, processors=1).run(arrivals)
    assert quantile(seen["gate"].waits, 0.5) < quantile(seen["other"].waits, 0.5) / 3


def test_a_step_that_polls_looks_within_its_pause() -> None:
    seen = Simulation([Step("only", 0.0, 0.001, poll=0.2)]).run(steady(0.5, 4_000, "only"))["only"]
    assert max(seen.waits) <= 0.2
    assert statistics.fmean(seen.waits) == pytest.approx(0.1, rel=0.1)


def test_clients_who_wait_for_their_answers_keep_as_many_units_there_as_they_are() -> None:
    steps = [Step("ask", 0.0, 0.01, most=1, then=("answer",)), Step("answer", 0.0, 0.02, most=1)]
    simulation = Simulation(steps, again=("answer", "ask"))
    seen = simulation.run([(0.0, "ask")] * 5, until=100)
    assert sum(simulation.waiting().values()) == 5
    assert seen["answer"].left == pytest.approx(100 / 0.02, rel=0.01)
    assert quantile(seen["answer"].ages, 0.5) == pytest.approx(5 * 0.02)  # Little's law


@pytest.mark.parametrize(("gathers", "fewest", "most"), [(True, 4, 7), (False, 30, 60)])
def test_a_step_that_gathers_takes_what_comes_during_its_pause_at_once(
    gathers: bool, fewest: int, most: int
) -> None:
    """As the relay does with events that can wait. Another one takes the next as soon as it has done one."""
    step = Step("relay", 0.02, 0.0, poll=0.2, gathers=gathers)
    arrivals = [(number / 100, "relay") for number in range(100)]
    found = Simulation([step]).run(arrivals)["relay"]
    assert found.left == 100
    assert fewest <= found.batches <= most

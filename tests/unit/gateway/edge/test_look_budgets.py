"""The hourly budget of looks: people are counted, a warning comes first, then a refusal; a gate has none."""

import asyncio
from typing import Any

import pytest

from contracts.errors import Unavailable
from contracts.rpc.accounts.look_budgets import DEFAULTS, LookBudget, LookBudgets
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.call import Principal
from contracts.rpc.verify.manifests import MANIFEST
from contracts.rpc.verify.presence import INSIDE
from services.gateway.edge import look_budgets, rate_limits
from services.gateway.edge.look_budgets import LookCounter
from services.gateway.edge.rate_limits import RateLimits
from tests.support.factories.gateway import as_staff, bearer, browser, claims, signed, stubbed
from tests.support.factories.pages import review

REVIEWS = "/api/v1/reviews"


def queue(first: int, people: int = 20) -> ReviewList:
    """Return a page of a list, of people from a number on."""
    return ReviewList(items=tuple(review(reference=f"PCS-0000-{first + n:04}") for n in range(people)))


class Desk:
    """A department whose list shows twenty others with each page."""

    def __init__(self) -> None:
        self.pages = 0

    def __call__(self, asked: Any) -> ReviewList:
        self.pages += 1
        return queue(self.pages * 100)


def budgets(warn: int, refuse: int | None, role: str = "department") -> LookBudgets:
    return LookBudgets(roles={**DEFAULTS, role: LookBudget(warn=warn, refuse=refuse)})


async def looks(times: int, answer: Any, app: Any = None, **given: Any) -> list[int]:
    """Ask for a list so often, and return the statuses."""
    if app is None:
        app, _ = stubbed(approval__list_reviews=answer, **given)
    app.state.gateway.look_budgets.value = budgets(20, 60)
    async with browser(app, **as_staff("department")) as http:
        return [(await http.get(REVIEWS)).status_code for _ in range(times)]


async def test_who_reads_a_list_to_its_end_is_refused_and_told_when_to_come_again() -> None:
    desk = Desk()
    app, _ = stubbed(approval__list_reviews=desk)
    assert await looks(4, desk, app) == [200, 200, 200, 429]
    async with browser(app, **as_staff("department")) as http:
        problem = await http.get(REVIEWS)
    assert problem.json()["code"] == "too_many_attempts"
    assert 3_500 < int(problem.headers["retry-after"]) <= 3_600
    assert desk.pages == 4, "once refused, the service is not asked"


async def test_whoever_is_seen_again_does_not_count_again() -> None:
    assert await looks(40, queue(100)) == [200] * 40


async def test_each_login_has_a_budget_of_its_own() -> None:
    desk = Desk()
    app, _ = stubbed(approval__list_reviews=desk)
    await looks(4, desk, app)
    async with browser(app, **bearer(signed(claims(sub="HOM-0002")))) as http:
        assert (await http.get(REVIEWS)).status_code == 200


async def test_many_calls_at_once_show_no_more_than_one_after_the_other() -> None:
    desk = Desk()
    app, _ = stubbed(approval__list_reviews=desk)
    app.state.gateway.look_budgets.value = budgets(20, 60)
    async with browser(app, **as_staff("department")) as http:
        answers = await asyncio.gather(*(http.get(REVIEWS) for _ in range(30)))
    assert sum(one.status_code == 200 for one in answers) == 3


async def test_after_an_hour_it_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, at = Desk(), [1_000.0]
    app, _ = stubbed(approval__list_reviews=desk)
    for module in (look_budgets, rate_limits):
        monkeypatch.setattr(module, "monotonic", lambda: at[0])
    assert (await looks(4, desk, app))[-1] == 429
    at[0] += 3_601
    assert await looks(1, desk, app) == [200]


async def test_a_higher_number_of_the_ado_branch_lets_a_refused_login_go_on_at_once() -> None:
    desk = Desk()
    app, _ = stubbed(approval__list_reviews=desk)
    assert (await looks(4, desk, app))[-1] == 429
    app.state.gateway.look_budgets.value = budgets(20, 400)
    async with browser(app, **as_staff("department")) as http:
        assert (await http.get(REVIEWS)).status_code == 200


async def test_a_guard_is_never_refused_and_the_list_of_a_gate_device_is_no_look() -> None:
    counter = LookCounter(RateLimits(True), LookBudgets, str)
    guard = Principal(kind="staff", id="SEC-0001", login_id="SEC-0001", role="security")
    names = {str(number) for number in range(5_000)}
    for _ in range(2):
        assert await counter.count(INSIDE, guard, names), "it is warned"
        counter.require(INSIDE, guard)
    device = guard.model_copy(update={"login_id": "SEC-0002", "gate_device": "GAT-0001"})
    assert not await counter.count(MANIFEST, device, names)


async def test_while_accounts_has_not_said_the_budgets_of_the_contract_hold() -> None:
    desk = Desk()
    app, _ = stubbed(approval__list_reviews=desk, accounts__look_budgets=Unavailable())
    async with browser(app, **as_staff("department")) as http:
        statuses = [(await http.get(REVIEWS)).status_code for _ in range(76)]
    assert statuses == [200] * 75 + [429]

"""How many people a login may look at: what its pages say, and the page on which the ADO Branch decides."""

import pytest

from contracts.errors import InvalidInput
from contracts.rpc.accounts.look_budgets import DEFAULTS, LookBudget, LookBudgets
from contracts.rpc.approval.reviews import ReviewList
from tests.support.factories.gateway import browser, claims, signed, staff_claims
from tests.support.factories.pages import review
from tests.support.system.page_reader import stub, visiting

TYPED = {
    f"{role}_{name}": str(number or "")
    for role, one in DEFAULTS.items()
    for name, number in one.model_dump().items()
}


@pytest.mark.parametrize(
    ("language", "warned", "refused"),
    [
        ("en", "more people within this hour", "ask the ADO Branch"),
        ("pa", "ਇਸ ਘੰਟੇ ਵਿੱਚ", "ਏ.ਡੀ.ਓ. ਸ਼ਾਖਾ"),
        ("hi", "इस घंटे में", "ए.डी.ओ. शाखा"),
    ],
)
async def test_a_page_warns_before_it_refuses_and_says_when_and_whom_to_ask(
    language: str, warned: str, refused: str
) -> None:
    pages = iter(range(9))

    def desk(_asked: object) -> ReviewList:
        first = next(pages) * 100
        return ReviewList(items=tuple(review(reference=f"PCS-0000-{first + n:04}") for n in range(30)))

    app, _ = stub(approval__list_reviews=desk)
    app.state.gateway.look_budgets.value = LookBudgets(
        roles={**DEFAULTS, "department": LookBudget(warn=40, refuse=60)}
    )
    async with browser(app) as http:
        http.cookies.set("session", signed(claims()))
        first, second, third = [await http.get(f"/{language}/desk") for _ in range(3)]
    assert [one.status_code for one in (first, second, third)] == [200, 200, 429]
    assert [warned in one.text for one in (first, second)] == [False, True]
    assert refused in third.text
    assert "60" in third.text, "the minutes until the hour is over"


async def test_the_ado_branch_sets_all_roles_with_one_form() -> None:
    async with visiting(
        staff_claims("ado"), accounts__look_budgets=LookBudgets(), accounts__set_look_budgets=LookBudgets()
    ) as ado:
        shown = await ado.open("/desk/look-budgets")
        assert all(f'value="{number}"' in shown.text for number in TYPED.values() if number)
        saved = await ado.send("/desk/look-budgets", **{**TYPED, "ops_warn": "50", "ado_refuse": ""})
        sent = ado.client.last("accounts.set_look_budgets")[1].roles
    assert "It is saved" in saved.text
    assert (sent["ops"].warn, sent["ado"].refuse, sent["security"].refuse) == (50, None, None)


@pytest.mark.parametrize(("field", "typed"), [("ops_warn", "3"), ("ops_refuse", "many"), ("ado_warn", "")])
async def test_a_number_that_is_none_is_said_beside_its_field(field: str, typed: str) -> None:
    async with visiting(staff_claims("ado"), accounts__look_budgets=LookBudgets()) as ado:
        shown = await ado.send("/desk/look-budgets", **{**TYPED, field: typed})
        assert not ado.client.was_asked("accounts.set_look_budgets")
    assert shown.status_code == 422
    whose = {"ops": "Operations", "ado": "ADO Branch"}[field[:3]]
    assert f'href="#{field}">{whose}: Give a number' in shown.text, "all have the same problem"
    assert f'id="{field}-error"' in shown.text


async def test_a_refusal_below_its_warning_is_said_beside_its_field() -> None:
    async with visiting(
        staff_claims("ado"),
        accounts__look_budgets=LookBudgets(),
        accounts__set_look_budgets=InvalidInput.of("ops_refuse", "not_above_warning"),
    ) as ado:
        shown = await ado.send("/desk/look-budgets", **TYPED)
    assert shown.status_code == 422
    assert 'id="ops_refuse-error"' in shown.text

"""Messages as a department sees them before sending."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.rpc.call import Call, Principal
from contracts.rpc.notify import ClosurePreview, RejectionPreview, WithdrawalPreview
from services.chassis.runtime.clock import now
from services.notify.handlers.previews import preview_closure, preview_rejection, preview_withdrawal
from services.notify.models import DepartmentRow

QUESTION = RejectionPreview(
    reference="PCS-7K3M-9QW4", department="home", language="pa", deliver_by="sms", reason="duplicate"
)

HOME = DepartmentRow(code="home", name={"pa": "ਗ੍ਰਹਿ ਮਾਮਲੇ ਅਤੇ ਨਿਆਂ ਵਿਭਾਗ", "hi": "गृह मामले एवं न्याय विभाग"})
NAMED = cast("Session", SimpleNamespace(get=lambda _row, code: {"home": HOME}.get(code)))
"""A session whose only row is the name of a department."""


def call(role: str) -> Call:
    principal = Principal.model_validate({"kind": "staff", "id": "X-1", "login_id": "X-1", "role": role})
    return Call(principal=principal, deadline=now() + timedelta(seconds=3))


def test_a_department_sees_the_message_in_the_applicants_language() -> None:
    text = preview_rejection(QUESTION, call("department"), NAMED, "https://epass.example").text
    assert "PCS-7K3M-9QW4" in text
    assert "ਮਨਜ਼ੂਰ ਨਹੀਂ" in text
    assert "(ਗ੍ਰਹਿ ਮਾਮਲੇ ਅਤੇ ਨਿਆਂ)" in text
    undecided = QUESTION.model_copy(update={"reason": None})
    open_text = preview_rejection(undecided, call("department"), NAMED, "https://epass.example").text
    assert "ਕਾਰਨ: … " in open_text
    assert "ਕਾਰਨ: … " not in text


@pytest.mark.parametrize("role", ["reception", "security", "auditor"])
def test_nobody_but_a_department_sees_the_message_about_a_rejection(role: str) -> None:
    with pytest.raises(Forbidden):
        preview_rejection(QUESTION, call(role), NAMED, "https://epass.example")


def test_a_department_sees_the_message_about_a_withdrawal() -> None:
    question = WithdrawalPreview(**QUESTION.model_dump() | {"note": "Come next week"})
    text = preview_withdrawal(question, call("department"), "https://epass.example").text
    assert "PCS-7K3M-9QW4" in text
    assert "Come next week" not in text, "its own words are on the page"
    with pytest.raises(Forbidden):
        preview_withdrawal(question, call("reception"), "https://epass.example")


CLOSURE = ClosurePreview(
    department="home", language="hi", day=date(2026, 12, 1), reason="officer_away", note="मंत्री जी के साथ बैठक"
)


@pytest.mark.parametrize("role", ["department", "ado"])
def test_whoever_closes_a_day_sees_the_message(role: str) -> None:
    text = preview_closure(CLOSURE, call(role), NAMED, "https://epass.example").text
    assert "01-12-2026" in text
    assert "(गृह मामले एवं न्याय)" in text
    assert "मंत्री जी के साथ बैठक" not in text, "their own words are on the page"


def test_nobody_else_sees_the_message_about_a_closed_day() -> None:
    with pytest.raises(Forbidden):
        preview_closure(CLOSURE, call("auditor"), NAMED, "https://epass.example")

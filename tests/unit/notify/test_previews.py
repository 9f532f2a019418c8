"""Messages as a department sees them before sending."""

from datetime import date, timedelta

import pytest

from contracts.errors import Forbidden
from contracts.rpc.call import Call, Principal
from contracts.rpc.notify import ClosurePreview, RejectionPreview
from services.chassis.runtime.clock import now
from services.notify.handlers.previews import preview_closure, preview_rejection

QUESTION = RejectionPreview(
    reference="PCS-7K3M-9QW4", department="home", language="pa", deliver_by="sms", reason="duplicate"
)


def call(role: str) -> Call:
    principal = Principal.model_validate({"kind": "staff", "id": "X-1", "login_id": "X-1", "role": role})
    return Call(principal=principal, deadline=now() + timedelta(seconds=3))


def test_a_department_sees_the_message_in_the_applicants_language() -> None:
    text = preview_rejection(QUESTION, call("department"), "https://epass.example").text
    assert "PCS-7K3M-9QW4" in text
    assert "ਮਨਜ਼ੂਰ ਨਹੀਂ" in text


@pytest.mark.parametrize("role", ["reception", "security", "auditor"])
def test_nobody_else_does(role: str) -> None:
    with pytest.raises(Forbidden):
        preview_rejection(QUESTION, call(role), "https://epass.example")


CLOSURE = ClosurePreview(
    department="home", language="hi", day=date(2026, 12, 1), reason="officer_away", note="मंत्री जी के साथ बैठक"
)


@pytest.mark.parametrize("role", ["department", "ado"])
def test_whoever_closes_a_day_sees_the_message_with_their_words(role: str) -> None:
    text = preview_closure(CLOSURE, call(role), "https://epass.example").text
    assert "01-12-2026" in text
    assert "मंत्री जी के साथ बैठक" in text


def test_nobody_else_sees_the_message_about_a_closed_day() -> None:
    with pytest.raises(Forbidden):
        preview_closure(CLOSURE, call("auditor"), "https://epass.example")

"""The message about a rejection as a department sees it before sending."""

from datetime import timedelta

import pytest

from contracts.errors import Forbidden
from contracts.rpc.call import Call, Principal
from contracts.rpc.notify import RejectionPreview
from services.chassis.runtime.clock import now
from services.notify.handlers.previews import preview_rejection

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

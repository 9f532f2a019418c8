"""Which one-time code is accepted, and why another is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import NotAuthenticated
from services.accounts.domain.codes import SentCode, accept_code

AT = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


def test_the_right_code_in_time_is_accepted() -> None:
    accept_code(SentCode(used=False, tries=4, expires_at=AT + timedelta(seconds=1)), matches=True, now=AT)


@pytest.mark.parametrize("matches", [True, False])
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (SentCode(used=True, tries=0, expires_at=AT + timedelta(minutes=5)), "code_used"),
        (SentCode(used=False, tries=0, expires_at=AT), "code_expired"),
        (SentCode(used=False, tries=5, expires_at=AT + timedelta(minutes=5)), "too_many_tries"),
    ],
)
def test_a_used_expired_or_tried_out_code_is_refused_alike_whether_right_or_wrong(
    sent, code, matches
) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        accept_code(sent, matches=matches, now=AT)
    assert refused.value.body.code == code
    assert refused.value.body.facts == {}


@pytest.mark.parametrize(("tries", "left"), [(0, 4), (3, 1), (4, 0)])
def test_a_wrong_code_is_refused_with_the_tries_that_are_left(tries, left) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        accept_code(
            SentCode(used=False, tries=tries, expires_at=AT + timedelta(minutes=5)), matches=False, now=AT
        )
    assert refused.value.body.code == "wrong_code"
    assert refused.value.body.facts == {"tries_left": left}

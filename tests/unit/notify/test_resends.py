"""Who may have a pass sent again, and how often."""

from datetime import timedelta

import pytest

from contracts.errors import TooManyAttempts
from contracts.rpc.call import Principal
from services.chassis.runtime.clock import now
from services.notify.domain.resends import check_limit
from services.notify.handlers.resends import may_resend
from tests.support.factories.notify import APPLICANT, DEPARTMENT, MOBILE, OTHER_MOBILE, RECEPTION


def test_only_the_applicant_and_reception_may_resend_a_pass() -> None:
    assert may_resend(APPLICANT, [None, MOBILE])
    assert may_resend(RECEPTION, [])
    assert not may_resend(APPLICANT, [OTHER_MOBILE])
    assert not may_resend(DEPARTMENT, [MOBILE])
    assert not may_resend(Principal(), [None])
    assert not may_resend(Principal(kind="applicant"), [None])


def test_the_fourth_resend_in_ten_minutes_is_refused_with_the_seconds_to_wait() -> None:
    at = now()
    earlier = [at - timedelta(minutes=minutes) for minutes in (9, 5, 1)]
    with pytest.raises(TooManyAttempts) as refused:
        check_limit(earlier, at)
    assert refused.value.body.facts["retry_after"] == 60
    check_limit([at - timedelta(minutes=minutes) for minutes in (10, 5, 1)], at)

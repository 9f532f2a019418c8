"""Which commands ask for the second factor of just now (`Method.fresh`), and why the others do not."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import rpc
from contracts.errors import Forbidden
from contracts.rpc.call import Method, Principal
from contracts.rpc.imports import CsvFile
from contracts.second_factor import require_fresh
from services.gateway.access.callers import ACCESS

HARMLESS = {
    "accounts.change_password": "it asks for the password",
    "accounts.confirm_factor": "it is the showing of the factor",
    "accounts.end_own_sessions": "who is warned must not look for their phone first",
    "accounts.log_out": "leaving",
    "accounts.renew_recovery_codes": "it asks for a code of its own, within a minute",
    "accounts.send_login_file": "a draft: applying it asks",
    "accounts.start_enrolment": "it asks for the password, or for a code of its own",
    "approval.send_directory_file": "a draft: applying it asks",
    "approval.settle_match": "one visitor, and the work of each day",
    "approval.settle_standing": "one visitor, after their department; a suspension must not wait",
}
"""What the ADO Branch may do without a factor of just now, with the reason."""


def of_the_ado_branch() -> set[str]:
    """Return the commands that a login of the ADO Branch can give, by page or by the JSON interface."""
    by_page = {
        name
        for line in Path("docs/pages.md").read_text().splitlines()
        if len(cells := line.split(" | ")) == 5 and "ado" in cells[1].split(", ")
        for name in re.findall(r"\*\*`([\w.]+)`\*\*", cells[4])
    }
    by_call = {
        f"{one.service}.{one.name}"
        for one in rpc.METHODS
        if one.command
        and one.http
        and one.http.callers != "anyone"
        and "ado" in ACCESS[one.http.callers].roles
    }
    return by_page | by_call


def name_of(method: Method) -> str:
    return f"{method.service}.{method.name}"


def test_each_command_of_the_ado_branch_asks_for_the_factor_again_or_says_why_not() -> None:
    fresh = {name_of(one) for one in rpc.METHODS if one.fresh}
    commands = of_the_ado_branch()
    assert len(commands) > 25
    assert commands - fresh == HARMLESS.keys()


def test_who_lets_another_login_decide_shows_the_factor_again() -> None:
    """Else an assistant at an officer's open desk gives themselves a year of approvals in that name."""
    assert rpc.approval.decisions.DELEGATE.fresh


def test_each_file_of_people_or_of_the_directory_asks_for_the_factor_again() -> None:
    files = [one for one in rpc.METHODS if one.reply is CsvFile]
    assert len(files) > 1
    assert [name_of(one) for one in files if not one.fresh] == []


def test_a_factor_counts_for_five_minutes_and_who_needs_none_goes_on() -> None:
    now = datetime(2026, 12, 1, 6, tzinfo=UTC)

    def principal(ago: timedelta) -> Principal:
        return Principal(kind="staff", role="ado", factor_at=int((now - ago).timestamp()))

    require_fresh(Principal(kind="staff", role="ado"), now)
    require_fresh(principal(timedelta(minutes=4, seconds=59)), now)
    for ago in (timedelta(minutes=5), timedelta(minutes=-1)):
        with pytest.raises(Forbidden) as refused:
            require_fresh(principal(ago), now)
        assert refused.value.body.code == "second_factor_stale"

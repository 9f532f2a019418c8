"""The names and colours of values on pages."""

from typing import get_args

from contracts.model import ApplicationStatus, EntryState, LoginState, MatchSettlement
from services.gateway.pages.shared.render import tag
from services.gateway.pages.shared.vocabulary import (
    ENTRY_STATES,
    LOGIN_STATES,
    REVIEWS,
    SETTLEMENTS,
    STATUSES,
    TAGS,
)


def test_every_state_has_a_name_and_a_colour() -> None:
    assert set(STATUSES) == {"date_needed", "day_reopened", *get_args(ApplicationStatus)}
    assert set(LOGIN_STATES) == set(get_args(LoginState))
    assert set(ENTRY_STATES) == set(get_args(EntryState))
    assert set(SETTLEMENTS) == {"open", *get_args(MatchSettlement)}
    named = (STATUSES, REVIEWS, LOGIN_STATES, ENTRY_STATES, SETTLEMENTS)
    assert set(TAGS) == {state for states in named for state in states}


def test_what_is_refused_and_what_is_granted_differ_in_colour() -> None:
    assert len({TAGS[state] for state in ("submitted", "approved", "issued", "rejected", "returned")}) == 5


def test_a_tag_shows_its_name_as_text() -> None:
    assert tag("issued", "<b>") == '<strong class="govuk-tag govuk-tag--green">&lt;b&gt;</strong>'

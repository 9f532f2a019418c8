"""The settings of accounts: countries that exist."""

import pytest

from services.accounts.settings import AccountsSettings
from tests.support.factories.accounts import SETTINGS


@pytest.mark.parametrize("codes", [("0",), ("91", "999"), ("+91",), ("IN",)])
def test_a_country_code_that_is_none_is_refused(codes: tuple[str, ...]) -> None:
    settings = SETTINGS.model_copy(update={"code_countries": codes})
    assert [name for name, _ in settings.conflicts()] == ["code_countries"]


def test_by_default_codes_go_to_indian_numbers_only() -> None:
    assert AccountsSettings.model_fields["code_countries"].default == ("91",)
    assert [*SETTINGS.conflicts()] == []

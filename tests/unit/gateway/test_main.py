"""The start of the gateway's process."""

import pytest

from services.chassis.runtime.settings import WrongSettings
from services.gateway.main import main
from tests.support.settings import REQUIRED

NEEDED = ("broker_urls", "idempotency_secret", "answers_keys")


@pytest.mark.parametrize("missing", NEEDED)
def test_a_gateway_without_a_setting_that_it_needs_does_not_start_and_names_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDED:
        value = REQUIRED[name]
        monkeypatch.setenv(f"EPASS_{name.upper()}", ",".join(value) if isinstance(value, tuple) else value)
    monkeypatch.delenv(f"EPASS_{missing.upper()}")
    with pytest.raises(WrongSettings, match=f"EPASS_{missing.upper()} is missing"):
        main()

"""What is said about a breach, by its name."""

import pytest

from contracts.errors import NotFound
from contracts.rpc.breaches import BreachName
from services.application.handlers.breaches import view


@pytest.mark.parametrize("typed", ["\x00", "2026-1\x00", "a", "../2026-1", "2026-1-" * 6])
def test_what_is_no_name_reaches_no_database(typed: str) -> None:
    with pytest.raises(NotFound):
        view(BreachName(name=typed[:40]), None)  # type: ignore[arg-type]  # there is none

"""What the smoke journey of `make run` prints."""

import pytest

from deploy.local.smoke_journey import print_code


def test_the_code_of_a_pass_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_code(f"http://127.0.0.1:65535/p/{'W' * 22}")
    lines = capsys.readouterr().out.splitlines()
    assert 10 < len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_control_the_code_of_a_token_would_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    print_code("e" * 379)
    assert len(capsys.readouterr().out.splitlines()) > 24

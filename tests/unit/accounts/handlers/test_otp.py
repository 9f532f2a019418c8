"""One-time codes are random."""

import re

from services.accounts.handlers import otp


def test_a_new_code_is_any_six_digits() -> None:
    made = [otp.new_code() for _ in range(2000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in made)
    assert len(set(made)) > 1900
    assert {code[0] for code in made} == set("0123456789")

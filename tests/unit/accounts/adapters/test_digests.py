"""What the digests of codes and mobiles recognise, and what they hide."""

import re
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.accounts.adapters.digests import code_digest, is_code, mobile_digest

SECRET = SecretStr("test-otp")


def test_the_digest_of_a_code_is_bound_to_its_id_and_hides_the_code() -> None:
    one, other = uuid4(), uuid4()
    assert code_digest(one, "123456", SECRET) != code_digest(other, "123456", SECRET)
    assert "123456" not in code_digest(one, "123456", SECRET)
    assert is_code(code_digest(one, "123456", SECRET), one, "123456", SECRET)
    assert not is_code(code_digest(one, "123456", SECRET), other, "123456", SECRET)


@pytest.mark.parametrize("typed", ["123 456", "123-456", " 123456 ", "੧੨੩੪੫੬", "१२३४५६"])
def test_a_code_may_be_typed_in_any_script_and_with_blanks_or_hyphens(typed) -> None:
    one = uuid4()
    assert is_code(code_digest(one, "123456", SECRET), one, typed, SECRET)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "123457", "one two three", "१२३४५७"])
def test_another_code_is_not_accepted(typed) -> None:
    one = uuid4()
    assert not is_code(code_digest(one, "123456", SECRET), one, typed, SECRET)


def test_the_digest_of_a_mobile_is_stable_and_hides_the_number() -> None:
    digest = mobile_digest("+919876543210", SECRET)
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    assert digest == mobile_digest("+919876543210", SECRET)
    assert digest != mobile_digest("+919876543211", SECRET)

"""Passwords and codes: how they are kept, and which are good enough."""

import re
from uuid import UUID, uuid4

import pytest

from contracts.errors import InvalidInput
from services.accounts import sealing
from services.accounts.adapters import codes, passwords

SEED = UUID("6f1f7c52-8d7b-4a83-9d6e-7f6a2f1f0c11")


def test_hashes_are_argon2id_with_19_mib_two_passes_and_one_lane() -> None:
    assert passwords.hashed("correct horse battery").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_matches_its_hash_and_no_other_does() -> None:
    stored = passwords.hashed("correct horse battery")
    assert passwords.matches(stored, "correct horse battery")
    assert not passwords.matches(stored, "correct horse battery ")
    assert not passwords.matches(stored, "")
    assert not passwords.matches("no hash at all", "correct horse battery")


def test_keyboards_that_compose_signs_differently_type_the_same_password() -> None:
    assert passwords.matches(passwords.hashed("caf\u00e9 in Chandigarh"), "cafe\u0301 in Chandigarh")


def test_a_login_that_does_not_exist_costs_the_work_of_one_that_does() -> None:
    assert not passwords.HASHER.check_needs_rehash(passwords.NOBODY), "another hash would take another time"
    assert not passwords.matches(passwords.NOBODY, "")


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("short-one", "too_short"),
        ("elevenchars", "too_short"),
        ("correct horse battery", "same_as_current"),
        ("my HOM-0007 password", "contains_login_id"),
        ("my hom0007 password", "contains_login_id"),
        ("my hom 0007 password", "contains_login_id"),
        ("Password1234", "too_common"),
        ("PASS-WORD-1234", "too_common"),
        ("P@ssw0rd1234", "too_common"),
        ("punjab@12345", "too_common"),
        ("aaaaaaaaaaaaaaa", "too_common"),
        ("abababababababab", "too_common"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(new, code) -> None:
    with pytest.raises(InvalidInput) as refused:
        passwords.check_new(new, current="correct horse battery", login_id="HOM-0007")
    assert [(error.field, error.code) for error in refused.value.body.fields] == [("new", code)]
    assert new not in str(refused.value)


@pytest.mark.parametrize(
    "new", ["twelve chars", "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਜੀ", "k7fm-w3pa-xq9t", "x" * 100 + "yzabc" * 20]
)
def test_a_long_password_of_any_script_is_accepted(new) -> None:
    passwords.check_new(new, current="correct horse battery", login_id="HOM-0007")


def test_an_initial_password_can_be_read_off_paper_and_passes_for_a_password() -> None:
    for _ in range(200):
        initial = passwords.initial_password(uuid4())
        assert re.fullmatch(r"(?:[a-hjkmnp-z2-9]{4}-){2}[a-hjkmnp-z2-9]{4}", initial), initial
        assert len(initial) == 14


def test_an_initial_password_comes_from_its_seed_alone() -> None:
    assert passwords.initial_password(SEED) == passwords.initial_password(SEED)
    assert len({passwords.initial_password(uuid4()) for _ in range(500)}) == 500


def test_codes_are_six_digits_and_all_over_the_range() -> None:
    made = [codes.new_code() for _ in range(2000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in made)
    assert len(set(made)) > 1900
    assert {code[0] for code in made} == set("0123456789")


def test_what_is_kept_of_a_code_is_bound_to_it_and_does_not_tell_it() -> None:
    one, other = uuid4(), uuid4()
    assert codes.code_digest(one, "123456") != codes.code_digest(other, "123456")
    assert "123456" not in codes.code_digest(one, "123456")
    assert codes.is_code(codes.code_digest(one, "123456"), one, "123456")
    assert not codes.is_code(codes.code_digest(one, "123456"), other, "123456")


@pytest.mark.parametrize("typed", ["123 456", "123-456", " 123456 ", "੧੨੩੪੫੬", "१२३४५६"])
def test_a_code_is_read_however_it_is_typed(typed) -> None:
    one = uuid4()
    assert codes.is_code(codes.code_digest(one, "123456"), one, typed)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "123457", "one two three", "१२३४५७"])
def test_what_is_not_the_code_is_not_read_as_it(typed) -> None:
    one = uuid4()
    assert not codes.is_code(codes.code_digest(one, "123456"), one, typed)


def test_a_number_is_known_by_a_digest_that_does_not_tell_it() -> None:
    digest = codes.mobile_digest("+919876543210")
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    assert digest == codes.mobile_digest("+919876543210")
    assert digest != codes.mobile_digest("+919876543211")


def test_what_is_sealed_cannot_be_read_without_the_key() -> None:
    assert sealing.unseal(sealing.seal(b"+919876543210")) == b"+919876543210"
    assert "9876543210" not in sealing.seal(b"+919876543210")

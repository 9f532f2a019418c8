"""Which passwords a person may choose."""

import pytest

from contracts.errors import InvalidInput
from services.accounts.domain.passwords import check_new


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
        ("Punjab@Secretariat1", "too_common"),
        ("dragon-monkey 2026", "too_common"),
        ("iloveyou12345", "too_common"),
        ("Dr@gonm0nkey1", "too_common"),
        ("contortionist", "too_common"),
        ("kaur1kaur1kaur1", "too_common"),
        ("aaaaaaaaaaaaaaa", "too_common"),
        ("abababababababab", "too_common"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(new, code) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_new(new, current="correct horse battery", login_id="HOM-0007")
    assert [(error.field, error.code) for error in refused.value.body.fields] == [("new", code)]
    assert new not in str(refused.value)


@pytest.mark.parametrize(
    "new",
    [
        "twelve chars",
        "correct horse staple",
        "dragon of my monkey",
        "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਜੀ",
        "k7fm-w3pa-xq9t",
        "x" * 100 + "yzabc" * 20,
    ],
)
def test_a_long_password_of_any_script_is_accepted(new) -> None:
    check_new(new, current="correct horse battery", login_id="HOM-0007")
